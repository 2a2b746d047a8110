// Dependencies, dates and holds over the API: what is taken, what is refused by which field, and what users are shown.
import t from 'tap';
import { type JobId, jobId } from '../../src/core/units.js';
import { ended, launched, leader, pendingJob, started, stepTo } from '../store/a-job.js';
import { type AService, aService, aTask } from './a-service.js';

type Asked = Record<string, unknown>;

async function submit(service: AService, requirements: Asked = {}, token?: string): Promise<JobId> {
  const answer = await service.ask('/api/1.0/task', {
    body: aTask({ requirements, ...(token === undefined ? {} : { more: { user: {} } }) }),
    ...(token === undefined ? {} : { token }),
  });
  if (answer.statusCode !== 200) throw new Error(JSON.stringify(answer.json()));
  return answer.json().id;
}

const taskOf = async (service: AService, id: number, token?: string) =>
  (await service.ask(`/api/1.0/task/${id}`, token === undefined ? {} : { token })).json();

/** The status code, the field and the sentence of a refusal. */
async function refusal(service: AService, requirements: Asked, token?: string) {
  const answer = await service.ask('/api/1.0/task', {
    body: aTask({ requirements, ...(token === undefined ? {} : { more: { user: {} } }) }),
    ...(token === undefined ? {} : { token }),
  });
  const { field, msg } = answer.json();
  return { code: answer.statusCode, field, msg };
}

async function end(service: AService, id: JobId, code: number): Promise<void> {
  const { store } = service;
  const epoch = (await store.lease())?.epoch ?? (await leader(store));
  const job = await pendingJob(store, id);
  const running = started(launched(job));
  await store.advance(epoch, [
    stepTo(job, launched(job)),
    stepTo(launched(job), running),
    stepTo(running, ended(running, code)),
  ]);
}

t.test('tasks, as old clients send them', async (t) => {
  const service = await aService(t);
  const [a, b] = [await submit(service), await submit(service)];
  const id = await submit(service, { tasks: [a, String(b), a] });
  const job = await service.store.job(id);
  t.strictSame(job?.spec.dependencies, {
    on: [
      { type: 'afterany', job: a },
      { type: 'afterany', job: b },
    ],
    isAnyEnough: false,
    isSingleton: false,
  });
  const { requirements, status } = await taskOf(service, id);
  t.same(requirements.tasks, [a, b]);
  t.match(status, {
    primary: 'pending',
    secondary: null,
    reason: `Waits for jobs ${a} (pending), ${b} (pending)`,
  });
  await end(service, a, 3);
  t.match((await taskOf(service, id)).status.reason, `Waits for job ${b} (pending)`);
  const plain = await taskOf(service, a);
  t.same(plain.requirements.tasks, []);
  t.notOk('dependencies' in plain.requirements, 'nothing new where nothing is asked');
  t.notOk('not_before' in plain.requirements);
  const [listed] = (await service.ask('/api/1.0/task/active')).json();
  t.match(listed, { id, status: { reason: `Waits for job ${b} (pending)` } });
});

t.test('a document that is sent again asks for the same', async (t) => {
  const service = await aService(t);
  const a = await submit(service);
  for (const asked of [
    { dependencies: [{ type: 'afterok', job: a }, { type: 'singleton' }], tasks: [a] },
    {
      dependencies: [
        { type: 'afterok', job: a },
        { type: 'afternotok', job: a },
      ],
      dependencies_mode: 'any',
      not_before: '2020-01-01T00:00:00.000Z',
    },
  ]) {
    const id = await submit(service, asked);
    const document = await taskOf(service, id);
    const again = await service.submit({ ...document, command: { cmd: '#!/bin/sh\n' } });
    const [first, second] = [await service.store.job(id), await service.store.job(again)];
    const { on, ...rest } = second?.spec.dependencies ?? { on: [] };
    t.match(rest, {
      isAnyEnough: first?.spec.dependencies?.isAnyEnough,
      isSingleton: first?.spec.dependencies?.isSingleton,
    });
    t.strictSame(new Set(on.map(String)), new Set(first?.spec.dependencies?.on.map(String)));
    t.equal(second?.spec.beginAt, first?.spec.beginAt);
  }
});

