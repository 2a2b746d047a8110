/**
 * Counts what limits and quotas bound: jobs that run, by user, project, executor and queue; and what was used in the
 * period. A job counts from the moment a cycle has planned it, so that no burst slips through between two cycles.
 */
import type { Allowance, Claimant } from './allowance.js';
import { CycleAllowance } from './cycle-allowance.js';
import { type AccountDisk, DiskBook } from './disk-book.js';
import { HeldUse } from './held-use.js';
import { type Payer, payer, payersOf } from './payer.js';
import { PROJECT_OF_ALL } from './policy.js';
import { DISK_QUOTA, isPassed, type QuotaReached, type Quotas } from './quota.js';
import { QuotaLedger } from './quota-ledger.js';
import type { QuotaPeriod } from './quota-period.js';
import type { Needs } from './resources.js';
import type { Instant, JobId, ProjectId, UserId } from './units.js';
import { type DayUse, NO_USE, type Sums, sumsOf } from './usage.js';

/** Most jobs that may run at once; null: any number. The project of all has no limit. */
export interface RunningLimits {
  readonly user: number | null;
  readonly project: number | null;
  /** Of each executor. */
  readonly executor: number | null;
}

/** A queue of the site, as far as the scheduler must know it. */
export interface QueueRule {
  readonly name: string;
  /** Jobs of queues with a higher one go first. */
  readonly priority: number;
  readonly maxRunning: number | null;
  readonly maxRunningPerUser: number | null;
}

/** Of jobs that are in no queue, and the usual one of queues. */
export const QUEUE_PRIORITY_USUAL = 50;

export interface LimitRules {
  readonly running: RunningLimits;
  readonly queues: readonly QueueRule[];
  readonly period: QuotaPeriod;
  /** A job that runs is charged for this time at least, in milliseconds. */
  readonly advanceMs: number;
  /** GB that the job directories of a user without a quota of disk of his own may take; absent or null: any. */
  readonly diskGbUsual?: number | null;
}

/** Those who have any. */
export interface QuotaRecords {
  readonly users: ReadonlyMap<UserId, Quotas>;
  readonly projects: ReadonlyMap<ProjectId, Quotas>;
  /** Absent: nobody's was reset. */
  readonly resets?: QuotaResets;
}

/** What counted for somebody's quotas counts no longer: the days before `day`, and of that day `used`. */
export interface QuotaReset {
  /** UTC. */
  readonly day: number;
  readonly used: Sums;
}

export interface QuotaResets {
  readonly users: ReadonlyMap<UserId, QuotaReset>;
  readonly projects: ReadonlyMap<ProjectId, QuotaReset>;
}

export const NO_QUOTAS: QuotaRecords = { users: new Map(), projects: new Map() };

/** A job that holds a task, or is about to. */
export interface Holder extends Claimant {
  readonly id: JobId;
  readonly executor: string;
  readonly needs: Needs;
  /** Null: not yet. */
  readonly startedAt: Instant | null;
}

export type LimitScope = 'user' | 'project' | 'executor' | 'queue' | 'queue-user';

/** A limit that somebody's jobs are under. */
export interface Bound {
  readonly scope: LimitScope;
  /** Who or what reached it. */
  readonly name: string;
  readonly key: string;
  readonly limit: number;
}

/** What the jobs of one claimant on one executor are held to. */
export interface Ruled {
  readonly payers: readonly Payer[];
  /** Every limit that they are under, the widest last. */
  readonly bounds: readonly Bound[];
  /** Keys of everything they count for. */
  readonly counters: readonly string[];
}

/** Everything a job counts for. */
function countersOf({ user, project, queue }: Claimant, executor: string | null): string[] {
  const keys = payersOf({ user, project }).map(({ key }) => key);
  if (executor !== null) keys.push(`executor ${executor}`);
  if (queue !== null) keys.push(`queue ${queue}`, queueUser(queue, user));
  return keys;
}

const countsAlike = (a: Holder, b: Holder): boolean =>
  a.user === b.user && a.project === b.project && a.queue === b.queue && a.executor === b.executor;

