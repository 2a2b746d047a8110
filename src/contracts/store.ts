/**
 * The record of everything that must survive: jobs, users, the lease, a few settings. Embedded (SQLite) and MongoDB
 * implement it and pass one contract suite. Every method throws `ServiceError('store-unavailable')` when the store
 * cannot be reached, and then the fate of a write is unknown: read again before anything else happens to the job.
 *
 * A record that is damaged hides no other: answers that hold several leave it out and log its id; `job` and `user`
 * throw `ServiceError('internal')` with `facts.id`.
 */

import type { Aftermath } from '../core/aftermath.js';
import type { HeldBack } from '../core/dependency.js';
import type {
  Constraint,
  Identity,
  Job,
  JobSpec,
  JobState,
  LiveJob,
  OverJob,
} from '../core/job.js';
import type { QuotaRecords } from '../core/limit-book.js';
import type { Quotas } from '../core/quota.js';
import type { Needs } from '../core/resources.js';
import type { Instant, JobId, ProjectId, UserId } from '../core/units.js';
import type { DayUse } from '../core/usage.js';
import type { AuditStore } from './audit.js';
import type { EndedQuery, HistoryQuery, UseQuery } from './queries.js';
import type { UserStore } from './user.js';
import type { WaitStore, Waits } from './waits.js';
import type { WatchStore } from './watching.js';

export type { EndedQuery, HistoryQuery, UseQuery } from './queries.js';

/** A submission, parsed, allowed and completed. */
export interface NewJob {
  readonly owner: UserId;
  readonly project: ProjectId;
  readonly identity: Identity;
  readonly spec: JobSpec;
  readonly script: string;
  readonly submittedAt: Instant;
  /** The client's key, or null. One user's keys do not meet another's. */
  readonly idempotencyKey: string | null;
  /** It is held from the start; absent: it is not. */
  readonly heldBack?: HeldBack;
  /** Tells a repeated submission from another one under the same key. */
  readonly digest: string;
}

export type SubmitAnswer =
  | { readonly kind: 'stored'; readonly id: JobId }
  /** The same key and digest were stored before. */
  | { readonly kind: 'known'; readonly id: JobId }
  /** The key belongs to another submission. */
  | { readonly kind: 'key-reused'; readonly id: JobId };

/** A rate limit that a call would pass: nothing of the call was stored. */
export interface Limited {
  readonly kind: 'limited';
  /** Of one user's jobs, waiting and running together; or of all that wait. */
  readonly scope: 'user' | 'all';
  readonly limit: number;
  /** Counted in the same transaction: no other process can slip in between. */
  readonly now: number;
  /** New jobs of the call that count for this limit. */
  readonly asked: number;
}

/** Rate limits; null: none. */
export interface RateLimits {
  /** Jobs of one user, waiting and running together. */
  readonly user: number | null;
  /** Waiting jobs of all users. */
  readonly all: number | null;
}

/**
 * All the scheduler keeps of a waiting job; script, volumes and the rest are read at its launch. An array that is open
 * is one row: `made` tells which of its members have records, and those that wait have rows of their own.
 */
export interface PendingRow {
  readonly id: JobId;
  /** Absent: an ordinary job, or a member that has a record. */
  readonly array?: { readonly size: number; readonly concurrencyMax: number | null };
  readonly owner: UserId;
  readonly project: ProjectId;
  readonly submittedAt: Instant;
  /** Of the next launch: what was asked, with the memory that was granted since. */
  readonly needs: Needs;
  readonly constraints: readonly Constraint[];
  readonly executor: string | null;
  /** A queue of the site; absent: none. */
  readonly queue?: string;
  readonly notBefore: Instant | null;
  /** Length of the pause that ends at `notBefore`; 0 for none. */
  readonly pauseMs: number;
  readonly isKillWanted: boolean;
  /** Hosts of launches that the system's faults ended. */
  readonly failedOn: readonly string[];
  /** As in the job's `spec`. */
  readonly lifespanMs: number | null;
  /** What must come before it may stand in the queue; absent: nothing. */
  readonly waits?: Waits;
}

