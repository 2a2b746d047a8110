// What only the store on MongoDB promises: about what processes leave behind that die, about folds, schemas, damage.
import { MongoClient } from 'mongodb';
import t, { type Test } from 'tap';
import { ServiceError } from '../../src/contracts/errors.js';
import { type Facts, type Log, SILENT } from '../../src/contracts/log.js';
import { FencedOut, type Store } from '../../src/contracts/store.js';
import { parseArray } from '../../src/core/array.js';
import type { JobSpec } from '../../src/core/job.js';
import { instant, jobId } from '../../src/core/units.js';
import { submissionColumns } from '../../src/store/embedded/rows.js';
import { Admissions } from '../../src/store/mongo/admissions.js';
import { type Collections, collectionsOf, firstDocument } from '../../src/store/mongo/documents.js';
import { MIGRATIONS, type Migration, migrate } from '../../src/store/mongo/schema.js';
import { openMongoStore } from '../../src/store/mongo/store.js';
import { Uses } from '../../src/store/mongo/uses.js';
import { type MongoServer, mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';
import { freePort } from '../support/places.js';
import {
  ALICE,
  AT,
  aNewJob,
  aProject,
  aSpec,
  aUser,
  ended,
  launched,
  leader,
  started,
  stepTo,
  submitted,
} from './a-job.js';

const missing = mongoMissing();
const server: MongoServer | undefined = missing === undefined ? await startMongo(t) : undefined;
t.comment(server === undefined ? 'no MongoDB' : `against ${server.what}`);

interface Stage {
  readonly url: string;
  readonly database: string;
  readonly collections: Collections;
  open(log?: Log): Promise<Store>;
}

/** A test with a fresh database; skipped aloud without a server. */
function onMongo(name: string, story: (t: Test, stage: Stage) => Promise<void>): void {
  t.test(name, async (t) => {
    if (server === undefined) return t.plan(0, `MongoDB: ${missing}`);
    const { url } = server;
    const database = temporaryDatabase(t, url);
    const client = await new MongoClient(url).connect();
    t.teardown(() => client.close());
    const open = async (log: Log = SILENT) => {
      const store = await openMongoStore({ url, database, log });
      t.teardown(() => store.close());
      return store;
    };
    await story(t, { url, database, collections: collectionsOf(client.db(database)), open });
    return undefined;
  });
}

/** A log that keeps its errors. */
function errorLog(): { log: Log; errors: Facts[] } {
  const errors: Facts[] = [];
  const log: Log = { ...SILENT, error: (_, facts = {}) => errors.push(facts), with: () => log };
  return { log, errors };
}

async function troubleOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return 'no failure';
  } catch (failure) {
    if (!(failure instanceof ServiceError)) throw failure;
    return { code: failure.code, because: failure.facts.because };
  }
}
const unavailable = (because: string) => ({ code: 'store-unavailable', because });

function anArray(values: string): JobSpec {
  const parsed = parseArray(values);
  if (parsed.kind === 'wrong') throw new Error(parsed.because);
  return aSpec({ array: parsed.spec });
}

/** As a process leaves it that dies between its drafts and its decision. */
async function leaveDrafts(
  { jobs, counters }: Collections,
  batch: string,
  sent: readonly ReturnType<typeof aNewJob>[],
): Promise<readonly number[]> {
  const columns = sent.map(submissionColumns);
  const taken = columns.reduce((sum, { arraySize }) => sum + 1 + (arraySize ?? 0), 0);
  const before = await counters.findOneAndUpdate({ _id: 'jobs' }, { $inc: { last: taken } });
  let last = before?.last ?? 0;
  const drafts = columns.map((job) => {
    const id = last + 1;
    last += 1 + (job.arraySize ?? 0);
    return firstDocument(id, job, batch);
  });
  await jobs.insertMany(drafts);
  return drafts.map(({ _id }) => _id);
}

