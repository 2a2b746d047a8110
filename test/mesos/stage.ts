/** A framework on a stage: its clock, timers and wire are ours, so that each test moves them by hand. */
import type {
  ClusterListener,
  ClusterOffer,
  LaunchBatch,
  LeaveAnswer,
  LeaveRequest,
  TaskUpdate,
} from '../../src/contracts/cluster.js';
import type { MesosCounter } from '../../src/contracts/counters.js';
import { SILENT } from '../../src/contracts/log.js';
import { agentId, instant, jobId, offerId, taskIdOf } from '../../src/core/units.js';
import { decodeCall, encodeEvent, JSON_TYPE } from '../../src/mesos/codec.js';
import { MesosFramework } from '../../src/mesos/framework.js';
import type { Call, Event, Offer } from '../../src/mesos/messages.js';
import { encodeRecord } from '../../src/mesos/recordio.js';
import type { Answer, Lane, Post, StreamListener, Transport } from '../../src/mesos/transport.js';

/** A call on its way; the test answers it when it likes. */
export interface Sent {
  readonly lane: Lane;
  readonly streamId: string | undefined;
  readonly call: Call;
  answer(answer: Answer): Promise<void>;
}

export interface Stream {
  readonly call: Call;
  readonly post: Post;
  readonly listener: StreamListener;
  isClosed: boolean;
}

export const TAKEN: Answer = { kind: 'answered', status: 202, location: null, text: '' };

/** Lets everything that waits for a promise go on. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class HandWire implements Transport {
  readonly streams: Stream[] = [];
  readonly sent: Sent[] = [];
  renewals = 0;

  subscribe(post: Post, listener: StreamListener): { close(): void } {
    const stream = { call: decodeCall(post.body, JSON_TYPE), post, listener, isClosed: false };
    this.streams.push(stream);
    return {
      close: () => {
        stream.isClosed = true;
      },
    };
  }

  call(lane: Lane, post: Post): Promise<Answer> {
    return new Promise((resolve) => {
      this.sent.push({
        lane,
        streamId: post.headers['mesos-stream-id'],
        call: decodeCall(post.body, JSON_TYPE),
        answer: (answer) => {
          resolve(answer);
          return settle();
        },
      });
    });
  }

  renew(): void {
    this.renewals++;
  }

  closings: boolean[] = [];
  async close({ isAtOnce } = { isAtOnce: false }): Promise<void> {
    this.closings.push(isAtOnce);
  }
}

/** Notes what the framework reports, as short words with their facts. */
class Notes implements ClusterListener {
  readonly words: string[] = [];
  readonly offered: ClusterOffer[] = [];
  readonly updates: TaskUpdate[] = [];

  connected({ frameworkId, isNew }: { frameworkId: string; isNew: boolean }): void {
    this.words.push(`connected ${frameworkId}${isNew ? ' new' : ''}`);
  }
  disconnected(because: string): void {
    this.words.push(`disconnected: ${because}`);
  }
  offers(offers: readonly ClusterOffer[]): void {
    this.offered.push(...offers);
    this.words.push(`offers ${offers.map(({ id }) => id).join(' ')}`);
  }
  rescinded(id: string): void {
    this.words.push(`rescinded ${id}`);
  }
  updated(update: TaskUpdate): void {
    this.updates.push(update);
    this.words.push(`updated ${update.taskId} ${update.state}`);
  }
  agentFailed(id: string): void {
    this.words.push(`agentFailed ${id}`);
  }
  /** Jobs that may still run, by agent; absent: none. */
  readonly staying = new Map<string | null, number>();
  mayLeave({ agentId, from }: LeaveRequest): LeaveAnswer {
    this.words.push(`mayLeave ${agentId} ${from}`);
    const jobs = this.staying.get(agentId) ?? 0;
    return jobs === 0 ? { kind: 'yes' } : { kind: 'no', jobs };
  }
  refused(because: string): void {
    this.words.push(`refused: ${because}`);
  }
}

export class Stage {
  readonly wire = new HandWire();
  readonly notes = new Notes();
  readonly saved: string[] = [];
  readonly counted: MesosCounter[] = [];
  readonly framework: MesosFramework;
  /** False: somebody else leads now. */
  isLeader = true;
  /** While set, saving the framework id waits for it. */
  saving: Promise<void> = Promise.resolve();
  nowMs = 0;
  #timer: { readonly atMs: number; readonly call: () => void } | undefined;

