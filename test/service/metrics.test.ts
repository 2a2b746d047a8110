import { Registry } from 'prom-client';
import t from 'tap';
import { MESOS_COUNTERS } from '../../src/contracts/counters.js';
import { mesosCounters } from '../../src/service/metrics.js';

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
