/**
 * Fills a database that no process serves. Without a transaction: a mark is set first and taken away last, and while it stands no store opens this
 * database. An import that died is begun again, from the start.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyBulkWriteOperation, Collection, Document, MongoClient } from 'mongodb';
import type { AuditHead } from '../../contracts/audit.js';
import {
  type BackupRecord,
  type BackupTarget,
  ImportRefused,
  RECORD_KINDS,
  type RecordCounts,
  type RecordKind,
} from '../../contracts/backup.js';
import { LEASE_STALE_MS } from '../../contracts/limits.js';
import { refuseFilled, refuseMiscounted } from '../backup/refusals.js';
import { auditHead } from './audit-book.js';
import { auditDocument } from './audit-documents.js';
import {
  accountDocument,
  accountingDocument,
  jobDocument,
  resetDocument,
  useDocument,
} from './backup-records.js';
import { connect } from './connection.js';
import { type Collections, collectionsOf, type DiskSumsDocument, DRAFT } from './documents.js';
import { partOf } from './fold.js';
import { Leases } from './lease.js';
import { migrate, tagPastJobs } from './schema.js';
import { troubleOf } from './trouble.js';

const LOOK_EACH_MS = 250;

/**
 * What becomes of each collection: which records it holds, or why none. A collection that is forgotten does not compile.
 */
const CONTENTS = {
  database: 'all of them',
  jobs: 'job',
  uses: 'use',
  resets: 'quotaReset',
  users: 'user',
  projects: 'project',
  settings: 'setting',
  counters: 'counter',
  accounting: 'launch',
  audit: 'audit',
  leases: 'which watcher has which jobs is a matter of processes that run',
  disk: 'added up again from the sizes of the jobs',
  lease: 'who leads is a matter of processes that run',
  pulse: 'tells running processes of changes',
  admissions: 'submissions that are not decided',
  schema: 'of this database',
  imports: 'of this database',
} as const satisfies Readonly<Record<keyof Collections, string>>;

const MAIN = Object.fromEntries(
  Object.entries(CONTENTS).map(([collection, kind]) => [kind, collection]),
) as Record<
  RecordKind,
  'accounting' | 'audit' | 'jobs' | 'uses' | 'resets' | 'users' | 'projects' | 'settings'
>;

/** @throws ServiceError store-unavailable */
export async function openMongoTarget(options: {
  readonly url: string;
  readonly database: string;
}): Promise<BackupTarget> {
  const client = await connect(options.url);
  try {
    const collections = collectionsOf(client.db(options.database));
    await migrate(collections);
    return new MongoTarget(client, collections);
  } catch (error) {
    await client.close();
    throw troubleOf(error);
  }
}

class MongoTarget implements BackupTarget {
  readonly #client: MongoClient;
  readonly #collections: Collections;

  constructor(client: MongoClient, collections: Collections) {
    this.#client = client;
    this.#collections = collections;
  }

  async auditHead(): Promise<AuditHead | undefined> {
    return auditHead(this.#collections);
  }

  async begin({ isReplacing }: { readonly isReplacing: boolean }): Promise<void> {
    await this.#do(async () => {
      const { imports, lease } = this.#collections;
      await this.#requireNoLeader();
      const isUnfinished = (await imports.findOne({ _id: 'import' })) !== null;
      if (!isReplacing && !isUnfinished) refuseFilled(await this.#found());
      await imports.updateOne({ _id: 'import' }, { $inc: { tries: 1 } }, { upsert: true });
      await this.#empty();
      // A leader of before, should one be left, writes nothing any more.
      await lease.updateOne({ _id: 'lease' }, { $inc: { epoch: 1 }, $set: { holder: '' } });
    });
  }

  /** No clocks are compared: a beat that moves is somebody's. */
  async #requireNoLeader(): Promise<void> {
    const leases = new Leases(this.#collections);
    const seen = await leases.read();
    if (seen === undefined || seen.holder === '') return;
    for (let waitedMs = 0; waitedMs < LEASE_STALE_MS; waitedMs += LOOK_EACH_MS) {
      await sleep(LOOK_EACH_MS);
      const now = await leases.read();
      if (now?.beat !== seen.beat || now.epoch !== seen.epoch)
        throw new ImportRefused(
          'in-use',
          `the scheduler ${seen.holder} leads on this database; stop every process of the service first`,
        );
    }
  }

