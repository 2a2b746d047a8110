/**
 * A job is over once, so members that failed are not launched again: they become a new array with the same request,
 * which goes the way of every submission and gets nothing that its user would not be given today.
 */
import { ServiceError } from '../contracts/errors.js';
import { ARRAY_RANGES_MAX, MADE_MEMBERS_READ_MAX, RETRY_ARRAYS_MAX } from '../contracts/limits.js';
import type { JobStore, NewJob } from '../contracts/store.js';
import { type ArrayRange, arraySize, indexAt, placeOf, rangesOf, valuesOf } from '../core/array.js';
import { Bits } from '../core/bits.js';
import type { Job } from '../core/job.js';
import type { Instant, JobId } from '../core/units.js';
import { auditedUnlessOwn } from './audit.js';
import type { JOB_ID } from './fields.js';
import { mustTakeJobs } from './maintenance.js';
import { mustBeArray } from './members.js';
import { rateLimited } from './rate-limited.js';
import type { Call, None } from './route.js';
import { IDEMPOTENCY_KEY, readSubmission } from './submission.js';
import { parseTask } from './task-document.js';
import { jobToWire } from './wire.js';

export const RETRY_HEADERS = { 'Idempotency-Key': IDEMPOTENCY_KEY.optional() };

/** `POST /task/{id}/retry-failed`: every member that is over with another code than 0, those of a killed array included. */
export async function retryFailed({
  context,
  deps,
  person,
  job,
  headers,
}: Call<'own-job', typeof JOB_ID, None, typeof RETRY_HEADERS>) {
  await mustTakeJobs(deps);
  const array = mustBeArray(job);
  if (array.owner !== person.id)
    throw new ServiceError('forbidden', `only ${array.owner} may submit this array again`);
  if (array.state !== 'over')
    throw new ServiceError('wrong-state', `array ${array.id} is not over yet`, { field: 'id' });
  const failed = await failedIndexes(deps.store, array);
  if (failed.length === 0)
    throw new ServiceError('wrong-state', `no member of array ${array.id} failed`, { field: 'id' });
  const key = headers['Idempotency-Key'] ?? null;
  const script = (await deps.store.scripts([array.id])).get(array.id) ?? '';
  const jobs: NewJob[] = [];
  for (const [at, ranges] of portionsOf(rangesOf(failed)).entries()) {
    const idempotencyKey = key === null ? null : at === 0 ? key : `${key}#${at}`;
    const task = parseTask(documentOf(array, script, { ranges, at: deps.clock.now() }));
    const { job } = await readSubmission(deps, { task, person, isStrict: false, idempotencyKey });
    jobs.push(toldAsBefore(job, array));
  }
  const hand = () => deps.store.submit(jobs, deps.config.limits.rate);
  const subject = { kind: 'user', id: array.owner } as const;
  const act = { act: 'job.submit-for', subject, facts: { jobs: jobs.length } } as const;
  const answers = await auditedUnlessOwn({ context, deps }, array.owner, act, hand);
  const ids: JobId[] = [];
  for (const answer of answers) {
    if (answer.kind === 'limited') throw rateLimited(answer);
    if (answer.kind === 'key-reused')
      throw new ServiceError('key-reused', 'this Idempotency-Key belongs to another submission', {
        field: 'Idempotency-Key',
        id: answer.id,
      });
    ids.push(answer.id);
    if (answer.kind !== 'stored') continue;
    deps.events.emit('job:submitted', { jobId: answer.id, owner: array.owner });
  }
  deps.notices.submitted(ids);
  return { msg: 'Task added', id: ids[0] ?? null, ids, members: failed.length };
}

/** In ascending order. Of an array that is over, whatever has no record was taken by its kill. */
async function failedIndexes(
  store: Pick<JobStore, 'made'>,
  array: Job,
): Promise<readonly number[]> {
  const spec = array.spec.array;
  if (spec === undefined) return [];
  const failed = new Bits(arraySize(spec));
  for (let after: JobId | null = null; ; ) {
    const page = await store.made(array.id, { after, limit: MADE_MEMBERS_READ_MAX });
    for (const { id, exitCode } of page) if (exitCode === 0) failed.clear(placeOf(array.id, id));
    if (page.length < MADE_MEMBERS_READ_MAX) break;
    after = page.at(-1)?.id ?? after;
  }
  const indexes: number[] = [];
  for (const place of failed.places()) indexes.push(indexAt(spec, place) ?? 0);
  return indexes.sort((a, b) => a - b);
}

/** As many ranges as one array may have. */
function portionsOf(ranges: readonly ArrayRange[]): readonly (readonly ArrayRange[])[] {
  const portions: ArrayRange[][] = [];
  for (let start = 0; start < ranges.length; start += ARRAY_RANGES_MAX)
    portions.push(ranges.slice(start, start + ARRAY_RANGES_MAX));
  if (portions.length > RETRY_ARRAYS_MAX)
    throw new ServiceError(
      'too-large',
      `the members that failed are in ${ranges.length} places: that would be ${portions.length} arrays`,
      { arraysMax: RETRY_ARRAYS_MAX },
    );
  return portions;
}

function documentOf(
  array: Job,
  script: string,
  { ranges, at }: { readonly ranges: readonly ArrayRange[]; readonly at: Instant },
): unknown {
  const document = jobToWire(array, { script, isImageUsed: true, at });
  const asked = document.requirements as Record<string, unknown>;
  const concurrency = array.spec.array?.concurrencyMax ?? null;
  return {
    ...document,
    requirements: {
      ...asked,
      array: { values: valuesOf(ranges), concurrency },
      // What the former array waited for has come true, or never does: asked for again, it is asked for now.
      ...{ tasks: [], dependencies: [], dependencies_mode: null, not_before: null },
    },
  };
}

/** Scripts that reckon with the first and last index reckon with the same ones again. */
function toldAsBefore(job: NewJob, { spec: former }: Job): NewJob {
  const { array } = job.spec;
  if (array === undefined || former.array === undefined) return job;
  return { ...job, spec: { ...job.spec, array: { ...array, bounds: former.array.bounds } } };
}
