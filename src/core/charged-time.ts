/** How long a launch ran, as far as anybody pays for it. `JobStore.used` counts by the same rule. */
import { isArray } from './array-life.js';
import type { LiveJob, Outcome, OverJob } from './job.js';
import { startedAtOf } from './job-facts.js';
import type { Instant } from './units.js';

/** An end by itself proves a start, even if its update was lost. */
export function startOf(job: LiveJob, outcome: Outcome): Instant | null {
  const hasRun = outcome.kind === 'exited' || outcome.kind === 'unknown';
  return startedAtOf(job) ?? (hasRun ? job.placement.placedAt : null);
}

/** Nobody pays for what the system broke, nor for a launch that never ran. In milliseconds. */
export const usedMs = (startedAt: Instant | null, outcome: Outcome, at: Instant): number =>
  outcome.kind === 'gaveUp' || startedAt === null ? 0 : Math.max(0, at - startedAt);

/** The same of a job that is over: the members of an array are charged one by one, their parent never. */
export const usedMsOf = (job: OverJob): number =>
  isArray(job) ? 0 : usedMs(job.startedAt, job.outcome, job.endedAt);
