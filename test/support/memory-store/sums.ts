// What the store in memory adds up: use, accounting and disks.
import type {
  AccountingQuery,
  AccountingRecord,
  AccountingSum,
} from '../../../src/contracts/accounting.js';
import type { DiskUse, UseQuery } from '../../../src/contracts/store.js';
import { chargedLaunches } from '../../../src/core/ended-launch.js';
import type { Job } from '../../../src/core/job.js';
import { instant, projectId, userId } from '../../../src/core/units.js';
import { added, DAY_MS, type DayUse, dayOf, NO_USE, sumsOf } from '../../../src/core/usage.js';
import type { MemoryRecord } from './record.js';

export function usedBy(
  jobs: readonly Job[],
  { since, owner, project }: UseQuery,
): readonly DayUse[] {
  const days = new Map<
    string,
    { readonly day: number; readonly ends: number; readonly use: DayUse }
  >();
  for (const job of jobs) {
    if ((owner ?? job.owner) !== job.owner || (project ?? job.project) !== job.project) continue;
    for (const launch of chargedLaunches(job)) {
      const day = dayOf(launch.endedAt);
      if (day < dayOf(since)) continue;
      const key = JSON.stringify([day, job.owner, job.project]);
      const sums = sumsOf(launch.needs, launch.timeMs);
      const before = days.get(key);
      const ends = (before?.ends ?? 0) + (launch.endedAt - day * DAY_MS) * launch.timeMs;
      const whole = added(before?.use ?? NO_USE, sums);
      const endedAt = instant(Math.round(day * DAY_MS + ends / whole.timeMs));
      const use = { owner: job.owner, project: job.project, endedAt, ...whole };
      days.set(key, { day, ends, use });
    }
  }
  return [...days.values()]
    .sort(
      (a, b) =>
        a.day - b.day || compare(a.use.owner, b.use.owner) || compare(a.use.project, b.use.project),
    )
    .map(({ use }) => use);
}

export function sumsByDay(
  records: readonly AccountingRecord[],
  { from, until, project }: AccountingQuery,
): readonly AccountingSum[] {
  const sums = new Map<string, AccountingSum>();
  for (const record of records) {
    const day = dayOf(record.endedAt);
    if (day < from || day >= until || (project ?? record.project) !== record.project) continue;
    const { owner, queue, executor, isCharged, ranMs, waitedMs, allocated } = record;
    const name = { day, project: record.project, owner, queue, executor, isCharged };
    const order = [String(day).padStart(6, '0'), record.project, owner, queue ?? '', executor];
    const key = JSON.stringify([...order, isCharged ? 0 : 1]);
    const before = sums.get(key) ?? {
      ...{ ...name, launches: 0, ranMs: 0, waitedMs: 0 },
      ...{ cpuMs: 0, gpuMs: 0, memMbSeconds: 0 },
    };
    sums.set(key, {
      ...name,
      launches: before.launches + 1,
      ranMs: before.ranMs + ranMs,
      waitedMs: before.waitedMs + waitedMs,
      cpuMs: before.cpuMs + allocated.cpuMs,
      gpuMs: before.gpuMs + allocated.gpuMs,
      memMbSeconds: before.memMbSeconds + allocated.memMbSeconds,
    });
  }
  return [...sums].sort(([a], [b]) => compare(a, b)).map(([, sum]) => sum);
}

export function diskUseIn({ disk, jobs }: MemoryRecord): readonly DiskUse[] {
  const sums = new Map<string, DiskUse>();
  for (const { id, bytes, isOver } of disk.values()) {
    const { owner, project } = jobs.get(id) ?? { owner: userId(''), project: projectId('') };
    const key = JSON.stringify([owner, project]);
    const sum = sums.get(key) ?? { owner, project, endedBytes: 0, heldBytes: 0, jobs: 0 };
    sums.set(key, {
      ...sum,
      endedBytes: sum.endedBytes + (isOver ? bytes : 0),
      heldBytes: sum.heldBytes + (isOver ? 0 : bytes),
      jobs: sum.jobs + 1,
    });
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}

export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
