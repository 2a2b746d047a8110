/** `/share`: why one goes before another; and what users and projects used, day by day, as the original told it. */
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import type { UseQuery } from '../../contracts/store.js';
import { instant, type ProjectId, projectId, userId } from '../../core/units.js';
import { DAY_MS, dayOf } from '../../core/usage.js';
import { noProject } from '../access.js';
import type { ApiDeps } from '../deps.js';
import { LOGIN, PROJECT } from '../fields.js';
import { isDefaultProject, projectsOf } from '../membership.js';
import { personFor } from '../people.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { epochSeconds, gigabytes, seconds, shape, whole } from '../schemas/answer.js';
import { USAGE } from '../schemas/people.js';
import { type Chosen, shareReport } from '../shares.js';

/** Days of use that are told. */
const USAGE_DAYS = 30;

const BUNDLE = shape({ cpu: z.number(), ram: gigabytes, gpus: z.number() });

const standing = {
  prio: z.number(),
  running: whole,
  held: BUNDLE,
  used: shape({
    time: z.number(),
    cpu: z.number(),
    ram: gigabytes,
    gpus: z.number(),
    cpu_hours: z.number(),
    ram_hours: z.number(),
    gpu_hours: z.number(),
  }),
};

const TERM = shape({
  name: z.string(),
  raw: z.number(),
  unit: z.string(),
  normalised: z.number(),
  weight: z.number(),
  value: z.number(),
});

const SHARE = shape({
  policy: z.string(),
  usage: shape({
    kind: z.enum(['window', 'half-life']),
    days: z.number().optional(),
    half_life: seconds.optional(),
    advance: seconds,
  }),
  date: epochSeconds,
  capacity: BUNDLE.nullable(),
  accounts: z
    .array(
      shape({
        user: z.string(),
        project: z.string(),
        queue: z.string().nullable(),
        queue_priority: z.number(),
        waiting: whole,
        position: whole.nullable(),
        score: z.number().nullable().meta({ description: 'Lower goes first.' }),
        group_score: z.number().nullable(),
        ...standing,
        terms: z.array(TERM),
      }),
    )
    .meta({ description: 'In the order in which they are served.' }),
  users: z.array(shape({ id: z.string(), ...standing })),
  projects: z.array(shape({ id: z.string(), ...standing })),
});

const QUERY = { user: z.string().optional(), project: z.string().optional() };

export const SHARE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/share',
    tag: 'shares',
    access: 'signed-in',
    summary: 'Show how everybody stands',
    description:
      'Why one goes before another: accounts with the terms of the policy in force. Plain users see theirs and those of their projects.',
    query: QUERY,
    answers: { 200: json(SHARE) },
    errors: ['user-not-found', 'project-not-found', 'cluster-unavailable'],
    examples: [
      { name: 'all that one may see', answer: { policy: 'fairshare' } },
      {
        name: 'of a project one is not in',
        query: { project: 'secret' },
        status: 404,
        answer: { code: 'project-not-found' },
      },
    ],
    handle: share,
  }),
  route({
    method: 'GET',
    path: '/user/:id/usage',
    tag: 'shares',
    access: 'own-or-admin',
    summary: 'Show what a user used, by day',
    params: LOGIN,
    answers: { 200: json(USAGE, `The last ${USAGE_DAYS} days on which jobs ended (UTC).`) },
    examples: [{ name: 'oneself', params: { id: 'alice' } }],
    handle: ({ deps, user }) => byDay(deps, { owner: userId(user.id) }),
  }),
  route({
    method: 'GET',
    path: '/project/:id/usage',
    tag: 'shares',
    access: 'member-or-admin',
    summary: 'Show what a project used, by day',
    description: 'Of `default`, in which everybody is, for administrators only.',
    params: PROJECT,
    answers: { 200: json(USAGE, `The last ${USAGE_DAYS} days on which jobs ended (UTC).`) },
    examples: [{ name: 'one of yours', params: { id: 'lambda' } }],
    handle({ deps, person, project, params }) {
      if (project === null && !person.isAdmin) throw noProject(params.id);
      return byDay(deps, { project: projectId(params.id) });
    },
  }),
];

async function share({ deps, person, query }: Call<'signed-in', None, typeof QUERY>) {
  const { user, project } = query;
  const mine = new Set((await projectsOf(deps, person.id)).map(({ id }): string => id));
  if (project !== undefined)
    await mustSeeProject(deps, projectId(project), person.isAdmin || mine.has(project));
  const facts = await deps.shares();
  if (facts === undefined)
    throw new ServiceError('cluster-unavailable', 'no scheduler has told yet how everybody stands');
  // Administrators may ask about accounts that are gone: their use is still there.
  const isKnown = person.isAdmin && facts.users.some(([id]) => id === user);
  if (user !== undefined && !isKnown) await personFor(deps, person, user);
  const maySee: Chosen = (row) =>
    person.isAdmin || row.user === person.id || (row.project !== null && mine.has(row.project));
  const isAskedFor: Chosen = (row) =>
    (user === undefined || row.user === null || row.user === user) &&
    (project === undefined || row.project === null || row.project === project);
  return shareReport(facts, deps.policy, (row) => maySee(row) && isAskedFor(row));
}

/** Who is no member learns nothing of a project. */
async function mustSeeProject({ store }: ApiDeps, id: ProjectId, maySee: boolean): Promise<void> {
  const isThere = isDefaultProject(id) || (await store.project(id)) !== undefined;
  if (!maySee || !isThere) throw noProject(id, 'project');
}

/** Jobs that ended, by UTC day; the historic shape, and GPUs. */
async function byDay({ store, clock }: ApiDeps, whose: Omit<UseQuery, 'since'>) {
  const since = instant((dayOf(clock.now()) - USAGE_DAYS + 1) * DAY_MS);
  const days = new Map<
    number,
    { date: string; cpu: number; ram: number; time: number; gpus: number }
  >();
  for (const use of await store.used({ since, ...whose })) {
    const day = dayOf(use.endedAt);
    const sum = days.get(day) ?? { date: dateOf(day), cpu: 0, ram: 0, time: 0, gpus: 0 };
    sum.cpu += use.cpuMilli / 1_000;
    sum.ram += use.memMb / 1_000;
    sum.time += use.timeMs / 1_000;
    sum.gpus += use.gpus;
    days.set(day, sum);
  }
  return [...days.values()];
}

/** As the original wrote days: `2026_3_7`. */
function dateOf(day: number): string {
  const date = new Date(day * DAY_MS);
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()].join('_');
}
