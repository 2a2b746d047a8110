/**
 * Limits and quotas as the leader keeps them: from the record at the start of a term, then by what happens to jobs. A
 * job counts from its plan on; quotas that an administrator sets are read again now and then.
 */
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import { PRIORITIES_EACH_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { DiskStore, JobStore, ProjectStore } from '../contracts/store.js';
import type { Allowance } from '../core/allowance.js';
import type { Launch } from '../core/cycle.js';
import type { LiveJob } from '../core/job.js';
import { type Holder, LimitBook, type LimitRules } from '../core/limit-book.js';
import type { PendingQueue } from '../core/queue.js';
import { periodStart } from '../core/quota-period.js';
import type { Needs } from '../core/resources.js';
import { needsOf } from '../core/retry.js';
import type { Instant, JobId, ProjectId, UserId } from '../core/units.js';

export interface LimitPorts {
  readonly store: Pick<JobStore, 'used'> &
    Pick<ProjectStore, 'quotas'> &
    Pick<DiskStore, 'diskUse'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

/** Of a site that bounds nothing; quotas in the record count over the original's window. */
export const NO_LIMITS: Omit<LimitRules, 'advanceMs'> = {
  running: { user: null, project: null, executor: null },
  queues: [],
  period: { kind: 'window', days: 30 },
};

export class Limits {
  readonly #ports: LimitPorts;
  readonly #rules: LimitRules;
  readonly #book: LimitBook;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(ports: LimitPorts, rules: LimitRules) {
    this.#ports = ports;
    this.#rules = rules;
    this.#book = new LimitBook(rules);
  }

  /** Begins anew from the record. @throws ServiceError when the store is away */
  async read(live: Iterable<LiveJob>): Promise<void> {
    const { store, clock } = this.#ports;
    const ended = await store.used({ since: periodStart(this.#rules.period, clock.now()) });
    await this.refresh();
    this.#book.load(ended, [...live].map(holderOf));
    this.#readQuotasLater();
  }

  /** Quotas, resets and sizes of directories, as the record has them. @throws ServiceError when the store is away */
  async refresh(): Promise<void> {
    const { store } = this.#ports;
    const [quotas, disk] = await Promise.all([store.quotas(), store.diskUse()]);
    this.#book.setQuotas(quotas);
    this.#book.setDisk(disk);
  }

  /** As `refresh`; while the store is away the former ones hold. */
  refreshSoon(): void {
    void this.#readQuotas();
  }

  /** Jobs that hold a task, or are about to. */
  holders(): Iterable<JobId> {
    return this.#book.holders();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** A cycle gave these places; they stand in the queue until now. */
  planned(launches: readonly Launch[], queue: PendingQueue): void {
    for (const { jobId: id, executor } of launches) {
      const account = queue.accountOf(id);
      const shape = queue.shapeOf(id);
      if (account === undefined || shape === undefined) continue;
      const { user, project, queue: name } = account;
      const claimant = { user, project, queue: name };
      this.#book.hold({ id, ...claimant, executor, needs: shape.needs, startedAt: null });
    }
  }

  /** A plan came to nothing. */
  dropped(id: JobId): void {
    this.#book.release(id);
  }

  /** The job holds a task. */
  hold(job: LiveJob): void {
    this.#book.hold(holderOf(job));
  }

  settle(
    id: JobId,
    of: {
      readonly user: UserId;
      readonly project: ProjectId;
      readonly needs: Needs;
      readonly usedMs: number;
      readonly endedAt: Instant;
    },
  ): void {
    this.#book.settle(id, of);
  }

  /** What a cycle asks; undefined where nothing is bounded. */
  allowanceAt(at: Instant): Allowance | undefined {
    return this.#book.allowanceAt(at);
  }

  /** What is counted now, to go on with by itself. */
  copy(): LimitBook {
    return this.#book.copy();
  }

  readonly priorityOf = (queue: string | null): number => this.#book.priorityOf(queue);

  runningIn(queue: string): number {
    return this.#book.runningIn(queue);
  }

  /** Names of the site's queues. */
  get queues(): readonly string[] {
    return this.#rules.queues.map(({ name }) => name);
  }

  #readQuotasLater(): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.timers.after(PRIORITIES_EACH_MS, () => void this.#readQuotas());
  }

  /** While the store is away the former ones hold. */
  async #readQuotas(): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      this.#ports.log.warn('quotas not read; tried again', { error });
    }
    this.#readQuotasLater();
  }
}

function holderOf(job: LiveJob): Holder {
  const { id, owner: user, project, spec, placement } = job;
  return {
    id,
    user,
    project,
    queue: spec.queue ?? null,
    executor: placement.executor,
    needs: needsOf(job),
    startedAt: job.state === 'launching' ? null : job.startedAt,
  };
}
