/** Options that users and projects have alike: priority and quotas. What is not given stays as it is. */
import { type Command, InvalidArgumentError } from 'commander';
import { durationMsOf } from '../core/duration.js';

/** In the units of the interface: seconds, cpus, GB, hours. */
export interface ShareOptions {
  readonly prio?: number;
  readonly quotaTime?: number;
  readonly quotaCpu?: number;
  readonly quotaRam?: number;
  readonly quotaCpuHours?: number;
  readonly quotaGpuHours?: number;
  readonly quotaMemoryHours?: number;
  readonly quotaDisk?: number;
}

const FIELDS = {
  prio: 'prio',
  quotaTime: 'quota_time',
  quotaCpu: 'quota_cpu',
  quotaRam: 'quota_ram',
  quotaCpuHours: 'quota_cpu_hours',
  quotaGpuHours: 'quota_gpu_hours',
  quotaMemoryHours: 'quota_memory_hours',
  quotaDisk: 'quota_disk',
} as const satisfies Readonly<Record<keyof ShareOptions, string>>;

export const withShare = (command: Command): Command =>
  command
    .option('--prio <0-100>', 'how much is due; 50 for most', amount)
    .option('--quota-time <duration>', 'time that jobs run, added up, as in 90d; 0: none', seconds)
    .option('--quota-cpu <count>', 'cpus of all jobs, added up; 0: none', amount)
    .option('--quota-ram <gigabytes>', 'memory of all jobs, added up; 0: none', amount)
    .option('--quota-cpu-hours <hours>', 'cpus × hours; 0: none', amount)
    .option('--quota-gpu-hours <hours>', 'GPUs × hours; 0: none', amount)
    .option('--quota-memory-hours <hours>', 'GB × hours; 0: none', amount)
    .option('--quota-disk <gigabytes>', "job directories; 0: the site's usual one", amount);

/** The fields that were given, by their names on the wire. */
export function shareFields(options: ShareOptions): Readonly<Record<string, number>> {
  return Object.fromEntries(
    (Object.keys(FIELDS) as (keyof ShareOptions)[]).flatMap((option) => {
      const value = options[option];
      return value === undefined ? [] : [[FIELDS[option], value]];
    }),
  );
}

function amount(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('It must be a number of at least 0.');
}

function seconds(text: string): number {
  const ms = durationMsOf(text);
  if (ms !== undefined) return ms / 1_000;
  throw new InvalidArgumentError('It must be a duration, as in 90d, 12h or seconds.');
}
