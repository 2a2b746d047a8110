// The store on MongoDB, for several machines. It speaks to single documents: no transactions, so any server from 4.4 on will do.
import { randomUUID } from 'node:crypto';
import { MONGO_SWEEP_EACH_MS } from '../../contracts/limits.js';
import type { Log } from '../../contracts/log.js';
import type {
  EndedQuery,
  HistoryQuery,
  JobQuery,
  JobStep,
  Lease,
  Limited,
  MadeCount,
  MadeMember,
  NewJob,
  PendingQuery,
  PendingRow,
  RateLimits,
  StepAnswer,
  Store,
  SubmitAnswer,
} from '../../contracts/store.js';
import type { KnownStanding } from '../../contracts/waits.js';
import type { HeldBack } from '../../core/dependency.js';
import type { Job, JobState, LiveJob, OverJob } from '../../core/job.js';
import type { Namesake } from '../../core/name-lines.js';
import type { Instant, JobId, UserId } from '../../core/units.js';
import type { MongoParts } from './account-store.js';
import { Admissions } from './admissions.js';
import { Batches } from './batches.js';
import { connect } from './connection.js';
import { type Collections, collectionsOf } from './documents.js';
import { Holds } from './holds.js';
import { Ids } from './ids.js';
import { Kills } from './kills.js';
import { KnownKeys } from './known-keys.js';
import { Leases } from './lease.js';
import { Pulse } from './pulse.js';
import { QueueRows } from './queue-rows.js';
import { Records } from './records.js';
import { migrate, newerSchema, requireCurrent, requireFinished, requireKnown } from './schema.js';
import { Standings } from './standings.js';
import { Steps } from './steps.js';
import { Submissions } from './submissions.js';
import { troubleOf } from './trouble.js';
import { MongoWatchStore } from './watch-store.js';

export interface MongoStoreOptions {
  /** Nothing is made or upgraded: a database of another schema is refused. */
  readonly isLook?: boolean;
  /** How often what others left behind is looked through; absent: `MONGO_SWEEP_EACH_MS`. */
  readonly sweepEachMs?: number;
  /** `mongodb://…`, as the driver takes it. */
  readonly url: string;
  readonly database: string;
  readonly log: Log;
}

/**
 * Connects, and makes or upgrades what the database holds. Any number of processes on any number of machines may have it open.
 * @throws ServiceError store-unavailable; `facts.because` says why: `away`, `login-refused`, `newer-schema` …
 */
export async function openMongoStore({
  url,
  database,
  log,
  isLook = false,
  sweepEachMs = MONGO_SWEEP_EACH_MS,
}: MongoStoreOptions): Promise<Store> {
  const client = await connect(url);
  try {
    const collections = collectionsOf(client.db(database));
    if (isLook) await requireCurrent(collections);
    else await migrate(collections);
    await requireFinished(collections);
    const pulse = await Pulse.begin(collections, log);
    return new MongoStore({ client, collections, pulse, log }, sweepEachMs);
  } catch (error) {
    await client.close();
    throw troubleOf(error);
  }
}

class MongoStore extends MongoWatchStore implements Store {
  readonly #log: Log;
  readonly #records: Records;
  readonly #queueRows: QueueRows;
  readonly #submissions: Submissions;
  readonly #admissions: Admissions;
  readonly #steps: Steps;
  readonly #kills: Kills;
  readonly #holds: Holds;
  readonly #standings: Standings;
  readonly #leases: Leases;
  readonly #sweeping: NodeJS.Timeout;
  readonly #collections: Collections;
  #isOutdated = false;

  constructor(parts: MongoParts, sweepEachMs: number) {
    super(parts);
    const { collections, pulse, log } = parts;
    this.#log = log;
    this.#collections = collections;
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
    this.#holds = new Holds(collections);
    this.#standings = new Standings(collections, this.#records);
    this.#leases = new Leases(collections);
    this.#sweeping = setInterval(() => this.#sweep(), sweepEachMs).unref();
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
    return this.write(
      () => this.#submissions.submit(jobs, limits),
      (answers) => answers.some(({ kind }) => kind === 'stored'),
    );
  }

