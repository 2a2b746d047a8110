// The store on MongoDB, for several machines. It speaks to single documents: no transactions, so any server from 4.4 on will do.
import { randomUUID } from 'node:crypto';
import type { MongoClient } from 'mongodb';
import { MONGO_SWEEP_EACH_MS } from '../../contracts/limits.js';
import type { Log } from '../../contracts/log.js';
import type {
  JobQuery,
  JobStep,
  Lease,
  Limited,
  MadeCount,
  MadeMember,
  NewJob,
  PendingRow,
  Priorities,
  ProjectRecord,
  RateLimits,
  StepAnswer,
  Store,
  SubmitAnswer,
  UseQuery,
  UserRecord,
} from '../../contracts/store.js';
import type { Job, JobState, LiveJob } from '../../core/job.js';
import type { QuotaRecords } from '../../core/limit-book.js';
import type { Instant, JobId, ProjectId, UserId } from '../../core/units.js';
import type { DayUse } from '../../core/usage.js';
import { Accounts } from './accounts.js';
import { Admissions } from './admissions.js';
import { Batches } from './batches.js';
import { connect } from './connection.js';
import { type Collections, collectionsOf } from './documents.js';
import { Ids } from './ids.js';
import { Kills } from './kills.js';
import { KnownKeys } from './known-keys.js';
import { Leases } from './lease.js';
import { Pulse } from './pulse.js';
import { QueueRows } from './queue-rows.js';
import { Records } from './records.js';
import { migrate } from './schema.js';
import { Steps } from './steps.js';
import { Submissions } from './submissions.js';
import { troubleOf, unavailable } from './trouble.js';
import { Uses } from './uses.js';

export interface MongoStoreOptions {
  /** `mongodb://…`, as the driver takes it. */
  readonly url: string;
  readonly database: string;
  readonly log: Log;
}

/**
 * Connects, and makes or upgrades what the database holds. Any number of processes on any number of machines may have it open.
 * @throws ServiceError store-unavailable; `facts.because` says why: `away`, `login-refused`, `newer-schema` …
 */
export async function openMongoStore({ url, database, log }: MongoStoreOptions): Promise<Store> {
  const client = await connect(url);
  try {
    const collections = collectionsOf(client.db(database));
    await migrate(collections);
    const pulse = await Pulse.begin(collections, log);
    return new MongoStore(client, collections, pulse, log);
  } catch (error) {
    await client.close();
    throw troubleOf(error);
  }
}

class MongoStore implements Store {
  readonly #client: MongoClient;
  readonly #log: Log;
  readonly #pulse: Pulse;
  readonly #records: Records;
  readonly #queueRows: QueueRows;
  readonly #submissions: Submissions;
  readonly #admissions: Admissions;
  readonly #steps: Steps;
  readonly #kills: Kills;
  readonly #uses: Uses;
  readonly #leases: Leases;
  readonly #accounts: Accounts;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #sweeping: NodeJS.Timeout;
  #closing: Promise<void> | undefined;

  constructor(client: MongoClient, collections: Collections, pulse: Pulse, log: Log) {
    this.#client = client;
    this.#log = log;
    this.#pulse = pulse;
    this.#records = new Records(collections, log);
    this.#queueRows = new QueueRows(collections, this.#records);
    const ids = new Ids(collections);
    const admissions = new Admissions(collections);
    const knownKeys = new KnownKeys(collections, admissions);
    const batches = new Batches(collections, { ids, knownKeys, admissions });
    const settle = () => pulse.write();
    this.#submissions = new Submissions(collections, { ids, knownKeys, batches, settle });
    this.#admissions = admissions;
    this.#steps = new Steps(collections, this.#records, randomUUID());
    this.#kills = new Kills(collections);
    this.#uses = new Uses(collections);
    this.#leases = new Leases(collections);
    this.#accounts = new Accounts(collections, log);
    this.#sweeping = setInterval(() => this.#sweep(), MONGO_SWEEP_EACH_MS).unref();
  }

