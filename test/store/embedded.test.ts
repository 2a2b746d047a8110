// What only the embedded store promises: about its file, broken records, a full disk, other programs.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';
import t, { type Test } from 'tap';
import { ServiceError } from '../../src/contracts/errors.js';
import { type Facts, type Log, SILENT } from '../../src/contracts/log.js';
import type { Store } from '../../src/contracts/store.js';
import { instant, type JobId, jobId } from '../../src/core/units.js';
import { MIGRATIONS } from '../../src/store/embedded/schema.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import {
  ALICE,
  AT,
  aNewJob,
  aSpec,
  aUser,
  BOB,
  DNA,
  ended,
  launched,
  leader,
  pendingJob,
  started,
  stepTo,
  submitted,
} from './a-job.js';

async function opened(t: Test, path: string, more: { log?: Log; bytesMax?: number } = {}) {
  const store = await openEmbeddedStore({ path, log: SILENT, ...more });
  t.teardown(() => store.close());
  return store;
}

/** Opens the file as another program would, for a moment. */
function meddle(path: string, sql: string): void {
  const database = new Libsql(path);
  database.exec(sql);
  database.close();
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

/** A log that keeps its errors. */
function errorLog(): { log: Log; errors: Facts[] } {
  const errors: Facts[] = [];
  const log: Log = { ...SILENT, error: (_, facts = {}) => errors.push(facts), with: () => log };
  return { log, errors };
}

t.test('the file is readable by its owner only, also its log', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const store = await opened(t, path);
  await store.submit([aNewJob()]);
  for (const end of ['', '-wal', '-shm']) t.equal(statSync(path + end).mode & 0o777, 0o600, end);
});

t.test('a stopped store is one file; everything is there again', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const first = await opened(t, path);
  const job = await submitted(first);
  await first.putUser(aUser());
  const epoch = await leader(first);
  await first.close();
  t.equal(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0, 0, 'the log is folded in');
  const again = await opened(t, path);
  t.strictSame(await again.job(job.id), job);
  t.strictSame(await again.user(ALICE), aUser());
  t.equal((await again.lease())?.epoch, epoch);
});

t.test('a job of a former version has what was added since', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const first = await opened(t, path);
  const job = await submitted(first);
  await first.close();
  meddle(
    path,
    "UPDATE submissions SET asked = json_remove(asked, '$.spec.lifespanMs', '$.spec.network', '$.spec.retries')",
  );
  t.strictSame(await (await opened(t, path)).job(job.id), job);
});

t.test('a pause of a former version is as long as any was then', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const first = await opened(t, path);
  const job = await submitted(first);
  await first.close();
  // As that version wrote a job that waits for the end of its dying processes.
  const life = JSON.stringify({ faults: [], directory: '/shared/1' });
  meddle(path, `UPDATE jobs SET life = '${life}', launches = 1, not_before = ${AT}`);
  const store = await opened(t, path);
  const { retried } = job;
  t.match(await store.job(job.id), { notBefore: AT, pauseMs: 30_000, retried });
  t.match(await store.pending({ after: null, limit: 1 }), [{ notBefore: AT, pauseMs: 30_000 }]);
});

t.test('ids are not reused when jobs are deleted', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const store = await opened(t, path);
  await store.submit([aNewJob(), aNewJob()]);
  meddle(path, 'DELETE FROM jobs; DELETE FROM submissions');
  const [answer] = await store.submit([aNewJob()]);
  t.strictSame(answer, { kind: 'stored', id: 3 });
  await store.close();
  meddle(path, 'DELETE FROM jobs; DELETE FROM submissions');
  t.strictSame(await (await opened(t, path)).submit([aNewJob()]), [{ kind: 'stored', id: 4 }]);
});

t.test('files that are not ours are refused and left alone', async (t) => {
  const folder = t.testdir({ folder: {}, 'text.db': 'not a database, '.repeat(100) });
  const path = (name: string) => join(folder, name);
  meddle(path('foreign.db'), 'CREATE TABLE t (a)');
  const before = readFileSync(path('foreign.db'));
  const store = await opened(t, path('newer.db'));
  await store.close();
  meddle(path('newer.db'), `PRAGMA user_version = ${MIGRATIONS.length + 1}`);
  const cases: readonly (readonly [string, string])[] = [
    ['foreign.db', 'not-a-store'],
    ['text.db', 'corrupt'],
    ['newer.db', 'newer-schema'],
    ['missing/store.db', 'cannot-open'],
    ['folder', 'cannot-open'],
  ];
  for (const [name, because] of cases)
    t.strictSame(await troubleOf(opened(t, path(name))), unavailable(because), name);
  t.ok(before.equals(readFileSync(path('foreign.db'))), 'not a byte changed');
});

t.test('a newer file says so to people', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  await (await opened(t, path)).close();
  meddle(path, 'PRAGMA user_version = 9000');
  await t.rejects(opened(t, path), { message: /schema 9000, made by a newer GoDocker/ });
});

