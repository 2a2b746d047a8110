// Jobs after their submission over REST: changed by field, launched anew; and users that leave.
import t from 'tap';
import { WISH_PREFIX, wishSetting } from '../../src/contracts/wishes.js';
import type { JobId } from '../../src/core/units.js';
import { type AService, type Asked, aService, aTask, lead } from './a-service.js';

const API = '/api/1.0';
const told = async (service: AService, path: string, asked: Asked = {}) => {
  const answer = await service.ask(`${API}${path}`, asked);
  return { status: answer.statusCode, said: answer.json() };
};
const put = (service: AService, id: JobId, name: string, value: unknown, who = 'alice') =>
  (async () =>
    told(service, `/task/${id}`, {
      method: 'PUT',
      body: { name, value },
      token: await service.tokenOf(who as 'alice'),
    }))();

t.test('a job that waits asks for something else, in the words of old clients', async (t) => {
  const service = await aService(t, { settings: { maxlifespan: '7d', executors: ['mesos'] } });
  const id = await service.submit();
  const was = await service.store.job(id);
  for (const [name, value] of [
    ['cpu', '4'],
    ['ram', 3.5],
    ['name', 'another'],
    ['description', 'what for'],
    ['tags', 'a, b'],
    ['label', 'storage==ssd,resource==gpu_a'],
    ['maxlifespan', '2h'],
  ] as const)
    t.same(await put(service, id, name, value), {
      status: 200,
      said: { msg: 'Task updated', id, name, value },
    });
  const job = await service.store.job(id);
  t.match(job, {
    state: 'pending',
    spec: {
      ...{ name: 'another', description: 'what for', tags: ['a', 'b'], lifespanMs: 7_200_000 },
      needs: { cpuMilli: 4_000, memMb: 3_500, custom: { gpu_a: 1 } },
      constraints: [{ name: 'storage', value: 'ssd' }],
    },
  });
  t.same(job?.spec.image, was?.spec.image);
  t.match((await told(service, `/task/${id}`)).said.requirements, {
    ...{ cpu: 4, ram: 3.5, maxlifespan: '2h', label: ['storage==ssd', 'resource==gpu_a'] },
  });
  t.same(await service.store.settings(WISH_PREFIX), new Map(), 'no wish is left');
});

t.test('what may not be changed says why', async (t) => {
  const service = await aService(t);
  const waiting = await service.submit();
  const running = await service.submit();
  await lead(service, running, 'running');
  const over = await service.submit();
  await lead(service, over, { over: 0 });
  const array = await service.submit(aTask({ requirements: { array: { values: '1:2' } } }));
  const cases: readonly (readonly [JobId, string, unknown, number, string])[] = [
    [waiting, 'image', 'debian:12', 400, 'bad-field'],
    [waiting, 'cpu', 'many', 400, 'bad-field'],
    [waiting, 'cpu', null, 200, ''],
    [waiting, 'cpu', { $gt: 0 }, 400, 'bad-field'],
    [waiting, 'label', 'no label', 400, 'bad-field'],
    [waiting, 'executor', 'nothing', 400, 'bad-field'],
    [running, 'cpu', '2', 409, 'wrong-state'],
    [over, 'cpu', '2', 409, 'wrong-state'],
    [array, 'cpu', '2', 409, 'wrong-state'],
    [(array + 1) as JobId, 'cpu', '2', 409, 'wrong-state'],
  ];
  for (const [id, name, value, status, code] of cases) {
    const answer = await put(service, id, name, value);
    t.equal(answer.status, status, `${name} of ${id}: ${JSON.stringify(answer.said)}`);
    if (code !== '') t.equal(answer.said.code, code);
  }
  t.equal((await put(service, waiting, 'cpu', '2', 'bob')).status, 404);
});

t.test('the lifespan of a job that runs may become shorter', async (t) => {
  const service = await aService(t);
  const id = await service.submit(aTask({ requirements: { maxlifespan: '2h' } }));
  await lead(service, id, 'running');
  t.match(await put(service, id, 'maxlifespan', '3h'), {
    status: 400,
    said: { code: 'not-supported', msg: /only become shorter, and is 2h/ },
  });
  t.match(await put(service, id, 'maxlifespan', 3600), { status: 200 });
  t.match(await service.store.job(id), { state: 'running', spec: { lifespanMs: 3_600_000 } });
});