onMongo('drafts are nobody’s jobs, and are taken away by the second sweep', async (t, stage) => {
  const store = await stage.open();
  const spec = anArray('5');
  const ids = await leaveDrafts(stage.collections, 'dead', [aNewJob(), aNewJob({ spec })]);
  for (const id of [...ids, (ids[1] ?? 0) + 2]) {
    t.equal(await store.job(jobId(id)), undefined, `job ${id}`);
    t.equal(await store.wantKill(jobId(id), ALICE, AT), 'unknown');
  }
  t.equal((await store.jobs(ids.map(jobId))).size, 0);
  t.equal((await store.scripts(ids.map(jobId))).size, 0);
  t.same(await store.list({}), []);
  t.same(await store.list({ owner: ALICE }), []);
  t.same(await store.pending({ after: null, limit: 9 }), []);
  t.same(await store.pending({ after: null, limit: 9, submittedSince: AT }), []);
  t.same(
    Object.values(await store.counts()).filter((count) => count > 0),
    [],
  );
  t.match(
    await store.submit([aNewJob()], { user: 1, all: 1 }),
    [{ kind: 'stored' }],
    'no room taken',
  );

  const admissions = new Admissions(stage.collections);
  await admissions.sweep(1_000);
  t.equal(
    await stage.collections.jobs.countDocuments({ batch: 'dead' }),
    2,
    'its process may live',
  );
  await admissions.sweep(2_000);
  t.equal(await stage.collections.jobs.countDocuments({ batch: 'dead' }), 0);
  t.equal(await admissions.commit(['dead'], null), 'aborted', 'it wakes up too late');
  await admissions.sweep(2_000 + 86_400_001);
  t.match(await stage.collections.admissions.findOne({ _id: 'admissions' }), {
    aborted: [],
    committed: [],
  });
});

onMongo('what is committed is published by whoever meets it', async (t, stage) => {
  const store = await stage.open();
  const spec = anArray('3');
  const commit = async (batch: string, sent: readonly ReturnType<typeof aNewJob>[]) => {
    const ids = await leaveDrafts(stage.collections, batch, sent);
    await new Admissions(stage.collections).commit([batch], null);
    return ids;
  };
  const [one, two] = await commit('a', [aNewJob(), aNewJob({ idempotencyKey: 'k', spec })]);
  const rows = await store.pending({ after: null, limit: 9 });
  t.same(
    rows.map(({ id }) => id),
    [one, two],
    'a leader that reads everything',
  );
  t.equal((await store.job(jobId(Number(two))))?.state, 'open');

  const [three] = await commit('b', [aNewJob({ idempotencyKey: 'again' })]);
  t.same(await store.submit([aNewJob({ idempotencyKey: 'again' })]), [
    { kind: 'known', id: three },
  ]);
  t.equal((await store.job(jobId(Number(three))))?.state, 'pending', 'a client that asks again');

  await commit('c', [aNewJob(), aNewJob()]);
  t.match(
    await store.submit([aNewJob()], { user: 7, all: null }),
    [{ kind: 'limited', now: 7 }],
    'a submission under a limit: 1 + 3 members + 1 + 2',
  );
  await commit('d', [aNewJob()]);
  await new Admissions(stage.collections).sweep(1);
  t.equal((await store.counts()).pending, 5, 'a sweep');
  t.match(await stage.collections.admissions.findOne({ _id: 'admissions' }), { committed: [] });
});

onMongo('the key of a submission whose process died is soon free again', async (t, stage) => {
  const store = await stage.open();
  const job = aNewJob({ idempotencyKey: 'k' });
  await leaveDrafts(stage.collections, 'dead', [job, aNewJob()]);
  t.match(await store.submit([job]), [{ kind: 'stored' }]);
  t.match(await store.submit([job, aNewJob()], { user: 9, all: 9 }), [
    { kind: 'known' },
    { kind: 'stored' },
  ]);
  t.equal(await stage.collections.jobs.countDocuments({ state: 'draft' }), 0);
});

onMongo('an id that is taken is passed over', async (t, stage) => {
  const store = await stage.open();
  const first = await submitted(store);
  await stage.collections.counters.updateOne({ _id: 'jobs' }, { $set: { last: 0 } });
  const [single] = await store.submit([aNewJob()]);
  t.equal(single?.id, first.id + 1, 'of a job alone');
  await stage.collections.counters.updateOne({ _id: 'jobs' }, { $set: { last: 0 } });
  const answers = await store.submit([aNewJob(), aNewJob()]);
  t.ok(
    answers.every(({ id }) => id > 2),
    'of several',
  );
  t.equal((await store.counts()).pending, 4);
});

/** Jobs that ran for a second each and are over. */
async function finish(store: Store, epoch: number, count: number): Promise<void> {
  const ids = (await store.submit(Array.from({ length: count }, () => aNewJob()))).map(
    ({ id }) => id,
  );
  for (const job of (await store.jobs(ids)).values()) {
    if (job.state !== 'pending') throw new Error('it waits');
    const running = started(launched(job));
    await store.advance(epoch, [
      stepTo(job, launched(job)),
      stepTo(launched(job), running),
      stepTo(running, { ...ended(running), endedAt: instant(AT + 1_000) }),
    ]);
  }
}

