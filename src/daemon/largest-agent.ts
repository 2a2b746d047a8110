/** Asks how large agents are when a rule wants a job's memory to grow: rarely, so what was told is kept for a while. */
import type { ToldAgents } from '../contracts/agents.js';
import type { Clock } from '../contracts/clock.js';
import { INVENTORY_EACH_MS } from '../contracts/limits.js';
import type { Job } from '../core/job.js';
import { largestMemMb } from '../core/largest-agent.js';

export interface LargestAgentPorts {
  readonly clock: Clock;
  /** The cluster's kinds of agents; absent or null: nobody knows. Never rejects. */
  readonly inventory?: () => Promise<ToldAgents | null>;
}

export class LargestAgent {
  readonly #ports: LargestAgentPorts;
  #told: Promise<ToldAgents | null> | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(ports: LargestAgentPorts) {
    this.#ports = ports;
  }

  /** Memory of the largest agent that suits the job, in megabytes; null when nobody knows, or no rule of the job asks. */
  async memMbFor({ spec, owner, project }: Job): Promise<number | null> {
    if (!spec.retries.some(({ growth }) => growth !== null)) return null;
    const { needs, constraints, executor } = spec;
    const demand = { needs, constraints, executor, tenant: { user: owner, project } };
    return largestMemMb(demand, (await this.#inventory())?.shapes ?? []);
  }

  #inventory(): Promise<ToldAgents | null> {
    const nowMs = this.#ports.clock.monotonicMs();
    if (this.#told === undefined || nowMs - this.#askedMs >= INVENTORY_EACH_MS) {
      this.#askedMs = nowMs;
      this.#told = this.#ports.inventory?.() ?? Promise.resolve(null);
    }
    return this.#told;
  }
}
