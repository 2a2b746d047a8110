/** The real clock, timers and randomness, as ports. */
import { randomBytes } from 'node:crypto';
import type { Clock, Random, Timer, Timers } from '../contracts/clock.js';
import { instant } from '../core/units.js';

export const systemClock: Clock = {
  now: () => instant(Date.now()),
  monotonicMs: () => performance.now(),
};

export const systemTimers: Timers = {
  after(delayMs: number, call: () => void): Timer {
    // Below one millisecond a turn of the event loop is meant: timers would round up.
    if (delayMs < 1) {
      const immediate = setImmediate(call);
      return { cancel: () => clearImmediate(immediate) };
    }
    const timeout = setTimeout(call, delayMs);
    timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
  soon: (call) => void setImmediate(call),
};

/** Seeded by the OS: only the simulation needs to repeat itself. */
export const systemRandom: Random = () => randomBytes(4).readUInt32LE() / 2 ** 32;
