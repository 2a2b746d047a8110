/** Kills that users or the site want: told by notice, found by a sweep, carried out once each. */
import { isLive } from '../core/job.js';
import type { JobId } from '../core/units.js';
import type { Applied, JobBook } from './job-book.js';
import { type SchedulerPorts, worldFailed } from './ports.js';

export interface KillsOwner {
  /** The job must not be placed from now on. */
  withdraw(id: JobId): void;
  /** `executor`: where the task runs, if there is one. */
  applied(applied: Applied, executor: string | null): void;
}

export class Kills {
  readonly #ports: Pick<SchedulerPorts, 'store' | 'log' | 'failed'>;
  readonly #book: JobBook;
  readonly #owner: KillsOwner;
  #isClosed = false;

  constructor(
    ports: Pick<SchedulerPorts, 'store' | 'log' | 'failed'>,
    book: JobBook,
    owner: KillsOwner,
  ) {
    this.#ports = ports;
    this.#book = book;
    this.#owner = owner;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Carries out every kill in the record that has had no effect yet. @throws ServiceError when the store is away. */
  async actOnAll(): Promise<void> {
    const wanted = await this.#ports.store.killsWanted();
    const fresh = wanted.filter((id) => this.#book.get(id)?.state !== 'killing');
    await Promise.all(fresh.map((id) => this.act(id)));
  }

  /** Carries out the kill of one job, if the record wants it. */
  async act(id: JobId): Promise<void> {
    try {
      const job = await this.#ports.store.job(id);
      if (!job?.killWanted || job.state === 'over' || this.#isClosed) return;
      this.#owner.withdraw(id);
      const event = { kind: 'killWanted', ...job.killWanted } as const;
      const applied = await this.#book.apply(id, event, job);
      // It may have been placed since it was read.
      const holder = applied.kind === 'moved' ? applied.before : (this.#book.get(id) ?? job);
      this.#owner.applied(applied, isLive(holder) ? holder.placement.executor : null);
    } catch (error) {
      worldFailed(this.#ports, 'kill not carried out; tried again', error, { jobId: id });
    }
  }
}