  async #empty(): Promise<void> {
    const { jobs, uses, resets, disk, users, projects, settings } = this.#collections;
    const { accounting, leases, audit } = this.#collections;
    const watched = [accounting, leases, audit];
    for (const collection of [jobs, uses, resets, disk, users, projects, settings, ...watched])
      await (collection as unknown as Collection<Document>).deleteMany({});
    const { counters, admissions } = this.#collections;
    await counters.updateOne({ _id: 'jobs' }, { $set: { last: 0 } });
    await admissions.updateOne({ _id: 'admissions' }, { $set: { committed: [], aborted: [] } });
  }

  async put(records: readonly BackupRecord[]): Promise<void> {
    await this.#do(async () => {
      for (const kind of RECORD_KINDS) {
        const some = records.filter((record) => record.kind === kind);
        if (some.length > 0) await this.#put(kind, some);
      }
    });
  }

  async #put(kind: RecordKind, records: readonly BackupRecord[]): Promise<void> {
    const last = records.at(-1);
    if (last?.kind === 'counter') {
      await this.#collections.counters.updateOne({ _id: 'jobs' }, { $set: { last: last.value } });
      return;
    }
    const collection = this.#collections[MAIN[kind]] as unknown as Collection<Document>;
    // In order: of two records of one name the later one stays.
    const writes = records.map(documentOf).map(
      ({ _id, ...document }): AnyBulkWriteOperation<Document> => ({
        replaceOne: { filter: { _id } as never, replacement: document, upsert: true },
      }),
    );
    await collection.bulkWrite(writes, { ordered: true });
  }

  async finish(expected: RecordCounts): Promise<void> {
    await this.#do(async () => {
      refuseMiscounted(expected, await this.#found());
      await this.#sumSizes();
      await tagPastJobs(this.#collections);
      await this.#collections.imports.deleteOne({ _id: 'import' });
      await this.#collections.pulse.updateOne({ _id: 'pulse' }, { $inc: { beats: 1 } });
    });
  }

  async #found(): Promise<RecordCounts> {
    const counts: Partial<Record<RecordKind, number>> = {};
    for (const kind of RECORD_KINDS) {
      const collection = this.#collections[MAIN[kind]] as unknown as Collection<Document>;
      counts[kind] =
        kind === 'counter'
          ? 1
          : await collection.countDocuments(kind === 'job' ? { state: { $ne: DRAFT } } : {});
    }
    return counts as RecordCounts;
  }

  /** What the directories of each account take. */
  async #sumSizes(): Promise<void> {
    const { jobs, disk } = this.#collections;
    const groups = jobs.aggregate<{
      readonly _id: { readonly owner: string; readonly project: string; readonly isOver: boolean };
      readonly bytes: number;
      readonly jobs: number;
    }>([
      { $match: { 'disk.change': { $exists: true } } },
      {
        $group: {
          _id: { owner: '$owner', project: '$project', isOver: '$disk.isOver' },
          bytes: { $sum: '$disk.bytes' },
          jobs: { $sum: 1 },
        },
      },
    ]);
    const sums = new Map<string, DiskSumsDocument>();
    for await (const { _id: of, bytes, jobs: measured } of groups) {
      const { owner, project, isOver } = of;
      const _id = `${partOf(owner)}/${partOf(project)}`;
      const before = sums.get(_id) ?? { ended: 0, held: 0, jobs: 0 };
      sums.set(_id, {
        ...{ _id, owner, project, version: 1, folded: [] },
        ended: before.ended + (isOver ? bytes : 0),
        held: before.held + (isOver ? 0 : bytes),
        jobs: before.jobs + measured,
      });
    }
    if (sums.size > 0) await disk.insertMany([...sums.values()]);
  }

  async abandon(): Promise<void> {
    await this.#do(async () => {
      await this.#empty();
      await this.#collections.imports.deleteOne({ _id: 'import' });
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #do(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw troubleOf(error);
    }
  }
}

function documentOf(record: BackupRecord): Document {
  switch (record.kind) {
    case 'job':
      return jobDocument(record);
    case 'launch':
      return accountingDocument(record);
    case 'audit':
      return auditDocument(record);
    case 'use':
      return useDocument(record);
    case 'quotaReset':
      return resetDocument(record);
    case 'user':
    case 'project':
      return accountDocument(record);
    default:
      return { _id: record.name, value: record.value };
  }
}
