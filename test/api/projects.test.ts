// Projects over the API: who makes them, who sees them, who may submit to them; priorities and quotas of users.
import t from 'tap';
import { instant } from '../../src/core/units.js';
import { AT, ended, stepTo } from '../store/a-job.js';
import { type AService, type Asked, aService, aTask, lead, NOW } from './a-service.js';

const API = '/api/1.0';
const BODY = { id: 'dna', description: 'genomes', prio: 70, members: ['alice'], quota_time: 3600 };

async function asRoot(service: AService, path: string, asked: Asked = {}) {
  return service.ask(`${API}${path}`, { ...asked, token: await service.tokenOf('root') });
}
async function withProject(t: Parameters<typeof aService>[0]): Promise<AService> {
  const service = await aService(t);
  const answer = await asRoot(service, '/project', { body: BODY });
  t.equal(answer.statusCode, 200, answer.body);
  return service;
}
const forProject = (project: string) => aTask({ more: { user: { id: 'alice', project } } });

t.test(
  'an administrator makes, changes and deletes a project, in the historic shapes',
  async (t) => {
    const service = await withProject(t);
    const none = { quota_cpu: 0, quota_ram: 0 };
    const hours = { quota_cpu_hours: 0, quota_gpu_hours: 0, quota_memory_hours: 0 };
    const disk = { quota_disk: 0, quota_disk_in_force: 0, disk: 0 };
    const document = { ...BODY, volumes: [], ...none, ...hours, ...disk };
    t.strictSame((await asRoot(service, '/project/dna')).json(), document);
    const [first, second] = (await asRoot(service, '/project')).json();
    t.match(first, { id: 'default', prio: 50 });
    t.strictSame(second, document);
    // The whole document comes back, with whatever else was in it.
    const sent = { ...document, _id: { $oid: 'x' }, prio: '80', members: ['alice', 'bob', 'bob'] };
    t.equal((await asRoot(service, '/project/dna', { body: sent })).statusCode, 200);
    t.match((await asRoot(service, '/project/dna')).json(), {
      prio: 80,
      members: ['alice', 'bob'],
    });
    const put = await asRoot(service, '/project/dna', { method: 'PUT', body: { quota_ram: 4 } });
    t.equal(put.statusCode, 200);
    t.match((await asRoot(service, '/project/dna')).json(), { prio: 80, quota_ram: 4 });
    t.equal((await asRoot(service, '/project/dna', { method: 'DELETE' })).statusCode, 200);
    t.equal((await asRoot(service, '/project/dna')).json().code, 'project-not-found');
  },
);

t.test('members see their projects, others learn nothing of them', async (t) => {
  const service = await withProject(t);
  const mine = (await service.ask(`${API}/user/alice/project`)).json();
  t.strictSame(
    mine.map(({ id }: { id: string }) => id),
    ['default', 'dna'],
  );
  t.equal((await service.ask(`${API}/project/dna`)).json().id, 'dna');
  t.equal((await service.ask(`${API}/project/default`)).json().id, 'default');
  const token = await service.tokenOf('bob');
  const theirs = (await service.ask(`${API}/user/bob/project`, { token })).json();
  t.equal(theirs.length, 1);
  t.equal((await service.ask(`${API}/project/dna`, { token })).statusCode, 404);
  for (const [path, asked] of [
    ['/project', {}],
    ['/project', { body: BODY }],
    ['/project/dna', { body: BODY }],
    ['/project/dna', { method: 'DELETE' }],
    ['/user/alice', { method: 'PUT', body: { usage: {} } }],
  ] as const)
    t.equal((await service.ask(`${API}${path}`, asked)).statusCode, 403, path);
});

