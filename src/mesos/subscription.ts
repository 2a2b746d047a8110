/**
 * The life of our subscription to the leading master, as a value and a pure step: inputs are what the wire and the
 * timer report, effects are what the shell must do, in order. Owns no socket, timer or clock.
 */
import type { Random } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';
import {
  BACKOFF_MS_MAX,
  BACKOFF_MS_MIN,
  HEARTBEATS_MISSED_MAX,
  REDIRECTS_MAX,
  SUBSCRIBE_ANSWER_MS_MAX,
} from '../contracts/limits.js';
import { unreachable } from '../core/assert.js';
import type { Event } from './messages.js';

/** Where a master answers: `http://host:port` and the path of its scheduler API. */
export interface Target {
  readonly origin: string;
  readonly path: string;
}

export const SCHEDULER_PATH = '/api/v1/scheduler';
/** Until the master says otherwise. Also how long a subscription must last to count as a success. */
const HEARTBEAT_MS = 15_000;
const HEARTBEAT_MS_MAX = 3_600_000;

/** Failures in a row; they lengthen the back-off and rotate through the masters. */
interface Trying {
  readonly failures: number;
}

export type Subscription =
  | { readonly kind: 'idle' }
  /** SUBSCRIBE is under way; `redirects` have been followed since the last back-off. */
  | (Trying & { readonly kind: 'connecting'; readonly target: Target; readonly redirects: number })
  /** The master answered 200. That is no subscription yet: it may still say ERROR. */
  | (Trying & { readonly kind: 'opened'; readonly target: Target; readonly streamId: string })
  | (Trying & {
      readonly kind: 'subscribed';
      readonly target: Target;
      readonly streamId: string;
      readonly sinceMs: number;
      readonly heardMs: number;
      readonly silenceMsMax: number;
    })
  /** `next` null: the masters in turn. */
  | (Trying & { readonly kind: 'waiting'; readonly next: Target | null })
  | { readonly kind: 'stopped' };

export type Input =
  | { readonly kind: 'start' }
  /** 200 with a stream; its id is null when the answer had none. */
  | { readonly kind: 'opened'; readonly streamId: string | null }
  /** Any other answer to SUBSCRIBE. */
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly location: string | null;
      readonly text: string;
    }
  | { readonly kind: 'event'; readonly event: Event }
  /** The stream, or the attempt at one, is over: an end, an error, a broken record. */
  | { readonly kind: 'ended'; readonly because: string }
  /** The timer that was last set ran out. */
  | { readonly kind: 'timer' }
  /** Somebody wants a new stream, so that calls of the old one are shut out. */
  | { readonly kind: 'renew'; readonly because: string }
  /** `masters` of the surroundings are others than before. */
  | { readonly kind: 'masters' }
  | { readonly kind: 'stop' };

export type Effect =
  /** Send SUBSCRIBE; it takes the place of a stream that may still be open. */
  | { readonly kind: 'connect'; readonly target: Target }
  /** Close the stream and forget what it may still say. */
  | { readonly kind: 'close' }
  /** Set the only timer anew. */
  | { readonly kind: 'timer'; readonly afterMs: number }
  | { readonly kind: 'cancelTimer' }
  /** `frameworkId` as the master says it; calls go to `target` under `streamId`. */
  | {
      readonly kind: 'subscribed';
      readonly frameworkId: string;
      readonly target: Target;
      readonly streamId: string;
    }
  | { readonly kind: 'lost'; readonly because: string }
  /** An administrator is needed; we go on trying, slowly. */
  | { readonly kind: 'refused'; readonly because: string }
  /** An event for the layers above. */
  | { readonly kind: 'deliver'; readonly event: Event };

export interface Stepped {
  readonly state: Subscription;
  readonly effects: readonly Effect[];
}

export interface Surroundings {
  /** Masters of the configuration, at least one; or those found elsewhere, none while nobody leads. */
  readonly masters: readonly Target[];
  readonly random: Random;
  /** Monotonic. */
  readonly nowMs: number;
}

export const IDLE: Subscription = { kind: 'idle' };

/** Decides; touches nothing. An input that does not fit the state changes nothing: it came late. */
export function step(state: Subscription, input: Input, around: Surroundings): Stepped {
  switch (input.kind) {
    case 'start':
      return state.kind === 'idle' ? connect(0, null, 0, around) : stay(state);
    case 'opened':
      return state.kind === 'connecting' ? opened(state, input.streamId, around) : stay(state);
    case 'answered':
      return state.kind === 'connecting' ? answered(state, input, around) : stay(state);
    case 'event':
      return heard(state, input.event, around);
    case 'ended':
      return isOpen(state) ? fail(state, input.because, around) : stay(state);
    case 'timer':
      return timer(state, around);
    case 'renew':
      return renew(state, input.because, around);
    case 'masters':
      return elected(state, around);
    case 'stop':
      return { state: { kind: 'stopped' }, effects: [{ kind: 'cancelTimer' }, { kind: 'close' }] };
    default:
      return unreachable(input);
  }
}

