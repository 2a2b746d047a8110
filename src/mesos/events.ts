/** Turns Mesos' messages into the facts that schedulers read: integer resources, kebab-case reasons, plain text. */
import type { ClusterOffer, TaskState, TaskUpdate } from '../contracts/cluster.js';
import { unreachable } from '../core/assert.js';
import type { Capacity, PortRange } from '../core/resources.js';
import { agentId, type Instant, instant, offerId, taskId } from '../core/units.js';
import type {
  Attribute,
  ContainerStatus,
  TaskState as MesosState,
  Offer,
  Resource,
  TaskStatus,
} from './messages.js';

/** The last instant that a date of JavaScript can hold, in nanoseconds. */
export const NS_MAX = 8.64e21;

/** What ACKNOWLEDGE needs besides the task's id. */
export interface Receipt {
  readonly agentId: string;
  readonly uuid: string;
}

/** Mesos counts with three decimals: thousandths are exact. */
export const milliOf = (resource: Resource): number =>
  Math.round((resource.scalar?.value ?? 0) * 1_000);

/**
 * Whether tasks of ours may take from it like from any other. Revocable parts vanish at will, shared ones are not
 * used up, volumes and disks are whole things of their own.
 */
export const isOrdinary = (resource: Resource): boolean =>
  resource.revocable === undefined &&
  resource.shared === undefined &&
  resource.disk === undefined &&
  resource.name !== 'disk';

/** The offer's role; `*` from masters of frameworks without MULTI_ROLE. */
export const roleOf = (offer: Offer): string =>
  offer.allocation_info?.role ?? offer.resources?.[0]?.allocation_info?.role ?? '*';

export function clusterOffer(offer: Offer): ClusterOffer {
  const startNs = offer.unavailability?.start.nanoseconds;
  return {
    id: offerId(offer.id.value),
    agentId: agentId(offer.agent_id.value),
    host: offer.hostname,
    role: roleOf(offer),
    free: capacityOf(offer.resources ?? []),
    attributes: attributesOf(offer),
    unavailableFrom: startNs === undefined ? null : windowStart(startNs),
  };
}

/** An attribute given twice counts as last given; only reservations add up. */
function attributesOf({ attributes = [] }: Offer): Record<string, string> {
  const texts = new Map<string, string>();
  for (const attribute of attributes) {
    const { name } = attribute;
    const text = attributeText(attribute);
    const before = name === 'reservation' ? texts.get(name) : undefined;
    texts.set(name, before === undefined ? text : [before, text].map(bare).join(','));
  }
  return Object.fromEntries(texts);
}

const bare = (list: string): string => list.replace(/^\{(.*)\}$/, '$1');

/** A window whose start makes no sense counts as begun: nothing starts under it. */
export const windowStart = (ns: number): Instant =>
  instant(ns >= 0 && ns <= NS_MAX ? Math.floor(ns / 1_000_000) : 0);

/** Sums up; rounds down to whole units only at the end, so that halves of two reservations make a whole. */
export function capacityOf(resources: readonly Resource[]): Capacity {
  const milli = new Map<string, number>();
  const add = (name: string, amount: number) => milli.set(name, (milli.get(name) ?? 0) + amount);
  const ports: PortRange[] = [];
  for (const resource of resources.filter(isOrdinary)) {
    const ranges = resource.ranges?.range ?? [];
    if (resource.name === 'ports') ports.push(...ranges);
    else if (resource.type === 'SCALAR') add(resource.name, milliOf(resource));
    else if (resource.type === 'RANGES')
      for (const { begin, end } of ranges) add(resource.name, (end - begin + 1) * 1_000);
    else if (resource.type === 'SET') add(resource.name, (resource.set?.item?.length ?? 0) * 1_000);
  }
  const whole = (name: string): number => Math.floor((milli.get(name) ?? 0) / 1_000);
  const custom = [...milli.keys()].filter((name) => !['cpus', 'mem', 'gpus'].includes(name)).sort();
  return {
    cpuMilli: milli.get('cpus') ?? 0,
    memMb: whole('mem'),
    gpus: whole('gpus'),
    ports: ports
      .map(({ begin, end }) => ({ begin, end }))
      .sort((a, b) => a.begin - b.begin || a.end - b.end),
    custom: Object.fromEntries(custom.map((name) => [name, whole(name)])),
  };
}

