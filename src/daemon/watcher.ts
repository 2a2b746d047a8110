/**
 * The watcher daemon: any number of them share the jobs by slots. It asks watcher plugins about the jobs that run, and does the work
 * that ended launches have left. Killed, paused, or twice at work on the same job, it does no harm.
 */
import type { AccountingRecord } from '../contracts/accounting.js';
import type { Clock, Timers } from '../contracts/clock.js';
import type { Log } from '../contracts/log.js';
import type { Notices } from '../contracts/notices.js';
import type { Store } from '../contracts/store.js';
import { AftermathWork } from './aftermath.js';
import { RunningJobs } from './running-jobs.js';
import { type NamedWatcher, WatchRounds } from './watch-rounds.js';
import { WatchSlots } from './watch-slots.js';
import { WebhookDesk, type WebhookPorts } from './webhook-desk.js';

export interface WatcherPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** Tells a leader of the same process of kills. */
  readonly notices: Pick<Notices, 'killWanted'>;
  /** Calls services of users. */
  readonly send: WebhookPorts['send'];
  readonly secretOf: WebhookPorts['secretOf'];
  /** A bug of ours: the process stops. */
  readonly failed: (error: unknown) => void;
  /** Told of each accounting record that is new, after it was stored. */
  readonly accounted?: (record: AccountingRecord) => void;
}

export interface WatcherOptions {
  /** Unique among all watchers that share the store. */
  readonly holder: string;
  readonly plugins: readonly NamedWatcher[];
  /** How often each plugin is asked about each job. */
  readonly eachMs: number;
}

export interface WatcherStatus {
  readonly slots: number;
  /** Watchers that live, this one among them. */
  readonly watchers: number;
  /** Jobs that run in its slots; 0 where no plugin asks for them. */
  readonly jobs: number;
  /** Kills that its plugins wanted, and accounting records that it added, since it started. */
  readonly kills: number;
  readonly records: number;
}

export class WatcherDaemon {
  readonly #slots: WatchSlots;
  readonly #jobs: RunningJobs;
  readonly #rounds: readonly WatchRounds[];
  readonly #aftermath: AftermathWork;
  readonly #webhooks: WebhookDesk;

  constructor(ports: WatcherPorts, { holder, plugins, eachMs }: WatcherOptions) {
    const slots = new WatchSlots(ports, holder);
    const mine = () => slots.mine();
    const jobs = new RunningJobs({ ...ports, slots: mine }, eachMs / 2);
    const asked = {
      ...ports,
      jobs,
      has: (slot: number) => slots.has(slot),
      killWanted: ports.notices.killWanted,
    };
    this.#slots = slots;
    this.#jobs = jobs;
    this.#rounds = plugins.map((plugin) => new WatchRounds(asked, plugin, eachMs));
    this.#webhooks = new WebhookDesk(ports);
    this.#aftermath = new AftermathWork({ ...ports, slots: mine, webhooks: this.#webhooks });
  }

  start(): void {
    this.#slots.start();
    for (const rounds of this.#rounds) rounds.start();
    this.#aftermath.start();
  }

  /** Finishes what is under way, then gives its slots to the others. */
  async stop(): Promise<void> {
    await Promise.all([this.#aftermath.stop(), ...this.#rounds.map((rounds) => rounds.stop())]);
    await this.#webhooks.stop();
    await this.#slots.stop();
  }

  status(): WatcherStatus {
    return {
      slots: this.#slots.mine().length,
      watchers: this.#slots.watchers,
      jobs: this.#jobs.size,
      kills: this.#rounds.reduce((sum, { kills }) => sum + kills, 0),
      records: this.#aftermath.records,
    };
  }
}
