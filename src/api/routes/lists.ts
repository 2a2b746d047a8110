/** Lists of jobs, newest first, in the historic shapes. */
import { Readable } from 'node:stream';
import { z } from 'zod';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import type { JobQuery } from '../../contracts/store.js';
import type { Job, JobState } from '../../core/job.js';
import { projectId } from '../../core/units.js';
import type { Context } from '../context.js';
import type { ApiDeps } from '../deps.js';
import { count } from '../fields.js';
import { censusesOf } from '../members.js';
import { json, type Route, route } from '../route.js';
import { JOBS } from '../schemas/job.js';
import { extrasFor, jobToWire } from '../wire.js';

const ACTIVE: readonly JobState[] = [
  ...(['pending', 'launching', 'running', 'killing', 'unreachable', 'open'] as const),
];
const OVER: readonly JobState[] = ['over'];
/** The old command line sends `limit` 0 for "all". */
const ALL = 0;

const QUERY = { project: z.string().optional().describe('Only jobs that count for it.') };
const PAGE = {
  skip: count.describe('Jobs left out at the beginning.'),
  limit: count.describe('Jobs at most; 0: all.'),
};

export const LIST_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/task/active',
    tag: 'jobs',
    access: 'signed-in',
    summary: 'List your jobs that wait or run',
    query: QUERY,
    answers: { 200: json(JOBS, 'Newest first, without scripts.') },
    examples: [
      { name: 'all', answer: [{ id: 13 }, { id: 12 }, { id: 5 }, { id: 4 }, { id: 2 }, { id: 1 }] },
      { name: 'of a project', query: { project: 'lambda' } },
    ],
    handle: ({ context, deps, person, query }) =>
      list(context, deps, { ...ofProject(query), owner: person.id, states: ACTIVE }, ALL),
  }),
  route({
    method: 'GET',
    path: '/task/active/all',
    tag: 'jobs',
    access: 'admin',
    summary: "List everybody's jobs that wait or run",
    query: QUERY,
    answers: { 200: json(JOBS, 'Newest first, without scripts.') },
    examples: [
      { name: 'all', answer: [{ id: 13 }, { id: 12 }, { id: 5 }, { id: 4 }, { id: 2 }, { id: 1 }] },
    ],
    handle: ({ context, deps, query }) =>
      list(context, deps, { ...ofProject(query), states: ACTIVE }, ALL),
  }),
  route({
    method: 'POST',
    path: '/task/over/all/:skip/:limit',
    tag: 'jobs',
    access: 'admin',
    summary: "List everybody's jobs that are over",
    description: 'A body is not read: old command lines send an empty one.',
    params: PAGE,
    query: QUERY,
    answers: { 200: json(JOBS, 'Newest first, without scripts.') },
    examples: [
      { name: 'the last ten', params: { skip: 0, limit: 10 }, answer: [{ id: 9 }, { id: 3 }] },
    ],
    handle: ({ context, deps, params: { skip, limit }, query }) =>
      list(context, deps, { ...ofProject(query), states: OVER, skip }, limit),
  }),
  route({
    method: 'POST',
    path: '/task/over/:skip/:limit',
    tag: 'jobs',
    access: 'signed-in',
    summary: 'List your jobs that are over',
    description: 'A body is not read: old command lines send an empty one.',
    params: PAGE,
    query: QUERY,
    answers: { 200: json(JOBS, 'Newest first, without scripts.') },
    examples: [
      { name: 'the last one', params: { skip: 0, limit: 1 }, answer: [{ id: 9 }] },
      {
        name: 'no number',
        params: { skip: 'a', limit: 1 },
        status: 400,
        answer: { code: 'bad-request', field: 'skip' },
      },
    ],
    handle: ({ context, deps, person, params: { skip, limit }, query }) =>
      list(context, deps, { ...ofProject(query), owner: person.id, states: OVER, skip }, limit),
  }),
];

const ofProject = ({ project }: { readonly project: string | undefined }): JobQuery =>
  project === undefined ? {} : { project: projectId(project) };

/** Answers a JSON array page by page, so that a long list costs no memory. */
async function list(
  context: Context,
  deps: ApiDeps,
  query: JobQuery,
  limit: number,
): Promise<void> {
  const most = limit === ALL ? Number.POSITIVE_INFINITY : limit;
  // The first page is read before anything is sent: a store that is away is still a proper 503.
  const first = await deps.store.list({ ...query, limit: Math.min(most, PAGE_ITEMS_MAX) });
  context.type = 'application/json; charset=utf-8';
  context.body = Readable.from(documents(deps, query, most, first), { objectMode: false });
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
