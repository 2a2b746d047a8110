/** The nodes of the site: everybody signed in sees them, administrators drain and resume them. */
import type { Person } from '../../contracts/auth.js';
import { closureSetting } from '../../contracts/closures.js';
import { ServiceError } from '../../contracts/errors.js';
import type { AgentName, Drain } from '../../core/closure.js';
import { agentToWire, readDrain, readExecutor } from '../agent-document.js';
import { type Agents, agentsOf } from '../agents.js';
import { audited } from '../audit.js';
import { readJson, readObject } from '../body.js';
import type { RouteContext } from '../context.js';
import type { Routes } from '../routes.js';

export function nodeRoutes(routes: Routes): void {
  const { deps, router, signedIn } = routes;

  router.get('/nodes', async (context) => {
    const { isAdmin } = await signedIn(context);
    const { views } = await agentsOf(deps.store, deps.clock.now());
    context.body = views.map((view) => agentToWire(view, { isAdmin }));
  });

  // Both are the same when said twice.
  router.post('/nodes/:name/drain', (context) => drain(context, routes));
  router.put('/nodes/:name/drain', (context) => drain(context, routes));
  router.post('/nodes/:name/resume', (context) => resume(context, routes));
  router.put('/nodes/:name/resume', (context) => resume(context, routes));
}

async function drain(context: RouteContext, { deps, signedIn }: Routes): Promise<void> {
  const { store, clock, log, notices } = deps;
  const person = mustBeAdmin(await signedIn(context));
  const at = clock.now();
  const { executor, ...asked } = readDrain(await readObject(context.req), at);
  const name = agentNamed(context.params.name, executor, await agentsOf(store, at));
  const order: Drain = { kind: 'drained', ...name, ...asked, by: person.id, at };
  const subject = { kind: 'node', id: name.host } as const;
  const facts = { executor: name.executor, ...asked };
  await audited({ context, deps }, { act: 'node.drain', subject, facts }, () =>
    store.putSetting(closureSetting('drained', name), JSON.stringify(order)),
  );
  notices.agentsChanged();
  log.info('audit: node drained', { ...name, ...asked, by: person.id });
  await answer(context, deps, name, 'Node takes no new jobs');
}

async function resume(context: RouteContext, { deps, signedIn }: Routes): Promise<void> {
  const { store, clock, log, notices } = deps;
  const person = mustBeAdmin(await signedIn(context));
  const body = await readJson(context.req);
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  if (body !== undefined && !isObject)
    throw new ServiceError('bad-request', 'the body must be a JSON object');
  const executor = readExecutor(isObject ? Object.fromEntries(Object.entries(body)) : {});
  const name = agentNamed(context.params.name, executor, await agentsOf(store, clock.now()));
  const subject = { kind: 'node', id: name.host } as const;
  const act = { act: 'node.resume', subject, facts: { executor: name.executor } } as const;
  await audited({ context, deps }, act, async () => {
    await store.dropSetting(closureSetting('drained', name));
    await store.dropSetting(closureSetting('set-aside', name));
  });
  notices.agentsChanged();
  log.info('audit: node resumed', { ...name, by: person.id });
  await answer(context, deps, name, 'Node takes new jobs');
}

async function answer(
  context: RouteContext,
  { store, clock }: Routes['deps'],
  { executor, host }: AgentName,
  msg: string,
): Promise<void> {
  const { views } = await agentsOf(store, clock.now());
  const view = views.find((one) => one.executor === executor && one.host === host);
  context.body = {
    msg,
    ...(view === undefined ? {} : { node: agentToWire(view, { isAdmin: true }) }),
  };
}

const NAME_CHARS_MAX = 255;

/**
 * The agent that is meant. One that its cluster does not know is refused, if clusters have told at all.
 * @throws ServiceError naming the field
 */
function agentNamed(
  host: string | undefined,
  executor: string | null,
  { views, isTold }: Agents,
): AgentName {
  if (host === undefined || host.length > NAME_CHARS_MAX || !/^[\w.:-]+$/.test(host))
    throw new ServiceError('bad-path', 'that is no name of a node', { field: 'name' });
  const found = views.filter(
    (view) => view.host === host && (executor === null || view.executor === executor),
  );
  const [first, second] = found;
  if (first !== undefined && second !== undefined)
    throw new ServiceError(
      'bad-field',
      `several executors have a node ${host}: say which (${found.map((one) => one.executor).join(', ')})`,
      { field: 'executor' },
    );
  if (first !== undefined) return { executor: first.executor, host };
  if (isTold) throw new ServiceError('node-not-found', `no node ${host}`, { field: 'name' });
  if (executor === null)
    throw new ServiceError(
      'bad-field',
      `the nodes are not known yet: say the executor of ${host}`,
      { field: 'executor' },
    );
  return { executor, host };
}

function mustBeAdmin(person: Person): Person {
  if (!person.isAdmin)
    throw new ServiceError('forbidden', 'only administrators drain and resume nodes');
  return person;
}
