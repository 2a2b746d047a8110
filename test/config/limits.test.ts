// Keys of limits and queues: what they become, and what bad ones are called.
import t from 'tap';
import { readConfig } from '../../src/config/read.js';
import type { Raw } from '../../src/contracts/reader.js';

const read = (overrides: Raw) => readConfig({ environment: {}, overrides, directory: '/nowhere' });
const limitsOf = (overrides: Raw) => {
  const answer = read(overrides);
  if (answer.kind === 'refused') throw new Error(JSON.stringify(answer.problems));
  return answer.config.limits;
};

t.test('nothing is bounded unless the site says so', async (t) => {
  t.same(limitsOf({}), {
    rate: { user: null, all: null },
    running: { user: null, project: null, executor: null },
    period: { kind: 'window', days: 30 },
    queues: [],
    diskGbUsual: null,
    diskRunningEachMs: 600_000,
  });
});

t.test('quotas of disk', async (t) => {
  const sizes = { '40G': 40, '1.5T': 1_500, '500M': 0.5, 2e9: 2, '10 GB': 10, '7k': 7e-6 };
  for (const [text, gb] of Object.entries(sizes))
    t.equal(limitsOf({ disk_default_quota: text }).diskGbUsual, gb, text);
  t.equal(limitsOf({ disk_default_quota: '' }).diskGbUsual, null);
  t.equal(limitsOf({ 'disk.measure_every': '1h' }).diskRunningEachMs, 3_600_000);
});

t.test('limits and periods', async (t) => {
  const running = { 'max_running.user': 2, 'max_running.executor': 100 };
  const rates = { rate_limit: '5', rate_limit_all: 1_000 };
  t.match(limitsOf({ ...running, ...rates, user_reset_usage_duration: 7 }), {
    rate: { user: 5, all: 1_000 },
    running: { user: 2, project: null, executor: 100 },
    period: { kind: 'window', days: 7 },
  });
  t.match(limitsOf({ 'quotas.days': 90, user_reset_usage_duration: 7 }).period, { days: 90 });
  const month = { 'quotas.period': 'month', 'quotas.time_zone': 'Europe/Paris' };
  t.same(limitsOf(month).period, { kind: 'month', timeZone: 'Europe/Paris' });
});

t.test('a queue', async (t) => {
  const queue = { name: 'gpu', constraints: 'gpu==a100,rack==r1', users: 'bob, eve' };
  t.same(limitsOf({ queues: [{ ...queue, priority: 70, max_running: 0 }] }).queues, [
    {
      name: 'gpu',
      description: '',
      executor: null,
      constraints: [
        { name: 'gpu', value: 'a100' },
        { name: 'rack', value: 'r1' },
      ],
      priority: 70,
      users: ['bob', 'eve'],
      projects: [],
      maxRunning: 0,
      maxRunningPerUser: null,
      lifespanMsDefault: null,
      lifespanMsMax: null,
    },
  ]);
});

const BAD: Readonly<Record<string, readonly [Raw, string]>> = {
  'a rate of nothing': [{ rate_limit: 0 }, 'rate_limit'],
  'half a job': [{ 'max_running.user': 1.5 }, 'max_running.user'],
  'an unknown zone': [{ 'quotas.time_zone': 'Mars/Olympus' }, 'quotas.time_zone'],
  'days of a month': [{ 'quotas.period': 'month', 'quotas.days': 3 }, 'quotas.days'],
  'a size of nothing': [{ disk_default_quota: 0 }, 'disk_default_quota'],
  'a size below nothing': [{ disk_default_quota: '-4G' }, 'disk_default_quota'],
  'no size': [{ disk_default_quota: 'much' }, 'disk_default_quota'],
  'measuring all the time': [{ 'disk.measure_every': '1s' }, 'disk.measure_every'],
  'no name': [{ queues: [{ priority: 1 }] }, 'queues[0].name'],
  'a name with a colon': [{ queues: [{ name: 'a:b' }] }, 'queues[0].name'],
  'a name twice': [{ queues: [{ name: 'a' }, { name: 'a' }] }, 'queues'],
  'a priority': [{ queues: [{ name: 'a', priority: 101 }] }, 'queues[0].priority'],
  'an executor': [{ queues: [{ name: 'a', executor: 'moon' }] }, 'queues[0].executor'],
  'a constraint': [{ queues: [{ name: 'a', constraints: 'rack' }] }, 'queues[0].constraints'],
  'a resource as constraint': [
    { queues: [{ name: 'a', constraints: 'resource==gpu' }] },
    'queues[0].constraints',
  ],
  'a lifespan of nothing': [
    { queues: [{ name: 'a', max_lifespan: '0s' }] },
    'queues[0].max_lifespan',
  ],
  'a default above the maximum': [
    { queues: [{ name: 'a', default_lifespan: '2h', max_lifespan: '1h' }] },
    'queues[0].default_lifespan',
  ],
  'an unknown key': [{ queues: [{ name: 'a', prio: 1 }] }, 'queues[0].prio'],
};

for (const [name, [overrides, path]] of Object.entries(BAD))
  t.test(`refused by name: ${name}`, async (t) => {
    const answer = read(overrides);
    t.equal(answer.kind, 'refused');
    if (answer.kind === 'refused') t.match(answer.problems, [{ path }]);
  });
