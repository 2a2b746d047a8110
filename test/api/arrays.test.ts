// Job arrays over the API: submission, parent and members in the historic shape, kills, what failed once more.
import t from 'tap';
import type { Store } from '../../src/contracts/store.js';
import { type JobId, jobId } from '../../src/core/units.js';
import { ALICE, AT, ended, launched, leader, pendingJob, started, stepTo } from '../store/a-job.js';
import { type AService, aService, aTask } from './a-service.js';

const submitArray = (service: AService, values: unknown, more: object = {}): Promise<JobId> =>
  service.submit(aTask({ requirements: { array: { values, ...more } } }));

const taskOf = async (service: AService, id: number, token?: string) =>
  (await service.ask(`/api/1.0/task/${id}`, token === undefined ? {} : { token })).json();

/** Leads a member to its end, as the scheduler daemon would. */
async function endMember(store: Store, array: JobId, place: number, code: number): Promise<void> {
  const epoch = (await store.lease())?.epoch ?? (await leader(store));
  const pending = await pendingJob(store, jobId(array + 1 + place));
  const launching = launched(pending);
  const running = started(launching);
  await store.advance(epoch, [
    stepTo(pending, launching),
    stepTo(launching, running),
    stepTo(running, ended(running, code)),
  ]);
}

/** Ends the parent, as the scheduler daemon would when no member is left. */
async function endArray(store: Store, id: JobId, exitCode: number): Promise<void> {
  const array = await store.job(id);
  if (array?.state !== 'open') throw new Error('not open');
  const outcome = { kind: 'exited', exitCode, because: null } as const;
  const container = { containerId: null, ipAddress: null };
  const over = {
    ...array,
    state: 'over',
    outcome,
    endedAt: AT,
    placement: null,
    container,
  } as const;
  const epoch = (await store.lease())?.epoch ?? (await leader(store));
  await store.advance(epoch, [stepTo(array, over)]);
}

t.test('an array answers as one task, and shows its members', async (t) => {
  const service = await aService(t);
  const answer = await service.ask('/api/1.0/task', {
    body: aTask({ requirements: { array: { values: '2:6:2%5' } } }),
  });
  t.equal(answer.statusCode, 200);
  const { msg, id } = answer.json();
  t.equal(msg, 'Task added');
  const parent = await taskOf(service, id);
  t.same(parent.requirements.array, {
    values: '2:6:2',
    task_id: null,
    nb_tasks: 3,
    nb_tasks_over: 0,
    tasks: [id + 1, id + 2, id + 3],
    concurrency: 5,
    states: { pending: 3, running: 0, over: 0, failed: 0 },
  });
  t.match(parent.status, { primary: 'pending', secondary: null, exitcode: null, date_over: null });
  t.notOk('date_running' in parent.status);
  t.equal(parent.parent_task_id, null);
  t.equal(parent.container.meta, null);

  const member = await taskOf(service, id + 2);
  t.equal(member.parent_task_id, id);
  t.same(member.requirements.array, {
    ...{ values: null, task_id: 4, nb_tasks: null, nb_tasks_over: null, tasks: [] },
  });
  t.match(member.status, { primary: 'pending' });
  t.equal(member.command.cmd, parent.command.cmd, 'the script of its array');
  t.match(member.meta, parent.meta);
  const status = await service.ask(`/api/1.0/task/${id + 3}/status`);
  t.match(status.json(), { id: id + 3, status: { primary: 'pending' } });
  const beyond = await service.ask(`/api/1.0/task/${id + 4}`);
  t.equal(beyond.statusCode, 404);
});

t.test('values as a number, and a limit as a field', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, 4, { concurrency: 2 });
  t.match((await taskOf(service, id)).requirements.array, { nb_tasks: 4, concurrency: 2 });
  const whole = await service.store.job(id);
  t.equal(whole?.spec.array?.concurrencyMax, 2);
});

t.test('a document that comes back from us may be sent again', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, '1:4%2');
  const parent = await taskOf(service, id);
  const again = await service.ask('/api/1.0/task', { body: parent });
  t.equal(again.statusCode, 200);
  t.match((await taskOf(service, again.json().id)).requirements.array, {
    ...{ values: '1:4', nb_tasks: 4, concurrency: 2 },
  });
  const member = await taskOf(service, id + 1);
  const one = await service.ask('/api/1.0/task', { body: member });
  const alone = await taskOf(service, one.json().id);
  t.equal(alone.requirements.array.values, null, 'a member alone is an ordinary job');
  t.equal(alone.parent_task_id, null);
});

