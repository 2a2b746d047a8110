/** Prints docs/metrics.md out of the metrics themselves, so that the page cannot be wrong. */
import { type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';
import { measure } from '../../api/measure.js';
import { Events } from '../../contracts/events.js';
import { EMPTY_TALLY } from '../../daemon/tally.js';
import { countsOf } from '../../daemon/warnings.js';
import { systemClock } from '../../host/system.js';
import { auditMetrics } from './audit.js';
import { clusterMetrics } from './cluster.js';
import { influxMetrics } from './influx.js';
import { policyStuck } from './policy.js';
import { diskMetrics, mesosCounters, processMetrics } from './process.js';
import { redisMetrics } from './redis.js';
import { agentMetrics, eventMetrics, schedulerGauges, submissionMetrics } from './scheduler.js';
import { storeMetrics } from './store.js';
import { watcherMetrics } from './watcher.js';

const INTRODUCTION = `# Metrics

What \`/metrics\` of each process tells, in the text format of Prometheus. Who may read it, and what to watch, is in the
[administrator guide](administrator-guide.md#watching-it). Metrics of jobs are known to the scheduler that leads: standbys show 0, so sums over all
schedulers are right. No label holds what users choose; names of queues and executors are the site's.

This page is printed from the metrics: \`node dist/src/service/metrics/print.js\`.
`;

/** Parts of a process, and what each registers. `godocker up` has them all. */
const PARTS: readonly (readonly [title: string, register: (metrics: Registry) => void])[] = [
  [
    'Scheduler: `up`, `scheduler`',
    (metrics) => {
      eventMetrics(metrics, new Events());
      schedulerGauges(metrics, { status: () => NOT_LEADING, tally: () => EMPTY_TALLY });
      agentMetrics(metrics);
      policyStuck(metrics, 0);
    },
  ],
  ['Cluster: `up`, `scheduler`', (metrics) => void clusterMetrics(metrics)],
  ['Mesos: `up`, `scheduler`', (metrics) => void mesosCounters(metrics)],
  [
    'Web server: `up`, `web`',
    (metrics) => {
      measure({ metrics, clock: systemClock });
      submissionMetrics(metrics, new Events());
    },
  ],
  ['Watcher: `up`, `watcher`', (metrics) => watcherMetrics(metrics, () => NO_SLOTS)],
  ['Redis: all', (metrics) => redisMetrics(metrics, () => false)],
  ['InfluxDB: processes that tell it something', (metrics) => void influxMetrics(metrics)],
  [
    'Store and disks: all',
    (metrics) => {
      storeMetrics(metrics);
      auditMetrics(metrics, async () => undefined);
      diskMetrics(metrics, {});
    },
  ],
];

const NOT_LEADING = {
  isLeading: false,
  isReady: false,
  pending: 0,
  live: 0,
  orphans: 0,
  trouble: [],
  warnings: [],
  agents: countsOf([]),
};

const NO_SLOTS = { slots: 0, watchers: 0, jobs: 0, kills: 0, records: 0 };

/** Every metric of a process that does everything. */
export function everyMetric(): Registry {
  const metrics = processMetrics('0');
  for (const [, register] of PARTS) register(metrics);
  return metrics;
}

/** The whole page, as Markdown. */
export async function metricsPage(): Promise<string> {
  const lines = [INTRODUCTION];
  for (const [title, register] of PARTS) {
    const metrics = new Registry();
    register(metrics);
    lines.push(await section(title, metrics));
  }
  lines.push(await section('Process: all', processMetrics('0')));
  return lines.join('\n');
}

type Described = MetricObjectWithValues<MetricValue<string>> & {
  readonly labelNames?: readonly string[];
};

async function section(title: string, metrics: Registry): Promise<string> {
  const all = metrics.getMetricsAsArray() as unknown as readonly Described[];
  const types = new Map((await metrics.getMetricsAsJSON()).map(({ name, type }) => [name, type]));
  const rows = [...all]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, help, labelNames = [] }) => {
      const labels = labelNames.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${types.get(name)} | ${labels} | ${help} |`;
    });
  return `## ${title}\n\n| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}
