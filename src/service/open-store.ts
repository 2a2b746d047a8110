/** Opens the store that the configuration names; a database that is away is waited for. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../config/home.js';
import type { Config } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import { STORE_AGAIN_MS_MAX, STORE_AGAIN_MS_MIN } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { Store } from '../contracts/store.js';
import { openEmbeddedStore } from '../store/embedded/store.js';

/** The embedded store, in the home. */
export const STORE_FILE = 'store.db';

/** What passes by itself, sooner or later; everything else needs somebody. */
const PASSING: ReadonlySet<unknown> = new Set(['away', 'not-replicated', 'busy']);

/**
 * Waits for a MongoDB that does not answer, and says so: the machine may have started before it. Nothing listens meanwhile.
 * @throws ServiceError store-unavailable, for what does not pass by itself: a refused login, a newer schema …
 */
export async function openStore(
  { store }: Pick<Config, 'store'>,
  home: Home,
  log: Log,
): Promise<Store> {
  if (store.kind === 'embedded') return openEmbeddedStore({ path: home.at(STORE_FILE), log });
  // Loaded where it is needed only, here and elsewhere: a driver is a third of what a start costs.
  const { openMongoStore } = await import('../store/mongo/store.js');
  const { url, database } = store;
  for (let pauseMs = STORE_AGAIN_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, STORE_AGAIN_MS_MAX)) {
    try {
      return await openMongoStore({ url, database, log });
    } catch (error) {
      if (!isPassing(error)) throw error;
      log.warn('MongoDB does not answer: waiting for it', {
        detail: error.message,
        againInMs: pauseMs,
      });
    }
    await sleep(pauseMs);
  }
}

const isPassing = (error: unknown): error is ServiceError =>
  error instanceof ServiceError &&
  error.code === 'store-unavailable' &&
  PASSING.has(error.facts.because);
