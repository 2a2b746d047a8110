/**
 * Time for pauses before a next launch. The record says by some wall clock until when a job waits, but that clock may have
 * jumped since, and may have been another machine's. Here the clock of the term's start is carried on by the monotonic
 * one, and no pause gets longer than it was meant. The grace of a lost task that the record tells of is kept whole: too
 * late costs seconds, too early starts a job beside its former processes. Of a longer pause the wall clock may say how
 * much is left.
 */
import type { Clock } from '../contracts/clock.js';
import { LOST_GRACE_MS } from '../contracts/limits.js';
import type { PendingJob } from '../core/job.js';
import { type Instant, instant } from '../core/units.js';

/** As a job that waits keeps it. */
export type Pause = Pick<PendingJob, 'notBefore' | 'pauseMs'>;

export class SteadyTime {
  readonly #clock: Clock;
  readonly #aheadMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#aheadMs = clock.now() - clock.monotonicMs();
  }

  now(): Instant {
    return instant(this.#clock.monotonicMs() + this.#aheadMs);
  }

  /** The end of a pause that this term has just written. */
  fromStep({ notBefore, pauseMs }: Pause): Instant | null {
    if (notBefore === null) return null;
    const leftMs = notBefore - this.#clock.now();
    return instant(this.now() + Math.min(Math.max(0, leftMs), pauseMs));
  }

  /** The end of a pause that was found in the record: nobody knows how much of it has passed. */
  fromRecord({ notBefore, pauseMs }: Pause): Instant | null {
    if (notBefore === null) return null;
    const leftMs = notBefore - this.#clock.now();
    const leastMs = Math.min(pauseMs, LOST_GRACE_MS);
    return instant(this.now() + Math.min(Math.max(leastMs, leftMs), pauseMs));
  }
}
