/**
 * Decides about submissions that are more than one insert: several jobs at once, or jobs under limits. Their jobs are stored as drafts,
 * which no query sees, each submission a batch. One write of one document commits batches; then they are published, and taken off the list of
 * committed ones. Whoever finds a batch on that list publishes it: its process may have died. A batch that is neither committed nor
 * wanted any more is aborted in the same document, so that its process cannot commit it later, and its drafts are deleted.
 */
import type { Collection } from 'mongodb';
import { MONGO_ABORTED_KEPT_MS } from '../../contracts/limits.js';
import { assert } from '../../core/assert.js';
import { type AdmissionsDocument, type Collections, DRAFT, type JobDocument } from './documents.js';
import { drafts, draftsOf } from './questions.js';

export class Admissions {
  readonly #jobs: Collection<JobDocument>;
  readonly #admissions: Collection<AdmissionsDocument>;
  /** Batches that were undecided at the last sweep. */
  #suspects: ReadonlySet<string> = new Set();

  constructor({ jobs, admissions }: Collections) {
    this.#jobs = jobs;
    this.#admissions = admissions;
  }

  /**
   * Publishes all that is committed, and answers the version as of before: a commit that names it has seen every job that was ever
   * admitted under limits.
   */
  async settledVersion(): Promise<number> {
    const { version, committed } = await this.#read();
    await this.publish(committed);
    return version;
  }

  async version(): Promise<number> {
    return (await this.#read()).version;
  }

  /**
   * Commits batches, all or none. `version`: only if nothing else was committed since it was read; null: in any case.
   * `moved`: something was. `aborted`: one of them may not be committed any more.
   */
  async commit(
    batches: readonly string[],
    version: number | null,
  ): Promise<'committed' | 'moved' | 'aborted'> {
    const { matchedCount } = await this.#admissions.updateOne(
      {
        _id: 'admissions',
        'aborted.batch': { $nin: [...batches] },
        ...(version === null ? {} : { version }),
      },
      { $inc: { version: 1 }, $push: { committed: { $each: [...batches] } } },
    );
    if (matchedCount > 0) return 'committed';
    const { aborted } = await this.#read();
    return aborted.some(({ batch }) => batches.includes(batch)) ? 'aborted' : 'moved';
  }

  /** Harmless when it was done before, or is being done by others. */
  async publish(batches: readonly string[]): Promise<void> {
    if (batches.length === 0) return;
    const { filter } = draftsOf(batches);
    const isOver = { batch: '' as const };
    // Each of these counts the same for limits before and after: a draft does not count, what is committed is published first.
    await this.#jobs.updateMany(
      { ...filter, isArray: false },
      { $set: { state: 'pending', active: true }, $unset: isOver },
    );
    await this.#jobs.updateMany(
      { ...filter, isArray: true },
      { $set: { state: 'open' }, $unset: isOver },
    );
    await this.#admissions.updateOne(
      { _id: 'admissions' },
      { $pull: { committed: { $in: [...batches] } } },
    );
  }

  /** Takes away drafts that nobody will commit any more. */
  async drop(batches: readonly string[]): Promise<void> {
    if (batches.length === 0) return;
    await this.#jobs.deleteMany({ ...draftsOf(batches).filter, state: DRAFT });
  }

  /** What became of a batch: published by us if it is committed. */
  async resolve(batch: string): Promise<'published' | 'undecided'> {
    const { committed } = await this.#read();
    if (!committed.includes(batch)) return 'undecided';
    await this.publish([batch]);
    return 'published';
  }

  /** Its process can never commit it from now on; unless it has done so just before, and then it is published. */
  async abort(batch: string, at: number): Promise<void> {
    await this.#admissions.updateOne(
      { _id: 'admissions', committed: { $ne: batch }, 'aborted.batch': { $ne: batch } },
      { $push: { aborted: { batch, at } } },
    );
    const { committed } = await this.#read();
    if (committed.includes(batch)) await this.publish([batch]);
    else await this.drop([batch]);
  }

  /**
   * Ends what processes left behind that died: what is committed is published, what was undecided at the last sweep, too, is aborted.
   * No clocks are compared: the time between two sweeps is ours.
   */
  async sweep(at: number): Promise<void> {
    await this.settledVersion();
    const found = await this.#jobs
      .find(drafts().filter)
      .project<{ readonly batch: string }>({ _id: 0, batch: 1 })
      .toArray();
    const undecided = new Set(found.map(({ batch }) => batch));
    for (const batch of undecided) if (this.#suspects.has(batch)) await this.abort(batch, at);
    this.#suspects = undecided;
    await this.#admissions.updateOne(
      { _id: 'admissions' },
      { $pull: { aborted: { at: { $lt: at - MONGO_ABORTED_KEPT_MS } } } },
    );
  }

  async #read(): Promise<AdmissionsDocument> {
    const found = await this.#admissions.findOne({ _id: 'admissions' });
    assert(found !== null, 'the document of admissions is there');
    return found;
  }
}
