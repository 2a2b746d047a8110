/**
 * Which slots of jobs this watcher has: a lease each. All watchers beat, see who else does, and divide the slots evenly; whose beat
 * stands still is dead, by everybody's own monotonic clock. No clocks are compared.
 */
import type { Clock, Timers } from '../contracts/clock.js';
import { WATCH_BEAT_MS, WATCH_RENEW_MS_MAX, WATCH_STALE_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { LeaseStore, NamedLease } from '../contracts/watching.js';
import { planSlots, SLOTS, type SlotView } from '../core/slots.js';
import { Turns } from './turns.js';

export interface WatchSlotsPorts {
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly failed: (error: unknown) => void;
}

const FREE = '';
/** Each watcher has a lease of its own besides, so that the others know of it before it has slots. */
const WATCHER = 'watcher/';
const nameOf = (slot: number): string => `slot/${String(slot).padStart(2, '0')}`;
const SLOT_OF: ReadonlyMap<string, number> = new Map(
  Array.from({ length: SLOTS }, (_, slot) => [nameOf(slot), slot]),
);

export class WatchSlots {
  readonly #ports: WatchSlotsPorts;
  /** Unique among all watchers that share the store. */
  readonly #holder: string;
  /** When each lease was first seen as it is; monotonic. */
  #seen = new Map<string, { readonly lease: NamedLease; readonly sinceMs: number }>();
  #mine: ReadonlySet<number> = new Set();
  #renewedMs = Number.NEGATIVE_INFINITY;
  #watchers = 0;
  readonly #turns: Turns;

  constructor(ports: WatchSlotsPorts, holder: string) {
    this.#ports = ports;
    this.#holder = holder;
    this.#turns = new Turns(ports, {
      work: async () => {
        await this.#divide();
        return WATCH_BEAT_MS;
      },
      away: (error) => ports.log.warn('slots not reached; tried again', { error }),
      back: () => ports.log.info('slots reached again', { slots: this.#mine.size }),
      awayMs: WATCH_BEAT_MS,
    });
  }

  start(): void {
    this.#turns.start();
  }

  /** Gives everything back, so that the others need not wait. */
  async stop(): Promise<void> {
    await this.#turns.stop();
    this.#mine = new Set();
    const { store, log } = this.#ports;
    try {
      const held = await store.beatLeases(this.#holder);
      await store.dropLeases(held.filter(({ name }) => name.startsWith(WATCHER)));
      await store.freeLeases(
        this.#holder,
        held.map(({ name }) => name),
      );
    } catch (error) {
      log.warn('slots not given back: the other watchers wait for them to go stale', { error });
    }
  }

  /** Slots that are surely ours now. A process that was stopped for a while learns here that it may have lost them. */
  mine(): readonly number[] {
    return this.#isCurrent() ? [...this.#mine] : [];
  }

  has(slot: number): boolean {
    return this.#isCurrent() && this.#mine.has(slot);
  }

  /** Watchers that live, this one among them, as it saw last. */
  get watchers(): number {
    return this.#watchers;
  }

  #isCurrent(): boolean {
    return this.#ports.clock.monotonicMs() - this.#renewedMs < WATCH_RENEW_MS_MAX;
  }

  async #divide(): Promise<void> {
    const { store, clock, log } = this.#ports;
    // The leases were good at some moment after this: counting from here is the careful side.
    const askedMs = clock.monotonicMs();
    const held = await store.beatLeases(this.#holder);
    const me = `${WATCHER}${this.#holder}`;
    if (!held.some(({ name }) => name === me))
      await store.takeLeases(this.#holder, [{ name: me, seen: undefined }]);
    const leases = await store.leases();
    const stale = this.#staleAmong(leases);
    await store.dropLeases(stale.filter(({ name }) => name.startsWith(WATCHER)));
    const alive = leases.filter(({ name }) => name.startsWith(WATCHER));
    const watchers = alive.filter((lease) => !stale.includes(lease)).map(({ holder }) => holder);
    const byName = new Map(leases.map((lease) => [lease.name, lease]));
    const plan = planSlots(this.#holder, watchers, slotsOf(byName, stale));
    const before = this.#mine.size;
    const mine = new Set(held.flatMap(({ name }) => SLOT_OF.get(name) ?? []));
    for (const slot of plan.give) mine.delete(slot);
    // What is given back is not acted for any more before anybody else can have it.
    this.#mine = mine;
    this.#renewedMs = askedMs;
    this.#watchers = new Set([...watchers, this.#holder]).size;
    if (plan.give.length > 0) await store.freeLeases(this.#holder, plan.give.map(nameOf));
    if (plan.take.length > 0 && !this.#turns.isStopped) {
      const wanted = plan.take.map((slot) => ({
        name: nameOf(slot),
        seen: byName.get(nameOf(slot)),
      }));
      const taken = await store.takeLeases(this.#holder, wanted);
      this.#mine = new Set([...mine, ...taken.flatMap(({ name }) => SLOT_OF.get(name) ?? [])]);
    }
    if (this.#mine.size !== before)
      log.info('slots divided', { slots: this.#mine.size, before, watchers: this.#watchers });
  }

  /** Those whose beat has stood still for so long, while we looked. */
  #staleAmong(leases: readonly NamedLease[]): readonly NamedLease[] {
    const nowMs = this.#ports.clock.monotonicMs();
    const seen = new Map<string, { readonly lease: NamedLease; readonly sinceMs: number }>();
    for (const lease of leases) {
      const known = this.#seen.get(lease.name);
      const isSame =
        known !== undefined &&
        known.lease.epoch === lease.epoch &&
        known.lease.beat === lease.beat &&
        known.lease.holder === lease.holder;
      seen.set(lease.name, isSame ? known : { lease, sinceMs: nowMs });
    }
    this.#seen = seen;
    return leases.filter(
      ({ name, holder }) =>
        holder !== this.#holder && nowMs - (seen.get(name)?.sinceMs ?? nowMs) >= WATCH_STALE_MS,
    );
  }
}

function slotsOf(
  leases: ReadonlyMap<string, NamedLease>,
  stale: readonly NamedLease[],
): readonly SlotView[] {
  return [...SLOT_OF].map(([name, slot]) => {
    const lease = leases.get(name);
    const isFree = lease === undefined || lease.holder === FREE || stale.includes(lease);
    return { slot, holder: isFree ? null : lease.holder };
  });
}
