// The embedded store in real processes: killed at random moments, beside each other, out of space.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Libsql from 'libsql';
import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { FencedOut } from '../../src/contracts/store.js';
import { jobId } from '../../src/core/units.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { aNewJob, launched, leader, stepTo, submitted } from './a-job.js';
import { STORE_PROCESS, saidOf, spoken, storeProcess, until } from './spoken.js';

const KILLS = 8;
/** Real processes on a machine that may be busy. */
const PATIENT = { timeout: 180_000 };
/** As `store-process` submits them. Not imported: that file acts when it is loaded. */
const BATCH = 3;

t.test(
  `killed ${KILLS} times at random moments: nothing acknowledged is lost`,
  PATIENT,
  async (t) => {
    const path = join(t.testdir({}), 'store.db');
    const stored = new Map<string, string[]>();
    const launches = new Set<number>();
    for (let kill = 1; kill <= KILLS; kill++) {
      const { child, lines, ended } = storeProcess(t, 'work', path, `p${kill}`);
      await until(t, () => lines.length > 1, 'the first acknowledgement');
      const delayMs = Math.round(20 + Math.random() * 300);
      await pause(delayMs);
      child.kill('SIGKILL');
      await ended;
      for (const [digest = '', ...ids] of saidOf(lines, 'stored')) stored.set(digest, ids);
      for (const [id] of saidOf(lines, 'launched')) launches.add(Number(id));
      t.comment(`kill ${kill} after ${delayMs} ms: ${stored.size} submissions acknowledged`);

      const bare = new Libsql(path);
      t.strictSame(bare.prepare('PRAGMA integrity_check').raw().all(), [['ok']], 'file is sound');
      const rows = bare.prepare('SELECT digest, count(*), min(id) FROM jobs GROUP BY digest').raw();
      const halves = (rows.all() as [string, number, number][]).filter(([, n]) => n !== BATCH);
      t.strictSame(halves, [], 'no submission is there by half');
      const counts = bare.prepare(
        `SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM submissions),
              (SELECT max(id) FROM jobs) <= (SELECT value FROM counters)`,
      );
      const [jobs, documents, isCounted] = counts.raw().get() as [number, number, number];
      t.equal(jobs, documents, 'each job has its request');
      t.equal(isCounted, 1, 'the counter is not behind');
      bare.close();
    }

    const store = await openEmbeddedStore({ path, log: SILENT });
    const ids = [...stored.values()].flat().map(Number);
    t.ok(ids.length > KILLS * BATCH, `${ids.length} jobs acknowledged`);
    t.equal(new Set(ids).size, ids.length, 'no id was given twice');
    const jobs = await store.jobs(ids.map(jobId));
    t.strictSame(
      ids.filter((id) => !jobs.has(jobId(id))),
      [],
      'every acknowledged job is there',
    );
    t.ok(launches.size > 0, `${launches.size} intents acknowledged`);
    const unlaunched = [...launches].filter((id) => jobs.get(jobId(id))?.state !== 'launching');
    t.strictSame(unlaunched, [], 'every acknowledged intent is there');
    await store.close();
  },
);

t.test('two processes on one file: no id twice, one leader', PATIENT, async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const store = await openEmbeddedStore({ path, log: SILENT });
  t.teardown(() => store.close());
  const epoch = await leader(store, 'parent');
  const other = storeProcess(t, 'lead', path, 'child');
  await until(t, () => other.lines.length > 0, 'the other process');
  const mine: number[] = [];
  while (saidOf(other.lines, 'lease').length === 0) {
    const answers = await Promise.all([1, 2, 3].map(() => store.submit([aNewJob()])));
    mine.push(...answers.flat().map(({ id }) => id));
  }
  await other.ended;
  t.equal(other.child.exitCode, 0);
  t.strictSame(saidOf(other.lines, 'lease'), [[`${epoch + 1}`]]);
  const theirs = saidOf(other.lines, 'stored').flatMap(([, ...ids]) => ids.map(Number));
  t.equal(theirs.length, 200);
  t.equal(new Set([...mine, ...theirs]).size, mine.length + theirs.length);
  t.ok(Math.min(...theirs) < Math.max(...mine), 'they did work at the same time');
  t.equal((await store.jobs(theirs.map(jobId))).size, 200);

  const job = await submitted(store);
  await t.rejects(store.advance(epoch, [stepTo(job, launched(job))]), FencedOut);
});

t.test('no room for the file: refused, and served again once there is', PATIENT, async (t) => {
  const path = join(t.testdir({}), 'store.db');
  // A soft limit, so that it can be lifted from outside: 1 MiB, in the shell's blocks of 512 bytes.
  const limited = `ulimit -S -f 2048; exec "$0" "$@"`;
  const args = ['-c', limited, process.execPath, STORE_PROCESS, 'work', path, 'p'];
  const { child, lines, ended } = spoken(t, 'sh', args);
  await until(t, () => saidOf(lines, 'trouble').length > 3, 'the file to reach its limit');
  t.ok(saidOf(lines, 'stored').length > 0, 'it served before');
  const before = saidOf(lines, 'stored').length;

  const lift = spawn('prlimit', ['--pid', String(child.pid), '--fsize=unlimited']);
  const [code] = await once(lift, 'exit');
  t.equal(code, 0, 'the limit is lifted');
  await until(t, () => saidOf(lines, 'stored').length > before + 20, 'submissions to be accepted');
  child.kill('SIGKILL');
  await ended;

  const store = await openEmbeddedStore({ path, log: SILENT });
  t.teardown(() => store.close());
  const ids = saidOf(lines, 'stored').flatMap(([, ...rest]) => rest.map(Number));
  const found = await store.jobs(ids.map(jobId));
  t.equal(found.size, ids.length, 'every acknowledged job is there');
});
