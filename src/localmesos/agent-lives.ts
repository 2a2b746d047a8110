/** How agents leave and come back: what runs there ends, offers are void, frameworks hear of it as from a real master. */
import type { Agent } from './agent.js';
import type { Allocator } from './allocator.js';
import type { Books } from './books.js';
import type { Containerizer } from './containerizer.js';
import { isBackAfterReboot, isLosing } from './losses.js';
import type { Task } from './task.js';
import type { Tasks } from './tasks.js';

/** In which an agent loses what it runs. */
export type LosingCondition = 'gone' | 'rebooting' | 'replaced' | 'down';

export interface AgentParts {
  readonly allocator: Allocator;
  readonly tasks: Tasks;
  readonly containerizer: Containerizer;
}

export class AgentLives {
  readonly #books: Books;
  readonly #parts: AgentParts;

  constructor(books: Books, parts: AgentParts) {
    this.#books = books;
    this.#parts = parts;
  }

  /** What runs there ends, within `graceMs`; only then its loss is told. */
  end(agent: Agent, condition: LosingCondition, graceMs = 0): void {
    if (isLosing(agent)) return;
    const { tasks, containerizer, allocator } = this.#parts;
    agent.condition = condition;
    this.rescindAll(agent);
    for (const task of this.tasksOf(agent)) {
      if (task.isReleased) tasks.lostForGood(task);
      else containerizer.kill(task.containerId, graceMs);
    }
    this.tellFailure(agent);
    if (isBackAfterReboot(agent)) allocator.touch(agent);
  }

  /** The machine registers as a new agent: it has lost all that the former one knew. A restart of the node forgets that. */
  registerAnew(agent: Agent): void {
    agent.condition = 'replaced';
    this.#parts.allocator.addAgent({
      ...agent,
      id: `${this.#books.masterId}-S${this.#books.agents.size}`,
      condition: 'here',
      unavailability: null,
      free: agent.total,
      offers: new Set(),
      tasks: new Set(),
    });
  }

  /** All that the frameworks have not settled. */
  tasksOf(agent: Agent): Task[] {
    return [...this.#books.frameworks.values()].flatMap((framework) =>
      [...framework.tasks.values()].filter((task) => task.agent === agent),
    );
  }

  rescindAll(agent: Agent): void {
    const { allocator } = this.#parts;
    for (const offer of [...agent.offers]) {
      allocator.close(offer);
      const rescind = { offer_id: { value: offer.id } };
      offer.framework.stream?.send({ type: 'RESCIND', rescind });
      allocator.release(offer.framework, offer.role, offer.agent, offer.amount);
    }
  }

  tellFailure(agent: Agent): void {
    const failure = { agent_id: { value: agent.id } };
    for (const { stream } of this.#books.frameworks.values())
      stream?.send({ type: 'FAILURE', failure });
  }
}
