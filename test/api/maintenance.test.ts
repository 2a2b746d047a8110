// The service as a whole over REST: maintenance, processes, ping, figures that others push, images.
import { Registry } from 'prom-client';
import t from 'tap';
import type { ProcessSeen } from '../../src/contracts/presence.js';
import { instant } from '../../src/core/units.js';
import { type AService, type Asked, aService, aTask, lead, NOW } from './a-service.js';

const API = '/api/1.0';
const told = async (service: AService, path: string, asked: Asked = {}) => {
  const answer = await service.ask(`${API}${path}`, asked);
  return { status: answer.statusCode, said: answer.json(), headers: answer.headers };
};
const asRoot = async (service: AService, path: string, asked: Asked = {}) =>
  told(service, path, { ...asked, token: await service.tokenOf('root') });

t.test('in maintenance no job is taken, and everybody is told why', async (t) => {
  const service = await aService(t);
  await service.submit();
  t.same((await told(service, '/maintenance')).said, {
    ...{ on: false, reason: null, by: null, since: null },
  });
  const begin: Asked = { method: 'PUT', body: { on: true, reason: 'new switches until noon' } };
  t.equal((await told(service, '/maintenance', begin)).status, 403);
  t.match((await asRoot(service, '/maintenance', begin)).said, {
    ...{ on: true, reason: 'new switches until noon', by: 'root', since: NOW / 1_000 },
  });
  const refused = await told(service, '/task', { body: aTask() });
  t.equal(refused.status, 503);
  t.match(refused.said, { code: 'maintenance', msg: /takes no jobs: new switches until noon/ });
  t.ok(refused.headers['retry-after']);
  t.equal((await told(service, '/task/count')).status, 200, 'everything else answers');
  await asRoot(service, '/maintenance', { method: 'PUT', body: { on: false } });
  t.equal((await told(service, '/task', { body: aTask() })).status, 200);
  t.match(await asRoot(service, '/maintenance', { method: 'PUT', body: { on: 'yes' } }), {
    status: 400,
    said: { field: 'on' },
  });
});

t.test('a job that waits says that it waits for the end of maintenance', async (t) => {
  const obstacles = () => [{ code: 'no-offers' }] as const;
  const service = await aService(t, { deps: { obstacles } });
  const [waits, held, runs] = [
    await service.submit(),
    await service.submit(aTask({ requirements: { hold: true } })),
    await service.submit(),
  ];
  await lead(service, runs, 'running');
  const reasonOf = async (id: number) => (await told(service, `/task/${id}`)).said.status.reason;
  t.match(await reasonOf(waits), /^Not enough resources/);
  const begin = (reason: string) =>
    asRoot(service, '/maintenance', { method: 'PUT', body: { on: true, reason } });
  await begin('new switches');
  const words = 'The service is in maintenance and starts no jobs: new switches';
  t.equal(await reasonOf(waits), words);
  t.match(await reasonOf(held), `${words}. Held by alice since `);
  t.equal(await reasonOf(runs), null, 'what runs goes on');
  const why = (await told(service, `/task/${waits}/why`)).said;
  t.match(why, {
    reason: words,
    obstacles: [{ code: 'service-maintenance', reason: 'new switches' }, { code: 'no-offers' }],
  });
  const list = (await told(service, '/task/active')).said;
  t.match(
    list.find(({ id }: { id: number }) => id === waits),
    { status: { reason: words } },
  );
  await begin('');
  t.equal(await reasonOf(waits), 'The service is in maintenance and starts no jobs');
  await asRoot(service, '/maintenance', { method: 'PUT', body: { on: false } });
  t.match(await reasonOf(waits), /^Not enough resources/);
});

t.test('another process learns of maintenance within a second', async (t) => {
  const service = await aService(t);
  await service.submit();
  await service.store.putSetting('maintenance', '{"by":"root","at":1,"reason":""}');
  t.equal((await told(service, '/task', { body: aTask() })).status, 200, 'known a moment ago');
  service.later(1_000);
  t.equal((await told(service, '/task', { body: aTask() })).status, 503);
});

t.test('administrators see the processes that live', async (t) => {
  const web: ProcessSeen = {
    ...{ name: 'web-a-1', role: 'web', host: 'a', pid: 1, version: '2.0.0', url: null },
    ...{ startedAt: NOW, seenAt: instant(NOW + 500) },
  };
  const service = await aService(t, {
    deps: { presence: async () => ({ processes: [web], silent: ['etcd: away'] }) },
  });
  t.equal((await told(service, '/status')).status, 403);
  t.match((await asRoot(service, '/status')).said, {
    processes: [{ name: 'web-a-1', type: 'web', status: true, timestamp: NOW / 1_000 + 0.5 }],
    silent: ['etcd: away'],
  });
  t.same((await told(service, '/ping', { token: null })).said, { msg: 'pong' });
});

t.test('figures of old daemons are taken with the key alone', async (t) => {
  const metrics = new Registry();
  const service = await aService(t, { settings: { prometheus_key: 'k' }, deps: { metrics } });
  const push = (key: string, ...stat: readonly object[]) =>
    told(service, '/prometheus', { body: { key, stat }, token: null });
  t.match(await push('no', { name: 'god_watcher_job_error', value: 1 }), { status: 403 });
  t.same(
    await metrics.getSingleMetricAsString('god_watcher_job_error').catch(() => 'none'),
    'none',
  );
  const run = { name: 'god_scheduler_run_duration', value: 0.25 };
  const error = { name: 'god_watcher_job_error', value: 1, host: 'w1' };
  t.match((await push('k', run, error, error, { name: 'up', value: 1 })).said, { ignored: 1 });
  const text = await metrics.metrics();
  t.match(text, /god_scheduler_run_duration 0.25/);
  t.match(text, /god_watcher_job_error\{host="w1"\} 2/);
  t.match(await push('k', { name: 'x' }), { status: 400 });
  const none = await aService(t);
  t.match(await told(none, '/prometheus', { body: { key: '', stat: [] }, token: null }), {
    status: 404,
  });
});

t.test('images are those of the site, and of own jobs where any may be named', async (t) => {
  const site = await aService(t);
  t.same((await told(site, '/image')).said, ['debian:12', 'ubuntu:24.04']);
  const free = await aService(t, { settings: { allow_user_images: true } });
  const mine = (image: string) => free.submit(aTask({ container: { image } }));
  for (const image of ['lab/b:1', 'lab/a:1', 'lab/b:1', 'debian:12']) await mine(image);
  t.same((await told(free, '/image')).said, ['debian:12', 'ubuntu:24.04', 'lab/b:1', 'lab/a:1']);
  t.same((await told(free, '/image?counts=1')).said.at(2), { url: 'lab/b:1', used: 2 });
  t.same(
    (await told(free, '/image', { token: await free.tokenOf('bob') })).said,
    ['debian:12', 'ubuntu:24.04'],
    "others' images are theirs",
  );
});