const isChargedAlike = (a: Holder, b: Holder): boolean =>
  a.startedAt === b.startedAt &&
  a.needs.cpuMilli === b.needs.cpuMilli &&
  a.needs.memMb === b.needs.memMb &&
  a.needs.gpus === b.needs.gpus;

const queueUser = (queue: string, user: UserId): string => JSON.stringify([queue, user]);

export class LimitBook {
  readonly #rules: LimitRules;
  readonly #queues: ReadonlyMap<string, QueueRule>;
  #quotas = NO_QUOTAS;
  readonly #ruled = new WeakMap<Claimant, Map<string | null, Ruled>>();
  readonly #holders = new Map<JobId, Holder>();
  readonly #running = new Map<string, number>();
  #settled: QuotaLedger;
  /** A copy shares it: nothing that is played changes it. */
  #disk: DiskBook;
  /** What is charged for those that run, by payer. */
  readonly #held = new Map<string, HeldUse>();

  constructor(rules: LimitRules) {
    this.#rules = rules;
    this.#settled = new QuotaLedger(rules.period);
    this.#disk = new DiskBook(rules.diskGbUsual ?? null);
    this.#queues = new Map(rules.queues.map((queue) => [queue.name, queue]));
  }

  /** Begins anew: what ended in the period, and what is alive. */
  load(ended: readonly DayUse[], live: Iterable<Holder>): void {
    const parts = [this.#holders, this.#running, this.#settled, this.#held];
    for (const part of parts) part.clear();
    for (const { owner, project, endedAt, ...sums } of ended)
      this.#end({ user: owner, project }, sums, endedAt);
    for (const holder of live) this.hold(holder);
  }

  /** The same counts, to go on with by themselves. */
  copy(): LimitBook {
    const copy = new LimitBook(this.#rules);
    copy.#quotas = this.#quotas;
    copy.#settled = this.#settled.copy();
    copy.#disk = this.#disk;
    for (const holder of this.#holders.values()) copy.hold(holder);
    return copy;
  }

  setQuotas(quotas: QuotaRecords): void {
    this.#quotas = quotas;
    const resets = new Map<string, QuotaReset>();
    for (const [id, reset] of quotas.resets?.users ?? []) resets.set(payer('user', id).key, reset);
    for (const [id, reset] of quotas.resets?.projects ?? [])
      resets.set(payer('project', id).key, reset);
    this.#settled.setResets(resets);
  }

  setDisk(accounts: readonly AccountDisk[]): void {
    this.#disk.set(accounts);
  }

  /** A job was planned, placed, found alive or started; what was known of it before is replaced. */
  hold(holder: Holder): void {
    const known = this.#holders.get(holder.id);
    // Most are planned, placed and started with nothing changed but their start: counters need not move.
    if (known !== undefined && countsAlike(known, holder)) {
      if (isChargedAlike(known, holder)) return;
      this.#holders.set(holder.id, holder);
      for (const { key } of payersOf(holder)) {
        const held = this.#held.get(key);
        held?.hold(holder);
        held?.release(known);
      }
      return;
    }
    this.release(holder.id);
    this.#holders.set(holder.id, holder);
    for (const key of countersOf(holder, holder.executor))
      this.#running.set(key, this.running(key) + 1);
    for (const { key } of payersOf(holder)) {
      let held = this.#held.get(key);
      if (held === undefined) {
        held = new HeldUse(this.advanceMs);
        this.#held.set(key, held);
      }
      held.hold(holder);
    }
  }

  /** The job holds no task, nor is it about to. */
  release(id: JobId): void {
    const holder = this.#holders.get(id);
    if (holder === undefined) return;
    this.#holders.delete(id);
    for (const key of countersOf(holder, holder.executor)) {
      const left = this.running(key) - 1;
      if (left === 0) this.#running.delete(key);
      else this.#running.set(key, left);
    }
    for (const { key } of payersOf(holder)) {
      const held = this.#held.get(key);
      held?.release(holder);
      // What rounding left behind must not outlive the jobs.
      if (held?.jobs === 0) this.#held.delete(key);
    }
  }

  /** A launch has ended; `usedMs` 0 when nothing ran or the system failed. */
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
    this.release(id);
    if (of.usedMs > 0) this.#end(of, sumsOf(of.needs, of.usedMs), of.endedAt);
  }

  holders(): Iterable<JobId> {
    return this.#holders.keys();
  }

  /** Jobs that run in a queue of the site. */
  runningIn(queue: string): number {
    return this.running(`queue ${queue}`);
  }

  /** Higher goes first. */
  priorityOf(queue: string | null): number {
    const rule = queue === null ? undefined : this.#queues.get(queue);
    return rule?.priority ?? QUEUE_PRIORITY_USUAL;
  }

  /** Undefined: nothing is bounded, so nothing need be asked. */
  allowanceAt(at: Instant): Allowance | undefined {
    const { user, project, executor } = this.#rules.running;
    const isBounded =
      [user, project, executor].some((limit) => limit !== null) ||
      this.#rules.queues.some(
        ({ maxRunning, maxRunningPerUser }) => maxRunning !== null || maxRunningPerUser !== null,
      ) ||
      this.#rules.diskGbUsual != null ||
      this.#quotas.users.size > 0 ||
      this.#quotas.projects.size > 0;
    return isBounded ? new CycleAllowance(this, at) : undefined;
  }

  // ---- for the cycle's allowance

  running(key: string): number {
    return this.#running.get(key) ?? 0;
  }

  get advanceMs(): number {
    return this.#rules.advanceMs;
  }

  quotasOf({ scope, name }: Payer): Quotas | undefined {
    return scope === 'user'
      ? this.#quotas.users.get(name as UserId)
      : this.#quotas.projects.get(name as ProjectId);
  }

  /** By claimant, the very object, and executor: it depends on nothing else. */
  ruleOf(claimant: Claimant, executor: string | null): Ruled {
    let own = this.#ruled.get(claimant);
    if (own === undefined) {
      own = new Map();
      this.#ruled.set(claimant, own);
    }
    let ruled = own.get(executor);
    if (ruled === undefined) {
      ruled = {
        payers: payersOf(claimant),
        bounds: this.#boundsOf(claimant, executor),
        counters: countersOf(claimant, executor),
      };
      own.set(executor, ruled);
    }
    return ruled;
  }

  #boundsOf({ user, project, queue }: Claimant, executor: string | null): Bound[] {
    const { running } = this.#rules;
    const rule = queue === null ? undefined : this.#queues.get(queue);
    const bounds: Bound[] = [];
    const add = (
      scope: LimitScope,
      name: string,
      key: string,
      limit: number | null | undefined,
    ) => {
      if (limit != null) bounds.push({ scope, name, key, limit });
    };
    add('user', user, `user ${user}`, running.user);
    if (project !== PROJECT_OF_ALL) add('project', project, `project ${project}`, running.project);
    if (queue !== null) {
      add('queue-user', queue, queueUser(queue, user), rule?.maxRunningPerUser);
      add('queue', queue, `queue ${queue}`, rule?.maxRunning);
    }
    if (executor !== null) add('executor', executor, `executor ${executor}`, running.executor);
    return bounds;
  }

  settledOf({ key }: Payer, at: Instant): Sums {
    return this.#settled.total(key, at);
  }

  diskReached(payer: Payer): QuotaReached | null {
    return this.#disk.reached(payer, this.quotasOf(payer));
  }

  heldOf({ key }: Payer, at: Instant): Sums {
    return this.#held.get(key)?.at(at) ?? NO_USE;
  }

  /** When enough of what has ended will count no longer; null: the job asks for more than the whole quota. */
  freesUpAt({ key }: Payer, reached: QuotaReached, needs: Needs, at: Instant): Instant | null {
    const { quota, limit } = reached;
    // Directories go when somebody removes them.
    if (quota === DISK_QUOTA) return null;
    return this.#settled.freesUpAt(key, at, (left) => isPassed(quota, limit, left, needs));
  }

  #end(of: Pick<Claimant, 'user' | 'project'>, sums: Sums, endedAt: Instant): void {
    for (const { key } of payersOf(of)) this.#settled.add(key, sums, endedAt);
  }
}