onMongo('use is counted once, whoever folds and wherever he dies', async (t, stage) => {
  const stores = await Promise.all([stage.open(), stage.open(), stage.open()]);
  const [store] = stores;
  if (store === undefined) throw new Error('there are three');
  const epoch = await leader(store);
  const used = async (handle: Store) => (await handle.used({ since: AT }))[0]?.timeMs;
  await finish(store, epoch, 6);
  const { jobs, uses } = stage.collections;
  const due = await jobs.find({ 'due.day': { $gte: 0 } }).toArray();
  t.equal(due.length, 6, 'left with the step that ended the job');
  t.same(await Promise.all(stores.map(used)), [6_000, 6_000, 6_000], 'all at once');
  t.equal(await jobs.countDocuments({ 'due.day': { $gte: 0 } }), 0);

  // A fold that died after it had replaced the sums: the launches are due again, and named in the sums.
  for (const { _id, due: launches } of due)
    await jobs.updateOne({ _id }, { $set: { due: launches ?? [] } });
  t.equal(await used(store), 6_000);
  t.equal(await jobs.countDocuments({ 'due.day': { $gte: 0 } }), 0, 'and are taken out');

  // One that died before it: nothing but due launches.
  await finish(store, epoch, 4);
  const before = await uses.findOne({});
  t.equal(before?.timeMs, 6_000);
  t.same(await Promise.all([...stores, ...stores].map(used)), Array(6).fill(10_000));
  const after = await uses.findOne({});
  t.notOk(after?.folded.includes(`${due[0]?._id}-1`), 'what is surely out is forgotten');
  await Promise.all([finish(store, epoch, 5), ...stores.map(used), ...stores.map(used)]);
  t.same(await Promise.all(stores.map(used)), [15_000, 15_000, 15_000], 'while launches end');
});

onMongo('a fold that others overtake adds nothing', async (t, { open, collections }) => {
  const store = await open();
  const epoch = await leader(store);
  const used = async () => (await store.used({ since: AT }))[0]?.timeMs;
  await finish(store, epoch, 1);
  t.equal(await used(), 1_000);
  await finish(store, epoch, 2);
  // Just before it replaces the sums, others fold the same, and once more: the launches are not even named any more.
  let overtaken = 0;
  const slow = new Proxy(collections.uses, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (...args: readonly unknown[]) => {
        if (name !== 'replaceOne' || overtaken++ > 0) return method.apply(target, args);
        return used()
          .then(() => finish(store, epoch, 1))
          .then(used)
          .then(() => method.apply(target, args));
      };
    },
  });
  const late = await new Uses({ ...collections, uses: slow }).used({ since: AT });
  t.equal(overtaken, 1, 'it did overtake, and nothing was left to add');
  t.equal(late[0]?.timeMs, 4_000);
  t.equal(await used(), 4_000);
});

onMongo('sizes that several measure, archive and recount at once add up', async (t, { open }) => {
  const [one, two] = [await open(), await open()];
  const epoch = await leader(one);
  await finish(one, epoch, 8);
  const jobs = (await one.list({})).map(({ id }) => id);
  const size = (id: (typeof jobs)[number], n: number) => ({
    ...{ id, bytes: 10 * n, isOver: true, measuredAt: instant(AT + n) },
  });
  const rounds = [1, 2, 3].flatMap((n) => [
    one.putDisk(jobs.map((id) => size(id, n))),
    two.putDisk(jobs.map((id) => size(id, 7 - n))),
    two.diskUse(),
    one.recountDisk(),
  ]);
  await Promise.all([...rounds, ...jobs.slice(0, 2).map((id) => two.archive(id, AT))]);
  t.match(await one.diskUse(), [{ endedBytes: 6 * 60, heldBytes: 0, jobs: 6 }]);
  await one.recountDisk();
  t.match(await two.diskUse(), [{ endedBytes: 6 * 60, heldBytes: 0, jobs: 6 }], 'added up anew');
});

onMongo('a leader of a lower epoch cannot write what a later one has written', async (t, stage) => {
  const [old, young] = [await stage.open(), await stage.open()];
  const job = await submitted(old);
  const first = await leader(old, 'old');
  const second = await leader(young, 'young');
  await young.advance(second, [stepTo(job, launched(job))]);
  // As if the old one had seen its lease just before it was lost, and its write came late.
  await stage.collections.lease.updateOne({ _id: 'lease' }, { $set: { epoch: first } });
  const late = stepTo(launched(job), started(launched(job)));
  await t.rejects(old.advance(first, [late]), FencedOut);
  t.equal((await young.job(job.id))?.state, 'launching', 'untouched');
});

