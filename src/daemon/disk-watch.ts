/**
 * Has job directories measured: each once after its job has ended, and now and then while it runs. Sizes are absolute and sums are
 * the store's, so nothing is wrong if this happens twice, late, or in two daemons at once. A few directories at a time.
 */
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';
import {
  DISK_AT_ONCE,
  DISK_ENTRIES_MAX,
  DISK_ENTRIES_RUNNING_MAX,
  DISK_LOOK_EACH_MS,
} from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { FileStorage } from '../contracts/storage.js';
import type { DirectorySize, DiskStore, DueDirectory, JobStore } from '../contracts/store.js';
import type { Job } from '../core/job.js';
import type { JobId } from '../core/units.js';

export interface DiskPorts {
  readonly store: Pick<DiskStore, 'diskDue' | 'putDisk'> & Pick<JobStore, 'jobs'>;
  readonly storage: Pick<FileStorage, 'measure'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly failed: (error: unknown) => void;
}

export interface DiskOwner {
  /** Who holds a task. */
  holders(): Iterable<JobId>;
  /** Sizes were stored. */
  changed(): void;
}

/** While there is more to be measured it rests for so many times as long as it has worked. */
const RESTS = 4;
/** Asked for together, since most are small: what asking costs is shared. A storage may still take one after the other. */
const SIDE_BY_SIDE = 20;

export class DiskWatch {
  readonly #ports: DiskPorts;
  readonly #runningEachMs: number;
  readonly #owner: DiskOwner;
  /** When a job that runs was measured last, or first seen; on the monotonic clock. */
  readonly #seenMs = new Map<JobId, number>();
  /** Those that could not be measured are passed over until the others have had their turn. */
  #after: JobId | null = null;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(ports: DiskPorts, runningEachMs: number, owner: DiskOwner) {
    this.#ports = ports;
    this.#runningEachMs = runningEachMs;
    this.#owner = owner;
  }

  start(): void {
    if (this.#ports.storage.measure === undefined || this.#isClosed) return;
    this.#timer?.cancel();
    this.#later(DISK_LOOK_EACH_MS);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #later(ms: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#ports.timers.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    let hasMore = false;
    const startedMs = this.#ports.clock.monotonicMs();
    try {
      const ended = await this.#ended();
      hasMore = ended.hasMore;
      const sizes = [...ended.sizes, ...(hasMore ? [] : await this.#running())];
      if (sizes.length > 0 && !this.#isClosed) {
        await this.#ports.store.putDisk(sizes);
        this.#owner.changed();
      }
    } catch (error) {
      if (!(error instanceof ServiceError)) {
        this.#ports.failed(error);
        return;
      }
      this.#ports.log.warn('job directories not measured; tried again', { error });
      hasMore = false;
    }
    // In a burst of ends, launches come first: it rests for most of the time, and catches up when it is over.
    const tookMs = this.#ports.clock.monotonicMs() - startedMs;
    this.#later(hasMore ? Math.min(RESTS * tookMs, DISK_LOOK_EACH_MS) : DISK_LOOK_EACH_MS);
  }

  async #ended(): Promise<{ readonly sizes: readonly DirectorySize[]; readonly hasMore: boolean }> {
    const due = await this.#ports.store.diskDue({ after: this.#after, limit: DISK_AT_ONCE });
    const hasMore = due.length === DISK_AT_ONCE;
    this.#after = hasMore ? (due.at(-1)?.id ?? null) : null;
    return { sizes: await this.#sizesOf(due, true), hasMore };
  }

  async #running(): Promise<readonly DirectorySize[]> {
    const ids = this.#dueHolders();
    const jobs = ids.length === 0 ? new Map<JobId, Job>() : await this.#ports.store.jobs(ids);
    const due = ids.flatMap((id) => {
      const job = jobs.get(id);
      return job === undefined || job.state === 'over' ? [] : [{ id, directory: job.directory }];
    });
    return this.#sizesOf(due, false);
  }

  async #sizesOf(due: readonly DueDirectory[], isOver: boolean): Promise<readonly DirectorySize[]> {
    const entriesMax = isOver ? DISK_ENTRIES_MAX : DISK_ENTRIES_RUNNING_MAX;
    const sizes: DirectorySize[] = [];
    for (let at = 0; at < due.length && !this.#isClosed; at += SIDE_BY_SIDE) {
      const few = due.slice(at, at + SIDE_BY_SIDE);
      for (const size of await Promise.all(few.map((one) => this.#sizeOf(one, entriesMax))))
        if (size !== undefined) sizes.push({ ...size, isOver });
    }
    return sizes;
  }

  /** Those whose turn it is, at most so many at once; the others come next time. */
  #dueHolders(): readonly JobId[] {
    const nowMs = this.#ports.clock.monotonicMs();
    const holders = new Set(this.#owner.holders());
    for (const id of this.#seenMs.keys()) if (!holders.has(id)) this.#seenMs.delete(id);
    const due: JobId[] = [];
    for (const id of holders) {
      const seenMs = this.#seenMs.get(id);
      if (seenMs === undefined) this.#seenMs.set(id, nowMs);
      else if (nowMs - seenMs >= this.#runningEachMs && due.length < DISK_AT_ONCE) due.push(id);
    }
    for (const id of due) this.#seenMs.set(id, nowMs);
    return due;
  }

  /** Undefined: it could not be measured, and is tried again. */
  async #sizeOf(
    { id, directory }: DueDirectory,
    entriesMax: number,
  ): Promise<Omit<DirectorySize, 'isOver'> | undefined> {
    const measuredAt = this.#ports.clock.now();
    if (directory === null) return { id, bytes: 0, measuredAt };
    try {
      const found = await this.#ports.storage.measure?.(directory, { entriesMax });
      if (found === undefined) return undefined;
      if (!found.isWhole)
        this.#ports.log.warn('job directory measured in part', { jobId: id, ...found });
      return { id, bytes: found.bytes, measuredAt };
    } catch (error) {
      this.#ports.log.warn('job directory not measured; tried again', { jobId: id, error });
      return undefined;
    }
  }
}
