/** The composition root: builds what lives long in each kind of process, and takes it down again in order. */
import { cpus } from 'node:os';
import type { Config } from './contracts/config.js';
import { Events } from './contracts/events.js';
import type { Log } from './contracts/log.js';
import { readShares, SHARES_SETTING } from './contracts/shares.js';
import { needsOf } from './core/retry.js';
import { avoidedBy } from './core/suspicion.js';
import { LeaderWatch } from './daemon/leader-watch.js';
import { OutlookAsker } from './daemon/outlook-asker.js';
import { openLog } from './host/log.js';
import { Stack } from './host/stack.js';
import { systemClock, systemTimers } from './host/system.js';
import type { LocalNode } from './localmesos/index.js';
import { imagesOf, localNode, modeOf } from './service/cluster.js';
import { type Foundation, json, layFoundation } from './service/foundation.js';
import { type InfluxSink, openInflux } from './service/influx.js';
import { noticesTo, openLive } from './service/live.js';
import { tellPresence } from './service/presence.js';
import { serveStatus } from './service/status-server.js';
import { openTracing } from './service/tracing.js';
import type { WebServer } from './service/web.js';

const ENDPOINTS_FILE = 'endpoints.json';

/** A running process of ours. */
export interface Process {
  stop(): Promise<void>;
}

/** One that people open in a browser. */
export interface WebProcess extends Process {
  readonly web: string;
  readonly notices: readonly string[];
  /** Opens the page as the administrator. */
  readonly signInLink: string;
  /** Reads again what may change while it runs; null: nothing may. */
  readonly reload: (() => Promise<void>) | null;
}

export interface Service extends WebProcess {
  /** The local node's address, or null: a cluster elsewhere. */
  readonly mesos: string | null;
}

export interface StatusProcess extends Process {
  /** Where it tells how it is, or null. */
  readonly status: string | null;
}

/** Called with a bug of ours: the process must stop, its supervisor starts it again. */
type Failed = (error: unknown) => void;

/** `up`: everything in this process. @throws HomeTaken, BadPlugins, ServiceError; then nothing is left running. */
export const startService = (config: Config, failed: Failed): Promise<Service> =>
  built(config, async (base) => {
    const foundation = await layFoundation(config, { ...base, tenancy: 'alone' });
    const { home, stack } = foundation;
    home.remove(ENDPOINTS_FILE);
    const node = await localNode(foundation);
    const events = new Events();
    const live = await openLive(foundation);
    const outside = await tellOutside(foundation, 'up');
    const { tracing } = outside;
    const { startDaemon } = await import('./service/scheduler.js');
    const scheduler = await startDaemon(foundation, { node, events, live, ...outside, failed });
    const { startWatching } = await import('./service/watcher.js');
    await startWatching(foundation, { ...accountedTo(outside), notices: noticesTo(live), failed });
    const { serveWeb } = await import('./service/web.js');
    const web = await serveWeb(foundation, {
      events,
      live,
      tracing,
      failed,
      notices: noticesTo(live),
      images: () => imagesOf(config, node),
      containerizer: containerizerOf(config, node),
      inventory: () => node?.agents ?? null,
      obstacles: ({ id }) => scheduler.obstacles(id),
      shares: async () => scheduler.shares(),
      outlook: () => scheduler.outlook(),
      warnings: () => [...scheduler.status().warnings, ...live.warnings()],
      notReady: () => {
        const { isReady, trouble } = scheduler.status();
        return isReady ? trouble : ['the scheduler is starting', ...trouble];
      },
    });
    await tellPresence(foundation, live, { role: 'up', url: web.url });
    home.writeSecret(ENDPOINTS_FILE, json({ web: web.url, mesos: node?.url ?? null }));
    stack.push('endpoints', () => home.remove(ENDPOINTS_FILE));
    return {
      ...webProcess(foundation, web, noticesOf(config, node)),
      mesos: node?.url ?? null,
    };
  });

