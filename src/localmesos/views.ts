/** The read-only pages of a master, in the shapes that real ones have: `/state`, `/slaves`, `/frameworks` … */
import type { TaskStatus } from '../mesos/messages.js';
import type { Agent } from './agent.js';
import { type Amount, EMPTY, plus, toView, toWire } from './amounts.js';
import type { Books } from './books.js';
import type { Framework } from './framework.js';
import type { Offer } from './offers.js';
import { isTerminal, type Task } from './task.js';

/** The release of Mesos whose API this is. Clients compare it, so it has digits and dots only. */
export const MESOS_VERSION = '1.12.0';
const AGENT_CAPABILITIES = [
  'MULTI_ROLE',
  'HIERARCHICAL_ROLE',
  'RESERVATION_REFINEMENT',
  'TASK_RESOURCE_LIMITS',
];
export const MASTER_CAPABILITIES = ['AGENT_UPDATE'] as const;
const SECONDS = 1_000;

export interface Place {
  readonly hostname: string;
  readonly ip: string;
  readonly port: number;
}

/** The rest tells who answers: no build of Mesos. */
export const versionView = () => ({
  build_date: '',
  build_time: 0,
  build_user: 'godocker',
  git_branch: 'local-node',
  git_sha: '',
  version: MESOS_VERSION,
});

export function stateView(books: Books, place: Place, flags: Readonly<Record<string, string>>) {
  const pid = `master@${place.ip}:${place.port}`;
  const { hostname, port } = place;
  return {
    ...versionView(),
    start_time: books.startedAt / SECONDS,
    elected_time: books.startedAt / SECONDS,
    id: books.masterId,
    pid,
    hostname,
    capabilities: MASTER_CAPABILITIES,
    activated_slaves: agentsHere(books).length,
    deactivated_slaves: 0,
    unreachable_slaves: [...books.agents.values()].filter(isAway).length,
    leader: pid,
    leader_info: { id: books.masterId, pid, port, hostname },
    flags,
    slaves: agentsHere(books).map((agent) => agentView(agent)),
    recovered_slaves: [],
    ...frameworksView(books),
    orphan_tasks: [],
    unregistered_frameworks: [],
  };
}

export const slavesView = (books: Books) => ({
  slaves: agentsHere(books).map((agent) => ({
    ...agentView(agent),
    reserved_resources_full: {},
    unreserved_resources_full: toWire(agent.total, { allocatedTo: null, isRefined: false }),
    used_resources_full: toWire(usedOf(agent), { allocatedTo: null, isRefined: false }),
    offered_resources_full: toWire(offeredOf(agent), { allocatedTo: null, isRefined: false }),
  })),
  recovered_slaves: [],
});

export const frameworksView = (books: Books) => ({
  frameworks: [...books.frameworks.values()].map(frameworkView),
  completed_frameworks: books.completed.map(frameworkView),
});

export function rolesView(books: Books) {
  const names = new Set([...books.frameworks.values()].flatMap(({ roles }) => roles));
  return {
    roles: [...names].sort().map((name) => {
      const members = [...books.frameworks.values()].filter(({ roles }) => roles.includes(name));
      const held = sum(members.map((framework) => framework.held.get(name) ?? EMPTY));
      return {
        name,
        weight: 1,
        frameworks: members.map(({ id }) => id),
        resources: toView(held),
      };
    }),
  };
}

/** All tasks, or those of one framework or id, as real masters take it. */
export function tasksView(books: Books, query: URLSearchParams) {
  const frameworkId = query.get('framework_id');
  const taskId = query.get('task_id');
  return {
    tasks: [...books.frameworks.values(), ...books.completed]
      .filter(({ id }) => frameworkId === null || id === frameworkId)
      .flatMap((framework) => [...framework.tasks.values(), ...framework.completed])
      .filter(({ id }) => taskId === null || id === taskId)
      .map(taskView),
  };
}