function attributeText(attribute: Attribute): string {
  switch (attribute.type) {
    case 'TEXT':
      return attribute.text?.value ?? '';
    case 'SCALAR':
      return String(Math.round((attribute.scalar?.value ?? 0) * 1_000) / 1_000);
    case 'RANGES': {
      const ranges = (attribute.ranges?.range ?? []).map(({ begin, end }) => `${begin}-${end}`);
      return `[${ranges.join(',')}]`;
    }
    case 'SET':
      return `{${(attribute.set?.item ?? []).join(',')}}`;
    default:
      return unreachable(attribute.type);
  }
}

const STATES: Record<MesosState, TaskState> = {
  TASK_STAGING: 'staging',
  TASK_STARTING: 'starting',
  TASK_RUNNING: 'running',
  TASK_KILLING: 'killing',
  TASK_FINISHED: 'finished',
  TASK_FAILED: 'failed',
  TASK_KILLED: 'killed',
  TASK_ERROR: 'error',
  TASK_LOST: 'lost',
  TASK_DROPPED: 'dropped',
  TASK_UNREACHABLE: 'unreachable',
  TASK_GONE: 'gone',
  TASK_GONE_BY_OPERATOR: 'gone-by-operator',
  TASK_UNKNOWN: 'unknown',
};

/** `at` stands in where the status has no time of its own, or one of no calendar. */
export function taskUpdate(status: TaskStatus, at: Instant): TaskUpdate {
  const container = containerFacts(status);
  return {
    taskId: taskId(status.task_id.value),
    agentId: status.agent_id === undefined ? null : agentId(status.agent_id.value),
    state: STATES[status.state],
    reason: status.reason === undefined ? null : reasonText(status.reason),
    message: status.message ?? null,
    at: timeOf(status.timestamp) ?? at,
    containerId: container.containerId,
    ipAddress: container.ipAddress,
    labels: Object.fromEntries(
      (status.labels?.labels ?? []).map(({ key, value }) => [key, value ?? '']),
    ),
    receipt: receiptOf(status),
  };
}

function timeOf(seconds: number | undefined): Instant | undefined {
  const isTime = seconds !== undefined && seconds >= 0 && seconds * 1e9 <= NS_MAX;
  return isTime ? instant(Math.floor(seconds * 1_000)) : undefined;
}

/** `REASON_EXECUTOR_TERMINATED` is `executor-terminated`. */
const reasonText = (reason: string): string =>
  reason
    .replace(/^REASON_/, '')
    .toLowerCase()
    .replaceAll('_', '-');

function receiptOf({ uuid, agent_id }: TaskStatus): Receipt | null {
  return uuid === undefined || agent_id === undefined ? null : { agentId: agent_id.value, uuid };
}

/** Tells our receipts from those of other executors, and from none. */
export const isReceipt = (value: unknown): value is Receipt =>
  typeof textAt(value, 'agentId') === 'string' && typeof textAt(value, 'uuid') === 'string';

interface Facts {
  readonly containerId: string | null;
  readonly ipAddress: string | null;
}

/** Docker's executor sends the JSON of `docker inspect`; others only what the agent knows of the container. */
function containerFacts({ data, container_status }: TaskStatus): Facts {
  const inspected = data === undefined ? undefined : inspectFacts(data);
  return {
    containerId: inspected?.containerId ?? container_status?.container_id?.value ?? null,
    ipAddress: inspected?.ipAddress ?? agentsAddress(container_status),
  };
}

function agentsAddress(status: ContainerStatus | undefined): string | null {
  const addresses = (status?.network_infos ?? []).flatMap((info) => info.ip_addresses ?? []);
  return addresses.find((one) => one.ip_address !== undefined)?.ip_address ?? null;
}

/** Undefined when `data` is something else: any executor may put there what it likes. */
function inspectFacts(data: string): Facts | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(data, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
  const inspect: unknown = Array.isArray(parsed) ? parsed[0] : undefined;
  const containerId = textAt(inspect, 'Id');
  if (containerId === null) return undefined;
  const settings = at(inspect, 'NetworkSettings');
  const networks = at(settings, 'Networks');
  const inNetworks = isObject(networks)
    ? Object.values(networks).map((network) => textAt(network, 'IPAddress'))
    : [];
  const ipAddress = [textAt(settings, 'IPAddress'), ...inNetworks].find((text) => text !== null);
  return { containerId, ipAddress: ipAddress ?? null };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const at = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined);

/** Text that says something, or null. */
function textAt(value: unknown, key: string): string | null {
  const text = at(value, key);
  return typeof text === 'string' && text !== '' ? text : null;
}
