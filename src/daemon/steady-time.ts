/**
 * Time for pauses before a next launch. The record says by some wall clock until when a job waits, but that clock may have
 * jumped since, and may have been another machine's. Here the clock of the term's start is carried on by the monotonic
 * one, and a pause that the record tells of is kept whole: too late costs seconds, too early starts a job beside its
 * former processes.
 */
import type { Clock } from '../contracts/clock.js';
import { LOST_GRACE_MS } from '../contracts/limits.js';
import { type Instant, instant } from '../core/units.js';

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
  fromStep(notBefore: Instant | null): Instant | null {
    if (notBefore === null) return null;
    const leftMs = notBefore - this.#clock.now();
    return instant(this.now() + Math.min(Math.max(0, leftMs), LOST_GRACE_MS));
  }

  /** The end of a pause that was found in the record: nobody knows how much of it has passed. */
  fromRecord(notBefore: Instant | null): Instant | null {
    return notBefore === null ? null : instant(this.now() + LOST_GRACE_MS);
  }
}