type Open = Extract<Subscription, { kind: 'connecting' | 'opened' | 'subscribed' }>;

const isOpen = (state: Subscription): state is Open =>
  state.kind === 'connecting' || state.kind === 'opened' || state.kind === 'subscribed';

const stay = (state: Subscription): Stepped => ({ state, effects: [] });

function connect(
  failures: number,
  next: Target | null,
  redirects: number,
  { masters }: Surroundings,
): Stepped {
  const target = next ?? masters[failures % masters.length];
  if (target === undefined) {
    // Nobody leads. An election wakes us; the timer only says it again.
    return {
      state: { kind: 'waiting', failures, next: null },
      effects: [{ kind: 'timer', afterMs: SUBSCRIBE_ANSWER_MS_MAX }],
    };
  }
  return {
    state: { kind: 'connecting', failures, target, redirects },
    effects: [
      { kind: 'timer', afterMs: SUBSCRIBE_ANSWER_MS_MAX },
      { kind: 'connect', target },
    ],
  };
}

function opened(
  state: Extract<Subscription, { kind: 'connecting' }>,
  streamId: string | null,
  around: Surroundings,
): Stepped {
  if (streamId === null) return fail(state, 'the answer has no Mesos-Stream-Id', around);
  const { failures, target } = state;
  return {
    state: { kind: 'opened', failures, target, streamId },
    effects: [{ kind: 'timer', afterMs: SUBSCRIBE_ANSWER_MS_MAX }],
  };
}

function answered(
  state: Extract<Subscription, { kind: 'connecting' }>,
  { status, location, text }: Extract<Input, { kind: 'answered' }>,
  around: Surroundings,
): Stepped {
  const said = `${status} ${text}`.trim();
  if (status === 307 || status === 302 || status === 308) {
    const target = location === null ? undefined : redirected(location, state.target);
    if (target === undefined) return fail(state, `${said} without a usable Location`, around);
    if (state.redirects >= REDIRECTS_MAX) return fail(state, 'redirected in circles', around);
    return connect(state.failures, target, state.redirects + 1, around);
  }
  // Masters that start answer 404, then 503; one without a leader 503. All of that passes by itself.
  if (status === 404 || status === 408 || status === 429 || status >= 500)
    return fail(state, said, around);
  return refuse(state, said, around);
}

/**
 * A master of the configuration: `host:port` or `http(s)://host:port`.
 * @throws ServiceError when it is neither.
 */
export function targetOf(master: string): Target {
  const target = redirected(master.includes('://') ? master : `http://${master}`, NOWHERE);
  if (target === undefined)
    throw new ServiceError('bad-field', `"${master}" is not host:port of a Mesos master`, {
      master,
    });
  return target;
}

const NOWHERE: Target = { origin: 'http://localhost', path: SCHEDULER_PATH };

/** Masters leave the scheme out, some servers host or path too. None leads us out of TLS: our secret goes along. */
export function redirected(location: string, from: Target): Target | undefined {
  const isBare = /^[\w.-]+:\d+(\/|$)/.test(location);
  try {
    const url = new URL(isBare ? `//${location}` : location, `${from.origin}${from.path}`);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
    if (url.protocol === 'http:' && from.origin.startsWith('https:')) return undefined;
    return { origin: url.origin, path: url.pathname === '/' ? from.path : url.pathname };
  } catch {
    return undefined;
  }
}

