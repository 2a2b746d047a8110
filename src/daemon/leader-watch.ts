/**
 * What a web process knows of the leader, whatever process that is: whether its beat goes on, and what it last told
 * in its bulletin. Looks twice a second; asking costs nothing then.
 */
import { BULLETIN_SETTING, type Bulletin, readBulletin } from '../contracts/bulletin.js';
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import { LEASE_BEAT_MS, LEASE_STALE_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { JobStore, Lease } from '../contracts/store.js';
import type { Claimant } from '../core/allowance.js';
import type { AgentShape, Demand, Obstacle } from '../core/obstacle.js';
import { shapeKey } from '../core/queue.js';

export interface LeaderWatchPorts {
  readonly store: Pick<JobStore, 'lease' | 'setting'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

const NOBODY_LEADS = 'no scheduler leads: jobs are accepted and wait';

export class LeaderWatch {
  readonly #ports: LeaderWatchPorts;
  #timer: Timer | undefined;
  #isStopped = true;
  #isLooking = false;
  #isAskedAgain = false;
  #lease: Lease | undefined;
  /** When (monotonic) the beat was last seen to change; undefined: not yet. */
  #beatMs: number | undefined;
  #text: string | undefined;
  #bulletin: Bulletin | undefined;
  #waiting: ReadonlyMap<string, readonly Obstacle[]> = new Map();
  #trouble: string | null = null;

  constructor(ports: LeaderWatchPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#isStopped = false;
    void this.#turn();
  }

  /** Somebody says that there is something new: looks at once. */
  readonly lookNow = (): void => {
    this.#isAskedAgain = true;
    if (this.#isStopped || this.#isLooking) return;
    this.#timer?.cancel();
    void this.#turn();
  };

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Why work cannot go on now; empty when it can. */
  notReady(): readonly string[] {
    if (this.#trouble !== null) return [this.#trouble];
    if (!this.#isBeating()) return [NOBODY_LEADS];
    const bulletin = this.#current();
    if (bulletin === undefined) return ['the scheduler is starting'];
    return bulletin.isReady ? bulletin.trouble : ['the scheduler is starting', ...bulletin.trouble];
  }

  /** What an administrator should know though work goes on, as the leader told it. */
  warnings(): readonly string[] {
    return this.#current()?.warnings ?? [];
  }

  inventory(): readonly AgentShape[] | null {
    return this.#bulletin?.inventory ?? null;
  }

  /** Why jobs of that demand wait, of that claimant if it is told; undefined when the leader has not told. */
  obstacles(demand: Omit<Demand, 'tenant'>, claimant?: Claimant): readonly Obstacle[] | undefined {
    const bulletin = this.#current();
    if (bulletin === undefined) return undefined;
    const key = shapeKey(demand);
    const hold = bulletin.holds?.find(
      ({ user, project, queue, shapeKey: held }) =>
        user === claimant?.user &&
        project === claimant.project &&
        queue === claimant.queue &&
        (held === null || held === key),
    );
    return hold === undefined ? this.#waiting.get(key) : [hold.obstacle];
  }

  #isBeating(): boolean {
    if (this.#beatMs === undefined) return false;
    return this.#ports.clock.monotonicMs() - this.#beatMs < LEASE_STALE_MS;
  }

  /** The bulletin, unless another term wrote it. */
  #current(): Bulletin | undefined {
    return this.#bulletin?.epoch === this.#lease?.epoch ? this.#bulletin : undefined;
  }

  async #turn(): Promise<void> {
    this.#isLooking = true;
    try {
      do {
        this.#isAskedAgain = false;
        await this.#look();
      } while (this.#isAskedAgain && !this.#isStopped);
      this.#trouble = null;
    } catch (error) {
      if (this.#trouble === null) this.#ports.log.warn('leader not looked up', { error });
      this.#trouble = 'the store cannot be read';
    } finally {
      this.#isLooking = false;
    }
    if (!this.#isStopped)
      this.#timer = this.#ports.timers.after(LEASE_BEAT_MS / 2, () => void this.#turn());
  }

  async #look(): Promise<void> {
    const { store, clock } = this.#ports;
    const lease = await store.lease();
    const before = this.#lease;
    this.#lease = lease;
    if (lease === undefined || lease.holder === '') this.#beatMs = undefined;
    // The first look alone does not tell whether anybody beats.
    else if (before !== undefined && (before.epoch !== lease.epoch || before.beat !== lease.beat))
      this.#beatMs = clock.monotonicMs();
    const text = await store.setting(BULLETIN_SETTING);
    if (text === this.#text) return;
    this.#text = text;
    this.#bulletin = text === undefined ? undefined : readBulletin(text);
    this.#waiting = new Map(this.#bulletin?.waiting);
  }
}
