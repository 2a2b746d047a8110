/** A recorded or made-up workload: jobs with what they needed and how long they ran. */
import type { Needs } from '../core/resources.js';

export interface TraceJob {
  /** Unique in its trace. */
  readonly id: number;
  readonly user: string;
  readonly project: string;
  /** From the begin of the trace. */
  readonly submittedMs: number;
  readonly runMs: number;
  readonly needs: Needs;
  /** What its user said it would take at most; null: nothing. */
  readonly lifespanMs: number | null;
}

export interface Trace {
  /** In the order of submission. */
  readonly jobs: readonly TraceJob[];
  /** Records that are no jobs that ran: cancelled before their start, for example. */
  readonly leftOut: number;
}

/** What is wrong in a trace, and where. */
export interface TraceProblem {
  /** From 1. */
  readonly line: number;
  /** By the name that the format's description gives it; null: the line as a whole. */
  readonly field: string | null;
  readonly because: string;
}

const TOLD_MAX = 20;

export class BadTrace extends Error {
  override readonly name = 'BadTrace';
  readonly problems: readonly TraceProblem[];

  constructor(problems: readonly TraceProblem[]) {
    const more = problems.length > TOLD_MAX ? [`… and ${problems.length - TOLD_MAX} more`] : [];
    super([...problems.slice(0, TOLD_MAX).map(describeProblem), ...more].join('\n'));
    this.problems = problems;
  }
}

const describeProblem = ({ line, field, because }: TraceProblem): string =>
  `line ${line}${field === null ? '' : `, ${field}`}: ${because}`;

/** Sorted by submission, ids from 1, the first one submitted at 0. */
export function traceOf(jobs: readonly Omit<TraceJob, 'id'>[], leftOut: number): Trace {
  const sorted = [...jobs].sort((a, b) => a.submittedMs - b.submittedMs);
  const beginMs = sorted[0]?.submittedMs ?? 0;
  return {
    jobs: sorted.map((job, n) => ({ ...job, id: n + 1, submittedMs: job.submittedMs - beginMs })),
    leftOut,
  };
}