/** A member of an array that has a record. */
export interface MadeMember {
  readonly id: JobId;
  readonly state: JobState;
  /** Of those that are over, by `codeOf`; else null. */
  readonly exitCode: number | null;
}

/** How many members of one array have records in this state and, if they are over, with this code. */
export interface MadeCount {
  readonly state: JobState;
  readonly exitCode: number | null;
  readonly members: number;
}

/**
 * A conditional write of the leader: stored only if the job still has this state and launch number. A member of an array
 * that has no record counts as pending with launch 0, and the step makes its record: only while the array is open, and
 * under one id once. Its array's kill is its own kill too.
 */
export interface JobStep {
  readonly from: { readonly state: JobState; readonly launches: number };
  /** An intent must not overtake a kill or a hold: stored only while no kill is wanted and nobody holds the job back. */
  readonly unlessKillWanted: boolean;
  /**
   * The whole new record; the store keeps its own `killWanted`, `heldBack` and `version`, and what was asked (`owner`, `project`,
   * `identity`, `spec`, `submittedAt`), which no step may change, but for `amends`.
   */
  readonly to: Job;
  /** `to.spec` takes the place of what was asked; the name that jobs take turns by stays. Not of arrays, nor of their members. */
  readonly amends?: true;
  /** What the step leaves to be done by watchers, stored with it; absent: nothing. */
  readonly aftermath?: readonly Aftermath[];
}

/** Answers a `JobStep`: `stored`, or `refused` with the record as it really stands (undefined: no such job). */
export type StepAnswer =
  | { readonly kind: 'stored'; readonly version: number }
  | { readonly kind: 'refused'; readonly job: Job | undefined };

export interface JobQuery {
  readonly owner?: UserId;
  readonly project?: ProjectId;
  readonly states?: readonly JobState[];
  /** Newest first: ids below this one. */
  readonly before?: JobId;
  readonly skip?: number;
  /** At most `PAGE_ITEMS_MAX`; absent: that many. */
  readonly limit?: number;
}

/** One leader at a time; no clocks are compared, a standby watches `beat` change by its own monotonic clock. */
export interface Lease {
  readonly epoch: number;
  readonly holder: string;
  readonly beat: number;
}

/** Thrown by fenced writes of a leader whose epoch is over. It must stop at once. */
export class FencedOut extends Error {
  override readonly name = 'FencedOut';
}

/** Which waiting jobs are asked for. */
export interface PendingQuery {
  readonly after: JobId | null;
  readonly limit: number;
  readonly submittedSince?: Instant;
  /** Only these. */
  readonly among?: readonly JobId[];
}

