/**
 * What operators and networks do to a cluster, at the word of a test: agents that become unreachable, come back or are
 * given up for good, machines that are switched off and on, offers that are rescinded, simulated tasks that come to their end. The updates are those that a real master sends then.
 */
import type { TaskState, TaskStatusReason } from '../mesos/messages.js';
import type { Agent } from './agent.js';
import type { AgentLives } from './agent-lives.js';
import type { Allocator } from './allocator.js';
import type { Books } from './books.js';
import type { Containerizer } from './containerizer.js';
import { isLosing } from './losses.js';
import type { Task } from './task.js';
import type { Tasks } from './tasks.js';

/** The faults, in the words of the request: `{"fault": "agent-away", "agent": "<id>"}`. */
export const FAULTS = [
  'agent-away',
  'agent-back',
  'agent-gone',
  'agent-reboot',
  'agent-replaced',
  'rescind',
  'tasks-end',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Why a request is none, as a sentence. */
export class NoSuchFault extends Error {}

export class FaultControl {
  readonly #books: Books;
  readonly #allocator: Allocator;
  readonly #tasks: Tasks;
  readonly #lives: AgentLives;
  readonly #containerizer: Containerizer;

  constructor(
    books: Books,
    parts: {
      readonly allocator: Allocator;
      readonly tasks: Tasks;
      readonly lives: AgentLives;
      readonly containerizer: Containerizer;
    },
  ) {
    this.#books = books;
    this.#allocator = parts.allocator;
    this.#tasks = parts.tasks;
    this.#lives = parts.lives;
    this.#containerizer = parts.containerizer;
  }

  /** @throws NoSuchFault naming the field that is wrong. */
  carryOut(request: unknown): void {
    const { fault, agent: id } = (request ?? {}) as { fault?: unknown; agent?: unknown };
    const isKnown = FAULTS.some((name) => name === fault);
    if (!isKnown) throw new NoSuchFault(`fault must be one of ${FAULTS.join(', ')}`);
    if (fault === 'rescind') {
      for (const agent of this.#books.agents.values()) this.#lives.rescindAll(agent);
      return;
    }
    if (fault === 'tasks-end') {
      this.#endTasks();
      return;
    }
    const agent = typeof id === 'string' ? this.#books.agents.get(id) : undefined;
    if (agent === undefined) throw new NoSuchFault('agent must be the id of an agent');
    if (fault === 'agent-away') this.#leave(agent);
    else if (fault === 'agent-back') this.#comeBack(agent);
    else if (fault === 'agent-gone') this.#lives.end(agent, 'gone');
    else if (fault === 'agent-reboot') this.#lives.end(agent, 'rebooting');
    else this.#replace(agent);
  }

  #endTasks(): void {
    const { endAll, name } = this.#containerizer;
    if (endAll === undefined) throw new NoSuchFault(`fault: tasks of ${name} end by themselves`);
    endAll.call(this.#containerizer);
  }

  /** The master has not heard of the agent for long; its tasks go on. */
  #leave(agent: Agent): void {
    if (agent.condition !== 'here') return;
    agent.condition = 'away';
    this.#lives.rescindAll(agent);
    for (const task of this.#lives.tasksOf(agent)) {
      task.told = 'TASK_UNREACHABLE';
      this.#say(task, 'TASK_UNREACHABLE', 'REASON_AGENT_REMOVED', 'Agent is unreachable');
    }
    this.#lives.tellFailure(agent);
  }

  #comeBack(agent: Agent): void {
    if (agent.condition !== 'away') return;
    agent.condition = 'here';
    for (const task of this.#lives.tasksOf(agent)) {
      if (!task.isReleased) {
        task.told = task.state;
        this.#say(task, task.state, 'REASON_AGENT_REREGISTERED', 'Unreachable agent reregistered');
      }
      this.#tasks.updates.resend(task);
    }
    this.#allocator.touch(agent);
  }

  /** The machine has lost all that its agent knew: it registers as a new one. */
  #replace(agent: Agent): void {
    if (isLosing(agent)) return;
    this.#lives.end(agent, 'replaced');
    this.#lives.registerAnew(agent);
  }

  #say(task: Task, state: TaskState, reason: TaskStatusReason, message: string): void {
    const { id: taskId, agent, framework } = task;
    this.#tasks.updates.say(framework, { taskId, agentId: agent.id, state, reason, message });
  }
}
