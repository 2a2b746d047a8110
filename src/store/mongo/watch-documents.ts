// What the collections of watchers and accounting hold, and what watchers write in those of jobs.
import type { Aftermath } from '../../core/aftermath.js';
import type { LaunchColumns } from '../embedded/requests.js';

/** Of a job's document. */
export interface WatchedFields {
  /** Why the kill is wanted, as JSON; null or absent: it is simply wanted. */
  readonly killBecause?: string | null;
  /** What its ends have left to be done. */
  readonly aftermath?: readonly Aftermath[];
  /** There is some, or may be. */
  readonly isAftermathDue?: boolean;
}

/** One launch that ended; `_id` joins job and launch. */
export interface AccountingDocument extends LaunchColumns {
  readonly _id: string;
}

/** As the leader's lease; `_id` is its name. */
export interface NamedLeaseDocument {
  readonly _id: string;
  readonly epoch: number;
  readonly holder: string;
  readonly beat: number;
}
