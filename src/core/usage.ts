/** What was used, and how past use fades: sums over a window of days, or halved after each half-life. */
import { assert } from './assert.js';
import type { Needs } from './resources.js';
import { type Instant, instant, type ProjectId, type UserId } from './units.js';

/**
 * Use of an account, or of all accounts of a user or project. The first four are the original's counters, one job
 * added to another whatever their length (`timeMs`: durations); the last three weigh each job's resources by its duration.
 */
export interface Sums {
  readonly timeMs: number;
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
  readonly cpuMilliMs: number;
  readonly memMbMs: number;
  readonly gpuMs: number;
}

export const SUM_FIELDS = [
  ...(['timeMs', 'cpuMilli', 'memMb', 'gpus', 'cpuMilliMs', 'memMbMs', 'gpuMs'] as const),
] as const satisfies readonly (keyof Sums)[];

/** Sums whose fields are told one by one. */
export const sumsBy = (amount: (field: keyof Sums, at: number) => number): Sums =>
  Object.fromEntries(SUM_FIELDS.map((field, at) => [field, amount(field, at)])) as unknown as Sums;

export const NO_USE: Sums = {
  timeMs: 0,
  cpuMilli: 0,
  memMb: 0,
  gpus: 0,
  cpuMilliMs: 0,
  memMbMs: 0,
  gpuMs: 0,
};

/** What one job adds that ran, or is taken to run, for so long. */
export const sumsOf = (
  { cpuMilli, memMb, gpus }: Pick<Needs, 'cpuMilli' | 'memMb' | 'gpus'>,
  timeMs: number,
): Sums => ({
  timeMs,
  cpuMilli,
  memMb,
  gpus,
  cpuMilliMs: cpuMilli * timeMs,
  memMbMs: memMb * timeMs,
  gpuMs: gpus * timeMs,
});

export const added = (a: Sums, b: Sums): Sums => ({
  timeMs: a.timeMs + b.timeMs,
  cpuMilli: a.cpuMilli + b.cpuMilli,
  memMb: a.memMb + b.memMb,
  gpus: a.gpus + b.gpus,
  cpuMilliMs: a.cpuMilliMs + b.cpuMilliMs,
  memMbMs: a.memMbMs + b.memMbMs,
  gpuMs: a.gpuMs + b.gpuMs,
});

export const scaled = (sums: Sums, by: number): Sums => ({
  timeMs: sums.timeMs * by,
  cpuMilli: sums.cpuMilli * by,
  memMb: sums.memMb * by,
  gpus: sums.gpus * by,
  cpuMilliMs: sums.cpuMilliMs * by,
  memMbMs: sums.memMbMs * by,
  gpuMs: sums.gpuMs * by,
});

/** Use as it stood at `asOf`. */
export interface Usage {
  readonly sums: Sums;
  readonly asOf: Instant;
}

/** After one half-life half of it is left; after two, a quarter. Never more than there was, whatever the clock does. */
export function decay(
  { sums, asOf }: Usage,
  to: Instant,
  { halfLifeMs }: { readonly halfLifeMs: number },
): Usage {
  assert(halfLifeMs > 0, 'halfLifeMs > 0 (the configuration checks it)');
  const elapsedMs = to - asOf;
  // A clock that steps back must not make anybody's use grow.
  return elapsedMs > 0
    ? { sums: scaled(sums, 0.5 ** (elapsedMs / halfLifeMs)), asOf: to }
    : { sums, asOf };
}

/** How far back use counts. */
export type UsageRule =
  /** Whole UTC days, today among them; what is older counts for nothing. */
  | { readonly kind: 'window'; readonly days: number }
  | { readonly kind: 'half-life'; readonly halfLifeMs: number };

export const DAY_MS = 86_400_000;

/** UTC day of an instant, counted from the epoch. */
export const dayOf = (at: Instant): number => Math.floor(at / DAY_MS);

/** After so many half-lives less than a thousandth is left. */
const HALF_LIVES_COUNTED = 10;

/** The first instant whose use the rule asks for. */
export function countsSince(rule: UsageRule, at: Instant): Instant {
  const firstDay =
    rule.kind === 'window'
      ? dayOf(at) - rule.days + 1
      : dayOf(instant(at - HALF_LIVES_COUNTED * rule.halfLifeMs));
  return instant(firstDay * DAY_MS);
}

/** What the jobs of one account used that ended on one day; `endedAt`: the mean of their ends, by duration. */
export interface DayUse extends Sums {
  readonly owner: UserId;
  readonly project: ProjectId;
  readonly endedAt: Instant;
}
