/** A master with a clock that a test moves, a containerizer that it plays, and frameworks that keep what they get. */
import type { Timer } from '../../../src/contracts/clock.js';
import { SILENT } from '../../../src/contracts/log.js';
import { instant } from '../../../src/core/units.js';
import type { Agent } from '../../../src/localmesos/agent.js';
import { fromWire } from '../../../src/localmesos/amounts.js';
import { Books } from '../../../src/localmesos/books.js';
import type {
  Containerizer,
  ContainerListener,
  End,
  Launch,
} from '../../../src/localmesos/containerizer.js';
import { NO_JOURNAL } from '../../../src/localmesos/journal.js';
import { Master } from '../../../src/localmesos/master.js';
import type { Stream } from '../../../src/localmesos/stream.js';
import type {
  Call,
  Event,
  FrameworkInfo,
  Offer,
  TaskInfo,
  TaskStatus,
} from '../../../src/mesos/messages.js';

/** Time moves only by `pass`; due timers run in their order. */
export class World {
  nowMs = 1_000_000;
  readonly launches: Launch[] = [];
  readonly kills: { readonly taskId: string; readonly graceMs: number }[] = [];
  readonly forgotten: string[] = [];
  readonly master: Master;
  readonly #timers = new Set<{ readonly atMs: number; readonly call: () => void }>();
  readonly #soon: (() => void)[] = [];
  #listener: ContainerListener = () => {};
  #uuids = 0;
  #streams = 0;

  constructor(agents: Readonly<Record<string, { readonly cpus: number; readonly memMb: number }>>) {
    const containerizer: Containerizer = {
      name: 'simulate',
      noun: 'Command',
      start: async (listener) => {
        this.#listener = listener;
      },
      launch: (launch) => {
        this.launches.push(launch);
        this.#listener({ kind: 'starting', containerId: launch.containerId });
      },
      kill: (containerId, graceMs) =>
        this.kills.push({ taskId: this.#taskOf(containerId), graceMs }),
      recover: async () => {},
      forget: (containerId) => this.forgotten.push(this.#taskOf(containerId)),
      stop: async () => {},
    };
    const books = new Books('m', this.nowMs, { offer: 0, framework: 0 });
    const ports = {
      clock: { now: () => instant(this.nowMs), monotonicMs: () => this.nowMs },
      timers: {
        after: (delayMs: number, call: () => void) => this.#after(delayMs, call),
        soon: (call: () => void) => {
          this.#soon.push(call);
        },
      },
      uuid: () => `00000000-0000-4000-8000-${String(this.#uuids++).padStart(12, '0')}`,
      log: SILENT,
      containerizer,
      journal: NO_JOURNAL,
    };
    this.master = new Master(books, ports, {
      heartbeatMs: 5_000,
      bootId: 'boot',
      masterInfo: () => ({ id: 'm', ip: 0, port: 5050 }),
    });
    for (const [id, { cpus, memMb }] of Object.entries(agents)) {
      this.master.addAgent(anAgent(id, cpus, memMb));
    }
  }

  async start(): Promise<this> {
    await this.master.start({ frameworks: new Map(), removed: new Set(), tasks: new Map() });
    return this;
  }

  /** Lets what is due happen, also what becomes due meanwhile. */
  pass(ms = 0): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      for (const call of this.#soon.splice(0)) call();
      const due = [...this.#timers]
        .filter(({ atMs }) => atMs <= endMs)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined && this.#soon.length === 0) break;
      if (due === undefined || this.#soon.length > 0) continue;
      this.nowMs = Math.max(this.nowMs, due.atMs);
      this.#timers.delete(due);
      due.call();
    }
    this.nowMs = endMs;
  }

  stream(): TestStream {
    return new TestStream(`stream-${this.#streams++}`);
  }

  started(taskId: string, ranMs = 0): void {
    const { containerId } = this.#launchOf(taskId);
    this.#listener({ kind: 'started', containerId, pid: 42, ip: null, data: null, ranMs });
  }

  ended(taskId: string, end: End = { kind: 'exited', code: 0 }): void {
    this.#listener({ kind: 'ended', containerId: this.#launchOf(taskId).containerId, end });
  }

  #launchOf(taskId: string): Launch {
    const launch = this.launches.find(({ info }) => info.task_id.value === taskId);
    if (launch === undefined) throw new Error(`no task ${taskId} was launched`);
    return launch;
  }

  #taskOf(containerId: string): string {
    return (
      this.launches.find((launch) => launch.containerId === containerId)?.info.task_id.value ?? ''
    );
  }

  #after(delayMs: number, call: () => void): Timer {
    const timer = { atMs: this.nowMs + delayMs, call };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }
}

class TestStream implements Stream {
  readonly id: string;
  readonly events: Event[] = [];
  isEnded = false;

