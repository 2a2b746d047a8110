/** What a stored step adds to the use of an account. Stores add it with the step, so it counts once whatever happens. */

import { usedMsOf } from './charged-time.js';
import type { Job, JobState } from './job.js';
import type { Needs } from './resources.js';
import { grantedNeeds, needsOf } from './retry.js';
import { type Instant, taskIdOf } from './units.js';

export interface EndedLaunch {
  /** More than 0. */
  readonly timeMs: number;
  /** What it had, memory that rules have granted included. */
  readonly needs: Needs;
  readonly endedAt: Instant;
}

/**
 * The launch that the step ended and that is charged; null for none. A launch that failed by itself and is followed by
 * another is charged as one that ends its job is; what the system broke is not.
 */
export function endedLaunch(from: JobState, to: Job): EndedLaunch | null {
  if (to.state === 'over')
    return charged({ timeMs: usedMsOf(to), needs: needsOf(to), endedAt: to.endedAt });
  const last = to.retried.failures.at(-1);
  const isOwnFailure =
    to.state === 'pending' && from !== 'pending' && last?.taskId === taskIdOf(to.id, to.launches);
  return isOwnFailure ? charged(ownFailure(to, last)) : null;
}

const ownFailure = (
  { spec }: Job,
  { startedAt, at, memMb }: Job['retried']['failures'][number],
): EndedLaunch => ({
  timeMs: at - startedAt,
  needs: grantedNeeds(spec.needs, { memMbGranted: memMb }),
  endedAt: at,
});

const charged = (launch: EndedLaunch): EndedLaunch | null => (launch.timeMs > 0 ? launch : null);

/** Every launch of a job that is charged, in the order of their ends. */
export function chargedLaunches(job: Job): readonly EndedLaunch[] {
  const failed = job.retried.failures.map((failure) => charged(ownFailure(job, failure)));
  return [...failed, job.state === 'over' ? endedLaunch('running', job) : null].filter(
    (launch) => launch !== null,
  );
}
