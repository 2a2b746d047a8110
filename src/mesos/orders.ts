/** Turns launch orders into TaskInfos, taking each one's resources out of the offers in the form they were offered. */
import type { TaskOrder } from '../contracts/cluster.js';
import { CONTAINER_PIDS_MAX, LIFESPAN_SLACK_MS } from '../contracts/limits.js';
import { assert } from '../core/assert.js';
import { isOrdinary, milliOf } from './events.js';
import type {
  CommandInfo,
  ContainerInfo,
  ContainerInfoDockerInfoNetwork,
  DurationInfo,
  Labels,
  Offer,
  Parameter,
  Resource,
  TaskInfo,
  ValueRange,
} from './messages.js';

/** What does not stand in the order but in the configuration. */
export interface TaskForm {
  /** Of containers with a network and without ports of their own; those with ports are bridged. */
  readonly network: Extract<ContainerInfoDockerInfoNetwork, 'HOST' | 'BRIDGE'>;
}

/** Docker's usual period of accounts; the kernel hands out cpu time in shares of it, at least a hundredth. */
const CPU_PERIOD_US = 100_000;
const CPU_QUOTA_US_MIN = 1_000;
const BYTES_PER_MB = 2 ** 20;
/** Agents give no container less: memory and swap together must not be below it. */
const AGENT_MEMORY_MB_MIN = 32;

/** The task that an order stands for. Its resources leave `stock`. */
export function taskInfo(order: TaskOrder, stock: Stock, form: TaskForm): TaskInfo {
  return {
    name: order.name,
    task_id: { value: order.taskId },
    agent_id: { value: order.agentId },
    resources: stock.take(order),
    command: command(order),
    ...(order.image === null ? {} : { container: container(order, order.image, form) }),
    kill_policy: { grace_period: durationInfo(order.killGraceMs) },
    // Counted by the executor from the start of the program, so pulls of images do not matter.
    ...(order.lifespanMs === null
      ? {}
      : { max_completion_time: durationInfo(order.lifespanMs + LIFESPAN_SLACK_MS) }),
    labels: labels(order),
  };
}

const durationInfo = (ms: number): DurationInfo => ({ nanoseconds: ms * 1_000_000 });

/** Agents start Docker's tasks with `value` and `arguments` in a row, others with `arguments` as the whole vector. */
function command(order: TaskOrder): CommandInfo {
  const [program, ...rest] = order.argv;
  assert(program !== undefined, 'an order names a program');
  const variables = Object.entries(order.environment).map(([name, value]) => ({ name, value }));
  return {
    shell: false,
    ...(order.image === null
      ? { value: program, arguments: order.argv }
      : // The program is the container's entry point: the image's own one must not get in between.
        rest.length > 0
        ? { arguments: rest }
        : {}),
    ...(variables.length > 0 ? { environment: { variables } } : {}),
  };
}

function container(order: TaskOrder, image: string, form: TaskForm): ContainerInfo {
  const mappings = order.ports.map((host_port, index) => {
    const container_port = order.containerPorts[index];
    assert(container_port !== undefined, 'each host port has a container port');
    return { host_port, container_port, protocol: 'tcp' };
  });
  const volumes = order.volumes.map(({ mount, path, acl }) => ({
    container_path: mount,
    host_path: path,
    mode: acl === 'rw' ? ('RW' as const) : ('RO' as const),
  }));
  const network = !order.hasNetwork ? 'NONE' : mappings.length > 0 ? 'BRIDGE' : form.network;
  return {
    type: 'DOCKER',
    docker: {
      image,
      network,
      ...(network === 'BRIDGE' && mappings.length > 0 ? { port_mappings: mappings } : {}),
      privileged: false,
      parameters: parameters(order),
      force_pull_image: order.alwaysPull,
    },
    ...(volumes.length > 0 ? { volumes } : {}),
  };
}

function parameters(order: TaskOrder): Parameter[] {
  const { uid, gid, sgids } = order.identity;
  const groups = order.isRoot ? [] : sgids.filter((group) => group !== gid);
  return [
    { key: 'user', value: order.isRoot ? '0:0' : `${uid}:${gid}` },
    ...groups.map((group) => ({ key: 'group-add', value: String(group) })),
    { key: 'entrypoint', value: order.argv[0] ?? '' },
    // Root, where policy granted it, keeps what Docker gives by default: without, it could not even change an owner.
    ...(order.isRoot ? [] : [{ key: 'cap-drop', value: 'ALL' }]),
    { key: 'security-opt', value: 'no-new-privileges' },
    { key: 'pids-limit', value: String(CONTAINER_PIDS_MAX) },
    ...limits(order),
  ];
}

/** What agents do not limit by themselves: they set the weight of the cpus, and memory without swap. */
function limits({ needs, isCpuCapped }: TaskOrder): Parameter[] {
  const memoryBytes = Math.max(needs.memMb, AGENT_MEMORY_MB_MIN) * BYTES_PER_MB;
  const quotaUs = Math.round((needs.cpuMilli * CPU_PERIOD_US) / 1_000);
  return [
    // As much as memory alone: no swap.
    { key: 'memory-swap', value: String(memoryBytes) },
    ...(isCpuCapped
      ? [
          { key: 'cpu-period', value: String(CPU_PERIOD_US) },
          { key: 'cpu-quota', value: String(Math.max(quotaUs, CPU_QUOTA_US_MIN)) },
        ]
      : []),
  ];
}