t.test('what is refused, by the name of its field', async (t) => {
  const service = await aService(t);
  const a = await submit(service);
  const array = await submit(service, { array: { values: '1:3' } });
  const next = array + 4;
  const cases: readonly (readonly [Asked, string, RegExp])[] = [
    [{ tasks: [next] }, 'requirements.tasks[0]', /no job/],
    [{ tasks: [a, 'x'] }, 'requirements.tasks[1]', /number of a job/],
    [{ tasks: [-1] }, 'requirements.tasks[0]', /number of a job/],
    [{ tasks: [null] }, 'requirements.tasks[0]', /number of a job/],
    [{ tasks: 'all' }, 'requirements.tasks', /list/],
    [
      { dependencies: [{ type: 'afterok', job: next }] },
      'requirements.dependencies[0].job',
      /no job/,
    ],
    [
      { dependencies: [{ type: 'before', job: a }] },
      'requirements.dependencies[0].type',
      /afterok/,
    ],
    [{ dependencies: [a] }, 'requirements.dependencies[0]', /object/],
    [{ dependencies: [{ type: 'afterok' }] }, 'requirements.dependencies[0].job', /number/],
    [
      { dependencies: [{ type: 'singleton', job: a }] },
      'requirements.dependencies[0].job',
      /no meaning/,
    ],
    [{ dependencies: {} }, 'requirements.dependencies', /list/],
    [{ tasks: [a], dependencies_mode: 'some' }, 'requirements.dependencies_mode', /all.*any/],
    [{ tasks: [a], dependencies_mode: 'any' }, 'requirements.dependencies_mode', /together/],
    [
      { dependencies: [{ type: 'aftercorr', job: array }] },
      'requirements.dependencies[0].job',
      /this job is none/,
    ],
    [
      { dependencies: [{ type: 'aftercorr', job: a }], array: { values: '1:3' } },
      'requirements.dependencies[0].job',
      /not the parent/,
    ],
    [
      { dependencies: [{ type: 'aftercorr', job: array }], array: { values: '0:2' } },
      'requirements.dependencies[0].job',
      /has the indexes 1:3, this one 0:2/,
    ],
    [{ not_before: 'tomorrow' }, 'requirements.not_before', /zone/],
    [{ not_before: '2020-01-01T00:00:00' }, 'requirements.not_before', /zone/],
    [{ not_before: true }, 'requirements.not_before', /zone/],
    [{ not_before: 9e12 }, 'requirements.not_before', /ahead/],
    [{ hold: 'yes' }, 'requirements.hold', /true or false/],
    [{ array: { values: '5:1' } }, 'requirements.array.values', /ends before/],
  ];
  const before = (await service.store.list({})).length;
  for (const [asked, field, why] of cases)
    t.match(await refusal(service, asked), { code: 400, field, msg: why }, JSON.stringify(asked));
  const many = Array.from({ length: 10_001 }, (_, at) => at + 1);
  t.match(await refusal(service, { tasks: many }), {
    code: 413,
    field: 'requirements.dependencies',
    msg: /at most 10000 others; this one names 10001/,
  });
  t.equal((await service.store.list({})).length, before, 'nothing was stored');
});

t.test('nobody can wait for a job that is not there yet, its own among them', async (t) => {
  const service = await aService(t);
  const a = await submit(service);
  t.match(await refusal(service, { tasks: [a + 1] }), {
    code: 400,
    msg: `requirements.tasks[0]: no job ${a + 1}`,
  });
  const b = await submit(service);
  t.equal(b, a + 1, 'the very id that was guessed');
  t.ok(await submit(service, { tasks: [b] }));
});

t.test(
  'jobs of others are unknown, as those that do not exist; administrators see all',
  async (t) => {
    const service = await aService(t);
    const a = await submit(service, {});
    const mine = await refusal(service, { tasks: [a] }, await service.tokenOf('bob'));
    const none = await refusal(service, { tasks: [999] }, await service.tokenOf('bob'));
    t.equal(mine.code, 400);
    t.equal(mine.msg.replace(String(a), '999'), none.msg);
    t.ok(await submit(service, { tasks: [a] }, await service.tokenOf('root')));
  },
);

t.test('arrays correspond, however their indexes are written', async (t) => {
  const service = await aService(t);
  const first = await submit(service, { array: { values: '1:3' } });
  const second = await submit(service, {
    array: { values: '1,2,3' },
    dependencies: [{ type: 'aftercorr', job: first }],
  });
  t.match((await taskOf(service, second)).requirements.dependencies, [
    { type: 'aftercorr', job: first },
  ]);
  t.match(
    (await taskOf(service, second + 2)).status.reason,
    `Waits for job ${first + 2} (pending)`,
  );
});

