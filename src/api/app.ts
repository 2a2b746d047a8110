/** The REST API as a Koa application: no port is opened here. */
import Router from '@koa/router';
import Koa from 'koa';
import { ServiceError } from '../contracts/errors.js';
import type { Job } from '../core/job.js';
import { type Caller, callerOf } from './caller.js';
import { type Context, readJobId, type State } from './context.js';
import { ROUTES } from './declared.js';
import type { ApiDeps } from './deps.js';
import { failures } from './failures.js';
import { measure } from './measure.js';
import { pages } from './pages.js';
import { cleanPath, securityHeaders } from './request.js';
import { requestIds } from './request-id.js';
import { API_PREFIX, type Route } from './route.js';
import { accountingRoutes } from './routes/accounting.js';
import { fileRoutes } from './routes/files.js';
import { healthRoutes } from './routes/health.js';
import { holdRoutes } from './routes/holds.js';
import { keyRoutes } from './routes/keys.js';
import { listRoutes } from './routes/lists.js';
import { nodeRoutes } from './routes/nodes.js';
import { projectRoutes } from './routes/projects.js';
import { sessionRoutes } from './routes/sessions.js';
import { shareRoutes } from './routes/shares.js';
import { siteRoutes } from './routes/site.js';
import { traceRoutes } from './routes/trace.js';
import { whyRoutes } from './routes/why.js';
import type { Routes } from './routes.js';
import { tokensFor } from './tokens-for.js';

export type { ApiDeps } from './deps.js';

/** `declared`: the routes that are served; tests bring their own. */
export function createApi(deps: ApiDeps, declared: readonly Route[] = ROUTES): Koa<State> {
  const { config, log } = deps;
  const app = new Koa<State>();
  app.proxy = config.web.isBehindProxy;
  // Failures are answered by our own middleware; what is left are broken connections.
  app.on('error', (error) => log.debug('connection ended early', { error }));

  const router = new Router<State>({ prefix: '/api/1.0' });
  const { tokens, revocations } = tokensFor(deps);
  const routes: Routes = { deps, router, tokens, revocations, ...askers(deps, tokens) };
  sessionRoutes(routes);
  keyRoutes(routes);
  siteRoutes(routes);
  nodeRoutes(routes);
  projectRoutes(routes);
  shareRoutes(routes);
  // Before `/task/:id`, which would take their words for ids.
  listRoutes(routes);
  accountingRoutes(routes);
  traceRoutes(routes);
  holdRoutes(routes);
  whyRoutes(routes);
  fileRoutes(routes);
  const health = healthRoutes(deps);
  register(declared, routes);

  app.use(requestIds(deps));
  app.use(measure(deps));
  app.use(securityHeaders(config));
  app.use(failures({ ...deps, incident: () => Buffer.from(deps.randomBytes(6)).toString('hex') }));
  app.use(cleanPath(config.web.prefix));
  if (deps.pages !== null) app.use(pages(deps.pages, config.web.prefix));
  app.use(health.routes());
  app.use(router.routes());
  app.use((context) => refuseUnknown(context, router, health));
  return app;
}

/** Routes exist only as declarations. */
function register(all: readonly Route[], routes: Routes): void {
  for (const { methods, path, answer } of all)
    for (const method of methods)
      routes.router.register(path.slice(API_PREFIX.length), [method], (context) =>
        answer(context, routes),
      );
}

/** Each request is signed in at most once. */
function askers(
  { store, auth, events }: ApiDeps,
  tokens: Routes['tokens'],
): Pick<Routes, 'signedIn' | 'jobOf'> {
  const known = new WeakMap<object, Caller>();
  async function signedIn(context: Context): Promise<Caller> {
    const caller = known.get(context.req) ?? (await callerOf({ auth, events, tokens }, context));
    known.set(context.req, caller);
    return caller;
  }
  async function jobOf(context: Context, text: string | undefined): Promise<Job> {
    const asker = await signedIn(context);
    const id = readJobId(text);
    const job = await store.job(id);
    if (job === undefined || (job.owner !== asker.id && !asker.isAdmin))
      throw new ServiceError('job-not-found', `no job ${id}`, { field: 'id' });
    return job;
  }
  return { signedIn, jobOf };
}

function refuseUnknown(context: Context, ...routers: readonly Router<State>[]): never {
  const methods = new Set(
    routers
      .flatMap((router) => router.match(context.path, context.method).path)
      .flatMap((layer) => layer.methods),
  );
  if (methods.size > 0) {
    context.set('Allow', [...methods].sort().join(', '));
    throw new ServiceError('method-not-allowed', `${context.path} does not take ${context.method}`);
  }
  throw new ServiceError('route-not-found', `there is nothing at ${context.path.slice(0, 200)}`);
}
