/** Keeps one subscription to the leading master alive, and sends calls beside it. Acts; `subscription.ts` decides. */
import type { Clock, Random, Timer, Timers } from '../contracts/clock.js';
import type { LaunchAnswer } from '../contracts/cluster.js';
import { CALLS_DRAIN_MS_MAX } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import { assert, unreachable } from '../core/assert.js';
import * as calls from './calls.js';
import { BadMessage, decodeEvent, encodeCall, type MediaType } from './codec.js';
import { type FrameworkIdentity, frameworkInfo } from './identity.js';
import type { Call, Event, FrameworkInfo } from './messages.js';
import { BrokenStream, RecordDecoder } from './recordio.js';
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
}

export interface ConnectionOptions {
  /** `host:port` or URL of each master, in the order they are tried. Anyone leads to the leader. */
  readonly masters: readonly string[];
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
}

/** One stream's life: calls carry its id, and the master refuses those of any other. */
export interface Session {
  readonly target: Target;
  readonly streamId: string;
}

export class MasterConnection {
  readonly #ports: MesosPorts;
  readonly #mediaType: MediaType;
  readonly #masters: readonly Target[];
  readonly #info: FrameworkInfo;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #listener: ConnectionListener;
  readonly #mayAct: () => boolean;
  #state: Subscription = IDLE;
  #session: Session | undefined;
  #stream: { close(): void } | undefined;
  #timer: Timer | undefined;
  #frameworkId: string | null = null;
  readonly #underWay = new Set<Promise<Answer>>();

  /** @throws ServiceError when an address of a master is none. */
  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    assert(options.masters.length > 0, 'at least one master is configured');
    const { principal, secret } = options.framework;
    this.#ports = options.ports;
    this.#mediaType = options.mediaType;
    this.#masters = options.masters.map(targetOf);
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
  }

  /**
   * Waits a short while for the answers to calls under way, then closes the stream. The master keeps our tasks.
   * `isAtOnce`: waits for nothing; calls under way are given up.
   */
  async stop({ isAtOnce }: { readonly isAtOnce: boolean }): Promise<void> {
    if (!isAtOnce)
      await Promise.race([Promise.all(this.#underWay), this.#pause(CALLS_DRAIN_MS_MAX)]);
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
      headers: { ...this.#headers, 'mesos-stream-id': session.streamId },
      body: encodeCall(call, this.#mediaType),
    });
    this.#underWay.add(underWay);
    const answer = await underWay;
    this.#underWay.delete(underWay);
    const verdict = judge(answer);
    // With their stream calls lose their meaning; what becomes of them is no news.
    if (verdict.answer !== 'sent' && session === this.#session)
      this.#ports.log.warn('call not taken', { call: call.type, verdict, answer });
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
        this.#frameworkId = effect.frameworkId;
        this.#session = { target: effect.target, streamId: effect.streamId };
        this.#listener.subscribed(effect.frameworkId);
        break;
      case 'lost':
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
    } catch (error) {
      if (!(error instanceof BrokenStream)) throw error;
      this.#input({ kind: 'ended', because: error.message });
    }
  }

  #readRecord(record: Buffer): void {
    let event: Event;
    try {
      event = decodeEvent(record, this.#mediaType);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      // One strange event must not cost the stream: a newer master may say things we do not know.
      this.#ports.log.error('event not understood', { because: error.message });
      return;
    }
    this.#input({ kind: 'event', event });
  }
}

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
