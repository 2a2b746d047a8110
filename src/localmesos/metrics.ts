/** `/metrics/snapshot` and `/metrics`: those of a real master's metrics that mean something on one machine, under their names. */
import { cpus, freemem, loadavg, totalmem } from 'node:os';
import type { CallType } from '../mesos/messages.js';
import { scalarOf } from './amounts.js';
import type { Books } from './books.js';
import { sum, usedOf } from './views.js';

/** Under which name a real master counts each call. */
export const CALL_METRICS: Partial<Record<CallType, string>> = {
  SUBSCRIBE: 'messages_register_framework',
  TEARDOWN: 'messages_unregister_framework',
  ACCEPT: 'messages_launch_tasks',
  DECLINE: 'messages_decline_offers',
  REVIVE: 'messages_revive_offers',
  SUPPRESS: 'messages_suppress_offers',
  KILL: 'messages_kill_task',
  RECONCILE: 'messages_reconcile_tasks',
  ACKNOWLEDGE: 'messages_status_update_acknowledgement',
  REQUEST: 'messages_resource_request',
  MESSAGE: 'messages_framework_to_executor',
  RECONCILE_OPERATIONS: 'messages_reconcile_operations',
};

const LIVE_STATES = ['staging', 'starting', 'running', 'killing'];
const ENDED_STATES = [
  'finished',
  'failed',
  'killed',
  'lost',
  'error',
  'dropped',
  'gone',
  'gone_by_operator',
];
const SCALARS = ['cpus', 'mem', 'disk', 'gpus'];
const MILLI = 1_000;

export function metricsView(books: Books, uptimeMs: number): Record<string, number> {
  const metrics: Record<string, number> = {
    'master/elected': 1,
    'master/uptime_secs': uptimeMs / 1_000,
    'master/outstanding_offers': books.offers.size,
    'system/cpus_total': cpus().length,
    'system/mem_total_bytes': totalmem(),
    'system/mem_free_bytes': freemem(),
  };
  loadavg().forEach((load, index) => {
    metrics[`system/load_${['1min', '5min', '15min'][index]}`] = load;
  });
  members(metrics, books);
  tasks(metrics, books);
  const agents = [...books.agents.values()];
  const total = sum(agents.map((agent) => agent.total));
  const used = sum(agents.map(usedOf));
  for (const name of SCALARS) {
    const all = scalarOf(total, name);
    metrics[`master/${name}_total`] = all / MILLI;
    metrics[`master/${name}_used`] = scalarOf(used, name) / MILLI;
    metrics[`master/${name}_percent`] = all === 0 ? 0 : scalarOf(used, name) / all;
  }
  for (const name of Object.values(CALL_METRICS)) metrics[`master/${name}`] = 0;
  for (const [name, value] of Object.entries(books.counters)) metrics[`master/${name}`] = value;
  return metrics;
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The same for Prometheus: `master/tasks_running` is `mesos_master_tasks_running`. */
export function prometheusText(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(metrics)
    .map(([name, value]) => {
      const known = `mesos_${name.replaceAll('/', '_')}`;
      // A master's counters are not told from its other figures: what rises may be asked for its rate all the same.
      return `# TYPE ${known} untyped\n${known} ${value}\n`;
    })
    .join('');
}

function members(metrics: Record<string, number>, books: Books): void {
  const frameworks = [...books.frameworks.values()];
  const connected = frameworks.filter(({ stream }) => stream !== null).length;
  for (const [kind, up, down] of [
    ['slaves', books.agents.size, 0],
    ['frameworks', connected, frameworks.length - connected],
  ] as const) {
    metrics[`master/${kind}_active`] = up;
    metrics[`master/${kind}_connected`] = up;
    metrics[`master/${kind}_disconnected`] = down;
    metrics[`master/${kind}_inactive`] = down;
  }
  metrics['master/slaves_unreachable'] = 0;
}

function tasks(metrics: Record<string, number>, books: Books): void {
  const live = [...books.frameworks.values()].flatMap((framework) => [...framework.tasks.values()]);
  for (const state of LIVE_STATES) {
    const name = `TASK_${state.toUpperCase()}`;
    metrics[`master/tasks_${state}`] = live.filter((task) => task.state === name).length;
  }
  for (const state of ENDED_STATES) metrics[`master/tasks_${state}`] = 0;
  metrics['master/tasks_unreachable'] = 0;
}
