// What the collections of watchers and accounting hold, and what watchers write in those of jobs.
import type { Aftermath } from '../../core/aftermath.js';

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
export interface AccountingDocument {
  readonly _id: string;
  readonly job: number;
  readonly launch: number;
  readonly day: number;
  readonly project: string;
  readonly owner: string;
  /** Empty: none. */
  readonly queue: string;
  readonly executor: string;
  readonly isCharged: boolean;
  readonly ranMs: number;
  readonly waitedMs: number;
  readonly cpuMs: number;
  readonly gpuMs: number;
  readonly memMbSeconds: number;
  /** All of it, as JSON. */
  readonly record: string;
}

/** As the leader's lease; `_id` is its name. */
export interface NamedLeaseDocument {
  readonly _id: string;
  readonly epoch: number;
  readonly holder: string;
  readonly beat: number;
}
