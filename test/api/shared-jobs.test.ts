// Jobs of a project that are its members' business, where the site says so; and of nobody else, and nowhere else.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readAudit } from '../../src/core/audit.js';
import { isDamaged } from '../../src/core/audit-chain.js';
import { type JobId, projectId, userId } from '../../src/core/units.js';
import { MemoryStore } from '../support/memory-store.js';
import { type Asked, aService, aTask, lead, NOW } from './a-service.js';

/** alice has a job in `lambda` that runs, one that is over, and one in `default`; bob is in `lambda` unless told. */
async function aProject(t: Test, isOn: boolean, members: readonly string[] = ['alice', 'bob']) {
  const settings = { share_project_tasks: isOn };
  const service = await aService(t, { settings, store: new MemoryStore() });
  const { store, submit, directory, ask, tokenOf } = service;
  const putProject = (logins: readonly string[]) =>
    store.putProject({
      ...{ id: projectId('lambda'), description: '', prio: 50, createdAt: NOW },
      members: logins.map(userId),
      quotas: { time: 0, cpu: 0, ram: 0 },
    });
  await putProject(['alice']);
  const inLambda = aTask({ more: { user: { project: 'lambda' } } });
  const [runs, over, other] = [await submit(inLambda), await submit(inLambda), await submit()];
  const folder = join(directory, 'results');
  mkdirSync(folder);
  writeFileSync(join(folder, 'god.log'), 'hello');
  await lead(service, runs, 'running', folder);
  await lead(service, over, { over: 0 }, folder);
  await putProject(members);
  const token = await tokenOf('bob');
  const asBob = async (path: string, asked: Asked = {}) => ask(path, { ...asked, token });
  return { ...service, asBob, putProject, runs, over, other };
}

const ids = (jobs: readonly { readonly id: number }[]) => jobs.map(({ id }) => id).sort();

const READS = (id: JobId) => [
  ...[`/api/1.0/task/${id}`, `/api/1.0/task/${id}/status`, `/api/1.0/task/${id}/files`],
  ...[`/api/1.0/task/${id}/files/god.log`, `/api/1.0/task/${id}/replay`],
];

t.test('a member sees the jobs, their files and logs', async (t) => {
  const { asBob, runs, over } = await aProject(t, true);
  for (const id of [runs, over])
    for (const path of READS(id)) t.equal((await asBob(path)).statusCode, 200, path);
  t.equal((await asBob(`/api/1.0/task/${runs}/files/god.log`)).body, 'hello');
});

t.test('lists of the project have them; one’s own lists do not', async (t) => {
  const { asBob, runs, over } = await aProject(t, true);
  const list = async (path: string, method: 'GET' | 'POST' = 'GET') =>
    (await asBob(path, { method })).json();
  t.same(ids(await list('/api/1.0/task/active?project=lambda')), [runs]);
  t.same(ids(await list('/api/1.0/task/over/0/0?project=lambda', 'POST')), [over]);
  t.same(ids(await list('/api/1.0/task/active')), []);
  t.same(ids((await list('/api/1.0/tasks?project=lambda&all=1')).tasks), [over]);
  t.same(ids((await list('/api/1.0/tasks?project=lambda&user=alice')).tasks), [over]);
  t.same(ids((await list('/api/1.0/tasks?project=lambda')).tasks), []);
  t.equal((await asBob('/api/1.0/tasks?all=1')).statusCode, 403);
  t.equal((await asBob('/api/1.0/tasks?project=default&all=1')).statusCode, 403);
});

t.test('a member kills one, and the audit log has who', async (t) => {
  const { asBob, store, runs, killsNoticed } = await aProject(t, true);
  const killed = await asBob(`/api/1.0/task/${runs}`, { method: 'DELETE' });
  t.equal(killed.statusCode, 200, killed.body);
  t.same(killsNoticed, [runs]);
  const entries = (await store.auditPage({ after: 0, limit: 500 })).flatMap((one) =>
    isDamaged(one) ? [] : [readAudit(one)],
  );
  const kill = { actor: 'bob', act: 'job.kill', subject: { id: String(runs) } };
  t.match(
    entries.filter(({ act }) => act === 'job.kill'),
    [kill],
  );
});

t.test('to archive and to purge stay the owner’s', async (t) => {
  const { asBob, ask, store, over } = await aProject(t, true);
  for (const method of ['GET', 'DELETE'] as const) {
    const answer = await asBob(`/api/1.0/task/${over}/archive`, { method });
    t.match([answer.statusCode, answer.json()], [403, { code: 'forbidden' }], method);
  }
  t.match(await store.job(over), { archivedAt: undefined });
  t.equal((await ask(`/api/1.0/task/${over}/archive`)).statusCode, 200, 'the owner may');
});

t.test('nobody sends files to what runs as somebody else, or starts it', async (t) => {
  const { asBob, runs } = await aProject(t, true);
  const cases: [string, Asked][] = [
    [`/api/1.0/task/${runs}/start`, { method: 'POST' }],
    [`/api/1.0/task/${runs}/files/reads.fa`, { method: 'PUT', raw: 'ACGT' }],
  ];
  for (const [path, asked] of cases) {
    const answer = await asBob(path, asked);
    t.match([answer.statusCode, answer.json()], [403, { code: 'forbidden', msg: /owner/ }], path);
  }
});

t.test('nobody else learns that there is anything', async (t) => {
  const off = await aProject(t, false);
  const outside = await aProject(t, true, ['alice']);
  const left = await aProject(t, true);
  await left.putProject(['alice']);
  const inside = await aProject(t, true);
  const cases: Record<string, [typeof off, JobId]> = {
    'the site does not share': [off, off.runs],
    'no member': [outside, outside.runs],
    'no member any more': [left, left.runs],
    'of default': [inside, inside.other],
  };
  for (const [name, [{ asBob, store }, id]] of Object.entries(cases)) {
    for (const path of READS(id)) t.equal((await asBob(path)).statusCode, 404, `${name}: ${path}`);
    const killed = await asBob(`/api/1.0/task/${id}`, { method: 'DELETE' });
    t.equal(killed.statusCode, 404, name);
    t.equal((await store.job(id))?.killWanted ?? null, null, `${name}: untouched`);
    for (const project of ['lambda', 'default']) {
      const listed = await asBob(`/api/1.0/task/active?project=${project}`);
      if (name === 'of default' && project === 'lambda') continue;
      t.same(listed.json(), [], `${name}: list of ${project}`);
    }
  }
});