t.test('two openers of a new file at once both serve', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const stores = await Promise.all([1, 2, 3].map(() => opened(t, path)));
  const answers = await Promise.all(stores.map((store) => store.submit([aNewJob()])));
  t.strictSame(
    answers
      .flat()
      .map(({ id }) => id)
      .sort(),
    [1, 2, 3],
  );
});

t.test('a broken record is named, and hides no other', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const { log, errors } = errorLog();
  const store = await opened(t, path, { log });
  const epoch = await leader(store);
  await store.submit(Array.from({ length: 6 }, () => aNewJob()));
  for (const id of [5, 6]) {
    const job = await pendingJob(store, jobId(id));
    await store.advance(epoch, [stepTo(job, launched(job))]);
  }
  await store.putUser(aUser());
  await store.putUser(aUser({ id: BOB }));
  meddle(
    path,
    `UPDATE jobs SET life = '{"faults":[' WHERE id = 1;
     UPDATE submissions SET asked = '{}' WHERE id = 2;
     UPDATE jobs SET shape = 'nonsense' WHERE id = 3;
     UPDATE jobs SET life = '{"faults":[],"directory":null}' WHERE id = 5;
     UPDATE users SET document = '[]' WHERE id = 'bob';
     INSERT INTO projects VALUES ('dna', '{"prio": 7}'), ('rna', 'nonsense')`,
  );
  for (const id of [1, 2, 5])
    await t.rejects(
      store.job(jobId(id)),
      { code: 'internal', message: `the record of ${id} cannot be read`, facts: { id } },
      `job ${id}`,
    );
  await t.rejects(store.user(BOB), { code: 'internal', facts: { id: 'bob' } });

  const skipped = async (call: Promise<unknown>) => {
    errors.length = 0;
    await call;
    return errors.map(({ id }) => id);
  };
  const idsOf = async (jobs: Promise<Iterable<{ id: unknown }>>) =>
    [...(await jobs)].map(({ id }) => id);
  t.strictSame(await idsOf(store.list({})), [6, 4, 3]);
  t.strictSame(await skipped(store.list({})), [5, 2, 1], 'each left out is logged');
  t.strictSame(await idsOf(store.live()), [6]);
  t.strictSame(await skipped(store.live()), [5]);
  t.strictSame(await idsOf(store.pending({ after: null, limit: 9 })), [1, 2, 4]);
  t.strictSame(await skipped(store.pending({ after: null, limit: 9 })), [3]);
  t.strictSame([...(await store.jobs([jobId(1), jobId(4)])).keys()], [4]);
  t.strictSame(await idsOf(store.users()), [ALICE]);
  await t.rejects(store.project(DNA), { code: 'internal', facts: { id: 'dna' } });
  t.strictSame(await skipped(store.projects()), ['dna', 'rna']);
  t.strictSame([...(await store.priorities()).projects], [[DNA, 7]]);
});

/** Takes away what step 8 brought. */
const AS_OF_VERSION_7 = `
  DROP INDEX jobs_named; DROP INDEX jobs_held;
  ALTER TABLE jobs DROP COLUMN name; ALTER TABLE jobs DROP COLUMN waits;
  ALTER TABLE jobs DROP COLUMN held_by; ALTER TABLE jobs DROP COLUMN held_at;
  ALTER TABLE jobs DROP COLUMN held_admin;
  DROP INDEX jobs_aftermath; ALTER TABLE jobs DROP COLUMN aftermath;
  ALTER TABLE jobs DROP COLUMN kill_because;
  DROP INDEX jobs_past; DROP INDEX jobs_past_owner; DROP INDEX jobs_past_project; DROP TABLE past_tags;
  DROP TABLE audit; DROP TABLE leases; DROP TABLE accounting; DROP TABLE accounting_days; PRAGMA user_version = 7;`;

t.test('jobs of an older file can be waited for, by number and by name', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const first = await openEmbeddedStore({ path, log: SILENT });
  const epoch = await leader(first);
  const waits = await submitted(first, { spec: aSpec({ name: 'turn' }) });
  const broken = await submitted(first, { spec: aSpec({ name: 'turn' }) });
  const ends: JobId[] = [];
  for (const code of [0, 4, null]) {
    const pending = await submitted(first, { spec: aSpec({ name: 'turn' }) });
    const running = started(launched(pending));
    await first.advance(epoch, [
      stepTo(pending, launched(pending)),
      stepTo(launched(pending), running),
      stepTo(
        running,
        code === null
          ? { ...ended(running), outcome: { kind: 'killed', by: BOB } }
          : ended(running, code),
      ),
    ]);
    ends.push(pending.id);
  }
  await first.close();
  meddle(
    path,
    `UPDATE submissions SET asked = '' WHERE id = ${broken.id};
     UPDATE jobs SET exit_code = NULL; ${AS_OF_VERSION_7}`,
  );
  const second = await opened(t, path);
  t.strictSame(await second.namesakes({ owner: ALICE, name: 'turn' }, null), [
    { id: waits.id, hasBegun: false },
  ]);
  const standings = await second.standings(ends);
  t.strictSame(
    ends.map((id) => standings.get(id)?.exitCode),
    [0, 4, 137],
  );
  t.strictSame((await second.job(waits.id))?.spec, waits.spec);
});

