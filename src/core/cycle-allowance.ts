/** One cycle's view of limits and quotas: what is counted already, and what the cycle has placed so far. */
import type { Allowance, Claim, Claimant, Denial } from './allowance.js';
import type { Reason } from './job.js';
import type { Bound, LimitBook } from './limit-book.js';
import type { Obstacle } from './obstacle.js';
import type { Payer } from './payer.js';
import { type QuotaMeter, type QuotaReached, quotaMeters, quotaReached } from './quota.js';
import type { Needs } from './resources.js';
import type { Instant } from './units.js';
import { sumsOf } from './usage.js';

interface Account {
  readonly payer: Payer;
  readonly meters: readonly QuotaMeter[];
  /** What its job directories take is too much; null: it is not. */
  readonly disk: QuotaReached | null;
}

interface Counter {
  running: number;
}

/** All that is asked for the jobs of one claimant on one executor, looked up once. */
interface Stand {
  /** Those of the payers who have quotas, or have reached one. */
  readonly accounts: readonly Account[];
  /** The widest last. */
  readonly bounds: readonly { readonly bound: Bound; readonly counter: Counter }[];
  /** Everything a launch counts for that is looked at in this cycle. */
  readonly counters: readonly Counter[];
}

export class CycleAllowance implements Allowance {
  readonly #book: LimitBook;
  readonly #at: Instant;
  /** By claimant, the very object, and executor. */
  readonly #stands = new Map<Claimant, Map<string | null, Stand>>();
  readonly #counters = new Map<string, Counter>();
  readonly #accounts = new Map<string, Account | null>();

  constructor(book: LimitBook, at: Instant) {
    this.#book = book;
    this.#at = at;
  }

  denial(claimant: Claimant, { needs, executor }: Claim): Denial | null {
    const { accounts, bounds } = this.#stand(claimant, executor);
    let waits: Denial | null = null;
    for (const { payer, meters, disk } of accounts) {
      const reached = firstOf(disk, quotaReached(meters, needs));
      if (reached === null) continue;
      if (reached.isCertain)
        return { kind: 'refuse', because: this.#reason(payer, reached, needs) };
      waits ??= { kind: 'wait', obstacle: quotaObstacle(payer, reached), isForAll: false };
    }
    if (waits !== null) return waits;
    for (const { bound, counter } of bounds) {
      if (counter.running < bound.limit) continue;
      const { scope, name, limit } = bound;
      const { running } = counter;
      const obstacle: Obstacle = { code: 'limit-reached', scope, name, limit, running };
      return { kind: 'wait', obstacle, isForAll: scope !== 'executor' };
    }
    return null;
  }

  taken(claimant: Claimant, { needs, executor }: Claim): void {
    const { accounts, counters } = this.#stand(claimant, executor);
    for (const counter of counters) counter.running++;
    if (accounts.length === 0) return;
    const more = sumsOf(needs, this.#book.advanceMs);
    for (const { meters } of accounts) for (const meter of meters) meter.hold(more);
  }

  #stand(claimant: Claimant, executor: string | null): Stand {
    let own = this.#stands.get(claimant);
    if (own === undefined) {
      own = new Map();
      this.#stands.set(claimant, own);
    }
    let stand = own.get(executor);
    if (stand === undefined) {
      const { payers, bounds, counters } = this.#book.ruleOf(claimant, executor);
      stand = {
        accounts: payers.map((payer) => this.#account(payer)).filter((account) => account !== null),
        bounds: bounds.map((bound) => ({ bound, counter: this.#counter(bound.key) })),
        counters: counters.map((key) => this.#counter(key)),
      };
      own.set(executor, stand);
    }
    return stand;
  }

  #counter(key: string): Counter {
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = { running: this.#book.running(key) };
      this.#counters.set(key, counter);
    }
    return counter;
  }

  /** Null: nothing that could be reached. */
  #account(payer: Payer): Account | null {
    let account = this.#accounts.get(payer.key);
    if (account === undefined) {
      const meters = this.#meters(payer);
      const disk = this.#book.diskReached(payer);
      account = meters.length === 0 && disk === null ? null : { payer, meters, disk };
      this.#accounts.set(payer.key, account);
    }
    return account;
  }

  #meters(payer: Payer): readonly QuotaMeter[] {
    const quotas = this.#book.quotasOf(payer);
    if (quotas === undefined) return [];
    const settled = this.#book.settledOf(payer, this.#at);
    return quotaMeters(quotas, { settled, held: this.#book.heldOf(payer, this.#at) });
  }

  #reason({ scope, name, key }: Payer, reached: QuotaReached, needs: Needs): Reason {
    const { quota, limit, used, held, asked } = reached;
    const freesUpAt = this.#book.freesUpAt({ scope, name, key }, reached, needs, this.#at);
    const facts = { scope, name, quota, limit, used, held, asked };
    return {
      code: 'quota-exceeded',
      facts: freesUpAt === null ? facts : { ...facts, freesUpAt },
    };
  }
}

/** What ends a job goes before what lets it wait. */
const firstOf = (one: QuotaReached | null, other: QuotaReached | null): QuotaReached | null =>
  one === null || (!one.isCertain && other?.isCertain) ? other : one;

const quotaObstacle = (
  { scope, name }: Payer,
  { quota, limit, used, held, asked }: QuotaReached,
): Obstacle => ({ code: 'quota', scope, name, quota, limit, used, held, asked });
