/** Tells InfluxDB (1.x) who used what and how the scheduler stands, under the names of the original. Off unless it is configured. */
import type { IPoint } from 'influx';
import type { AccountingRecord } from '../contracts/accounting.js';
import type { Timer } from '../contracts/clock.js';
import type { InfluxConfig } from '../contracts/config.js';
import type { Events } from '../contracts/events.js';
import type { Log } from '../contracts/log.js';
import { PointBuffer } from '../daemon/point-buffer.js';
import type { SchedulerDaemon } from '../daemon/scheduler.js';
import type { JobTally } from '../daemon/tally.js';
import { systemClock, systemTimers } from '../host/system.js';
import type { Foundation } from './foundation.js';
import { influxMetrics } from './metrics/influx.js';

const REQUEST_MS_MAX = 5_000;
const LOOK_EACH_MS = 10_000;
const MB_PER_GB = 1_000;
const NANOS_PER_MS = 1_000_000;

export interface InfluxSink {
  /** Of a launch that is over. Never waits, never throws. */
  readonly accounted: (record: AccountingRecord) => void;
  /** Tells every ten seconds how a scheduler stands while it leads. */
  watch(scheduler: Pick<SchedulerDaemon, 'status' | 'tally'>, events: Events): void;
}

/** Undefined: InfluxDB is not configured. Nothing waits for it, here or later. */
export async function openInflux({
  config,
  log,
  metrics,
  stack,
}: Pick<Foundation, 'config' | 'log' | 'metrics' | 'stack'>): Promise<InfluxSink | undefined> {
  const { influx } = config.monitoring;
  if (influx === null) return undefined;
  const { count } = influxMetrics(metrics);
  const influxLog = log.with({ part: 'influxdb' });
  const send = await sender(influx, influxLog);
  const buffer = new PointBuffer<IPoint>({ timers: systemTimers, log: influxLog, send, count });
  stack.push('InfluxDB', () => buffer.stop());
  return {
    accounted: (record) => {
      if (record.startedAt !== null) buffer.add(usagePoint(record));
    },
    watch: (scheduler, events) => {
      const cycles = { count: 0, ms: 0 };
      events.on('cycle:finished', ({ tookMs }) => {
        cycles.count += 1;
        cycles.ms += tookMs;
      });
      let timer: Timer | undefined;
      const look = () => {
        timer = systemTimers.after(LOOK_EACH_MS, look);
        if (!scheduler.status().isLeading) return;
        const meanMs = cycles.count === 0 ? 0 : cycles.ms / cycles.count;
        const { pending, live } = scheduler.status();
        const figures = { pending, live, cycleSeconds: meanMs / 1_000 };
        cycles.count = 0;
        cycles.ms = 0;
        for (const point of standingPoints(figures, scheduler.tally(), systemClock.now()))
          buffer.add(point);
      };
      timer = systemTimers.after(LOOK_EACH_MS, look);
      stack.push('figures for InfluxDB', () => timer?.cancel());
    },
  };
}

/** The database is made when the first points go out, and again after it was dropped. */
async function sender(
  { host, port, username, password, database }: InfluxConfig,
  log: Log,
): Promise<(points: readonly IPoint[]) => Promise<void>> {
  const { InfluxDB } = await import('influx');
  const influx = new InfluxDB({
    ...{ host, port, username, password, database },
    // What is sent again, and when, the buffer decides.
    pool: { maxRetries: 0, requestTimeout: REQUEST_MS_MAX },
  });
  let isMade = false;
  return async (points) => {
    if (!isMade)
      await influx.createDatabase(database).catch((error: unknown) => {
        // A login without that right may write to one that is there.
        log.debug('database not made', { error });
      });
    isMade = false;
    await influx.writePoints([...points], { precision: 'n' });
    isMade = true;
  };
}

/** Two jobs of one user may end in the same millisecond: job and launch tell them apart, and a repetition changes nothing. */
const nanos = (ms: number, part: number): string =>
  `${ms}${String(part % NANOS_PER_MS).padStart(6, '0')}`;

/** One launch that is over: `god_task_usage`. Cpus, GB of memory, GPUs as asked for; times in seconds. */
export function usagePoint(record: AccountingRecord): IPoint {
  const { owner, project, queue, executor, host, image, asked, outcome, allocated } = record;
  return {
    measurement: 'god_task_usage',
    // Images are many where users name their own: as a tag each would be a series.
    tags: { user: owner, project, queue: queue ?? 'none', executor, outcome: outcome.kind },
    fields: {
      cpu: asked.cpuMilli / 1_000,
      ram: asked.memMb / MB_PER_GB,
      gpu: asked.gpus,
      durationtime: record.ranMs / 1_000,
      waitingtime: record.waitedMs / 1_000,
      cpu_seconds: allocated.cpuMs / 1_000,
      image,
      host,
      job: record.jobId,
      launch: record.launch,
    },
    timestamp: nanos(record.endedAt, record.jobId * 31 + record.launch),
  };
}

/** How the scheduler stands (`god_scheduler`) and what is held now (`god_usage`; means are those of one job). */
export function standingPoints(
  figures: { readonly pending: number; readonly live: number; readonly cycleSeconds: number },
  { held }: JobTally,
  at: number,
): readonly IPoint[] {
  const jobs = Math.max(1, figures.live);
  const cpu = held.cpuMilli / 1_000;
  const ram = held.memMb / MB_PER_GB;
  const timestamp = nanos(at, 0);
  return [
    {
      measurement: 'god_scheduler',
      fields: {
        nb_pending: figures.pending,
        nb_running: figures.live,
        duration_scheduler: figures.cycleSeconds,
      },
      timestamp,
    },
    {
      measurement: 'god_usage',
      fields: {
        ...{ jobs: figures.live, cpu, ram, gpu: held.gpus },
        ...{ mean_cpu: cpu / jobs, mean_ram: ram / jobs },
      },
      timestamp,
    },
  ];
}
