/**
 * A store in memory, for scenarios: it passes the contract of all stores, answers at once, and every call can be held,
 * refused or left without an answer.
 */
import type {
  AccountingQuery,
  AccountingRecord,
  AccountingSum,
} from '../../src/contracts/accounting.js';
import { ServiceError } from '../../src/contracts/errors.js';
import { PAGE_ITEMS_MAX } from '../../src/contracts/limits.js';
import {
  type DirectorySize,
  type DiskUse,
  type DueDirectory,
  type EndedQuery,
  FencedOut,
  type HistoryQuery,
  type JobQuery,
  type JobStep,
  type Lease,
  type Limited,
  type MadeCount,
  type MadeMember,
  type NewJob,
  type PendingQuery,
  type PendingRow,
  type Priorities,
  type ProjectRecord,
  type QuotaOwner,
  type RateLimits,
  type StepAnswer,
  type Store,
  type SubmitAnswer,
  type UseQuery,
  type UserRecord,
} from '../../src/contracts/store.js';
import type { KnownStanding, Waits } from '../../src/contracts/waits.js';
import type {
  JobAftermath,
  NamedLease,
  RunningVersion,
  SlotQuery,
} from '../../src/contracts/watching.js';
import type { Aftermath } from '../../src/core/aftermath.js';
import { arraySize, holdsMember, memberId } from '../../src/core/array.js';
import { unmadeMember } from '../../src/core/array-life.js';
import { type HeldBack, standingOf } from '../../src/core/dependency.js';
import { chargedLaunches } from '../../src/core/ended-launch.js';
import {
  codeOf,
  failedHosts,
  isLive,
  type Job,
  type JobState,
  type KillWanted,
  type LiveJob,
  type OpenJob,
  type OverJob,
  type PendingJob,
} from '../../src/core/job.js';
import type { QuotaRecords, QuotaReset } from '../../src/core/limit-book.js';
import type { Namesake } from '../../src/core/name-lines.js';
import { PRIO_USUAL } from '../../src/core/policy.js';
import { isUnlimited, type Quotas } from '../../src/core/quota.js';
import { NEVER_RETRIED, needsOf } from '../../src/core/retry.js';
import { slotOf } from '../../src/core/slots.js';
import {
  type Instant,
  instant,
  type JobId,
  jobId,
  type ProjectId,
  projectId,
  type UserId,
  userId,
} from '../../src/core/units.js';
import { added, DAY_MS, type DayUse, dayOf, NO_USE, sumsOf } from '../../src/core/usage.js';

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
  readonly disk = new Map<JobId, DirectorySize>();
  readonly diskDue = new Set<JobId>();
  readonly aftermath = new Map<JobId, readonly Aftermath[]>();
  readonly leases = new Map<string, NamedLease>();
  /** By job and launch. */
  readonly accounting = new Map<string, AccountingRecord>();
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

export type StoreMethod = Exclude<keyof Store, 'close' | 'watch'>;

const WRITES = new Set<StoreMethod>([
  ...(['holdBack', 'release'] as const),
  ...(['submit', 'advance', 'wantKill', 'takeLease', 'beatLease', 'freeLease'] as const),
  ...(['putSetting', 'firstSetting', 'dropSetting', 'putUser', 'deleteUser'] as const),
  ...(['putProject', 'deleteProject', 'resetQuota'] as const),
  ...(['putDisk', 'recountDisk', 'archive'] as const),
  ...(['account', 'aftermathDone', 'wantKillOf'] as const),
  ...(['takeLeases', 'beatLeases', 'freeLeases', 'dropLeases'] as const),
]);

/** Called around each call; throws, waits, or does nothing. What `after` throws or holds happened all the same. */
export interface StoreTrouble {
  before?: ((method: StoreMethod) => void | Promise<void>) | undefined;
  after?: ((method: StoreMethod) => void | Promise<void>) | undefined;
}

export const storeAway = (): ServiceError =>
  new ServiceError('store-unavailable', 'the store is away', { because: 'test' });

const STATES: readonly JobState[] = [
  'pending',
  'launching',
  'running',
  'killing',
  'unreachable',
  'open',
  'over',
];

export class MemoryStore implements Store {
  readonly #record: MemoryRecord;
  readonly #trouble: StoreTrouble;
  #isClosed = false;

  constructor(record: MemoryRecord = new MemoryRecord(), trouble: StoreTrouble = {}) {
    this.#record = record;
    this.#trouble = trouble;
  }

