// Versions of GoDocker beside one another on one database: a newer one brings it over while processes of the older one serve.
import { MongoClient } from 'mongodb';
import t, { type Test } from 'tap';
import { ServiceError } from '../../src/contracts/errors.js';
import { type Log, SILENT } from '../../src/contracts/log.js';
import { type Collections, collectionsOf } from '../../src/store/mongo/documents.js';
import { MIGRATIONS, type Migration, migrate } from '../../src/store/mongo/schema.js';
import { openMongoStore } from '../../src/store/mongo/store.js';
import { mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';
import { ALICE, AT, aNewJob, launched, leader, pendingJob, stepTo } from './a-job.js';

const JOBS = 400;
/** What the next version would add: a mark on every job, some at a time. */
const PORTION = 20;

async function stageOf(t: Test) {
  const missing = mongoMissing();
  if (missing !== undefined) {
    skipAloud(t, 'MongoDB', missing);
    return undefined;
  }
  const { url, what } = await startMongo(t);
  t.comment(`against ${what}`);
  const database = temporaryDatabase(t, url);
  const client = await new MongoClient(url).connect();
  t.teardown(() => client.close());
  const open = async (more: { readonly log?: Log; readonly isLook?: boolean } = {}) => {
    const store = await openMongoStore({ url, database, log: SILENT, sweepEachMs: 500, ...more });
    t.teardown(() => store.close());
    return store;
  };
  return { collections: collectionsOf(client.db(database)), open };
}

/** Dies after so many portions. */
const marking =
  (portionsMax: number): Migration =>
  async ({ jobs }: Collections) => {
    for (let portion = 0; ; portion++) {
      const some = await jobs
        .find({ mark: { $exists: false } } as never)
        .limit(PORTION)
        .toArray();
      if (some.length === 0) return;
      if (portion === portionsMax) throw new Error('killed');
      const ids = some.map(({ _id }) => _id);
      await jobs.updateMany({ _id: { $in: ids } }, { $set: { mark: 1 } } as never);
    }
  };
const newer = (portionsMax = Number.POSITIVE_INFINITY) => [...MIGRATIONS, marking(portionsMax)];

async function becauseOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return 'no failure';
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return error.facts.because;
  }
}

t.test('brought over in the middle of everything, by a process that dies on the way', async (t) => {
  const stage = await stageOf(t);
  if (stage === undefined) return;
  const { collections, open } = stage;
  const web = await open();
  await web.submit(Array.from({ length: JOBS }, () => aNewJob()));
  let isOver = false;
  const accepted: number[] = [];
  const serving = (async () => {
    while (!isOver) {
      const [answer] = await web.submit([aNewJob()]);
      if (answer?.kind === 'stored') accepted.push(answer.id);
    }
  })();
  await t.rejects(migrate(collections, newer(3)), { message: 'killed' });
  t.match(
    await collections.schema.findOne({ _id: 'schema' }),
    { version: MIGRATIONS.length },
    'not there yet',
  );
  t.equal(await becauseOf(open()), 'no failure', 'the older one may still start');
  await Promise.all([migrate(collections, newer()), migrate(collections, newer())]);
  t.match(await collections.schema.findOne({ _id: 'schema' }), { version: MIGRATIONS.length + 1 });
  const before = accepted.length;
  await waitFor('the old web server goes on', 30_000, () => accepted.length > before + 3);
  isOver = true;
  await serving;
  t.equal(
    (await web.counts()).pending,
    JOBS + accepted.length,
    'nothing that was accepted is lost',
  );
  t.ok(
    (await collections.jobs.countDocuments({ mark: { $exists: false } } as never)) > 0,
    'what it writes lacks what the newer version adds: that one must read such records',
  );
});

t.test('from then on nobody of the older version begins anything', async (t) => {
  const stage = await stageOf(t);
  if (stage === undefined) return;
  const { collections, open } = stage;
  const errors: string[] = [];
  const log: Log = { ...SILENT, error: (message) => errors.push(message), with: () => log };
  const standby = await open({ log });
  const store = await open();
  const epoch = await leader(store);
  const [answer] = await store.submit([aNewJob()]);
  if (answer === undefined) throw new Error('no answer');
  await migrate(collections, newer());

  t.equal(await becauseOf(open()), 'newer-schema', 'no process starts');
  t.equal(await becauseOf(open({ isLook: true })), 'newer-schema', 'nor is it looked into');
  t.equal(
    await becauseOf(standby.takeLease('standby', await standby.lease())),
    'newer-schema',
    'a standby does not lead',
  );
  t.equal((await store.lease())?.epoch, epoch, 'the lease was left alone');
  const job = await pendingJob(store, answer.id);
  t.match(
    await store.advance(epoch, [stepTo(job, launched(job))]),
    [{ kind: 'stored' }],
    'who leads ends the term in order',
  );
  t.equal(await store.wantKill(answer.id, ALICE, AT), 'wanted');
  await waitFor('the old ones say that they are old', 60_000, () =>
    errors.includes('a newer GoDocker has brought the database over: replace this process'),
  );
});

t.test('a look changes nothing', async (t) => {
  const stage = await stageOf(t);
  if (stage === undefined) return;
  const { collections, open } = stage;
  t.equal(await becauseOf(open({ isLook: true })), 'not-a-store', 'where nothing is');
  t.same(await collections.database.listCollections().toArray(), []);
  await (await open()).close();
  await collections.schema.updateOne(
    { _id: 'schema' },
    { $set: { version: MIGRATIONS.length - 1 } },
  );
  t.equal(await becauseOf(open({ isLook: true })), 'not-a-store', 'nor brings it over');
  t.match(await collections.schema.findOne({ _id: 'schema' }), { version: MIGRATIONS.length - 1 });
});
