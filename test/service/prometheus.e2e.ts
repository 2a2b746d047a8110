// A real Prometheus scrapes a real service, with the alerts and the sample that we ship; its own tools check both.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { everyMetric } from '../../src/service/metrics/reference.js';
import { isAnswering } from '../support/local-mesos.js';
import { freePort, temporaryFolder } from '../support/places.js';
import { hasProgram, run, startBackground } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import { startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';

t.setTimeout(180_000);

const DEPLOYED = projectFile('deploy/prometheus');

function isMissing(t: Test, program: string): boolean {
  if (hasProgram(program)) return false;
  skipAloud(t, 'Prometheus', `${program} is not installed; npm run test:setup`);
  return true;
}

t.test('rules and sample are sound, and the alerts do what they say', async (t) => {
  if (isMissing(t, 'promtool')) return;
  for (const command of [
    ['check', 'rules', 'alerts.yml'],
    ['test', 'rules', 'alerts-test.yml'],
    ['check', 'config', 'prometheus.yml'],
  ]) {
    const { code, stdout, stderr } = await run('promtool', command, { cwd: DEPLOYED });
    t.equal(code, 0, `${command.join(' ')}: ${stdout}${stderr}`);
  }
});

t.test('a service tells what the page about metrics lists, in proper form', async (t) => {
  const { url, client } = await startService(t);
  await client.allOver([await client.submit('#!/bin/sh\ntrue\n')]);
  const response = await fetch(`${url}/metrics`);
  const text = await response.text();
  const told = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name).sort();
  const listed = (await everyMetric().getMetricsAsJSON()).map(({ name }) => name).sort();
  // Not configured here.
  t.same(
    told,
    listed.filter((name) => !/^godocker_influx_/.test(name)),
  );
  t.match(text, /^godocker_jobs_ended_total\{outcome="exited"\} 1$/m);
  t.match(text, /^godocker_job_wait_seconds_count 1$/m);
  t.match(text, /^godocker_task_updates_total\{executor="mesos",state="finished"\} 1$/m);
  t.match(text, /^godocker_launches_total\{executor="mesos",answer="sent"\} 1$/m);
  t.match(text, /^godocker_http_request_seconds_count\{.*route="\/api\/1\.0\/task\/:id".*\} \d+$/m);
  if (isMissing(t, 'promtool')) return;
  // Names of the runtime's own figures are those of the library.
  const input = text.replace(/^.*\bnodejs_.*\n/gm, '');
  const { code, stdout, stderr } = await run('promtool', ['check', 'metrics'], { input });
  t.equal(code, 0, stdout + stderr);
});

t.test('Prometheus reads it, and no alert fires', async (t) => {
  if (isMissing(t, 'prometheus')) return;
  const service = await startService(t);
  await service.client.allOver([await service.client.submit('#!/bin/sh\ntrue\n')]);
  const ask = await startPrometheus(t, new URL(service.url).host);
  const value = async (query: string): Promise<number | undefined> => {
    const { data } = await ask<Answer>(`query?query=${encodeURIComponent(query)}`);
    const [first] = data.result;
    return first === undefined ? undefined : Number(first.value[1]);
  };
  await waitFor('the leader is seen', 30_000, () => value('godocker_scheduler_leading == 1'));
  t.equal(await value('sum(godocker_jobs_ended_total{outcome="exited"})'), 1);
  t.equal(await value('godocker_scheduler_agents{state="active"}'), 1);
  const wait = await value(
    'histogram_quantile(0.5, sum by (le) (godocker_job_wait_seconds_bucket))',
  );
  t.ok(wait !== undefined && wait > 0, 'a quantile of the waits');
  const writes = await value('godocker_store_operation_seconds_count{operation="submit"}');
  t.equal(writes, 1);
  const { data } = await ask<{ data: { groups: readonly { rules: readonly Rule[] }[] } }>('rules');
  const rules = data.groups.flatMap((group) => group.rules);
  t.ok(rules.length > 10, 'the alerts are there');
  // The disk of this machine is its own affair.
  const firing = rules.filter((rule) => rule.state === 'firing' && !/Disk/.test(rule.name));
  t.same(firing, []);
  t.same(
    rules.filter(({ lastError = '' }) => lastError !== ''),
    [],
  );
  // The queries of the dashboard, as Grafana would ask them.
  for (const query of dashboardQueries())
    t.ok(await ask(`query?query=${encodeURIComponent(query)}`), query);
});

interface Answer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

interface Rule {
  readonly name: string;
  readonly state: string;
  readonly lastError?: string;
}

type Ask = <T>(path: string) => Promise<T>;

async function startPrometheus(t: Test, target: string): Promise<Ask> {
  const folder = temporaryFolder(t, 'prometheus');
  for (const file of ['prometheus.yml', 'alerts.yml'])
    cpSync(join(DEPLOYED, file), join(folder, file));
  const file = join(folder, 'prometheus.yml');
  const sample = readFileSync(file, 'utf8');
  const ours = sample
    .replace('scrape_interval: 15s', 'scrape_interval: 1s\n  evaluation_interval: 1s')
    .replace('127.0.0.1:6543', target);
  if (!ours.includes(target)) throw new Error('the sample names another address');
  writeFileSync(file, ours);
  const port = await freePort();
  const program = startBackground(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { cwd: folder, logFile: join(folder, 'prometheus.log') },
  );
  t.teardown(() => program.stop());
  const url = `http://127.0.0.1:${port}`;
  await waitFor('Prometheus is ready', 60_000, () => {
    if (!program.isRunning()) throw new Error(`Prometheus ended: ${program.lastWords()}`);
    return isAnswering(`${url}/-/ready`);
  });
  return async <T>(path: string): Promise<T> => {
    const response = await fetch(`${url}/api/v1/${path}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${text}`);
    return JSON.parse(text) as T;
  };
}

function dashboardQueries(): readonly string[] {
  const text = readFileSync(projectFile('deploy/grafana/godocker.json'), 'utf8');
  const { panels } = JSON.parse(text) as {
    readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
  };
  return panels
    .flatMap(({ targets = [] }) => targets)
    .map(({ expr }) => expr.replaceAll('$job', '.*').replaceAll('$__rate_interval', '1m'));
}
