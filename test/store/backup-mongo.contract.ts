// Exports and imports of the store on MongoDB, and the way from one kind of store to the other and back.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BSON, type Document, MongoClient } from 'mongodb';
import t, { type Test } from 'tap';
import {
  type BackupRecord,
  type BackupSource,
  type BackupTarget,
  ImportRefused,
} from '../../src/contracts/backup.js';
import { SILENT } from '../../src/contracts/log.js';
import type { Store } from '../../src/contracts/store.js';
import { chargedLaunches } from '../../src/core/ended-launch.js';
import { SLOTS } from '../../src/core/slots.js';
import { instant, type JobId, jobId } from '../../src/core/units.js';
import { lineOf } from '../../src/store/backup/lines.js';
import { checkExport, fill, importExport } from '../../src/store/backup/read.js';
import { Tally } from '../../src/store/backup/tally.js';
import { ExportLines, writeExport } from '../../src/store/backup/write.js';
import { openEmbeddedSource } from '../../src/store/embedded/backup-source.js';
import { openEmbeddedTarget } from '../../src/store/embedded/backup-target.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { openMongoSource } from '../../src/store/mongo/backup-source.js';
import { openMongoTarget } from '../../src/store/mongo/backup-target.js';
import { type Collections, collectionsOf } from '../../src/store/mongo/documents.js';
import { openMongoStore } from '../../src/store/mongo/store.js';
import { ImportReport } from '../../src/store/original/report.js';
import { COLLECTIONS, openOriginal } from '../../src/store/original/source.js';
import { type OriginalRules, translated } from '../../src/store/original/translate.js';
import { mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';
import { projectFile } from '../support/project.js';
import {
  aNewJob,
  ended,
  launched,
  leader,
  pendingJob,
  started,
  stepTo,
  submitted,
} from './a-job.js';
import { fillRecord } from './a-record.js';

const missing = mongoMissing();
const server = missing === undefined ? await startMongo(t) : undefined;
t.comment(server === undefined ? 'no MongoDB' : `against ${server.what}`);

interface Stage {
  readonly folder: string;
  readonly place: { readonly url: string; readonly database: string };
  readonly collections: Collections;
  open(): Promise<Store>;
  source(): Promise<BackupSource>;
}

/** A test with a fresh database; skipped aloud without a server. */
function onMongo(name: string, story: (t: Test, stage: Stage) => Promise<void>): void {
  t.test(name, async (t) => {
    if (server === undefined) return t.plan(0, `MongoDB: ${missing}`);
    const place = { url: server.url, database: temporaryDatabase(t, server.url) };
    const client = await new MongoClient(place.url).connect();
    t.teardown(() => client.close());
    const collections = collectionsOf(client.db(place.database));
    const open = async () => {
      const store = await openMongoStore({ ...place, log: SILENT });
      t.teardown(() => store.close());
      return store;
    };
    const source = () => openMongoSource({ ...place, log: SILENT });
    await story(t, { folder: t.testdir({}), place, collections, open, source });
    return undefined;
  });
}

const ABOUT = { at: '2023-11-14T22:13:20.000Z', from: 'embedded' } as const;

/** Its lines, in an order of their own: stores may tell of their records in different ones. */
async function exported(source: BackupSource, file: string): Promise<readonly string[]> {
  await writeExport(file, source, ABOUT).finally(() => source.close());
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.filter((line) => !line.startsWith('{"kind":"end"')).sort();
}

const imported = async (file: string, target: BackupTarget, isReplacing = false) =>
  importExport(file, target, { isReplacing, checked: await checkExport(file) }).finally(() =>
    target.close(),
  );

async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'taken';
  } catch (error) {
    if (!(error instanceof ImportRefused)) throw error;
    return `${error.because}: ${error.message}`;
  }
}

