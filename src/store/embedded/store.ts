// The embedded store: SQLite in one file, for one machine. Writes and large reads happen in threads of their own;
// point reads take some ten microseconds and happen here.
import { ServiceError } from '../../contracts/errors.js';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import type { Log } from '../../contracts/log.js';
import {
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
  type RateLimits,
  type StepAnswer,
  type Store,
  type SubmitAnswer,
  type UseQuery,
} from '../../contracts/store.js';
import { unmadeMember } from '../../core/array-life.js';
import { isLive, type Job, type JobState, type LiveJob, type OverJob } from '../../core/job.js';
import { type Instant, type JobId, jobId, type UserId } from '../../core/units.js';
import type { DayUse } from '../../core/usage.js';
import { type StoreParts, wholeOr } from './accounts.js';
import { Channel, errorOf } from './channel.js';
import { madeCountsOf, madeIn, membersAmong, stepAnswerOf } from './members.js';
import { pointReader } from './point-reader.js';
import { inPortions, slices } from './portions.js';
import { readAhead } from './read-ahead.js';
import { textOf } from './reader.js';
import type { Reads, Writes } from './requests.js';
import { dayUseOf, jobOf, stepColumns, submissionColumns } from './rows.js';
import type { Row } from './sqlite.js';
import { WaitingJobs } from './waiting-jobs.js';
import { watchFile } from './watch.js';
import { failureOf } from './writer.js';

export interface EmbeddedStoreOptions {
  /** The database file; made when it is not there. Two more stand beside it: `-wal`, `-shm`. */
  readonly path: string;
  readonly log: Log;
  /** Size bound of the file; beyond it writes are refused as on a full disk. Absent: none. */
  readonly bytesMax?: number;
}

/** Rows of one question to the reading thread: keeps every question short, and the event loop free. */
const RECORDS_SLICE = 500;
const SCRIPTS_SLICE = 100;
const PAGE_BYTES = 4_096;

