/** Kills that users or the site want: told by notice, found by a sweep, carried out once each. */
import { isLive, type Job, type KillWanted, type OpenJob } from '../core/job.js';
import type { JobId } from '../core/units.js';
import type { Applied, JobBook } from './job-book.js';
import { type SchedulerPorts, worldFailed } from './ports.js';

export interface KillsOwner {
  /** The kill of an array: its members are the owner's matter. */
  killArray(array: OpenJob, wanted: KillWanted): Promise<void>;
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

  /** At takeover. Not waited for: a write of a term that is over never settles. No launch overtakes a kill, its intent sees to that. */
  begin(): void {
    this.actOnAll().catch((error: unknown) => worldFailed(this.#ports, 'kills not read', error));
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
      // Without a record it is the array's kill that ends a member.
      if (job.parent !== undefined && job.version === 0) await this.act(job.parent);
      else if (job.state === 'open') await this.#owner.killArray(job, job.killWanted);
      else await this.#carryOut(id, job.killWanted, job);
    } catch (error) {
      worldFailed(this.#ports, 'kill not carried out; tried again', error, { jobId: id });
    }
  }

  /** Carries out the kill of an array on one of its members. */
  async actOnMember(id: JobId, wanted: KillWanted): Promise<void> {
    try {
      await this.#carryOut(id, wanted);
    } catch (error) {
      worldFailed(this.#ports, 'kill of a member not carried out; tried again', error, {
        jobId: id,
      });
    }
  }

  async #carryOut(id: JobId, wanted: KillWanted, job?: Job): Promise<void> {
    this.#owner.withdraw(id);
    const applied = await this.#book.apply(id, { kind: 'killWanted', ...wanted }, job);
    // It may have been placed since it was read.
    const holder = applied.kind === 'moved' ? applied.before : (this.#book.get(id) ?? job);
    const isHeld = holder !== undefined && isLive(holder);
    this.#owner.applied(applied, isHeld ? holder.placement.executor : null);
  }
}
