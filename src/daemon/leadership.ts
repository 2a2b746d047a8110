/**
 * One scheduler daemon leads, by a lease in the store. The holder raises `beat` each second; a standby that has seen
 * the same beat for `LEASE_STALE_MS` by its own monotonic clock takes over with the next epoch. No clocks are compared.
 */
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import { LEASE_BEAT_MS, LEASE_RENEW_MS_MAX, LEASE_STALE_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { JobStore, Lease } from '../contracts/store.js';

export interface LeadershipPorts {
  readonly store: Pick<JobStore, 'lease' | 'takeLease' | 'beatLease' | 'freeLease'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

export interface LeadershipOptions {
  /** Who we are: unique among all daemons that share the store. */
  readonly holder: string;
  /** Nobody else can be alive (the home is locked): a lease left behind is taken at once. */
  readonly isAlone: boolean;
}

export interface LeadershipListener {
  taken(lease: Lease): void;
  /** Stop at once: another may lead already. */
  lost(because: string): void;
}

/** A freed lease has no holder; its epoch goes on counting. */
const FREE = '';
const TOO_LATE = 'the lease could not be renewed in time';

export class Leadership {
  readonly #ports: LeadershipPorts;
  readonly #options: LeadershipOptions;
  readonly #listener: LeadershipListener;
  #seen: { readonly lease: Lease; readonly sinceMs: number } | undefined;
  #mine: Lease | undefined;
  #renewedMs = 0;
  #timer: Timer | undefined;
  #watchdog: Timer | undefined;
  #isStopped = true;
  #isAway = false;
  /** The turn under way; a stop waits for it, since it may be taking the lease. */
  #turning: Promise<void> = Promise.resolve();

  constructor(ports: LeadershipPorts, options: LeadershipOptions, listener: LeadershipListener) {
    this.#ports = ports;
    this.#options = options;
    this.#listener = listener;
  }

  start(): void {
    this.#isStopped = false;
    this.#turning = this.#turn();
  }

  /** Frees the lease if it is ours, so that the next one need not wait. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#turning;
    this.#watchdog?.cancel();
    const mine = this.#mine;
    this.#mine = undefined;
    if (mine === undefined) return;
    try {
      await this.#ports.store.freeLease(mine);
    } catch (error) {
      this.#ports.log.warn('lease not freed: the next leader waits for it to go stale', { error });
    }
  }

  /**
   * Whether we surely lead now: asked before anything is sent. A process that was stopped for a while learns here that its
   * time is over, before any timer of it has run.
   */
  isCurrent(): boolean {
    if (this.#mine === undefined) return false;
    const sinceMs = this.#ports.clock.monotonicMs() - this.#renewedMs;
    if (sinceMs < LEASE_RENEW_MS_MAX) return true;
    this.#lose(TOO_LATE);
    return false;
  }

  /** Called when a write was refused because our epoch is over. */
  fencedOut(): void {
    this.#lose('a write was refused: another leads');
  }

  /** Called when the leader cannot do its work: the lease is left to go stale, and we stand again. */
  giveUp(because: string): void {
    this.#lose(because);
  }

  async #turn(): Promise<void> {
    try {
      if (this.#mine === undefined) await this.#stand();
      else await this.#beat(this.#mine);
      this.#isAway = false;
    } catch (error) {
      // Each half second: said once, until it is reached again.
      if (!this.#isAway) this.#ports.log.warn('lease not reached; tried again', { error });
      this.#isAway = true;
    }
    if (this.#isStopped) return;
    const pauseMs = this.#mine === undefined ? LEASE_BEAT_MS / 2 : LEASE_BEAT_MS;
    this.#timer = this.#ports.timers.after(pauseMs, () => {
      this.#turning = this.#turn();
    });
  }

  async #stand(): Promise<void> {
    const { store, clock } = this.#ports;
    const lease = await store.lease();
    const nowMs = clock.monotonicMs();
    if (lease !== undefined && !this.#isVacant(lease, nowMs)) return;
    const taken = await store.takeLease(this.#options.holder, lease);
    if (taken === undefined) return;
    this.#mine = taken;
    if (this.#isStopped) return;
    this.#seen = undefined;
    // The lease was good at some moment after `nowMs`: counting from there is the careful side.
    this.#renewed(nowMs);
    this.#ports.log.info('leading', { epoch: taken.epoch });
    this.#listener.taken(taken);
  }

  #isVacant(lease: Lease, nowMs: number): boolean {
    if (lease.holder === FREE || this.#options.isAlone) return true;
    const seen = this.#seen;
    if (seen === undefined || seen.lease.epoch !== lease.epoch || seen.lease.beat !== lease.beat) {
      this.#seen = { lease, sinceMs: nowMs };
      return false;
    }
    return nowMs - seen.sinceMs >= LEASE_STALE_MS;
  }

  async #beat(mine: Lease): Promise<void> {
    const askedMs = this.#ports.clock.monotonicMs();
    if (askedMs - this.#renewedMs >= LEASE_RENEW_MS_MAX) {
      this.#lose(TOO_LATE);
      return;
    }
    const renewed = await this.#ports.store.beatLease(mine);
    if (this.#mine !== mine) return;
    if (renewed === undefined) {
      this.#lose('the lease is another’s');
      return;
    }
    this.#mine = renewed;
    this.#renewed(askedMs);
  }

  #renewed(atMs: number): void {
    this.#renewedMs = atMs;
    this.#watchdog?.cancel();
    const leftMs = atMs + LEASE_RENEW_MS_MAX - this.#ports.clock.monotonicMs();
    this.#watchdog = this.#ports.timers.after(Math.max(0, leftMs), () => this.#lose(TOO_LATE));
  }

  #lose(because: string): void {
    if (this.#mine === undefined) return;
    this.#mine = undefined;
    this.#seen = undefined;
    this.#watchdog?.cancel();
    this.#ports.log.error('no longer leading', { because });
    this.#listener.lost(because);
  }
}
