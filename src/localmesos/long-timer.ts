/** Timers for delays that frameworks name: days and weeks, which ordinary timers would take for "now". */
import type { Timer, Timers } from '../contracts/clock.js';

/** Below the 2^31 ms where Node's timers end. */
const PIECE_MS_MAX = 2_000_000_000;

/** Like `timers.after`, for any delay: a long one is waited for in pieces. */
export function afterLong(timers: Timers, delayMs: number, call: () => void): Timer {
  let timer: Timer;
  const wait = (leftMs: number): void => {
    const pieceMs = Math.min(leftMs, PIECE_MS_MAX);
    timer = timers.after(pieceMs, () => (leftMs > pieceMs ? wait(leftMs - pieceMs) : call()));
  };
  wait(delayMs);
  return { cancel: () => timer.cancel() };
}
