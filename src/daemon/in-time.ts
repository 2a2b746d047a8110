/** Waiting for work that others may never finish. */
import type { Timer, Timers } from '../contracts/clock.js';

/**
 * Waits for work, but no longer than `ms`; the work itself goes on, and what becomes of it then nobody hears.
 * @returns undefined: not in time. @throws what the work throws in time
 */
export async function inTime<T>(
  work: Promise<T>,
  ms: number,
  timers: Pick<Timers, 'after'>,
): Promise<{ readonly value: T } | undefined> {
  let timer: Timer | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = timers.after(ms, () => resolve(undefined));
  });
  try {
    return await Promise.race([work.then((value) => ({ value })), limit]);
  } finally {
    timer?.cancel();
  }
}
