/**
 * Where waiting jobs stand and when they would start: computed only when somebody asks, in portions of a few
 * milliseconds, so that cycles never wait for it, and not again before what there is has grown old.
 */
import type { AgentFacts } from '../contracts/agents.js';
import type { Timer } from '../contracts/clock.js';
import {
  OUTLOOK_FRESH_MS,
  OUTLOOK_PORTION_MS,
  OUTLOOK_TIME_PARTS,
  OUTLOOK_WAIT_MS_MAX,
  PLACES_EXACT_MAX,
  STARTS_ESTIMATED_MAX,
} from '../contracts/limits.js';
import type { Foreseen, ForeseenStart, OutlookFacts } from '../contracts/outlook.js';
import { excerptOf } from '../core/excerpt.js';
import { Foresight } from '../core/foresight.js';
import { fifo, type Policy } from '../core/policy.js';
import type { PendingQueue } from '../core/queue.js';
import { Survey, type Surveyed } from '../core/survey.js';
import type { JobId } from '../core/units.js';
import { guarded, PolicyFailed } from './guarded-policy.js';
import type { SchedulerOptions, SchedulerPorts } from './ports.js';
import { type Present, type PresentView, presentOf, type Supposed, supposed } from './present.js';

export type OutlookPorts = Pick<
  SchedulerPorts,
  'clock' | 'timers' | 'log' | 'failed' | 'policy' | 'policyWatch'
>;

type Options = Pick<SchedulerOptions, 'defaultExecutor' | 'reservationAfterMs'>;

export interface OutlookView extends PresentView {
  readonly queue: PendingQueue;
}

/** How long tasks take: as most do; as the quicker ones do; as the slower ones do. */
const SUPPOSITIONS = { likely: 0.5, early: 0.25, late: 0.75 } as const;
/** Jobs of a survey, done without a look at the clock: a fraction of a millisecond. */
const SURVEYED_AT_ONCE = 64;
/** Also on a clock that stands still a portion ends. */
const PARTS_AT_ONCE = 500;
const PAUSE_MS = 2 * OUTLOOK_PORTION_MS;

export class Outlook {
  readonly #ports: OutlookPorts;
  readonly #options: Options;
  readonly #view: OutlookView;
  #policy: Policy;
  #latest: OutlookFacts | undefined;
  #told: readonly AgentFacts[] = [];
  /** Monotonic: when the latest was begun, when the next may be. */
  #begunMs = Number.NEGATIVE_INFINITY;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #work: Generator<undefined> | undefined;
  #busyMs = 0;
  #timer: Timer | undefined;
  #waiters: (() => void)[] = [];
  #isClosed = false;
  /** The longest time, in milliseconds, that it ever held others up. */
  longestMs = 0;

  constructor(ports: OutlookPorts, options: Options, view: OutlookView) {
    this.#ports = ports;
    this.#options = options;
    this.#view = view;
    this.#policy = guarded(ports.policy);
  }

  close(): void {
    this.#isClosed = true;
    this.#work = undefined;
    this.#timer?.cancel();
    this.#tell();
  }

  /** The cluster's agents by name: those of which nothing was offered yet are known by this alone. */
  agentsTold(agents: readonly AgentFacts[]): void {
    this.#told = agents;
  }

