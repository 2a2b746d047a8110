/**
 * Time for pauses before a next launch. The record says by some wall clock until when a job waits, but that clock may have
 * jumped since, and may have been another machine's. Here the clock of the term's start is carried on by the monotonic
 * one, and the grace of a lost task that the record tells of is kept whole: too late costs seconds, too early starts a
 * job beside its former processes. What the record tells beyond that is a pause before a registry is asked again, where
 * the wall clock is good enough: within the longest of them, whatever that clock says.
 */
import type { Clock } from '../contracts/clock.js';
import { LOST_GRACE_MS } from '../contracts/limits.js';
import { isRegistryFault, type PendingJob } from '../core/job.js';
import { type Instant, instant } from '../core/units.js';
import { REGISTRY_PAUSE_MS_MAX } from '../core/verdict.js';

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
  fromStep({ notBefore, faults }: Pick<PendingJob, 'notBefore' | 'faults'>): Instant | null {
    if (notBefore === null) return null;
    const last = faults.at(-1);
    const isOfRegistry = last !== undefined && isRegistryFault(last);
    const maxMs = isOfRegistry ? REGISTRY_PAUSE_MS_MAX : LOST_GRACE_MS;
    const leftMs = notBefore - this.#clock.now();
    return instant(this.now() + Math.min(Math.max(0, leftMs), maxMs));
  }

  /** The end of a pause that was found in the record: nobody knows how much of it has passed. */
  fromRecord(notBefore: Instant | null): Instant | null {
    if (notBefore === null) return null;
    const leftMs = notBefore - this.#clock.now();
    return instant(this.now() + Math.min(Math.max(LOST_GRACE_MS, leftMs), REGISTRY_PAUSE_MS_MAX));
  }
}
