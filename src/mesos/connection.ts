/** Keeps one subscription to the leading master alive, and sends calls beside it. Acts; `subscription.ts` decides. */
import type { Clock, Random, Timer, Timers } from '../contracts/clock.js';
import type { LaunchAnswer } from '../contracts/cluster.js';
import { type MesosCounter, type MesosCounters, UNCOUNTED } from '../contracts/counters.js';
import { CALLS_DRAIN_MS_MAX, UNREADABLE_RENEW_EACH_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import { assert, unreachable } from '../core/assert.js';
import * as calls from './calls.js';
import { BadMessage, decodeEvent, encodeCall, type MediaType } from './codec.js';
import { type FrameworkIdentity, frameworkInfo } from './identity.js';
import type { MasterFinder } from './masters.js';
import type { Call, Event, FrameworkInfo } from './messages.js';
import { BrokenStream, RecordDecoder } from './recordio.js';
import { salvageOffers } from './salvage.js';
import {
  type Effect,
  IDLE,
  type Input,
  type Subscription,
  step,
  type Target,
  targetOf,
} from './subscription.js';
import type { Answer, Lane, Transport } from './transport.js';

export interface MesosPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  readonly transport: Transport;
  /** Absent: nobody counts. */
  readonly counters?: MesosCounters;
}

export interface ConnectionOptions {
  /** `host:port` or URL of each master, in the order they are tried: anyone leads to the leader. Or who finds them. */
  readonly masters: readonly string[] | MasterFinder;
  readonly framework: FrameworkIdentity;
  readonly mediaType: MediaType;
  /** Asked before anything is sent; false: not one word more. Absent: always. */
  readonly mayAct?: () => boolean;
  readonly ports: MesosPorts;
}

export interface ConnectionListener {
  /** A new stream. Everything said on older ones is void. */
  subscribed(frameworkId: string): void;
  /** The stream, or an attempt at one, is over; the next attempt follows by itself. */
  lost(because: string): void;
  refused(because: string): void;
  /** Events of the present stream, without heartbeats. */
  event(event: Event): void;
  /** Offers of the present stream that nobody can read: the master counts them as ours. */
  brokenOffers(ids: readonly string[]): void;
}

/** One stream's life: calls carry its id, and the master refuses those of any other. */
export interface Session {
  readonly target: Target;
  readonly streamId: string;
  /** Of every call on it. */
  readonly headers: Readonly<Record<string, string>>;
}

export class MasterConnection {
  readonly #ports: MesosPorts;
  readonly #mediaType: MediaType;
  readonly #finder: MasterFinder | null;
  #masters: readonly Target[];
  readonly #info: FrameworkInfo;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #listener: ConnectionListener;
  readonly #mayAct: () => boolean;
  #state: Subscription = IDLE;
  #session: Session | undefined;
  #stream: { close(): void } | undefined;
  #timer: Timer | undefined;
  #frameworkId: string | null = null;
  /** An event of this stream could not be read: offers in it are ours, and nobody here knows them. */
  #isMissingEvents = false;
  #mendedAtMs = Number.NEGATIVE_INFINITY;
  readonly #underWay = new Set<Promise<Answer>>();