onMongo('documents that nobody of us wrote hide no others', async (t, stage) => {
  const { log, errors } = errorLog();
  const store = await stage.open(log);
  const sound = await submitted(store);
  const broken = await submitted(store);
  const { jobs, users, projects } = stage.collections;
  await jobs.updateOne({ _id: broken.id }, { $set: { life: '{"faults":' } });
  const foreign = { state: 'pending', key: 'foreign', owner: ALICE };
  await jobs.insertOne({ _id: 'x', ...foreign } as never);
  await jobs.insertOne({ _id: 77, ...foreign, key: 'other', owner: 5 } as never);
  await jobs.insertOne({ _id: 78, state: 'running', key: 'third' } as never);
  t.same(
    (await store.list({})).map(({ id }) => id),
    [sound.id],
  );
  t.same(await store.live(), []);
  const rows = await store.pending({ after: null, limit: 9 });
  t.same(
    rows.map(({ id }) => id),
    [sound.id, broken.id],
    'a job that was never launched needs no life',
  );
  t.same([...(await store.jobs([sound.id, broken.id, jobId(77)])).keys()], [sound.id]);
  for (const id of [broken.id, jobId(77), jobId(78)])
    await t.rejects(store.job(id), { code: 'internal', facts: { id } });
  const told = new Set(errors.map(({ id }) => id));
  t.ok(
    [broken.id, 77, 78].every((id) => told.has(id)),
    'each is told in the log, with its id',
  );

  await store.putUser(aUser());
  await store.putProject(aProject());
  for (const [collection, id] of [
    [users, 'eve'],
    [projects, 'evil'],
  ] as const)
    await collection.insertOne({ _id: id, document: '{' } as never);
  t.equal((await store.users()).length, 1);
  t.equal((await store.projects()).length, 1);
  t.equal((await store.priorities()).users.size, 0);
});

onMongo(
  'a migration that was interrupted goes on; a newer schema is left alone',
  async (t, stage) => {
    const { collections } = stage;
    const done: string[] = [];
    let isBroken = true;
    const halves: readonly Migration[] = [
      ...MIGRATIONS,
      async ({ settings }) => {
        done.push('second');
        await settings.updateOne({ _id: 'a' }, { $set: { value: 'a2' } }, { upsert: true });
        if (isBroken) throw new Error('killed');
        await settings.updateOne({ _id: 'b' }, { $set: { value: 'b2' } }, { upsert: true });
      },
      async () => {
        done.push('third');
      },
    ];
    await (await stage.open()).putSetting('a', 'a1');
    await t.rejects(migrate(collections, halves), { message: 'killed' });
    t.match(await collections.schema.findOne({ _id: 'schema' }), { version: MIGRATIONS.length });
    isBroken = false;
    await Promise.all([migrate(collections, halves), migrate(collections, halves)]);
    t.match(await collections.schema.findOne({ _id: 'schema' }), {
      version: MIGRATIONS.length + 2,
    });
    t.equal((await collections.settings.findOne({ _id: 'b' }))?.value, 'b2');
    await migrate(collections, halves);
    t.ok(done.filter((step) => step === 'third').length <= 2, 'what is done is not done again');

    const indexes = (await collections.jobs.indexes()).length;
    await collections.jobs.dropIndex('jobs_members');
    t.same(await troubleOf(stage.open()), unavailable('newer-schema'));
    t.equal((await collections.jobs.indexes()).length, indexes - 1, 'nothing was made');
  },
);

onMongo('a database of another program is refused untouched', async (t, stage) => {
  const { database } = stage.collections;
  await database.collection('users').insertOne({ id: 'alice', type: 'local' });
  t.same(await troubleOf(stage.open()), unavailable('not-a-store'));
  t.same(
    (await database.listCollections().toArray()).map(({ name }) => name),
    ['users'],
  );
  t.equal((await database.collection('users').indexes()).length, 1);
});

t.test('nobody at the address: said soon, and why', async (t) => {
  const url = `mongodb://127.0.0.1:${await freePort()}/`;
  const startedAt = performance.now();
  t.same(await troubleOf(openMongoStore({ url, database: 'x', log: SILENT })), unavailable('away'));
  t.ok(performance.now() - startedAt < 20_000);
});