t.test(
  'sums of use are carried over from an older file; broken records hide no other',
  async (t) => {
    const path = join(t.testdir({}), 'store.db');
    const first = await openEmbeddedStore({ path, log: SILENT });
    const epoch = await leader(first);
    for (let n = 0; n < 5; n++) {
      const pending = await submitted(first);
      const running = started(launched(pending));
      const over = ended(running);
      const outcome = { kind: 'gaveUp', because: { code: 'agent-lost', facts: {} } } as const;
      await first.advance(epoch, [
        stepTo(pending, launched(pending)),
        stepTo(launched(pending), running),
        stepTo(running, { ...over, endedAt: instant(AT + 1_000), ...(n === 4 ? { outcome } : {}) }),
      ]);
    }
    const before = await first.used({ since: AT });
    t.match(before, [{ owner: ALICE, timeMs: 4_000, cpuMilli: 4_000, endedAt: AT + 1_000 }]);
    await first.close();
    const asOfVersion3 = `
      ${AS_OF_VERSION_7}
      DROP INDEX jobs_arrays; DROP INDEX jobs_members; DROP INDEX jobs_sweep_arrays;
      ALTER TABLE jobs DROP COLUMN parent; ALTER TABLE jobs DROP COLUMN array_size;
      ALTER TABLE jobs DROP COLUMN array_limit; ALTER TABLE jobs DROP COLUMN exit_code;
      DROP TABLE used_days; DROP TABLE quota_resets;
      ALTER TABLE jobs DROP COLUMN archived_at; DROP TABLE disk_jobs; DROP TABLE disk_sums; DROP TABLE disk_due; PRAGMA user_version = 3`;
    meddle(path, asOfVersion3);
    const second = await openEmbeddedStore({ path, log: SILENT });
    t.strictSame(await second.used({ since: AT }), before);
    await second.close();
    meddle(
      path,
      `UPDATE jobs SET life = '{' WHERE id = 1; UPDATE jobs SET shape = '' WHERE id = 2; ${asOfVersion3}`,
    );
    const third = await opened(t, path);
    t.match(await third.used({ since: AT }), [{ owner: ALICE, timeMs: 2_000, cpuMilli: 2_000 }]);
  },
);

t.test('a broken record refuses steps without harm to the others', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const { log, errors } = errorLog();
  const store = await opened(t, path, { log });
  const epoch = await leader(store);
  const broken = await submitted(store);
  const sound = await submitted(store);
  await store.wantKill(broken.id, BOB, broken.submittedAt);
  meddle(path, `UPDATE submissions SET asked = '' WHERE id = ${broken.id}`);
  const answers = await store.advance(epoch, [
    stepTo(broken, launched(broken)),
    stepTo(sound, launched(sound)),
  ]);
  t.strictSame(answers, [
    { kind: 'refused', job: undefined },
    { kind: 'stored', version: 2 },
  ]);
  t.strictSame(
    errors.map(({ id }) => id),
    [broken.id],
  );
});

t.test('a full disk refuses, keeps what it has, and heals by itself', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const store = await opened(t, path, { bytesMax: 1024 * 1024 });
  const large = aNewJob({ script: 'x'.repeat(100_000) });
  const stored: number[] = [];
  const fill = async () => {
    for (;;) for (const { id } of await store.submit([large])) stored.push(id);
  };
  t.strictSame(await troubleOf(fill()), unavailable('disk-full'));
  t.ok(stored.length > 3, `${stored.length} fitted`);
  t.strictSame(
    await troubleOf(store.submit([aNewJob(), large, aNewJob()])),
    unavailable('disk-full'),
  );
  t.equal((await store.counts()).pending, stored.length, 'all or nothing');
  t.equal((await store.jobs(stored.map(jobId))).size, stored.length, 'reading goes on');

  meddle(path, 'UPDATE submissions SET script = "" WHERE id <= 3'.replaceAll('"', "'"));
  const [answer] = await store.submit([large]);
  t.equal(answer?.kind, 'stored', 'room again: no restart needed');
});

t.test('answers come in the order of commits: a read after a write sees it', async (t) => {
  const store: Store = await opened(t, join(t.testdir({}), 'store.db'));
  await Promise.all(
    Array.from({ length: 40 }, async () => {
      const [answer] = await store.submit([aNewJob()]);
      const id = jobId(Number(answer?.id));
      const [point, bulk] = await Promise.all([store.job(id), store.jobs([id])]);
      t.ok(point !== undefined && bulk.has(id));
    }),
  );
});
