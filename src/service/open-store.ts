/** Opens the store that the configuration names: to serve it, or to look into it beside those who do. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../config/home.js';
import type { Config } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import { STORE_AGAIN_MS_MAX, STORE_AGAIN_MS_MIN } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { Store } from '../contracts/store.js';
import { requireCurrentFile } from '../store/embedded/backup-source.js';
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

/** What a look into the record needs of the configuration. */
type Place = Pick<Config, 'store' | 'home'>;

/**
 * For a command that asks something and ends, while the service may run, perhaps one of another version. It waits for no database
 * that is away, makes no record where none is, and brings none over.
 * @throws ServiceError store-unavailable
 */
export async function openToLook({ store, home }: Place, log: Log): Promise<Store> {
  if (store.kind === 'embedded') {
    const path = storeFileIn(home);
    requireCurrentFile(path);
    return openEmbeddedStore({ path, log });
  }
  const { openMongoStore } = await import('../store/mongo/store.js');
  const { url, database } = store;
  return openMongoStore({ url, database, log, isLook: true });
}

/** The file of an embedded store that is there: opening one that is not would make it. @throws ServiceError store-unavailable */
export function storeFileIn(home: string): string {
  const path = join(home, STORE_FILE);
  if (existsSync(path)) return path;
  throw new ServiceError(
    'store-unavailable',
    `there is no store at ${path}: nothing was started here`,
    { because: 'cannot-open' },
  );
}

const isPassing = (error: unknown): error is ServiceError =>
  error instanceof ServiceError &&
  error.code === 'store-unavailable' &&
  PASSING.has(error.facts.because);
