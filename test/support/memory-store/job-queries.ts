// The part of the store in memory that answers questions about jobs.
import { ServiceError } from '../../../src/contracts/errors.js';
import { PAGE_ITEMS_MAX } from '../../../src/contracts/limits.js';
import type {
  EndedQuery,
  HistoryQuery,
  JobQuery,
  MadeCount,
  MadeMember,
  PendingQuery,
  PendingRow,
  UseQuery,
} from '../../../src/contracts/store.js';
import type { KnownStanding } from '../../../src/contracts/waits.js';
import { holdsMember } from '../../../src/core/array.js';
import { standingOf } from '../../../src/core/dependency.js';
import {
  codeOf,
  isLive,
  type Job,
  type JobState,
  type LiveJob,
  type OverJob,
} from '../../../src/core/job.js';
import type { Namesake } from '../../../src/core/name-lines.js';
import { type JobId, type UserId, userId } from '../../../src/core/units.js';
import type { DayUse } from '../../../src/core/usage.js';
import { heldIn } from './holds.js';
import { rowOf } from './pending-rows.js';
import { all, arrayOf, type MemoryRecord, readable, unmade } from './record.js';
import { usedBy } from './sums.js';
import { MemoryWatchStore } from './watch-store.js';

const STATES: readonly JobState[] = [
  'pending',
  'launching',
  'running',
  'killing',
  'unreachable',
  'open',
  'over',
];

export class MemoryJobQueries extends MemoryWatchStore {
  job(id: JobId): Promise<Job | undefined> {
    return this.do('job', (record) => {
      if (record.damaged.has(id))
        throw new ServiceError('internal', 'the record cannot be read', { id });
      return readable(record, id) ?? unmade(record, id);
    });
  }

