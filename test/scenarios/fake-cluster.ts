/** One term's connection to the fake master, as the executor plugin of that term. */
import type {
  Cluster,
  ClusterListener,
  LaunchAnswer,
  LaunchBatch,
  TaskUpdate,
} from '../../src/contracts/cluster.js';
import type { OfferId, TaskId } from '../../src/core/units.js';
import type { FakeTime } from '../support/fake-time.js';
import type { FakeMaster } from './fake-master.js';

/** The process that holds the connection. */
export interface Holder {
  readonly isDead: boolean;
  readonly isPaused: boolean;
  /** Something reaches the process, which may be dead or stopped. */
  meets(call: () => void): void;
  /** Called before (and after) a call reaches the master; may end the process. */
  reaches(point: string): void;
}

export class FakeCluster implements Cluster {
  readonly name = 'mesos';
  readonly features = ['kill'] as const;
  readonly #master: FakeMaster;
  readonly #time: FakeTime;
  readonly #holder: Holder;
  #listener: ClusterListener | undefined;
  #isStopped = false;
  #isConnected = false;
  /** Launches without an answer on the present stream: nothing is asked about them before the next. */
  readonly #doubts = new Set<TaskId>();
  readonly #unanswered = new Set<TaskId>();
  readonly #arrived = new Set<TaskId>();

  constructor(master: FakeMaster, time: FakeTime, holder: Holder) {
    this.#master = master;
    this.#time = time;
    this.#holder = holder;
  }

  async start(listener: ClusterListener): Promise<void> {
    this.#listener = listener;
    this.#master.connect(this);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#isConnected = false;
    if (!this.#holder.isDead) this.#master.gone(this);
  }

  /** The master speaks. */
  hears(word: (listener: ClusterListener) => void): void {
    this.#holder.meets(() => {
      if (!this.#isStopped && this.#listener !== undefined) word(this.#listener);
    });
  }

  /** News of a task prove that its launch has arrived. */
  tells(update: TaskUpdate): void {
    if (update.reason !== 'reconciliation') {
      this.#doubts.delete(update.taskId);
      if (this.#unanswered.has(update.taskId)) this.#arrived.add(update.taskId);
    }
    this.hears((listener) => listener.updated(update));
  }

  subscribed(): void {
    this.#isConnected = true;
    this.#doubts.clear();
    this.hears((listener) => listener.connected({ frameworkId: 'f1', isNew: false }));
  }

  lost(because: string): void {
    this.#isConnected = false;
    this.hears((listener) => listener.disconnected(because));
  }

  async launch(batches: readonly LaunchBatch[]): Promise<readonly LaunchAnswer[]> {
    return Promise.all(batches.map((batch) => this.#launch(batch)));
  }

  async #launch(batch: LaunchBatch): Promise<LaunchAnswer> {
    this.#holder.reaches('before accept');
    if (this.#holder.isPaused) {
      await new Promise<void>((go) => this.#holder.meets(go));
      // The call was made while the term lasted; by now it has no stream.
      if (this.#isStopped) return 'refused';
    }
    if (!this.#reachesMaster('accept')) return 'refused';
    for (const { taskId } of batch.orders) this.#unanswered.add(taskId);
    const answered = this.#master.accept(this, batch);
    this.#holder.reaches('after accept');
    const answer = await answered;
    if (this.#holder.isDead) return new Promise(() => {});
    for (const { taskId } of batch.orders) {
      this.#unanswered.delete(taskId);
      if (!this.#arrived.delete(taskId) && answer === 'doubt') this.#doubts.add(taskId);
    }
    return answer;
  }

  decline(offerIds: readonly OfferId[], refuseMs: number): void {
    if (this.#reachesMaster('decline')) this.#master.declined(offerIds, refuseMs);
  }

  suppress(): void {
    if (this.#reachesMaster('suppress')) this.#master.calls.push('suppress');
  }

  revive(): void {
    if (this.#reachesMaster('revive')) this.#master.calls.push('revive');
  }

  kill({ taskId }: Parameters<Cluster['kill']>[0]): void {
    if (this.#reachesMaster('kill') && !this.#doubts.has(taskId)) this.#master.killed(taskId);
  }

  reconcile(tasks: Parameters<Cluster['reconcile']>[0]): void {
    if (!this.#reachesMaster('reconcile')) return;
    const settled = tasks.filter(({ taskId }) => !this.#doubts.has(taskId));
    if (tasks.length === 0 || settled.length > 0) this.#master.reconcile(settled);
  }

  acknowledge(update: TaskUpdate): void {
    this.#holder.reaches('before acknowledge');
    if (this.#reachesMaster('acknowledge')) this.#master.acknowledged(update);
    this.#holder.reaches('after acknowledge');
  }

  resubscribe(because: string): void {
    if (!this.#reachesMaster('resubscribe')) return;
    this.#master.calls.push('resubscribe');
    this.#master.gone(this);
    this.lost(because);
    this.#time.after(1, () => {
      if (!this.#isStopped && !this.#holder.isDead) this.#master.connect(this);
    });
  }

  /** Whether a call gets through. A call of a term that is over is a breach. */
  #reachesMaster(call: string): boolean {
    if (this.#holder.isDead) return false;
    if (this.#isStopped) this.#master.faults.push(`${call} after the end of the term`);
    return !this.#isStopped && this.#isConnected;
  }
}