t.test('not before a date', async (t) => {
  const service = await aService(t);
  const { store } = service;
  const at = '2020-01-01T00:00:00Z';
  const id = await submit(service, { not_before: at });
  t.equal((await store.job(id))?.spec.beginAt, Date.parse(at));
  const { requirements, status } = await taskOf(service, id);
  t.equal(requirements.not_before, '2020-01-01T00:00:00.000Z');
  t.match(status, { primary: 'pending', secondary: null, reason: `Not before ${at}` });
  for (const form of [
    Date.parse(at) / 1_000,
    String(Date.parse(at) / 1_000),
    '2020-01-01T01:00+01:00',
  ])
    t.equal(
      (await store.job(await submit(service, { not_before: form })))?.spec.beginAt,
      Date.parse(at),
    );
  const past = await store.job(await submit(service, { not_before: 1 }));
  t.notOk(past !== undefined && 'beginAt' in past.spec, 'what is past is no reason to wait');
});

t.test('hold and release', async (t) => {
  const service = await aService(t);
  const id = await submit(service);
  const hold = await service.ask(`/api/1.0/task/${id}/hold`, { method: 'POST' });
  t.equal(hold.statusCode, 200);
  t.match(hold.json(), {
    msg: 'Task is held',
    id,
    status: { primary: 'pending', secondary: 'held', reason: /^Held by alice since \d{4}-/ },
  });
  t.match((await service.ask(`/api/1.0/task/${id}/hold`, { method: 'POST' })).json(), {
    msg: 'Task is held already',
  });
  t.strictSame(service.holdsNoticed, [id, id]);
  const release = await service.ask(`/api/1.0/task/${id}/release`, { method: 'POST' });
  t.match(release.json(), { msg: 'Task is released', status: { secondary: null } });
  const again = await service.ask(`/api/1.0/task/${id}/release`, { method: 'POST' });
  t.equal(again.statusCode, 409);
  t.match(again.json(), { msg: `job ${id} is not held` });
  await end(service, id, 0);
  const late = await service.ask(`/api/1.0/task/${id}/hold`, { method: 'POST' });
  t.equal(late.statusCode, 409);
  t.match(late.json(), { msg: /does not wait any more/ });
});

t.test("an administrator's hold, and jobs of others", async (t) => {
  const service = await aService(t);
  const id = await submit(service);
  const ask = (what: string, token?: string) =>
    service.ask(`/api/1.0/task/${id}/${what}`, {
      method: 'POST',
      ...(token === undefined ? {} : { token }),
    });
  t.equal((await ask('hold', await service.tokenOf('bob'))).statusCode, 404);
  t.equal((await ask('hold', await service.tokenOf('root'))).statusCode, 200);
  t.match((await taskOf(service, id)).status.reason, /^Held by administrator root since /);
  const refused = await ask('release');
  t.equal(refused.statusCode, 403);
  t.match(refused.json(), { msg: /held by an administrator/ });
  t.equal((await ask('release', await service.tokenOf('bob'))).statusCode, 404);
  t.equal((await ask('release', await service.tokenOf('root'))).statusCode, 200);
});

t.test('arrays are held as a whole, members alone, and jobs from the start', async (t) => {
  const service = await aService(t);
  const array = await submit(service, { array: { values: '1:3' } });
  const ask = (id: number, what: string) =>
    service.ask(`/api/1.0/task/${id}/${what}`, { method: 'POST' });
  t.equal((await ask(array + 1, 'hold')).statusCode, 200);
  t.equal((await ask(array, 'hold')).statusCode, 200);
  for (const id of [array, array + 1, array + 2])
    t.match((await taskOf(service, id)).status, { primary: 'pending', secondary: 'held' });
  const members = (await service.ask(`/api/1.0/task/${array}/members`)).json().members;
  t.match(members, [{ status: { secondary: 'held' } }, { status: { secondary: 'held' } }]);
  t.match((await ask(array + 2, 'release')).json(), { msg: /its array \d+ may be/ });
  t.equal((await ask(array, 'release')).statusCode, 200);
  t.match((await taskOf(service, array + 2)).status.secondary, null);
  t.match((await taskOf(service, array + 1)).status.secondary, 'held');
  const held = await submit(service, { hold: true });
  t.match((await taskOf(service, held)).status, { secondary: 'held', reason: /^Held by alice/ });
});

t.test('turns and choices, in words', async (t) => {
  const service = await aService(t);
  const a = await submit(service);
  const b = await submit(service, { dependencies: [{ type: 'singleton' }] });
  t.match(
    (await taskOf(service, b)).status.reason,
    `Waits for its turn among jobs named "align", behind job ${a} (pending)`,
  );
  const c = await submit(service, {
    dependencies: [
      { type: 'afterok', job: a },
      { type: 'afterok', job: jobId(b) },
    ],
    dependencies_mode: 'any',
  });
  t.match(
    (await taskOf(service, c)).status.reason,
    `Waits for any of jobs ${a} (pending), ${b} (pending)`,
  );
  await end(service, a, 0);
  t.equal((await taskOf(service, b)).status.reason, null);
  t.equal((await taskOf(service, c)).status.reason, null);
});
