/**
 * The cluster of the scenarios: it knows agents, offers and tasks, outlives the daemon, and writes down each breach of
 * what must always hold. By itself it only answers reconciliations and repeats, to a new subscription, the updates
 * that nobody acknowledged.
 */
import type {
  ClusterOffer,
  LaunchAnswer,
  LaunchBatch,
  TaskOrder,
  TaskState,
  TaskUpdate,
} from '../../src/contracts/cluster.js';
import { isLive } from '../../src/core/job.js';
import {
  type AgentId,
  agentId,
  type OfferId,
  offerId,
  parseTaskId,
  type TaskId,
} from '../../src/core/units.js';
import type { FakeTime } from '../support/fake-time.js';
import type { MemoryRecord } from '../support/memory-store.js';
import type { FakeCluster } from './fake-cluster.js';

export interface FakeTask {
  readonly taskId: TaskId;
  readonly agentId: AgentId;
  readonly labels: Readonly<Record<string, string>>;
  isAlive: boolean;
  /** Reported lost, gone or unreachable, and not seen since. */
  isCutOff: boolean;
  /** Reported lost or gone, if only once: another launch beside it is nobody's fault. */
  isExcused: boolean;
  last: TaskState;
  /** Everything reported with a receipt and not acknowledged. */
  readonly unacknowledged: TaskUpdate[];
  kills: number;
}

/**
 * What becomes of the next ACCEPT. `taken` and `lost` get no answer: the tasks run, or never will. `late`: no answer,
 * and the command arrives when the test says so, unless a new subscription shuts it out before. `held`: the tasks
 * run, the answer waits.
 */
export type LaunchFate = 'sent' | 'refused' | 'taken' | 'lost' | 'late' | 'held' | 'dropped';

export interface Told {
  readonly message?: string | null;
  readonly reason?: string | null;
}

const ENDS = new Set<TaskState>([
  'finished',
  'failed',
  'killed',
  'error',
  'lost',
  'dropped',
  'gone',
  'gone-by-operator',
]);
/** The master's own words about tasks: they carry no uuid. */
const OF_THE_MASTER = new Set<TaskState>([
  ...(['error', 'lost', 'dropped', 'unreachable', 'gone', 'gone-by-operator', 'unknown'] as const),
]);
const CUT_OFF = new Set<TaskState>(['lost', 'gone', 'unreachable', 'gone-by-operator', 'unknown']);

export class FakeMaster {
  readonly #time: FakeTime;
  readonly #record: MemoryRecord;
  readonly offers = new Map<OfferId, ClusterOffer>();
  readonly tasks = new Map<TaskId, FakeTask>();
  /** Calls in order, as short texts. */
  readonly calls: string[] = [];
  /** Breaches of what must always hold. */
  readonly faults: string[] = [];
  /** Fates of the next ACCEPTs; an empty list means `sent`. */
  readonly fates: LaunchFate[] = [];
  /** All that was reported with a receipt, in order. */
  readonly updates: TaskUpdate[] = [];
  /** Neither updates nor kills arrive; agents repeat what has a receipt. */
  isDeaf = false;
  /** As a real master: labels of tasks stand on its pages, not in updates. */
  hidesLabels = false;
  /** The record forgot launches, so their numbers may be tried again. */
  isRestored = false;
  readonly #used = new Set<OfferId>();
  readonly #late: { session: FakeCluster; orders: readonly TaskOrder[] }[] = [];
  readonly #held: { answer: (answer: LaunchAnswer) => void }[] = [];
  /** What reconciliation says of a task, whatever is true; `silence`: nothing. */
  readonly says = new Map<TaskId, TaskState | 'silence'>();
  session: FakeCluster | undefined;
  #waiting: FakeCluster | undefined;
  #isUp = true;
  #counter = 0;

  constructor(time: FakeTime, record: MemoryRecord) {
    this.#time = time;
    this.#record = record;
  }

  // ---- the connection

