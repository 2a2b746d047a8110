// Jobs that are taken off the record. A job goes only once the sums have all that it has to tell them, in the same atomic step.
import type { Collection, Filter } from 'mongodb';
import { PURGED_AT_ONCE_MAX } from '../../contracts/limits.js';
import type { PurgeAnswer } from '../../contracts/store.js';
import type { Collections, JobDocument } from './documents.js';

const FIELDS = {
  ...{ state: 1, parent: 1, isArray: 1, archivedAt: 1, isAftermathDue: 1 },
  ...{ due: 1, diskChanges: 1 },
} as const;
type Found = Pick<JobDocument, '_id' | keyof typeof FIELDS>;

/** It is archived, its aftermath is done, and no sum waits for it. */
const MAY_GO: Filter<JobDocument> = {
  state: 'over',
  archivedAt: { $gt: 0 },
  isAftermathDue: { $ne: true },
  $nor: [{ 'due.day': { $gte: 0 } }, { 'diskChanges.name': { $gt: '' } }],
};

export class Purges {
  readonly #jobs: Collection<JobDocument>;
  readonly #foldAll: () => Promise<void>;

  /** @param foldAll all that jobs have to tell sums is in them afterwards */
  constructor({ jobs }: Collections, foldAll: () => Promise<void>) {
    this.#jobs = jobs;
    this.#foldAll = foldAll;
  }

  async purge(id: number): Promise<PurgeAnswer> {
    const job = await this.#found(id);
    if (job === undefined || (job.parent ?? null) !== null) return 'unknown';
    const why = whyNot(job);
    if (why !== null) return why;
    await this.#foldAll();
    if (job.isArray) {
      const left = await this.#purgeMembers(id);
      if (left !== null) return left;
    }
    const { deletedCount } = await this.#jobs.deleteOne({ ...MAY_GO, _id: id });
    // Somebody else has purged it, or it has something to tell again.
    return deletedCount > 0 || (await this.#found(id)) === undefined ? 'purged' : 'busy';
  }

  /** Null: none is left. The array goes last, so that its members are found again whatever happens. */
  async #purgeMembers(array: number): Promise<PurgeAnswer | null> {
    const members = await this.#jobs
      .find({ parent: array })
      .project<Found>(FIELDS)
      .limit(PURGED_AT_ONCE_MAX + 1)
      .toArray();
    const some = members.slice(0, PURGED_AT_ONCE_MAX);
    const why = some.map(whyNot).find((one) => one !== null);
    if (why !== undefined) return why;
    const ids = some.map(({ _id }) => _id);
    const { deletedCount } = await this.#jobs.deleteMany({ ...MAY_GO, _id: { $in: ids } });
    if (deletedCount < ids.length && (await this.#jobs.countDocuments({ _id: { $in: ids } })) > 0)
      return 'busy';
    return members.length > some.length ? 'more' : null;
  }

  async #found(id: number): Promise<Found | undefined> {
    const [found] = await this.#jobs.find({ _id: id }).project<Found>(FIELDS).toArray();
    return found;
  }
}

function whyNot({ state, archivedAt, isAftermathDue }: Found): 'not-archived' | 'busy' | null {
  if (state !== 'over' || (archivedAt ?? null) === null) return 'not-archived';
  return isAftermathDue === true ? 'busy' : null;
}
