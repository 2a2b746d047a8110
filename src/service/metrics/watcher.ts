/** What a watcher of this process does, as metrics. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { WatcherStatus } from '../../daemon/watcher.js';

export function watcherMetrics(metrics: Registry, status: () => WatcherStatus): void {
  const gauge = (name: string, help: string, read: (status: WatcherStatus) => number) =>
    new Gauge({
      name: `godocker_watcher_${name}`,
      help,
      registers: [metrics],
      collect() {
        this.set(read(status()));
      },
    });
  const counter = (name: string, help: string, read: (status: WatcherStatus) => number) =>
    new Counter({
      name: `godocker_watcher_${name}_total`,
      help,
      registers: [metrics],
      collect() {
        this.reset();
        this.inc(read(status()));
      },
    });
  gauge(
    'slots',
    'Of the slots that watchers share among them, those of this one',
    (of) => of.slots,
  );
  gauge('watchers', 'Watchers that live, as this one knows', (of) => of.watchers);
  gauge('jobs', 'Jobs that run in its slots; 0 where no plugin asks for them', (of) => of.jobs);
  counter('kills', 'Jobs that watcher plugins wanted ended', (of) => of.kills);
  counter('accounting_records', 'Accounting records that it added', (of) => of.records);
}
