/**
 * Asks a cluster about our tasks after every subscription, until it has answered for each. In portions, each after the answers to
 * the one before: answers to ten thousand tasks at once would stand in the way of offers and of news for seconds.
 */
import type { Timer, Timers } from '../contracts/clock.js';
import type { Cluster } from '../contracts/cluster.js';
import { RECONCILE_TASKS_MAX } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { TaskId } from '../core/units.js';
import type { TaskRef } from './cluster-link.js';

export interface ReconciliationPorts {
  readonly timers: Timers;
  readonly log: Log;
}

/** Between portions: room for what is more urgent, a launch above all. */
const PORTION_PAUSE_MS = 100;
const AGAIN_MS_MIN = 1_000;
const AGAIN_MS_MAX = 15_000;
/** Everything is asked about again this often: a lost message heals. */
const ALL_EACH_MS = 15 * 60_000;

export class Reconciliation {
  readonly #cluster: Pick<Cluster, 'reconcile'>;
  readonly #ports: ReconciliationPorts;
  /** Every task that a job holds, or may hold. */
  readonly #tasks: () => readonly TaskRef[];
  readonly #unanswered = new Map<TaskId, TaskRef>();
  /** Those of a round whose turn has not come. */
  #rest: readonly TaskRef[] = [];
  /** The round has more than one portion. */
  #isLong = false;
  /** Asked about in this round's latest portion, without an answer. */
  readonly #portion = new Set<TaskId>();
  /** The last question of a round is about all that the cluster knows: it finds tasks that no job holds. */
  #isAllDue = false;
  #portionTimer: Timer | undefined;
  #againTimer: Timer | undefined;
  #allTimer: Timer | undefined;

  constructor(
    cluster: Pick<Cluster, 'reconcile'>,
    ports: ReconciliationPorts,
    tasks: () => readonly TaskRef[],
  ) {
    this.#cluster = cluster;
    this.#ports = ports;
    this.#tasks = tasks;
  }

  /** A new subscription, or time: everything anew. */
  begin(): void {
    const tasks = this.#tasks();
    this.#unanswered.clear();
    for (const task of tasks) this.#unanswered.set(task.taskId, task);
    this.#rest = tasks;
    this.#isLong = tasks.length > RECONCILE_TASKS_MAX;
    this.#isAllDue = true;
    this.#next();
    this.#askAgain(AGAIN_MS_MIN);
    this.#allTimer?.cancel();
    this.#allTimer = this.#ports.timers.after(ALL_EACH_MS, () => this.begin());
  }

  /** The subscription is over; what is unanswered stays so until the next one. */
  stop(): void {
    for (const timer of [this.#portionTimer, this.#againTimer, this.#allTimer]) timer?.cancel();
    this.#portionTimer = this.#againTimer = this.#allTimer = undefined;
    this.#rest = [];
    this.#portion.clear();
    this.#isAllDue = false;
  }

  isUnanswered(taskId: TaskId): boolean {
    return this.#unanswered.has(taskId);
  }

  /** To be asked about, at once where `isConnected`, and again until it is answered. */
  ask(task: TaskRef, { isConnected }: { readonly isConnected: boolean }): void {
    this.#unanswered.set(task.taskId, task);
    if (!isConnected) return;
    this.#cluster.reconcile([task]);
    this.#askAgain(AGAIN_MS_MIN);
  }

  /** The cluster told of the task, or nobody waits for its word any more. */
  settle(taskId: TaskId): void {
    this.#unanswered.delete(taskId);
    if (!this.#portion.delete(taskId) || this.#portion.size > 0) return;
    if (this.#rest.length === 0 && !this.#isLong) this.#next();
    else this.#portionTimer = this.#ports.timers.after(PORTION_PAUSE_MS, () => this.#next());
  }

  /** The next portion, or the question about all. */
  #next(): void {
    this.#portionTimer?.cancel();
    this.#portion.clear();
    const waiting = this.#rest.filter(({ taskId }) => this.#unanswered.has(taskId));
    const tasks = waiting.slice(0, RECONCILE_TASKS_MAX);
    this.#rest = waiting.slice(RECONCILE_TASKS_MAX);
    for (const { taskId } of tasks) this.#portion.add(taskId);
    if (tasks.length > 0) this.#cluster.reconcile(tasks);
    else if (this.#isAllDue) {
      this.#isAllDue = false;
      this.#cluster.reconcile([]);
    }
  }

  /** Silence is no answer: asked again with back-off, for as long as it takes. It holds up nobody else's turn. */
  #askAgain(pauseMs: number): void {
    this.#againTimer?.cancel();
    this.#againTimer = this.#ports.timers.after(pauseMs, () => {
      this.#againTimer = undefined;
      const later = new Set(this.#rest.map(({ taskId }) => taskId));
      const asked = [...this.#unanswered.values()].filter(({ taskId }) => !later.has(taskId));
      if (asked.length > 0) {
        this.#ports.log.info('asking again about tasks', { tasks: asked.length });
        this.#cluster.reconcile(asked);
      }
      if (this.#rest.length > 0 || this.#isAllDue) this.#next();
      if (this.#unanswered.size > 0 || this.#isAllDue)
        this.#askAgain(Math.min(2 * pauseMs, AGAIN_MS_MAX));
    });
  }
}
