/** Job arrays: their members by page, and a new array of those that failed. */
import { z } from 'zod';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import type { JobState } from '../../core/job.js';
import { statesToWire } from '../array-wire.js';
import { count, JOB_ID, text, wire } from '../fields.js';
import { censusOfJob, memberIds, mustBeArray } from '../members.js';
import { RETRY_HEADERS, retryFailed } from '../retry-failed.js';
import { type Call, json, type Route, route } from '../route.js';
import { jobNumber, shape, whole } from '../schemas/answer.js';
import { ARRAY_STATES, JOB } from '../schemas/job.js';
import { SUBMISSION_ERRORS } from '../submission.js';
import { extrasFor, jobToWire } from '../wire.js';

/** Words of the query, as `status.primary` has them. */
const STATES: Readonly<Record<string, readonly JobState[]>> = {
  pending: ['pending', 'launching'],
  running: ['running', 'killing', 'unreachable'],
  over: ['over'],
};
const WORDS = Object.keys(STATES);
const LIMIT_DEFAULT = 100;

const MEMBERS_QUERY = {
  start: count.optional().describe('Place of the first member, counted from 0.'),
  limit: text(
    (value) => /^\d{1,9}$/.test(value) && Number(value) >= 1 && Number(value) <= PAGE_ITEMS_MAX,
    `must be from 1 to ${PAGE_ITEMS_MAX}`,
    { code: 'bad-request' },
  )
    .transform(Number)
    .meta(wire({ type: 'integer', minimum: 1, maximum: PAGE_ITEMS_MAX, default: LIMIT_DEFAULT }))
    .optional(),
  state: text(
    (value) => value === '' || Object.hasOwn(STATES, value),
    `must be one of ${WORDS.join(', ')}`,
    { code: 'bad-request' },
  )
    .meta(wire({ type: 'string', enum: WORDS }))
    .optional(),
};

export const ARRAY_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/task/:id/members',
    tag: 'arrays',
    access: 'own-job',
    summary: 'List the members of an array',
    params: JOB_ID,
    query: MEMBERS_QUERY,
    answers: {
      200: json(
        shape({
          id: jobNumber,
          nb_tasks: whole,
          states: z.union([ARRAY_STATES, shape({})]),
          start: whole,
          members: z.array(JOB),
        }),
        'Members from the place `start` on.',
      ),
    },
    errors: ['wrong-state'],
    examples: [
      {
        name: 'the first two that wait',
        params: { id: 5 },
        query: { limit: 2, state: 'pending' },
        answer: { id: 5, start: 0, members: [{ id: 6 }, { id: 7 }] },
      },
    ],
    handle: members,
  }),
  route({
    method: 'POST',
    path: '/task/:id/retry-failed',
    tag: 'arrays',
    access: 'own-job',
    summary: 'Submit the members of an array that failed again',
    description: 'They become an array of their own. Only the owner may.',
    params: JOB_ID,
    headers: RETRY_HEADERS,
    answers: {
      200: json(
        shape({
          msg: z.literal('Task added'),
          id: jobNumber.nullable(),
          ids: z.array(jobNumber),
          members: whole,
        }),
        'The new arrays are on record.',
      ),
    },
    errors: ['wrong-state', 'bad-field', ...SUBMISSION_ERRORS],
    examples: [
      { name: 'an array that is over', params: { id: 9 }, answer: { msg: 'Task added' } },
      {
        name: 'one that is not over',
        params: { id: 5 },
        status: 409,
        answer: { code: 'wrong-state' },
      },
    ],
    handle: retryFailed,
  }),
];

async function members({ deps, job, query }: Call<'own-job', typeof JOB_ID, typeof MEMBERS_QUERY>) {
  const array = mustBeArray(job);
  const { start = 0, limit = LIMIT_DEFAULT, state = '' } = query;
  const states = state === '' ? undefined : STATES[state];
  const ids = await memberIds(deps.store, array, {
    start,
    limit,
    ...(states === undefined ? {} : { states }),
  });
  const jobs = await deps.store.jobs(ids);
  const census = await censusOfJob(deps, array);
  const extras = await extrasFor(deps, [...jobs.values()]);
  return {
    id: array.id,
    nb_tasks: census?.members ?? 0,
    states: census === undefined ? {} : statesToWire(census),
    start,
    members: ids.flatMap((id) => {
      const member = jobs.get(id);
      if (member === undefined) return [];
      return [jobToWire(member, extras(member))];
    }),
  };
}
