/** Work that comes again after a pause, one turn at a time, until it is stopped. A store that is away is waited for. */
import type { Timer, Timers } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';

export interface TurnsPorts {
  readonly timers: Timers;
  /** A bug of ours: there is no further turn. */
  readonly failed: (error: unknown) => void;
}

export interface Turn {
  /** Milliseconds until the next one. May throw; a `ServiceError` is told once, until a turn comes to its end. */
  readonly work: () => Promise<number>;
  /** Told of the first of several failures of the world. */
  readonly away: (error: ServiceError) => void;
  /** Told of the first turn that comes to its end again. */
  readonly back?: () => void;
  /** Milliseconds until the next one after such a failure. */
  readonly awayMs: number;
}

export class Turns {
  readonly #ports: TurnsPorts;
  readonly #turn: Turn;
  #timer: Timer | undefined;
  #working: Promise<void> = Promise.resolve();
  #isStopped = true;
  #isAway = false;

  constructor(ports: TurnsPorts, turn: Turn) {
    this.#ports = ports;
    this.#turn = turn;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  start(): void {
    this.#isStopped = false;
    this.#later(0);
  }

  /** What is under way is finished. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#working;
  }

  #later(ms: number): void {
    if (this.#isStopped) return;
    this.#timer = this.#ports.timers.after(ms, () => {
      this.#working = this.#take();
    });
  }

  async #take(): Promise<void> {
    let pauseMs = this.#turn.awayMs;
    try {
      pauseMs = await this.#turn.work();
      if (this.#isAway) this.#turn.back?.();
      this.#isAway = false;
    } catch (error) {
      if (!(error instanceof ServiceError)) {
        this.#ports.failed(error);
        return;
      }
      if (!this.#isAway) this.#turn.away(error);
      this.#isAway = true;
    }
    this.#later(pauseMs);
  }
}
