/** Jobs that a cycle found must end because a quota is used up: each is ended once, with the numbers as its reason. */
import type { Refusal } from '../core/allowance.js';
import type { JobId } from '../core/units.js';
import type { Applied, JobBook } from './job-book.js';
import { type SchedulerPorts, worldFailed } from './ports.js';

export interface RefusalsOwner {
  /** The job leaves the queue; until `settled` it is still ours, and nobody adds it again. */
  withdraw(id: JobId): void;
  settled(id: JobId, applied: Applied): void;
}

export class Refusals {
  readonly #ports: Pick<SchedulerPorts, 'log' | 'failed'>;
  readonly #book: JobBook;
  readonly #owner: RefusalsOwner;

  constructor(ports: Pick<SchedulerPorts, 'log' | 'failed'>, book: JobBook, owner: RefusalsOwner) {
    this.#ports = ports;
    this.#book = book;
    this.#owner = owner;
  }

  carryOut(refusals: readonly Refusal[]): void {
    for (const { jobId } of refusals) this.#owner.withdraw(jobId);
    for (const refusal of refusals) void this.#end(refusal);
  }

  async #end({ jobId, because }: Refusal): Promise<void> {
    try {
      const applied = await this.#book.apply(jobId, { kind: 'gaveUp', because });
      this.#owner.settled(jobId, applied);
    } catch (error) {
      worldFailed(this.#ports, 'refused job not ended; the next sweep finds it', error, { jobId });
    }
  }
}
