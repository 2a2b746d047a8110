/**
 * A process of ours in the simulated world. Whatever reaches it, and whatever it does to the outside, passes here, so that it
 * can be stopped, or ended between any two steps.
 */
import type { Clock, Timer, Timers } from '../../src/contracts/clock.js';
import type { Log } from '../../src/contracts/log.js';
import { instant } from '../../src/core/units.js';
import type { SimTime } from './time.js';
import type { Trace } from './trace.js';

export const NEVER = new Promise<never>(() => {});
const EPOCH_MS = 1_800_000_000_000;

export interface ProcessPorts {
  readonly time: SimTime;
  readonly trace: Trace;
  /** Called once, when it is ended from outside or between two steps. */
  readonly died: () => void;
  /** What was thrown into the event loop: a bug. */
  readonly failed: (error: unknown) => void;
}

export class SimProcess implements Clock, Timers {
  readonly name: string;
  readonly #ports: ProcessPorts;
  isDead = false;
  isStopped = false;
  /** How far its machine's wall clock is off. */
  wallOffsetMs = 0;
  /** Dies when it has taken so many more steps; infinite: it lives on. */
  stepsLeft = Number.POSITIVE_INFINITY;
  /** Timers that wait, for finding leaks. */
  timers = 0;
  readonly #held: (() => void)[] = [];

  constructor(name: string, ports: ProcessPorts) {
    this.name = name;
    this.#ports = ports;
  }

  // ---- what reaches it

  enter(call: () => void): void {
    if (this.isDead) return;
    if (this.isStopped) {
      this.#held.push(call);
      return;
    }
    try {
      call();
    } catch (error) {
      this.#ports.failed(error);
    }
  }

  // ---- what it does

  /** One step towards the outside. False: it does not happen any more. */
  leaves(what: string): boolean {
    if (this.isDead) return false;
    this.stepsLeft -= 1;
    if (this.stepsLeft >= 0) return true;
    this.kill(`before ${what}`);
    return false;
  }

  // ---- what is done to it

  /** As by `kill -9`. */
  kill(when: string): void {
    if (this.isDead) return;
    this.isDead = true;
    this.#held.length = 0;
    this.#ports.trace.add(this.name, `dies ${when}`);
    this.#ports.died();
  }

  /** As by SIGSTOP. */
  freeze(): void {
    this.isStopped = true;
    this.#ports.trace.add(this.name, 'frozen');
  }

  /** As by SIGCONT: what came meanwhile comes now, in its order. */
  thaw(): void {
    this.#ports.trace.add(this.name, 'thawed');
    this.isStopped = false;
    for (const call of this.#held.splice(0)) this.#ports.time.after(0, () => this.enter(call));
  }

  // ---- its clock and timers

  now() {
    return instant(EPOCH_MS + this.#ports.time.nowMs + this.wallOffsetMs);
  }

  monotonicMs(): number {
    return this.#ports.time.nowMs;
  }

  after(delayMs: number, call: () => void): Timer {
    if (this.isDead) return { cancel() {} };
    let isWaiting = true;
    this.timers += 1;
    const settle = (): boolean => {
      if (!isWaiting) return false;
      isWaiting = false;
      this.timers -= 1;
      return true;
    };
    const timer = this.#ports.time.after(delayMs, () =>
      this.enter(() => {
        if (settle()) call();
      }),
    );
    return {
      cancel: () => {
        if (settle()) timer.cancel();
      },
    };
  }

  soon(call: () => void): void {
    this.after(0, call);
  }

  readonly log: Log = {
    debug: () => {},
    info: (message, facts) => this.#ports.trace.add(this.name, `${message} ${textOf(facts)}`),
    warn: (message, facts) => this.#ports.trace.add(this.name, `${message} ${textOf(facts)}`),
    error: (message, facts) => this.#ports.trace.add(this.name, `${message} ${textOf(facts)}`),
    with: () => this.log,
  };
}

const textOf = (facts: unknown): string => {
  if (facts === undefined) return '';
  return JSON.stringify(facts, (_, value: unknown) =>
    value instanceof Error ? value.message : value,
  );
};