  async #do<T>(method: StoreMethod, work: (record: MemoryRecord) => T): Promise<T> {
    if (this.#isClosed) throw storeAway();
    await this.#trouble.before?.(method);
    const answer = work(this.#record);
    if (WRITES.has(method)) for (const changed of this.#record.watches) queueMicrotask(changed);
    await this.#trouble.after?.(method);
    return answer;
  }

  submit(jobs: readonly NewJob[]): Promise<readonly SubmitAnswer[]>;
  submit(jobs: readonly NewJob[], limits: RateLimits): Promise<readonly (SubmitAnswer | Limited)[]>;
  submit(
    jobs: readonly NewJob[],
    limits: RateLimits = { user: null, all: null },
  ): Promise<readonly (SubmitAnswer | Limited)[]> {
    return this.#do('submit', (record) => {
      const limited = rateLimited(record, jobs, limits);
      return limited === null
        ? jobs.map((job) => submitOne(record, job))
        : jobs.map((job) => knownOf(record, job) ?? limited);
    });
  }

  job(id: JobId): Promise<Job | undefined> {
    return this.#do('job', (record) => {
      if (record.damaged.has(id))
        throw new ServiceError('internal', 'the record cannot be read', { id });
      return readable(record, id) ?? unmade(record, id);
    });
  }

  jobs(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, Job>> {
    return this.#do('jobs', (record) => {
      const found = new Map<JobId, Job>();
      for (const id of ids) {
        const job = readable(record, id) ?? unmade(record, id);
        if (job !== undefined) found.set(id, job);
      }
      return found;
    });
  }

  scripts(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, string>> {
    return this.#do('scripts', (record) => {
      const found = new Map<JobId, string>();
      for (const id of ids) {
        const script = record.scripts.get(arrayOf(record, id)?.id ?? id);
        if (script !== undefined) found.set(id, script);
      }
      return found;
    });
  }

  list(query: JobQuery): Promise<readonly Job[]> {
    const { owner, project, states, before, skip = 0 } = query;
    const limit = Math.min(query.limit ?? PAGE_ITEMS_MAX, PAGE_ITEMS_MAX);
    return this.#do('list', (record) =>
      all(record)
        .reverse()
        .filter(
          (job) =>
            (owner === undefined || job.owner === owner) &&
            (project === undefined || job.project === project) &&
            (states === undefined || states.includes(job.state)) &&
            (before === undefined || job.id < before),
        )
        .slice(skip, skip + limit),
    );
  }

  history(query: HistoryQuery): Promise<readonly OverJob[]> {
    const { owner, project, tag, since, until, after, skip = 0 } = query;
    const limit = Math.min(query.limit ?? PAGE_ITEMS_MAX, PAGE_ITEMS_MAX);
    const isBefore = (job: Job): boolean =>
      after === undefined ||
      job.submittedAt < after.submittedAt ||
      (job.submittedAt === after.submittedAt && job.id < after.id);
    return this.#do('history', (record) =>
      all(record)
        .filter((job) => job.state === 'over')
        .filter(
          (job) =>
            (owner === undefined || job.owner === owner) &&
            (project === undefined || job.project === project) &&
            (tag === undefined || job.spec.tags.includes(tag)) &&
            (since === undefined || job.submittedAt >= since) &&
            (until === undefined || job.submittedAt < until) &&
            isBefore(job),
        )
        .sort((a, b) => b.submittedAt - a.submittedAt || b.id - a.id)
        .slice(skip, skip + limit),
    );
  }

  counts(owner?: UserId): Promise<Readonly<Record<JobState, number>>> {
    return this.#do('counts', (record) => {
      const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<
        JobState,
        number
      >;
      for (const job of record.jobs.values())
        if (owner === undefined || job.owner === owner) counts[job.state] += 1;
      return counts;
    });
  }

  pending(query: PendingQuery): Promise<readonly PendingRow[]> {
    const { after, limit, submittedSince, among } = query;
    return this.#do('pending', (record) =>
      all(record)
        .filter(({ id }) => (after === null || id > after) && (among?.includes(id) ?? true))
        .filter((job) => submittedSince === undefined || job.submittedAt >= submittedSince)
        .flatMap((job) => (job.state === 'pending' || job.state === 'open' ? [rowOf(job)] : []))
        .slice(0, limit),
    );
  }

  made(
    array: JobId,
    { after, limit }: { readonly after: JobId | null; readonly limit: number },
  ): Promise<readonly MadeMember[]> {
    return this.#do('made', (record) =>
      all(record)
        .filter(({ id, parent }) => parent === array && id > (after ?? 0))
        .map(madeMember)
        .slice(0, limit),
    );
  }

  madeCounts(arrays: readonly JobId[]): Promise<ReadonlyMap<JobId, readonly MadeCount[]>> {
    return this.#do('madeCounts', (record) => {
      const found = new Map<JobId, MadeCount[]>();
      for (const array of arrays) {
        const members = all(record).filter(({ parent }) => parent === array);
        const counts = new Map<string, MadeCount>();
        for (const { state, exitCode } of members.map(madeMember)) {
          const key = `${state} ${exitCode}`;
          counts.set(key, { state, exitCode, members: (counts.get(key)?.members ?? 0) + 1 });
        }
        if (counts.size > 0) found.set(array, [...counts.values()]);
      }
      return found;
    });
  }

  live(): Promise<readonly LiveJob[]> {
    return this.#do('live', (record) => all(record).filter(isLive));
  }

  used(query: UseQuery): Promise<readonly DayUse[]> {
    return this.#do('used', (record) => usedBy(all(record), query));
  }

  ended({ since, until, after, limit }: EndedQuery): Promise<readonly OverJob[]> {
    return this.#do('ended', (record) =>
      all(record)
        .filter((job) => job.state === 'over')
        .filter(({ endedAt }) => endedAt >= since && endedAt < until)
        .sort((a, b) => a.endedAt - b.endedAt || a.id - b.id)
        .filter(
          ({ endedAt, id }) =>
            after === null ||
            endedAt > after.endedAt ||
            (endedAt === after.endedAt && id > after.id),
        )
        .slice(0, limit),
    );
  }

  killsWanted(): Promise<readonly JobId[]> {
    return this.#do('killsWanted', (record) =>
      [...record.jobs.values()]
        .filter(({ state, killWanted }) => state !== 'over' && killWanted !== null)
        .map(({ id }) => id)
        .sort((a, b) => a - b),
    );
  }

  advance(epoch: number, steps: readonly JobStep[]): Promise<readonly StepAnswer[]> {
    const sent = structuredClone(steps);
    return this.#do('advance', (record) => {
      if (record.lease?.epoch !== epoch) throw new FencedOut(`epoch ${epoch} is over`);
      return sent.map((step) => takeStep(record, step));
    });
  }

  wantKill(id: JobId, by: UserId, at: Instant): Promise<'wanted' | 'already' | 'over' | 'unknown'> {
    return this.#do('wantKill', (record) => {
      const job = record.jobs.get(id) ?? unmade(record, id);
      if (job === undefined) return 'unknown';
      if (job.state === 'over') return 'over';
      if (record.kills.has(id) || job.killWanted !== null) return 'already';
      record.kills.set(id, { by, at });
      record.put({ ...job, killWanted: { by, at }, version: job.version + 1 });
      return 'wanted';
    });
  }

  standings(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, KnownStanding>> {
    return this.#do('standings', (record) => standingsIn(record, ids));
  }

  namesakes(
    { owner, name }: { readonly owner: UserId; readonly name: string },
    after: JobId | null,
  ): Promise<readonly Namesake[]> {
    return this.#do('namesakes', (record) =>
      all(record).flatMap((job) => {
        const isOne = job.owner === owner && job.spec.name === name && job.parent === undefined;
        if (!isOne || job.state === 'over' || job.id <= (after ?? 0)) return [];
        const hasBegun = job.launches > 0 || (job.state === 'open' && job.startedAt !== null);
        return [{ id: job.id, hasBegun }];
      }),
    );
  }

  holdBack(id: JobId, heldBack: HeldBack): Promise<'held' | 'already' | 'too-late' | 'unknown'> {
    return this.#do('holdBack', (record) => holdOne(record, id, heldBack));
  }

  release(
    id: JobId,
    { isAdmin }: { readonly isAdmin: boolean },
  ): Promise<'released' | 'not-held' | 'forbidden' | 'unknown'> {
    return this.#do('release', (record) => {
      const job = record.jobs.get(id);
      if (job === undefined) return unmade(record, id) === undefined ? 'unknown' : 'not-held';
      const known = heldIn(job);
      if (known === undefined) return 'not-held';
      if (known.isAdmin && !isAdmin) return 'forbidden';
      const { heldBack: _, ...rest } = job as PendingJob | OpenJob;
      record.put({ ...rest, version: job.version + 1 });
      return 'released';
    });
  }

  heldBack(): Promise<readonly JobId[]> {
    return this.#do('heldBack', (record) =>
      [...record.jobs.values()]
        .filter((job) => heldIn(job) !== undefined)
        .map(({ id }) => id)
        .sort((a, b) => a - b),
    );
  }

  lease(): Promise<Lease | undefined> {
    return this.#do('lease', ({ lease }) => lease);
  }

  takeLease(holder: string, seen: Lease | undefined): Promise<Lease | undefined> {
    return this.#do('takeLease', (record) => {
      const { lease } = record;
      const isSame =
        lease?.epoch === seen?.epoch &&
        lease?.holder === seen?.holder &&
        lease?.beat === seen?.beat;
      if (!isSame) return undefined;
      record.lease = { epoch: (lease?.epoch ?? 0) + 1, holder, beat: 0 };
      return record.lease;
    });
  }

  beatLease({ epoch, holder }: Lease): Promise<Lease | undefined> {
    return this.#do('beatLease', (record) => {
      const { lease } = record;
      if (lease?.epoch !== epoch || lease.holder !== holder) return undefined;
      record.lease = { ...lease, beat: lease.beat + 1 };
      return record.lease;
    });
  }

  freeLease({ epoch, holder }: Lease): Promise<void> {
    return this.#do('freeLease', (record) => {
      const { lease } = record;
      if (lease?.epoch === epoch && lease.holder === holder)
        record.lease = { ...lease, holder: '' };
    });
  }

  setting(name: string): Promise<string | undefined> {
    return this.#do('setting', ({ settings }) => settings.get(name));
  }

  putSetting(name: string, value: string): Promise<void> {
    return this.#do('putSetting', ({ settings }) => void settings.set(name, value));
  }

  firstSetting(name: string, value: string): Promise<string> {
    return this.#do('firstSetting', ({ settings }) => {
      const standing = settings.get(name) ?? value;
      settings.set(name, standing);
      return standing;
    });
  }

  settings(prefix: string): Promise<ReadonlyMap<string, string>> {
    return this.#do('settings', ({ settings }) => {
      const found = [...settings].filter(([name]) => name.startsWith(prefix));
      return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
    });
  }

  dropSetting(name: string): Promise<void> {
    return this.#do('dropSetting', ({ settings }) => void settings.delete(name));
  }

  user(id: UserId): Promise<UserRecord | undefined> {
    return this.#do('user', ({ users }) => structuredClone(users.get(id)));
  }

  users(): Promise<readonly UserRecord[]> {
    return this.#do('users', ({ users }) =>
      structuredClone([...users.values()]).sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
  }

  putUser(user: UserRecord): Promise<void> {
    return this.#do('putUser', ({ users }) => void users.set(user.id, structuredClone(user)));
  }

  deleteUser(id: UserId): Promise<boolean> {
    return this.#do('deleteUser', ({ users }) => users.delete(id));
  }

  project(id: ProjectId): Promise<ProjectRecord | undefined> {
    return this.#do('project', ({ projects }) => structuredClone(projects.get(id)));
  }

  projects(): Promise<readonly ProjectRecord[]> {
    return this.#do('projects', ({ projects }) =>
      structuredClone([...projects.values()]).sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
  }

  putProject(project: ProjectRecord): Promise<void> {
    return this.#do(
      'putProject',
      ({ projects }) => void projects.set(project.id, structuredClone(project)),
    );
  }

  deleteProject(id: ProjectId): Promise<boolean> {
    return this.#do('deleteProject', ({ projects }) => projects.delete(id));
  }

  priorities(): Promise<Priorities> {
    return this.#do('priorities', ({ users, projects }) => ({
      users: unusual(users),
      projects: unusual(projects),
    }));
  }

  quotas(): Promise<QuotaRecords> {
    return this.#do('quotas', ({ users, projects, resets }) => ({
      users: limited(users),
      projects: limited(projects),
      resets: { users: new Map(resets.users), projects: new Map(resets.projects) },
    }));
  }

  diskDue(query: {
    readonly after: JobId | null;
    readonly limit: number;
  }): Promise<readonly DueDirectory[]> {
    return this.#do('diskDue', ({ diskDue, jobs }) =>
      [...diskDue]
        .filter((id) => id > (query.after ?? 0))
        .sort((a, b) => a - b)
        .slice(0, query.limit)
        .map((id) => ({ id, directory: jobs.get(id)?.directory ?? null })),
    );
  }

  putDisk(sizes: readonly DirectorySize[]): Promise<void> {
    return this.#do('putDisk', (record) => {
      for (const size of sizes) putSize(record, size);
    });
  }

  diskUse(): Promise<readonly DiskUse[]> {
    return this.#do('diskUse', diskUseIn);
  }

  diskOf(id: JobId): Promise<number | undefined> {
    return this.#do('diskOf', ({ disk }) => disk.get(id)?.bytes);
  }

  recountDisk(): Promise<number> {
    return this.#do('recountDisk', (record) => {
      for (const job of all(record))
        if (job.state === 'over' && job.directory !== null && job.archivedAt === undefined)
          record.diskDue.add(job.id);
      return record.diskDue.size;
    });
  }

  archive(id: JobId, at: Instant): Promise<'archived' | 'already' | 'not-over' | 'unknown'> {
    return this.#do('archive', (record) => {
      const job = record.jobs.get(id);
      if (job === undefined) return 'unknown';
      if (job.state !== 'over') return 'not-over';
      record.diskDue.delete(id);
      record.disk.delete(id);
      if (job.archivedAt !== undefined) return 'already';
      // It ended before: this is nothing of its history.
      const archived = { ...job, archivedAt: at, version: job.version + 1 };
      record.jobs.set(id, frozen(structuredClone(archived)));
      return 'archived';
    });
  }

  resetQuota(whose: QuotaOwner, at: Instant): Promise<void> {
    return this.#do('resetQuota', (record) => {
      const day = dayOf(at);
      const asked = 'user' in whose ? { owner: whose.user } : { project: whose.project };
      let used = NO_USE;
      for (const use of usedBy(all(record), { ...asked, since: instant(day * DAY_MS) }))
        if (dayOf(use.endedAt) === day) used = added(used, use);
      if ('user' in whose) record.resets.users.set(whose.user, { day, used });
      else record.resets.projects.set(whose.project, { day, used });
    });
  }

  account(records: readonly AccountingRecord[]): Promise<readonly AccountingRecord[]> {
    const sent = structuredClone(records);
    return this.#do('account', ({ accounting }) =>
      sent.filter((record) => {
        const name = `${record.jobId}-${record.launch}`;
        if (accounting.has(name)) return false;
        accounting.set(name, record);
        return true;
      }),
    );
  }

  accountOf(id: JobId): Promise<readonly AccountingRecord[]> {
    return this.#do('accountOf', ({ accounting }) =>
      [...accounting.values()]
        .filter(({ jobId }) => jobId === id)
        .sort((a, b) => a.launch - b.launch),
    );
  }

  accountSums(query: AccountingQuery): Promise<readonly AccountingSum[]> {
    return this.#do('accountSums', ({ accounting }) => sumsByDay([...accounting.values()], query));
  }

  leases(): Promise<readonly NamedLease[]> {
    return this.#do('leases', ({ leases }) => byName([...leases.values()]));
  }

  takeLeases(
    holder: string,
    wanted: readonly { readonly name: string; readonly seen: Lease | undefined }[],
  ): Promise<readonly NamedLease[]> {
    return this.#do('takeLeases', ({ leases }) =>
      wanted.flatMap(({ name, seen }) => {
        if (!isAsSeen(leases.get(name), seen)) return [];
        const taken = { name, epoch: (seen?.epoch ?? 0) + 1, holder, beat: 0 };
        leases.set(name, taken);
        return [taken];
      }),
    );
  }

  beatLeases(holder: string): Promise<readonly NamedLease[]> {
    return this.#do('beatLeases', ({ leases }) => {
      const mine = [...leases.values()].filter((lease) => lease.holder === holder);
      for (const lease of mine) leases.set(lease.name, { ...lease, beat: lease.beat + 1 });
      return byName(mine.map((lease) => ({ ...lease, beat: lease.beat + 1 })));
    });
  }

  freeLeases(holder: string, names: readonly string[]): Promise<void> {
    return this.#do('freeLeases', ({ leases }) => {
      for (const name of names) {
        const lease = leases.get(name);
        if (lease?.holder === holder) leases.set(name, { ...lease, holder: '' });
      }
    });
  }

  dropLeases(seen: readonly NamedLease[]): Promise<void> {
    return this.#do('dropLeases', ({ leases }) => {
      for (const lease of seen)
        if (isAsSeen(leases.get(lease.name), lease)) leases.delete(lease.name);
    });
  }

  running({ slots, after, limit }: SlotQuery): Promise<readonly RunningVersion[]> {
    return this.#do('running', (record) =>
      all(record)
        .filter((job) => job.state === 'running' && slots.includes(slotOf(job.id)))
        .filter(({ id }) => id > (after ?? 0))
        .slice(0, limit)
        .map(({ id, version }) => ({ id, version })),
    );
  }

  wantKillOf(
    { id, launch }: { readonly id: JobId; readonly launch: number },
    wanted: KillWanted,
  ): Promise<'wanted' | 'already' | 'gone'> {
    return this.#do('wantKillOf', (record) => {
      const job = record.jobs.get(id);
      if (job === undefined || !isLive(job) || job.launches !== launch) return 'gone';
      if (record.kills.has(id) || job.killWanted !== null) return 'already';
      record.kills.set(id, wanted);
      record.put({ ...job, killWanted: wanted, version: job.version + 1 });
      return 'wanted';
    });
  }

  aftermathDue({ slots, after, limit }: SlotQuery): Promise<readonly JobAftermath[]> {
    return this.#do('aftermathDue', ({ aftermath }) =>
      [...aftermath]
        .filter(([id]) => slots.includes(slotOf(id)) && id > (after ?? 0))
        .sort(([a], [b]) => a - b)
        .slice(0, limit)
        .map(([id, due]) => ({ id, due })),
    );
  }

  aftermathDone(
    done: readonly { readonly id: JobId; readonly names: readonly string[] }[],
  ): Promise<void> {
    return this.#do('aftermathDone', ({ aftermath }) => {
      for (const { id, names } of done) {
        const left = (aftermath.get(id) ?? []).filter(({ name }) => !names.includes(name));
        if (left.length === 0) aftermath.delete(id);
        else aftermath.set(id, left);
      }
    });
  }

  watch(changed: () => void): () => void {
    // Handles of several processes share the record: each has watches of its own.
    const mine = () => {
      if (this.#record.watches.has(mine) && !this.#isClosed) changed();
    };
    this.#record.watches.add(mine);
    return () => this.#record.watches.delete(mine);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}

function putSize(record: MemoryRecord, size: DirectorySize): void {
  const job = record.jobs.get(size.id);
  if (job === undefined || (size.isOver && job.state !== 'over')) return;
  if (size.isOver) record.diskDue.delete(size.id);
  if (job.state === 'over' && job.archivedAt !== undefined) return;
  const known = record.disk.get(size.id);
  const isLater = known === undefined || known.measuredAt <= size.measuredAt;
  if (isLater && (size.isOver || known?.isOver !== true)) record.disk.set(size.id, size);
}

function diskUseIn({ disk, jobs }: MemoryRecord): readonly DiskUse[] {
  const sums = new Map<string, DiskUse>();
  for (const { id, bytes, isOver } of disk.values()) {
    const { owner, project } = jobs.get(id) ?? { owner: userId(''), project: projectId('') };
    const key = JSON.stringify([owner, project]);
    const sum = sums.get(key) ?? { owner, project, endedBytes: 0, heldBytes: 0, jobs: 0 };
    sums.set(key, {
      ...sum,
      endedBytes: sum.endedBytes + (isOver ? bytes : 0),
      heldBytes: sum.heldBytes + (isOver ? 0 : bytes),
      jobs: sum.jobs + 1,
    });
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}

const isAsSeen = (lease: Lease | undefined, seen: Lease | undefined): boolean =>
  lease?.epoch === seen?.epoch && lease?.holder === seen?.holder && lease?.beat === seen?.beat;

const byName = (leases: readonly NamedLease[]): readonly NamedLease[] =>
  [...leases].sort((a, b) => compare(a.name, b.name));

function sumsByDay(
  records: readonly AccountingRecord[],
  { from, until, project }: AccountingQuery,
): readonly AccountingSum[] {
  const sums = new Map<string, AccountingSum>();
  for (const record of records) {
    const day = dayOf(record.endedAt);
    if (day < from || day >= until || (project ?? record.project) !== record.project) continue;
    const { owner, queue, executor, isCharged, ranMs, waitedMs, allocated } = record;
    const name = { day, project: record.project, owner, queue, executor, isCharged };
    const order = [String(day).padStart(6, '0'), record.project, owner, queue ?? '', executor];
    const key = JSON.stringify([...order, isCharged ? 0 : 1]);
    const before = sums.get(key) ?? {
      ...{ ...name, launches: 0, ranMs: 0, waitedMs: 0 },
      ...{ cpuMs: 0, gpuMs: 0, memMbSeconds: 0 },
    };
    sums.set(key, {
      ...name,
      launches: before.launches + 1,
      ranMs: before.ranMs + ranMs,
      waitedMs: before.waitedMs + waitedMs,
      cpuMs: before.cpuMs + allocated.cpuMs,
      gpuMs: before.gpuMs + allocated.gpuMs,
      memMbSeconds: before.memMbSeconds + allocated.memMbSeconds,
    });
  }
  return [...sums].sort(([a], [b]) => compare(a, b)).map(([, sum]) => sum);
}

const unusual = <Id>(records: ReadonlyMap<Id, { readonly prio: number }>): Map<Id, number> =>
  new Map(
    [...records].flatMap(([id, { prio }]) => (prio === PRIO_USUAL ? [] : [[id, prio] as const])),
  );

const limited = <Id>(records: ReadonlyMap<Id, { readonly quotas: Quotas }>): Map<Id, Quotas> =>
  new Map(
    [...records].flatMap(([id, { quotas }]) =>
      isUnlimited(quotas) ? [] : [[id, quotas] as const],
    ),
  );

/** Callers may share it: nobody can change it. */
function frozen<T extends object>(value: T): T {
  for (const part of Object.values(value) as unknown[])
    if (typeof part === 'object' && part !== null && !Object.isFrozen(part)) frozen(part);
  return Object.freeze(value);
}

const readable = ({ jobs, damaged }: MemoryRecord, id: JobId): Job | undefined =>
  damaged.has(id) ? undefined : jobs.get(id);

/** The readable array that an id is a member of. */
function arrayOf(record: MemoryRecord, id: JobId): Job | undefined {
  const holder = record.arrays.find((array) => holdsMember(array, id));
  return holder === undefined ? undefined : readable(record, holder.id);
}

function unmade(record: MemoryRecord, id: JobId): Job | undefined {
  if (record.jobs.has(id)) return undefined;
  const array = arrayOf(record, id);
  return array === undefined ? undefined : frozen(structuredClone(unmadeMember(array, id)));
}

const heldIn = (job: Job): HeldBack | undefined =>
  job.state === 'pending' || job.state === 'open' ? job.heldBack : undefined;

function holdOne(
  record: MemoryRecord,
  id: JobId,
  heldBack: HeldBack,
): 'held' | 'already' | 'too-late' | 'unknown' {
  const job = record.jobs.get(id) ?? unmade(record, id);
  if (job === undefined) return 'unknown';
  if ((job.state !== 'pending' && job.state !== 'open') || job.killWanted !== null)
    return 'too-late';
  const known = record.jobs.has(id) ? job.heldBack : undefined;
  if (known !== undefined && (known.isAdmin || !heldBack.isAdmin)) return 'already';
  record.put({ ...job, heldBack, version: job.version + 1 });
  return 'held';
}

function standingsIn(
  record: MemoryRecord,
  ids: readonly JobId[],
): ReadonlyMap<JobId, KnownStanding> {
  const found = new Map<JobId, KnownStanding>();
  for (const id of ids) {
    const job = record.jobs.get(id) ?? unmade(record, id);
    const isDamaged = record.arrays.some(
      (array) => record.damaged.has(array.id) && holdsMember(array, id),
    );
    if (job !== undefined) found.set(id, { ...standingOf(job), owner: job.owner });
    else if (isDamaged)
      found.set(id, {
        ...{ state: 'pending', exitCode: null, hasStarted: false },
        owner: userId(''),
      });
  }
  return found;
}

function waitsOf(job: PendingJob | OpenJob): Waits | undefined {
  const { spec, heldBack, launches } = job;
  const { dependencies, beginAt, name } = spec;
  const isFirst = launches === 0 && job.parent === undefined;
  const waits = {
    ...(isFirst && dependencies !== undefined ? { dependencies } : {}),
    ...(isFirst && dependencies?.isSingleton === true ? { name } : {}),
    ...(isFirst && beginAt !== undefined ? { beginAt } : {}),
    ...(heldBack === undefined ? {} : { heldBack }),
  };
  return Object.keys(waits).length === 0 ? undefined : waits;
}

const madeMember = (job: Job): MadeMember => ({
  id: job.id,
  state: job.state,
  exitCode: job.state === 'over' ? codeOf(job.outcome) : null,
});

/** Every readable job, in order of id. */
const all = (record: MemoryRecord): Job[] =>
  [...record.jobs.keys()].sort((a, b) => a - b).flatMap((id) => readable(record, id) ?? []);

const keyOf = ({ owner, idempotencyKey }: NewJob): string | null =>
  idempotencyKey === null ? null : JSON.stringify([owner, idempotencyKey]);

function knownOf(record: MemoryRecord, job: NewJob): SubmitAnswer | undefined {
  const key = keyOf(job);
  const known = key === null ? undefined : record.keys.get(key);
  if (known === undefined) return undefined;
  return { kind: known.digest === job.digest ? 'known' : 'key-reused', id: known.id };
}

/** An array counts as its members, its parent as nothing. */
const membersOf = (jobs: readonly NewJob[]): number =>
  jobs.reduce((sum, { spec }) => sum + (spec.array === undefined ? 1 : arraySize(spec.array)), 0);

/** Members of open arrays that wait without a record of their own. */
function unmadeIn(record: MemoryRecord, isCounted: (array: Job) => boolean): number {
  let unmade = 0;
  for (const { id, size } of record.arrays) {
    const array = record.jobs.get(id);
    if (array?.state !== 'open' || !isCounted(array)) continue;
    for (let place = 0; place < size; place++) if (!record.jobs.has(memberId(id, place))) unmade++;
  }
  return unmade;
}

function rateLimited(
  record: MemoryRecord,
  jobs: readonly NewJob[],
  { user, all }: RateLimits,
): Limited | null {
  const keys = new Set<string>();
  const fresh = jobs.filter((job) => {
    const key = keyOf(job);
    const isRepeat = key !== null && keys.has(key);
    if (key !== null) keys.add(key);
    return !isRepeat && knownOf(record, job) === undefined;
  });
  const stored = [...record.jobs.values()];
  if (user !== null)
    for (const owner of new Set(fresh.map((job) => job.owner))) {
      const isHis = (job: { readonly owner: UserId }) => job.owner === owner;
      const own = stored.filter((job) => isHis(job) && !['over', 'open'].includes(job.state));
      const now = own.length + unmadeIn(record, isHis);
      const asked = membersOf(fresh.filter(isHis));
      if (now + asked > user) return { kind: 'limited', scope: 'user', limit: user, now, asked };
    }
  const waiting = stored.filter(({ state }) => state === 'pending').length;
  const now = waiting + unmadeIn(record, () => true);
  const asked = membersOf(fresh);
  if (all === null || asked === 0 || now + asked <= all) return null;
  return { kind: 'limited', scope: 'all', limit: all, now, asked };
}

function submitOne(record: MemoryRecord, job: NewJob): SubmitAnswer {
  const { script, idempotencyKey: _, digest, ...asked } = job;
  const known = knownOf(record, job);
  if (known !== undefined) return known;
  const key = keyOf(job);
  record.lastId += 1;
  const id = jobId(record.lastId);
  if (key !== null) record.keys.set(key, { id, digest });
  record.scripts.set(id, script);
  const made = {
    ...{ ...asked, id, launches: 0, faults: [], retried: NEVER_RETRIED, directory: null },
    ...{ killWanted: null, version: 1 },
  };
  if (job.spec.array === undefined)
    record.put({ ...made, state: 'pending', notBefore: null, pauseMs: 0 });
  else {
    const size = arraySize(job.spec.array);
    record.lastId += size;
    record.arrays.push({ id, size });
    record.put({ ...made, state: 'open', startedAt: null });
  }
  return { kind: 'stored', id };
}

function takeStep(
  record: MemoryRecord,
  { from, unlessKillWanted, to, aftermath = [] }: JobStep,
): StepAnswer {
  const job = record.jobs.get(to.id) ?? unmade(record, to.id);
  const wanted = record.kills.get(to.id);
  const isKillWanted =
    wanted !== undefined || (job?.parent !== undefined && record.kills.has(job.parent));
  const array = job?.parent === undefined ? undefined : record.jobs.get(job.parent);
  const isHeld =
    (job !== undefined && heldIn(job) !== undefined) ||
    (array !== undefined && heldIn(array) !== undefined);
  const isMet =
    job?.state === from.state &&
    job.launches === from.launches &&
    !(unlessKillWanted && (isKillWanted || isHeld));
  if (job === undefined || !isMet)
    return { kind: 'refused', job: readable(record, to.id) ?? unmade(record, to.id) };
  const { owner, project, identity, spec, submittedAt, parent } = job;
  const version = job.version + 1;
  const ofArray = parent === undefined ? {} : { parent };
  const kept = { owner, project, identity, spec, submittedAt, version, ...ofArray };
  const { heldBack: _, ...rest } = { heldBack: undefined, ...to };
  const held = record.jobs.has(to.id) ? heldIn(job) : undefined;
  const mayBeHeld = to.state === 'pending' || to.state === 'open';
  const still = held === undefined || !mayBeHeld ? {} : { heldBack: held };
  const killWanted = wanted ?? (to.state === 'killing' ? to.killWanted : null);
  record.put({ ...rest, ...kept, ...still, killWanted } as Job);
  if (to.state === 'over' && to.directory !== null) record.diskDue.add(to.id);
  if (aftermath.length > 0)
    record.aftermath.set(to.id, [...(record.aftermath.get(to.id) ?? []), ...aftermath]);
  return { kind: 'stored', version };
}

const rowOf = (job: Job & { state: 'pending' | 'open' }): PendingRow => ({
  id: job.id,
  ...(job.state === 'open' && job.spec.array !== undefined
    ? {
        array: {
          size: arraySize(job.spec.array),
          concurrencyMax: job.spec.array.concurrencyMax,
        },
      }
    : {}),
  owner: job.owner,
  project: job.project,
  submittedAt: job.submittedAt,
  needs: needsOf(job),
  constraints: job.spec.constraints,
  executor: job.spec.executor,
  ...(job.spec.queue === undefined ? {} : { queue: job.spec.queue }),
  notBefore: job.state === 'pending' ? job.notBefore : null,
  pauseMs: job.state === 'pending' ? job.pauseMs : 0,
  isKillWanted: job.killWanted !== null,
  failedOn: failedHosts(job.faults),
  lifespanMs: job.spec.lifespanMs,
  ...(waitsOf(job) === undefined ? {} : { waits: waitsOf(job) as Waits }),
});

function usedBy(jobs: readonly Job[], { since, owner, project }: UseQuery): readonly DayUse[] {
  const days = new Map<
    string,
    { readonly day: number; readonly ends: number; readonly use: DayUse }
  >();
  for (const job of jobs) {
    if ((owner ?? job.owner) !== job.owner || (project ?? job.project) !== job.project) continue;
    for (const launch of chargedLaunches(job)) {
      const day = dayOf(launch.endedAt);
      if (day < dayOf(since)) continue;
      const key = JSON.stringify([day, job.owner, job.project]);
      const sums = sumsOf(launch.needs, launch.timeMs);
      const before = days.get(key);
      const ends = (before?.ends ?? 0) + (launch.endedAt - day * DAY_MS) * launch.timeMs;
      const whole = added(before?.use ?? NO_USE, sums);
      const endedAt = instant(Math.round(day * DAY_MS + ends / whole.timeMs));
      const use = { owner: job.owner, project: job.project, endedAt, ...whole };
      days.set(key, { day, ends, use });
    }
  }
  return [...days.values()]
    .sort(
      (a, b) =>
        a.day - b.day || compare(a.use.owner, b.use.owner) || compare(a.use.project, b.use.project),
    )
    .map(({ use }) => use);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
