/**
 * Counts what limits and quotas bound: jobs that run, by user, project, executor and queue; and what was used in the
 * period. A job counts from the moment a cycle has planned it, so that no burst slips through between two cycles.
 */
import type { Allowance, Claimant } from './allowance.js';
import { CycleAllowance } from './cycle-allowance.js';
import { HeldUse } from './held-use.js';
import { countersOf, type Payer, payersOf, queueUser } from './payers.js';
import { PROJECT_OF_ALL } from './policy.js';
import { isPassed, type QuotaReached, type Quotas } from './quota.js';
import { bucketOf, endOf, firstBucket, type QuotaPeriod } from './quota-period.js';
import type { Needs } from './resources.js';
import type { Instant, JobId, ProjectId, UserId } from './units.js';
import { added, type DayUse, NO_USE, type Sums, sumsOf } from './usage.js';

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
}

/** Those who have any. */
export interface QuotaRecords {
  readonly users: ReadonlyMap<UserId, Quotas>;
  readonly projects: ReadonlyMap<ProjectId, Quotas>;
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

export class LimitBook {
  readonly #rules: LimitRules;
  readonly #queues: ReadonlyMap<string, QueueRule>;
  #quotas = NO_QUOTAS;
  readonly #ruled = new WeakMap<Claimant, Map<string | null, Ruled>>();
  readonly #holders = new Map<JobId, Holder>();
  readonly #running = new Map<string, number>();
  /** By payer, then by bucket of the period. */
  readonly #settled = new Map<string, Map<number, Sums>>();
  /** What is charged for those that run, by payer. */
  readonly #held = new Map<string, HeldUse>();
  /** Sums over `#settled` by payer, for the period that begins with the bucket `first`. */
  readonly #sums = new Map<string, { readonly first: number; readonly sum: Sums }>();

  constructor(rules: LimitRules) {
    this.#rules = rules;
    this.#queues = new Map(rules.queues.map((queue) => [queue.name, queue]));
  }

  /** Begins anew: what ended in the period, and what is alive. */
  load(ended: readonly DayUse[], live: Iterable<Holder>): void {
    const parts = [this.#holders, this.#running, this.#settled, this.#held, this.#sums];
    for (const part of parts) part.clear();
    for (const { owner, project, endedAt, ...sums } of ended)
      this.#end({ user: owner, project }, sums, endedAt);
    for (const holder of live) this.hold(holder);
  }

  setQuotas(quotas: QuotaRecords): void {
    this.#quotas = quotas;
  }

  /** A job was planned, placed, found alive or started; what was known of it before is replaced. */
  hold(holder: Holder): void {
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
    const first = firstBucket(this.#rules.period, at);
    const known = this.#sums.get(key);
    if (known?.first === first) return known.sum;
    const buckets = this.#settled.get(key);
    let sum = NO_USE;
    for (const [bucket, sums] of buckets ?? [])
      if (bucket < first) buckets?.delete(bucket);
      else sum = added(sum, sums);
    this.#sums.set(key, { first, sum });
    return sum;
  }

  heldOf({ key }: Payer, at: Instant): Sums {
    return this.#held.get(key)?.at(at) ?? NO_USE;
  }

  /** When enough of what has ended will count no longer; null: the job asks for more than the whole quota. */
  freesUpAt({ key }: Payer, reached: QuotaReached, needs: Needs, at: Instant): Instant | null {
    const { period } = this.#rules;
    const { quota, limit } = reached;
    let left = this.settledOf({ key } as Payer, at);
    const buckets = [...(this.#settled.get(key) ?? [])].sort(([a], [b]) => a - b);
    for (const [bucket, sums] of buckets) {
      left = added(left, negative(sums));
      if (!isPassed(quota, limit, left, needs)) return endOf(period, bucket);
    }
    return null;
  }

  #end(of: Pick<Claimant, 'user' | 'project'>, sums: Sums, endedAt: Instant): void {
    const bucket = bucketOf(this.#rules.period, endedAt);
    for (const { key } of payersOf(of)) {
      this.#sums.delete(key);
      let buckets = this.#settled.get(key);
      if (buckets === undefined) {
        buckets = new Map();
        this.#settled.set(key, buckets);
      }
      buckets.set(bucket, added(buckets.get(bucket) ?? NO_USE, sums));
    }
  }
}

const negative = (sums: Sums): Sums =>
  Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, -sum])) as unknown as Sums;
