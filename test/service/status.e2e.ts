// `godocker status` as monitoring calls it, beside real processes that start, stop and are killed.
import { join } from 'node:path';
import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { instant } from '../../src/core/units.js';
import { systemRandom, systemTimers } from '../../src/host/system.js';
import type { StatusReport } from '../../src/service/status-command.js';
import { LocalLive } from '../../src/store/live/local-live.js';
import { RedisLive } from '../../src/store/redis/live.js';
import { isEtcdMissing, startEtcd } from '../support/etcd.js';
import { freePort } from '../support/places.js';
import { Installation } from '../support/processes.js';
import { run } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import { RedisServer, redisAt, redisMissing } from '../support/redis.js';
import { startService, temporaryHome } from '../support/service.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';

t.setTimeout(240_000);

async function status(
  home: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly code: number | null; readonly report: StatusReport; readonly text: string }> {
  const { code, stdout, stderr } = await run(
    process.execPath,
    [projectFile('dist/bin/godocker.js'), 'status', '--json', ...args],
    { cwd: join(home, '..'), env: { ...process.env, GODOCKER_HOME: home, ...env } },
  );
  const report = stdout.startsWith('{') ? (JSON.parse(stdout) as StatusReport) : NOTHING;
  return { code, report, text: stdout + stderr };
}

const NOTHING: StatusReport = { processes: [], leader: null, missing: [], silent: [] };
const rolesOf = ({ processes }: StatusReport) => processes.map(({ role }) => role);

t.test('a service alone is everything', async (t) => {
  const home = temporaryHome(t);
  const nothing = await status(home);
  t.equal(nothing.code, 69);
  t.match(nothing.text, /nothing was started here/);
  const service = await startService(t, { home });
  const { code, report } = await status(home);
  t.same(rolesOf(report), ['up']);
  t.match(report.processes[0], { pid: service.process.pid, url: service.url });
  t.match(report.leader?.holder, `${service.process.pid}-`);
  t.same(report.missing, []);
  t.equal(code, 0);
  const more = await status(home, ['--need', 'web=2']);
  t.equal(more.code, 1);
  t.same(more.report.missing, ['web: 1 of 2 alive']);
  const wrong = await status(home, ['--need', 'emperor']);
  t.equal(wrong.code, 78);
  t.match(wrong.text, /--need: "emperor"/);
  await service.stop();
  const after = await status(home);
  t.equal(after.code, 1);
  t.same(after.report.processes, [], 'a clean stop is known at once');
  t.same(after.report.leader, null);
});

t.test('processes come and go, on a store and in etcd', async (t) => {
  if (isEtcdMissing(t)) return;
  const etcd = await startEtcd(t);
  const environment = {
    GODOCKER_STATUS_POLICY: 'etcd',
    GODOCKER_ETCD_PORT: String(etcd.port),
  };
  const home = temporaryHome(t);
  const site = new Installation(t, { home, mesosPort: await freePort(), environment });
  const ask = (...args: readonly string[]) => status(home, args, environment);
  await site.web();
  const first = await ask();
  t.equal(first.code, 1);
  t.same(first.report.missing, ['scheduler: 0 of 1 alive', 'no scheduler leads']);
  const scheduler = await site.scheduler();
  const { report } = await waitFor('all is there', 30_000, async () => {
    const answer = await ask();
    return answer.code === 0 && answer;
  });
  t.same(rolesOf(report), ['scheduler', 'web']);
  t.same(report.silent, []);
  const kept = await waitFor('both have their key in etcd', 30_000, async () => {
    const keys = await keysOf(etcd.url);
    return keys.length >= 2 && keys;
  });
  t.equal(kept.length, 2, 'and nobody else');
  t.ok(kept.every((key) => key.startsWith('/godocker/process/')));

  await scheduler.process.kill9();
  await waitFor('the dead are forgotten by both', 60_000, async () => {
    const { code, report } = await ask();
    return code === 1 && rolesOf(report).join() === 'web';
  });
  t.equal((await keysOf(etcd.url)).length, 1);

  await etcd.process.kill9();
  const last = await ask('--need', 'web');
  t.equal(last.code, 0, 'a registry that is away is told, and is no process that is missing');
  t.match(last.report.silent, [/^etcd: /]);
});

t.test('what Redis knows is told; a Redis that is away is silent, not missing', async (t) => {
  const missing = redisMissing();
  if (missing !== undefined) return skipAloud(t, 'Redis', missing);
  const redis = await RedisServer.start(t);
  const environment = {
    GODOCKER_REDIS_HOST: '127.0.0.1',
    GODOCKER_REDIS_PORT: String(redis.port),
  };
  const home = temporaryHome(t);
  const site = new Installation(t, { home, mesosPort: await freePort(), environment });
  const ask = (...args: readonly string[]) => status(home, ['--need', 'web', ...args], environment);
  const web = await site.web();
  const { report } = await ask();
  t.match(report.processes, [{ role: 'web', pid: web.process.pid }], 'known to both, told once');
  t.same(report.silent, []);

  // One that the store does not know.
  const [key = ''] = (await redis.ask('KEYS', '*processes')) as readonly string[];
  const installation = /^\{god:(.+)\}:processes$/.exec(key)?.[1] ?? '';
  const parts = { installation, random: systemRandom, timers: systemTimers, log: SILENT };
  const local = new LocalLive({ changes: null, timers: systemTimers, epoch: 'a-test' });
  const live = new RedisLive({ ...parts, local, config: redisAt(redis.port) });
  t.teardown(() => live.close());
  await waitFor('Redis is reached', 30_000, () => live.isOpen);
  await live.presence.beat({
    ...{ name: 'watcher-elsewhere', role: 'watcher', host: 'elsewhere', pid: 7 },
    ...{ version: '9.9.9', startedAt: instant(1_800_000_000_000), url: null },
  });
  const both = await ask('--need', 'web,watcher');
  t.same(rolesOf(both.report), ['watcher', 'web']);
  t.equal(both.code, 0);

  await redis.kill9();
  const away = await ask();
  t.equal(away.code, 0);
  t.same(rolesOf(away.report), ['web'], 'the store knows it still');
  t.match(away.report.silent, [/^redis: .*ECONNREFUSED/]);
});

async function keysOf(url: string): Promise<readonly string[]> {
  const range = {
    key: Buffer.from('/godocker/').toString('base64'),
    range_end: Buffer.from('/godocker0').toString('base64'),
  };
  const response = await fetch(`${url}/v3/kv/range`, {
    method: 'POST',
    body: JSON.stringify(range),
  });
  const { kvs = [] } = (await response.json()) as { kvs?: readonly { readonly key: string }[] };
  return kvs.map(({ key }) => Buffer.from(key, 'base64').toString());
}
