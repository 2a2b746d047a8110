/** The REST API as a Koa application: no port is opened here. */
import Router from '@koa/router';
import Koa from 'koa';
import { ServiceError } from '../contracts/errors.js';
import type { AnswerDeps } from './answering.js';
import { refusalsTold } from './audit.js';
import { callerOf } from './caller.js';
import { conditional } from './conditional.js';
import type { Context, Handler, State } from './context.js';
import { crossOrigin } from './cross-origin.js';
import { ROUTES } from './declared.js';
import type { ApiDeps } from './deps.js';
import { failures } from './failures.js';
import { LoginLimits } from './login-limits.js';
import { measure } from './measure.js';
import { pages } from './pages.js';
import { cleanPath, securityHeaders } from './request.js';
import { requestIds } from './request-id.js';
import type { Route } from './route.js';
import type { Tokens } from './tokens.js';
import { tokensFor } from './tokens-for.js';

export type { ApiDeps } from './deps.js';

/** `declared`: the routes that are served; tests bring their own. */
export function createApi(deps: ApiDeps, declared: readonly Route[] = ROUTES): Koa<State> {
  const { config, log } = deps;
  const app = new Koa<State>();
  app.proxy = config.web.isBehindProxy;
  // The last address is the one that our proxy saw; those before it are the client's to invent.
  app.maxIpsCount = 1;
  // Failures are answered by our own middleware; what is left are broken connections.
  app.on('error', (error) => log.debug('connection ended early', { error }));

  const router = new Router<State>();
  const tokens = tokensFor(deps);
  const logins = new LoginLimits(config.accounts.loginRules, deps.clock);
  const ports: AnswerDeps = { deps, tokens, logins, signedIn: asker(deps, tokens) };
  for (const { methods, path, answer } of declared)
    for (const method of methods)
      router.register(path, method === 'GET' ? ['HEAD', 'GET'] : [method], (context) =>
        answer(context, ports),
      );

  app.use(requestIds(deps));
  app.use(measure(deps));
  app.use(securityHeaders(config));
  app.use(failures({ ...deps, incident: () => Buffer.from(deps.randomBytes(6)).toString('hex') }));
  app.use(refusalsTold(deps));
  app.use(cleanPath(config.web.prefix));
  app.use(crossOrigin(config.web.corsOrigins));
  app.use(conditional());
  if (deps.pages !== null) app.use(pages(deps.pages, config.web.prefix));
  app.use(fixedPaths(declared));
  app.use(router.routes());
  app.use((context) => refuseUnknown(context, router));
  return app;
}

/** Who asks: each request is signed in at most once. */
const asker =
  ({ auth, events }: ApiDeps, tokens: Tokens): AnswerDeps['signedIn'] =>
  async (context) => {
    const { state } = context;
    state.caller ??= await callerOf({ auth, events, tokens }, context);
    return state.caller.person;
  };

/** A path of fixed words is no id to other routes: `DELETE /task/active` kills no job "active". */
function fixedPaths(declared: readonly Route[]): Handler {
  const taken = new Map<string, Set<string>>();
  for (const { path, methods } of declared) {
    if (/[:*]/.test(path)) continue;
    const all = taken.get(path) ?? new Set();
    taken.set(path, all);
    for (const method of methods) all.add(method);
    if (all.has('GET')) all.add('HEAD');
  }
  return (context, next) => {
    const methods = taken.get(context.path);
    if (methods === undefined || methods.has(context.method)) return next();
    return refuseMethod(context, methods);
  };
}

function refuseUnknown(context: Context, router: Router<State>): never {
  const matched = router.match(context.path, context.method).path;
  const methods = new Set(matched.flatMap((layer) => layer.methods));
  if (methods.size > 0) refuseMethod(context, methods);
  throw new ServiceError('route-not-found', `there is nothing at ${context.path.slice(0, 200)}`);
}

function refuseMethod(context: Context, methods: ReadonlySet<string>): never {
  context.set('Allow', [...methods].sort().join(', '));
  throw new ServiceError('method-not-allowed', `${context.path} does not take ${context.method}`);
}
