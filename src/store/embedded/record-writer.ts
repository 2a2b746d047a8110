// What rarely happens to a job, inside the writing thread's transaction: it is taken off the record, or what was asked is another.
// What jobs used stands in tables of its own.
import { PURGED_AT_ONCE_MAX } from '../../contracts/limits.js';
import type { PurgeAnswer } from '../../contracts/store.js';
import type { AmendedColumns } from './requests.js';
import type { Database } from './sqlite.js';

const prepareAll = (database: Database) => ({
  job: database.prepare(
    `SELECT parent IS NULL, archived_at IS NOT NULL, aftermath IS NOT NULL, array_size IS NOT NULL
     FROM jobs WHERE id = ?`,
  ),
  members: database.prepare(
    `SELECT j.id, j.archived_at IS NOT NULL, j.aftermath IS NOT NULL
     FROM jobs j WHERE j.parent = ? ORDER BY j.id LIMIT ${PURGED_AT_ONCE_MAX + 1}`,
  ),
  dropTags: database.prepare(
    `DELETE FROM past_tags WHERE (tag, submitted_at, id) IN (
       SELECT t.value, j.submitted_at, j.id
       FROM jobs j JOIN submissions s ON s.id = coalesce(j.parent, j.id),
         json_each(CASE WHEN json_valid(s.asked) THEN s.asked ELSE '{}' END, '$.spec.tags') t
       WHERE j.id = ?)`,
  ),
  dropDue: database.prepare('DELETE FROM disk_due WHERE id = ?'),
  dropSubmission: database.prepare('DELETE FROM submissions WHERE id = ?'),
  dropJob: database.prepare('DELETE FROM jobs WHERE id = ?'),
  putAsked: database.prepare('UPDATE submissions SET asked = ? WHERE id = ?'),
  putShape: database.prepare('UPDATE jobs SET shape = ?, executor = ?, waits = ? WHERE id = ?'),
});

export class RecordWriter {
  readonly #statements: ReturnType<typeof prepareAll>;

  constructor(database: Database) {
    this.#statements = prepareAll(database);
  }

  /** With a step of the job that was stored. */
  amend(id: number, { asked, shape, executor, waits }: AmendedColumns): void {
    this.#statements.putAsked.run(asked, id);
    this.#statements.putShape.run(shape, executor, waits, id);
  }

  purge(id: number): PurgeAnswer {
    const job = this.#statements.job.get(id);
    if (job === undefined) return 'unknown';
    const [isAlone, isArchived, isBusy, isArray] = job.map((claim) => claim === 1);
    if (!isAlone) return 'unknown';
    if (!isArchived) return 'not-archived';
    if (isBusy) return 'busy';
    if (isArray) {
      const left = this.#purgeMembers(id);
      if (left !== null) return left;
    }
    this.#drop(id);
    this.#statements.dropSubmission.run(id);
    return 'purged';
  }

  /** Null: none is left. The array goes last, so that its members are found again whatever happens. */
  #purgeMembers(array: number): PurgeAnswer | null {
    const members = this.#statements.members.all(array);
    const some = members.slice(0, PURGED_AT_ONCE_MAX);
    if (some.some(([, isArchived]) => isArchived !== 1)) return 'not-archived';
    if (some.some(([, , isBusy]) => isBusy === 1)) return 'busy';
    for (const [member] of some) this.#drop(Number(member));
    return members.length > some.length ? 'more' : null;
  }

  #drop(id: number): void {
    const { dropTags, dropDue, dropJob } = this.#statements;
    dropTags.run(id);
    dropDue.run(id);
    dropJob.run(id);
  }
}
