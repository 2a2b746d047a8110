// Rate limits, queues and quotas over REST: what is refused, with which numbers, and what a queue makes of a job.
import t from 'tap';
import type { ShareFacts } from '../../src/contracts/shares.js';
import { aService, aTask, lead, NOW } from './a-service.js';

const QUEUES = [
  {
    name: 'short',
    description: 'up to an hour',
    constraints: ['rack==r1'],
    priority: 80,
    max_running: 4,
    default_lifespan: '10m',
    max_lifespan: '1h',
  },
  { name: 'dna', projects: ['dna'], executor: 'mesos' },
  { name: 'hers', users: ['bob'], max_running_per_user: 2 },
];
const asking = (requirements: Readonly<Record<string, unknown>>) => aTask({ requirements });

t.test('rate limits are refused at submission with both numbers', async (t) => {
  const service = await aService(t, { settings: { rate_limit: 2, rate_limit_all: 3 } });
  const first = await service.submit();
  await lead(service, first, 'running');
  await service.submit();
  const no = await service.ask('/api/1.0/task', { body: aTask() });
  t.equal(no.statusCode, 429);
  t.match(no.json(), {
    code: 'rate-limited',
    msg: 'rate limit reached: you have 2 jobs waiting and running, and at most 2 are allowed',
    limit: 'rate_limit',
    max: 2,
    now: 2,
    asked: 1,
  });
  t.ok(no.headers['retry-after']);
  t.equal(service.noticed.length, 2, 'the leader hears of nothing');

  const token = await service.tokenOf('root');
  const body = { ...aTask(), user: {} };
  for (let n = 0; n < 2; n++)
    t.equal((await service.ask('/api/1.0/task', { body, token })).statusCode, 200);
  const full = await service.ask('/api/1.0/task', {
    body: { ...aTask(), user: {} },
    token: await service.tokenOf('bob'),
  });
  t.equal(full.statusCode, 429);
  t.match(full.json(), { limit: 'rate_limit_all', max: 3, now: 3, msg: /all users together/ });
});

t.test('the same key again is no new job, also at the limit', async (t) => {
  const service = await aService(t, { settings: { rate_limit: 1 } });
  const headers = { 'idempotency-key': 'k' };
  const first = await service.ask('/api/1.0/task', { body: aTask(), headers });
  const again = await service.ask('/api/1.0/task', { body: aTask(), headers });
  t.equal(again.statusCode, 200);
  t.equal(again.json<{ id: number }>().id, first.json<{ id: number }>().id);
});

const NAMED = {
  'in the executor': [{ executor: 'mesos:short' }, 'mesos:short'],
  'with its mode': [{ executor: 'mesos:short:docker' }, 'mesos:short'],
  'by a label': [{ label: ['queue==short'] }, null],
  'both ways': [{ executor: 'mesos:short', label: ['queue==short'] }, 'mesos:short'],
} as const;

for (const [name, [requirements, executor]] of Object.entries(NAMED))
  t.test(`a queue is named ${name}, and gives constraints and lifespan`, async (t) => {
    const service = await aService(t, { settings: { queues: QUEUES } });
    const id = await service.submit(asking(requirements));
    const job = await service.store.job(id);
    t.match(job?.spec, {
      queue: 'short',
      constraints: [{ name: 'rack', value: 'r1' }],
      lifespanMs: 600_000,
    });
    const document = (await service.ask(`/api/1.0/task/${id}`)).json();
    t.equal(document.requirements.executor, executor);
    const again = await service.ask('/api/1.0/task?strict=0', { body: document });
    t.equal(again.statusCode, 200, 'the document can be sent again');
  });

t.test('a job in no queue is as ever', async (t) => {
  const service = await aService(t, { settings: { queues: QUEUES } });
  for (const executor of [null, 'mesos', 'mesos:default:docker']) {
    const job = await service.store.job(await service.submit(asking({ executor })));
    t.notOk(Object.hasOwn(job?.spec ?? {}, 'queue'));
  }
});

t.test('without queues the label is an attribute like any other', async (t) => {
  const service = await aService(t);
  const job = await service.store.job(await service.submit(asking({ label: ['queue==x'] })));
  t.same(job?.spec.constraints, [{ name: 'queue', value: 'x' }]);
});

