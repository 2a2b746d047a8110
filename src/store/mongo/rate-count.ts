// Counts what rate limits bound. Every count is of keys that do not move while jobs do: none is missed.
import type { Limited, RateLimits } from '../../contracts/store.js';
import type { SubmissionColumns } from '../embedded/requests.js';
import type { Collections } from './documents.js';
import { activeOf, membersOfAll, openArrays, pendingJobs } from './questions.js';

/** A call that wants to store some of its jobs. */
interface Claim {
  readonly jobs: readonly SubmissionColumns[];
  readonly limits: RateLimits | null;
  readonly fresh: readonly number[];
}

export class RateCount {
  readonly #collections: Collections;

  constructor(collections: Collections) {
    this.#collections = collections;
  }

  /** In their order: whoever is admitted counts for those that follow. */
  async judge<Kind extends Claim>(
    claims: readonly Kind[],
  ): Promise<{ readonly admitted: readonly Kind[]; readonly refused: ReadonlyMap<Kind, Limited> }> {
    const counts = await this.#counted(claims);
    const admitted: Kind[] = [];
    const refused = new Map<Kind, Limited>();
    for (const claim of claims) {
      const limited = refusal(claim, counts);
      if (limited !== null) refused.set(claim, limited);
      else {
        admitted.push(claim);
        for (const [owner, asked] of askedBy(claim)) {
          counts.byOwner.set(owner, (counts.byOwner.get(owner) ?? 0) + asked);
          counts.waiting += asked;
        }
      }
    }
    return { admitted, refused };
  }

  async #counted(claims: readonly Claim[]): Promise<Counts> {
    const owners = new Set<string>();
    for (const claim of claims)
      if (claim.limits?.user != null) for (const [owner] of askedBy(claim)) owners.add(owner);
    const isAllCounted = claims.some(({ limits }) => limits?.all != null);
    const [waiting, ...ofOwners] = await Promise.all([
      isAllCounted ? this.#waiting() : 0,
      ...[...owners].map(async (owner) => [owner, await this.#ofOwner(owner)] as const),
    ]);
    return { waiting, byOwner: new Map(ofOwners) };
  }

  /** Members without a record first: one that gets its record meanwhile counts twice rather than never. */
  async #ofOwner(owner: string): Promise<number> {
    const unmade = await this.#unmade(owner);
    return unmade + (await this.#collections.jobs.countDocuments(activeOf(owner).filter));
  }

  async #waiting(): Promise<number> {
    const unmade = await this.#unmade(null);
    return unmade + (await this.#collections.jobs.countDocuments(pendingJobs().filter));
  }

  async #unmade(owner: string | null): Promise<number> {
    const { jobs } = this.#collections;
    const arrays = await jobs
      .find(openArrays(owner).filter)
      .project<{ readonly _id: number; readonly arraySize: number | null }>({ arraySize: 1 })
      .toArray();
    if (arrays.length === 0) return 0;
    const members = arrays.reduce((sum, { arraySize }) => sum + (arraySize ?? 0), 0);
    const made = await jobs.countDocuments(membersOfAll(arrays.map(({ _id }) => _id)).filter);
    return members - made;
  }
}

interface Counts {
  readonly byOwner: Map<string, number>;
  waiting: number;
}

/** The first limit that the claim would pass. */
function refusal(claim: Claim, { byOwner, waiting }: Counts): Limited | null {
  const { user = null, all = null } = claim.limits ?? {};
  const byClaim = askedBy(claim);
  if (user !== null)
    for (const [owner, asked] of byClaim) {
      const now = byOwner.get(owner) ?? 0;
      if (now + asked > user) return { kind: 'limited', scope: 'user', limit: user, now, asked };
    }
  if (all === null) return null;
  const asked = [...byClaim.values()].reduce((sum, count) => sum + count, 0);
  return waiting + asked > all
    ? { kind: 'limited', scope: 'all', limit: all, now: waiting, asked }
    : null;
}

/** An array counts as its members, its parent as nothing. */
function askedBy({ jobs, fresh }: Claim): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const place of fresh) {
    const job = jobs[place];
    if (job === undefined) continue;
    counts.set(job.owner, (counts.get(job.owner) ?? 0) + (job.arraySize ?? 1));
  }
  return counts;
}