function heard(state: Subscription, event: Event, around: Surroundings): Stepped {
  if (state.kind !== 'opened' && state.kind !== 'subscribed') return stay(state);
  if (event.type === 'ERROR') {
    // Removed, a bad role, a wrong principal; or "failed over": another leader of ours has taken over, and to fight
    // back at once would rob it in turn.
    return refuse(state, event.error?.message ?? 'an error without words', around);
  }
  if (state.kind === 'subscribed')
    return {
      state: { ...state, heardMs: around.nowMs },
      effects: event.type === 'HEARTBEAT' ? [] : [{ kind: 'deliver', event }],
    };
  const frameworkId = event.subscribed?.framework_id.value;
  if (event.type !== 'SUBSCRIBED' || frameworkId === undefined)
    return fail(state, `the first event was ${event.type ?? 'unknown'}`, around);
  if (frameworkId === '') return fail(state, 'the master gave us no name', around);
  const heartbeatMs = (event.subscribed?.heartbeat_interval_seconds ?? 0) * 1_000;
  // No interval at all, or one that no timer could keep, counts as the usual one.
  const isUsable = heartbeatMs >= 1 && heartbeatMs <= HEARTBEAT_MS_MAX;
  const silenceMsMax = (isUsable ? heartbeatMs : HEARTBEAT_MS) * HEARTBEATS_MISSED_MAX;
  const { failures, target, streamId } = state;
  const sinceMs = around.nowMs;
  return {
    state: {
      kind: 'subscribed',
      failures,
      target,
      streamId,
      sinceMs,
      heardMs: sinceMs,
      silenceMsMax,
    },
    effects: [
      { kind: 'timer', afterMs: silenceMsMax },
      { kind: 'subscribed', frameworkId, target, streamId },
    ],
  };
}

function timer(state: Subscription, around: Surroundings): Stepped {
  switch (state.kind) {
    case 'idle':
    case 'stopped':
      return stay(state);
    case 'waiting': {
      const { state: next, effects } = connect(state.failures, state.next, 0, around);
      const lost: Effect = { kind: 'lost', because: 'no leading master is known' };
      return { state: next, effects: next.kind === 'waiting' ? [lost, ...effects] : effects };
    }
    case 'connecting':
      return fail(state, 'no answer to SUBSCRIBE', around);
    case 'opened':
      return fail(state, 'no first event', around);
    case 'subscribed': {
      // Records only note when they came; the timer is set anew when it runs out, not for each of them.
      const restMs = state.heardMs + state.silenceMsMax - around.nowMs;
      return restMs > 0
        ? { state, effects: [{ kind: 'timer', afterMs: restMs }] }
        : fail(state, 'no heartbeats', around);
    }
    default:
      return unreachable(state);
  }
}

function renew(state: Subscription, because: string, around: Surroundings): Stepped {
  if (state.kind !== 'subscribed') return stay(state); // A new stream is on its way already.
  // The master lives, so go back to it at once; but not in a tight circle if each stream is renewed right away.
  const failures = failuresAfter(state, around);
  const afterMs = failures > 1 ? backoffMs(failures, around.random) : 0;
  return {
    state: { kind: 'waiting', failures, next: state.target },
    effects: [{ kind: 'close' }, { kind: 'lost', because }, { kind: 'timer', afterMs }],
  };
}

/** Another leads now: to it at once. Where none does, a stream that still lives is left alone. */
function elected(state: Subscription, around: Surroundings): Stepped {
  if (state.kind === 'idle' || state.kind === 'stopped' || around.masters.length === 0)
    return stay(state);
  if (state.kind === 'waiting') return connect(0, null, 0, around);
  if (around.masters.some(({ origin }) => origin === state.target.origin)) return stay(state);
  const { state: next, effects } = connect(0, null, 0, around);
  return {
    state: next,
    effects: [{ kind: 'close' }, { kind: 'lost', because: 'another master leads' }, ...effects],
  };
}

/** A subscription that lasted clears the count; one that broke at once counts as one more failure. */
function failuresAfter(state: Open, { nowMs }: Surroundings): number {
  const hasLasted = state.kind === 'subscribed' && nowMs - state.sinceMs >= HEARTBEAT_MS;
  return hasLasted ? 1 : state.failures + 1;
}

function fail(state: Open, because: string, around: Surroundings): Stepped {
  const failures = failuresAfter(state, around);
  return {
    state: { kind: 'waiting', failures, next: null },
    effects: [
      { kind: 'close' },
      { kind: 'lost', because },
      { kind: 'timer', afterMs: backoffMs(failures, around.random) },
    ],
  };
}

/** Waits as long as ever: nothing mends by itself here, yet an administrator may mend it behind our back. */
function refuse(state: Open, because: string, around: Surroundings): Stepped {
  const { failures } = state;
  return {
    state: { kind: 'waiting', failures: failures + 1, next: null },
    effects: [
      { kind: 'close' },
      { kind: 'lost', because },
      { kind: 'refused', because },
      { kind: 'timer', afterMs: jitter(BACKOFF_MS_MAX, around.random) },
    ],
  };
}

/** Spreads retries so that a thousand frameworks do not knock on a new master together. */
export function backoffMs(failures: number, random: Random): number {
  return jitter(Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** (failures - 1)), random);
}

const jitter = (ceilingMs: number, random: Random): number =>
  Math.round(ceilingMs * (0.5 + random() / 2));
