/**
 * Status updates on their way: one at a time for each task, the next one held back until the framework acknowledged,
 * repeated after ten seconds and then ever more rarely, as a real agent does.
 */
import type { Timer } from '../contracts/clock.js';
import type { TaskState, TaskStatus, TaskStatusReason } from '../mesos/messages.js';
import type { Books, Ports } from './books.js';
import type { Framework } from './framework.js';
import { isTerminal, RESEND_MS_MAX, RESEND_MS_MIN, type Task } from './task.js';

const RESEND_LOOK_EACH_MS = 1_000;

/** What the master itself says about a task: never repeated, never acknowledged. */
export interface MasterWord {
  readonly taskId: string;
  readonly agentId: string | undefined;
  readonly state: TaskState;
  readonly reason: TaskStatusReason;
  readonly message: string;
  readonly containerStatus?: TaskStatus['container_status'];
}

export class Updates {
  readonly #books: Books;
  readonly #ports: Ports;
  /** Called when the end of a task was acknowledged. */
  readonly #settled: (task: Task) => void;
  readonly #waiting = new Set<Task>();
  #look: Timer | null = null;

  constructor(books: Books, ports: Ports, settled: (task: Task) => void) {
    this.#books = books;
    this.#ports = ports;
    this.#settled = settled;
  }

  /** A new state of a task, as its agent tells it. */
  push(task: Task, status: TaskStatus): void {
    task.state = status.state;
    task.history.push(status);
    task.unacknowledged.push(status);
    if (task.unacknowledged.length === 1) this.#sendFirst(task);
  }

  /** The framework has stored the update. Anything but the update on its way is late or foreign. */
  acknowledge(task: Task, uuid: string): void {
    const first = task.unacknowledged[0];
    if (first === undefined || first.uuid !== uuid) return;
    task.unacknowledged.shift();
    if (task.unacknowledged.length > 0) {
      this.#sendFirst(task);
      return;
    }
    this.#waiting.delete(task);
    if (isTerminal(first.state)) this.#settled(task);
  }

  /** A framework came back: what it may have missed is sent again at once. */
  resendAll(framework: Framework): void {
    for (const task of framework.tasks.values()) this.resend(task);
  }

  /** What was not acknowledged of one task. */
  resend(task: Task): void {
    if (task.unacknowledged.length > 0) this.#sendFirst(task);
  }

  /** Nobody waits for this task's updates any more. */
  drop(task: Task): void {
    task.unacknowledged.length = 0;
    this.#waiting.delete(task);
  }

  say(framework: Framework, word: MasterWord): void {
    const [state, reason] = [word.state.toLowerCase(), word.reason.toLowerCase()];
    if (reason !== 'reason_reconciliation') this.#books.count(`${state}/source_master/${reason}`);
    framework.stream?.send({
      type: 'UPDATE',
      update: {
        status: {
          task_id: { value: word.taskId },
          state: word.state,
          message: word.message,
          source: 'SOURCE_MASTER',
          reason: word.reason,
          ...(word.agentId === undefined ? {} : { agent_id: { value: word.agentId } }),
          timestamp: this.#ports.clock.now() / 1_000,
          ...(word.containerStatus === undefined ? {} : { container_status: word.containerStatus }),
        },
      },
    });
  }

  stop(): void {
    this.#look?.cancel();
    this.#look = null;
  }

  #sendFirst(task: Task): void {
    task.resendMs = RESEND_MS_MIN;
    task.resendAtMs = this.#ports.clock.monotonicMs() + task.resendMs;
    this.#waiting.add(task);
    this.#send(task);
    if (this.#look === null) this.#lookLater();
  }

  #send(task: Task): void {
    const status = task.unacknowledged[0];
    const isCut = task.framework.stream === null || task.agent.condition !== 'here';
    if (status === undefined || isCut) return;
    task.told = status.state;
    this.#books.count('messages_status_update');
    task.framework.stream?.send({ type: 'UPDATE', update: { status } });
  }

  #lookLater(): void {
    this.#look = this.#ports.timers.after(RESEND_LOOK_EACH_MS, () => {
      this.#look = null;
      const nowMs = this.#ports.clock.monotonicMs();
      for (const task of this.#waiting) {
        if (task.resendAtMs > nowMs) continue;
        task.resendMs = Math.min(RESEND_MS_MAX, task.resendMs * 2);
        task.resendAtMs = nowMs + task.resendMs;
        this.#send(task);
      }
      if (this.#waiting.size > 0) this.#lookLater();
    });
  }
}