  job(id: JobId): Promise<Job | undefined> {
    return this.do(() => this.#records.job(id));
  }

  jobs(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, Job>> {
    return this.do(() => this.#records.jobs(ids));
  }

  scripts(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, string>> {
    return this.do(() => this.#records.scripts(ids));
  }

  list(query: JobQuery): Promise<readonly Job[]> {
    return this.do(() => this.#records.list(query));
  }

  history(query: HistoryQuery): Promise<readonly OverJob[]> {
    return this.do(() => this.#records.history(query));
  }

  counts(owner?: UserId): Promise<Readonly<Record<JobState, number>>> {
    return this.do(() => this.#records.counts(owner ?? null));
  }

  /** What a process left committed and unpublished when it died is published before everything is read. */
  pending(query: PendingQuery): Promise<readonly PendingRow[]> {
    return this.do(async () => {
      if (query.after === null) await this.#admissions.settledVersion();
      return this.#queueRows.pending(query);
    });
  }

  made(
    array: JobId,
    page: { readonly after: JobId | null; readonly limit: number },
  ): Promise<readonly MadeMember[]> {
    return this.do(() => this.#queueRows.made(array, page));
  }

  madeCounts(arrays: readonly JobId[]): Promise<ReadonlyMap<JobId, readonly MadeCount[]>> {
    return this.do(() => this.#queueRows.madeCounts(arrays));
  }

  live(): Promise<readonly LiveJob[]> {
    return this.do(() => this.#records.live());
  }

  ended(query: EndedQuery): Promise<readonly OverJob[]> {
    return this.do(() => this.#records.ended(query));
  }

  killsWanted(): Promise<readonly JobId[]> {
    return this.do(() => this.#records.killsWanted());
  }

  advance(epoch: number, steps: readonly JobStep[]): Promise<readonly StepAnswer[]> {
    return this.write(
      () => this.#steps.advance(epoch, steps),
      (answers) => answers.some(({ kind }) => kind === 'stored'),
    );
  }

  wantKill(id: JobId, by: UserId, at: Instant): Promise<'wanted' | 'already' | 'over' | 'unknown'> {
    return this.write(
      () => this.#kills.want(id, { by, at }),
      (answer) => answer === 'wanted',
    );
  }

  standings(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, KnownStanding>> {
    return this.do(() => this.#standings.of(ids));
  }

  namesakes(
    named: { readonly owner: UserId; readonly name: string },
    after: JobId | null,
  ): Promise<readonly Namesake[]> {
    return this.do(() => this.#standings.namesakes(named, after ?? 0));
  }

  holdBack(id: JobId, held: HeldBack): Promise<'held' | 'already' | 'too-late' | 'unknown'> {
    return this.write(
      () => this.#holds.holdBack(id, held),
      (answer) => answer === 'held',
    );
  }

  release(
    id: JobId,
    by: { readonly isAdmin: boolean },
  ): Promise<'released' | 'not-held' | 'forbidden' | 'unknown'> {
    return this.write(
      () => this.#holds.release(id, by),
      (answer) => answer === 'released',
    );
  }

  heldBack(): Promise<readonly JobId[]> {
    return this.do(() => this.#standings.heldBack());
  }

  lease(): Promise<Lease | undefined> {
    return this.do(() => this.#leases.read());
  }

  /** A leader knows the schema: one of before would leave out what it does not know of. */
  takeLease(holder: string, seen: Lease | undefined): Promise<Lease | undefined> {
    return this.do(async () => {
      await requireKnown(this.#collections);
      return this.#leases.take(holder, seen);
    });
  }

  beatLease(lease: Lease): Promise<Lease | undefined> {
    return this.do(() => this.#leases.beat(lease));
  }

  freeLease(lease: Lease): Promise<void> {
    return this.do(() => this.#leases.free(lease));
  }

  protected override stopping(): void {
    clearInterval(this.#sweeping);
  }

  #sweep(): void {
    this.do(() => this.#admissions.sweep(Date.now())).catch((error: unknown) =>
      this.#log.warn('undecided submissions not looked through', { error }),
    );
    if (!this.#isOutdated) void this.#lookAtSchema();
  }

  /** Said once: whoever replaces the processes of an installation one by one has forgotten this one, or comes to it. */
  async #lookAtSchema(): Promise<void> {
    try {
      const newer = await this.do(() => newerSchema(this.#collections));
      if (newer === null || this.#isOutdated) return;
      this.#isOutdated = true;
      this.#log.error(
        'a newer GoDocker has brought the database over: replace this process',
        newer,
      );
    } catch (error) {
      this.#log.debug('schema not looked at', { error });
    }
  }
}