/**
 * Opens the store, making or upgrading the file. Several processes of one machine may have it open.
 * @throws ServiceError store-unavailable; `facts.because` says why: `newer-schema`, `not-a-store`, `cannot-open` …
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { path, log, bytesMax } = options;
  const pagesMax = bytesMax === undefined ? null : Math.max(1, Math.floor(bytesMax / PAGE_BYTES));
  const [writer, reader] = await Promise.allSettled([
    Channel.open<Writes>({ role: 'writer', path, pagesMax }, log),
    Channel.open<Reads>({ role: 'reader', path, pagesMax: null }, log),
  ]);
  try {
    if (writer.status === 'rejected') throw writer.reason;
    if (reader.status === 'rejected') throw reader.reason;
    const parts = { writer: writer.value, reader: reader.value, point: pointReader(path), log };
    return new EmbeddedStore(path, parts);
  } catch (failure) {
    for (const channel of [writer, reader])
      if (channel.status === 'fulfilled') await channel.value.close();
    throw failure instanceof ServiceError ? failure : errorOf(failureOf(failure));
  }
}

class EmbeddedStore extends WaitingJobs implements Store {
  readonly #path: string;
  readonly #watches = new Set<() => void>();
  #closing: Promise<void> | undefined;

  constructor(path: string, parts: StoreParts) {
    super(parts);
    this.#path = path;
  }

  async submit(jobs: readonly NewJob[]): Promise<readonly SubmitAnswer[]>;
  async submit(
    jobs: readonly NewJob[],
    limits: RateLimits,
  ): Promise<readonly (SubmitAnswer | Limited)[]>;
  async submit(
    jobs: readonly NewJob[],
    limits?: RateLimits,
  ): Promise<readonly (SubmitAnswer | Limited)[]> {
    if (jobs.length === 0) return [];
    const columns = await inPortions(jobs, submissionColumns);
    return this.writer.call('submit', { jobs: columns, limits: limits ?? null });
  }

  async job(id: JobId): Promise<Job | undefined> {
    const row = this.read((point) => point.job(id));
    if (row !== undefined) return wholeOr(() => jobOf(row));
    const array = this.read((point) => point.arrayOf(id));
    if (array === undefined) return undefined;
    // Between both looks the member may have got its record.
    const again = this.read((point) => point.job(id));
    return wholeOr(() => (again === undefined ? unmadeMember(jobOf(array), id) : jobOf(again)));
  }

  async jobs(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, Job>> {
    const found = new Map<JobId, Job>();
    for (const slice of slices(ids, RECORDS_SLICE)) {
      const rows = await this.reader.call('records', slice);
      for (const job of this.readableJobs(rows)) found.set(job.id, job);
      const known = new Set(rows.map(([id]) => Number(id)));
      const unknown = slice.filter((id) => !known.has(id));
      const members = await this.#arraysOf(unknown);
      for (const [id, array] of members) found.set(id, unmadeMember(array, id));
      // Of an array that has ended since the first look, members may have got records and ended by themselves.
      const late = members.filter(([, { state }]) => state === 'over').map(([id]) => id);
      if (late.length === 0) continue;
      for (const job of this.readableJobs(await this.reader.call('records', late)))
        found.set(job.id, job);
    }
    return found;
  }

  /** The arrays of those ids that are members. */
  async #arraysOf(ids: readonly JobId[]): Promise<readonly (readonly [JobId, Job])[]> {
    if (ids.length === 0) return [];
    const rows = await this.reader.call('arraysOf', ids);
    return membersAmong(ids, this.readableJobs(rows));
  }

  made(
    array: JobId,
    { after, limit }: { readonly after: JobId | null; readonly limit: number },
  ): Promise<readonly MadeMember[]> {
    return madeIn(array, after ?? 0, limit, (ask) => this.reader.call('made', ask));
  }

  async madeCounts(arrays: readonly JobId[]): Promise<ReadonlyMap<JobId, readonly MadeCount[]>> {
    return madeCountsOf(await this.reader.call('madeCounts', arrays));
  }

  async scripts(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, string>> {
    const found = new Map<JobId, string>();
    for (const slice of slices(ids, SCRIPTS_SLICE))
      for (const [id, script] of await this.reader.call('scripts', slice))
        found.set(jobId(id), script);
    const arrays = await this.#arraysOf(ids.filter((id) => !found.has(id)));
    const parents = [...new Set(arrays.map(([, { id }]) => id))];
    const ofParents = parents.length === 0 ? found : await this.scripts(parents);
    for (const [id, array] of arrays) {
      const script = ofParents.get(array.id);
      if (script !== undefined) found.set(id, script);
    }
    return found;
  }

  async list(query: JobQuery): Promise<readonly Job[]> {
    const limit = Math.min(query.limit ?? PAGE_ITEMS_MAX, PAGE_ITEMS_MAX);
    return this.readableJobs(await this.reader.call('list', { ...query, limit }));
  }

  async history(query: HistoryQuery): Promise<readonly OverJob[]> {
    const limit = Math.min(query.limit ?? PAGE_ITEMS_MAX, PAGE_ITEMS_MAX);
    const jobs = this.readableJobs(await this.reader.call('history', { ...query, limit }));
    return jobs.filter((job) => job.state === 'over');
  }

  counts(owner?: UserId): Promise<Readonly<Record<JobState, number>>> {
    return this.reader.call('counts', owner ?? null);
  }

  async live(): Promise<readonly LiveJob[]> {
    const live: LiveJob[] = [];
    const slices = readAhead({
      ask: (part) => this.reader.call('live', part),
      extentOf: (rows) => ({ count: rows.length, lastId: Number(rows.at(-1)?.[0]) }),
      after: 0,
      slice: RECORDS_SLICE,
    });
    for await (const rows of slices)
      for (const job of this.readableJobs(rows)) if (isLive(job)) live.push(job);
    return live;
  }

  async used(query: UseQuery): Promise<readonly DayUse[]> {
    return (await this.reader.call('used', query)).map(dayUseOf);
  }

  async ended(query: EndedQuery): Promise<readonly OverJob[]> {
    const jobs = this.readableJobs(await this.reader.call('ended', query));
    return jobs.filter((job) => job.state === 'over');
  }

  killsWanted(): Promise<readonly JobId[]> {
    return this.reader.call('killsWanted', null);
  }

  async advance(epoch: number, steps: readonly JobStep[]): Promise<readonly StepAnswer[]> {
    const columns = await inPortions(steps, stepColumns);
    const answer = await this.writer.call('advance', { epoch, steps: columns });
    if (answer === 'fenced') throw new FencedOut(`epoch ${epoch} is over`);
    const read = (rows: readonly Row[]) => this.readableJobs(rows);
    return answer.map((result, at) => stepAnswerOf(result, steps[at]?.to.id ?? jobId(0), read));
  }

  wantKill(id: JobId, by: UserId, at: Instant): Promise<'wanted' | 'already' | 'over' | 'unknown'> {
    return this.writer.call('wantKill', { id, by, at });
  }

  async lease(): Promise<Lease | undefined> {
    const row = this.read((point) => point.lease());
    return row === undefined
      ? undefined
      : { epoch: Number(row[0]), holder: String(row[1]), beat: Number(row[2]) };
  }

  takeLease(holder: string, seen: Lease | undefined): Promise<Lease | undefined> {
    return this.writer.call('takeLease', { holder, seen: seen ?? null });
  }

  beatLease(lease: Lease): Promise<Lease | undefined> {
    return this.writer.call('beatLease', lease);
  }

  freeLease(lease: Lease): Promise<void> {
    return this.writer.call('freeLease', lease);
  }

  async setting(name: string): Promise<string | undefined> {
    const row = this.read((point) => point.setting(name));
    return row === undefined ? undefined : textOf(row[0]);
  }

  putSetting(name: string, value: string): Promise<void> {
    return this.writer.call('putSetting', { name, value });
  }

  async firstSetting(name: string, value: string): Promise<string> {
    await this.writer.call('firstSetting', { name, value });
    return (await this.setting(name)) ?? value;
  }

  async settings(prefix: string): Promise<ReadonlyMap<string, string>> {
    const rows = this.read((point) => point.settings(prefix));
    return new Map(rows.map(([name, value]) => [String(name), textOf(value)]));
  }

  dropSetting(name: string): Promise<void> {
    return this.writer.call('dropSetting', name);
  }

  watch(changed: () => void): () => void {
    const end = watchFile(this.#path, changed, this.log);
    const stop = () => {
      if (this.#watches.delete(stop)) end();
    };
    this.#watches.add(stop);
    return stop;
  }

  /** What was asked before is finished; the writer goes last and folds the log into the file. */
  close(): Promise<void> {
    this.isClosed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const stop of this.#watches) stop();
    this.point.close();
    const reader = this.reader.close();
    const writer = this.writer.close();
    await Promise.all([reader, writer]);
  }
}