t.test('others see neither the array nor a member that has no record', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, '3');
  const bob = await service.tokenOf('bob');
  for (const [path, method] of [
    [`task/${id}`, 'GET'],
    [`task/${id + 1}`, 'GET'],
    [`task/${id + 1}/status`, 'GET'],
    [`task/${id + 1}`, 'DELETE'],
    [`task/${id}/members`, 'GET'],
    [`task/${id}/retry-failed`, 'POST'],
  ] as const) {
    const answer = await service.ask(`/api/1.0/${path}`, { method, token: bob });
    t.equal(answer.statusCode, 404, `${method} ${path}`);
  }
});

t.test('a site may bound its arrays', async (t) => {
  const service = await aService(t, { settings: { max_array_size: 100 } });
  await submitArray(service, '100');
  const refused = await service.ask('/api/1.0/task', {
    body: aTask({ requirements: { array: { values: '101' } } }),
  });
  t.equal(refused.statusCode, 413);
  t.match(refused.json(), {
    ...{ code: 'too-large', field: 'requirements.array.values', members: 101, membersMax: 100 },
  });
  t.equal((await service.store.list({})).length, 1, 'nothing of it is left behind');
});

t.test('a large array lists no ids; its pages do', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, '1000000');
  const { array } = (await taskOf(service, id)).requirements;
  t.match(array, { nb_tasks: 1_000_000, nb_tasks_over: 0 });
  t.same(array.tasks, []);
  const page = await service.ask(`/api/1.0/task/${id}/members?start=999998&limit=10`);
  const { members, nb_tasks, states } = page.json();
  t.equal(nb_tasks, 1_000_000);
  t.same(states, { pending: 1_000_000, running: 0, over: 0, failed: 0 });
  t.same(
    members.map((one: { id: number }) => one.id),
    [id + 999_999, id + 1_000_000],
  );
  t.same(
    members.map(
      (one: { requirements: { array: { task_id: number } } }) => one.requirements.array.task_id,
    ),
    [999_999, 1_000_000],
  );
});

t.test('a member that waits for the limit of its array says so', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, '1:3%1');
  t.equal((await taskOf(service, id + 2)).status.reason, null);
  const epoch = await leader(service.store);
  const first = await pendingJob(service.store, jobId(id + 1));
  await service.store.advance(epoch, [stepTo(first, launched(first))]);
  const reason = 'Its array is at its limit: 1 running, 1 may at a time';
  t.equal((await taskOf(service, id + 2)).status.reason, reason);
  t.equal((await taskOf(service, id)).status.reason, reason, 'the array itself, too');
});

t.test('members by page and by state', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, '1:6');
  await endMember(service.store, id, 1, 0);
  await endMember(service.store, id, 3, 2);
  const idsOf = async (query: string): Promise<number[]> => {
    const answer = await service.ask(`/api/1.0/task/${id}/members${query}`);
    t.equal(answer.statusCode, 200, query);
    return answer.json().members.map((one: { id: number }) => one.id - id);
  };
  t.same(await idsOf(''), [1, 2, 3, 4, 5, 6]);
  t.same(await idsOf('?start=2&limit=3'), [3, 4, 5]);
  t.same(await idsOf('?start=6'), []);
  t.same(await idsOf('?state=over'), [2, 4]);
  t.same(await idsOf('?state=over&start=2'), [4]);
  t.same(await idsOf('?state=pending'), [1, 3, 5, 6]);
  t.same(await idsOf('?state=pending&start=1&limit=2'), [3, 5]);
  t.same(await idsOf('?state=running'), []);
  t.match((await taskOf(service, id)).requirements.array, {
    ...{ nb_tasks_over: 2, states: { pending: 4, running: 0, over: 2, failed: 1 } },
  });
  for (const [query, field] of [
    ['?state=asleep', 'state'],
    ['?limit=0', 'limit'],
    ['?limit=1001', 'limit'],
    ['?start=-1', 'start'],
  ] as const) {
    const answer = await service.ask(`/api/1.0/task/${id}/members${query}`);
    t.match(answer.json(), { code: 'bad-request', field }, query);
  }
  const single = await service.submit();
  const none = await service.ask(`/api/1.0/task/${single}/members`);
  t.match([none.statusCode, none.json().code], [409, 'wrong-state']);
});

t.test('lists show parents and the members that have begun', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, '1:5');
  await endMember(service.store, id, 0, 0);
  const active = await service.ask('/api/1.0/task/active');
  t.match(active.json(), [{ id, requirements: { array: { nb_tasks: 5, nb_tasks_over: 1 } } }]);
  t.equal(active.json().length, 1);
  const over = await service.ask('/api/1.0/task/over/0/0', { method: 'POST' });
  t.match(over.json(), [{ id: id + 1, parent_task_id: id }]);
});

