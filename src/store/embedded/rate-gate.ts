// Counts what rate limits bound, inside the transaction that stores the jobs: no other process can slip in between.
import type { Limited, RateLimits } from '../../contracts/store.js';
import type { SubmissionColumns } from './requests.js';
import type { Database } from './sqlite.js';

/** Members of these arrays that wait without a record of their own. */
const UNMADE = `coalesce(sum(array_size - (
  SELECT count(*) FROM jobs AS member INDEXED BY jobs_members WHERE member.parent = jobs.id)), 0)`;

const prepareAll = (database: Database) => ({
  // From indexes alone. While limits hold, the cost is bounded by them.
  ofUser: database.prepare(
    `SELECT count(*) FROM jobs INDEXED BY jobs_owner
     WHERE owner = ? AND state IN ('pending', 'launching', 'running', 'killing', 'unreachable')`,
  ),
  waiting: database.prepare(
    "SELECT count(*) FROM jobs INDEXED BY jobs_state WHERE state = 'pending'",
  ),
  unmadeOfUser: database.prepare(
    `SELECT ${UNMADE} FROM jobs INDEXED BY jobs_owner WHERE owner = ? AND state = 'open'`,
  ),
  unmade: database.prepare(`SELECT ${UNMADE} FROM jobs INDEXED BY jobs_state WHERE state = 'open'`),
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
    const asked = jobs.reduce((sum, job) => sum + membersOf(job), 0);
    return now + asked > all ? { kind: 'limited', scope: 'all', limit: all, now, asked } : null;
  }

  stored(job: SubmissionColumns): void {
    const known = this.#ofUser.get(job.owner);
    if (known !== undefined) this.#ofUser.set(job.owner, known + membersOf(job));
    if (this.#waiting !== undefined) this.#waiting += membersOf(job);
  }

  #countOf(owner: string): number {
    let count = this.#ofUser.get(owner);
    if (count === undefined) {
      const { ofUser, unmadeOfUser } = this.#statements;
      count = Number(ofUser.get(owner)?.[0]) + Number(unmadeOfUser.get(owner)?.[0]);
      this.#ofUser.set(owner, count);
    }
    return count;
  }

  #countWaiting(): number {
    const { waiting, unmade } = this.#statements;
    this.#waiting ??= Number(waiting.get()?.[0]) + Number(unmade.get()?.[0]);
    return this.#waiting;
  }
}

function countedBy(jobs: readonly SubmissionColumns[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const job of jobs) counts.set(job.owner, (counts.get(job.owner) ?? 0) + membersOf(job));
  return counts;
}

/** An array counts as its members, its parent as nothing. */
const membersOf = ({ arraySize }: SubmissionColumns): number => arraySize ?? 1;
