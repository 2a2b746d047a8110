/** The nodes of the site: everybody signed in sees them, administrators drain and resume them. */
import { z } from 'zod';
import { closureSetting } from '../../contracts/closures.js';
import { ServiceError } from '../../contracts/errors.js';
import type { AgentName, Drain } from '../../core/closure.js';
import { agentToWire } from '../agent-document.js';
import { type Agents, agentsOf } from '../agents.js';
import { audited } from '../audit.js';
import type { ApiDeps } from '../deps.js';
import { section } from '../fields.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { DRAIN, drainAsked, EXECUTOR, NODE, told } from '../schemas/node.js';

const NAME = { name: z.string().describe('Name of a node.') };

const BODIES = {
  drain: DRAIN,
  resume: section({ executor: EXECUTOR }).optional(),
} as const;

const NODE_ERRORS = ['node-not-found', 'bad-path', 'bad-field'] as const;

export const NODE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/nodes',
    tag: 'nodes',
    access: 'signed-in',
    summary: 'List the nodes',
    answers: { 200: json(z.array(NODE), 'By executor and name.') },
    examples: [{ name: 'all', answer: [{ name: 'node-1', state: 'open' }] }],
    async handle({ deps, person: { isAdmin } }) {
      const { views } = await agentsOf(deps.store, deps.clock.now());
      return views.map((view) => agentToWire(view, { isAdmin }));
    },
  }),
  // Both are the same when said twice.
  route({
    method: 'POST',
    also: 'PUT',
    path: '/nodes/:name/drain',
    tag: 'nodes',
    access: 'admin',
    summary: 'Drain a node',
    description: 'It takes no new jobs; those that run go on.',
    params: NAME,
    body: BODIES.drain,
    answers: { 200: json(told('Node takes no new jobs')) },
    errors: [...NODE_ERRORS, 'unknown-field'],
    examples: [
      {
        name: 'until told',
        params: { name: 'node-1' },
        body: { reason: 'new disks' },
        answer: { node: { drain: { reason: 'new disks' } } },
      },
      {
        name: 'without a reason',
        params: { name: 'node-1' },
        body: {},
        status: 400,
        answer: { code: 'bad-field', field: 'reason' },
      },
    ],
    handle: drain,
  }),
  route({
    method: 'POST',
    also: 'PUT',
    path: '/nodes/:name/resume',
    tag: 'nodes',
    access: 'admin',
    summary: 'Resume a node',
    description: 'It takes new jobs: a drain ends, and it is no longer set aside.',
    params: NAME,
    body: BODIES.resume,
    answers: { 200: json(told('Node takes new jobs')) },
    errors: NODE_ERRORS,
    examples: [{ name: 'a node', params: { name: 'node-1' }, answer: { node: { state: 'open' } } }],
    handle: resume,
  }),
];

type NodeCall<Name extends keyof typeof BODIES> = Call<
  'admin',
  typeof NAME,
  None,
  None,
  z.output<(typeof BODIES)[Name]>
>;

async function drain({ context, deps, person, params, body }: NodeCall<'drain'>) {
  const { store, clock, log, notices } = deps;
  const at = clock.now();
  const { executor, ...asked } = drainAsked(body, at);
  const name = agentNamed(params.name, executor, await agentsOf(store, at));
  const order: Drain = { kind: 'drained', ...name, ...asked, by: person.id, at };
  const subject = { kind: 'node', id: name.host } as const;
  const facts = { executor: name.executor, ...asked };
  await audited({ context, deps }, { act: 'node.drain', subject, facts }, () =>
    store.putSetting(closureSetting('drained', name), JSON.stringify(order)),
  );
  notices.agentsChanged();
  log.info('audit: node drained', { ...name, ...asked, by: person.id });
  return answer(deps, name, 'Node takes no new jobs');
}

async function resume({ context, deps, person, params, body }: NodeCall<'resume'>) {
  const { store, clock, log, notices } = deps;
  const executor = body?.executor ?? null;
  const name = agentNamed(params.name, executor, await agentsOf(store, clock.now()));
  const subject = { kind: 'node', id: name.host } as const;
  const act = { act: 'node.resume', subject, facts: { executor: name.executor } } as const;
  await audited({ context, deps }, act, async () => {
    await store.dropSetting(closureSetting('drained', name));
    await store.dropSetting(closureSetting('set-aside', name));
  });
  notices.agentsChanged();
  log.info('audit: node resumed', { ...name, by: person.id });
  return answer(deps, name, 'Node takes new jobs');
}

async function answer(
  { store, clock }: Pick<ApiDeps, 'store' | 'clock'>,
  { executor, host }: AgentName,
  msg: string,
) {
  const { views } = await agentsOf(store, clock.now());
  const view = views.find((one) => one.executor === executor && one.host === host);
  return {
    msg,
    ...(view === undefined ? {} : { node: agentToWire(view, { isAdmin: true }) }),
  };
}

const NAME_CHARS_MAX = 255;

/**
 * The agent that is meant. One that its cluster does not know is refused, if clusters have told at all.
 * @throws ServiceError naming the field
 */
function agentNamed(host: string, executor: string | null, { views, isTold }: Agents): AgentName {
  if (host.length > NAME_CHARS_MAX || !/^[\w.:-]+$/.test(host))
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
