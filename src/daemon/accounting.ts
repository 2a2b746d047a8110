/**
 * What users and projects have used, and are due, for the ordering of the queue. The sums live in memory, in the core's
 * `UsageBook`; the record of the jobs is the truth, from which they are made at the start of a term.
 */
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import { DISK_RUNNING_EACH_MS, PRIORITIES_EACH_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { ProjectStore } from '../contracts/store.js';
import { endedLaunch } from '../core/ended-launch.js';
import { isLive, type Job, type LiveJob } from '../core/job.js';
import type { LimitRules } from '../core/limit-book.js';
import type { AgentShape } from '../core/obstacle.js';
import { type Capacity, NOTHING } from '../core/resources.js';
import { needsOf } from '../core/retry.js';
import type { Instant } from '../core/units.js';
import { countsSince, type UsageRule } from '../core/usage.js';
import { type ChargedJob, UsageBook } from '../core/usage-book.js';
import { type DiskPorts, DiskWatch } from './disk-watch.js';
import { Ends, type EndsPorts } from './ends.js';
import { type LimitPorts, Limits, NO_LIMITS } from './limits.js';

export interface AccountingPorts {
  readonly store: DiskPorts['store'] &
    EndsPorts['store'] &
    LimitPorts['store'] &
    Pick<ProjectStore, 'priorities'>;
  readonly storage: DiskPorts['storage'];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly failed: (error: unknown) => void;
}

export interface AccountingOptions {
  readonly usage: UsageRule;
  /** For how long a job counts at least while it runs. */
  readonly advanceMs: number;
  /** Absent: nothing but the quotas of the record is bounded. */
  readonly limits?: Omit<LimitRules, 'advanceMs'>;
  /** How often the directory of a job that runs is measured; absent: `DISK_RUNNING_EACH_MS`. */
  readonly diskRunningEachMs?: number;
}

export class Accounting {
  readonly #ports: AccountingPorts;
  readonly #options: AccountingOptions;
  readonly #book: UsageBook;
  readonly limits: Limits;
  /** How long jobs took. */
  readonly ends: Ends;
  readonly #disk: DiskWatch;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(ports: AccountingPorts, options: AccountingOptions) {
    this.#ports = ports;
    this.#options = options;
    const { usage, advanceMs, limits = NO_LIMITS } = options;
    this.#book = new UsageBook(usage, advanceMs);
    this.limits = new Limits(ports, { ...limits, advanceMs });
    this.#disk = new DiskWatch(ports, options.diskRunningEachMs ?? DISK_RUNNING_EACH_MS, {
      holders: () => this.limits.holders(),
      changed: () => this.limits.refreshSoon(),
    });
    this.ends = new Ends(ports);
  }

  /** Begins anew from the record, before anything happens to any job. @throws ServiceError when the store is away */
  async read(live: Iterable<LiveJob>): Promise<void> {
    const { store, clock } = this.#ports;
    const at = clock.now();
    const jobs = [...live];
    const ended = await store.used({ since: countsSince(this.#options.usage, at) });
    this.#book.setDues(await store.priorities());
    this.#book.load(ended, jobs.map(chargedJob), at);
    await this.limits.read(jobs);
    this.#disk.start();
    this.#readPrioritiesLater();
  }

  close(): void {
    this.#isClosed = true;
    this.limits.close();
    this.#disk.close();
    this.#timer?.cancel();
  }

  /** How everybody stands at an instant. */
  standingsAt(at: Instant): UsageBook {
    this.#book.moveTo(at);
    return this.#book;
  }

  /** The agents of the cluster; null: not known. */
  inventoryTold(inventory: readonly AgentShape[] | null): void {
    this.#book.setCapacity(inventory === null ? null : totalOf(inventory));
  }

  /** A job was placed, or found to hold a task: counted at once. */
  charge(job: LiveJob): void {
    this.#book.charge(chargedJob(job));
    this.limits.hold(job);
  }

  /** A record was stored: a start is noted, so that use grows from there. */
  moved(job: Job): void {
    if (isLive(job)) this.charge(job);
  }

  /** What was charged is replaced by what was really used; nothing, if the system failed. */
  settle(job: Job, usedMs: number, after: Job): void {
    const { id, owner, project } = job;
    this.ends.note(job, usedMs);
    const endedAt = endedLaunch(job.state, after)?.endedAt ?? this.#ports.clock.now();
    const used = { project, needs: needsOf(job), usedMs, endedAt };
    this.#book.settle({ id, owner, ...used });
    this.limits.settle(id, { user: owner, ...used });
  }

  #readPrioritiesLater(): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.timers.after(PRIORITIES_EACH_MS, () => void this.#readPriorities());
  }

  /** Those set meanwhile take effect; while the store is away the former ones stay. */
  async #readPriorities(): Promise<void> {
    try {
      this.#book.setDues(await this.#ports.store.priorities());
    } catch (error) {
      this.#ports.log.warn('priorities not read; tried again', { error });
    }
    this.#readPrioritiesLater();
  }
}

function chargedJob(job: LiveJob): ChargedJob {
  const { id, owner, project } = job;
  const startedAt = job.state === 'launching' ? null : job.startedAt;
  return { id, owner, project, needs: needsOf(job), startedAt };
}

function totalOf(inventory: readonly AgentShape[]): Capacity {
  let { cpuMilli, memMb, gpus } = NOTHING;
  for (const { total, count } of inventory) {
    cpuMilli += total.cpuMilli * count;
    memMb += total.memMb * count;
    gpus += total.gpus * count;
  }
  return { ...NOTHING, cpuMilli, memMb, gpus };
}
