// What the scheduler keeps of jobs that wait and of arrays that are open; the members of arrays that have records.
import type { Collection } from 'mongodb';
import type { MadeCount, MadeMember, PendingQuery, PendingRow } from '../../contracts/store.js';
import type { JobState } from '../../core/job.js';
import { type JobId, jobId } from '../../core/units.js';
import { pendingRowsOf, type Shapes } from '../embedded/pending-rows.js';
import { slices } from '../embedded/portions.js';
import { UnreadableRecord } from '../embedded/rows.js';
import type { Row } from '../embedded/sqlite.js';
import type { Collections, JobDocument } from './documents.js';
import { membersOf, membersOfAll, type Question, submittedSince, waiting } from './questions.js';
import type { Records } from './records.js';

/** Documents that the server sends at once, and that become rows without a pause for others. */
const PENDING_SLICE = 2_000;

const PENDING_FIELDS = {
  ...{ owner: 1, project: 1, executor: 1, shape: 1, submittedAt: 1, notBefore: 1, launches: 1 },
  ...{ killWantedBy: 1, life: 1, arraySize: 1, arrayLimit: 1 },
  ...{ waits: 1, heldBy: 1, heldAt: 1, heldByAdmin: 1 },
} as const;
type PendingDocument = Pick<JobDocument, '_id' | keyof typeof PENDING_FIELDS>;

export class QueueRows {
  readonly #jobs: Collection<JobDocument>;
  readonly #records: Records;

  constructor({ jobs }: Collections, records: Records) {
    this.#jobs = jobs;
    this.#records = records;
  }

  async pending({ among, ...query }: PendingQuery): Promise<readonly PendingRow[]> {
    const { after, limit, submittedSince: since } = query;
    if (limit <= 0) return [];
    if (among === undefined)
      return this.#asked(
        since === undefined ? waiting(after ?? 0) : submittedSince(since, after ?? 0),
        limit,
      );
    const ids = among
      .filter((id) => id > (after ?? 0))
      .sort((a, b) => a - b)
      .slice(0, limit);
    const rows: PendingRow[] = [];
    for (const slice of slices(ids, PENDING_SLICE))
      rows.push(...(await this.#asked(amongThose(slice), PENDING_SLICE)));
    return rows;
  }

  async #asked(
    { filter, sort = {} }: Pick<Question<JobDocument>, 'filter' | 'sort'>,
    limit: number,
  ): Promise<readonly PendingRow[]> {
    const cursor = this.#jobs
      .find(filter)
      .project<PendingDocument>(PENDING_FIELDS)
      .sort(sort)
      .limit(limit)
      .batchSize(Math.min(limit, PENDING_SLICE));
    const shapes: Shapes = new Map();
    const rows: PendingRow[] = [];
    try {
      // What has come is taken in one go; the next batch is a turn of the event loop of its own.
      while (await cursor.hasNext())
        for (const row of this.#rowsOf(cursor.readBufferedDocuments(), shapes)) rows.push(row);
    } finally {
      await cursor.close();
    }
    return rows;
  }

  /** Those that agree in account and shape are one group of the form that `pendingRowsOf` reads. */
  #rowsOf(documents: readonly PendingDocument[], shapes: Shapes): readonly PendingRow[] {
    const groups = new Map<
      string,
      { readonly head: PendingDocument; readonly members: unknown[] }
    >();
    for (const document of documents) {
      const fault = faultOf(document);
      if (fault !== null) {
        this.#records.skip(document, new UnreadableRecord(document._id, { cause: fault }));
        continue;
      }
      const { owner, project, executor, shape } = document;
      const key = JSON.stringify([owner, project, executor, shape]);
      const group = groups.get(key) ?? { head: document, members: [] };
      groups.set(key, group);
      group.members.push([
        ...[document._id, document.submittedAt, document.notBefore],
        document.killWantedBy === null ? 0 : 1,
        // A job that was never launched has failed nowhere: most documents need not be read.
        document.launches > 0 ? document.life : null,
        ...[document.arraySize, document.arrayLimit],
        // What was launched once waits for no other job.
        document.launches > 0 ? null : (document.waits ?? null),
        ...[document.heldBy ?? null, document.heldAt ?? null, document.heldByAdmin ?? null],
      ]);
    }
    const asRows = [...groups.values()].map(
      ({ head: { owner, project, executor, shape }, members }): Row => [
        ...[owner, project, executor, shape],
        JSON.stringify(members),
      ],
    );
    return pendingRowsOf(asRows, shapes, (broken) =>
      this.#records.skip({ _id: broken.id }, broken),
    );
  }

  async made(
    array: JobId,
    { after, limit }: { readonly after: JobId | null; readonly limit: number },
  ): Promise<readonly MadeMember[]> {
    if (limit <= 0) return [];
    const { filter, sort = {} } = membersOf(array, after ?? 0);
    const members = await this.#jobs
      .find(filter)
      .project<Pick<JobDocument, '_id' | 'exitCode'> & { readonly state: JobState }>({
        ...{ state: 1, exitCode: 1 },
      })
      .sort(sort)
      .limit(limit)
      .toArray();
    return members.map(({ _id, state, exitCode }) => ({ id: jobId(_id), state, exitCode }));
  }

  async madeCounts(arrays: readonly JobId[]): Promise<ReadonlyMap<JobId, readonly MadeCount[]>> {
    const groups = this.#jobs.aggregate<{
      readonly _id: { readonly parent: number; readonly state: JobState; readonly code: number };
      readonly members: number;
    }>([
      { $match: membersOfAll(arrays).filter },
      {
        $group: {
          _id: { parent: '$parent', state: '$state', code: '$exitCode' },
          members: { $sum: 1 },
        },
      },
    ]);
    const found = new Map<JobId, MadeCount[]>();
    for await (const { _id, members } of groups) {
      const id = jobId(_id.parent);
      const counts = found.get(id) ?? [];
      counts.push({ state: _id.state, exitCode: _id.code ?? null, members });
      found.set(id, counts);
    }
    return found;
  }
}

/** Those that still wait. */
const amongThose = (ids: readonly number[]) => ({
  filter: { _id: { $in: [...ids] }, state: { $in: ['pending' as const, 'open' as const] } },
  sort: { _id: 1 as const },
});

/** What a document nobody of us wrote lacks; null: nothing. */
function faultOf({ _id, owner, project, shape, submittedAt }: PendingDocument): Error | null {
  const isSound =
    Number.isSafeInteger(_id) &&
    Number.isFinite(submittedAt) &&
    [owner, project, shape].every((text) => typeof text === 'string');
  return isSound ? null : new Error('a field is missing, or of another kind');
}
