/** The offers that one executor lends us now: held briefly, so that a job submitted to an idle cluster starts at once. */
import type { ClusterOffer } from '../contracts/cluster.js';
import type { AgentId, OfferId } from '../core/units.js';

/** An offer as the cycle sees it. */
export interface HeldOffer extends ClusterOffer {
  readonly executor: string;
}

interface Held {
  readonly offer: HeldOffer;
  /** Monotonic. */
  readonly sinceMs: number;
}

export class OfferBook {
  readonly #held = new Map<OfferId, Held>();
  /** Agents whose offers do not grow old: their room is kept for a job. */
  #kept: ReadonlySet<AgentId> = new Set();

  add(offers: readonly HeldOffer[], atMs: number): void {
    for (const offer of offers) this.#held.set(offer.id, { offer, sinceMs: atMs });
  }

  /** Offers are void: taken back by the master, used, or of a former subscription. */
  remove(ids: Iterable<OfferId>): void {
    for (const id of ids) this.#held.delete(id);
  }

  keep(agents: ReadonlySet<AgentId>): void {
    this.#kept = agents;
  }

  clear(): void {
    this.#held.clear();
  }

  get size(): number {
    return this.#held.size;
  }

  has(id: OfferId): boolean {
    return this.#held.has(id);
  }

  *all(): Generator<HeldOffer> {
    for (const { offer } of this.#held.values()) yield offer;
  }

  /** Takes out what was held for `ageMs` or longer and is not kept. */
  takeOlder(ageMs: number, nowMs: number): OfferId[] {
    const old: OfferId[] = [];
    // Insertion order is order of age.
    for (const [id, { sinceMs, offer }] of this.#held) {
      if (nowMs - sinceMs < ageMs) break;
      if (!this.#kept.has(offer.agentId)) old.push(id);
    }
    this.remove(old);
    return old;
  }

  /** When the oldest offer that is not kept was received, or undefined. */
  oldestMs(): number | undefined {
    for (const { sinceMs, offer } of this.#held.values())
      if (!this.#kept.has(offer.agentId)) return sinceMs;
    return undefined;
  }
}
