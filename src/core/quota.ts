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
  return leavesNone(used[of], ask(needs), limit * unit);
}

/** Compared in the whole numbers that the sums are kept in. A quota of seconds or hours is full when it is reached. */
const leavesNone = (used: number, asked: number, limit: number): boolean =>
  asked > 0 ? used + asked > limit : used >= limit;

/** A quota that is set and what counts for it, in the whole numbers that sums are kept in: ready to be asked often. */
export class QuotaMeter {
  readonly quota: QuotaName;
  readonly limit: number;
  readonly #measure: Measure;
  readonly #full: number;
  /** By what has ended. */
  readonly #settled: number;
  /** Charged for what runs. */
  #held: number;

  /**
   * @param settled what ended in the period
   * @param held what is charged for what runs
   */
  constructor(
    quota: QuotaName,
    limit: number,
    { settled, held }: { readonly settled: Sums; readonly held: Sums },
  ) {
    this.quota = quota;
    this.limit = limit;
    this.#measure = MEASURES[quota];
    const { of, unit } = this.#measure;
    this.#full = limit * unit;
    this.#settled = settled[of];
    this.#held = held[of];
  }

  /** One more job runs, and is charged so much. */
  hold(sums: Sums): void {
    this.#held += sums[this.#measure.of];
  }

  /** Null: one more job may start. */
  reached(needs: Needs): QuotaReached | null {
    const { ask, concerns, unit } = this.#measure;
    if (!concerns(needs)) return null;
    const asked = ask(needs);
    if (!leavesNone(this.#settled + this.#held, asked, this.#full)) return null;
    return {
      quota: this.quota,
      limit: this.limit,
      used: this.#settled / unit,
      held: this.#held / unit,
      asked: asked / unit,
      isCertain: leavesNone(this.#settled, asked, this.#full),
    };
  }
}

/** Of those that are set. */
export const quotaMeters = (
  quotas: Quotas,
  use: { readonly settled: Sums; readonly held: Sums },
): readonly QuotaMeter[] =>
  QUOTA_NAMES.flatMap((quota) => {
    const limit = quotas[quota] ?? 0;
    return limit > 0 ? [new QuotaMeter(quota, limit, use)] : [];
  });

/**
 * Whether one more job may start. A job is refused for good only because of what has ended; if it is what runs now,
 * charged in advance, that fills the quota, the job waits until that is settled.
 */
export function quotaReached(meters: readonly QuotaMeter[], needs: Needs): QuotaReached | null {
  let waits: QuotaReached | null = null;
  for (const meter of meters) {
    const reached = meter.reached(needs);
    if (reached?.isCertain) return reached;
    waits ??= reached;
  }
  return waits;
}
