/**
 * Reads the whole record of a database that others go on writing, as of one moment, without a transaction.
 *
 * Jobs that are over and whose use is in the sums change no more (but for their directories), so they are read first, at leisure. The rest is read between
 * two looks at the sums: `S` is read, then each of these jobs, then the versions of the sums again. If no sum was written in between,
 * every launch that a job tells of is either in `S`, or is still due in that job; what is due, and is not named in `S`, is added to `S` here.
 * What ends after its job was read is in neither. Otherwise it is done again, and the later lines take the place of the earlier ones.
 *
 * Submissions up to the last id at the beginning are waited for until they are decided, later ones are left out: so each is there as a whole.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MongoClient } from 'mongodb';
import type { BackupRecord, BackupSource, RecordOf } from '../../contracts/backup.js';
import type { Log } from '../../contracts/log.js';
import { NO_HEAD } from '../../core/audit-chain.js';
import { isWhole } from '../backup/lines.js';
import { SeenIds } from '../backup/tally.js';
import { Admissions } from './admissions.js';
import { auditHead } from './audit-book.js';
import { auditColumnsOf } from './audit-documents.js';
import { jobRecord, resetRecord, useRecord } from './backup-records.js';
import { connect } from './connection.js';
import {
  type Collections,
  collectionsOf,
  DRAFT,
  type JobDocument,
  type UseDocument,
} from './documents.js';
import { nameOf, OF_MAJORITY } from './fold.js';
import { drafts } from './questions.js';
import { requireCurrent } from './schema.js';
import { troubleOf, unavailable } from './trouble.js';
import { plus, Uses } from './uses.js';
import type { AccountingDocument } from './watch-documents.js';

/** Jobs of one portion, with their scripts. */
const JOBS_PORTION = 200;
const IDS_PORTION = 10_000;
/** Others add up sums, or submit, while we read; who meets them so often looks as if something were wrong. */
const TRIES_MAX = 20;
const TRY_AGAIN_MS = 250;
const DECIDED_MS_MAX = 180_000;

type JobRecords = readonly RecordOf<'job'>[];

/** @throws ServiceError store-unavailable */
export async function openMongoSource(options: {
  readonly url: string;
  readonly database: string;
  readonly log: Log;
}): Promise<BackupSource> {
  const client = await connect(options.url);
  try {
    const collections = collectionsOf(client.db(options.database));
    await requireCurrent(collections);
    return new MongoSource(client, collections, options.log);
  } catch (error) {
    await client.close();
    throw troubleOf(error);
  }
}

class MongoSource implements BackupSource {
  readonly #client: MongoClient;
  readonly #collections: Collections;
  readonly #log: Log;
  /** Jobs that are written and change no more. */
  readonly #settled = new SeenIds();
  readonly #leftOut = new SeenIds();

  constructor(client: MongoClient, collections: Collections, log: Log) {
    this.#client = client;
    this.#collections = collections;
    this.#log = log;
  }

  async *records(): AsyncGenerator<readonly BackupRecord[]> {
    try {
      const last = await this.#lastId();
      yield [{ kind: 'counter', name: 'job', value: last }];
      yield* this.#settledJobs(last);
      yield* this.#otherJobsAndUse(last);
      const { resets, settings } = this.#collections;
      for await (const reset of resets.find().sort({ _id: 1 })) yield [resetRecord(reset)];
      for (const kind of ['user', 'project'] as const)
        for await (const { _id, document } of this.#collections[`${kind}s`].find().sort({ _id: 1 }))
          yield [{ kind, id: _id, document }];
      for await (const { _id, value } of settings.find().sort({ _id: 1 }))
        yield [{ kind: 'setting', name: _id, value }];
      yield* this.#launches(last);
      yield* this.#audit();
    } catch (error) {
      throw troubleOf(error);
    }
  }

  /** After the jobs: the record of a launch whose work is done, as its job was written, is there. Of others there is the work. */
  async *#launches(last: number): AsyncGenerator<readonly RecordOf<'launch'>[]> {
    const found = this.#collections.accounting
      .find({ job: { $lte: last } }, OF_MAJORITY)
      .project<Pick<AccountingDocument, 'job' | 'launch' | 'day' | 'record'>>({
        ...{ job: 1, launch: 1, day: 1, record: 1 },
      })
      .sort({ job: 1, launch: 1 });
    for await (const { job, launch, day, record } of found)
      yield [{ kind: 'launch', job, launch, day, record }];
  }

  /** Last of all: an entry is older than its act, so whatever act is in the export has its entry. */
  async *#audit(): AsyncGenerator<readonly RecordOf<'audit'>[]> {
    const { seq: last } = (await auditHead(this.#collections)) ?? NO_HEAD;
    const found = this.#collections.audit.find({ _id: { $lte: last } }, OF_MAJORITY);
    for await (const document of found.sort({ _id: 1 }))
      yield [{ kind: 'audit', ...auditColumnsOf(document) }];
  }

  async #lastId(): Promise<number> {
    const counter = await this.#collections.counters.findOne({ _id: 'jobs' });
    return counter?.last ?? 0;
  }

