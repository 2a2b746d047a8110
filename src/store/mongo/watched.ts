// What watchers ask about jobs, and the little that they write into their records.
import type { Collection, Filter, Sort } from 'mongodb';
import type { JobAftermath, RunningVersion, SlotQuery } from '../../contracts/watching.js';
import type { KillWanted } from '../../core/job.js';
import { slotOf } from '../../core/slots.js';
import { type JobId, jobId } from '../../core/units.js';
import type { Collections, JobDocument } from './documents.js';
import { OF_MAJORITY } from './fold.js';
import { aftermathDue, running } from './questions.js';

/** Records looked at in one question: those of other slots are passed over here, no index knows slots. */
const LOOKED_AT_ONCE = 1_000;

const LIVE = ['launching', 'running', 'killing', 'unreachable'] as const;

interface Asked {
  readonly filter: Filter<JobDocument>;
  readonly sort?: Sort;
}

export class Watched {
  readonly #jobs: Collection<JobDocument>;

  constructor({ jobs }: Collections) {
    this.#jobs = jobs;
  }

  async running(query: SlotQuery): Promise<readonly RunningVersion[]> {
    const found = await this.#inSlots(query, running, ['version']);
    return found.map(({ _id, version }) => ({ id: jobId(_id), version }));
  }

  /** Of what a majority has: a step that could still be undone leaves nothing to be done. */
  async aftermathDue(query: SlotQuery): Promise<readonly JobAftermath[]> {
    const found = await this.#inSlots(query, aftermathDue, ['aftermath']);
    return found.map(({ _id, aftermath = [] }) => ({ id: jobId(_id), due: aftermath }));
  }

  async #inSlots<Field extends keyof JobDocument>(
    { slots, after, limit }: SlotQuery,
    question: (after: number) => Asked,
    fields: readonly Field[],
  ): Promise<readonly Pick<JobDocument, Field | '_id'>[]> {
    const wanted = new Set(slots);
    const found: Pick<JobDocument, Field | '_id'>[] = [];
    if (limit <= 0 || wanted.size === 0) return found;
    const { filter, sort = {} } = question(after ?? 0);
    const cursor = this.#jobs
      .find(filter, OF_MAJORITY)
      .project<Pick<JobDocument, Field | '_id'>>(
        Object.fromEntries(fields.map((field) => [field, 1])),
      )
      .sort(sort)
      .batchSize(LOOKED_AT_ONCE);
    for await (const job of cursor) {
      if (wanted.has(slotOf(jobId(job._id)))) found.push(job);
      if (found.length === limit) break;
    }
    return found;
  }

  async wantKillOf(
    { id, launch }: { readonly id: JobId; readonly launch: number },
    { by, at, because }: KillWanted,
  ): Promise<'wanted' | 'already' | 'gone'> {
    const task = { _id: id, launches: launch, state: { $in: [...LIVE] } };
    const killBecause = because === undefined ? null : JSON.stringify(because);
    const { matchedCount } = await this.#jobs.updateOne(
      { ...task, killWantedBy: null },
      {
        $set: { killWantedBy: by, killWantedAt: at, killBecause, killDue: true },
        $inc: { version: 1 },
      },
    );
    if (matchedCount > 0) return 'wanted';
    const still = await this.#jobs.findOne(task, { projection: { _id: 1 } });
    return still === null ? 'gone' : 'already';
  }

  /** Steps add pieces at any time; the mark goes only from a job that has none left at that very moment. */
  async aftermathDone(
    done: readonly { readonly id: JobId; readonly names: readonly string[] }[],
  ): Promise<void> {
    if (done.length === 0) return;
    await this.#jobs.bulkWrite(
      done.map(({ id, names }) => ({
        updateOne: {
          filter: { _id: id },
          update: { $pull: { aftermath: { name: { $in: [...names] } } } },
        },
      })),
      { ordered: false },
    );
    const ids = done.map(({ id }): number => id);
    await this.#jobs.updateMany(
      { _id: { $in: ids }, isAftermathDue: true, aftermath: { $size: 0 } },
      { $set: { isAftermathDue: false } },
    );
  }
}
