// What the store in memory tells of a job that waits.
import type { PendingRow } from '../../../src/contracts/store.js';
import type { Waits } from '../../../src/contracts/waits.js';
import { arraySize } from '../../../src/core/array.js';
import { failedHosts, type Job, type OpenJob, type PendingJob } from '../../../src/core/job.js';
import { needsOf } from '../../../src/core/retry.js';

export const rowOf = (job: Job & { state: 'pending' | 'open' }): PendingRow => ({
  id: job.id,
  ...(job.state === 'open' && job.spec.array !== undefined
    ? {
        array: {
          size: arraySize(job.spec.array),
          concurrencyMax: job.spec.array.concurrencyMax,
        },
      }
    : {}),
  owner: job.owner,
  project: job.project,
  submittedAt: job.submittedAt,
  needs: needsOf(job),
  constraints: job.spec.constraints,
  executor: job.spec.executor,
  ...(job.spec.queue === undefined ? {} : { queue: job.spec.queue }),
  notBefore: job.state === 'pending' ? job.notBefore : null,
  pauseMs: job.state === 'pending' ? job.pauseMs : 0,
  isKillWanted: job.killWanted !== null,
  failedOn: failedHosts(job.faults),
  lifespanMs: job.spec.lifespanMs,
  ...(waitsOf(job) === undefined ? {} : { waits: waitsOf(job) as Waits }),
});

function waitsOf(job: PendingJob | OpenJob): Waits | undefined {
  const { spec, heldBack, launches } = job;
  const { dependencies, beginAt, name } = spec;
  const isFirst = launches === 0 && job.parent === undefined;
  const waits = {
    ...(isFirst && dependencies !== undefined ? { dependencies } : {}),
    ...(isFirst && dependencies?.isSingleton === true ? { name } : {}),
    ...(isFirst && beginAt !== undefined ? { beginAt } : {}),
    ...(heldBack === undefined ? {} : { heldBack }),
  };
  return Object.keys(waits).length === 0 ? undefined : waits;
}
