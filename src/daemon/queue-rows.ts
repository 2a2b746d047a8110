/** What the queue must know of a job, out of what the store and the book know. */
import type { PendingRow } from '../contracts/store.js';

import { arraySize } from '../core/array.js';
import type { Dependencies } from '../core/dependency.js';
import type { OpenJob, PendingJob } from '../core/job.js';
import type { ArrayRow, QueueRow } from '../core/queue.js';
import { needsOf } from '../core/retry.js';
import { avoidedBy } from '../core/suspicion.js';
import type { Instant, JobId } from '../core/units.js';

/** An array to take in. */
export interface ArrayEntry {
  readonly row: ArrayRow;
  readonly size: number;
  /** The array whose members its own wait for, one by one; null: none. */
  readonly other: JobId | null;
}

interface Rule {
  /** Launches pass over hosts on which the job has failed before; absent: no. */
  readonly skipsFailedNodes?: boolean;
}

interface RuleNow extends Rule {
  readonly at: Instant;
}

/** Of a row that the store listed. */
export const rowOfPending = (row: PendingRow, { skipsFailedNodes = false }: Rule): QueueRow =>
  skipsFailedNodes ? { ...row, avoid: row.failedOn } : row;

/** Of a job that waits again. */
export const rowOfJob = (job: PendingJob, { skipsFailedNodes = false, at }: RuleNow): QueueRow => ({
  id: job.id,
  owner: job.owner,
  project: job.project,
  submittedAt: job.submittedAt,
  needs: needsOf(job),
  constraints: job.spec.constraints,
  executor: job.spec.executor,
  ...(job.spec.queue === undefined ? {} : { queue: job.spec.queue }),
  notBefore: job.notBefore,
  lifespanMs: job.spec.lifespanMs,
  avoid: avoidedBy(job.faults, { skipsFailedNodes, at }),
});

/** Of an array that the store listed. */
export const arrayOfPending = (
  row: PendingRow & { readonly array: NonNullable<PendingRow['array']> },
): ArrayEntry => ({
  row: { ...row, limit: row.array.concurrencyMax },
  size: row.array.size,
  other: otherOf(row.waits?.dependencies),
});

const otherOf = (dependencies: Dependencies | undefined): JobId | null =>
  dependencies?.on.find(({ type }) => type === 'aftercorr')?.job ?? null;

/** Of the record of an array. */
export function arrayOfJob({ id, owner, project, submittedAt, spec }: OpenJob): ArrayEntry {
  const { needs, constraints, executor, queue, lifespanMs, array } = spec;
  const limit = array?.concurrencyMax ?? null;
  return {
    row: {
      id,
      owner,
      project,
      submittedAt,
      needs,
      constraints,
      executor,
      lifespanMs,
      limit,
      ...(queue === undefined ? {} : { queue }),
    },
    size: array === undefined ? 0 : arraySize(array),
    other: otherOf(spec.dependencies),
  };
}