  /** @throws ServiceError when an address of a master is none. */
  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    const { masters } = options;
    const { principal, secret } = options.framework;
    this.#ports = options.ports;
    this.#mediaType = options.mediaType;
    this.#finder = 'start' in masters ? masters : null;
    this.#masters = 'start' in masters ? [] : masters.map(targetOf);
    assert(this.#finder !== null || this.#masters.length > 0, 'at least one master is configured');
    this.#info = frameworkInfo(options.framework);
    this.#listener = listener;
    this.#mayAct = options.mayAct ?? (() => true);
    this.#headers = {
      'content-type': options.mediaType,
      ...(principal === null || secret === null
        ? {}
        : { authorization: `Basic ${Buffer.from(`${principal}:${secret}`).toString('base64')}` }),
    };
  }

  /** The present stream; undefined between two of them. Compare by identity. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Subscribes, and goes on trying for ever. `frameworkId` null: the master shall name us. */
  start(frameworkId: string | null): void {
    this.#frameworkId = frameworkId;
    this.#input({ kind: 'start' });
    this.#finder?.start((masters) => {
      this.#masters = masters;
      this.#input({ kind: 'masters' });
    });
  }

  /**
   * Waits a short while for the answers to calls under way, then closes the stream. The master keeps our tasks.
   * `isAtOnce`: waits for nothing; calls under way are given up.
   */
  async stop({ isAtOnce }: { readonly isAtOnce: boolean }): Promise<void> {
    if (!isAtOnce)
      await Promise.race([Promise.all(this.#underWay), this.#pause(CALLS_DRAIN_MS_MAX)]);
    this.#finder?.stop();
    this.#input({ kind: 'stop' });
    await this.#ports.transport.close({ isAtOnce });
  }

  /** Drops the stream and asks for a new one at once. */
  renew(because: string): void {
    this.#input({ kind: 'renew', because });
  }

  /** Drops the stream and asks for a new one after the usual back-off. */
  giveUp(because: string): void {
    this.#input({ kind: 'ended', because });
  }

  /** Sends on the present stream, as the call is. `refused` also when there is none. */
  async send(lane: Lane, call: Call): Promise<LaunchAnswer> {
    const session = this.#session;
    if (session === undefined || !this.#mayAct()) return 'refused';
    const underWay = this.#ports.transport.call(lane, {
      target: session.target,
      headers: session.headers,
      body: encodeCall(call, this.#mediaType),
    });
    this.#underWay.add(underWay);
    const answer = await underWay;
    this.#underWay.delete(underWay);
    const verdict = judge(answer);
    // With their stream calls lose their meaning; what becomes of them is no news.
    if (verdict.answer !== 'sent' && session === this.#session) {
      this.#count(verdict.answer === 'doubt' ? 'calls_in_doubt' : 'calls_refused');
      this.#ports.log.warn('call not taken', { call: call.type, verdict, answer });
    }
    if (verdict.isSessionOver && session === this.#session) this.renew(verdict.because);
    return verdict.answer;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#ports.timers.after(ms, resolve);
    });
  }

  #input(input: Input): void {
    const around = {
      masters: this.#masters,
      random: this.#ports.random,
      nowMs: this.#ports.clock.monotonicMs(),
    };
    const { state, effects } = step(this.#state, input, around);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'connect':
        this.#connect(effect.target);
        break;
      case 'close':
        this.#stream?.close();
        this.#stream = undefined;
        this.#session = undefined;
        break;
      case 'timer':
        this.#timer?.cancel();
        this.#timer = this.#ports.timers.after(effect.afterMs, () =>
          this.#input({ kind: 'timer' }),
        );
        break;
      case 'cancelTimer':
        this.#timer?.cancel();
        break;
      case 'subscribed':
        this.#count('subscriptions');
        this.#isMissingEvents = false;
        this.#frameworkId = effect.frameworkId;
        this.#session = {
          target: effect.target,
          streamId: effect.streamId,
          headers: { ...this.#headers, 'mesos-stream-id': effect.streamId },
        };
        this.#listener.subscribed(effect.frameworkId);
        break;
      case 'lost':
        this.#count('disconnections');
        this.#ports.log.warn('not subscribed', { because: effect.because });
        this.#listener.lost(effect.because);
        break;
      case 'refused':
        this.#ports.log.error('the master will not have us', { because: effect.because });
        this.#listener.refused(effect.because);
        break;
      case 'deliver':
        this.#listener.event(effect.event);
        break;
      default:
        unreachable(effect);
    }
  }

  #connect(target: Target): void {
    this.#stream?.close();
    // A subscription of ours would end that of the one who leads now.
    if (!this.#mayAct()) return;
    this.#ports.transport.renew();
    const decoder = new RecordDecoder();
    const post = {
      target,
      headers: { ...this.#headers, accept: this.#mediaType },
      body: encodeCall(calls.subscribe(this.#info, this.#frameworkId), this.#mediaType),
    };
    this.#stream = this.#ports.transport.subscribe(post, {
      opened: ({ streamId }) => this.#input({ kind: 'opened', streamId }),
      bytes: (chunk) => this.#read(decoder, chunk),
      answered: ({ status, location, text }) =>
        this.#input({ kind: 'answered', status, location, text }),
      ended: (because) => this.#input({ kind: 'ended', because }),
    });
  }

  #read(decoder: RecordDecoder, chunk: Uint8Array): void {
    try {
      // An event may end the stream; the state then takes no more of what follows it in the same chunk.
      for (const record of decoder.push(chunk)) this.#readRecord(record);
      this.#mend();
    } catch (error) {
      if (!(error instanceof BrokenStream)) throw error;
      this.#count('streams_broken');
      this.#input({ kind: 'ended', because: error.message });
    }
  }

  /** Makes the master offer again what an unreadable event may have held; a master that always says such things, seldom. */
  #mend(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    if (!this.#isMissingEvents || this.#session === undefined) return;
    if (nowMs - this.#mendedAtMs < UNREADABLE_RENEW_EACH_MS) return;
    this.#mendedAtMs = nowMs;
    this.renew('an event could not be read');
  }

  /** Whether the record is an OFFERS event of which only some offers cannot be read. The others are used. */
  #salvage(record: Buffer): boolean {
    const salvage = salvageOffers(record, this.#mediaType);
    if (salvage === undefined || salvage.broken.length === 0) return false;
    const { event, broken } = salvage;
    for (const { id, because } of broken) {
      this.#count('offers_unreadable');
      this.#ports.log.error('offer not understood', { offerId: id, because });
    }
    const ids = broken.flatMap(({ id }) => id ?? []);
    // Without its id an offer cannot be given back, but a new stream voids it.
    if (ids.length < broken.length) this.#isMissingEvents = true;
    this.#input({ kind: 'event', event });
    if (ids.length > 0 && this.#session !== undefined) this.#listener.brokenOffers(ids);
    return true;
  }

  #count(what: MesosCounter): void {
    (this.#ports.counters ?? UNCOUNTED).count(what);
  }

  #readRecord(record: Buffer): void {
    let event: Event;
    try {
      event = decodeEvent(record, this.#mediaType);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      if (this.#salvage(record)) return;
      // One strange event must not cost the stream: a newer master may say things we do not know.
      this.#count('events_unreadable');
      this.#isMissingEvents = true;
      const begin = record.subarray(0, SHOWN_BYTES).toString('latin1');
      const facts = { because: error.message, bytes: record.length, begin };
      this.#ports.log.error('event not understood', facts);
      return;
    }
    if (event.type === undefined || event.type === 'UNKNOWN') {
      this.#count('events_unknown');
      this.#ports.log.warn('event of an unknown type passed over', { bytes: record.length });
    }
    this.#input({ kind: 'event', event });
  }
}

/** Of a record that cannot be read, for the log. */
const SHOWN_BYTES = 200;

interface Verdict {
  readonly answer: LaunchAnswer;
  /** The master does not count this stream as ours any more, or is no leader. */
  readonly isSessionOver: boolean;
  readonly because: string;
}

/** A master says only by its words which 400 is about the stream and which about the call. */
const ABOUT_SESSION = /stream id|framework cannot be found/i;

function judge(answer: Answer): Verdict {
  if (answer.kind !== 'answered') {
    const isUnsent = answer.kind === 'unsent';
    return {
      answer: isUnsent ? 'refused' : 'doubt',
      isSessionOver: isUnsent,
      because: answer.because,
    };
  }
  const { status, text } = answer;
  const because = `${status} ${text}`;
  if (status >= 200 && status < 300) return { answer: 'sent', isSessionOver: false, because };
  if (status === 400)
    return { answer: 'refused', isSessionOver: ABOUT_SESSION.test(text), because };
  // 307: another leads; 401, 403: not ours any more; 503: starting. In all of them nothing was done.
  if (status < 500 || status === 503) return { answer: 'refused', isSessionOver: true, because };
  return { answer: 'doubt', isSessionOver: false, because };
}