t.test('a job counts for a project that its owner is in, and for no other', async (t) => {
  const service = await withProject(t);
  const id = await service.submit(forProject('dna'));
  t.equal((await service.store.job(id))?.project, 'dna');
  const token = await service.tokenOf('bob');
  const body = aTask({ more: { user: { id: 'bob', project: 'dna' } } });
  const refused = await service.ask(`${API}/task`, { body, token });
  t.equal(refused.statusCode, 400);
  t.match(refused.json(), { field: 'user.project', msg: /no project "dna"/ });
  const unknown = await service.ask(`${API}/task`, { body: forProject('rna') });
  t.match(unknown.json(), { field: 'user.project', msg: /no project "rna"/ });
  const busy = await asRoot(service, '/project/dna', { method: 'DELETE' });
  t.match(busy.json(), { code: 'wrong-state', msg: /wait or run/ });
});

t.test('the same key for another project is another submission', async (t) => {
  const service = await withProject(t);
  const headers = { 'idempotency-key': 'k1' };
  const first = await service.ask(`${API}/task`, { body: aTask(), headers });
  t.equal(first.statusCode, 200);
  const second = await service.ask(`${API}/task`, { body: forProject('dna'), headers });
  t.equal(second.json().code, 'key-reused');
});

t.test('what is wrong with a project is named', async (t) => {
  const service = await withProject(t);
  const cases: readonly (readonly [object, string])[] = [
    [{ ...BODY, id: 'a/b' }, 'id'],
    [{ ...BODY, id: '' }, 'id'],
    [{ ...BODY, id: 'x', prio: 101 }, 'prio'],
    [{ ...BODY, id: 'x', prio: -1 }, 'prio'],
    [{ ...BODY, id: 'x', prio: 'high' }, 'prio'],
    [{ ...BODY, id: 'x', quota_cpu: -5 }, 'quota_cpu'],
    [{ ...BODY, id: 'x', members: [] }, 'members'],
    [{ id: 'x' }, 'members'],
    [{ ...BODY, id: 'x', members: 'alice' }, 'members'],
    [{ ...BODY, id: 'x', members: ['alice', 'nobody'] }, 'members[1]'],
    [{ ...BODY, id: 'x', description: 7 }, 'description'],
    [{ ...BODY, id: 'x', volumes: [{ name: 'v' }] }, 'volumes'],
  ];
  for (const [body, field] of cases) {
    const answer = await asRoot(service, '/project', { body });
    t.equal(answer.statusCode, 400, answer.body);
    t.equal(answer.json().field, field, answer.body);
  }
  for (const id of ['dna', 'default']) {
    const taken = await asRoot(service, '/project', { body: { ...BODY, id } });
    t.match(taken.json(), { code: 'name-taken', field: 'id' });
  }
  const none = await asRoot(service, '/project/dna', { body: { members: [] } });
  t.match(none.json(), { field: 'members' }, 'the last member stays');
  t.equal((await asRoot(service, '/project/default', { body: { prio: 1 } })).statusCode, 403);
});

t.test('a member whose account is gone blocks no change', async (t) => {
  const service = await withProject(t);
  const { store } = service;
  const alice = await store.user('alice' as Parameters<typeof store.user>[0]);
  await store.deleteUser('alice' as Parameters<typeof store.user>[0]);
  const answer = await asRoot(service, '/project/dna', {
    body: { members: ['alice', 'bob'], prio: 60 },
  });
  t.equal(answer.statusCode, 200, answer.body);
  t.ok(alice);
});

t.test('an administrator sets priority and quotas of a user', async (t) => {
  const service = await aService(t);
  const document = (await asRoot(service, '/user/alice')).json();
  const usage = { ...document.usage, prio: 75, quota_time: '7200' };
  const body = { ...document, usage };
  const answer = await asRoot(service, '/user/alice', { method: 'PUT', body });
  t.equal(answer.statusCode, 200, answer.body);
  t.match((await service.ask(`${API}/user/alice`)).json(), {
    admin: false,
    usage: { prio: 75, quota_time: 7200, quota_cpu: 0 },
  });
  for (const [usage, field] of [
    [{ prio: 100.5 }, 'usage.prio'],
    [{ quota_ram: 'much' }, 'usage.quota_ram'],
    [7, 'usage'],
  ] as const) {
    const refused = await asRoot(service, '/user/alice', { method: 'PUT', body: { usage } });
    t.equal(refused.json().field, field);
  }
  const nobody = await asRoot(service, '/user/nobody', { method: 'PUT', body: { usage: {} } });
  t.equal(nobody.statusCode, 404);
});

