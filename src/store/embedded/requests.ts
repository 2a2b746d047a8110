// What passes between the main thread and the store's threads: plain values, documents already serialised.
import type { AuditQuery } from '../../contracts/audit.js';
import type {
  DirectorySize,
  EndedQuery,
  HistoryQuery,
  JobQuery,
  Lease,
  Limited,
  PurgeAnswer,
  RateLimits,
  SubmitAnswer,
  UseQuery,
} from '../../contracts/store.js';
import type { NamedLease } from '../../contracts/watching.js';
import type { AuditHead, SealedNote } from '../../core/audit-chain.js';
import type { JobState } from '../../core/job.js';
import type { JobId } from '../../core/units.js';
import type { AuditColumns } from '../audit-columns.js';
import type { Row, Trouble } from './sqlite.js';

/** A submission as columns and documents. */
export interface SubmissionColumns {
  readonly owner: string;
  readonly project: string;
  readonly submittedAt: number;
  readonly executor: string | null;
  /** The value of the unique column, or null for `#id`. */
  readonly idemKey: string | null;
  readonly digest: string;
  readonly shape: string;
  readonly life: string;
  readonly asked: string;
  readonly script: string;
  /** Members of the array that this is the parent of; null: an ordinary job. */
  readonly arraySize: number | null;
  readonly arrayLimit: number | null;
  readonly name: string;
  /** JSON of what it waits for; null: nothing but resources. */
  readonly waits: string | null;
  readonly heldBy: string | null;
  readonly heldAt: number | null;
  readonly heldByAdmin: number | null;
}

export interface StepColumns {
  readonly id: number;
  readonly fromState: JobState;
  readonly fromLaunches: number;
  readonly unlessKillWanted: boolean;
  readonly state: JobState;
  readonly launches: number;
  readonly notBefore: number | null;
  readonly endedAt: number | null;
  readonly life: string;
  readonly exitCode: number | null;
  readonly parent: number | null;
  /** Added to the sums of its day with the step; null: the job is not over, or used nothing. */
  readonly use: UseColumns | null;
  /** Of a job that ends with the step; null: it does not, or has none. */
  readonly tags: TagColumns | null;
  /** The job is over, and has a directory that is to be measured. */
  readonly leavesDirectory: boolean;
  /** What takes the place of what was asked; null: it stays. */
  readonly amended: AmendedColumns | null;
  /** What is left to be done, as JSON objects with commas between; null: nothing. */
  readonly aftermath: string | null;
}

/** What of a submission may be amended. */
export type AmendedColumns = Pick<SubmissionColumns, 'asked' | 'shape' | 'executor' | 'waits'>;

export interface LaunchColumns {
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
  readonly record: string;
}

/** What watchers write. */
export interface WatchWrites {
  /** Whether each is new. */
  account: { ask: readonly LaunchColumns[]; answer: readonly boolean[] };
  aftermathDone: {
    ask: readonly { readonly id: number; readonly names: readonly string[] }[];
    answer: undefined;
  };
  wantKillOf: {
    ask: {
      readonly id: number;
      readonly launch: number;
      readonly by: string;
      readonly at: number;
      readonly because: string | null;
    };
    answer: 'wanted' | 'already' | 'gone';
  };
  takeLeases: {
    ask: {
      readonly holder: string;
      readonly wanted: readonly { readonly name: string; readonly seen: Lease | null }[];
    };
    answer: readonly NamedLease[];
  };
  beatLeases: { ask: string; answer: readonly NamedLease[] };
  freeLeases: {
    ask: { readonly holder: string; readonly names: readonly string[] };
    answer: undefined;
  };
  dropLeases: { ask: readonly NamedLease[]; answer: undefined };
}

interface SlotAsk {
  readonly slots: readonly number[];
  readonly after: number;
  readonly limit: number;
}

/** What watchers, and bills, read. */
export interface WatchReads {
  /** Id and version. */
  running: { ask: SlotAsk; answer: readonly Row[] };
  /** Id and what is due. */
  aftermathDue: { ask: SlotAsk; answer: readonly Row[] };
  leases: { ask: null; answer: readonly Row[] };
  accountOf: { ask: number; answer: readonly Row[] };
  accountSums: {
    ask: { readonly from: number; readonly until: number; readonly project: string | null };
    answer: readonly Row[];
  };
}

export interface QuotaResetColumns {
  readonly kind: 'user' | 'project';
  readonly id: string;
  /** UTC. */
  readonly day: number;
}

/** By which a job that is over is found. */
export interface TagColumns {
  readonly owner: string;
  readonly project: string;
  readonly submittedAt: number;
  /** Each once. */
  readonly tags: readonly string[];
}

export interface UseColumns {
  readonly day: number;
  /** Milliseconds from the start of the day to the end of the job. */
  readonly endedMs: number;
  readonly timeMs: number;
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
}

export type StepResult =
  | { readonly kind: 'stored'; readonly version: number }
  /** `array`: of a member that has no record. */
  | { readonly kind: 'refused'; readonly record: Row | undefined; readonly array: Row | undefined };

