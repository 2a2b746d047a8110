/** The members of arrays: counted, and by page, those included that have no record yet. */
import { ServiceError } from '../contracts/errors.js';
import { MADE_MEMBERS_READ_MAX } from '../contracts/limits.js';
import type { JobStore } from '../contracts/store.js';
import { arraySize, memberId, placeOf } from '../core/array.js';
import { type ArrayCensus, censusOf, isArray } from '../core/array-life.js';
import type { Job, JobState } from '../core/job.js';
import type { Obstacle } from '../core/obstacle.js';
import type { JobId } from '../core/units.js';

/** @throws ServiceError `wrong-state` when the job is no array */
export function mustBeArray(job: Job): Job {
  if (isArray(job)) return job;
  throw new ServiceError('wrong-state', `job ${job.id} is not the parent of an array`, {
    field: 'id',
  });
}

/** Of those jobs that are parents of arrays, how far their members are. */
export async function censusesOf(
  { store }: { readonly store: Pick<JobStore, 'madeCounts'> },
  jobs: readonly Job[],
): Promise<ReadonlyMap<JobId, ArrayCensus>> {
  const arrays = jobs.filter(isArray);
  if (arrays.length === 0) return new Map();
  const made = await store.madeCounts(arrays.map(({ id }) => id));
  return new Map(arrays.map((array) => [array.id, censusOf(array, made.get(array.id) ?? [])]));
}

/** Undefined for a job that is not the parent of an array. */
export const censusOfJob = async (
  deps: { readonly store: Pick<JobStore, 'madeCounts'> },
  job: Job,
): Promise<ArrayCensus | undefined> => (await censusesOf(deps, [job])).get(job.id);

/**
 * That its array is at its limit, if this is why a job waits; undefined: it is not, or the job is in no such array. The
 * leader of another process tells of shapes only.
 */
export async function limitOf(
  { store }: { readonly store: Pick<JobStore, 'madeCounts' | 'job'> },
  job: Job,
): Promise<readonly Obstacle[] | undefined> {
  const limit = job.spec.array?.concurrencyMax ?? null;
  if (limit === null || (job.state !== 'pending' && job.state !== 'open')) return undefined;
  const array = job.parent === undefined ? job : await store.job(job.parent);
  if (array?.state !== 'open') return undefined;
  const running = (await censusOfJob({ store }, array))?.live ?? 0;
  return running < limit ? undefined : [{ code: 'array-limit', running, limit }];
}

export interface MembersQuery {
  /** The place of the first one, counted from 0. */
  readonly start: number;
  readonly limit: number;
  /** Absent: all. */
  readonly states?: readonly JobState[];
}

/** Ids of members in these states, in order, from a place on. */
export async function memberIds(
  store: Pick<JobStore, 'made'>,
  array: Job,
  { start, limit, states }: MembersQuery,
): Promise<readonly JobId[]> {
  const size = array.spec.array === undefined ? 0 : arraySize(array.spec.array);
  const found: JobId[] = [];
  const ofUnmade: JobState = array.state === 'over' ? 'over' : 'pending';
  const takesUnmade = states?.includes(ofUnmade) ?? true;
  const unmade = (from: number, to: number): void => {
    for (let place = from; takesUnmade && place < to && found.length < limit; place++)
      found.push(memberId(array.id, place));
  };
  for (let place = start; place < size && found.length < limit; ) {
    const page = await store.made(array.id, {
      after: (memberId(array.id, place) - 1) as JobId,
      limit: states === undefined ? limit : MADE_MEMBERS_READ_MAX,
    });
    for (const { id, state } of page) {
      unmade(place, placeOf(array.id, id));
      place = placeOf(array.id, id) + 1;
      if (found.length >= limit) break;
      if (states?.includes(state) ?? true) found.push(id);
    }
    if (page.length > 0) continue;
    unmade(place, size);
    break;
  }
  return found;
}