/** Agents without containers learn from labels whom to run as: Mesos' `user` is a name, and users may have none there. */
function labels(order: TaskOrder): Labels {
  const { uid, gid, sgids } = order.identity;
  const all = {
    ...order.labels,
    'godocker.uid': String(order.isRoot ? 0 : uid),
    'godocker.gid': String(order.isRoot ? 0 : gid),
    'godocker.sgids': order.isRoot ? '' : sgids.join(','),
  };
  return { labels: Object.entries(all).map(([key, value]) => ({ key, value })) };
}

/** What is left of one resource of an offer. Its role, reservations and allocation stay as they came. */
interface Heap {
  readonly resource: Resource;
  milli: number;
  ranges: ValueRange[];
  items: string[];
}

/** The resources of some offers of one agent and role, while orders take from them. */
export class Stock {
  readonly #heaps: readonly Heap[];

  constructor(offers: readonly Offer[]) {
    this.#heaps = offers
      .flatMap((offer) => offer.resources ?? [])
      .filter(isOrdinary)
      .map((resource) => ({
        resource,
        milli: resource.type === 'SCALAR' ? milliOf(resource) : 0,
        ranges: [...(resource.ranges?.range ?? [])],
        items: [...(resource.set?.item ?? [])],
      }))
      // What is reserved for us is used first: others cannot have it anyway. The sort is stable.
      .sort((a, b) => Number(isReserved(b.resource)) - Number(isReserved(a.resource)));
  }

  /** Asserts that the offers hold it: the core matched this order against them. */
  take(order: TaskOrder): Resource[] {
    const { cpuMilli, memMb, gpus, custom } = order.needs;
    return [
      ...this.#takePorts(order.ports),
      ...this.#takeUnits('cpus', cpuMilli),
      ...this.#takeUnits('mem', memMb * 1_000),
      ...this.#takeUnits('gpus', gpus * 1_000),
      ...Object.entries(custom).flatMap(([name, count]) => this.#takeUnits(name, count * 1_000)),
    ];
  }

  /** `wantedMilli` of a scalar, or as many whole members of ranges or sets. */
  #takeUnits(name: string, wantedMilli: number): Resource[] {
    const taken: Resource[] = [];
    let missing = wantedMilli;
    for (const heap of this.#heaps) {
      if (missing <= 0) break;
      if (heap.resource.name !== name) continue;
      if (heap.resource.type === 'SCALAR') {
        const milli = Math.min(missing, heap.milli);
        if (milli === 0) continue;
        heap.milli -= milli;
        missing -= milli;
        taken.push({ ...heap.resource, scalar: { value: milli / 1_000 } });
      } else if (heap.resource.type === 'SET') {
        const item = heap.items.splice(0, missing / 1_000);
        missing -= item.length * 1_000;
        if (item.length > 0) taken.push({ ...heap.resource, set: { item } });
      } else {
        const range = takeLowest(heap, missing / 1_000);
        missing -= countOf(range) * 1_000;
        if (range.length > 0) taken.push({ ...heap.resource, ranges: { range } });
      }
    }
    assert(missing <= 0, `the offers hold ${wantedMilli / 1_000} of ${name}`);
    return taken;
  }

  #takePorts(ports: readonly number[]): Resource[] {
    const byHeap = new Map<Heap, number[]>();
    for (const port of ports) {
      const heap = this.#heaps.find(
        (one) =>
          one.resource.name === 'ports' &&
          one.ranges.some(({ begin, end }) => begin <= port && port <= end),
      );
      assert(heap !== undefined, `the offers hold port ${port}`);
      heap.ranges = heap.ranges.flatMap((range) => without(range, port));
      byHeap.set(heap, [...(byHeap.get(heap) ?? []), port]);
    }
    return [...byHeap].map(([{ resource }, taken]) => ({
      ...resource,
      ranges: { range: taken.sort((a, b) => a - b).map((port) => ({ begin: port, end: port })) },
    }));
  }
}

const isReserved = (resource: Resource): boolean =>
  (resource.reservations?.length ?? 0) > 0 || (resource.role ?? '*') !== '*';

const countOf = (ranges: readonly ValueRange[]): number =>
  ranges.reduce((sum, { begin, end }) => sum + end - begin + 1, 0);

/** Up to `count` members from the front of the ranges. */
function takeLowest(heap: Heap, count: number): ValueRange[] {
  const taken: ValueRange[] = [];
  let missing = count;
  while (missing > 0) {
    const first = heap.ranges.shift();
    if (first === undefined) break;
    const last = Math.min(first.end, first.begin + missing - 1);
    taken.push({ begin: first.begin, end: last });
    missing -= last - first.begin + 1;
    if (last < first.end) heap.ranges.unshift({ begin: last + 1, end: first.end });
  }
  return taken;
}

function without(range: ValueRange, port: number): ValueRange[] {
  if (port < range.begin || port > range.end) return [range];
  return [
    { begin: range.begin, end: port - 1 },
    { begin: port + 1, end: range.end },
  ].filter(({ begin, end }) => begin <= end);
}
