import { Registry } from 'prom-client';
import t from 'tap';
import { MESOS_COUNTERS } from '../../src/contracts/counters.js';
import { countsOf } from '../../src/daemon/warnings.js';
import { mesosCounters } from '../../src/service/metrics.js';
import { schedulerGauges } from '../../src/service/status-server.js';

t.test('agents that take no new jobs are counted by state, those without any too', async (t) => {
  const metrics = new Registry();
  const agent = (host: string, state: 'drained' | 'set-aside') => ({
    executor: 'mesos',
    host,
    state,
  });
  const agents = countsOf([
    agent('n1', 'drained'),
    agent('n2', 'set-aside'),
    agent('n3', 'drained'),
  ]);
  const sizes = { pending: 0, live: 0, orphans: 0, trouble: [], warnings: [] };
  schedulerGauges(metrics, () => ({ isLeading: true, isReady: true, ...sizes, agents }));
  const text = await metrics.metrics();
  const gauge = (state: string, count: number) =>
    new RegExp(`^godocker_scheduler_agents_closed{state="${state}"} ${count}$`, 'm');
  for (const state of ['drain-planned', 'draining', 'probation']) t.match(text, gauge(state, 0));
  t.match(text, gauge('drained', 2));
  t.match(text, gauge('set-aside', 1));
});

t.test('everything that is counted stands in /metrics, from 0 on', async (t) => {
  const metrics = new Registry();
  const counters = mesosCounters(metrics);
  counters.count('resources_odd');
  counters.count('resources_odd');
  const text = await metrics.metrics();
  for (const name of Object.keys(MESOS_COUNTERS))
    t.match(
      text,
      new RegExp(`^godocker_mesos_${name}_total ${name === 'resources_odd' ? 2 : 0}$`, 'm'),
    );
});
