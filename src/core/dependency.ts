/** What a job waits for besides resources: other jobs, its turn among jobs of its name, a date, a release. Pure. */
import { unreachable } from './assert.js';
import { codeOf, type Job, type JobState, type Reason } from './job.js';
import type { Instant, JobId, UserId } from './units.js';

/**
 * `after`: has started, or is over. `afterok`, `afternotok`: over with code 0, with another. `afterany`: over. `aftercorr`:
 * of two arrays, the member at the same place is over with code 0.
 */
export const DEPENDENCY_TYPES = [
  'after',
  'afterok',
  'afternotok',
  'afterany',
  'aftercorr',
] as const;
export type DependencyType = (typeof DEPENDENCY_TYPES)[number];

export interface Dependency {
  readonly type: DependencyType;
  /** The parent of an array stands for the whole of it. */
  readonly job: JobId;
}

/** What must come true before a job is ready; once it was, nothing makes it wait again. */
export interface Dependencies {
  readonly on: readonly Dependency[];
  /** One of them is enough; else all must come true. */
  readonly isAnyEnough: boolean;
  /** Jobs of the same user and name take turns, in order of id. */
  readonly isSingleton: boolean;
}

/** A wish of users or administrators that a job does not start before it is released. */
export interface HeldBack {
  readonly by: UserId;
  /** Held by an administrator: only one of them may release it. */
  readonly isAdmin: boolean;
  readonly at: Instant;
}

/** As much of a job as those need to know that depend on it. */
export interface JobStanding {
  readonly state: JobState;
  /** Of one that is over, by `codeOf`; else null. */
  readonly exitCode: number | null;
  /** It runs, or has run; of an array: a member has. */
  readonly hasStarted: boolean;
}

export const standingOf = (job: Job): JobStanding => ({
  state: job.state,
  exitCode: job.state === 'over' ? codeOf(job.outcome) : null,
  hasStarted: 'startedAt' in job && job.startedAt !== null,
});

export type Verdict = 'true' | 'waits' | 'never';

/**
 * Whether a dependency has come true, may still do so, or never will. `standing` undefined: the job is on record no more; it
 * is surely over, and nobody knows how. `aftercorr` is judged member by member, as `afterok`.
 */
export function verdictOf(type: DependencyType, standing: JobStanding | undefined): Verdict {
  const isOver = standing === undefined || standing.state === 'over';
  switch (type) {
    case 'after':
      return isOver || standing.hasStarted ? 'true' : 'waits';
    case 'afterany':
      return isOver ? 'true' : 'waits';
    case 'afterok':
    case 'aftercorr':
      return isOver ? (standing?.exitCode === 0 ? 'true' : 'never') : 'waits';
    case 'afternotok':
      if (standing === undefined) return 'never';
      return isOver ? (standing.exitCode === 0 ? 'never' : 'true') : 'waits';
    default:
      return unreachable(type);
  }
}

/** Why a job ends whose dependency can never come true. */
export const neverReason = (
  { type, job }: Dependency,
  standing: JobStanding | undefined,
): Reason => ({
  code: 'dependency-never',
  facts: { type, job, ...(standing === undefined ? {} : { exitCode: standing.exitCode ?? 1 }) },
});