onMongo('from one machine to MongoDB and back: the same letter by letter', async (t, stage) => {
  const { folder, place, source, open } = stage;
  const path = join(folder, 'store.db');
  const first = await openEmbeddedStore({ path, log: SILENT });
  t.teardown(() => first.close());
  await fillRecord(first);
  const files = ['embedded', 'mongo', 'back'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const before = await exported(openEmbeddedSource(path), files[0]);
  await imported(files[0], await openMongoTarget(place));
  t.strictSame(await exported(await source(), files[1]), before);
  const back = join(folder, 'back.db');
  await imported(files[1], openEmbeddedTarget(back));
  t.strictSame(await exported(openEmbeddedSource(back), files[2]), before);

  const second = await open();
  const ids = Array.from({ length: 16 }, (_, n) => jobId(n + 1));
  t.strictSame(await second.jobs(ids), await first.jobs(ids));
  t.strictSame(await second.scripts(ids), await first.scripts(ids));
  t.strictSame(await second.used({ since: instant(0) }), await first.used({ since: instant(0) }));
  t.strictSame(await second.diskUse(), await first.diskUse());
  t.strictSame(await second.quotas(), await first.quotas());
  t.strictSame(await second.priorities(), await first.priorities());
  const all = { after: null, limit: 100 };
  t.strictSame(await second.diskDue(all), await first.diskDue(all));
  t.strictSame(await second.pending(all), await first.pending(all));
  t.strictSame(await second.killsWanted(), await first.killsWanted());
  t.strictSame(await second.heldBack(), await first.heldBack());
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  const everything = { slots, after: null, limit: 100 };
  t.strictSame(await second.aftermathDue(everything), await first.aftermathDue(everything));
  t.equal((await second.aftermathDue(everything)).length, 1);
  t.strictSame(await second.accountOf(jobId(1)), await first.accountOf(jobId(1)));
  const ever = { from: 0, until: 99_999 };
  t.strictSame(await second.accountSums(ever), await first.accountSums(ever));
  t.equal((await second.accountSums(ever)).length, 2);
  t.equal((await submitted(second)).id, (await submitted(first)).id, 'ids go on from the last');
  const [known] = await second.submit([aNewJob({ idempotencyKey: 'mine/1' })]);
  t.equal(known?.kind, 'known', 'keys of submissions are still known');
});

onMongo('from MongoDB, as its service wrote it', async (t, { folder, source, open }) => {
  const store = await open();
  await fillRecord(store);
  const file = join(folder, 'mongo');
  const before = await exported(await source(), file);
  const path = join(folder, 'store.db');
  await imported(file, openEmbeddedTarget(path));
  t.strictSame(await exported(openEmbeddedSource(path), join(folder, 'again')), before);
  const other = await openEmbeddedStore({ path, log: SILENT });
  t.teardown(() => other.close());
  const ids = Array.from({ length: 16 }, (_, n) => jobId(n + 1));
  t.strictSame(await other.jobs(ids), await store.jobs(ids));
  t.strictSame(await other.used({ since: instant(0) }), await store.used({ since: instant(0) }));
  t.strictSame(await other.diskUse(), await store.diskUse());
});

/** What the jobs of an export used, and what its sums say, in milliseconds of time. */
async function bothSums(records: readonly BackupRecord[], folder: string) {
  const path = join(folder, 'judged.db');
  const target = openEmbeddedTarget(path);
  await target.begin({ isReplacing: true });
  await target.put(records);
  const lines = new ExportLines(
    {
      close: async () => {},
      records: async function* () {
        yield records;
      },
    },
    ABOUT,
  );
  for await (const _ of lines.portions());
  await target.finish(lines.written().records);
  await target.close();
  const store = await openEmbeddedStore({ path, log: SILENT });
  const ids = records.flatMap((record) => (record.kind === 'job' ? [jobId(record.id)] : []));
  const jobs = await store.jobs(ids);
  const ofJobs = [...jobs.values()].flatMap(chargedLaunches);
  const sums = await store.used({ since: instant(0) });
  await store.close();
  return {
    ofJobs: ofJobs.reduce((sum, { timeMs }) => sum + timeMs, 0),
    ofSums: sums.reduce((sum, { timeMs }) => sum + timeMs, 0),
    over: [...jobs.values()].filter(({ state }) => state === 'over').length,
    jobs: jobs.size,
  };
}

for (const isAddedUp of [true, false])
  onMongo(
    `jobs and sums are of one moment, whoever ends jobs${isAddedUp ? ' and adds up' : ''} meanwhile`,
    async (t, stage) => {
      const { folder, open, source } = stage;
      const store = await open();
      const epoch = await leader(store);
      const answers = await store.submit(Array.from({ length: 600 }, () => aNewJob()));
      const ids = answers.map(({ id }) => id);
      const end = async (some: readonly (JobId | undefined)[]) => {
        for (const id of some) {
          if (id === undefined) continue;
          const waiting = await pendingJob(store, id);
          const intent = launched(waiting);
          const live = started(intent);
          const over = { ...ended(live), endedAt: instant(live.startedAt + 1_000 + id) };
          for (const step of [stepTo(waiting, intent), stepTo(intent, live), stepTo(live, over)])
            await store.advance(epoch, [step]);
        }
      };
      await end(ids.slice(0, 40));
      await store.used({ since: instant(0) });
      await end(ids.slice(40, 50));
      const reading = await source();
      const records: BackupRecord[] = [];
      let portions = 0;
      let next = 50;
      for await (const some of reading.records()) {
        records.push(...some);
        if (portions++ >= 14) continue;
        // Jobs of the front and of the end are over; some of them go into the sums, and new ones come.
        await end([ids[next], ids.at(-next)]);
        next++;
        if (isAddedUp && portions % 3 === 0) await store.used({ since: instant(0) });
        await store.submit([aNewJob(), aNewJob()]);
      }
      await reading.close();
      const { ofJobs, ofSums, over, jobs } = await bothSums(records, folder);
      t.equal(ofSums, ofJobs, 'each launch that ended is in the sums, and no other');
      t.equal(jobs, 600, 'no job is missing, and none of later submissions is there');
      t.ok(over > 50 && over < 600, `${over} had ended at that moment`);
    },
  );

onMongo(
  'an import that died leaves nothing that could be served, and is begun again',
  async (t, stage) => {
    const { folder, place, collections, source } = stage;
    const path = join(folder, 'store.db');
    const first = await openEmbeddedStore({ path, log: SILENT });
    await fillRecord(first);
    await first.close();
    const file = join(folder, 'file');
    const before = await exported(openEmbeddedSource(path), file);
    const dying = await openMongoTarget(place);
    await dying.begin({ isReplacing: false });
    await dying.put([{ kind: 'user', id: 'nobody', document: '{}' }]);
    await dying.close();
    const unfinished = { code: 'store-unavailable', facts: { because: 'unfinished-import' } };
    await t.rejects(openMongoStore({ ...place, log: SILENT }), unfinished);
    await t.rejects(source(), unfinished);
    await imported(file, await openMongoTarget(place));
    t.equal(await collections.users.findOne({ _id: 'nobody' }), null);
    t.strictSame(await exported(await source(), join(folder, 'again')), before);
  },
);

onMongo('what is in use or not empty is not touched', async (t, { folder, place, open }) => {
  const store = await open();
  await fillRecord(store);
  const path = join(folder, 'store.db');
  await (await openEmbeddedStore({ path, log: SILENT })).close();
  const empty = join(folder, 'empty');
  await exported(openEmbeddedSource(path), empty);
  const lease = await store.lease();
  if (lease === undefined) throw new Error('fillRecord takes the lease');
  let held = lease;
  const beating = setInterval(() => {
    void store.beatLease(held).then((next) => {
      held = next ?? held;
    });
  }, 200);
  t.match(
    await refusalOf(openMongoTarget(place).then((target) => imported(empty, target, true))),
    /^in-use: the scheduler leader leads/,
  );
  clearInterval(beating);
  await store.freeLease(held);
  t.match(
    await refusalOf(openMongoTarget(place).then((target) => imported(empty, target))),
    /^not-empty: .*user: 2.*--replace/,
  );
  t.equal((await store.users()).length, 2);
  await imported(empty, await openMongoTarget(place), true);
  t.equal((await store.users()).length, 0);
  await t.rejects(store.advance(lease.epoch, []), { name: 'FencedOut' });
});

onMongo('a database of another program, or of none, is not exported', async (t, stage) => {
  const { source, collections } = stage;
  await t.rejects(source(), /there is no store in database/);
  await collections.database.collection('jobs').insertOne({ _id: 7 as never, id: 7 });
  await t.rejects(source(), /of another program/);
});

onMongo('an original GoDocker is read where it is, and left as it was', async (t, stage) => {
  const { place, collections } = stage;
  const dump = projectFile('test/store/original');
  const into = async (collection: string) => {
    const lines = readFileSync(join(dump, `${collection}.jsonl`), 'utf8')
      .trimEnd()
      .split('\n');
    const documents = lines.map((line) => BSON.EJSON.parse(line, { relaxed: true }) as Document);
    await collections.database.collection(collection).insertMany(documents);
  };
  for (const collection of COLLECTIONS) await into(collection);
  const rules: OriginalRules = {
    ...{ admins: new Set<string>(), active: 'over', counters: new Map(), timeZone: 'UTC' },
    at: instant(1_500_000_000_000),
  };
  const recordsOf = async (where: string) => {
    const source = await openOriginal(where);
    const records: string[] = [];
    for await (const some of translated(source, rules, new ImportReport()))
      records.push(...some.map(lineOf));
    await source.close();
    return records.sort();
  };
  const url = place.url.replace(/^(mongodb:\/\/[^/?]+)\/?/, `$1/${place.database}`);
  t.strictSame(await recordsOf(url), await recordsOf(dump));
  await t.rejects(openMongoStore({ ...place, log: SILENT }), /another program/);
  const other = { ...place, database: temporaryDatabase(t, place.url) };
  await (await openMongoStore({ ...other, log: SILENT })).close();
  await t.rejects(openOriginal(url.replace(place.database, other.database)), {
    name: 'ImportRefused',
    message: /is not that of an original GoDocker/,
  });
  const target = await openMongoTarget(other);
  const tally = new Tally();
  const portions = async function* () {
    const source = await openOriginal(url);
    for await (const records of translated(source, rules, new ImportReport())) {
      for (const record of records) tally.add(record);
      yield records;
    }
    await source.close();
  };
  await fill(target, portions(), { isReplacing: false, expected: () => tally.counts() });
  await target.close();
  const store = await openMongoStore({ ...other, log: SILENT });
  t.teardown(() => store.close());
  t.match(await store.job(jobId(72)), {
    directory: /pairtree_root.72/,
    outcome: { exitCode: 127 },
  });
  t.match(await store.submit([aNewJob()]), [{ id: 91 }]);
});
