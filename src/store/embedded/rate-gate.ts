// Counts what rate limits bound, inside the transaction that stores the jobs: no other process can slip in between.
import type { Limited, RateLimits } from '../../contracts/store.js';
import type { SubmissionColumns } from './requests.js';
import type { Database } from './sqlite.js';

const prepareAll = (database: Database) => ({
  // From indexes alone. While limits hold, the cost is bounded by them.
  ofUser: database.prepare(
    `SELECT count(*) FROM jobs INDEXED BY jobs_owner
     WHERE owner = ? AND state IN ('pending', 'launching', 'running', 'killing', 'unreachable')`,
  ),
  waiting: database.prepare(
    "SELECT count(*) FROM jobs INDEXED BY jobs_state WHERE state = 'pending'",
  ),
});

/** Counted once in a transaction, however many submissions it gathers. */
export class RateGate {
  readonly #statements: ReturnType<typeof prepareAll>;
  readonly #ofUser = new Map<string, number>();
  #waiting: number | undefined;

  constructor(database: Database) {
    this.#statements = prepareAll(database);
  }

  /** A transaction begins, or jobs have moved: what was counted holds no longer. */
  forget(): void {
    this.#ofUser.clear();
    this.#waiting = undefined;
  }

  /** The first limit that these new jobs would pass; null: they may be stored. */
  refusal(jobs: readonly SubmissionColumns[], { user, all }: RateLimits): Limited | null {
    if (jobs.length === 0) return null;
    if (user !== null)
      for (const [owner, asked] of countedBy(jobs)) {
        const now = this.#countOf(owner);
        if (now + asked > user) return { kind: 'limited', scope: 'user', limit: user, now, asked };
      }
    if (all === null) return null;
    const now = this.#countWaiting();
    const asked = jobs.length;
    return now + asked > all ? { kind: 'limited', scope: 'all', limit: all, now, asked } : null;
  }

  stored(owner: string): void {
    const known = this.#ofUser.get(owner);
    if (known !== undefined) this.#ofUser.set(owner, known + 1);
    if (this.#waiting !== undefined) this.#waiting += 1;
  }

  #countOf(owner: string): number {
    let count = this.#ofUser.get(owner);
    if (count === undefined) {
      count = Number(this.#statements.ofUser.get(owner)?.[0]);
      this.#ofUser.set(owner, count);
    }
    return count;
  }

  #countWaiting(): number {
    this.#waiting ??= Number(this.#statements.waiting.get()?.[0]);
    return this.#waiting;
  }
}

function countedBy(jobs: readonly SubmissionColumns[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { owner } of jobs) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}