  constructor(frameworkId: string | null = null) {
    this.framework = new MesosFramework({
      masters: ['m1:5050', 'm2:5050'],
      mediaType: JSON_TYPE,
      framework: {
        user: 'root',
        name: 'GoDocker',
        roles: ['god'],
        principal: 'p',
        secret: 's',
        failoverTimeoutMs: 604_800_000,
        hostname: 'here',
        webuiUrl: null,
        labels: { site: 'x' },
      },
      tasks: { network: 'BRIDGE' },
      mayAct: () => this.isLeader,
      memory: {
        load: async () => frameworkId,
        save: async (id) => {
          await this.saving;
          this.saved.push(id);
        },
      },
      ports: {
        clock: { now: () => instant(1_000_000 + this.nowMs), monotonicMs: () => this.nowMs },
        random: () => 0.5,
        log: SILENT,
        counters: { count: (what) => this.counted.push(what) },
        transport: this.wire,
        timers: {
          after: (delayMs, call) => {
            const timer = { atMs: this.nowMs + delayMs, call };
            this.#timer = timer;
            return {
              cancel: () => {
                if (this.#timer === timer) this.#timer = undefined;
              },
            };
          },
          soon: (call) => setImmediate(call),
        },
      },
    });
  }

  /** Starts and subscribes on stream `s1`. */
  async up(): Promise<this> {
    void this.framework.start(this.notes);
    await settle();
    await this.subscribed('s1');
    return this;
  }

  get stream(): Stream {
    const stream = this.wire.streams.at(-1);
    if (stream === undefined) throw new Error('no stream was opened');
    return stream;
  }

  /** Calls that were sent since the last look. */
  sent(): Sent[] {
    return this.wire.sent.splice(0);
  }

  async subscribed(streamId: string): Promise<void> {
    this.stream.listener.opened({ streamId });
    this.say({ type: 'SUBSCRIBED', subscribed: { framework_id: { value: 'f1' } } });
    await settle();
  }

  say(...events: Event[]): void {
    const records = events.map((event) => encodeRecord(encodeEvent(event, JSON_TYPE)));
    this.stream.listener.bytes(Buffer.concat(records));
  }

  /** Records as they are, sound or not. */
  sayBytes(...records: Uint8Array[]): void {
    this.stream.listener.bytes(Buffer.concat(records.map(encodeRecord)));
  }

  offer(id: string, more: Partial<Offer> = {}): void {
    this.say({ type: 'OFFERS', offers: { offers: [anOffer(id, more)] } });
  }

  /** Moves the clock to the timer that is set, and lets it ring. */
  async ring(): Promise<void> {
    const timer = this.#timer;
    if (timer === undefined) throw new Error('no timer is set');
    this.#timer = undefined;
    this.nowMs = timer.atMs;
    timer.call();
    await settle();
  }
}

const allocation_info = { role: 'god' };

export const anOffer = (id: string, more: Partial<Offer> = {}): Offer => ({
  id: { value: id },
  framework_id: { value: 'f1' },
  agent_id: { value: 'a1' },
  hostname: 'node1',
  allocation_info,
  resources: [
    { name: 'cpus', type: 'SCALAR', scalar: { value: 4 }, allocation_info },
    { name: 'mem', type: 'SCALAR', scalar: { value: 4_096 }, allocation_info },
  ],
  ...more,
});

/** One task for each of `jobs`, in agent `a1` and role `god`, as `anOffer` has them. */
export const aBatch = (offers: string[], ...jobs: number[]): LaunchBatch => ({
  offerIds: offers.map(offerId),
  orders: jobs.map((job) => ({
    taskId: taskIdOf(jobId(job), 1),
    jobId: jobId(job),
    name: 'job',
    agentId: agentId('a1'),
    role: 'god',
    needs: { cpuMilli: 1_000, memMb: 64, gpus: 0, ports: 0, custom: {} },
    ports: [],
    containerPorts: [],
    image: null,
    alwaysPull: false,
    isCpuCapped: false,
    volumes: [],
    hasNetwork: false,
    networkName: null,
    identity: { uid: 1, gid: 1, sgids: [], home: '/', email: null },
    isRoot: false,
    argv: ['true'],
    environment: {},
    labels: {},
    killGraceMs: 1_000,
    lifespanMs: null,
    credentialsFile: null,
    login: 'u',
  })),
});
