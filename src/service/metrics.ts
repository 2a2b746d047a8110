/** What /metrics of a process tells besides what its parts register themselves. */
import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import { MESOS_COUNTERS, type MesosCounter, type MesosCounters } from '../contracts/counters.js';

/** With the facts of the process: memory, event loop, file handles. */
export function processMetrics(): Registry {
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  return metrics;
}

/** All of them stand at 0 from the beginning, so that an alarm on their rise sees the first one. */
export function mesosCounters(metrics: Registry): MesosCounters {
  const counters = new Map(
    Object.entries(MESOS_COUNTERS).map(([name, help]) => [
      name,
      new Counter({ name: `godocker_mesos_${name}_total`, help, registers: [metrics] }),
    ]),
  );
  return { count: (what: MesosCounter) => counters.get(what)?.inc() };
}
