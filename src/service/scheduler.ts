/** The scheduler daemon of a process, with the real clock, the store and the cluster behind it. */
import { randomUUID } from 'node:crypto';
import type { MesosCounters } from '../contracts/counters.js';
import type { Events } from '../contracts/events.js';
import { SchedulerDaemon } from '../daemon/scheduler.js';
import { systemClock, systemTimers } from '../host/system.js';
import type { LocalNode } from '../localmesos/index.js';
import type { MesosFramework } from '../mesos/framework.js';
import {
  askInventory,
  isPulledAlways,
  mesosCluster,
  modeOf,
  tlsOf,
  unifiedFormOf,
} from './cluster.js';
import { type Foundation, loaded } from './foundation.js';
import { homeCredentials } from './home-credentials.js';

export interface DaemonParts {
  readonly node: LocalNode | null;
  readonly events: Events;
  readonly counters: MesosCounters;
  /** Called with a bug of ours: the process must stop. */
  readonly failed: (error: unknown) => void;
}

/** Starts it; it stands for leadership from now on. */
export async function startDaemon(
  foundation: Foundation,
  { node, events, counters, failed }: DaemonParts,
): Promise<SchedulerDaemon> {
  const { config, store, installation, home, log, stack } = foundation;
  const [policy, storage] = await Promise.all([
    loaded(foundation, 'scheduler', config.plugins.scheduler),
    loaded(foundation, 'storage', 'pairtree'),
  ]);
  const isAlone = home.tenancy === 'alone';
  const tls = tlsOf(config.mesos.tls);
  const unifiedForm = unifiedFormOf(config.mesos);
  let framework: MesosFramework | undefined;
  const inventory = () =>
    askInventory(foundation, node, { tls, master: framework?.master ?? null });
  const daemon = new SchedulerDaemon(
    {
      store,
      storage,
      policy,
      events,
      installation,
      failed,
      clock: systemClock,
      timers: systemTimers,
      log: log.with({ part: 'scheduler' }),
      ...(config.mesos.usesHomeCredentials ? { credentials: homeCredentials(log) } : {}),
      inventory,
      ...(isAlone ? {} : { changes: store }),
    },
    {
      installation,
      holder: `${process.pid}-${randomUUID()}`,
      isAlone,
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
      return [framework];
    },
  );
  daemon.start();
  stack.push('scheduler', () => daemon.stop());
  return daemon;
}
