/**
 * A store in memory, for scenarios: it passes the contract of all stores, answers at once, and every call can be held,
 * refused or left without an answer.
 */
import {
  FencedOut,
  type JobStep,
  type Limited,
  type NewJob,
  type RateLimits,
  type StepAnswer,
  type Store,
  type SubmitAnswer,
} from '../../src/contracts/store.js';
import type { HeldBack } from '../../src/core/dependency.js';
import type { OpenJob, PendingJob } from '../../src/core/job.js';
import type { Instant, JobId, UserId } from '../../src/core/units.js';
import { heldIn, holdOne } from './memory-store/holds.js';
import { MemoryJobQueries } from './memory-store/job-queries.js';
import { unmade } from './memory-store/record.js';
import { takeStep } from './memory-store/steps.js';
import { knownOf, rateLimited, submitOne } from './memory-store/submissions.js';

export { type StoreMethod, type StoreTrouble, storeAway } from './memory-store/calls.js';
export { MemoryRecord } from './memory-store/record.js';

export class MemoryStore extends MemoryJobQueries implements Store {
  submit(jobs: readonly NewJob[]): Promise<readonly SubmitAnswer[]>;
  submit(jobs: readonly NewJob[], limits: RateLimits): Promise<readonly (SubmitAnswer | Limited)[]>;
  submit(
    jobs: readonly NewJob[],
    limits: RateLimits = { user: null, all: null },
  ): Promise<readonly (SubmitAnswer | Limited)[]> {
    return this.do('submit', (record) => {
      const limited = rateLimited(record, jobs, limits);
      return limited === null
        ? jobs.map((job) => submitOne(record, job))
        : jobs.map((job) => knownOf(record, job) ?? limited);
    });
  }

  advance(epoch: number, steps: readonly JobStep[]): Promise<readonly StepAnswer[]> {
    const sent = structuredClone(steps);
    return this.do('advance', (record) => {
      if (record.lease?.epoch !== epoch) throw new FencedOut(`epoch ${epoch} is over`);
      return sent.map((step) => takeStep(record, step));
    });
  }

  wantKill(id: JobId, by: UserId, at: Instant): Promise<'wanted' | 'already' | 'over' | 'unknown'> {
    return this.do('wantKill', (record) => {
      const job = record.jobs.get(id) ?? unmade(record, id);
      if (job === undefined) return 'unknown';
      if (job.state === 'over') return 'over';
      if (record.kills.has(id) || job.killWanted !== null) return 'already';
      record.kills.set(id, { by, at });
      record.put({ ...job, killWanted: { by, at }, version: job.version + 1 });
      return 'wanted';
    });
  }

  holdBack(id: JobId, heldBack: HeldBack): Promise<'held' | 'already' | 'too-late' | 'unknown'> {
    return this.do('holdBack', (record) => holdOne(record, id, heldBack));
  }

  release(
    id: JobId,
    { isAdmin }: { readonly isAdmin: boolean },
  ): Promise<'released' | 'not-held' | 'forbidden' | 'unknown'> {
    return this.do('release', (record) => {
      const job = record.jobs.get(id);
      if (job === undefined) return unmade(record, id) === undefined ? 'unknown' : 'not-held';
      const known = heldIn(job);
      if (known === undefined) return 'not-held';
      if (known.isAdmin && !isAdmin) return 'forbidden';
      const { heldBack: _, ...rest } = job as PendingJob | OpenJob;
      record.put({ ...rest, version: job.version + 1 });
      return 'released';
    });
  }
}
