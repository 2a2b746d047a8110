/** The watcher daemon of a process, with the real clock, the store and the site's plugins behind it. */
import { randomUUID } from 'node:crypto';
import type { AccountingRecord } from '../contracts/accounting.js';
import type { Notices } from '../contracts/notices.js';
import { webhookSecret } from '../contracts/webhook.js';
import { WatcherDaemon } from '../daemon/watcher.js';
import { systemClock, systemTimers } from '../host/system.js';
import { webhookSender } from '../host/webhook-sender.js';
import { type Foundation, loaded } from './foundation.js';
import { watcherMetrics } from './metrics/watcher.js';

export interface WatchingParts {
  /** Tells a leader of this process of kills. */
  readonly notices: Pick<Notices, 'killWanted'>;
  /** Called with a bug of ours: the process must stop. */
  readonly failed: (error: unknown) => void;
  /** Told of each accounting record that is new, after it was stored. */
  readonly accounted?: (record: AccountingRecord) => void;
}

/** Starts it. @throws BadPlugins */
export async function startWatching(
  foundation: Foundation,
  parts: WatchingParts,
): Promise<WatcherDaemon> {
  const { config, store, log, metrics, stack, tokenSecret } = foundation;
  const plugins = await Promise.all(
    config.plugins.watchers.map(async (name) => ({
      name,
      watcher: await loaded(foundation, 'watcher', name),
    })),
  );
  const daemon = new WatcherDaemon(
    {
      ...parts,
      store,
      clock: systemClock,
      timers: systemTimers,
      send: webhookSender({ rules: config.monitoring.webhooks }),
      secretOf: (user) => webhookSecret(store, tokenSecret, user),
      log: log.with({ part: 'watcher' }),
    },
    { holder: `${process.pid}-${randomUUID()}`, plugins, eachMs: config.watchEachMs },
  );
  watcherMetrics(metrics, () => daemon.status());
  daemon.start();
  stack.push('watcher', () => daemon.stop());
  return daemon;
}