t.test('kills of an array and of one of its members', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, '1:5');
  const one = await service.ask(`/api/1.0/task/${id + 2}`, { method: 'DELETE' });
  t.match(one.json(), {
    msg: 'Task will be killed',
    id: id + 2,
    status: { primary: 'pending', secondary: 'kill requested' },
  });
  const whole = await service.ask(`/api/1.0/task/${id}`, { method: 'DELETE' });
  t.match(whole.json(), { msg: 'Task will be killed', status: { secondary: 'kill requested' } });
  t.match((await taskOf(service, id + 4)).status, { secondary: 'kill requested' });
  const again = await service.ask(`/api/1.0/task/${id + 4}`, { method: 'DELETE' });
  t.match(again.json(), { msg: 'Task is already being killed' });
});

t.test('members that failed become a new array, told what they were told before', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, '10:60:10%3');
  const early = await service.ask(`/api/1.0/task/${id}/retry-failed`, { method: 'POST' });
  t.match([early.statusCode, early.json().code], [409, 'wrong-state']);
  for (const [place, code] of [0, 2, 0, 1, 137, 0].entries())
    await endMember(service.store, id, place, code);
  await endArray(service.store, id, 137);
  const answer = await service.ask(`/api/1.0/task/${id}/retry-failed`, { method: 'POST' });
  t.equal(answer.statusCode, 200, answer.body);
  const again = answer.json();
  t.match(again, { msg: 'Task added', members: 3, ids: [again.id] });
  const fresh = await service.store.job(jobId(again.id));
  t.match(fresh, {
    owner: ALICE,
    state: 'open',
    spec: {
      array: {
        values: '20,40,50',
        bounds: { first: 10, last: 60, step: 10 },
        concurrencyMax: 3,
      },
    },
  });
  const former = await service.store.job(id);
  const { array: _, ...spec } = fresh?.spec ?? {};
  const { array: __, ...asked } = former?.spec ?? {};
  t.same(spec, asked, 'everything else is as it was asked');
  const scripts = await service.store.scripts([id, jobId(again.id)]);
  t.equal(scripts.get(jobId(again.id)), scripts.get(id));
  const twice = await service.ask(`/api/1.0/task/${id}/retry-failed`, {
    method: 'POST',
    headers: { 'idempotency-key': 'once' },
  });
  const thrice = await service.ask(`/api/1.0/task/${id}/retry-failed`, {
    method: 'POST',
    headers: { 'idempotency-key': 'once' },
  });
  t.equal(twice.json().id, thrice.json().id, 'a key makes one array');
  const root = await service.tokenOf('root');
  const other = await service.ask(`/api/1.0/task/${id}/retry-failed`, {
    method: 'POST',
    token: root,
  });
  t.equal(other.statusCode, 403, 'administrators submit for nobody else');
});

t.test('nothing failed: nothing to retry', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, '1:2');
  await endMember(service.store, id, 0, 0);
  await endMember(service.store, id, 1, 0);
  await endArray(service.store, id, 0);
  const answer = await service.ask(`/api/1.0/task/${id}/retry-failed`, { method: 'POST' });
  t.match([answer.statusCode, answer.json().code], [409, 'wrong-state']);
  const over = await taskOf(service, id);
  t.match(over.status, { primary: 'over', exitcode: 0 });
  t.match(over.requirements.array.states, { over: 2, failed: 0 });
});

t.test('scattered failures become as many arrays as ranges need', async (t) => {
  const service = await aService(t);
  const id = await submitArray(service, '1:4500');
  const epoch = await leader(service.store);
  const steps = [];
  // Good ones so placed that no two failures, and no regular steps, stand together.
  const good = new Set(
    Array.from({ length: 4500 }, (_, place) => place).filter(
      (place) => place % 3 === 0 || place % 7 === 1,
    ),
  );
  for (const place of good) {
    const pending = await pendingJob(service.store, jobId(id + 1 + place));
    const running = started(launched(pending));
    steps.push(
      stepTo(pending, launched(pending)),
      stepTo(launched(pending), running),
      stepTo(running, ended(running, 0)),
    );
  }
  await service.store.advance(epoch, steps);
  await service.ask(`/api/1.0/task/${id}`, { method: 'DELETE' });
  await endArray(service.store, id, 137);
  const answer = await service.ask(`/api/1.0/task/${id}/retry-failed`, { method: 'POST' });
  t.equal(answer.statusCode, 200, answer.body);
  const { ids, members } = answer.json();
  t.equal(members, 4500 - good.size, 'those that the kill took before they began, too');
  t.ok(ids.length > 1);
  let sum = 0;
  for (const one of ids) sum += (await taskOf(service, one)).requirements.array.nb_tasks;
  t.equal(sum, members);
});
