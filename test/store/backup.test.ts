// Exports and imports of the embedded store; what is said of files that are none.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import Libsql from 'libsql';
import t, { type Test } from 'tap';
import { ImportRefused, RECORD_FIELDS } from '../../src/contracts/backup.js';
import { SILENT } from '../../src/contracts/log.js';
import { SLOTS } from '../../src/core/slots.js';
import { instant, jobId } from '../../src/core/units.js';
import { checkExport, importExport } from '../../src/store/backup/read.js';
import { inWords } from '../../src/store/backup/tally.js';
import { writeExport } from '../../src/store/backup/write.js';
import { openEmbeddedSource } from '../../src/store/embedded/backup-source.js';
import { fieldsIn, KEPT, LEFT_OUT } from '../../src/store/embedded/backup-tables.js';
import { openEmbeddedTarget } from '../../src/store/embedded/backup-target.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { ALICE, aNewJob, leader, submitted } from './a-job.js';
import { fillRecord } from './a-record.js';

const ABOUT = { at: '2023-11-14T22:13:20.000Z', from: 'embedded' } as const;

async function exported(store: string, file: string): Promise<void> {
  const source = openEmbeddedSource(store);
  await writeExport(file, source, ABOUT).finally(() => source.close());
}

async function imported(file: string, store: string, isReplacing = false): Promise<void> {
  const checked = await checkExport(file);
  const target = openEmbeddedTarget(store);
  await importExport(file, target, { isReplacing, checked }).finally(() => target.close());
}

/** Places of a test; a record with something of everything stands in `store`, and is exported to `file`. */
async function aBackup(t: Test) {
  const folder = t.testdir({});
  const [path, file] = [join(folder, 'store.db'), join(folder, 'all.jsonl')];
  const store = await openEmbeddedStore({ path, log: SILENT });
  t.teardown(() => store.close());
  await fillRecord(store);
  await exported(path, file);
  return { folder, path, file, store, fresh: join(folder, 'fresh.db') };
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'taken';
  } catch (error) {
    if (!(error instanceof ImportRefused)) throw error;
    return `${error.because}: ${error.message}`;
  }
}

t.test('export, import, export: the same letter by letter', async (t) => {
  const { file, fresh, folder } = await aBackup(t);
  await imported(file, fresh);
  const again = join(folder, 'again.jsonl');
  await exported(fresh, again);
  t.equal(readFileSync(again, 'utf8'), readFileSync(file, 'utf8'));
  t.match(inWords((await checkExport(file)).records), /2 users, 1 project, 2 resets.*10 jobs/);
  t.equal(statSync(file).mode & 0o777, 0o600, 'it has password hashes');
});

t.test('what was imported serves as what was exported', async (t) => {
  const { store, file, fresh } = await aBackup(t);
  await imported(file, fresh);
  const other = await openEmbeddedStore({ path: fresh, log: SILENT });
  t.teardown(() => other.close());
  const ids = Array.from({ length: 16 }, (_, n) => jobId(n + 1));
  t.strictSame(await other.jobs(ids), await store.jobs(ids));
  t.strictSame(await other.scripts(ids), await store.scripts(ids));
  t.strictSame(await other.used({ since: instant(0) }), await store.used({ since: instant(0) }));
  t.strictSame(await other.diskUse(), await store.diskUse());
  t.strictSame(await other.quotas(), await store.quotas());
  t.strictSame(await other.settings(''), await store.settings(''));
  t.equal(await other.lease(), undefined, 'nobody leads there yet');
  const all = { after: null, limit: 100 };
  t.strictSame(await other.diskDue(all), await store.diskDue(all));
  t.strictSame(await other.pending(all), await store.pending(all));
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  const everything = { slots, after: null, limit: 100 };
  t.strictSame(await other.aftermathDue(everything), await store.aftermathDue(everything));
  t.equal((await other.aftermathDue(everything)).length, 1);
  t.strictSame(await other.accountOf(jobId(1)), await store.accountOf(jobId(1)));
  const ever = { from: 0, until: 99_999 };
  t.strictSame(await other.accountSums(ever), await store.accountSums(ever));
  t.equal((await other.accountSums(ever)).length, 2);
  t.strictSame(await other.leases(), [], 'nor watches');
  const next = await submitted(store);
  t.equal((await submitted(other)).id, next.id, 'ids go on from the last');
  const known = await other.submit([aNewJob({ idempotencyKey: 'mine/1' })]);
  t.equal(known[0]?.kind, 'known', 'keys of submissions are still known');
});

t.test('an export is of one moment, whatever is written meanwhile', async (t) => {
  const { store, path, folder, file } = await aBackup(t);
  const source = openEmbeddedSource(path);
  const slow = {
    close: () => source.close(),
    async *records() {
      for await (const some of source.records()) {
        yield some;
        // After each portion the service goes on.
        await store.submit([aNewJob()]);
        await store.putSetting('odd', 'changed');
        await store.deleteUser(ALICE);
      }
    },
  };
  const second = join(folder, 'second.jsonl');
  await writeExport(second, slow, ABOUT).finally(() => source.close());
  t.equal(readFileSync(second, 'utf8'), readFileSync(file, 'utf8'));
});

t.test('packed files are told by their first bytes', async (t) => {
  const { path, fresh, folder, file } = await aBackup(t);
  const packed = join(folder, 'all.jsonl.gz');
  await exported(path, packed);
  t.equal(readFileSync(packed).readUInt16BE(), 0x1f8b);
  const renamed = join(folder, 'renamed');
  writeFileSync(renamed, readFileSync(packed));
  await imported(renamed, fresh);
  t.strictSame((await checkExport(renamed)).records, (await checkExport(file)).records);
});

