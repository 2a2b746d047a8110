/** Quotas: hard upper bounds on what a user or a project uses in a period. Exact sums, which never fade. */
import type { Needs } from './resources.js';
import type { Sums } from './usage.js';

/** As records keep them; 0 or absent: unlimited. */
export interface Quotas {
  /** Seconds that jobs ran, one added to another. */
  readonly time: number;
  /** Cpus of all jobs, one added to another whatever their length, as the original counts them. */
  readonly cpu: number;
  /** GB of memory, likewise. */
  readonly ram: number;
  /** Cpus × hours. */
  readonly cpuHours?: number;
  readonly gpuHours?: number;
  /** GB × hours. */
  readonly memoryHours?: number;
  /** GB that job directories take, whatever the period; 0 or absent: the site's usual one for users, none for projects. */
  readonly disk?: number;
}

export const QUOTA_NAMES = ['time', 'cpu', 'ram', 'cpuHours', 'gpuHours', 'memoryHours'] as const;
/** Those that are summed over the period. */
export type QuotaName = (typeof QUOTA_NAMES)[number];
/** The one that is not. */
export const DISK_QUOTA = 'disk';

export const isUnlimited = (quotas: Quotas): boolean =>
  [...QUOTA_NAMES, DISK_QUOTA].every((name) => (quotas[name as keyof Quotas] ?? 0) <= 0);

/** The quota that stands in the way of one more job; amounts in the quota's own unit. */
export interface QuotaReached {
  readonly quota: QuotaName | typeof DISK_QUOTA;
  readonly limit: number;
  /** By launches that have ended. */
  readonly used: number;
  /** Charged for those that run. */
  readonly held: number;
  /** What the job adds by its start; 0 where only its duration counts. */
  readonly asked: number;
  /** What has ended is in the way already. Otherwise what runs now is, and the job waits for it. */
  readonly isCertain: boolean;
}

interface Measure {
  readonly of: keyof Sums;
  /** So much of the sum is one of the quota's unit. */
  readonly unit: number;
  /** What a job adds at its start. */
  readonly ask: (needs: Needs) => number;
  /** Whether the job uses any of it. */
  readonly concerns: (needs: Needs) => boolean;
}

const HOUR_MS = 3_600_000;
const nothing = () => 0;
const always = () => true;

const MEASURES: Readonly<Record<QuotaName, Measure>> = {
  time: { of: 'timeMs', unit: 1_000, ask: nothing, concerns: always },
  cpu: { of: 'cpuMilli', unit: 1_000, ask: ({ cpuMilli }) => cpuMilli, concerns: always },
  ram: { of: 'memMb', unit: 1_000, ask: ({ memMb }) => memMb, concerns: always },
  cpuHours: { of: 'cpuMilliMs', unit: 1_000 * HOUR_MS, ask: nothing, concerns: always },
  gpuHours: { of: 'gpuMs', unit: HOUR_MS, ask: nothing, concerns: ({ gpus }) => gpus > 0 },
  memoryHours: { of: 'memMbMs', unit: 1_000 * HOUR_MS, ask: nothing, concerns: always },
};

/** Of these sums, in the quota's own unit. */
export const amountOf = (quota: QuotaName, sums: Sums): number => {
  const { of, unit } = MEASURES[quota];
  return sums[of] / unit;
};

/** Whether one more job passes a quota with so much used; what durations add is not known before. */
export function isPassed(quota: QuotaName, limit: number, used: Sums, needs: Needs): boolean {
  const { of, unit, ask } = MEASURES[quota];
  const asked = ask(needs);
  // Compared in the whole numbers that the sums are kept in. A quota of seconds or hours is full when it is reached.
  return asked > 0 ? used[of] + asked > limit * unit : used[of] >= limit * unit;
}

/**
 * Whether one more job may start. A job is refused for good only because of what has ended; if it is what runs now,
 * charged in advance, that fills the quota, the job waits until that is settled.
 * @param settled what ended in the period
 * @param held what is charged for what runs
 */
export function quotaReached(
  quotas: Quotas,
  { settled, held }: { readonly settled: Sums; readonly held: Sums },
  needs: Needs,
): QuotaReached | null {
  let waits: QuotaReached | null = null;
  for (const quota of QUOTA_NAMES) {
    const limit = quotas[quota] ?? 0;
    const { of, unit, ask, concerns } = MEASURES[quota];
    if (limit <= 0 || !concerns(needs)) continue;
    const isCertain = isPassed(quota, limit, settled, needs);
    const both = { ...settled, [of]: settled[of] + held[of] };
    if (!isCertain && (waits !== null || !isPassed(quota, limit, both, needs))) continue;
    const reached = {
      quota,
      limit,
      used: settled[of] / unit,
      held: held[of] / unit,
      asked: ask(needs) / unit,
      isCertain,
    };
    if (isCertain) return reached;
    waits = reached;
  }
  return waits;
}