function agentView(agent: Agent) {
  return {
    id: agent.id,
    hostname: agent.hostname,
    port: agent.port,
    attributes: Object.fromEntries(
      agent.attributes.map(({ name, scalar, text }) => [name, scalar?.value ?? text?.value ?? '']),
    ),
    pid: `${agent.url.path?.slice(1)}@${agent.ip}:${agent.port}`,
    registered_time: agent.registeredAt / SECONDS,
    resources: toView(agent.total),
    used_resources: toView(usedOf(agent)),
    offered_resources: toView(offeredOf(agent)),
    reserved_resources: {},
    unreserved_resources: toView(agent.total),
    active: true,
    deactivated: false,
    version: MESOS_VERSION,
    capabilities: AGENT_CAPABILITIES,
  };
}

function frameworkView(framework: Framework) {
  const { info } = framework;
  const live = [...framework.tasks.values()];
  const used = sum(live.filter((task) => !task.isReleased).map(({ amount }) => amount));
  const offered = sum([...framework.offers.values()].map(({ amount }) => amount));
  const isConnected = framework.stream !== null;
  return {
    id: framework.id,
    name: info.name,
    ...(info.principal === undefined ? {} : { principal: info.principal }),
    used_resources: toView(used),
    offered_resources: toView(offered),
    capabilities: [...framework.capabilities],
    hostname: info.hostname ?? '',
    webui_url: info.webui_url ?? '',
    active: isConnected,
    connected: isConnected,
    recovered: framework.isRecovered,
    user: info.user,
    failover_timeout: info.failover_timeout ?? 0,
    checkpoint: info.checkpoint ?? false,
    registered_time: framework.registeredAt / SECONDS,
    unregistered_time: framework.unregisteredAt / SECONDS,
    ...(framework.reregisteredAt === 0
      ? {}
      : { reregistered_time: framework.reregisteredAt / SECONDS }),
    resources: toView(plus(used, offered)),
    ...(framework.can('MULTI_ROLE') ? { roles: framework.roles } : { role: framework.roles[0] }),
    tasks: live.filter(({ state }) => !isTerminal(state)).map(taskView),
    unreachable_tasks: [],
    completed_tasks: [...framework.completed, ...live.filter(({ state }) => isTerminal(state))].map(
      taskView,
    ),
    offers: [...framework.offers.values()].map(offerView),
    executors: [],
    ...(info.labels?.labels === undefined ? {} : { labels: info.labels.labels }),
    offer_constraints: {},
  };
}

function taskView(task: Task) {
  const { info } = task;
  return {
    id: task.id,
    name: info.name,
    framework_id: task.framework.id,
    executor_id: task.group === null ? '' : task.executorId,
    slave_id: task.agent.id,
    state: task.state,
    resources: toView(task.amount),
    role: task.role,
    statuses: task.history.map(statusView),
    ...(info.labels?.labels === undefined ? {} : { labels: info.labels.labels }),
    ...(info.discovery === undefined ? {} : { discovery: info.discovery }),
    ...(info.container === undefined ? {} : { container: info.container }),
  };
}

function statusView({ state, timestamp, container_status: status }: TaskStatus) {
  if (status === undefined) return { state, timestamp };
  const { executor_pid: _, ...shown } = status;
  return { state, timestamp, container_status: shown };
}

const offerView = (offer: Offer) => ({
  id: offer.id,
  framework_id: offer.framework.id,
  allocation_info: { role: offer.role },
  slave_id: offer.agent.id,
  resources: toView(offer.amount),
});

const isAway = ({ condition }: Agent): boolean => condition === 'away';
const agentsHere = (books: Books): Agent[] =>
  [...books.agents.values()].filter(({ condition }) => condition === 'here');

export const sum = (amounts: readonly Amount[]): Amount => amounts.reduce(plus, EMPTY);
export const usedOf = (agent: Agent): Amount => sum([...agent.tasks].map(({ amount }) => amount));
const offeredOf = (agent: Agent): Amount => sum([...agent.offers].map(({ amount }) => amount));
