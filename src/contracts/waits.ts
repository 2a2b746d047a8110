/** What the record knows of jobs that wait for more than resources: for others, for a date, for their release. */
import type { Dependencies, HeldBack, JobStanding } from '../core/dependency.js';
import type { Namesake } from '../core/name-lines.js';
import type { Instant, JobId, UserId } from '../core/units.js';

/** Of a job that was never launched, or of an array that is open: what it waits for. */
export interface Waits {
  readonly dependencies?: Dependencies;
  /** The job's name, where jobs of one name take turns. */
  readonly name?: string;
  /** A date before which it does not start. */
  readonly beginAt?: Instant;
  /** Also of jobs that were launched before. */
  readonly heldBack?: HeldBack;
}

/** How a job stands, and whose it is. */
export interface KnownStanding extends JobStanding {
  readonly owner: UserId;
}

export interface WaitStore {
  /**
   * How jobs stand, members without records included; those that are on record no more are left out. Damaged ones count as
   * waiting: nobody starts on a guess.
   */
  standings(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, KnownStanding>>;
  /** A user's jobs of that name that are not over, in order of id, above `after`; of arrays the parent. */
  namesakes(
    named: { readonly owner: UserId; readonly name: string },
    after: JobId | null,
  ): Promise<readonly Namesake[]>;

  /**
   * Any process: keeps a waiting job, or the members of an open array that have not started, from being launched: no intent is
   * stored any more. A waiting member of an array gets a record by it. An administrator's hold takes the place of a user's;
   * `already` leaves the former one. `too-late`: it holds a task, is to be killed, or is over.
   */
  holdBack(id: JobId, held: HeldBack): Promise<'held' | 'already' | 'too-late' | 'unknown'>;
  /** `forbidden`: only an administrator may. */
  release(
    id: JobId,
    by: { readonly isAdmin: boolean },
  ): Promise<'released' | 'not-held' | 'forbidden' | 'unknown'>;
  /** Jobs and arrays not over that are held back, in order of id. */
  heldBack(): Promise<readonly JobId[]>;
}
