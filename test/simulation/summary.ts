/** What is told of a history: figures, and if something was wrong, the way to see it again. */
import type { History } from './world.js';

export interface Summary {
  readonly seed: number;
  readonly breaches: readonly string[];
  /** The last lines before the first breach, those that name the same task or job first. */
  readonly lines: readonly string[];
  readonly agentHours: number;
  readonly jobs: number;
  readonly launches: number;
  readonly stops: number;
  readonly faults: readonly (readonly [string, number])[];
}

const LINES_MAX = 40;

export function summary(history: History): Summary {
  const { seed, breaches, trace, agentHours, jobs, launches, stops, faults } = history;
  const isClean = breaches.length === 0;
  return {
    seed,
    breaches,
    agentHours,
    jobs,
    launches,
    stops,
    faults: [...faults],
    lines: isClean ? [] : trace.last(LINES_MAX, about(breaches[0] ?? '')),
  };
}

/** Lines that tell of the job a breach is about, and of whole processes and machines. */
function about(breach: string): RegExp | undefined {
  const job = /\b(?:job |task )?(\d+)(?:-\d+)?\b/.exec(breach)?.[1];
  if (job === undefined) return undefined;
  return new RegExp(
    `\\b${job}-\\d+\\b|\\bjob ${job}\\b|BREACH|peace|leading|dies|leads|frozen|thawed|partition|clock`,
  );
}

/** Sentences for whoever has to find out. */
export const report = ({ seed, breaches, lines }: Summary): string =>
  [
    `seed ${seed}: ${breaches[0]}`,
    `replay it: SEED=${seed} npm run simulate -- days`,
    ...lines.map((line) => `  ${line}`),
  ].join('\n');