  /**
   * The newest; a newer one is begun when that is old, and waited for, at most `OUTLOOK_WAIT_MS_MAX`. What cannot be
   * ready by then is told as far as it has come. Undefined: the term is over.
   */
  async ask(): Promise<OutlookFacts | undefined> {
    const nowMs = this.#ports.clock.monotonicMs();
    const isOld = nowMs - this.#begunMs >= OUTLOOK_FRESH_MS && nowMs >= this.#restUntilMs;
    if (this.#work === undefined && isOld && !this.#isClosed) this.#begin();
    if (this.#work !== undefined) await this.#progress();
    return this.#isClosed ? undefined : this.#latest;
  }

  #progress(): Promise<void> {
    return new Promise((go) => {
      const limit = this.#ports.timers.after(OUTLOOK_WAIT_MS_MAX, go);
      this.#waiters.push(() => {
        limit.cancel();
        go();
      });
    });
  }

  #tell(): void {
    for (const go of this.#waiters.splice(0)) go();
  }

  #begin(): void {
    this.#begunMs = this.#ports.clock.monotonicMs();
    this.#busyMs = 0;
    this.#work = this.#look();
    const portion = () => this.#portionLater(0);
    this.#view.accounting.ends.read().then(portion, this.#ports.failed);
  }

  #portionLater(afterMs: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#ports.timers.after(afterMs, () => {
      try {
        this.#portion();
      } catch (error) {
        this.#ports.failed(error);
      }
    });
  }

  #portion(): void {
    const { clock, log, policyWatch } = this.#ports;
    const startedMs = clock.monotonicMs();
    let isDone = false;
    let tookMs = 0;
    policyWatch?.begins();
    try {
      for (let n = 0; n < PARTS_AT_ONCE && tookMs < OUTLOOK_PORTION_MS && !isDone; n++) {
        isDone = this.#work?.next().done !== false;
        tookMs = clock.monotonicMs() - startedMs;
      }
    } catch (error) {
      if (!(error instanceof PolicyFailed)) throw error;
      // Cycles tell administrators of it, and go by order of submission: so does this.
      this.#policy = fifo;
      this.#work = this.#look();
    } finally {
      policyWatch?.ends();
    }
    this.#busyMs += tookMs;
    this.longestMs = Math.max(this.longestMs, tookMs);
    if (!isDone) {
      this.#portionLater(PAUSE_MS);
      return;
    }
    this.#work = undefined;
    this.#policy = guarded(this.#ports.policy);
    this.#restUntilMs = clock.monotonicMs() + OUTLOOK_TIME_PARTS * this.#busyMs;
    log.debug('outlook made', { busyMs: this.#busyMs, longestMs: this.longestMs });
    this.#tell();
  }

  /** Everything, in parts that take a millisecond or so each. */
  *#look(): Generator<undefined> {
    const { queue, accounting } = this.#view;
    const at = this.#ports.clock.now();
    const survey = new Survey({
      queue,
      at,
      policy: this.#policy,
      standings: accounting.standingsAt(at),
      priorityOf: accounting.limits.priorityOf,
      exactMax: PLACES_EXACT_MAX,
    });
    yield;
    while (!survey.hasFirst) {
      survey.go(SURVEYED_AT_ONCE);
      yield;
    }
    this.#latest = { survey: survey.result(), foreseen: null };
    yield;
    const foreseen = yield* this.#foresee(this.#latest.survey);
    this.#latest = { survey: survey.result(), foreseen };
    this.#tell();
    yield;
    while (!survey.go(SURVEYED_AT_ONCE)) yield;
    this.#latest = { survey: survey.result(), foreseen };
  }

  *#foresee({ first }: Surveyed): Generator<undefined, Foreseen> {
    const at = this.#ports.clock.now();
    const wanted = first.slice(0, STARTS_ESTIMATED_MAX);
    const present = yield* presentOf(this.#view, this.#told, at);
    const { likely, early, late } = SUPPOSITIONS;
    const most = yield* this.#play(present, wanted, likely);
    const quick = yield* this.#play(present, wanted, early);
    const slow = yield* this.#play(present, wanted, late);
    const secondsTo = ({ starts }: Foresight, id: JobId): number | null => {
      const startsAt = starts.get(id);
      return startsAt === undefined ? null : Math.round((startsAt - at) / 1_000);
    };
    const starts: ForeseenStart[] = [...new Set([...wanted, ...most.played.starts.keys()])].map(
      (id) => {
        const three = [most, quick, slow].map(({ played }) => secondsTo(played, id));
        return inOrder(id, three);
      },
    );
    const { end, now: until } = most.played;
    const { bases } = most.supposed;
    return { at, starts, end: end ?? 'far', until, bases, agents: present.agents.length };
  }

  *#play(
    present: Present,
    wanted: readonly JobId[],
    quantile: number,
  ): Generator<undefined, { readonly played: Foresight; readonly supposed: Supposed }> {
    const { queue, accounting } = this.#view;
    const { at, agents, reservations } = present;
    const excerpt = yield* excerptOf(queue, wanted);
    const usage = accounting.standingsAt(at).copy();
    yield;
    const limits = accounting.limits.copy();
    yield;
    const suppose = supposed(present, this.#view, quantile);
    const { running, takesMs } = suppose;
    const played = new Foresight({
      at,
      agents,
      running,
      takesMs,
      usage,
      limits,
      reservations,
      queue: excerpt,
      policy: this.#policy,
      wanted: wanted.filter((id) => excerpt.has(id)),
      defaultExecutor: this.#options.defaultExecutor,
      reservationAfterMs: this.#options.reservationAfterMs ?? null,
    });
    yield;
    while (played.step()) yield;
    return { played, supposed: suppose };
  }
}

/** Quicker tasks let some jobs start later, because others go first: the range is told as a range all the same. */
function inOrder(id: JobId, [likely = null, ...others]: readonly (number | null)[]): ForeseenStart {
  const known = [likely, ...others].filter((one) => one !== null);
  const isOpen = others.some((one) => one === null) || likely === null;
  return [
    id,
    likely,
    known.length === 0 ? null : Math.min(...known),
    isOpen ? null : Math.max(...known),
  ];
}