t.test('a store that holds something is not touched, unless it is to be replaced', async (t) => {
  const { store, path, file } = await aBackup(t);
  const mine = await submitted(store);
  const epoch = await leader(store, 'former');
  t.match(await refusalOf(imported(file, path)), /^not-empty: .*user: 2.*job: 11.*--replace/);
  t.strictSame(await store.job(mine.id), mine);
  await imported(file, path, true);
  t.equal(await store.job(mine.id), undefined);
  await t.rejects(
    store.advance(epoch, []),
    { name: 'FencedOut' },
    'a leader of before is shut out',
  );
});

t.test('files that are no whole export are refused, and change nothing', async (t) => {
  const { file, fresh, folder } = await aBackup(t);
  const whole = readFileSync(file, 'utf8');
  const lines = whole.trimEnd().split('\n');
  const [first = '', ...rest] = lines;
  const job = lines.findIndex((line) => line.startsWith('{"kind":"job"'));
  const withJob = (change: (line: string) => string) =>
    lines.map((line, at) => (at === job ? change(line) : line)).join('\n');
  const files: Record<string, [content: string | Buffer, said: RegExp]> = {
    nothing: ['', /^damaged: .*cut short/],
    'another file': ['{"a":1}\n', /^damaged: the file is no export of GoDocker/],
    'no JSON': ['hello\n', /^damaged: line 1: it is no JSON/],
    'a newer one': [
      `${first.replace('"version":1', '"version":9')}\n${rest.join('\n')}`,
      /^newer-format: the export has format 9/,
    ],
    'cut at a line': [`${lines.slice(0, -3).join('\n')}\n`, /^damaged: .*cut short/],
    'cut within a line': [whole.slice(0, -500), /^damaged: /],
    'a line less': [lines.filter((_, at) => at !== job).join('\n'), /^damaged: .*records/],
    'a letter changed': [
      withJob((line) => line.replace('alice', 'alicf')),
      /^damaged: the checksum/,
    ],
    'a field less': [
      withJob((line) => line.replace('"digest":"d1",', '')),
      /line \d+: digest: is missing/,
    ],
    'another type': [
      withJob((line) => line.replace('"launches":1', '"launches":"1"')),
      /launches: is no integer/,
    ],
    'an unknown field': [
      withJob((line) => `${line.slice(0, -1)},"colour":"red"}`),
      /colour: a field that/,
    ],
    'an unknown kind': [
      withJob((line) => line.replace('"kind":"job"', '"kind":"jab"')),
      /kind: "jab" is unknown/,
    ],
    'something behind the end': [`${whole}{}\n`, /something stands behind the end/],
    'packed and cut': [gzipSync(whole).subarray(0, 900), /^damaged: .*cut short/],
  };
  for (const [name, [content, said]] of Object.entries(files)) {
    const bad = join(folder, 'bad');
    writeFileSync(bad, content);
    t.match(await refusalOf(imported(bad, fresh)), said, name);
  }
  await imported(file, fresh);
});

t.test('what the store does not take is taken back', async (t) => {
  const { file, fresh } = await aBackup(t);
  const target = openEmbeddedTarget(fresh);
  let puts = 0;
  const losing = {
    auditHead: () => target.auditHead(),
    begin: (options: { readonly isReplacing: boolean }) => target.begin(options),
    put: async (records: Parameters<typeof target.put>[0]) =>
      target.put(puts++ === 0 ? records.slice(0, -1) : records),
    finish: (expected: Parameters<typeof target.finish>[0]) => target.finish(expected),
    abandon: () => target.abandon(),
    close: () => target.close(),
  };
  t.match(
    await refusalOf(
      importExport(file, losing, { isReplacing: false, checked: await checkExport(file) }),
    ),
    /^miscounted: /,
  );
  await target.close();
  await imported(file, fresh);
});

t.test('a damaged record is exported as it is', async (t) => {
  const { path, fresh, folder } = await aBackup(t);
  const database = new Libsql(path);
  database.exec(
    `UPDATE jobs SET life = '{"faults": ' WHERE id = 1; UPDATE users SET document = '7' WHERE id = 'bob'`,
  );
  database.close();
  const [file, again] = [join(folder, 'damaged'), join(folder, 'again')];
  await exported(path, file);
  await imported(file, fresh);
  await exported(fresh, again);
  t.equal(readFileSync(again, 'utf8'), readFileSync(file, 'utf8'));
  t.match(readFileSync(file, 'utf8'), '"life":"{\\"faults\\": "');
});

t.test('no table and no column is forgotten', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  await (await openEmbeddedStore({ path, log: SILENT })).close();
  const database = new Libsql(path);
  t.teardown(() => database.close());
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as {
    name: string;
  }[];
  t.strictSame(
    tables.map(({ name }) => name).sort(),
    Object.keys({ ...KEPT, ...LEFT_OUT }).sort(),
    'a new table stands in KEPT or LEFT_OUT of backup-tables.ts',
  );
  for (const [table, { columns }] of Object.entries(KEPT)) {
    const found = database.prepare(`PRAGMA table_info(${table})`).all() as { name: string }[];
    const names = found.map(({ name }) => name).sort();
    t.strictSame(names, Object.keys(columns).sort(), `columns of ${table}`);
  }
  for (const [kind, fields] of Object.entries(RECORD_FIELDS)) {
    const kept = Object.entries(KEPT).flatMap(([table, { of }]) =>
      of === kind ? fieldsIn(table as keyof typeof KEPT) : [],
    );
    t.strictSame([...new Set(kept)].sort(), Object.keys(fields).sort(), `fields of ${kind}`);
  }
});