t.test('quotas: what is used, by whom it may be seen, and a reset', async (t) => {
  const service = await withProject(t);
  const quota = { quota_time: 100, quota_cpu: 8 };
  await asRoot(service, '/project/dna', { method: 'PUT', body: quota });
  await asRoot(service, '/user/alice', { method: 'PUT', body: { usage: { quota_cpu_hours: 2 } } });
  service.later(AT - NOW);
  const run = async (seconds: number) => {
    const running = await lead(service, await service.submit(forProject('dna')), 'running');
    if (running.state !== 'running') throw new Error('it should run');
    const over = { ...ended(running), endedAt: instant(running.startedAt + seconds * 1_000) };
    const epoch = (await service.store.lease())?.epoch ?? 0;
    await service.store.advance(epoch, [stepTo(running, over)]);
  };
  const usedOf = async (path: string, name: string) =>
    (await service.ask(`${API}${path}`))
      .json()
      .quotas.find((one: { name: string }) => one.name === name).used;
  await run(60);
  await run(30);
  const report = (await service.ask(`${API}/project/dna/quota`)).json();
  t.match(report, { period: 'window', days: 30, begins_anew: null });
  t.match(report.quotas[0], { name: 'quota_time', unit: 's', limit: 100, used: 90 });
  t.match(report.quotas[1], { name: 'quota_cpu', unit: 'cpus', limit: 8, used: 2 });
  t.equal(await usedOf('/user/alice/quota', 'quota_cpu_hours'), 0.025);

  const bob = await service.tokenOf('bob');
  for (const [path, method, token, status] of [
    ['/project/dna/quota', 'GET', bob, 404],
    ['/user/alice/quota', 'GET', bob, 404],
    ['/project/dna/quota', 'DELETE', bob, 403],
    ['/project/dna/quota', 'DELETE', await service.tokenOf('alice'), 403],
    ['/user/alice/quota', 'DELETE', await service.tokenOf('alice'), 403],
    ['/project/dna/quota', 'DELETE', null, 401],
  ] as const)
    t.equal((await service.ask(`${API}${path}`, { method, token })).statusCode, status, path);
  t.equal(
    await usedOf('/project/dna/quota', 'quota_time'),
    90,
    'whoever may not has reset nothing',
  );

  const done = await asRoot(service, '/project/dna/quota', { method: 'DELETE' });
  t.match(done.json(), { msg: 'Quota reset', id: 'dna' });
  t.equal(await usedOf('/project/dna/quota', 'quota_time'), 0);
  t.equal(await usedOf('/user/alice/quota', 'quota_time'), 90, 'of the project alone');
  await run(7);
  t.equal(await usedOf('/project/dna/quota', 'quota_time'), 7);
  t.match((await service.ask(`${API}/project/dna/usage`)).json(), [{ time: 97 }], 'history stays');
  t.equal((await asRoot(service, '/user/alice/quota', { method: 'DELETE' })).statusCode, 200);
  t.equal(await usedOf('/user/alice/quota', 'quota_time'), 0);

  for (const path of ['/project/none/quota', '/user/none/quota'])
    for (const method of ['GET', 'DELETE'] as const)
      t.equal((await asRoot(service, path, { method })).statusCode, 404, `${method} ${path}`);
  const fixed = await asRoot(service, '/project/default/quota', { method: 'DELETE' });
  t.equal(fixed.statusCode, 403, 'default has none');
});
