/**
 * How long jobs really took: of each user's jobs of one shape, and of the whole site. The basis of estimates, never of
 * decisions. Bounded memory: the latest ends count, of the users and shapes that were seen last.
 */

/** Ends of one user and shape that are remembered, and so many users and shapes. */
const LIKE_KEPT = 31;
const LIKES_MAX = 5_000;
/** Fewer say nothing about the next one. */
const LIKE_MIN = 3;
const SITE_KEPT = 501;
const SITE_MIN = 20;
/** A job that has outlived all that is known may well take as long again (Lindy's law). */
const OUTLIVED_FACTOR = 2;

/** What an expectation stands on: ends of like jobs, the job's lifespan, ends of any jobs of the site, or nothing. */
export type Basis = 'like' | 'lifespan' | 'site' | 'unknown';

export interface Expectation {
  /** From its start to its end, in milliseconds; null: nobody knows. */
  readonly totalMs: number | null;
  readonly basis: Basis;
}

/** A job whose length is asked for. */
export interface Unfinished {
  /** Jobs of the same text are alike. */
  readonly like: string;
  readonly lifespanMs: number | null;
  /** It has run for so long; 0: it waits. */
  readonly ranMs: number;
}

/** The latest values, sorted when asked. */
class Ring {
  readonly #kept: number[] = [];
  readonly #max: number;
  #next = 0;
  #sorted: readonly number[] | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#kept.length;
  }

  add(value: number): void {
    this.#kept[this.#next] = value;
    this.#next = (this.#next + 1) % this.#max;
    this.#sorted = undefined;
  }

  /** Of those above a bound; undefined when there are none. */
  quantile(quantile: number, above: number): number | undefined {
    this.#sorted ??= [...this.#kept].sort((a, b) => a - b);
    const first = this.#sorted.findIndex((value) => value > above);
    if (first < 0) return undefined;
    const last = this.#sorted.length - 1;
    return this.#sorted[first + Math.round(quantile * (last - first))];
  }
}

export class Lifetimes {
  readonly #likes = new Map<string, Ring>();
  readonly #site = new Ring(SITE_KEPT);
  /** How much of its lifespan a job took, 0 to 1. */
  readonly #parts = new Ring(SITE_KEPT);

  /** A job ended by itself. */
  note(like: string, lifespanMs: number | null, tookMs: number): void {
    if (!(tookMs > 0)) return;
    const ring = this.#likes.get(like) ?? new Ring(LIKE_KEPT);
    // Those seen last stand last.
    this.#likes.delete(like);
    this.#likes.set(like, ring);
    ring.add(tookMs);
    this.#site.add(tookMs);
    if (lifespanMs !== null) this.#parts.add(Math.min(1, tookMs / lifespanMs));
    if (this.#likes.size <= LIKES_MAX) return;
    const [oldest] = this.#likes.keys();
    if (oldest !== undefined) this.#likes.delete(oldest);
  }

  /** @param quantile 0.5: what is as likely too long as too short */
  expected({ like, lifespanMs, ranMs }: Unfinished, quantile: number): Expectation {
    const most = lifespanMs ?? Number.POSITIVE_INFINITY;
    const outlived = OUTLIVED_FACTOR * ranMs;
    const ring = this.#likes.get(like);
    if (ring !== undefined && ring.size >= LIKE_MIN) {
      const found = ring.quantile(quantile, ranMs) ?? outlived;
      return { totalMs: Math.min(most, found), basis: 'like' };
    }
    if (lifespanMs !== null) {
      const isKnown = this.#parts.size >= SITE_MIN;
      const part = isKnown ? this.#parts.quantile(quantile, ranMs / lifespanMs) : undefined;
      return { totalMs: lifespanMs * (part ?? 1), basis: 'lifespan' };
    }
    if (this.#site.size < SITE_MIN) return { totalMs: null, basis: 'unknown' };
    return { totalMs: this.#site.quantile(quantile, ranMs) ?? outlived, basis: 'site' };
  }
}
