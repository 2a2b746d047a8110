/** What a replay comes to, in numbers. */
import type { Replay, ReplayCluster, Replayed } from './replay.js';

export interface ReplayFigures {
  readonly policy: string;
  readonly jobs: number;
  /** Larger than any agent: left out. */
  readonly impossible: number;
  readonly waitMs: { readonly median: number; readonly p95: number; readonly max: number };
  /** Mean over time of Jain's index over share-normalised use, while jobs wait; null: none ever waited long. */
  readonly fairness: number | null;
  /** Cpu-time of all jobs over that of the cluster, from the first submission to the last end. */
  readonly utilisation: number;
  readonly makespanMs: number;
  /** The longest wait among the largest jobs. */
  readonly largest: { readonly cpuMilli: number; readonly waitedMs: number };
}

export function figuresOf(replay: Replay, cluster: ReplayCluster): ReplayFigures {
  const { policy, jobs, impossible, samples } = replay;
  const waits = jobs.map(({ waitedMs }) => waitedMs).sort((a, b) => a - b);
  const makespanMs = jobs.reduce((most, { endedMs }) => Math.max(most, endedMs), 0);
  const used = jobs.reduce((sum, { job }) => sum + job.needs.cpuMilli * job.runMs, 0);
  const whole = cluster.agents * cluster.cpuMilli * makespanMs;
  return {
    policy,
    jobs: jobs.length,
    impossible,
    waitMs: { median: quantile(waits, 0.5), p95: quantile(waits, 0.95), max: waits.at(-1) ?? 0 },
    fairness: mean(samples.flatMap(({ fairness }) => fairness ?? [])),
    utilisation: whole > 0 ? used / whole : 0,
    makespanMs,
    largest: largestOf(jobs),
  };
}

/** The least of the sorted values that so large a part of them does not exceed; 0 for none. */
export const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

function largestOf(jobs: readonly Replayed[]): ReplayFigures['largest'] {
  const cpuMilli = jobs.reduce((most, { job }) => Math.max(most, job.needs.cpuMilli), 0);
  const waitedMs = jobs
    .filter(({ job }) => job.needs.cpuMilli === cpuMilli)
    .reduce((most, one) => Math.max(most, one.waitedMs), 0);
  return { cpuMilli, waitedMs };
}
