/** Looks, every few seconds, for what notices did not tell. */
import type { Timer } from '../contracts/clock.js';
import { SWEEP_EACH_MS } from '../contracts/limits.js';
import { type SchedulerPorts, worldFailed } from './ports.js';

export class Sweep {
  readonly #ports: Pick<SchedulerPorts, 'timers' | 'log' | 'failed'>;
  readonly #look: () => Promise<void>;
  #timer: Timer | undefined;
  #isClosed = false;

  /** @param look may fail with the world: the next sweep tries again */
  constructor(ports: Pick<SchedulerPorts, 'timers' | 'log' | 'failed'>, look: () => Promise<void>) {
    this.#ports = ports;
    this.#look = look;
  }

  start(): void {
    this.#timer = this.#ports.timers.after(SWEEP_EACH_MS, () => void this.#turn());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #turn(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      worldFailed(this.#ports, 'sweep not finished', error);
    }
    if (!this.#isClosed) this.start();
  }
}
