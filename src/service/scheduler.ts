/** The scheduler daemon of a process, with the real clock, the store and the cluster behind it. */
import { randomUUID } from 'node:crypto';
import type { Events } from '../contracts/events.js';
import type { Live } from '../contracts/live.js';
import type { PolicyWatch } from '../contracts/policy-watch.js';
import { fifo, type Policy } from '../core/policy.js';
import { auditEvents } from '../daemon/audit-events.js';
import { SchedulerDaemon } from '../daemon/scheduler.js';
import { givenUp, readStuck, watchPolicy } from '../host/policy-watchdog.js';
import { systemClock, systemTimers } from '../host/system.js';
import type { LocalNode } from '../localmesos/index.js';
import type { MesosFramework } from '../mesos/framework.js';
import {
  askInventory,
  askTaskOf,
  isPulledAlways,
  mesosCluster,
  modeOf,
  tlsOf,
  unifiedFormOf,
} from './cluster.js';
import { type Foundation, loaded } from './foundation.js';
import { homeCredentials } from './home-credentials.js';
import type { InfluxSink } from './influx.js';
import { isAlone } from './live.js';
import { clusterMetrics } from './metrics/cluster.js';
import { policyStuck } from './metrics/policy.js';
import { mesosCounters } from './metrics/process.js';
import { agentMetrics, eventMetrics, schedulerGauges } from './metrics/scheduler.js';
import type { JobTracing } from './tracing.js';

export interface DaemonParts {
  readonly node: LocalNode | null;
  readonly events: Events;
  readonly live: Live;
  /** Undefined: not configured. */
  readonly influx: InfluxSink | undefined;
  readonly tracing: JobTracing | undefined;
  /** Called with a bug of ours: the process must stop. */
  readonly failed: (error: unknown) => void;
}

/** Starts it; it stands for leadership from now on. */
export async function startDaemon(
  foundation: Foundation,
  { node, events, live, influx, tracing, failed }: DaemonParts,
): Promise<SchedulerDaemon> {
  const { config, store, installation, log, metrics, stack } = foundation;
  const [wanted, storage] = await Promise.all([
    loaded(foundation, 'scheduler', config.plugins.scheduler),
    loaded(foundation, 'storage', 'pairtree'),
  ]);
  const { policy, policyWatch } = watched(foundation, wanted);
  const counters = mesosCounters(metrics);
  const { measured } = clusterMetrics(metrics);
  const agents = agentMetrics(metrics);
  const tls = tlsOf(config.mesos.tls);
  const unifiedForm = unifiedFormOf(config.mesos);
  let framework: MesosFramework | undefined;
  const inventory = async () => {
    const told = await askInventory(foundation, node, { tls, master: framework?.master ?? null });
    agents.told(told);
    return told;
  };
  const daemon = new SchedulerDaemon(
    {
      store,
      storage,
      policy,
      policyWatch,
      events,
      installation,
      failed,
      clock: systemClock,
      timers: systemTimers,
      log: log.with({ part: 'scheduler' }),
      ...(config.mesos.usesHomeCredentials ? { credentials: homeCredentials(log) } : {}),
      inventory,
      task: (_executor, taskId) => askTaskOf(foundation, node, { tls, framework }, taskId),
      live,
    },
    {
      installation,
      holder: `${process.pid}-${randomUUID()}`,
      isAlone: isAlone(foundation),
      defaultExecutor: 'mesos',
      usage: config.usage,
      advanceMs: config.usageAdvanceMs,
      reservationAfterMs: config.reservationAfterMs,
      ...(config.preemption === null ? {} : { preemption: config.preemption }),
      limits: config.limits,
      diskRunningEachMs: config.limits.diskRunningEachMs,
      skipsFailedNodes: config.jobs.skipsFailedNodes,
      setsAgentsAside: config.jobs.setsAgentsAside,
      orphanPolicy: config.jobs.orphans,
      modeOf: () => modeOf(config, node),
      containers: {
        isCpuCapped: config.jobs.cpuLimit === 'cap',
        alwaysPull: (image) => isPulledAlways(config.images, image),
        registry: config.containers.registry,
        networkNames: config.containers.network.names,
      },
    },
    (mayAct) => {
      framework = mesosCluster(foundation, node, { tls, unifiedForm, mayAct, counters });
      return [measured(framework)];
    },
  );
  auditEvents(events, foundation.audit, systemClock);
  tracing?.follow(events);
  influx?.watch(daemon, events);
  eventMetrics(metrics, events);
  schedulerGauges(metrics, daemon);
  daemon.start();
  stack.push('scheduler', () => daemon.stop());
  return daemon;
}

const STUCK_FILE = 'policy-stuck.json';

/** The policy under a watchdog; order of submission instead, if it has not come back too often. */
function watched(
  { home, log, metrics, stack }: Foundation,
  wanted: Policy,
): { readonly policy: Policy; readonly policyWatch: PolicyWatch } {
  const file = home.at(STUCK_FILE);
  const stuck = readStuck(home.read(STUCK_FILE));
  const times = stuck?.policy === wanted.name ? stuck.times : 0;
  const trouble = givenUp(wanted.name, file, stuck);
  if (trouble !== null) log.error(trouble);
  else if (times > 0)
    log.error('scheduler policy did not come back in a former life', { ...stuck });
  policyStuck(metrics, times);
  const policy = trouble === null ? wanted : fifo;
  const watchdog = watchPolicy({ policy: wanted.name, file }, trouble);
  stack.push('policy watchdog', () => watchdog.stop());
  return { policy, policyWatch: watchdog };
}
