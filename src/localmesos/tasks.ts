/** The life of tasks: launched by ACCEPT, told by the containerizer, killed, reconciled, settled. */

import { KILL_GRACE_MS } from '../contracts/limits.js';
import type {
  CallAccept,
  CallKill,
  CallReconcileTask,
  OfferOperation,
  TaskInfo,
  TaskState,
  TaskStatus,
} from '../mesos/messages.js';
import type { Agent } from './agent.js';
import type { Allocator } from './allocator.js';
import { type Amount, common, EMPTY, fromWire, minus, plus } from './amounts.js';
import type { Books, Ports } from './books.js';
import type { ContainerEvent, End } from './containerizer.js';
import { endWords } from './end-words.js';
import type { Framework } from './framework.js';
import type { KeptTask } from './journal.js';
import { offersProblem, taskProblem } from './launch-checks.js';
import { afterLong } from './long-timer.js';
import { isBackAfterReboot, isLosing, lossOf } from './losses.js';
import type { Offer } from './offers.js';
import { agentStatus, containerStatus, graceOf, launchOf, millisecondsOf } from './statuses.js';
import { isTerminal, type Task, type TaskGroup } from './task.js';
import { Updates } from './updates.js';

interface Room {
  readonly framework: Framework;
  readonly agent: Agent;
  readonly role: string;
  free: Amount;
}

export class Tasks {
  readonly updates: Updates;
  readonly #books: Books;
  readonly #ports: Ports;
  readonly #allocator: Allocator;
  readonly #bootId: string;

