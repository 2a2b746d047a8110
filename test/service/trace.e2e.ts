// Jobs that really ran, exported by `god` and replayed by `godocker simulate`: each program as an administrator calls it.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { projectFile } from '../support/project.js';
import { startService, temporaryHome } from '../support/service.js';

t.setTimeout(120_000);

t.test('what ran is exported and replayed', async (t) => {
  const home = temporaryHome(t);
  const service = await startService(t, { home });
  const { client, admin } = service;
  const ids = await Promise.all([0, 1, 2].map(() => client.submit('#!/bin/sh\nsleep 1\n')));
  await client.allOver(ids, 60_000);
  const run = async (program: string, ...args: readonly string[]): Promise<string> => {
    const env = {
      ...process.env,
      GOD_SERVER: service.url,
      GOD_USER: admin.user,
      GOD_APIKEY: admin.apikey,
    };
    const file = projectFile(`dist/bin/${program}.js`);
    return (await promisify(execFile)(process.execPath, [file, ...args], { env })).stdout;
  };
  const trace = await run('god', 'trace', '--since', '1h', '--anonymous');
  const jobs = trace
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(jobs.length, 3);
  const ranMs = jobs.reduce((sum, { run_seconds: seconds }) => sum + seconds * 1_000, 0);
  t.notMatch(trace, /admin/);
  const file = join(home, 'jobs.jsonl');
  writeFileSync(file, trace);
  const size = ['--agents', '1', '--cpus', '1', '--mem', '4000'];
  const told = await run('godocker', 'simulate', '--trace', file, ...size, '--json');
  const figures = told
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(figures.length, 3, 'each policy');
  for (const { jobs: replayed, makespanMs } of figures) {
    t.equal(replayed, 3);
    t.ok(makespanMs >= Math.floor(ranMs), `one after the other: ${makespanMs} of ${ranMs} ms`);
  }
});
