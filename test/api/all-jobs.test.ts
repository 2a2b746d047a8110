// Many jobs at once, and what comes after a job: kills, counts, archives, purges, replays; and what no executor can do yet.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type JobId, jobId } from '../../src/core/units.js';
import { AT } from '../store/a-job.js';
import { type AService, type Asked, aService, aTask, lead, NOW } from './a-service.js';

const API = '/api/1.0';
const DAY_MS = 86_400_000;
const tagged = (...tags: readonly string[]) => aTask({ meta: { tags } });

const told = async (service: AService, path: string, asked: Asked = {}) => {
  const answer = await service.ask(`${API}${path}`, asked);
  return { status: answer.statusCode, said: answer.json() };
};
const as = async (service: AService, who: 'bob' | 'root', path: string, asked: Asked = {}) =>
  told(service, path, { ...asked, token: await service.tokenOf(who) });

async function overJob(service: AService, task: unknown = aTask()): Promise<JobId> {
  const id = await service.submit(task);
  const directory = join(service.directory, `task-${id}`);
  mkdirSync(directory);
  await lead(service, id, { over: 0 }, directory);
  return id;
}

t.test('all jobs of a user are killed, or those with a tag', async (t) => {
  const service = await aService(t);
  const a = await service.submit(tagged('dna'));
  const b = await service.submit(tagged('rna', 'dna'));
  const c = await service.submit(tagged('rna'));
  const array = await service.submit(
    aTask({ meta: { tags: ['rna'] }, requirements: { array: { values: '1:3' } } }),
  );
  await lead(service, a, 'running');
  const path = '/user/alice/task';
  t.same(await told(service, `${path}?tag=dna`, { method: 'DELETE' }), {
    status: 200,
    said: { msg: 'Tasks will be killed', killed: 2 },
  });
  t.same(service.killsNoticed, [b, a]);
  t.equal((await service.store.job(c))?.killWanted, null);
  t.match(await told(service, path, { method: 'DELETE' }), { said: { killed: 2 } });
  for (const id of [a, b, c, array])
    t.equal((await service.store.job(id))?.killWanted?.by, 'alice', `job ${id}`);
  t.match(await told(service, path, { method: 'DELETE' }), { said: { killed: 0 } }, 'once');
});

t.test("nobody kills another's jobs; an administrator does", async (t) => {
  const service = await aService(t);
  const id = await service.submit();
  t.match(await as(service, 'bob', '/user/alice/task', { method: 'DELETE' }), { status: 404 });
  t.equal((await service.store.job(id))?.killWanted, null);
  t.match(await as(service, 'root', '/user/alice/task', { method: 'DELETE' }), {
    said: { killed: 1 },
  });
  t.equal((await service.store.job(id))?.killWanted?.by, 'root');
});

t.test('jobs are counted', async (t) => {
  const service = await aService(t);
  await service.submit();
  await lead(service, await service.submit(), 'running');
  await overJob(service);
  t.same((await told(service, '/task/count')).said, { pending: 1, running: 1, over: 1 });
  t.same((await as(service, 'bob', '/task/count')).said, { pending: 0, running: 0, over: 0 });
  t.match(await as(service, 'bob', '/task/count?all=1'), { status: 403 });
  t.match((await as(service, 'root', '/task/count?all=1')).said, { over: 1 });
});

t.test('jobs that ended long ago are archived, then purged', async (t) => {
  const service = await aService(t);
  const old = await overJob(service, tagged('dna'));
  const other = await overJob(service, tagged('rna'));
  service.later(AT - NOW + 10 * DAY_MS);
  const directory = join(service.directory, `task-${old}`);
  t.same((await told(service, '/archive/30')).said, {
    ...{ msg: 'Tasks archived', archived: 0, more: false },
  });
  t.ok(existsSync(directory));
  t.match((await told(service, '/archive/9?tag=dna')).said, { archived: 1, more: false });
  t.notOk(existsSync(directory));
  t.match((await told(service, `/task/${old}`)).said, { status: { primary: 'archived' } });
  t.match((await told(service, '/archive/9')).said, { archived: 1 }, 'the other one');
  t.match((await told(service, '/archive/9')).said, { archived: 0 }, 'each once');
  const purged = await told(service, '/archive/9?tag=rna', { method: 'DELETE' });
  t.same(purged.said, { msg: 'Tasks purged', purged: 1, more: false });
  t.equal((await told(service, `/task/${other}`)).status, 404);
  t.equal((await told(service, `/task/${old}`)).status, 200);
  t.match(await told(service, '/archive/x'), { status: 400, said: { field: 'days' } });
});

