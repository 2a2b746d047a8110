/** Time and chance as ports: the simulation replaces them all. */
import type { Instant } from '../core/units.js';

export interface Clock {
  /** Wall clock, for dates that people read. May jump. */
  now(): Instant;
  /** Monotonic milliseconds, for durations. Never jumps. */
  monotonicMs(): number;
}

/** A running timer. */
export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Calls once after `delayMs`; does not keep the process alive. */
  after(delayMs: number, call: () => void): Timer;
  /** Calls as soon as the current turn is over. */
  soon(call: () => void): void;
}

/** Pulls numbers in [0, 1). */
export type Random = () => number;