  async submit(jobs: readonly NewJob[]): Promise<readonly SubmitAnswer[]>;
  async submit(
    jobs: readonly NewJob[],
    limits: RateLimits,
  ): Promise<readonly (SubmitAnswer | Limited)[]>;
  submit(
    jobs: readonly NewJob[],
    limits?: RateLimits,
  ): Promise<readonly (SubmitAnswer | Limited)[]> {
    return this.#write(
      () => this.#submissions.submit(jobs, limits),
      (answers) => answers.some(({ kind }) => kind === 'stored'),
    );
  }

  job(id: JobId): Promise<Job | undefined> {
    return this.#do(() => this.#records.job(id));
  }

  jobs(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, Job>> {
    return this.#do(() => this.#records.jobs(ids));
  }

  scripts(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, string>> {
    return this.#do(() => this.#records.scripts(ids));
  }

  list(query: JobQuery): Promise<readonly Job[]> {
    return this.#do(() => this.#records.list(query));
  }

  counts(owner?: UserId): Promise<Readonly<Record<JobState, number>>> {
    return this.#do(() => this.#records.counts(owner ?? null));
  }

  /** What a process left committed and unpublished when it died is published before everything is read. */
  pending(query: {
    readonly after: JobId | null;
    readonly limit: number;
    readonly submittedSince?: Instant;
  }): Promise<readonly PendingRow[]> {
    return this.#do(async () => {
      if (query.after === null) await this.#admissions.settledVersion();
      return this.#queueRows.pending(query);
    });
  }

  made(
    array: JobId,
    page: { readonly after: JobId | null; readonly limit: number },
  ): Promise<readonly MadeMember[]> {
    return this.#do(() => this.#queueRows.made(array, page));
  }

  madeCounts(arrays: readonly JobId[]): Promise<ReadonlyMap<JobId, readonly MadeCount[]>> {
    return this.#do(() => this.#queueRows.madeCounts(arrays));
  }

  live(): Promise<readonly LiveJob[]> {
    return this.#do(() => this.#records.live());
  }

  used(query: UseQuery): Promise<readonly DayUse[]> {
    return this.#do(() => this.#uses.used(query));
  }

  killsWanted(): Promise<readonly JobId[]> {
    return this.#do(() => this.#records.killsWanted());
  }

  advance(epoch: number, steps: readonly JobStep[]): Promise<readonly StepAnswer[]> {
    return this.#write(
      () => this.#steps.advance(epoch, steps),
      (answers) => answers.some(({ kind }) => kind === 'stored'),
    );
  }

  wantKill(id: JobId, by: UserId, at: Instant): Promise<'wanted' | 'already' | 'over' | 'unknown'> {
    return this.#write(
      () => this.#kills.want(id, { by, at }),
      (answer) => answer === 'wanted',
    );
  }

  lease(): Promise<Lease | undefined> {
    return this.#do(() => this.#leases.read());
  }

  takeLease(holder: string, seen: Lease | undefined): Promise<Lease | undefined> {
    return this.#do(() => this.#leases.take(holder, seen));
  }

  beatLease(lease: Lease): Promise<Lease | undefined> {
    return this.#do(() => this.#leases.beat(lease));
  }

  freeLease(lease: Lease): Promise<void> {
    return this.#do(() => this.#leases.free(lease));
  }

  setting(name: string): Promise<string | undefined> {
    return this.#do(() => this.#accounts.setting(name));
  }

  putSetting(name: string, value: string): Promise<void> {
    return this.#write(() => this.#accounts.putSetting(name, value));
  }

  firstSetting(name: string, value: string): Promise<string> {
    return this.#write(() => this.#accounts.firstSetting(name, value));
  }

  settings(prefix: string): Promise<ReadonlyMap<string, string>> {
    return this.#do(() => this.#accounts.settings(prefix));
  }

  dropSetting(name: string): Promise<void> {
    return this.#write(() => this.#accounts.dropSetting(name));
  }

  user(id: UserId): Promise<UserRecord | undefined> {
    return this.#do(() => this.#accounts.user(id));
  }

  users(): Promise<readonly UserRecord[]> {
    return this.#do(() => this.#accounts.users());
  }

  putUser(user: UserRecord): Promise<void> {
    return this.#write(() => this.#accounts.put('users', user));
  }

  deleteUser(id: UserId): Promise<boolean> {
    return this.#write(() => this.#accounts.delete('users', id));
  }

  project(id: ProjectId): Promise<ProjectRecord | undefined> {
    return this.#do(() => this.#accounts.project(id));
  }

  projects(): Promise<readonly ProjectRecord[]> {
    return this.#do(() => this.#accounts.projects());
  }

  putProject(project: ProjectRecord): Promise<void> {
    return this.#write(() => this.#accounts.put('projects', project));
  }

  deleteProject(id: ProjectId): Promise<boolean> {
    return this.#write(() => this.#accounts.delete('projects', id));
  }

  priorities(): Promise<Priorities> {
    return this.#do(() => this.#accounts.priorities());
  }

  quotas(): Promise<QuotaRecords> {
    return this.#do(() => this.#accounts.quotas());
  }

  watch(changed: () => void): () => void {
    return this.#pulse.watch(changed);
  }

  /** What was asked before is finished. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweeping);
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay]);
    await this.#pulse.stop();
    await this.#client.close();
  }

  /** @throws ServiceError store-unavailable */
  async #do<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    if (this.#closing !== undefined) throw unavailable('closed', 'the store is closed');
    const working = work();
    this.#underWay.add(working);
    try {
      return await working;
    } catch (error) {
      throw troubleOf(error);
    } finally {
      this.#underWay.delete(working);
    }
  }

  /** The same, and others are told if something was written. */
  async #write<Answer>(
    work: () => Promise<Answer>,
    isWritten: (answer: Answer) => boolean = () => true,
  ): Promise<Answer> {
    const answer = await this.#do(work);
    if (isWritten(answer)) this.#pulse.beat();
    return answer;
  }

  #sweep(): void {
    this.#do(() => this.#admissions.sweep(Date.now())).catch((error: unknown) =>
      this.#log.warn('undecided submissions not looked through', { error }),
    );
  }
}
