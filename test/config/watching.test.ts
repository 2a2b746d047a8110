// Keys of watchers and prices.
import t from 'tap';
import { readConfig } from '../../src/config/read.js';
import type { Raw } from '../../src/contracts/reader.js';

const read = (overrides: Raw) => readConfig({ environment: {}, overrides, directory: '/nowhere' });
const configOf = (overrides: Raw) => {
  const answer = read(overrides);
  if (answer.kind === 'refused') throw new Error(JSON.stringify(answer.problems));
  return answer.config;
};

t.test('nobody watches and nothing costs anything unless the site says so', async (t) => {
  const { plugins, watchEachMs, prices } = configOf({});
  t.same(plugins.watchers, []);
  t.equal(watchEachMs, 10_000);
  t.same(prices, { currency: 'EUR', cpuHour: 0, memGbHour: 0, gpuHour: 0, queues: [] });
});

t.test('queues cost what they say, and the rest as elsewhere', async (t) => {
  const { plugins, prices } = configOf({
    ...{ watchers: 'maxlifespan, idle', 'prices.cpu_hour': 0.02, 'prices.gpu_hour': '1.5' },
    'prices.queues': [{ queue: 'fast', cpu_hour: 0.04, gpu_hour: 0 }],
  });
  t.same(plugins.watchers, ['maxlifespan', 'idle']);
  t.match(prices, {
    ...{ cpuHour: 0.02, gpuHour: 1.5 },
    queues: [{ queue: 'fast', cpuHour: 0.04, memGbHour: 0, gpuHour: 0 }],
  });
});

t.test('what is wrong is named', async (t) => {
  const cases: readonly (readonly [Raw, string])[] = [
    [{ watch_every: '0s' }, 'watch_every'],
    [{ watchers: ['idle', 'idle'] }, 'watchers'],
    [{ 'prices.cpu_hour': -1 }, 'prices.cpu_hour'],
    [{ 'prices.queues': [{ cpu_hour: 1 }] }, 'prices.queues[0].queue'],
    [{ 'prices.queues': [{ queue: 'a', cpu: 1 }] }, 'prices.queues[0].cpu'],
    [{ 'prices.queues': [{ queue: 'a' }, { queue: 'a' }] }, 'prices.queues'],
  ];
  for (const [settings, path] of cases) {
    const answer = read(settings);
    const paths = answer.kind === 'refused' ? answer.problems.map((one) => one.path) : [];
    t.same(paths, [path]);
  }
});