  constructor(id: string) {
    this.id = id;
  }

  send(event: Event): void {
    this.events.push(event);
  }

  end(): void {
    this.isEnded = true;
  }
}

/** A framework as a test plays it. */
export class Member {
  readonly world: World;
  readonly info: FrameworkInfo;
  id = '';
  stream: TestStream;
  #seenOffers = 0;

  constructor(world: World, info: Partial<FrameworkInfo> = {}) {
    this.world = world;
    this.stream = world.stream();
    this.info = {
      user: 'nobody',
      name: 'member',
      roles: ['*'],
      failover_timeout: 60,
      capabilities: [
        { type: 'MULTI_ROLE' },
        { type: 'PARTITION_AWARE' },
        { type: 'TASK_KILLING_STATE' },
      ],
      ...info,
    };
  }

  subscribe(suppressed_roles: readonly string[] = []): this {
    this.stream = this.world.stream();
    this.#seenOffers = 0;
    const known = this.id === '' ? {} : { id: { value: this.id } };
    const framework_info = { ...this.info, ...known };
    const call: Call = { type: 'SUBSCRIBE', subscribe: { framework_info, suppressed_roles } };
    const framework = this.world.master.subscribe(call, this.stream);
    if (framework !== undefined) this.id = framework.id;
    this.world.pass(5);
    return this;
  }

  disconnect(): void {
    const framework = this.world.master.books.frameworks.get(this.id);
    if (framework !== undefined) this.world.master.disconnected(framework, this.stream);
    this.world.pass(5);
  }

  call(call: Call): { status: number; text: string } {
    const answer = this.world.master.call(
      { framework_id: { value: this.id }, ...call },
      this.stream.id,
      null,
    );
    this.world.pass(5);
    return answer;
  }

  /** Offers since the last look. */
  newOffers(): Offer[] {
    const all = this.stream.events.flatMap(({ offers }) => offers?.offers ?? []);
    const fresh = all.slice(this.#seenOffers);
    this.#seenOffers = all.length;
    return fresh;
  }

  accept(offers: readonly Offer[], tasks: readonly TaskInfo[], refuse_seconds = 0): void {
    this.call({
      type: 'ACCEPT',
      accept: {
        offer_ids: offers.map(({ id }) => id),
        operations: [{ type: 'LAUNCH', launch: { task_infos: tasks } }],
        filters: { refuse_seconds },
      },
    });
  }

  decline(offers: readonly Offer[], refuse_seconds?: number): void {
    const filters = refuse_seconds === undefined ? {} : { filters: { refuse_seconds } };
    this.call({ type: 'DECLINE', decline: { offer_ids: offers.map(({ id }) => id), ...filters } });
  }

  get updates(): TaskStatus[] {
    return this.stream.events.flatMap(({ update }) =>
      update === undefined ? [] : [update.status],
    );
  }

  statesOf(taskId: string): string[] {
    return this.updates.filter(({ task_id }) => task_id.value === taskId).map(({ state }) => state);
  }

  acknowledge(status: TaskStatus | undefined): void {
    if (status?.uuid === undefined) throw new Error('nothing to acknowledge');
    const { task_id, agent_id = { value: '' }, uuid } = status;
    this.call({ type: 'ACKNOWLEDGE', acknowledge: { task_id, agent_id, uuid } });
  }
}

function anAgent(id: string, cpus: number, memMb: number): Agent {
  const total = fromWire([
    { name: 'cpus', type: 'SCALAR', scalar: { value: cpus } },
    { name: 'mem', type: 'SCALAR', scalar: { value: memMb } },
  ]);
  const address = { hostname: id, ip: '127.0.0.1', port: 5051 };
  return {
    id,
    hostname: id,
    ip: '127.0.0.1',
    port: 5051,
    url: { scheme: 'http', address, path: '/slave(1)' },
    attributes: [],
    registeredAt: 0,
    total,
    condition: 'here',
    unavailability: null,
    free: total,
    offers: new Set(),
    tasks: new Set(),
  };
}
