/** The cluster's kinds of agents, asked for now and then while we lead. What was told last stays in force. */
import type { Timer, Timers } from '../contracts/clock.js';
import { INVENTORY_EACH_MS } from '../contracts/limits.js';
import type { AgentShape } from '../core/obstacle.js';

/** Until the first answer: a master may start after us. */
const UNTIL_TOLD_MS = 5_000;

export interface InventoryPorts {
  readonly timers: Timers;
  readonly inventory?: () => Promise<readonly AgentShape[] | null>;
}

export class Inventory {
  readonly #ports: InventoryPorts;
  #timer: Timer | undefined;
  #isClosed = false;
  #latest: readonly AgentShape[] | null = null;
  readonly #told: (inventory: readonly AgentShape[] | null) => void;

  constructor(
    ports: InventoryPorts,
    told: (inventory: readonly AgentShape[] | null) => void = () => {},
  ) {
    this.#ports = ports;
    this.#told = told;
  }

  get latest(): readonly AgentShape[] | null {
    return this.#latest;
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
    if (this.#isClosed) return;
    this.#told(this.#latest);
    const pauseMs = this.#latest === null ? UNTIL_TOLD_MS : INVENTORY_EACH_MS;
    this.#timer = this.#ports.timers.after(pauseMs, () => void this.#turn());
  }
}
