// The writing thread's work, without its thread.
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { WriteCall } from '../../src/store/embedded/requests.js';
import { submissionColumns } from '../../src/store/embedded/rows.js';
import { migrate } from '../../src/store/embedded/schema.js';
import { Database, DatabaseTrouble, troubleOf } from '../../src/store/embedded/sqlite.js';
import { Writer } from '../../src/store/embedded/writer.js';
import { aNewJob } from './a-job.js';

function aDatabase(t: Test) {
  const path = join(t.testdir({}), 'store.db');
  const open = () => {
    const database = Database.open(path, { create: true, busyTimeoutMs: 20 });
    t.teardown(() => database.close());
    return database;
  };
  const database = open();
  migrate(database);
  return { database, open };
}

const submit = (...jobs: Parameters<typeof aNewJob>): WriteCall => ({
  kind: 'submit',
  ask: { jobs: [submissionColumns(aNewJob(...jobs))], limits: null },
});
/** Breaks a rule of the tables, as only a bug of ours could. */
const broken: WriteCall = {
  kind: 'submit',
  ask: {
    jobs: [
      submissionColumns(aNewJob()),
      { ...submissionColumns(aNewJob()), digest: null as unknown as string },
    ],
    limits: null,
  },
};

t.test('a call that fails by itself does not take the others along', async (t) => {
  const { database } = aDatabase(t);
  const results = new Writer(database).perform([submit(), broken, submit()]);
  t.strictSame(
    results.map(({ ok }) => ok),
    [true, false, true],
  );
  t.match(results[1], { failure: { because: null, detail: /NOT NULL/ } });
  t.equal(database.prepare('SELECT count(*) FROM jobs').get()?.[0], 2, 'nothing of it is left');
  t.equal(database.prepare('SELECT count(*) FROM submissions').get()?.[0], 2);
});

t.test('many calls are one transaction', async (t) => {
  const { database, open } = aDatabase(t);
  const other = open();
  const before = other.pragma('data_version');
  const begin = Number(before);
  new Writer(database).perform(Array.from({ length: 50 }, () => submit()));
  t.equal(Number(other.pragma('data_version')), begin + 1, 'others see one change');
  t.equal(other.prepare('SELECT count(*) FROM jobs').get()?.[0], 50);
});

t.test('a lock of another process is waited for, then said', async (t) => {
  const { database, open } = aDatabase(t);
  const writer = new Writer(database);
  const other = open();
  other.exec('BEGIN IMMEDIATE');
  const results = writer.perform([submit(), submit()]);
  t.match(results, [
    { ok: false, failure: { because: 'locked' } },
    { ok: false, failure: { because: 'locked' } },
  ]);
  other.exec('ROLLBACK');
  t.match(writer.perform([submit()]), [{ ok: true, answer: [{ kind: 'stored', id: 1 }] }]);
});

t.test('migrating twice changes nothing', async (t) => {
  const { database } = aDatabase(t);
  new Writer(database).perform([submit()]);
  migrate(database);
  t.equal(database.prepare('SELECT count(*) FROM jobs').get()?.[0], 1);
});

t.test('codes of SQLite become reasons; what is not of the world stays a bug', async (t) => {
  const failing = (code: string) => troubleOf(Object.assign(new Error('m'), { code }));
  const cases: Record<string, string> = {
    SQLITE_FULL: 'disk-full',
    SQLITE_BUSY_SNAPSHOT: 'locked',
    SQLITE_CORRUPT_INDEX: 'corrupt',
    SQLITE_NOTADB: 'corrupt',
    SQLITE_IOERR_FSYNC: 'input-output',
    SQLITE_READONLY_DBMOVED: 'read-only',
    SQLITE_CANTOPEN: 'cannot-open',
  };
  for (const [code, because] of Object.entries(cases)) t.match(failing(code), { because }, code);
  t.notOk(failing('SQLITE_CONSTRAINT_UNIQUE') instanceof DatabaseTrouble);
  t.notOk(troubleOf(new TypeError('x')) instanceof DatabaseTrouble);
});
