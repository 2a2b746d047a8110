/**
 * The network between our processes and the masters, as the transport port of the Mesos client. Each connection keeps
 * its order, several do not; requests and answers get lost or late; streams break on one side first; a partition is silent.
 */
import type { Timer } from '../../src/contracts/clock.js';
import { decodeCall, encodeEvent, type MediaType } from '../../src/mesos/codec.js';
import { encodeRecord } from '../../src/mesos/recordio.js';
import type { Answer, Lane, Post, StreamListener, Transport } from '../../src/mesos/transport.js';
import type { Chance } from './chance.js';
import type { MasterStream, SimMaster } from './master.js';
import type { SimProcess } from './process.js';
import type { SimTime } from './time.js';
import type { Trace } from './trace.js';

/** How bad the network is: chances for one call. */
export interface Weather {
  /** The request gets lost, or its answer, or it arrives after everybody has given up. */
  loss: number;
  /** Records are cut into pieces. */
  cutting: number;
}

export interface NetworkPorts {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly weather: Weather;
  readonly mediaType: MediaType;
  /** The master at an origin, if its machine answers, and the leading one. */
  readonly masterAt: (origin: string) => SimMaster | 'follower' | undefined;
  readonly leader: () => { readonly origin: string; readonly master: SimMaster } | undefined;
}

const LATENCY_MS_MAX = 8;
/** As the real transport has it. */
const CALL_MS_MAX = 10_000;
const LAUNCHES_AT_ONCE = 4;

interface Queued {
  readonly lane: Lane;
  readonly post: Post;
  readonly resolve: (answer: Answer) => void;
  isSettled: boolean;
  patience: Timer | undefined;
}

