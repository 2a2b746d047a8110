// What a store in memory keeps, and how its jobs are found there.
import type { AccountingRecord } from '../../../src/contracts/accounting.js';
import type {
  DirectorySize,
  Lease,
  ProjectRecord,
  UserRecord,
} from '../../../src/contracts/store.js';
import type { NamedLease } from '../../../src/contracts/watching.js';
import type { Aftermath } from '../../../src/core/aftermath.js';
import { holdsMember } from '../../../src/core/array.js';
import { unmadeMember } from '../../../src/core/array-life.js';
import type { Job, JobState, KillWanted } from '../../../src/core/job.js';
import type { QuotaReset } from '../../../src/core/limit-book.js';
import type { JobId, ProjectId, UserId } from '../../../src/core/units.js';
import type { AuditColumns } from '../../../src/store/audit-columns.js';

/** What several handles, as those of several processes, share. */
export class MemoryRecord {
  lastId = 0;
  lease: Lease | undefined;
  readonly jobs = new Map<JobId, Job>();
  readonly scripts = new Map<JobId, string>();
  /** Kills asked for: theirs is another writer than the leader. */
  readonly kills = new Map<JobId, KillWanted>();
  readonly arrays: { readonly id: JobId; readonly size: number }[] = [];
  readonly keys = new Map<string, { readonly id: JobId; readonly digest: string }>();
  readonly users = new Map<UserId, UserRecord>();
  readonly projects = new Map<ProjectId, ProjectRecord>();
  readonly settings = new Map<string, string>();
  /** Off the record; what they used counts on. */
  readonly purged: Job[] = [];
  readonly disk = new Map<JobId, DirectorySize>();
  readonly diskDue = new Set<JobId>();
  readonly aftermath = new Map<JobId, readonly Aftermath[]>();
  readonly leases = new Map<string, NamedLease>();
  /** By job and launch. */
  readonly accounting = new Map<string, AccountingRecord>();
  readonly audit: AuditColumns[] = [];
  readonly resets = {
    users: new Map<UserId, QuotaReset>(),
    projects: new Map<ProjectId, QuotaReset>(),
  };
  /** Records that cannot be read, as after damage on the disk. */
  readonly damaged = new Set<JobId>();
  readonly watches = new Set<() => void>();
  /** What became of each job, in order: `state/launches`. */
  readonly history: { readonly id: JobId; readonly state: JobState; readonly launches: number }[] =
    [];

  put(job: Job): void {
    this.jobs.set(job.id, frozen(structuredClone(job)));
    this.history.push({ id: job.id, state: job.state, launches: job.launches });
  }
}

/** Callers may share it: nobody can change it. */
export function frozen<T extends object>(value: T): T {
  for (const part of Object.values(value) as unknown[])
    if (typeof part === 'object' && part !== null && !Object.isFrozen(part)) frozen(part);
  return Object.freeze(value);
}

export const readable = ({ jobs, damaged }: MemoryRecord, id: JobId): Job | undefined =>
  damaged.has(id) ? undefined : jobs.get(id);

/** The readable array that an id is a member of. */
export function arrayOf(record: MemoryRecord, id: JobId): Job | undefined {
  const holder = record.arrays.find((array) => holdsMember(array, id));
  return holder === undefined ? undefined : readable(record, holder.id);
}

export function unmade(record: MemoryRecord, id: JobId): Job | undefined {
  if (record.jobs.has(id)) return undefined;
  const array = arrayOf(record, id);
  return array === undefined ? undefined : frozen(structuredClone(unmadeMember(array, id)));
}

/** Every readable job, in order of id. */
export const all = (record: MemoryRecord): Job[] =>
  [...record.jobs.keys()].sort((a, b) => a - b).flatMap((id) => readable(record, id) ?? []);
