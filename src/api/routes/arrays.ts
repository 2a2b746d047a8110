/** Job arrays: their members by page, and a new array of those that failed. */
import { ServiceError } from '../../contracts/errors.js';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import type { JobState } from '../../core/job.js';
import { statesToWire } from '../array-wire.js';
import { type Context, queryValue, readCount } from '../context.js';
import { censusOfJob, memberIds, mustBeArray } from '../members.js';
import { retryFailed } from '../retry-failed.js';
import type { Routes } from '../routes.js';
import { extrasFor, jobToWire } from '../wire.js';

/** Words of the query, as `status.primary` has them. */
const STATES: Readonly<Record<string, readonly JobState[]>> = {
  pending: ['pending', 'launching'],
  running: ['running', 'killing', 'unreachable'],
  over: ['over'],
};
const LIMIT_DEFAULT = 100;

export function arrayRoutes(routes: Routes): void {
  const { router } = routes;
  router.get('/task/:id/members', (context) => members(context, context.params.id, routes));
  router.post('/task/:id/retry-failed', (context) =>
    retryFailed(context, context.params.id, routes),
  );
}

async function members(
  context: Context,
  text: string | undefined,
  { deps, jobOf }: Routes,
): Promise<void> {
  const array = mustBeArray(await jobOf(context, text));
  const start = readCount(queryValue(context, 'start') ?? '0', 'start');
  const limit = readCount(queryValue(context, 'limit') ?? String(LIMIT_DEFAULT), 'limit');
  if (limit < 1 || limit > PAGE_ITEMS_MAX)
    throw new ServiceError('bad-request', `limit must be from 1 to ${PAGE_ITEMS_MAX}`, {
      field: 'limit',
    });
  const states = readStates(queryValue(context, 'state'));
  const ids = await memberIds(deps.store, array, {
    start,
    limit,
    ...(states === undefined ? {} : { states }),
  });
  const jobs = await deps.store.jobs(ids);
  const census = await censusOfJob(deps, array);
  const extras = await extrasFor(deps, [...jobs.values()]);
  context.body = {
    id: array.id,
    nb_tasks: census?.members ?? 0,
    states: census === undefined ? {} : statesToWire(census),
    start,
    members: ids.flatMap((id) => {
      const job = jobs.get(id);
      if (job === undefined) return [];
      return [jobToWire(job, extras(job))];
    }),
  };
}

function readStates(word: string | undefined): readonly JobState[] | undefined {
  if (word === undefined || word === '') return undefined;
  if (Object.hasOwn(STATES, word)) return STATES[word];
  throw new ServiceError('bad-request', `state must be one of ${Object.keys(STATES).join(', ')}`, {
    field: 'state',
  });
}