/** What the writing thread does, by name: question and answer. */
export interface Writes extends WatchWrites {
  submit: {
    ask: { readonly jobs: readonly SubmissionColumns[]; readonly limits: RateLimits | null };
    answer: readonly (SubmitAnswer | Limited)[];
  };
  advance: {
    ask: { readonly epoch: number; readonly steps: readonly StepColumns[] };
    answer: readonly StepResult[] | 'fenced';
  };
  wantKill: {
    ask: { readonly id: number; readonly by: string; readonly at: number };
    answer: 'wanted' | 'already' | 'over' | 'unknown';
  };
  holdBack: {
    ask: {
      readonly id: number;
      readonly by: string;
      readonly at: number;
      readonly isAdmin: boolean;
    };
    answer: 'held' | 'already' | 'too-late' | 'unknown';
  };
  release: {
    ask: { readonly id: number; readonly isAdmin: boolean };
    answer: 'released' | 'not-held' | 'forbidden' | 'unknown';
  };
  takeLease: {
    ask: { readonly holder: string; readonly seen: Lease | null };
    answer: Lease | undefined;
  };
  beatLease: { ask: Lease; answer: Lease | undefined };
  freeLease: { ask: Lease; answer: undefined };
  putSetting: { ask: { readonly name: string; readonly value: string }; answer: undefined };
  firstSetting: { ask: { readonly name: string; readonly value: string }; answer: undefined };
  dropSetting: { ask: string; answer: undefined };
  putUser: { ask: { readonly id: string; readonly document: string }; answer: undefined };
  /** Answers whether `former` stood there; null: nothing. */
  swapUser: {
    ask: { readonly id: string; readonly former: string | null; readonly document: string };
    answer: boolean;
  };
  deleteUser: { ask: string; answer: boolean };
  putProject: { ask: { readonly id: string; readonly document: string }; answer: undefined };
  deleteProject: { ask: string; answer: boolean };
  putDisk: { ask: readonly DirectorySize[]; answer: undefined };
  recountDisk: { ask: null; answer: number };
  archive: {
    ask: { readonly id: number; readonly at: number };
    answer: 'archived' | 'already' | 'not-over' | 'unknown';
  };
  purge: { ask: number; answer: PurgeAnswer };
  resetQuota: { ask: QuotaResetColumns; answer: undefined };
  appendAudit: { ask: readonly SealedNote[]; answer: readonly AuditColumns[] };
}

/** What the reading thread does. Each question is small work, so that none waits long behind another. */
export interface Reads extends WatchReads {
  records: { ask: readonly number[]; answer: readonly Row[] };
  /** The arrays that the ids are members of, each once. */
  arraysOf: { ask: readonly number[]; answer: readonly Row[] };
  made: {
    ask: { readonly array: number; readonly after: number; readonly limit: number };
    answer: readonly Row[];
  };
  madeCounts: { ask: readonly number[]; answer: readonly Row[] };
  scripts: { ask: readonly number[]; answer: readonly (readonly [id: number, script: string])[] };
  list: { ask: JobQuery & { readonly limit: number }; answer: readonly Row[] };
  history: { ask: HistoryQuery & { readonly limit: number }; answer: readonly Row[] };
  counts: { ask: string | null; answer: Readonly<Record<JobState, number>> };
  pending: { ask: { readonly after: number; readonly limit: number }; answer: readonly Row[] };
  /** Ids of waiting jobs submitted at `since` or later. */
  sweep: {
    ask: { readonly since: number; readonly after: number; readonly limit: number };
    answer: readonly number[];
  };
  /** Those of the named jobs that still wait. */
  pendingAmong: { ask: readonly number[]; answer: readonly Row[] };
  live: { ask: { readonly after: number; readonly limit: number }; answer: readonly Row[] };
  /** Id, state, code, whether it has started, owner: of those that have records. */
  standings: { ask: readonly number[]; answer: readonly Row[] };
  /** Id, and whether it has begun. */
  namesakes: {
    ask: { readonly owner: string; readonly name: string; readonly after: number };
    answer: readonly Row[];
  };
  heldBack: { ask: null; answer: readonly JobId[] };
  killsWanted: { ask: null; answer: readonly JobId[] };
  used: { ask: UseQuery; answer: readonly Row[] };
  users: { ask: null; answer: readonly Row[] };
  projects: { ask: null; answer: readonly Row[] };
  /** Kind (`user`, `project`), id and priority of those whose priority is not the usual one. */
  priorities: { ask: null; answer: readonly Row[] };
  /** Kind, id and quotas as JSON of those who have any. */
  quotas: { ask: null; answer: readonly Row[] };
  ended: { ask: EndedQuery; answer: readonly Row[] };
  /** Id and directory. */
  diskDue: { ask: { readonly after: number; readonly limit: number }; answer: readonly Row[] };
  /** Owner, project, bytes of ended jobs, of others, and how many jobs. */
  diskUse: { ask: null; answer: readonly Row[] };
  /** Kind, id, day and what was used on it by then. */
  quotaResets: { ask: null; answer: readonly Row[] };
  auditPage: { ask: AuditQuery; answer: readonly Row[] };
  auditHead: { ask: null; answer: AuditHead | undefined };
}

/** A set of questions and answers that a thread serves. */
export type Service = Record<string, { ask: unknown; answer: unknown }>;
export type Call<S> = {
  [Kind in keyof S]: S[Kind] extends { ask: infer Ask }
    ? { readonly kind: Kind; readonly ask: Ask }
    : never;
}[keyof S];
export type WriteCall = Call<Writes>;
export type ReadCall = Call<Reads>;

/** `because` null: not the world's fault but ours. */
export interface Failure {
  readonly because: Trouble | null;
  readonly detail: string;
  readonly stack: string;
}
export type Result =
  | { readonly ok: true; readonly answer: unknown }
  | { readonly ok: false; readonly failure: Failure };

export interface Envelope {
  readonly ticket: number;
  readonly call: WriteCall | ReadCall | { readonly kind: 'close'; readonly ask: null };
}
/** For the log: threads have none. */
export interface Notice {
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}
/** First message of a thread: it serves, or why not. Then batches of results. */
export type Opened = { readonly failure: Failure | null };
export type Reply = readonly (readonly [ticket: number, result: Result])[];