t.test('the site says what may be changed, and by whom', async (t) => {
  const service = await aService(t, {
    settings: {
      dynamic_fields: [{ name: 'maxlifespan', admin_only: true }, { name: 'tags' }],
    },
  });
  const id = await service.submit();
  t.match(await put(service, id, 'cpu', '2'), {
    status: 400,
    said: { msg: /"cpu" may not be changed on this site; there is maxlifespan, tags/ },
  });
  t.match(await put(service, id, 'maxlifespan', '1h'), { status: 403 });
  t.match(await put(service, id, 'maxlifespan', '1h', 'root'), { status: 200 });
  t.match(await put(service, id, 'tags', 'a'), { status: 200 });
});

t.test('without a leader a change waits; a second one is refused meanwhile', async (t) => {
  const silent = {
    ...{ submitted() {}, killWanted() {}, holdChanged() {} },
    ...{ wished() {}, agentsChanged() {} },
  };
  const service = await aService(t, { deps: { notices: silent } });
  const id = await service.submit();
  t.match(await put(service, id, 'cpu', '2'), {
    status: 200,
    said: { msg: 'Task will be updated' },
  });
  t.match(await put(service, id, 'ram', '1'), {
    status: 409,
    said: { msg: /another change of job \d+ is under way/ },
  });
  t.ok(await service.store.setting(wishSetting('amend', id)));
});

t.test('a job is launched anew if it runs', async (t) => {
  const service = await aService(t);
  const waiting = await service.submit();
  const running = await service.submit();
  await lead(service, running, 'running');
  const over = await service.submit();
  await lead(service, over, { over: 0 });
  const again = (id: number, asked: Asked = {}) =>
    told(service, `/task/${id}/reschedule`, { method: 'POST', ...asked });
  t.match(await again(running), { status: 200, said: { msg: 'Task will be rescheduled' } });
  t.match(JSON.parse((await service.store.setting(wishSetting('reschedule', running))) ?? ''), {
    ...{ kind: 'reschedule', id: running, launch: 1, by: 'alice' },
  });
  service.later(1);
  t.match(await again(running), {
    status: 200,
    said: { msg: 'Task is already being rescheduled' },
  });
  t.match(await again(waiting), { status: 409, said: { msg: /waits already/ } });
  t.match(await again(over), { status: 409, said: { msg: /replay it instead/ } });
  t.equal((await again(running, { token: await service.tokenOf('bob') })).status, 404);
});

t.test('a user is removed: no session, no job, no member; the record stays', async (t) => {
  const service = await aService(t);
  const asRoot = async (path: string, asked: Asked = {}) =>
    told(service, path, { ...asked, token: await service.tokenOf('root') });
  const over = await service.submit();
  await lead(service, over, { over: 0 });
  const waiting = await service.submit();
  const token = await service.tokenOf('alice');
  for (const [id, members] of [
    ['both', ['alice', 'bob']],
    ['hers', ['alice']],
  ] as const)
    await asRoot('/project', { body: { id, members } });
  t.equal((await told(service, '/user/bob', { method: 'DELETE' })).status, 403);
  t.match(await asRoot('/user/root', { method: 'DELETE' }), { status: 409 });
  t.same(await asRoot('/user/alice', { method: 'DELETE' }), {
    status: 200,
    said: { msg: 'User removed', id: 'alice', killed: 1 },
  });
  t.equal((await told(service, '/task/count', { token })).status, 401, 'her token is dead');
  const body = { user: 'alice', apikey: service.keys.alice };
  t.equal((await told(service, '/authenticate', { body, token: null })).status, 401);
  t.equal((await service.store.job(waiting))?.killWanted?.by, 'root');
  t.match((await asRoot(`/task/${over}`)).said, { user: { id: 'alice' } });
  t.same((await asRoot('/project/both')).said.members, ['bob']);
  t.same((await asRoot('/project/hers')).said.members, ['alice'], 'the last one stays named');
  t.equal((await asRoot('/user/alice', { method: 'DELETE' })).status, 404);
});