/** The wire of one life of a process. */
export class SimTransport implements Transport {
  readonly #process: SimProcess;
  readonly #ports: NetworkPorts;
  readonly #streams = new Set<SimStream>();
  readonly #waiting: Record<Lane, Queued[]> = { launches: [], orders: [], receipts: [] };
  readonly #underWay: Record<Lane, Set<Queued>> = {
    launches: new Set(),
    orders: new Set(),
    receipts: new Set(),
  };
  #receiptsArriveMs = 0;
  #streamCount = 0;
  /** Nothing gets through, and nobody is told. */
  #isSilent = false;
  readonly #parked: (() => void)[] = [];

  constructor(process: SimProcess, ports: NetworkPorts) {
    this.#process = process;
    this.#ports = ports;
  }

  // ---- faults

  silence(): void {
    this.#isSilent = true;
  }

  heal(): void {
    this.#isSilent = false;
    for (const call of this.#parked.splice(0)) this.#ports.time.after(0, call);
  }

  /** Connections break; each side learns of it in its own time. */
  cut(): void {
    for (const stream of this.#streams) stream.cut('the connection was reset');
  }

  /** The process is no more: its kernel closes what it had. */
  abandoned(): void {
    for (const stream of this.#streams) stream.closeFromHere();
  }

  /** Carries out later, or when the silence ends. */
  travels(ms: number, call: () => void): void {
    this.#ports.time.after(ms, () => {
      if (this.#isSilent) this.#parked.push(call);
      else call();
    });
  }

  nextStreamId(): string {
    this.#streamCount += 1;
    return `${this.#process.name}-stream-${this.#streamCount}`;
  }

  latency(): number {
    return this.#ports.chance.between(1, LATENCY_MS_MAX);
  }

  // ---- streams

  subscribe(post: Post, listener: StreamListener): { close(): void } {
    if (!this.#process.leaves('SUBSCRIBE')) return { close() {} };
    const stream = new SimStream(this, this.#process, this.#ports, listener);
    this.#streams.add(stream);
    this.travels(this.latency(), () => this.#arrive(post, stream));
    return {
      close: () => {
        if (this.#process.isDead) return;
        this.#streams.delete(stream);
        stream.closeFromHere();
      },
    };
  }

  #arrive(post: Post, stream: SimStream): void {
    if (stream.isClosedHere) return;
    const { masterAt, leader, mediaType } = this.#ports;
    const master = masterAt(post.target.origin);
    if (master === undefined) {
      stream.refuse((to) => to.ended('connect ECONNREFUSED'));
      return;
    }
    if (master === 'follower') {
      const leading = leader();
      const answer = {
        kind: 'answered',
        status: leading === undefined ? 503 : 307,
        location: leading === undefined ? null : `${leading.origin}/api/v1/scheduler`,
        text: '',
      } as const;
      stream.refuse((to) => to.answered(answer));
      return;
    }
    stream.open(master);
    master.subscribe(decodeCall(post.body, mediaType), stream);
  }

  // ---- calls

  call(lane: Lane, post: Post): Promise<Answer> {
    if (!this.#process.leaves(`a call on ${lane}`)) return new Promise(() => {});
    return new Promise((resolve) => {
      this.#waiting[lane].push({ lane, post, resolve, isSettled: false, patience: undefined });
      this.#next(lane);
    });
  }

  renew(): void {
    for (const lane of ['orders', 'receipts'] as const) {
      for (const queued of this.#waiting[lane].splice(0))
        this.#settle(queued, { kind: 'unanswered', because: 'destroyed' });
      for (const queued of [...this.#underWay[lane]])
        this.#settle(queued, { kind: 'unanswered', because: 'destroyed' });
    }
  }

  async close(): Promise<void> {
    this.renew();
    while (this.#underWay.launches.size + this.#waiting.launches.length > 0)
      await new Promise<void>((go) => this.#process.after(50, go));
  }

  #next(lane: Lane): void {
    const most = lane === 'orders' ? 1 : lane === 'launches' ? LAUNCHES_AT_ONCE : 64;
    while (this.#underWay[lane].size < most) {
      const queued = this.#waiting[lane].shift();
      if (queued === undefined) return;
      this.#underWay[lane].add(queued);
      this.#send(queued);
    }
  }

  #send(queued: Queued): void {
    const { chance, weather, time } = this.#ports;
    queued.patience = this.#process.after(CALL_MS_MAX, () =>
      this.#settle(queued, { kind: 'unanswered', because: 'headers timeout' }),
    );
    const isHurt = chance.happens(weather.loss);
    const kind = isHurt ? chance.pick(HURTS) : undefined;
    if (kind === 'unsent') {
      this.#answer(queued, { kind: 'unsent', because: 'connect ECONNREFUSED' });
      return;
    }
    if (kind === 'request') {
      this.#breaks(queued);
      return;
    }
    let delayMs = kind === 'late' ? chance.between(10_000, 60_000) : this.latency();
    if (queued.lane === 'receipts') {
      this.#receiptsArriveMs = Math.max(this.#receiptsArriveMs, time.nowMs + delayMs);
      if (kind !== 'late') delayMs = this.#receiptsArriveMs - time.nowMs;
      else this.#receiptsArriveMs = 0;
    }
    this.travels(delayMs, () => {
      const answer = this.#atMaster(queued.post);
      if (kind === 'answer') this.#breaks(queued);
      else this.#answer(queued, answer);
    });
  }

  #breaks(queued: Queued): void {
    if (this.#ports.chance.happens(0.5))
      this.#answer(queued, { kind: 'unanswered', because: 'read ECONNRESET' });
  }

  #atMaster({ target, headers, body }: Post): Answer {
    const { masterAt, leader, mediaType, trace } = this.#ports;
    const master = masterAt(target.origin);
    if (master === undefined) return { kind: 'unanswered', because: 'read ECONNRESET' };
    if (master === 'follower') {
      const origin = leader()?.origin;
      const location = origin === undefined ? null : `${origin}/api/v1/scheduler`;
      return { kind: 'answered', status: origin === undefined ? 503 : 307, location, text: '' };
    }
    const call = decodeCall(body, mediaType);
    const { status, text } = master.call(call, headers['mesos-stream-id']);
    if (status !== 202) trace.add(this.#process.name, `${call.type} refused: ${status} ${text}`);
    return { kind: 'answered', status, location: null, text };
  }

  #answer(queued: Queued, answer: Answer): void {
    this.travels(this.latency(), () => this.#process.enter(() => this.#settle(queued, answer)));
  }

  #settle(queued: Queued, answer: Answer): void {
    if (queued.isSettled) return;
    queued.isSettled = true;
    queued.patience?.cancel();
    this.#underWay[queued.lane].delete(queued);
    queued.resolve(answer);
    this.#next(queued.lane);
  }
}

const HURTS = ['unsent', 'request', 'request', 'answer', 'answer', 'late'] as const;

/** One SUBSCRIBE and its answer. */
class SimStream implements MasterStream {
  readonly id: string;
  readonly #wire: SimTransport;
  readonly #process: SimProcess;
  readonly #ports: NetworkPorts;
  readonly #listener: StreamListener;
  #master: SimMaster | undefined;
  #arrivesMs = 0;
  isClosedHere = false;
  #isOver = false;

  constructor(
    wire: SimTransport,
    process: SimProcess,
    ports: NetworkPorts,
    listener: StreamListener,
  ) {
    this.id = wire.nextStreamId();
    this.#wire = wire;
    this.#process = process;
    this.#ports = ports;
    this.#listener = listener;
  }

  open(master: SimMaster): void {
    this.#master = master;
    this.#deliver((to) => to.opened({ streamId: this.id }));
  }

  refuse(word: (to: StreamListener) => void): void {
    this.#isOver = true;
    this.#deliver(word);
  }

  /** In order, whatever the delay. */
  #deliver(word: (to: StreamListener) => void): void {
    const { time } = this.#ports;
    this.#arrivesMs = Math.max(this.#arrivesMs, time.nowMs + this.#wire.latency());
    this.#wire.travels(this.#arrivesMs - time.nowMs, () =>
      this.#process.enter(() => {
        if (!this.isClosedHere) word(this.#listener);
      }),
    );
  }

  send(event: Parameters<MasterStream['send']>[0]): void {
    if (this.#isOver) return;
    const { chance, weather, mediaType } = this.#ports;
    const bytes = encodeRecord(encodeEvent(event, mediaType));
    if (!chance.happens(weather.cutting)) {
      this.#deliver((to) => to.bytes(bytes));
      return;
    }
    const at = chance.between(1, bytes.length - 1);
    this.#deliver((to) => to.bytes(bytes.subarray(0, at)));
    this.#deliver((to) => to.bytes(bytes.subarray(at)));
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deliver((to) => to.ended('the master ended the stream'));
  }

  closeFromHere(): void {
    this.isClosedHere = true;
    this.#wire.travels(this.#wire.latency(), () => this.#master?.disconnected(this));
  }

  cut(because: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { chance, time } = this.#ports;
    this.#deliver((to) => to.ended(because));
    // A master may believe in a broken connection for long.
    time.after(chance.between(1, 30_000), () => this.#master?.disconnected(this));
  }
}
