// The store's answers about jobs that wait: for resources, for others, for a date, for their release.
import type { PendingQuery, PendingRow } from '../../contracts/store.js';
import type { KnownStanding, WaitStore } from '../../contracts/waits.js';
import { unmadeMember } from '../../core/array-life.js';
import { type HeldBack, standingOf } from '../../core/dependency.js';
import type { Job, JobState } from '../../core/job.js';
import type { Namesake } from '../../core/name-lines.js';
import { type JobId, jobId, type UserId, userId } from '../../core/units.js';
import { membersAmong } from './members.js';
import { extentOfGroups, pendingRowsOf, type Shapes } from './pending-rows.js';
import { slices } from './portions.js';
import { readAhead } from './read-ahead.js';
import { jobOf } from './rows.js';
import type { Row } from './sqlite.js';
import { Watching } from './watching.js';

/** Rows of one question to the reading thread: keeps every question short, and the event loop free. */
const PENDING_SLICE = 2_000;

const UNREADABLE: KnownStanding = {
  ...{ state: 'pending', exitCode: null, hasStarted: false },
  owner: userId(''),
};

const knownStanding = (job: Job): KnownStanding => ({ ...standingOf(job), owner: job.owner });

export class WaitingJobs extends Watching implements WaitStore {
  async pending(query: PendingQuery): Promise<readonly PendingRow[]> {
    const answers: PendingRow[] = [];
    const shapes: Shapes = new Map();
    for await (const rows of this.#pendingSlices(query))
      for (const row of pendingRowsOf(rows, shapes, (broken) => this.skip(broken)))
        answers.push(row);
    return answers;
  }

  async *#pendingSlices(query: PendingQuery): AsyncGenerator<readonly Row[]> {
    const after: number = query.after ?? 0;
    const since = query.submittedSince;
    if (query.among !== undefined || since !== undefined) {
      const ids: readonly number[] =
        query.among === undefined && since !== undefined
          ? await this.reader.call('sweep', { since, after, limit: query.limit })
          : [...(query.among ?? [])]
              .filter((id) => id > after)
              .sort((a, b) => a - b)
              .slice(0, query.limit);
      for (const slice of slices(ids, PENDING_SLICE))
        yield await this.reader.call('pendingAmong', slice);
      return;
    }
    yield* readAhead({
      ask: (part) => this.reader.call('pending', part),
      extentOf: extentOfGroups,
      after,
      total: query.limit,
      slice: PENDING_SLICE,
    });
  }

  async standings(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, KnownStanding>> {
    const found = new Map<JobId, KnownStanding>();
    for (const slice of slices(ids, PENDING_SLICE)) {
      await this.#standingsOfRecords(slice, found);
      const unknown = slice.filter((id) => !found.has(id));
      if (unknown.length === 0) continue;
      const rows = await this.reader.call('arraysOf', unknown);
      const arrays = this.readableJobs(rows);
      const members = membersAmong(unknown, arrays);
      for (const [id, array] of members) found.set(id, knownStanding(unmadeMember(array, id)));
      // Of an array that has ended since the first look, members may have got records and ended by themselves.
      const late = members.filter(([, { state }]) => state === 'over').map(([id]) => id);
      if (late.length > 0) await this.#standingsOfRecords(late, found);
      if (arrays.length === rows.length) continue;
      // Whether it is a member of a damaged array cannot be told: it counts as waiting until that is mended.
      for (const id of unknown) if (!found.has(id)) found.set(id, UNREADABLE);
    }
    return found;
  }

  async #standingsOfRecords(
    ids: readonly number[],
    found: Map<JobId, KnownStanding>,
  ): Promise<void> {
    for (const [id, state, code, hasStarted, owner] of await this.reader.call('standings', ids))
      found.set(jobId(Number(id)), {
        state: state as JobState,
        exitCode: code === null ? null : Number(code),
        hasStarted: hasStarted === 1,
        owner: userId(String(owner)),
      });
  }

  async namesakes(
    { owner, name }: { readonly owner: UserId; readonly name: string },
    after: JobId | null,
  ): Promise<readonly Namesake[]> {
    const rows = await this.reader.call('namesakes', { owner, name, after: after ?? 0 });
    return rows.map(([id, hasBegun]) => ({ id: jobId(Number(id)), hasBegun: hasBegun === 1 }));
  }

  holdBack(
    id: JobId,
    { by, at, isAdmin }: HeldBack,
  ): Promise<'held' | 'already' | 'too-late' | 'unknown'> {
    return this.writer.call('holdBack', { id, by, at, isAdmin });
  }

  release(
    id: JobId,
    { isAdmin }: { readonly isAdmin: boolean },
  ): Promise<'released' | 'not-held' | 'forbidden' | 'unknown'> {
    return this.writer.call('release', { id, isAdmin });
  }

  heldBack(): Promise<readonly JobId[]> {
    return this.reader.call('heldBack', null);
  }

  protected readableJobs(rows: readonly Row[]): Job[] {
    return this.readable(rows, jobOf);
  }
}
