// `godocker admin export` and `import` as programs: beside a running service, with many jobs in little memory, and refused aloud.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { aNewJob } from '../store/a-job.js';
import { temporaryFolder } from '../support/places.js';
import { projectFile } from '../support/project.js';
import { RestClient } from '../support/rest.js';
import { startService, temporaryHome } from '../support/service.js';

const GODOCKER = new URL('../../bin/godocker.js', import.meta.url).pathname;
/** The file of the large test has some 300 MB. */
const HEAP_MB = 96;
const JOBS = 100_000;

function admin(home: string, ...args: readonly string[]) {
  const run = spawnSync(
    process.execPath,
    [`--max-old-space-size=${HEAP_MB}`, GODOCKER, 'admin', ...args],
    { env: { ...process.env, GODOCKER_HOME: home }, encoding: 'utf8', cwd: home },
  );
  return { code: run.status, said: run.stderr };
}

t.test('beside a running service; the copy serves the same jobs and accounts', async (t) => {
  const service = await startService(t);
  const job = await service.client.submit('#!/bin/sh\necho kept\n');
  await service.client.over(job);
  const file = join(temporaryFolder(t, 'backup'), 'all.jsonl.gz');
  const out = admin(service.home, 'export', file);
  t.equal(out.code, 0, out.said);
  t.match(out.said, /exported: .* 1 user, .*1 job/);
  const busy = admin(service.home, 'import', file, '--replace');
  t.equal(busy.code, 69, 'a service has the home');
  t.match(busy.said, /is in use by the service with pid/);
  await service.stop();

  const other = temporaryHome(t);
  t.match(admin(other, 'import', file, '--dry-run').said, /^godocker: sound, of 20.*1 job/m);
  const into = admin(other, 'import', file);
  t.equal(into.code, 0, into.said);
  const again = admin(other, 'import', file);
  t.equal(again.code, 65);
  t.match(again.said, /nothing was imported: the store is not empty/);
  const copy = await startService(t, { home: other });
  t.match(
    await copy.client.file(job, 'god.log'),
    'kept',
    'the job directory is still the one of the record',
  );
  t.ok((await copy.client.submit('#!/bin/sh\ntrue\n')) > job, 'ids go on');
});

t.test(`${JOBS} jobs in a heap of ${HEAP_MB} MB`, async (t) => {
  const folders = ['from', 'to'].map((name) => temporaryFolder(t, name)) as [string, string];
  const store = await openEmbeddedStore({ path: join(folders[0], 'store.db'), log: SILENT });
  const script = `#!/bin/sh\n${'# a line that says nothing\n'.repeat(80)}`;
  for (let done = 0; done < JOBS; done += 1_000)
    await store.submit(Array.from({ length: 1_000 }, () => aNewJob({ script })));
  await store.close();
  const [file, again] = ['all.jsonl', 'again.jsonl'].map((name) => join(folders[0], name)) as [
    string,
    string,
  ];
  t.equal(admin(folders[0], 'export', file).code, 0);
  t.ok(statSync(file).size > 2.5 * HEAP_MB * 1024 * 1024, 'more than the heap holds');
  const into = admin(folders[1], 'import', file);
  t.equal(into.code, 0, into.said);
  t.match(into.said, `imported: 1 counter, ${JOBS} jobs`);
  t.equal(admin(folders[1], 'export', again).code, 0);
  const last = (path: string) => readFileSync(path).subarray(-160).toString();
  t.match(last(again), `"job":${JOBS}`);
});

t.test('from an original GoDocker: rehearsed, imported, signed in with the old key', async (t) => {
  const home = temporaryHome(t);
  const from = ['import', '--from-godocker', projectFile('test/store/original')];
  const counters = [
    '--counters',
    projectFile('test/store/original/redis.txt'),
    '--time-zone',
    'UTC',
  ];
  const rules = [...counters, '--admin', 'anna', '--active', 'over'];
  const rehearsal = admin(home, ...from, ...rules, '--dry-run');
  t.equal(rehearsal.code, 0, rehearsal.said);
  t.match(
    rehearsal.said,
    /would import: 1 counter, 1 setting, 3 users, 1 project, 2 days of use, 6 jobs/,
  );
  t.strictSame(readdirSync(home), [], 'nothing was made');
  t.match(admin(home, ...from), { code: 65, said: /1 jobs wait or run there \(90\)/ });
  const run = admin(home, ...from, ...rules);
  t.equal(run.said, rehearsal.said.replace('would import', 'imported'));
  const service = await startService(t, { home });
  const anna = await RestClient.signIn(service.url, { user: 'anna', apikey: 'A1B2C3D4E5' });
  t.match(await anna.job(72), { status: { primary: 'over', exitcode: 127, duration: 60 } });
  t.match(await anna.get('/api/1.0/user/anna'), { admin: true, usage: { prio: 80 } });
  t.ok((await anna.submit('#!/bin/sh\ntrue\n')) > 95, 'ids go on');
  await t.rejects(RestClient.signIn(service.url, { user: 'anna', apikey: 'A1B2C3D4E6' }));
});

t.test('mistakes are told, with codes of their own', async (t) => {
  const home = temporaryFolder(t, 'none');
  const none = admin(home, 'export', join(home, 'file'));
  t.equal(none.code, 69);
  t.match(none.said, /there is no store at .*store\.db/);
  const missing = admin(home, 'import', join(home, 'file'));
  t.equal(missing.code, 73);
  t.match(missing.said, /ENOENT: no such file/);
  t.match(admin(home, 'import'), { code: 64, said: /either a file or --from-godocker is needed/ });
});
