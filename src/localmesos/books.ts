/** Everything the master knows, and the ports through which its parts act. */
import type { Clock, Timers } from '../contracts/clock.js';
import type { Log } from '../contracts/log.js';
import type { Agent } from './agent.js';
import type { Containerizer } from './containerizer.js';
import type { Framework } from './framework.js';
import type { Journal } from './journal.js';
import type { Offer } from './offers.js';
import type { Task } from './task.js';

/** As many removed frameworks are kept for `/state` as a real master keeps. */
const COMPLETED_FRAMEWORKS_MAX = 50;

export interface Ports {
  readonly clock: Clock;
  readonly timers: Timers;
  /** A fresh random UUID as text. */
  readonly uuid: () => string;
  readonly log: Log;
  readonly containerizer: Containerizer;
  readonly journal: Journal;
}

export class Books {
  readonly masterId: string;
  readonly startedAt: number;
  readonly agents = new Map<string, Agent>();
  readonly frameworks = new Map<string, Framework>();
  /** Frameworks that were removed: their ids never come back. */
  readonly removed = new Set<string>();
  readonly completed: Framework[] = [];
  readonly offers = new Map<string, Offer>();
  /** Tasks that may still send events, by container id. */
  readonly containers = new Map<string, Task>();
  /** By name as in `/metrics/snapshot`, without the leading `master/`. */
  readonly counters: Record<string, number> = {};
  #nextOffer: number;
  #nextFramework: number;

  /** @param next numbers of the first offer and framework made: none is ever made twice */
  constructor(masterId: string, startedAt: number, next: { offer: number; framework: number }) {
    this.masterId = masterId;
    this.startedAt = startedAt;
    this.#nextOffer = next.offer;
    this.#nextFramework = next.framework;
  }

  offerId(): string {
    return `${this.masterId}-O${this.#nextOffer++}`;
  }

  frameworkId(): string {
    return `${this.masterId}-${String(this.#nextFramework++).padStart(4, '0')}`;
  }

  count(name: string, by = 1): void {
    this.counters[name] = (this.counters[name] ?? 0) + by;
  }

  remove(framework: Framework): void {
    this.frameworks.delete(framework.id);
    this.removed.add(framework.id);
    this.completed.push(framework);
    if (this.completed.length > COMPLETED_FRAMEWORKS_MAX) this.completed.shift();
  }
}