const REFUSED = {
  'an unknown queue': [
    { executor: 'mesos:shrot' },
    400,
    'requirements.executor',
    /no queue "shrot"; there is short, dna, hers/,
  ],
  'an unknown queue in a label': [{ label: ['queue==x'] }, 400, 'requirements.label', /no queue/],
  'two queues': [
    { executor: 'mesos:short', label: ['queue==dna'] },
    400,
    'requirements.label',
    /another queue/,
  ],
  'another value of a constraint': [
    { executor: 'mesos:short', label: ['rack==r2'] },
    400,
    'requirements.label',
    /get rack==r1/,
  ],
  'a longer lifespan': [
    { executor: 'mesos:short', maxlifespan: '2h' },
    400,
    'requirements.maxlifespan',
    /longer than queue "short" allows: 1h/,
  ],
  "others' queue": [{ executor: 'mesos:hers' }, 403, 'requirements.executor', /not for you/],
  "a project's queue": [{ label: ['queue==dna'] }, 403, 'requirements.label', /project default/],
} as const;

t.test('what is wrong with a queue is named', async (t) => {
  const service = await aService(t, { settings: { queues: QUEUES } });
  for (const [name, [requirements, status, field, msg]] of Object.entries(REFUSED)) {
    const answer = await service.ask('/api/1.0/task', { body: asking(requirements) });
    t.equal(answer.statusCode, status, name);
    t.match(answer.json(), { field, msg }, name);
  }
  t.equal((await service.store.counts()).pending, 0);
});

t.test('a queue lengthens no lifespan beyond the site', async (t) => {
  const queues = [{ name: 'q', default_lifespan: '3d' }];
  const service = await aService(t, { settings: { queues, maxlifespan_max: '1d' } });
  const job = await service.store.job(await service.submit(asking({ executor: 'mesos:q' })));
  t.equal(job?.spec.lifespanMs, 86_400_000);
});

t.test('queues are shown with their load, and to whom they are open', async (t) => {
  const facts = {
    at: NOW,
    policy: 'fifo',
    usage: { kind: 'window', days: 1 },
    advanceMs: 0,
    capacity: null,
    ...{ accounts: [], users: [], projects: [] },
    queues: [{ name: 'short', waiting: 7, running: 4 }],
  } satisfies ShareFacts;
  const service = await aService(t, {
    settings: { queues: QUEUES },
    deps: { shares: async () => facts },
  });
  const [short, dna, hers] = (await service.ask('/api/1.0/queues')).json();
  t.same(short, {
    name: 'short',
    description: 'up to an hour',
    executor: null,
    constraints: ['rack==r1'],
    priority: 80,
    open_to: ['default'],
    max_running: 4,
    max_running_per_user: null,
    default_lifespan: '10m',
    max_lifespan: '1h',
    load: { waiting: 7, running: 4 },
  });
  t.match(dna, { name: 'dna', executor: 'mesos', priority: 50, open_to: [], load: null });
  t.match(hers, { name: 'hers', open_to: [] });
  t.equal((await service.ask('/api/1.0/queues', { token: null })).statusCode, 401);
});

t.test('a job that a quota ended says so, in the words that clients know', async (t) => {
  const service = await aService(t);
  const facts = { scope: 'user', name: 'alice', quota: 'cpu', limit: 4, used: 3.5, asked: 1 };
  const id = await service.submit();
  await lead(service, id, {
    over: {
      kind: 'gaveUp',
      because: { code: 'quota-exceeded', facts: { ...facts, held: 0, freesUpAt: NOW } },
    },
  });
  t.match((await service.ask(`/api/1.0/task/${id}`)).json().status, {
    primary: 'over',
    secondary: 'quota reached',
    exitcode: 1,
    reason:
      'quota exceeded: quota_cpu of user alice: 3.5 of 4 cpus used, 1 asked; frees up 2016-06-14T19:49:42.500Z',
  });
});

t.test('why a job waits for a limit', async (t) => {
  const numbers = { scope: 'project', name: 'dna', limit: 3 } as const;
  const service = await aService(t, {
    deps: { obstacles: () => [{ code: 'limit-reached', ...numbers, running: 3 }] },
  });
  const id = await service.submit();
  t.equal(
    (await service.ask(`/api/1.0/task/${id}`)).json().status.reason,
    'Limit reached: project dna: 3 of at most 3 jobs run',
  );
});

t.test('the period of quotas is told, with the date of its reset', async (t) => {
  const month = { 'quotas.period': 'month', 'quotas.time_zone': 'Europe/Paris' };
  const service = await aService(t, { settings: { ...month, queues: QUEUES } });
  const at = (text: string) => Date.parse(text) / 1_000;
  t.match((await service.ask('/api/1.0/config', { token: null })).json(), {
    queues: ['short', 'dna', 'hers'],
    quota_period: {
      kind: 'month',
      time_zone: 'Europe/Paris',
      since: at('2016-05-31T22:00:00Z'),
      resets: at('2016-06-30T22:00:00Z'),
    },
  });
  const window = await aService(t);
  t.match((await window.ask('/api/1.0/config')).json().quota_period, {
    kind: 'window',
    days: 30,
    since: at('2016-05-16T00:00:00Z'),
    resets: null,
  });
});