  constructor(books: Books, ports: Ports, allocator: Allocator, bootId: string) {
    this.#books = books;
    this.#ports = ports;
    this.#allocator = allocator;
    this.#bootId = bootId;
    this.updates = new Updates(books, ports, (task) => this.#settle(task));
  }

  /** Uses offers: launches what the operations say, gives the rest back. */
  accept(framework: Framework, accept: CallAccept): void {
    const offerIds = (accept.offer_ids ?? []).map(({ value }) => value);
    const operations = accept.operations ?? [];
    const offers = offerIds.flatMap((id) => this.#books.offers.get(id) ?? []);
    const mine = [...new Set(offers)].filter((offer) => offer.framework === framework);
    const problem = offersProblem(offerIds, this.#books.offers, framework);
    for (const offer of mine) this.#allocator.close(offer);
    const first = mine[0];
    if (problem !== null || first === undefined) {
      for (const offer of mine) this.#release(offer);
      this.#drop(framework, operations, `Task launched with invalid offers: ${problem}`);
      return;
    }
    const { agent, role } = first;
    const free = mine.reduce((sum, { amount }) => plus(sum, amount), EMPTY);
    const room: Room = { framework, agent, role, free };
    const launched = operations.flatMap((operation) => this.#operate(room, operation));
    // What is left goes back only now: an allocation in between would offer it twice.
    const isDecline = operations.length === 0;
    this.#allocator.giveBack(first, room.free, accept.filters?.refuse_seconds, isDecline);
    this.#launch(launched);
  }

  /** What the containerizer saw. */
  happened(event: ContainerEvent): void {
    const task = this.#books.containers.get(event.containerId);
    if (task === undefined || task.isReleased) return;
    switch (event.kind) {
      case 'starting':
        this.updates.push(task, this.#status(task, 'TASK_STARTING', {}));
        break;
      case 'started': {
        const { pid, ip, data, ranMs = 0 } = event;
        task.containerStatus = containerStatus(task, ip ?? task.agent.ip, pid);
        const told = data === null ? {} : { data };
        this.updates.push(task, this.#status(task, 'TASK_RUNNING', told));
        this.#limitTime(task, ranMs);
        break;
      }
      case 'ended':
        this.#end(task, event.end);
        break;
    }
  }

  kill(framework: Framework, kill: CallKill): void {
    const task = framework.tasks.get(kill.task_id.value);
    if (task === undefined) {
      this.#reconcileOne(framework, kill);
      return;
    }
    if (kill.agent_id !== undefined && kill.agent_id.value !== task.agent.id) return;
    if (isTerminal(task.state)) return;
    if (task.agent.condition !== 'here') {
      this.#sayLatest(task);
      return;
    }
    this.killTask(
      task,
      graceOf(kill.kill_policy) ?? graceOf(task.info.kill_policy) ?? KILL_GRACE_MS,
    );
  }

  killTask(task: Task, graceMs: number): void {
    this.#ports.journal.killWanted(task, graceMs);
    const isFirst = task.endWanted !== 'kill';
    task.endWanted = 'kill';
    const isUp = task.state === 'TASK_RUNNING' || task.state === 'TASK_STARTING';
    if (isFirst && isUp && task.framework.can('TASK_KILLING_STATE')) {
      this.updates.push(task, this.#status(task, 'TASK_KILLING', {}));
    }
    this.#ports.containerizer.kill(task.containerId, graceMs);
  }

  /** Explicit for the tasks named; implicit, all that live, when none is. */
  reconcile(framework: Framework, named: readonly CallReconcileTask[]): void {
    if (named.length > 0) {
      for (const task of named) this.#reconcileOne(framework, task);
      return;
    }
    for (const task of framework.tasks.values()) this.#sayLatest(task);
  }

  acknowledge(framework: Framework, taskId: string, uuid: string): void {
    const task = framework.tasks.get(taskId);
    if (task !== undefined) this.updates.acknowledge(task, uuid);
  }

  /** It went with its agent: the master says so once, and forgets it. */
  lostForGood(task: Task): void {
    const { id: taskId, framework, agent } = task;
    this.updates.drop(task);
    this.#settle(task);
    const words = lossOf(agent, framework.can('PARTITION_AWARE'));
    this.updates.say(framework, { taskId, agentId: agent.id, ...words });
    if (isBackAfterReboot(agent)) this.#allocator.touch(agent);
  }

  /** The framework is gone for good: nobody will ask about this task again. */
  abandon(task: Task): void {
    this.updates.drop(task);
    if (task.isReleased) this.#settle(task);
    else this.killTask(task, graceOf(task.info.kill_policy) ?? KILL_GRACE_MS);
  }

  /** Takes a task of a former life into the books. Its containerizer tells the rest. */
  restore(kept: KeptTask, framework: Framework, agent: Agent): Task {
    // The agent may be smaller now than when the task was launched.
    const amount = common(agent.free, fromWire(kept.info.resources));
    const task = this.#make(kept, { framework, agent, role: kept.role, amount, group: null });
    task.endWanted = kept.killGraceMs === null ? null : 'kill';
    if (kept.end !== null) {
      task.isReleased = true;
      this.updates.push(task, kept.end);
      return task;
    }
    task.state = 'TASK_RUNNING';
    task.told = 'TASK_RUNNING';
    agent.free = minus(agent.free, amount);
    agent.tasks.add(task);
    this.#allocator.hold(framework, kept.role, amount);
    return task;
  }

  #operate(room: Room, operation: OfferOperation): Task[] {
    if (operation.type === 'LAUNCH') {
      return (operation.launch?.task_infos ?? []).flatMap((info) => this.#admit(room, info) ?? []);
    }
    if (operation.type === 'LAUNCH_GROUP' && operation.launch_group !== undefined) {
      const { executor, task_group } = operation.launch_group;
      const group: TaskGroup = {
        executorId: executor.executor_id.value,
        containerId: this.#ports.uuid(),
        live: new Set(),
      };
      return (task_group.tasks ?? []).flatMap((info) => this.#admit(room, info, group) ?? []);
    }
    this.#ports.log.warn('operation not supported by the local node', { type: operation.type });
    if (operation.id !== undefined) {
      const message = 'The local node supports LAUNCH and LAUNCH_GROUP only';
      const status = { operation_id: operation.id, state: 'OPERATION_ERROR' as const, message };
      room.framework.stream?.send({
        type: 'UPDATE_OPERATION_STATUS',
        update_operation_status: { status },
      });
    }
    return [];
  }

  /** Books one task, or tells what is wrong with it. */
  #admit(room: Room, info: TaskInfo, group: TaskGroup | null = null): Task | undefined {
    const { framework, agent, role } = room;
    const message = taskProblem(info, room);
    if (message !== null) {
      this.updates.say(framework, {
        taskId: info.task_id.value,
        agentId: info.agent_id.value,
        state: 'TASK_ERROR',
        reason: 'REASON_TASK_INVALID',
        message,
      });
      return undefined;
    }
    const amount = plus(fromWire(info.resources), fromWire(info.executor?.resources));
    room.free = minus(room.free, amount);
    const executorId = group?.executorId ?? info.executor?.executor_id.value ?? info.task_id.value;
    const facts = { containerId: this.#ports.uuid(), executorId, bootId: this.#bootId, info };
    const task = this.#make(facts, { framework, agent, role, amount, group });
    agent.tasks.add(task);
    group?.live.add(task);
    this.#ports.journal.launched(task);
    return task;
  }

  #make(
    {
      containerId,
      executorId,
      bootId,
      info,
    }: Pick<KeptTask, 'containerId' | 'executorId' | 'bootId' | 'info'>,
    placed: Pick<Task, 'framework' | 'agent' | 'role' | 'amount' | 'group'>,
  ): Task {
    const { framework, agent, role, amount, group } = placed;
    const task: Task = {
      framework,
      agent,
      role,
      amount,
      group,
      id: info.task_id.value,
      info,
      executorId,
      containerId,
      bootId,
      state: 'TASK_STAGING',
      told: 'TASK_STAGING',
      containerStatus: {},
      unacknowledged: [],
      history: [],
      resendAtMs: 0,
      resendMs: 0,
      endWanted: null,
      isReleased: false,
    };
    task.containerStatus = containerStatus(task, agent.ip, null);
    framework.tasks.set(task.id, task);
    this.#books.containers.set(containerId, task);
    return task;
  }

  /** The intent is recorded before anything runs. */
  #launch(tasks: readonly Task[]): void {
    if (tasks.length === 0) return;
    try {
      this.#ports.journal.flush();
    } catch (cause) {
      this.#ports.log.error('tasks could not be recorded', { cause: String(cause) });
      const end: End = { kind: 'launch-failed', message: `the node cannot record it: ${cause}` };
      for (const task of tasks) this.#end(task, end);
      return;
    }
    for (const task of tasks) {
      if (task.info.executor !== undefined) {
        const message = 'the local node runs no custom executors';
        this.#end(task, { kind: 'launch-failed', message });
      } else this.#ports.containerizer.launch(launchOf(task));
    }
  }

  #release(offer: Offer): void {
    this.#allocator.release(offer.framework, offer.role, offer.agent, offer.amount);
  }

  #drop(framework: Framework, operations: readonly OfferOperation[], message: string): void {
    const state = framework.can('PARTITION_AWARE') ? 'TASK_DROPPED' : 'TASK_LOST';
    for (const { launch, launch_group } of operations) {
      for (const info of [
        ...(launch?.task_infos ?? []),
        ...(launch_group?.task_group.tasks ?? []),
      ]) {
        this.updates.say(framework, {
          taskId: info.task_id.value,
          agentId: info.agent_id.value,
          state,
          reason: 'REASON_INVALID_OFFERS',
          message,
        });
      }
    }
  }

  #end(task: Task, end: End): void {
    task.isReleased = true;
    const { framework, agent, group } = task;
    agent.tasks.delete(task);
    this.#allocator.release(framework, task.role, agent, task.amount);
    const words = endWords(task, end, this.#ports.containerizer.noun);
    this.#books.count(words.state.toLowerCase().replace('task_', 'tasks_'));
    if (!this.#books.frameworks.has(framework.id)) {
      this.#settle(task);
      return;
    }
    if (isLosing(agent)) {
      this.lostForGood(task);
      return;
    }
    const status = this.#status(task, words.state, words);
    this.#ports.journal.ended(task, status);
    this.updates.push(task, status);
    if (group !== null) this.#endGroup(group, task);
  }

  /** A member that ends badly takes the others with it; after the last one the executor ends. */
  #endGroup(group: TaskGroup, task: Task): void {
    group.live.delete(task);
    if (task.state !== 'TASK_FINISHED') {
      for (const other of group.live)
        if (other.endWanted === null) this.killTask(other, KILL_GRACE_MS);
    }
    if (group.live.size > 0) return;
    task.framework.stream?.send({
      type: 'FAILURE',
      failure: {
        agent_id: { value: task.agent.id },
        executor_id: { value: group.executorId },
        status: 0,
      },
    });
  }

  #settle(task: Task): void {
    task.framework.complete(task);
    this.#books.containers.delete(task.containerId);
    this.#ports.journal.settled(task);
    this.#ports.containerizer.forget(task.containerId);
  }

  #limitTime(task: Task, ranMs: number): void {
    const nanoseconds = task.info.max_completion_time?.nanoseconds;
    if (nanoseconds === undefined) return;
    const leftMs = Math.max(0, millisecondsOf(nanoseconds) - ranMs);
    afterLong(this.#ports.timers, leftMs, () => {
      if (task.isReleased || task.endWanted !== null) return;
      task.endWanted = 'max-completion-time';
      const graceMs = graceOf(task.info.kill_policy) ?? KILL_GRACE_MS;
      this.#ports.containerizer.kill(task.containerId, graceMs);
    });
  }

