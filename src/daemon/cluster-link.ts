/**
 * The scheduler's side of one executor: holds its offers, asks for more or for none, and reconciles after every
 * subscription until the cluster has answered for each task.
 */

import type { Clock, Timer, Timers } from '../contracts/clock.js';
import type {
  Cluster,
  ClusterListener,
  ClusterOffer,
  LeaveAnswer,
  LeaveRequest,
  TaskUpdate,
} from '../contracts/cluster.js';
import { OFFER_HELD_MS_MAX, REFUSE_MS, REVIVE_EACH_MS_MIN } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { AgentId, Instant, OfferId, TaskId } from '../core/units.js';
import { OfferBook } from './offer-book.js';
import { Reconciliation } from './reconciliation.js';

export interface TaskRef {
  readonly taskId: TaskId;
  readonly agentId: AgentId | null;
}

/** What the link tells the scheduler. */
export interface LinkOwner {
  /** A subscription began; everything is being asked about anew. */
  connected(link: ClusterLink): void;
  offersChanged(): void;
  updated(link: ClusterLink, update: TaskUpdate): void;
  /** Every task of this executor that a job holds, or may hold. */
  tasksOf(executor: string): readonly TaskRef[];
  /** How many of our tasks there, or of all, may still run at that instant. */
  staysBeyond(executor: string, agentId: AgentId | null, from: Instant): number;
  /** Whether any job waits that this executor could take. */
  hasPending(): boolean;
}

export interface LinkPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

/** Without a single offer for a job that waits, we ask again after this. */
const WANT_AGAIN_MS = 15_000;

export class ClusterLink implements ClusterListener {
  readonly cluster: Cluster;
  readonly book = new OfferBook();
  readonly #owner: LinkOwner;
  readonly #ports: LinkPorts;
  readonly #reconciliation: Reconciliation;
  /** When (monotonic) `askIfSilent` last asked about a task. */
  readonly #askedMs = new Map<TaskId, number>();
  #isConnected = false;
  #isSuppressed = false;
  #revivedAtMs = Number.NEGATIVE_INFINITY;
  #suppressedAtMs = Number.NEGATIVE_INFINITY;
  #ageTimer: Timer | undefined;
  #reviveTimer: Timer | undefined;
  /** Why the cluster will not have us, or null. Shown by readiness. */
  refusal: string | null = null;

