/** Lists of jobs, newest first, in the historic shapes. */
import { Readable } from 'node:stream';
import type { Person } from '../../contracts/auth.js';
import { ServiceError } from '../../contracts/errors.js';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import type { JobQuery } from '../../contracts/store.js';
import type { Job, JobState } from '../../core/job.js';
import { projectId } from '../../core/units.js';
import { type Context, queryValue, readCount } from '../context.js';
import type { ApiDeps } from '../deps.js';
import { censusesOf } from '../members.js';
import type { Routes } from '../routes.js';
import { extrasFor, jobToWire } from '../wire.js';

const ACTIVE: readonly JobState[] = [
  ...(['pending', 'launching', 'running', 'killing', 'unreachable', 'open'] as const),
];
const OVER: readonly JobState[] = ['over'];
/** The old command line sends `limit` 0 for "all". */
const ALL = 0;

export function listRoutes({ deps, router, signedIn }: Routes): void {
  router.get('/task/active', async (context) => {
    const { id } = await signedIn(context);
    await list(context, deps, { owner: id, states: ACTIVE }, ALL);
  });

  router.get('/task/active/all', async (context) => {
    mustBeAdmin(await signedIn(context));
    await list(context, deps, { states: ACTIVE }, ALL);
  });

  router.post('/task/over/all/:skip/:limit', async (context) => {
    mustBeAdmin(await signedIn(context));
    await listOver(context, context.params, {});
  });

  router.post('/task/over/:skip/:limit', async (context) => {
    const { id } = await signedIn(context);
    await listOver(context, context.params, { owner: id });
  });

  async function listOver(
    context: Context,
    params: Readonly<Record<string, string | undefined>>,
    query: JobQuery,
  ): Promise<void> {
    const skip = readCount(params.skip, 'skip');
    const limit = readCount(params.limit, 'limit');
    await list(context, deps, { ...query, states: OVER, skip }, limit);
  }
}

/** Answers a JSON array page by page, so that a long list costs no memory. */
async function list(
  context: Context,
  deps: ApiDeps,
  query: JobQuery,
  limit: number,
): Promise<void> {
  const project = queryValue(context, 'project');
  const whole = project === undefined ? query : { ...query, project: projectId(project) };
  const most = limit === ALL ? Number.POSITIVE_INFINITY : limit;
  // The first page is read before anything is sent: a store that is away is still a proper 503.
  const first = await deps.store.list({ ...whole, limit: Math.min(most, PAGE_ITEMS_MAX) });
  context.type = 'application/json; charset=utf-8';
  context.body = Readable.from(documents(deps, whole, most, first), { objectMode: false });
}

async function* documents(
  deps: ApiDeps,
  query: JobQuery,
  limit: number,
  first: readonly Job[],
): AsyncGenerator<string> {
  const { skip: _, ...rest } = query;
  let jobs = first;
  let sent = 0;
  while (jobs.length > 0) {
    const censuses = await censusesOf(deps, jobs);
    const extras = await extrasFor(deps, jobs);
    for (const job of jobs) {
      const document = jobToWire(job, { ...extras(job), census: censuses.get(job.id) });
      // One at a time: the parent of an array may list ten thousand ids.
      yield (sent === 0 ? '[' : ',') + JSON.stringify(document);
      sent += 1;
    }
    const last = jobs.at(-1);
    if (last === undefined || jobs.length < PAGE_ITEMS_MAX || sent >= limit) break;
    // Onwards by id, not by count: jobs that end meanwhile shift no page.
    const count = Math.min(limit - sent, PAGE_ITEMS_MAX);
    jobs = await deps.store.list({ ...rest, before: last.id, limit: count });
  }
  yield sent === 0 ? '[]' : ']';
}

function mustBeAdmin(person: Person): void {
  if (!person.isAdmin)
    throw new ServiceError('forbidden', "only administrators see everybody's jobs");
}