  jobs(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, Job>> {
    return this.do('jobs', (record) => {
      const found = new Map<JobId, Job>();
      for (const id of ids) {
        const job = readable(record, id) ?? unmade(record, id);
        if (job !== undefined) found.set(id, job);
      }
      return found;
    });
  }

  scripts(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, string>> {
    return this.do('scripts', (record) => {
      const found = new Map<JobId, string>();
      for (const id of ids) {
        const script = record.scripts.get(arrayOf(record, id)?.id ?? id);
        if (script !== undefined) found.set(id, script);
      }
      return found;
    });
  }

  list(query: JobQuery): Promise<readonly Job[]> {
    const { owner, project, states, before, skip = 0 } = query;
    const limit = Math.min(query.limit ?? PAGE_ITEMS_MAX, PAGE_ITEMS_MAX);
    return this.do('list', (record) =>
      all(record)
        .reverse()
        .filter(
          (job) =>
            (owner === undefined || job.owner === owner) &&
            (project === undefined || job.project === project) &&
            (states === undefined || states.includes(job.state)) &&
            (before === undefined || job.id < before),
        )
        .slice(skip, skip + limit),
    );
  }

  history(query: HistoryQuery): Promise<readonly OverJob[]> {
    const { owner, project, tag, since, until, after, skip = 0 } = query;
    const limit = Math.min(query.limit ?? PAGE_ITEMS_MAX, PAGE_ITEMS_MAX);
    const isBefore = (job: Job): boolean =>
      after === undefined ||
      job.submittedAt < after.submittedAt ||
      (job.submittedAt === after.submittedAt && job.id < after.id);
    return this.do('history', (record) =>
      all(record)
        .filter((job) => job.state === 'over')
        .filter(
          (job) =>
            (owner === undefined || job.owner === owner) &&
            (project === undefined || job.project === project) &&
            (tag === undefined || job.spec.tags.includes(tag)) &&
            (since === undefined || job.submittedAt >= since) &&
            (until === undefined || job.submittedAt < until) &&
            isBefore(job),
        )
        .sort((a, b) => b.submittedAt - a.submittedAt || b.id - a.id)
        .slice(skip, skip + limit),
    );
  }

  counts(owner?: UserId): Promise<Readonly<Record<JobState, number>>> {
    return this.do('counts', (record) => {
      const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<
        JobState,
        number
      >;
      for (const job of record.jobs.values())
        if (owner === undefined || job.owner === owner) counts[job.state] += 1;
      return counts;
    });
  }

  pending(query: PendingQuery): Promise<readonly PendingRow[]> {
    const { after, limit, submittedSince, among } = query;
    return this.do('pending', (record) =>
      all(record)
        .filter(({ id }) => (after === null || id > after) && (among?.includes(id) ?? true))
        .filter((job) => submittedSince === undefined || job.submittedAt >= submittedSince)
        .flatMap((job) => (job.state === 'pending' || job.state === 'open' ? [rowOf(job)] : []))
        .slice(0, limit),
    );
  }

  made(
    array: JobId,
    { after, limit }: { readonly after: JobId | null; readonly limit: number },
  ): Promise<readonly MadeMember[]> {
    return this.do('made', (record) =>
      all(record)
        .filter(({ id, parent }) => parent === array && id > (after ?? 0))
        .map(madeMember)
        .slice(0, limit),
    );
  }

  madeCounts(arrays: readonly JobId[]): Promise<ReadonlyMap<JobId, readonly MadeCount[]>> {
    return this.do('madeCounts', (record) => {
      const found = new Map<JobId, MadeCount[]>();
      for (const array of arrays) {
        const members = all(record).filter(({ parent }) => parent === array);
        const counts = new Map<string, MadeCount>();
        for (const { state, exitCode } of members.map(madeMember)) {
          const key = `${state} ${exitCode}`;
          counts.set(key, { state, exitCode, members: (counts.get(key)?.members ?? 0) + 1 });
        }
        if (counts.size > 0) found.set(array, [...counts.values()]);
      }
      return found;
    });
  }

  live(): Promise<readonly LiveJob[]> {
    return this.do('live', (record) => all(record).filter(isLive));
  }

  used(query: UseQuery): Promise<readonly DayUse[]> {
    return this.do('used', (record) => usedBy([...all(record), ...record.purged], query));
  }

  ended({ since, until, after, limit }: EndedQuery): Promise<readonly OverJob[]> {
    return this.do('ended', (record) =>
      all(record)
        .filter((job) => job.state === 'over')
        .filter(({ endedAt }) => endedAt >= since && endedAt < until)
        .sort((a, b) => a.endedAt - b.endedAt || a.id - b.id)
        .filter(
          ({ endedAt, id }) =>
            after === null ||
            endedAt > after.endedAt ||
            (endedAt === after.endedAt && id > after.id),
        )
        .slice(0, limit),
    );
  }

  killsWanted(): Promise<readonly JobId[]> {
    return this.do('killsWanted', (record) =>
      [...record.jobs.values()]
        .filter(({ state, killWanted }) => state !== 'over' && killWanted !== null)
        .map(({ id }) => id)
        .sort((a, b) => a - b),
    );
  }

  standings(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, KnownStanding>> {
    return this.do('standings', (record) => standingsIn(record, ids));
  }

  namesakes(
    { owner, name }: { readonly owner: UserId; readonly name: string },
    after: JobId | null,
  ): Promise<readonly Namesake[]> {
    return this.do('namesakes', (record) =>
      all(record).flatMap((job) => {
        const isOne = job.owner === owner && job.spec.name === name && job.parent === undefined;
        if (!isOne || job.state === 'over' || job.id <= (after ?? 0)) return [];
        const hasBegun = job.launches > 0 || (job.state === 'open' && job.startedAt !== null);
        return [{ id: job.id, hasBegun }];
      }),
    );
  }

  heldBack(): Promise<readonly JobId[]> {
    return this.do('heldBack', (record) =>
      [...record.jobs.values()]
        .filter((job) => heldIn(job) !== undefined)
        .map(({ id }) => id)
        .sort((a, b) => a - b),
    );
  }
}

function standingsIn(
  record: MemoryRecord,
  ids: readonly JobId[],
): ReadonlyMap<JobId, KnownStanding> {
  const found = new Map<JobId, KnownStanding>();
  for (const id of ids) {
    const job = record.jobs.get(id) ?? unmade(record, id);
    const isDamaged = record.arrays.some(
      (array) => record.damaged.has(array.id) && holdsMember(array, id),
    );
    if (job !== undefined) found.set(id, { ...standingOf(job), owner: job.owner });
    else if (isDamaged)
      found.set(id, {
        ...{ state: 'pending', exitCode: null, hasStarted: false },
        owner: userId(''),
      });
  }
  return found;
}

const madeMember = (job: Job): MadeMember => ({
  id: job.id,
  state: job.state,
  exitCode: job.state === 'over' ? codeOf(job.outcome) : null,
});