  #status(task: Task, state: TaskState, more: Partial<TaskStatus>): TaskStatus {
    const { clock, uuid } = this.#ports;
    return agentStatus(task, { ...more, state }, { atMs: clock.now(), uuid: uuid() });
  }

  #reconcileOne(framework: Framework, { task_id, agent_id }: CallReconcileTask): void {
    const task = framework.tasks.get(task_id.value);
    if (task !== undefined) {
      this.#sayLatest(task);
      return;
    }
    const agent = this.#books.agents.get(agent_id?.value ?? '');
    const isKnownAgent = agent !== undefined;
    const ofKnown: TaskState = agent?.condition === 'gone' ? 'TASK_GONE_BY_OPERATOR' : 'TASK_GONE';
    const told: TaskState = isKnownAgent ? ofKnown : 'TASK_UNKNOWN';
    this.updates.say(framework, {
      taskId: task_id.value,
      agentId: agent_id?.value,
      state: framework.can('PARTITION_AWARE') ? told : 'TASK_LOST',
      reason: 'REASON_RECONCILIATION',
      message: `Reconciliation: Task is unknown${isKnownAgent ? ' to the agent' : ''}`,
    });
  }

  #sayLatest(task: Task): void {
    this.updates.say(task.framework, {
      taskId: task.id,
      agentId: task.agent.id,
      state: task.told,
      reason: 'REASON_RECONCILIATION',
      message: 'Reconciliation: Latest task state',
      ...(task.told === 'TASK_STAGING' ? {} : { containerStatus: task.containerStatus }),
    });
  }
}