  connect(session: FakeCluster): void {
    this.#waiting = session;
    if (!this.#isUp) return;
    if (this.session !== undefined && this.session !== session) this.session.lost('replaced');
    this.session = session;
    // A new stream shuts out what older ones sent.
    this.#late.length = 0;
    this.offers.clear();
    session.subscribed();
    this.resend();
  }

  gone(session: FakeCluster): void {
    if (this.#waiting === session) this.#waiting = undefined;
    if (this.session !== session) return;
    this.session = undefined;
    this.offers.clear();
  }

  down(): void {
    this.#isUp = false;
    this.offers.clear();
    const { session } = this;
    this.session = undefined;
    session?.lost('the master is away');
  }

  up(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    if (this.#waiting !== undefined) this.connect(this.#waiting);
  }

  // ---- offers

  offer(agent: string, cpus: number): OfferId {
    this.#counter += 1;
    const id = offerId(`o${this.#counter}`);
    const offer: ClusterOffer = {
      id,
      agentId: agentId(agent),
      host: agent,
      role: '*',
      free: { cpuMilli: cpus * 1_000, memMb: cpus * 1_000, gpus: 0, ports: [], custom: {} },
      attributes: {},
      unavailableFrom: null,
    };
    if (this.session === undefined) return id;
    this.offers.set(id, offer);
    this.session.hears((listener) => listener.offers([offer]));
    return id;
  }

  rescind(id: OfferId): void {
    if (this.offers.delete(id)) this.session?.hears((listener) => listener.rescinded(id));
  }

  declined(ids: readonly OfferId[], refuseMs: number): void {
    this.calls.push(`decline ${ids.join(',')} ${refuseMs}`);
    for (const id of ids) {
      if (this.#used.has(id)) this.faults.push(`offer ${id} declined after its use`);
      this.offers.delete(id);
    }
  }

  // ---- launches

  accept(session: FakeCluster, { offerIds, orders }: LaunchBatch): Promise<LaunchAnswer> {
    const names = orders.map(({ taskId }) => taskId);
    this.calls.push(`accept ${names.join(',')}`);
    for (const id of offerIds) if (this.#used.has(id)) this.faults.push(`offer ${id} used twice`);
    if (offerIds.some((id) => !this.offers.has(id))) {
      for (const id of offerIds) this.offers.delete(id);
      return Promise.resolve('refused');
    }
    for (const id of offerIds) {
      this.offers.delete(id);
      this.#used.add(id);
    }
    for (const order of orders) this.#checkIntent(order);
    return this.#decide(session, orders, this.fates.shift() ?? 'sent');
  }

  #decide(
    session: FakeCluster,
    orders: readonly TaskOrder[],
    fate: LaunchFate,
  ): Promise<LaunchAnswer> {
    if (fate === 'refused') return Promise.resolve('refused');
    if (fate === 'late') this.#late.push({ session, orders });
    if (fate === 'sent' || fate === 'taken' || fate === 'held') this.#take(orders);
    if (fate === 'dropped')
      for (const { taskId, agentId: agent } of orders)
        this.#say(taskId, agent, 'dropped', { reason: 'invalid-offers' });
    if (fate === 'held')
      return new Promise((answer) => {
        this.#held.push({ answer });
      });
    return Promise.resolve(fate === 'sent' || fate === 'dropped' ? 'sent' : 'doubt');
  }

  #checkIntent({ taskId, jobId }: TaskOrder): void {
    const job = this.#record.jobs.get(jobId);
    const isIntended = job?.state === 'launching' && job.placement.taskId === taskId;
    if (!isIntended) this.faults.push(`${taskId} launched while its record is ${job?.state}`);
  }

  #take(orders: readonly TaskOrder[]): void {
    for (const { taskId, agentId: agent, labels } of orders) {
      const known = this.tasks.get(taskId);
      if (known !== undefined && !this.isRestored) this.faults.push(`task id ${taskId} used twice`);
      // A real master keeps a task until its end is acknowledged.
      if (known !== undefined && (known.isAlive || known.unacknowledged.length > 0)) {
        const message = `Task has duplicate ID: ${taskId}`;
        this.#say(taskId, agent, 'error', { reason: 'task-invalid', message });
        continue;
      }
      for (const other of this.tasksOf(taskId))
        if (other.isAlive && !other.isExcused)
          this.faults.push(`${taskId} launched beside ${other.taskId}`);
      this.run(taskId, agent, labels);
    }
  }

  /** A task that runs from now on, whoever launched it. */
  run(taskId: TaskId, agent: AgentId, labels: Readonly<Record<string, string>>): void {
    this.tasks.set(taskId, {
      taskId,
      agentId: agent,
      labels,
      isAlive: true,
      isCutOff: false,
      isExcused: false,
      last: 'staging',
      unacknowledged: [],
      kills: 0,
    });
  }

  /** The commands that were on their way arrive. */
  arrive(): void {
    for (const { session, orders } of this.#late.splice(0))
      if (session === this.session) this.#take(orders);
  }

  answerHeld(answer: LaunchAnswer): void {
    for (const held of this.#held.splice(0)) held.answer(answer);
  }

  /** All tasks of one job. */
  tasksOf(taskId: TaskId): FakeTask[] {
    const jobId = parseTaskId(taskId)?.jobId;
    return [...this.tasks.values()].filter((task) => parseTaskId(task.taskId)?.jobId === jobId);
  }

  // ---- updates

  report(taskId: TaskId, state: TaskState, told: Told = {}): void {
    const task = this.tasks.get(taskId);
    if (task === undefined) return;
    task.last = state;
    task.isCutOff = CUT_OFF.has(state);
    if (task.isCutOff && state !== 'unreachable') task.isExcused = true;
    if (ENDS.has(state)) task.isAlive = task.isCutOff;
    const update = this.#update(task, state, told);
    if (update.receipt !== null) {
      task.unacknowledged.push(update);
      this.updates.push(update);
    }
    if (!this.isDeaf) this.deliver(update);
  }

  #say(taskId: TaskId, agent: AgentId | null, state: TaskState, told: Told): void {
    const labels = this.tasks.get(taskId)?.labels ?? {};
    this.deliver(this.#update({ taskId, agentId: agent, labels }, state, told));
  }

  #update(
    task: {
      readonly taskId: TaskId;
      readonly agentId: AgentId | null;
      readonly labels: Readonly<Record<string, string>>;
    },
    state: TaskState,
    { message = null, reason = null }: Told,
  ): TaskUpdate {
    this.#counter += 1;
    const hasReceipt = reason !== 'reconciliation' && !OF_THE_MASTER.has(state);
    return {
      taskId: task.taskId,
      agentId: task.agentId,
      state,
      reason,
      message,
      at: this.#time.now(),
      containerId: null,
      ipAddress: null,
      labels: this.hidesLabels ? {} : task.labels,
      receipt: hasReceipt ? `uuid-${this.#counter}` : null,
    };
  }

  deliver(update: TaskUpdate): void {
    this.session?.tells(update);
  }

  /** Agents send again what nobody acknowledged. */
  resend(): void {
    for (const task of this.tasks.values())
      for (const update of task.unacknowledged) this.deliver(update);
  }

  acknowledged(update: TaskUpdate): void {
    this.calls.push(`acknowledge ${update.taskId} ${update.state}`);
    if (update.receipt === null) this.faults.push(`${update.taskId}: nothing to acknowledge`);
    this.#checkStored(update);
    const task = this.tasks.get(update.taskId);
    const at = task?.unacknowledged.findIndex(({ receipt }) => receipt === update.receipt) ?? -1;
    if (at >= 0) task?.unacknowledged.splice(at, 1);
  }

  /** What an acknowledged update tells must stand in the record. */
  #checkStored({ taskId, state }: TaskUpdate): void {
    const ours = parseTaskId(taskId);
    const job = ours === undefined ? undefined : this.#record.jobs.get(ours.jobId);
    if (job === undefined || !isLive(job) || job.placement.taskId !== taskId) return;
    if (ENDS.has(state)) this.faults.push(`${taskId} ${state} acknowledged before it was stored`);
    if (state === 'running' && (job.state === 'launching' || job.state === 'unreachable'))
      this.faults.push(`${taskId} running acknowledged before it was stored`);
  }

  killed(taskId: TaskId): void {
    this.calls.push(`kill ${taskId}`);
    const task = this.tasks.get(taskId);
    if (task !== undefined && !this.isDeaf) task.kills += 1;
  }

  // ---- reconciliation

  reconcile(tasks: readonly { readonly taskId: TaskId; readonly agentId: AgentId | null }[]): void {
    this.calls.push(`reconcile ${tasks.map(({ taskId }) => taskId).join(',') || 'all'}`);
    const { session } = this;
    this.#time.after(1, () => {
      if (session === undefined || session !== this.session) return;
      if (tasks.length > 0) for (const { taskId, agentId } of tasks) this.#answer(taskId, agentId);
      else
        for (const task of this.tasks.values())
          if (task.isAlive && !task.isCutOff) this.#answer(task.taskId, task.agentId);
    });
  }

  #answer(taskId: TaskId, agent: AgentId | null): void {
    const said = this.says.get(taskId);
    if (said === 'silence') return;
    // Whatever agent the question named: the master knows where its tasks are.
    const where = this.tasks.get(taskId)?.agentId ?? agent;
    this.#say(taskId, where, said ?? this.#truth(taskId), { reason: 'reconciliation' });
  }

  #truth(taskId: TaskId): TaskState {
    const task = this.tasks.get(taskId);
    if (task === undefined) return 'gone';
    if (task.isCutOff) return task.last === 'unreachable' ? 'unreachable' : 'gone';
    if (task.isAlive) return task.last;
    // A master forgets a task when its end was acknowledged.
    return task.unacknowledged.length > 0 ? task.last : 'gone';
  }
}
