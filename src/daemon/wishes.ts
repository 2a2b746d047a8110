/** Carries out what users want of single jobs and only the leader can do: told by notice, found by a sweep. */
import {
  MAINTENANCE_SETTING,
  type Maintenance,
  readMaintenance,
} from '../contracts/maintenance.js';
import { readWish, WISH_PREFIX, type Wish } from '../contracts/wishes.js';
import { isArray } from '../core/array-life.js';
import { isLive } from '../core/job.js';
import type { JobId } from '../core/units.js';
import { coalesced } from './coalesced.js';
import type { Applied, JobBook } from './job-book.js';
import { type SchedulerPorts, worldFailed } from './ports.js';

export interface WishesOwner {
  /** Keeps a waiting job from being placed until it is handed back; false: it is being placed just now. */
  takeOut(id: JobId): boolean;
  /** It may wait again, as its record is now. */
  handBack(id: JobId): void;
  /** `executor`: where the task runs. */
  applied(applied: Applied, executor: string): void;
  /** Maintenance is over: jobs may start again. */
  newWork(): void;
}

export class Wishes {
  readonly #ports: Pick<SchedulerPorts, 'store' | 'log' | 'failed'>;
  readonly #book: JobBook;
  readonly #owner: WishesOwner;
  #isClosed = false;
  #maintenance: Maintenance | null = null;
  /** Looks for wishes; while that is under way, once more afterwards. */
  readonly look: () => void;

  constructor(
    ports: Pick<SchedulerPorts, 'store' | 'log' | 'failed'>,
    book: JobBook,
    owner: WishesOwner,
  ) {
    this.#ports = ports;
    this.#book = book;
    this.#owner = owner;
    this.look = coalesced(() =>
      this.#lookAtAll().catch((error: unknown) =>
        worldFailed(ports, 'wishes not read; tried again', error),
      ),
    );
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Nothing is launched while it lasts; null: there is none. */
  get maintenance(): Maintenance | null {
    return this.#maintenance;
  }

  /** Before the first cycle. @throws ServiceError when the store is away. */
  async lookAtMaintenance(): Promise<void> {
    const before = this.#maintenance;
    this.#maintenance = readMaintenance(await this.#ports.store.setting(MAINTENANCE_SETTING));
    if ((before === null) === (this.#maintenance === null) || this.#isClosed) return;
    this.#ports.log.info('maintenance changed', { isOn: before === null });
    if (before !== null) this.#owner.newWork();
  }

  async #lookAtAll(): Promise<void> {
    if (this.#isClosed) return;
    const { store, log } = this.#ports;
    await this.lookAtMaintenance();
    for (const [name, text] of await store.settings(WISH_PREFIX)) {
      if (this.#isClosed) return;
      const wish = readWish(text);
      if (wish === undefined) log.error('wish left out: it cannot be read', { name });
      // What could not be dealt with now is found by the next sweep.
      else if (!(await this.#carryOut(wish))) continue;
      await store.dropSetting(name);
    }
  }

  /** False: not now. */
  #carryOut(wish: Wish): Promise<boolean> {
    return wish.kind === 'reschedule' ? this.#reschedule(wish) : this.#amend(wish);
  }

  async #reschedule(wish: Extract<Wish, { kind: 'reschedule' }>): Promise<boolean> {
    const { id, launch, by, isOwners } = wish;
    const job = this.#book.get(id);
    // It has ended, or has been launched again: somebody else was faster.
    if (job === undefined || job.launches !== launch) return true;
    const { taskId, executor } = job.placement;
    const applied = await this.#book.apply(id, {
      ...{ kind: 'rescheduled', taskId, by },
      ...(isOwners ? { isOwners } : {}),
    });
    this.#owner.applied(applied, executor);
    return true;
  }

  async #amend({ id, version, spec }: Extract<Wish, { kind: 'amend' }>): Promise<boolean> {
    const held = this.#book.get(id);
    const isPlaced = held !== undefined;
    if (!isPlaced && !this.#owner.takeOut(id)) return false;
    try {
      const job = held ?? (await this.#ports.store.job(id));
      if (job === undefined || job.version !== version) return true;
      if (isArray(job) || job.parent !== undefined || (isLive(job) && job.state !== 'running'))
        return true;
      await this.#book.apply(id, { kind: 'amended', spec }, job);
      return true;
    } finally {
      if (!isPlaced) this.#owner.handBack(id);
    }
  }
}