export interface JobStore extends WaitStore {
  /**
   * Durable when it resolves. All or nothing; answers stand in the order of `jobs`. Jobs start as `pending`, the parents
   * of arrays as `open`: one record, and the ids behind its own are its members'.
   */
  submit(jobs: readonly NewJob[]): Promise<readonly SubmitAnswer[]>;
  /**
   * The same; if the new ones among them would pass a limit, each of these is answered `limited` and none is
   * stored. Members of arrays count, each as a job, their parents do not.
   */
  submit(jobs: readonly NewJob[], limits: RateLimits): Promise<readonly (SubmitAnswer | Limited)[]>;
  /** A member that has no record is made up from its array (`unmadeMember`), here and in `jobs` and `scripts`. */
  job(id: JobId): Promise<Job | undefined>;
  jobs(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, Job>>;
  scripts(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, string>>;
  /** Newest (greatest id) first. */
  list(query: JobQuery): Promise<readonly Job[]>;
  /**
   * Jobs that are over, the latest submission first, then the greatest id. A page costs the same however many there are, if it is asked
   * for by `after`, and by at most one of owner and project.
   */
  history(query: HistoryQuery): Promise<readonly OverJob[]>;
  /** Number of records by state, of one owner or of all. */
  counts(owner?: UserId): Promise<Readonly<Record<JobState, number>>>;

  /** Waiting jobs in order of id, above `after`, at most `limit`. */
  pending(query: PendingQuery): Promise<readonly PendingRow[]>;
  /** The members of an array that have records, in order of id, above `after`, at most `limit`. */
  made(
    array: JobId,
    page: { readonly after: JobId | null; readonly limit: number },
  ): Promise<readonly MadeMember[]>;
  /** The same, counted; arrays of which no member has a record are left out. */
  madeCounts(arrays: readonly JobId[]): Promise<ReadonlyMap<JobId, readonly MadeCount[]>>;
  /**
   * Every job that holds, or may hold, a task, in order of id. Read in portions: complete for the leader, since nobody
   * else moves jobs. Damaged records are left out, so ask `job` before a task without a job is called an orphan.
   */
  live(): Promise<readonly LiveJob[]>;
  /**
   * Use by account and UTC day of the launches that started, ran for a while and ended by themselves or were killed, on the
   * day of `since` or later; in order of day, user, project. Jobs that were given up count as nothing: it was the system's
   * fault; launches that failed by themselves count, whatever became of their job (`endedLaunch`). The leader settles by
   * the same rule. The cost grows with days and accounts, not with jobs.
   */
  used(query: UseQuery): Promise<readonly DayUse[]>;
  /** Jobs that ended at `since` or later and before `until`, in order of end and id, behind `after`; at most `limit`. */
  ended(query: EndedQuery): Promise<readonly OverJob[]>;
  /** Jobs not over whose kill is wanted. */
  killsWanted(): Promise<readonly JobId[]>;

  /**
   * The leader's writes, in one transaction with the check of its epoch; answers in order, durable when it resolves.
   * @throws FencedOut when `epoch` is not the lease's any more: nothing was written. A store without transactions may have stored some
   * steps by then, each of them whole: intents of an epoch that is over, which the next leader reconciles.
   */
  advance(epoch: number, steps: readonly JobStep[]): Promise<readonly StepAnswer[]>;
  /**
   * Any process: asks for a kill. `over` and `unknown` change nothing; `already` keeps the first asker. A waiting member
   * of an array gets a record by it.
   */
  wantKill(id: JobId, by: UserId, at: Instant): Promise<'wanted' | 'already' | 'over' | 'unknown'>;

  lease(): Promise<Lease | undefined>;
  /** Takes over if the lease still is as `seen` (undefined: none yet): epoch + 1. Undefined when it changed. */
  takeLease(holder: string, seen: Lease | undefined): Promise<Lease | undefined>;
  /** Raises the beat. Undefined when the lease is another's: stop at once. */
  beatLease(lease: Lease): Promise<Lease | undefined>;
  /** A clean stop: the holder becomes the empty string, so the next need not wait. Keeps the epoch. */
  freeLease(lease: Lease): Promise<void>;

  setting(name: string): Promise<string | undefined>;
  putSetting(name: string, value: string): Promise<void>;
  /**
   * Stores it unless there is one of that name; answers the value that stands. For what is made once although several
   * processes start together, on whichever machines.
   */
  firstSetting(name: string, value: string): Promise<string>;
  /** All whose names begin so, by name. */
  settings(prefix: string): Promise<ReadonlyMap<string, string>>;
  /** Harmless when there is none of that name. */
  dropSetting(name: string): Promise<void>;

  close(): Promise<void>;
}

/** Users who share weight and quota. `default` is no record: everybody is in it. */
export interface ProjectRecord {
  readonly id: ProjectId;
  readonly description: string;
  /** 0–100, 50 for most. */
  readonly prio: number;
  /** Never empty: nobody could submit to it. */
  readonly members: readonly UserId[];
  readonly quotas: Quotas;
  readonly createdAt: Instant;
}

/** How much users and projects are due, where it is not the usual `PRIO_USUAL`. */
export interface Priorities {
  readonly users: ReadonlyMap<UserId, number>;
  readonly projects: ReadonlyMap<ProjectId, number>;
}

/** Whose quotas. */
export type QuotaOwner = { readonly user: UserId } | { readonly project: ProjectId };

export interface ProjectStore {
  project(id: ProjectId): Promise<ProjectRecord | undefined>;
  /** In order of id. */
  projects(): Promise<readonly ProjectRecord[]>;
  /** Makes or replaces. */
  putProject(project: ProjectRecord): Promise<void>;
  deleteProject(id: ProjectId): Promise<boolean>;
  /** Small, however many accounts there are: the leader asks often. */
  priorities(): Promise<Priorities>;
  /** Of users and projects that have any, with the resets of them: asked as often. */
  quotas(): Promise<QuotaRecords>;
  /**
   * From now on nothing that has ended so far counts for the quotas of a user or project; its use for fair share, and by day,
   * stays. Exact: of its own UTC day what is stored before it is gone, and what is stored after it counts.
   */
  resetQuota(whose: QuotaOwner, at: Instant): Promise<void>;
}

/** What the directory of a job takes on the disk, as it was measured. */
export interface DirectorySize {
  readonly id: JobId;
  readonly bytes: number;
  /** The job was over when the measuring began. Otherwise what it takes may still go with its end. */
  readonly isOver: boolean;
  /** When the measuring began: what was measured earlier never replaces what was measured later. */
  readonly measuredAt: Instant;
}

/** What the job directories of an account take; exact sums of the last measurements, in bytes. */
export interface DiskUse {
  readonly owner: UserId;
  readonly project: ProjectId;
  /** Of jobs that are over. */
  readonly endedBytes: number;
  /** Of jobs that are not. */
  readonly heldBytes: number;
  /** How many directories that is. */
  readonly jobs: number;
}

/** A directory that is to be measured; null: the record names none, or cannot be read. */
export type DueDirectory = { readonly id: JobId; readonly directory: string | null };

export type PurgeAnswer = 'purged' | 'more' | 'busy' | 'not-archived' | 'unknown';

export interface DiskStore {
  /**
   * Jobs whose directories are to be measured, in order of id above `after`: each that ends with a directory, from the
   * step that ends it, until a size of then is put; and those that `recountDisk` named.
   */
  diskDue(query: {
    readonly after: JobId | null;
    readonly limit: number;
  }): Promise<readonly DueDirectory[]>;
  /** Replaces what was known of these jobs; sums follow in the same transaction. Unknown and archived jobs are passed over. */
  putDisk(sizes: readonly DirectorySize[]): Promise<void>;
  /** By account, those with anything; the cost grows with accounts, not with jobs. */
  diskUse(): Promise<readonly DiskUse[]>;
  /** Of one job, in bytes; undefined: not measured. */
  diskOf(id: JobId): Promise<number | undefined>;
  /** Every job that is over and not archived is to be measured anew, and the sums are added up again; how many jobs. */
  recountDisk(): Promise<number>;
  /** The directory of a job that is over is gone: it takes nothing any more. */
  archive(id: JobId, at: Instant): Promise<'archived' | 'already' | 'not-over' | 'unknown'>;
  /**
   * Takes a job that is over and archived off the record, an array with all its members; what it used, by day and by launch, stays.
   * Its id is never used again, its idempotency key may be. `busy`: work that its end left is not done. `more`: some members are gone,
   * ask again. Members go with their array: by themselves they are `unknown`.
   */
  purge(id: JobId): Promise<PurgeAnswer>;
}

/** For processes that must soon hear what others wrote. */
export interface ChangeFeed {
  /**
   * Calls `changed` within some `STORE_WATCH_EACH_MS` after any commit, our own too; commits that come together are told
   * once. A hint, no promise: whoever must miss nothing reads the record now and then. Ends with the returned call.
   */
  watch(changed: () => void): () => void;
}

export type { StoredKey, UserRecord, UserStore } from './user.js';

export type Store = JobStore &
  UserStore &
  ProjectStore &
  DiskStore &
  WatchStore &
  AuditStore &
  ChangeFeed;
