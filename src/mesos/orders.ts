/** Turns launch orders into TaskInfos, taking each one's resources out of the offers in the form they were offered. */
import type { TaskOrder } from '../contracts/cluster.js';
import { LIFESPAN_SLACK_MS } from '../contracts/limits.js';
import { assert } from '../core/assert.js';
import { commandOf, containerOf, type TaskForm } from './containers.js';
import { isOrdinary, milliOf } from './events.js';
import type { DurationInfo, Labels, Offer, Resource, TaskInfo, ValueRange } from './messages.js';

/** The task that an order stands for. Its resources leave `stock`. */
export function taskInfo(order: TaskOrder, stock: Stock, form: TaskForm): TaskInfo {
  const container = containerOf(order, form);
  return {
    name: order.name,
    task_id: { value: order.taskId },
    agent_id: { value: order.agentId },
    resources: stock.take(order),
    command: commandOf(order, form),
    ...(container === undefined ? {} : { container }),
    kill_policy: { grace_period: durationInfo(order.killGraceMs) },
    // Counted by the executor from the start of the program, so pulls of images do not matter.
    ...(order.lifespanMs === null
      ? {}
      : { max_completion_time: durationInfo(order.lifespanMs + LIFESPAN_SLACK_MS) }),
    labels: labels(order),
  };
}

const durationInfo = (ms: number): DurationInfo => ({ nanoseconds: ms * 1_000_000 });

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