  async *#settledJobs(last: number): AsyncGenerator<JobRecords> {
    for (let after = 0; ; ) {
      const jobs = await this.#collections.jobs
        .find({ _id: { $gt: after, $lte: last } }, OF_MAJORITY)
        .sort({ _id: 1 })
        .limit(JOBS_PORTION)
        .toArray();
      const final = jobs.at(-1);
      if (final === undefined) return;
      yield this.#recordsOf(jobs.filter(isSettled));
      after = final._id;
    }
  }

  /** Whole documents, and notes which of them will not change. */
  #recordsOf(jobs: readonly JobDocument[]): JobRecords {
    return jobs.flatMap((job) => {
      const record = jobRecord(job);
      if (isSettled(job)) this.#settled.add(job._id);
      if (isWhole(record)) return [record];
      // Somebody else's document: no import could read it.
      if (this.#leftOut.add(job._id)) this.#log.error('record left out', { id: job._id });
      return [];
    });
  }

  async *#otherJobsAndUse(last: number): AsyncGenerator<readonly BackupRecord[]> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (tries > 0) await sleep(TRY_AGAIN_MS);
      await this.#decided(last);
      await new Uses(this.#collections).foldAll();
      const sums = await this.#sums();
      let read = 0;
      for await (const { jobs, known } of this.#unsettled(last)) {
        read += known;
        for (const job of jobs) addDue(sums, job);
        yield this.#recordsOf(jobs);
      }
      const isWritten = (await this.#versions()) !== versionsOf(sums.before);
      if (isWritten || (await this.#published(last)) !== read) continue;
      yield [...sums.now.values()].map(useRecord);
      return;
    }
    throw unavailable('busy', 'sums are written all the time, the export found no quiet moment');
  }

  /** Submissions of ids up to the last are published, or gone. */
  async #decided(last: number): Promise<void> {
    const filter = { ...drafts().filter, _id: { $lte: last } };
    const admissions = new Admissions(this.#collections);
    for (let waitedMs = 0; waitedMs < DECIDED_MS_MAX; waitedMs += TRY_AGAIN_MS) {
      await admissions.settledVersion();
      if ((await this.#collections.jobs.findOne(filter, { projection: { _id: 1 } })) === null)
        return;
      await sleep(TRY_AGAIN_MS);
    }
    throw unavailable(
      'busy',
      'a submission stays undecided; the service takes it away in a minute',
    );
  }

  #published(last: number): Promise<number> {
    return this.#collections.jobs.countDocuments({ _id: { $lte: last }, state: { $ne: DRAFT } });
  }

  /** Jobs that are not settled; `known`: how many published ones there are, settled or not. */
  async *#unsettled(
    last: number,
  ): AsyncGenerator<{ readonly jobs: readonly JobDocument[]; readonly known: number }> {
    for (let after = 0; ; ) {
      const ids = await this.#collections.jobs
        .find({ _id: { $gt: after, $lte: last } }, { ...OF_MAJORITY, projection: { state: 1 } })
        .sort({ _id: 1 })
        .limit(IDS_PORTION)
        .toArray();
      const published = ids.filter(({ state }) => state !== DRAFT).map(({ _id }) => _id);
      yield { jobs: [], known: published.length };
      const open = published.filter((id) => !this.#settled.has(id));
      for (let from = 0; from < open.length; from += JOBS_PORTION) {
        const some = open.slice(from, from + JOBS_PORTION);
        const jobs = await this.#collections.jobs
          .find({ _id: { $in: some } }, OF_MAJORITY)
          .sort({ _id: 1 })
          .toArray();
        yield { jobs, known: 0 };
      }
      const final = ids.at(-1);
      if (final === undefined) return;
      after = final._id;
    }
  }

  async #sums(): Promise<Sums> {
    const found = await this.#collections.uses.find({}, OF_MAJORITY).sort({ _id: 1 }).toArray();
    const before = new Map(found.map((use) => [use._id, use]));
    return { before, now: new Map(before) };
  }

  async #versions(): Promise<string> {
    const found = await this.#collections.uses
      .find({}, { ...OF_MAJORITY, projection: { version: 1 } })
      .sort({ _id: 1 })
      .toArray();
    return found.map(versionOf).join();
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

interface Sums {
  readonly before: ReadonlyMap<string, UseDocument>;
  /** With what is due besides. */
  readonly now: Map<string, UseDocument>;
}

const versionOf = ({ _id, version }: Pick<UseDocument, '_id' | 'version'>) => `${_id}:${version}`;
const versionsOf = (uses: ReadonlyMap<string, UseDocument>): string =>
  [...uses.values()].map(versionOf).join();

const isSettled = ({ state, due = [] }: JobDocument): boolean =>
  state === 'over' && due.length === 0;

/** Adds what is due in a job and not in the sums yet. */
function addDue({ before, now }: Sums, job: JobDocument): void {
  for (const entry of job.due ?? []) {
    const bucket = Uses.bucketOf(job, entry);
    if (before.get(bucket)?.folded.includes(nameOf(job._id, entry)) === true) continue;
    now.set(bucket, plus(now.get(bucket) ?? Uses.none(job, entry), entry));
  }
}
