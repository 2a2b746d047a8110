/**
 * Jobs that a cycle found must end because a quota is used up: each is ended once, with the numbers as its reason. Quotas, resets
 * and sizes of directories are read anew before: whoever has just made room and submits again must not be told of before.
 */
import type { Refusal } from '../core/allowance.js';
import type { Reason } from '../core/job.js';
import type { JobId } from '../core/units.js';
import type { Applied, JobBook } from './job-book.js';
import type { Limits } from './limits.js';
import { type SchedulerPorts, worldFailed } from './ports.js';

export interface RefusalsOwner {
  /** The job leaves the queue; until `settled` it is still ours, and nobody adds it again. */
  withdraw(id: JobId): void;
  /** Null: it did not end, and waits on. */
  settled(id: JobId, applied: Applied | null): void;
}

export class Refusals {
  readonly #ports: Pick<SchedulerPorts, 'clock' | 'log' | 'failed'>;
  readonly #book: JobBook;
  readonly #limits: Pick<Limits, 'refresh' | 'allowanceAt'>;
  readonly #owner: RefusalsOwner;

  constructor(
    ports: Pick<SchedulerPorts, 'clock' | 'log' | 'failed'>,
    book: JobBook,
    limits: Pick<Limits, 'refresh' | 'allowanceAt'>,
    owner: RefusalsOwner,
  ) {
    this.#ports = ports;
    this.#book = book;
    this.#limits = limits;
    this.#owner = owner;
  }

  carryOut(refusals: readonly Refusal[]): void {
    if (refusals.length === 0) return;
    for (const { jobId } of refusals) this.#owner.withdraw(jobId);
    void this.#endAll(refusals);
  }

  async #endAll(refusals: readonly Refusal[]): Promise<void> {
    try {
      await this.#limits.refresh();
    } catch (error) {
      worldFailed(this.#ports, 'quotas not read; refused jobs wait on', error);
      for (const { jobId } of refusals) this.#owner.settled(jobId, null);
      return;
    }
    // One for all: what a user runs is summed once, however many of his jobs are refused.
    const allowance = this.#limits.allowanceAt(this.#ports.clock.now());
    for (const { jobId, claimant, claim } of refusals) {
      const no = allowance?.denial(claimant, claim);
      if (no?.kind === 'refuse') void this.#end(jobId, no.because);
      else this.#owner.settled(jobId, null);
    }
  }

  async #end(jobId: JobId, because: Reason): Promise<void> {
    try {
      const applied = await this.#book.apply(jobId, { kind: 'gaveUp', because });
      this.#owner.settled(jobId, applied);
    } catch (error) {
      worldFailed(this.#ports, 'refused job not ended; it waits on', error, { jobId });
      this.#owner.settled(jobId, null);
    }
  }
}
