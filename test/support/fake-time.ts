/** A clock and timers that a test moves by hand: nothing happens until it says so. */
import type { Clock, Timer, Timers } from '../../src/contracts/clock.js';
import { instant } from '../../src/core/units.js';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly call: () => void;
}

export class FakeTime implements Clock, Timers {
  #nowMs = 0;
  #order = 0;
  readonly #due = new Set<Due>();
  #epochMs: number;

  constructor(epochMs = 1_800_000_000_000) {
    this.#epochMs = epochMs;
  }

  now() {
    return instant(this.#epochMs + this.#nowMs);
  }

  /** Somebody sets the wall clock; what is left of pauses stays as it was. */
  jump(ms: number): void {
    this.#epochMs += ms;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void): Timer {
    const due = { atMs: this.#nowMs + delayMs, order: this.#order++, call };
    this.#due.add(due);
    return { cancel: () => this.#due.delete(due) };
  }

  soon(call: () => void): void {
    this.after(0, call);
  }

  /** Lets time pass without a timer, as for a process that was stopped. */
  sleep(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets time pass; timers run in order, and what they promise is settled before the next one. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = [...this.#due]
        .filter((due) => due.atMs <= endMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#due.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.call();
      await settle();
    }
    this.#nowMs = endMs;
  }
}

/** Lets promises that are already decided run their course, however long their chain. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