  constructor(cluster: Cluster, owner: LinkOwner, ports: LinkPorts) {
    this.cluster = cluster;
    this.#owner = owner;
    this.#ports = ports;
    this.#reconciliation = new Reconciliation(cluster, ports, () => owner.tasksOf(cluster.name));
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** What an administrator should know, or null. */
  trouble(): string | null {
    if (this.refusal !== null) return `executor ${this.cluster.name} refuses us: ${this.refusal}`;
    return this.#isConnected ? null : `executor ${this.cluster.name} is not connected`;
  }

  async start(): Promise<void> {
    await this.cluster.start(this);
  }

  async stop(how: { readonly isAtOnce: boolean }): Promise<void> {
    this.#isConnected = false;
    this.#dropTimers();
    await this.cluster.stop(how);
  }

  #dropTimers(): void {
    for (const timer of [this.#ageTimer, this.#reviveTimer]) timer?.cancel();
    this.#ageTimer = this.#reviveTimer = undefined;
    this.#reconciliation.stop();
  }

  // ---- what the cluster tells

  connected(facts: { readonly frameworkId: string; readonly isNew: boolean }): void {
    this.#ports.log.info('connected to the cluster', facts);
    this.#isConnected = true;
    this.refusal = null;
    // A new subscription starts unsuppressed, and all offers of before are void.
    this.#isSuppressed = false;
    this.book.clear();
    this.#reconciliation.begin();
    this.#owner.connected(this);
  }

  disconnected(because: string): void {
    if (this.#isConnected) this.#ports.log.warn('cluster connection lost', { because });
    this.#isConnected = false;
    this.book.clear();
    this.#dropTimers();
  }

  refused(because: string): void {
    this.#ports.log.error('the cluster refuses us', { because });
    this.refusal = because;
  }

  offers(offers: readonly ClusterOffer[]): void {
    const executor = this.cluster.name;
    const nowMs = this.#ports.clock.monotonicMs();
    this.book.add(
      offers.map((offer) => ({ ...offer, executor })),
      nowMs,
    );
    // Who still offers so late did not hear that we want none.
    if (nowMs - this.#suppressedAtMs >= OFFER_HELD_MS_MAX) this.#isSuppressed = false;
    this.#watchAge();
    this.#owner.offersChanged();
  }

  rescinded(offerId: OfferId): void {
    this.book.remove([offerId]);
  }

  updated(update: TaskUpdate): void {
    this.#reconciliation.settle(update.taskId);
    this.#owner.updated(this, update);
  }

  agentFailed(agentId: AgentId): void {
    this.#ports.log.warn('agent failed', { agentId });
  }

  mayLeave({ agentId, from }: LeaveRequest): LeaveAnswer {
    const jobs = this.#owner.staysBeyond(this.cluster.name, agentId, from);
    if (jobs === 0) {
      this.#ports.log.info('an agent may leave for maintenance', { agentId, from });
      return { kind: 'yes' };
    }
    const because = 'jobs may still run then; nothing is ended for it';
    this.#ports.log.warn('an agent may not leave for maintenance yet', {
      agentId,
      from,
      jobs,
      because,
    });
    return { kind: 'no', jobs };
  }

  // ---- offers

  /** Offers of these agents, and of no others, are held for as long as the master lets us. */
  keep(agents: ReadonlySet<AgentId>): void {
    this.book.keep(agents);
    this.#watchAge();
  }

  /** A job waits and no held offer fits it: ask for all there is. */
  want(): void {
    if (!this.#isConnected || this.#reviveTimer !== undefined) return;
    const sinceMs = this.#ports.clock.monotonicMs() - this.#revivedAtMs;
    if (sinceMs >= REVIVE_EACH_MS_MIN) {
      this.#revive();
      return;
    }
    // REVIVE clears all filters, so they are rationed; the wish is kept.
    this.#reviveTimer = this.#ports.timers.after(REVIVE_EACH_MS_MIN - sinceMs, () => {
      this.#reviveTimer = undefined;
      // Offers may have come meanwhile, but the job that wished for them may still wait.
      if (this.#isConnected && this.#owner.hasPending()) this.#revive();
    });
  }

  /** Calls are at most once, so a wish for offers that brought none is said again now and then. */
  wantAgain(): void {
    const sinceMs = this.#ports.clock.monotonicMs() - this.#revivedAtMs;
    const isHeard = this.book.size > 0 || sinceMs < WANT_AGAIN_MS;
    if (this.#isConnected && !isHeard && this.#owner.hasPending()) this.#revive();
  }

  #revive(): void {
    this.#revivedAtMs = this.#ports.clock.monotonicMs();
    this.#isSuppressed = false;
    this.cluster.revive();
  }

  /** Offers older than `OFFER_HELD_MS_MAX` go back: other frameworks wait for what we hoard. */
  #watchAge(): void {
    if (this.#ageTimer !== undefined) return;
    const oldest = this.book.oldestMs();
    if (oldest === undefined) return;
    const inMs = Math.max(0, oldest + OFFER_HELD_MS_MAX - this.#ports.clock.monotonicMs());
    this.#ageTimer = this.#ports.timers.after(inMs, () => {
      this.#ageTimer = undefined;
      const old = this.book.takeOlder(OFFER_HELD_MS_MAX, this.#ports.clock.monotonicMs());
      if (old.length > 0) this.cluster.decline(old, REFUSE_MS);
      // Not only when the last one went: with many agents new ones would always have come meanwhile.
      if (old.length > 0 && !this.#owner.hasPending() && !this.#isSuppressed) {
        this.#isSuppressed = true;
        this.#suppressedAtMs = this.#ports.clock.monotonicMs();
        this.cluster.suppress();
      }
      this.#watchAge();
    });
  }

  get isSuppressed(): boolean {
    return this.#isSuppressed;
  }

  // ---- reconciliation

  /** Asks about one task now, and again until it is answered. */
  ask(task: TaskRef): void {
    this.#reconciliation.ask(task, { isConnected: this.#isConnected });
  }

  /** Asks about a task of which nothing was heard for long, unless it was asked about within `eachMs`. */
  askIfSilent(task: TaskRef, eachMs: number): void {
    const nowMs = this.#ports.clock.monotonicMs();
    const askedMs = this.#askedMs.get(task.taskId) ?? Number.NEGATIVE_INFINITY;
    if (this.#reconciliation.isUnanswered(task.taskId) || nowMs - askedMs < eachMs) return;
    this.#askedMs.set(task.taskId, nowMs);
    this.ask(task);
  }

  /** Our part of a task is over: nobody waits for an answer any more. */
  forget(taskId: TaskId): void {
    this.#reconciliation.settle(taskId);
    this.#askedMs.delete(taskId);
  }
}
