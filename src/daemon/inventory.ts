/** The cluster's agents, asked for now and then while we lead. What was told last stays in force; everybody may read it. */
import { AGENTS_SETTING, type ToldAgents } from '../contracts/agents.js';
import type { Timer, Timers } from '../contracts/clock.js';
import { INVENTORY_EACH_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { JobStore } from '../contracts/store.js';
import type { AgentShape } from '../core/obstacle.js';

/** Until the first answer: a master may start after us. */
const UNTIL_TOLD_MS = 5_000;

export interface InventoryPorts {
  readonly timers: Timers;
  readonly log: Log;
  readonly store: Pick<JobStore, 'putSetting'>;
  readonly inventory?: () => Promise<ToldAgents | null>;
}

export class Inventory {
  readonly #ports: InventoryPorts;
  #timer: Timer | undefined;
  #isClosed = false;
  #latest: ToldAgents | null = null;
  /** The list as it was last stored. */
  #stored = '';
  readonly #told: (latest: ToldAgents | null) => void;

  constructor(ports: InventoryPorts, told: (latest: ToldAgents | null) => void = () => {}) {
    this.#ports = ports;
    this.#told = told;
  }

  get latest(): readonly AgentShape[] | null {
    return this.#latest?.shapes ?? null;
  }

  start(): void {
    void this.#turn();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #turn(): Promise<void> {
    const told = await this.#ports.inventory?.();
    this.#latest = told ?? this.#latest;
    if (!this.#isClosed) await this.#store();
    if (this.#isClosed) return;
    this.#told(this.#latest);
    const pauseMs = this.#latest === null ? UNTIL_TOLD_MS : INVENTORY_EACH_MS;
    this.#timer = this.#ports.timers.after(pauseMs, () => void this.#turn());
  }

  async #store(): Promise<void> {
    if (this.#latest === null) return;
    const text = JSON.stringify(this.#latest.agents);
    if (text === this.#stored) return;
    try {
      await this.#ports.store.putSetting(AGENTS_SETTING, text);
      this.#stored = text;
    } catch (error) {
      this.#ports.log.warn('list of agents not stored; the next turn tries again', { error });
    }
  }
}