t.test("only one's own jobs are archived by date", async (t) => {
  const service = await aService(t);
  const id = await overJob(service);
  service.later(AT - NOW + DAY_MS);
  for (const who of ['bob', 'root'] as const) {
    t.match((await as(service, who, '/archive/0')).said, { archived: 0 });
    t.match((await as(service, who, '/archive/0', { method: 'DELETE' })).said, { purged: 0 });
  }
  t.match((await service.store.job(id))?.state, 'over');
  t.match((await told(service, '/archive/0')).said, { archived: 1 }, 'it is old enough');
});

t.test('one job is purged: its directory, its record; its use counts on', async (t) => {
  const service = await aService(t);
  const id = await overJob(service);
  const running = await service.submit();
  await lead(service, running, 'running');
  const path = `/task/${id}/archive`;
  t.equal((await as(service, 'bob', path, { method: 'DELETE' })).status, 404);
  t.same(await told(service, path, { method: 'DELETE' }), {
    status: 200,
    said: { msg: 'Task purged', id },
  });
  t.notOk(existsSync(join(service.directory, `task-${id}`)));
  t.equal((await told(service, `/task/${id}`)).status, 404);
  t.match(await told(service, `/task/${running}/archive`, { method: 'DELETE' }), {
    status: 409,
    said: { code: 'wrong-state' },
  });
  const array = await service.submit(aTask({ requirements: { array: { values: '1:2' } } }));
  t.match(await told(service, `/task/${array + 1}/archive`, { method: 'DELETE' }), {
    status: 409,
    said: { msg: new RegExp(`member of array ${array}`) },
  });
});

t.test('a replay is a submission that makes the same job', async (t) => {
  const service = await aService(t);
  const first = await overJob(
    service,
    aTask({
      meta: { name: 'align', tags: ['dna'] },
      requirements: {
        ...{ cpu: 2, ram: 3, label: ['storage==ssd'], failure_policy: 1, maxlifespan: '2h' },
        retry: [{ exit_codes: [75], times: 2 }],
      },
    }),
  );
  const { said: task } = await told(service, `/task/${first}/replay`);
  for (const key of ['id', 'status', 'date', '_id', 'parent_task_id'])
    t.notOk(Object.hasOwn(task, key), `without ${key}`);
  const sent = await told(service, '/task?strict=1', { body: task });
  t.equal(sent.status, 200, 'every key means something');
  const [was, is] = [await service.store.job(first), await service.store.job(sent.said.id)];
  t.same(is?.spec, was?.spec);
  t.same(await service.store.scripts([sent.said.id]), new Map([[sent.said.id, aScript]]));
  t.equal((await as(service, 'bob', `/task/${first}/replay`)).status, 404);
});
const aScript = '#!/bin/sh\necho hello\n';

t.test('a replay of an array has its members, that of a member is one job', async (t) => {
  const service = await aService(t);
  const array = await service.submit(aTask({ requirements: { array: { values: '3:9:3' } } }));
  t.match((await told(service, `/task/${array}/replay`)).said, {
    requirements: { array: { values: '3:9:3' } },
  });
  const member = await told(service, `/task/${array + 2}/replay`);
  t.match(member.said, { requirements: { array: { values: null } } });
  const again = await told(service, '/task', { body: member.said });
  t.equal((await service.store.job(jobId(again.said.id)))?.spec.array, undefined);
});

t.test('nobody is told that a job pauses which does not', async (t) => {
  const service = await aService(t);
  const waiting = await service.submit();
  const running = await service.submit();
  await lead(service, running, 'running');
  const over = await overJob(service);
  const array = await service.submit(aTask({ requirements: { array: { values: '1:3' } } }));
  for (const act of ['suspend', 'resume'])
    for (const [id, says] of [
      [waiting, /does not run yet/],
      [running, act === 'suspend' ? /cannot suspend jobs/ : /is not suspended/],
      [over, /is over/],
      [array, /is an array/],
    ] as const) {
      const answer = await told(service, `/task/${id}/${act}`);
      t.match(answer, { status: 400, said: { code: 'not-supported', msg: says } }, `${act} ${id}`);
    }
  t.match((await told(service, `/task/${running}`)).said.status, {
    ...{ primary: 'running', secondary: null },
  });
  t.notMatch((await told(service, '/config')).said.executor_features, ['pause']);
  t.equal((await as(service, 'bob', `/task/${running}/suspend`)).status, 404);
});
