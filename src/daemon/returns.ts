/** How jobs come back into the queue: after a launch that did not happen or was the system's fault, and when a reason to wait is gone. */
import type { PendingJob } from '../core/job.js';
import { isTakenBack } from '../core/job.js';
import type { PendingQueue } from '../core/queue.js';
import { AVOID_MS } from '../core/suspicion.js';
import type { JobId } from '../core/units.js';
import { type SchedulerOptions, type SchedulerPorts, worldFailed } from './ports.js';
import { rowOfJob } from './queue-rows.js';
import type { SteadyTime } from './steady-time.js';

/** A record that could not be read is asked for again after this. */
const READ_AGAIN_MS = 5_000;

export interface ReturnsOwner {
  /** Whether the job waits, is being placed or holds a task, as far as is known. */
  isKnown(id: JobId): boolean;
  /** Whether the kill of its array forbids the return. Then the kill is carried out. */
  isKilled(job: PendingJob): boolean;
  newWork(): void;
}

export class Returns {
  readonly #ports: SchedulerPorts;
  readonly #options: SchedulerOptions;
  readonly #queue: PendingQueue;
  readonly #steady: SteadyTime;
  readonly #owner: ReturnsOwner;
  #isClosed = false;

  constructor(
    ports: SchedulerPorts,
    options: SchedulerOptions,
    parts: { readonly queue: PendingQueue; readonly steady: SteadyTime },
    owner: ReturnsOwner,
  ) {
    this.#ports = ports;
    this.#options = options;
    this.#queue = parts.queue;
    this.#steady = parts.steady;
    this.#owner = owner;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** A job waits again, at its old place. */
  take(job: PendingJob): void {
    if (this.#owner.isKnown(job.id) || this.#owner.isKilled(job)) return;
    const notBefore = this.#steady.fromStep(job);
    const at = this.#ports.clock.now();
    this.#queue.add({ ...rowOfJob(job, { ...this.#options, at }), notBefore });
    this.#owner.newWork();
    if (job.faults.some(isTakenBack))
      this.#ports.timers.after(AVOID_MS, () => this.#reconsider(job.id));
  }

  /** A launch did not come to its intent. */
  later(id: JobId, afterMs = READ_AGAIN_MS): void {
    this.#ports.timers.after(afterMs, () => void this.#readAgain(id));
  }

  async #readAgain(id: JobId): Promise<void> {
    if (this.#isClosed) return;
    try {
      const job = await this.#ports.store.job(id);
      if (job?.state === 'pending' && !this.#isClosed) this.take(job);
    } catch (error) {
      worldFailed(this.#ports, 'postponed job not read; tried again', error, { jobId: id });
      this.later(id, READ_AGAIN_MS);
    }
  }

  /** A job that passes over an agent which failed it may find no other. */
  #reconsider(id: JobId): void {
    if (this.#isClosed || !this.#queue.has(id)) return;
    this.#queue.remove(id);
    void this.#readAgain(id);
  }
}
