// Hears of commits by other processes: SQLite counts them for each connection, so this one has its own and writes nothing.
import { STORE_WATCH_EACH_MS } from '../../contracts/limits.js';
import type { Log } from '../../contracts/log.js';
import { Database } from './sqlite.js';

/**
 * Calls `changed` after commits of any other connection, within `STORE_WATCH_EACH_MS`; ends with the returned call. A look
 * reads a few words of memory shared with the other processes, no page of the file: some five microseconds, 0.03 % of a
 * processor.
 */
export function watchFile(path: string, changed: () => void, log: Log): () => void {
  const database = Database.open(path, { create: false, busyTimeoutMs: 0 });
  const version = database.prepare('PRAGMA data_version');
  let known = version.get()?.[0];
  let isBlind = false;
  const timer = setInterval(() => {
    try {
      const now = version.get()?.[0];
      isBlind = false;
      if (now === known) return;
      known = now;
    } catch (error) {
      // It may have changed: those who are told will see for themselves whether the store answers.
      if (!isBlind) log.warn('changes of the store not seen', { error });
      isBlind = true;
    }
    changed();
  }, STORE_WATCH_EACH_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    database.close();
  };
}
