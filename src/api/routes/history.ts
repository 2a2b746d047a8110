/** `/tasks`: jobs by user, project, tag and date, page by page, and only the parts of them that are wanted. */

import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import type { HistoryQuery, JobQuery } from '../../contracts/store.js';
import type { Job, JobState } from '../../core/job.js';
import { type Instant, instant, jobId, projectId, type UserId, userId } from '../../core/units.js';
import type { ApiDeps } from '../deps.js';
import { flag, text, wire } from '../fields.js';
import { censusesOf } from '../members.js';
import { isShared } from '../membership.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { shape } from '../schemas/answer.js';
import { JOB } from '../schemas/job.js';
import { extrasFor, jobToWire, type Wire } from '../wire.js';

const PAGE_USUAL = 100;
const ACTIVE: readonly JobState[] = [
  ...(['pending', 'launching', 'running', 'killing', 'unreachable', 'open'] as const),
];

/** A date is midnight UTC of its day; a time without a zone would mean another moment to each reader. */
const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;
const EPOCH_SECONDS = /^\d{1,11}(\.\d{1,9})?$/;
const momentOf = (value: string): number =>
  EPOCH_SECONDS.test(value) ? Math.round(Number(value) * 1_000) : Date.parse(value);

const moment = text(
  (value) => EPOCH_SECONDS.test(value) || (DATE.test(value) && Number.isFinite(Date.parse(value))),
  'must be a date as 2026-11-21, a time with its zone as 2026-11-21T14:00Z, or seconds since 1970',
).transform((value): Instant => instant(momentOf(value)));

/** Where a page ended: date and id of its last job. Of jobs that are not over the id alone counts. */
const CURSOR = /^(\d{1,15})-([1-9]\d{0,14})$/;
const cursorOf = ({ submittedAt, id }: Pick<Job, 'submittedAt' | 'id'>): string =>
  `${submittedAt}-${id}`;

const cursor = text((value) => CURSOR.test(value), 'must be the `next` of another page').transform(
  (value): NonNullable<HistoryQuery['after']> => {
    const [, at, id] = CURSOR.exec(value) ?? [];
    return { submittedAt: instant(Number(at)), id: jobId(Number(id)) };
  },
);

const limit = text(
  (value) => /^\d{1,4}$/.test(value) && Number(value) >= 1 && Number(value) <= PAGE_ITEMS_MAX,
  `must be a whole number from 1 to ${PAGE_ITEMS_MAX}`,
)
  .transform(Number)
  .meta(wire({ type: 'integer', minimum: 1, maximum: PAGE_ITEMS_MAX }));

const PARTS = Object.keys(JOB.shape);
const fields = text(
  (value) => value.split(',').every((path) => PARTS.includes(path.split('.', 1)[0] ?? '')),
  `must be parts of a job with commas between, such as id,meta.name,status; parts are ${PARTS.join(', ')}`,
).transform((value): readonly string[] => [...new Set(value.split(','))]);

const QUERY = {
  user: z.string().optional().meta({
    description:
      'Whose jobs; others than oneself: administrators, and in a shared project its members.',
  }),
  all: flag.describe("Everybody's jobs: administrators, and in a shared project its members."),
  project: z.string().optional(),
  tag: z.string().optional().meta({ description: "One of the job's tags, to the letter." }),
  state: z
    .enum(['over', 'active'], { error: 'must be over or active' })
    .optional()
    .meta({ description: '`over`, unless told, or `active`: those that wait or run.' }),
  from: moment.optional().meta({ description: 'Submitted then or later.' }),
  to: moment.optional().meta({ description: 'Submitted before.' }),
  limit: limit.optional().meta({ description: `Jobs of one page; ${PAGE_USUAL} unless told.` }),
  after: cursor.optional().meta({ description: 'The `next` of the page before.' }),
  fields: fields.optional().meta({ description: 'Parts of each job; all unless told.' }),
};

/** Whole, or of it what was asked for. */
const SOME_OF_A_JOB = z.union([
  JOB,
  z.partialRecord(z.enum(PARTS as [string, ...string[]]), z.unknown()),
]);

