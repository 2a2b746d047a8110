import type { Scope } from '../test/support/places.js';

/** Runs `work` and then everything it asked to be ended, last first, also when it fails. */
export async function inScope<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const ends: (() => unknown)[] = [];
  try {
    return await work({ teardown: (end) => ends.push(end) });
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
