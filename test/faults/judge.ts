// The judge of all faults: the master's own launch log against what was promised to users.
import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { LaunchLine } from '../../src/localmesos/launch-log.js';
import type { JobDocument } from '../support/rest.js';

/** One launch of a job, as the master ran it. */
export interface Launched {
  readonly taskId: string;
  readonly agentId: string;
  readonly at: number;
  /** Null: it lives. */
  readonly endedAt: number | null;
}

/** Every launch by job, in their order. */
export function launchesIn(file: string): ReadonlyMap<number, readonly Launched[]> {
  const lines = readFileSync(file, 'utf8').trim().split('\n').filter(Boolean);
  const byContainer = new Map<string, Launched>();
  for (const text of lines) {
    const line = JSON.parse(text) as LaunchLine;
    const { at, containerId } = line;
    const known = byContainer.get(containerId);
    if (line.what === 'launched')
      byContainer.set(containerId, {
        ...{ taskId: line.taskId, agentId: line.agentId },
        ...{ at, endedAt: null },
      });
    else if (known !== undefined) byContainer.set(containerId, { ...known, endedAt: at });
  }
  const byJob = new Map<number, Launched[]>();
  for (const launched of byContainer.values()) {
    const id = Number(launched.taskId.split('-')[0]);
    byJob.set(id, [...(byJob.get(id) ?? []), launched]);
  }
  return byJob;
}

/** What one fault came to. */
export interface Row {
  readonly fault: string;
  readonly tried: number;
  readonly jobs: number;
  readonly launches: number;
  /** Jobs that did not end, or not as they should. */
  readonly losses: number;
  /** Jobs that were launched beside a task of theirs, or more often than the fault excuses. */
  readonly doubles: number;
  readonly note: string;
}

const ROWS: Row[] = [];

export interface Trial {
  readonly fault: string;
  readonly tried: number;
  readonly file: string;
  /** Ended, each with what it should have ended with. */
  readonly jobs: readonly { readonly job: JobDocument; readonly exitCode: number }[];
  /** How often the master may have launched each; default once. */
  readonly launchesMax?: number;
  /** And at least so often; default as often as at most. */
  readonly launchesMin?: number;
  readonly note?: string;
}

/** Judges, asserts and notes a line of the table. */
export function judge(t: Test, trial: Trial): Row {
  const { fault, tried, file, jobs, launchesMax = 1, launchesMin = launchesMax } = trial;
  const launches = launchesIn(file);
  const of = (id: number): readonly Launched[] => launches.get(id) ?? [];
  const lost = jobs.filter(
    ({ job, exitCode }) =>
      job.status.primary !== 'over' ||
      job.status.exitcode !== exitCode ||
      of(job.id).length < launchesMin,
  );
  const doubled = jobs.filter(({ job: { id } }) => {
    const all = of(id);
    return all.length > launchesMax || all.some((one, n) => n > 0 && isBeside(all[n - 1], one));
  });
  const row: Row = {
    ...{ fault, tried, jobs: jobs.length, losses: lost.length, doubles: doubled.length },
    launches: jobs.reduce((sum, { job }) => sum + of(job.id).length, 0),
    note: trial.note ?? '',
  };
  ROWS.push(row);
  const facts = (one: Trial['jobs'][number]) => ({
    ...{ id: one.job.id, status: one.job.status, wanted: one.exitCode },
    launches: of(one.job.id),
  });
  t.same(lost.map(facts), [], `${fault}: no job of ${jobs.length} is lost`);
  t.same(doubled.map(facts), [], `${fault}: none is launched twice`);
  return row;
}

/** A launch began while the one before it lived. */
const isBeside = (before: Launched | undefined, after: Launched): boolean =>
  before !== undefined && (before.endedAt === null || before.endedAt > after.at);

/** A line of the table; the head is clean. */
export interface TableLine {
  readonly text: string;
  readonly isClean: boolean;
}

/** All that was judged so far in this process. */
export function table(): readonly TableLine[] {
  const head = ['fault', 'tried', 'jobs', 'launches', 'losses', 'doubles', ''];
  const sorted = [...ROWS].sort((a, b) => a.fault.localeCompare(b.fault, 'en', { numeric: true }));
  const cells = sorted.map(({ fault, tried, jobs, launches, losses, doubles, note }) =>
    [fault, tried, jobs, launches, losses, doubles, note].map(String),
  );
  const widths = head.map((_, n) =>
    Math.max(...[head, ...cells].map((line) => line[n]?.length ?? 0)),
  );
  const textOf = (line: readonly string[]) =>
    line
      .map((cell, n) => cell.padEnd(widths[n] ?? 0))
      .join('  ')
      .trimEnd();
  return [
    { text: textOf(head), isClean: true },
    ...cells.map((line, n) => {
      const row = sorted[n];
      return { text: textOf(line), isClean: row?.losses === 0 && row.doubles === 0 };
    }),
  ];
}