export const HISTORY_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/tasks',
    tag: 'jobs',
    access: 'signed-in',
    summary: 'List jobs by user, project, tag and date',
    description:
      'Newest first: by date of submission if they are over, else by number. A page costs the same however many jobs there are. `tag`, `from` and `to` are known of jobs that are over.',
    query: QUERY,
    answers: {
      200: json(
        shape({
          tasks: z.array(SOME_OF_A_JOB),
          next: z.string().nullable().meta({
            description: 'What to send as `after` for the next page; null: there is none.',
          }),
        }),
        'A page.',
      ),
    },
    errors: ['forbidden', 'not-supported'],
    examples: [
      { name: 'my jobs that are over', answer: { tasks: [{ id: 9 }, { id: 3 }], next: null } },
      {
        name: 'those that wait or run, with little of each',
        query: { state: 'active', fields: 'id,status.primary' },
        answer: { next: null },
      },
      {
        name: 'a limit that is too large',
        query: { limit: 1_001 },
        status: 400,
        answer: { code: 'bad-field', field: 'limit' },
      },
    ],
    handle: tasks,
  }),
];

type Asked = Call<'signed-in', None, typeof QUERY>;

async function tasks({ deps, person, query }: Asked) {
  const { project, fields: wanted, limit: asked = PAGE_USUAL } = query;
  const isOfAll = project !== undefined && (await isShared(deps, person, projectId(project)));
  const owner = ownerAsked({ person, query }, isOfAll);
  const whose = {
    ...(owner === null ? {} : { owner }),
    ...(project === undefined ? {} : { project: projectId(project) }),
  };
  // One more than asked for tells whether there is another page, unless that is more than the store gives.
  const limit = Math.min(asked + 1, PAGE_ITEMS_MAX);
  const found =
    query.state === 'active'
      ? await deps.store.list(activeQuery(query, whose, limit))
      : await deps.store.history({ ...whose, ...pastQuery(query), limit });
  const page = found.slice(0, asked);
  const last = page.at(-1);
  const isLast = found.length < limit;
  return {
    tasks: await documents(deps, page, wanted),
    next: isLast || last === undefined ? null : cursorOf(last),
  };
}

/** Null: everybody's. @param isOfAll the jobs of the project are the asker's business, too. @throws ServiceError forbidden */
function ownerAsked(
  { person, query: { user, all } }: Pick<Asked, 'person' | 'query'>,
  isOfAll: boolean,
): UserId | null {
  const isOwn = !all && (user === undefined || user === person.id);
  if (!isOwn && !person.isAdmin && !isOfAll)
    throw new ServiceError('forbidden', 'only administrators may see jobs of others', {
      field: all ? 'all' : 'user',
    });
  if (all && user !== undefined)
    throw new ServiceError('bad-field', 'user: either user or all', { field: 'user' });
  return all ? null : userId(user ?? person.id);
}

const pastQuery = ({ tag, from, to, after }: Asked['query']): HistoryQuery => ({
  ...(tag === undefined ? {} : { tag }),
  ...(from === undefined ? {} : { since: from }),
  ...(to === undefined ? {} : { until: to }),
  ...(after === undefined ? {} : { after }),
});

/** @throws ServiceError not-supported */
function activeQuery(query: Asked['query'], whose: JobQuery, limit: number): JobQuery {
  for (const field of ['tag', 'from', 'to'] as const)
    if (query[field] !== undefined)
      throw new ServiceError('not-supported', `${field}: only of jobs that are over`, { field });
  const { after } = query;
  return { ...whose, states: ACTIVE, limit, ...(after === undefined ? {} : { before: after.id }) };
}

/** As in the historic lists: without scripts. */
async function documents(
  deps: ApiDeps,
  jobs: readonly Job[],
  wanted: readonly string[] | undefined,
): Promise<readonly Wire[]> {
  const [censuses, extras] = await Promise.all([censusesOf(deps, jobs), extrasFor(deps, jobs)]);
  return jobs.map((job) => {
    const document = jobToWire(job, { ...extras(job), census: censuses.get(job.id) });
    return wanted === undefined ? document : selected(document, wanted);
  });
}

/** The parts that the paths name; one that this job does not have is left out. */
export function selected(document: Wire, paths: readonly string[]): Wire {
  const some: Wire = {};
  for (const path of paths) copy(document, some, path.split('.'));
  return some;
}

function copy(from: Wire, to: Wire, [name = '', ...rest]: readonly string[]): void {
  if (!Object.hasOwn(from, name)) return;
  const value = from[name];
  if (rest.length === 0) {
    to[name] = value;
    return;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  // A part that was wanted whole stays so, in whatever order they were named.
  if (to[name] === value) return;
  const part = (to[name] ?? {}) as Wire;
  copy(value as Wire, part, rest);
  if (Object.keys(part).length > 0) to[name] = part;
}
