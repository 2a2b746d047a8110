/** What was used, launch by launch and summed. Records outlive their jobs and are never changed. */
import type { AccountingRecord, Allocated } from '../core/accounting.js';
import type { JobId, ProjectId } from '../core/units.js';

export type {
  AccountingRecord,
  Allocated,
  Amounts,
  LaunchOutcome,
  Measured,
} from '../core/accounting.js';

/** Launches of one day or month, project, owner, queue and executor, added up. */
export interface AccountingSum extends Allocated {
  /** Days (UTC) since 1970-01-01 of the day, or of the first day of the month. */
  readonly day: number;
  readonly project: string;
  readonly owner: string;
  readonly queue: string | null;
  readonly executor: string;
  /** Whether somebody pays for them; the others stand apart. */
  readonly isCharged: boolean;
  readonly launches: number;
  readonly ranMs: number;
  readonly waitedMs: number;
}

/** What of sums adds up. */
export const ACCOUNTED = [
  ...(['launches', 'ranMs', 'waitedMs', 'cpuMs', 'gpuMs', 'memMbSeconds'] as const),
] as const satisfies readonly (keyof AccountingSum)[];
export type Accounted = Pick<AccountingSum, (typeof ACCOUNTED)[number]>;

/** Amounts that are told one by one. */
export const accountedBy = (amount: (field: keyof Accounted, at: number) => number): Accounted =>
  Object.fromEntries(
    ACCOUNTED.map((field, at) => [field, amount(field, at)]),
  ) as unknown as Accounted;

export interface AccountingQuery {
  /** First day, in days (UTC) since 1970-01-01. */
  readonly from: number;
  /** The day after the last. */
  readonly until: number;
  /** Absent: all. */
  readonly project?: ProjectId;
}

export interface AccountingStore {
  /**
   * Keeps records of launches. Those whose job and launch are kept already change nothing: so the call may be repeated. Answers those
   * that are new.
   */
  account(records: readonly AccountingRecord[]): Promise<readonly AccountingRecord[]>;
  /** Of one job, in order of launches. */
  accountOf(id: JobId): Promise<readonly AccountingRecord[]>;
  /** By day, in order of day, project, owner, queue, executor; those that nobody pays for after the others. */
  accountSums(query: AccountingQuery): Promise<readonly AccountingSum[]>;
}