/** `web`: REST API and pages; what the leader is about it reads from the store. @throws as `startService` */
export const startWeb = (config: Config, failed: Failed): Promise<WebProcess> =>
  built(config, async (parts) => {
    const foundation = await layFoundation(config, { ...parts, tenancy: 'shared' });
    const { store, stack, log } = foundation;
    const leader = new LeaderWatch({
      store,
      clock: systemClock,
      timers: systemTimers,
      log: log.with({ part: 'web' }),
    });
    leader.start();
    const live = await openLive(foundation);
    live.hear({ bulletinChanged: leader.lookNow });
    const outlook = new OutlookAsker({ store, clock: systemClock, timers: systemTimers });
    stack.push('watch on the leader', () => leader.stop());
    const { serveWeb } = await import('./service/web.js');
    const web = await serveWeb(foundation, {
      events: new Events(),
      live,
      tracing: await openTracing(foundation, 'web'),
      failed,
      notices: noticesTo(live),
      images: () => imagesOf(config, null),
      containerizer: containerizerOf(config, null),
      inventory: () => leader.inventory(),
      obstacles: (job) => {
        const { skipsFailedNodes } = config.jobs;
        const avoid = avoidedBy(job.faults, { skipsFailedNodes, at: systemClock.now() });
        const { owner: user, project, spec } = job;
        const claimant = { user, project, queue: spec.queue ?? null };
        return leader.obstacles({ ...spec, needs: needsOf(job), avoid }, claimant);
      },
      shares: async () => readShares((await store.setting(SHARES_SETTING)) ?? ''),
      outlook: () => outlook.ask(),
      notReady: () => leader.notReady(),
      warnings: () => [...leader.warnings(), ...live.warnings()],
    });
    await tellPresence(foundation, live, { role: 'web', url: web.url });
    return webProcess(foundation, web, []);
  });

/** `scheduler`: leads, or stands by until it can. @throws as `startService` */
export const startScheduler = (config: Config, failed: Failed): Promise<StatusProcess> =>
  built(config, async (parts) => {
    const foundation = await layFoundation(config, { ...parts, tenancy: 'shared' });
    const live = await openLive(foundation);
    const outside = await tellOutside(foundation, 'scheduler');
    const { startDaemon } = await import('./service/scheduler.js');
    const daemon = await startDaemon(foundation, {
      ...{ node: null, events: new Events(), live, ...outside, failed },
    });
    const status = await serveStatus(config.scheduler.statusPort, foundation, () => {
      const told = daemon.status();
      return { ...told, warnings: [...told.warnings, ...live.warnings()] };
    });
    await tellPresence(foundation, live, { role: 'scheduler', url: status });
    return { status, stop: () => parts.stack.takeDown(parts.log) };
  });

/** `watcher`: shares the jobs with all other watchers. @throws as `startService` */
export const startWatcher = (config: Config, failed: Failed): Promise<StatusProcess> =>
  built(config, async (parts) => {
    const foundation = await layFoundation(config, { ...parts, tenancy: 'shared' });
    const live = await openLive(foundation);
    const accounted = accountedTo({ influx: await openInflux(foundation) });
    const { startWatching } = await import('./service/watcher.js');
    const daemon = await startWatching(foundation, {
      ...{ ...accounted, notices: noticesTo(live), failed },
    });
    const { statusPort } = config.watcher;
    const status = await serveStatus(statusPort, foundation, () => daemon.status());
    await tellPresence(foundation, live, { role: 'watcher', url: status });
    return { status, stop: () => parts.stack.takeDown(parts.log) };
  });

/** Who is told of what goes on, beside the record: each undefined unless it is configured. */
async function tellOutside(foundation: Foundation, role: string) {
  return {
    influx: await openInflux(foundation),
    tracing: await openTracing(foundation, role),
  };
}

const accountedTo = ({ influx }: { readonly influx: InfluxSink | undefined }) =>
  influx === undefined ? {} : { accounted: influx.accounted };

/** Builds; when that fails, what was built already is taken down. */
async function built<P>(
  config: Config,
  build: (parts: { readonly log: Log; readonly stack: Stack }) => Promise<P>,
): Promise<P> {
  const log = openLog({ level: config.logLevel });
  const stack = new Stack();
  try {
    return await build({ log, stack });
  } catch (error) {
    await stack.takeDown(log);
    throw error;
  }
}

const webProcess = (
  { shared, stack, log }: Foundation,
  { url, signInLink, reload }: WebServer,
  notices: readonly string[],
): WebProcess => ({
  web: url,
  signInLink,
  reload,
  notices: shared.notice === null ? notices : [...notices, shared.notice],
  stop: () => stack.takeDown(log),
});

function containerizerOf(config: Config, node: LocalNode | null): 'docker' | 'mesos' | 'process' {
  if (modeOf(config, node) === 'process' || node?.containerizer === 'simulate') return 'process';
  return node === null ? 'mesos' : 'docker';
}

function noticesOf(config: Config, node: LocalNode | null): string[] {
  const notices: string[] = [];
  if (node?.containerizer === 'process')
    notices.push(
      'jobs run as plain processes: no isolation, images are not used, cpus are not limited and memory only of each process by itself; development only',
    );
  if (node?.containerizer === 'process' && config.jobs.cpuLimit === 'cap')
    notices.push('cpu_limit: cap has no effect on plain processes');
  const { cpus: offered } = config.local;
  if (node !== null && offered !== null && offered > cpus().length)
    notices.push(`the local node offers ${offered} cpus, this machine has ${cpus().length}`);
  return notices;
}
