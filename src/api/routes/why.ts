/** `/task/{id}/why`: where a waiting job stands, what limits it, when it may start; and why another one stands before it. */
import { z } from 'zod';
import type { Person } from '../../contracts/auth.js';
import { ServiceError } from '../../contracts/errors.js';
import type { OutlookFacts } from '../../contracts/outlook.js';
import type { Job } from '../../core/job.js';
import { QUEUE_PRIORITY_USUAL } from '../../core/limit-book.js';
import { needsOf } from '../../core/retry.js';
import { impossible } from '../../core/tally.js';
import type { Instant } from '../../core/units.js';
import { compared } from '../comparison.js';
import { readJobId } from '../context.js';
import type { ApiDeps } from '../deps.js';
import { JOB_ID, OTHER_JOB } from '../fields.js';
import { describeImpossible } from '../impossible.js';
import { limitOf } from '../members.js';
import { projectsOf } from '../membership.js';
import { type Estimate, type Prospect, prospectOf } from '../prospects.js';
import { type Call, json, type Route, route } from '../route.js';
import { epochSeconds, jobNumber, seconds, shape, whole } from '../schemas/answer.js';
import { OBSTACLE } from '../schemas/obstacle.js';
import { extrasFor, statusToWire, type Wire } from '../wire.js';
import { isWithheld } from '../withheld.js';

const POSITION = shape({
  from: whole.nullable().meta({ description: 'From 1; null: not in line.' }),
  to: whole.nullable(),
  of: whole,
  member: jobNumber.nullable().meta({ description: 'Of an array: its member that is next.' }),
  date: epochSeconds,
  age: seconds.meta({ description: 'Of the look, in seconds.' }),
}).meta({ id: 'Position' });

const ESTIMATE = z
  .discriminatedUnion('kind', [
    shape({
      kind: z.literal('unknown'),
      because: z.enum([
        ...(['under-way', 'not-in-line', 'not-seen-yet', 'far-back'] as const),
        ...(['no-ends', 'no-place', 'far-off'] as const),
      ]),
      from: epochSeconds.nullable(),
    }),
    shape({
      kind: z.literal('about'),
      date: epochSeconds,
      from: epochSeconds,
      to: epochSeconds.nullable(),
      basis: z.record(z.string(), z.number()),
      agents: whole,
    }),
  ])
  .meta({ id: 'Estimate' });

const beside = { mine: z.number(), other: z.number() };
const CAUSE = z.discriminatedUnion('code', [
  shape({ code: z.literal('same-account') }),
  shape({ code: z.literal('queue-priority'), ...beside }),
  shape({ code: z.literal('group-score'), ...beside }),
  shape({
    code: z.literal('score'),
    ...beside,
    terms: z.array(shape({ name: z.string(), ...beside })),
  }),
  shape({ code: z.literal('own-jobs-first'), whose: z.enum(['mine', 'other']) }),
  shape({ code: z.literal('older') }),
  shape({ code: z.literal('not-shown') }),
]);

const WHY = shape({
  id: jobNumber,
  primary: z.string(),
  secondary: z.string().nullable(),
  reason: z.string().nullable(),
  obstacles: z.array(OBSTACLE),
  impossible: z.string().nullable().meta({ description: 'Why no agent could ever run it.' }),
  position: POSITION.nullable(),
  estimate: ESTIMATE.nullable(),
  compared: shape({
    id: jobNumber,
    user: z.string().optional(),
    project: z.string().optional(),
    position: POSITION.nullable(),
    first: jobNumber.nullable(),
    because: z.array(CAUSE),
  })
    .optional()
    .meta({ description: 'With the other job that was named.' }),
});

const QUERY = {
  other: OTHER_JOB.optional().describe('Another job that waits: why it stands before this one.'),
};

export const WHY_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/task/:id/why',
    tag: 'jobs',
    access: 'own-job',
    summary: 'Tell why a job waits',
    description: 'Where it stands, what limits it, when it may start. Nothing is promised.',
    params: JOB_ID,
    query: QUERY,
    answers: { 200: json(WHY, 'As things stand now.') },
    errors: ['bad-id', 'job-not-found', 'wrong-state'],
    examples: [
      { name: 'a job that waits', params: { id: 1 }, answer: { id: 1, primary: 'pending' } },
      {
        name: 'beside another one',
        params: { id: 1 },
        query: { other: 4 },
        answer: { compared: { id: 4 } },
      },
      { name: 'one that runs', params: { id: 2 }, answer: { obstacles: [], position: null } },
    ],
    handle: why,
  }),
];

async function why({ deps, person, job, query }: Call<'own-job', typeof JOB_ID, typeof QUERY>) {
  const outlook = waits(job) ? await deps.outlook() : undefined;
  const report = await whyReport(deps, job, outlook);
  const { other: text } = query;
  if (text === undefined) return report;
  return { ...report, compared: await comparison(deps, { job, person, text, outlook }) };
}

const waits = ({ state }: Job): boolean => state === 'pending' || state === 'open';

async function whyReport(
  deps: ApiDeps,
  job: Job,
  outlook: OutlookFacts | undefined,
): Promise<Wire> {
  const extras = (await extrasFor(deps, [job]))(job);
  const isWithheldNow = extras.obstacles?.some(isWithheld) === true;
  const obstacles = (isWithheldNow ? undefined : await limitOf(deps, job)) ?? extras.obstacles;
  const { primary, secondary, reason } = statusToWire(job, { ...extras, obstacles });
  const base = { id: job.id, primary, secondary, reason };
  if (!waits(job))
    return { ...base, obstacles: [], impossible: null, position: null, estimate: null };
  const prospect = outlook === undefined ? undefined : prospectOf(job, outlook);
  return {
    ...base,
    obstacles: obstacles ?? [],
    impossible: impossibleNow(deps, job),
    position: positionToWire(prospect, extras.at),
    estimate: prospect === undefined ? null : estimateToWire(prospect.estimate),
  };
}

/** Agents may have gone since the job was taken. */
function impossibleNow({ inventory }: ApiDeps, job: Job): string | null {
  const { constraints, executor } = job.spec;
  const tenant = { user: job.owner, project: job.project };
  const demand = { needs: needsOf(job), constraints, executor, tenant };
  return describeImpossible(impossible(demand, inventory() ?? []))?.msg ?? null;
}

const secondsOf = (at: Instant): number => at / 1_000;

/** `from` and `to` null: it is not in line. `age`: of the look, in seconds. */
function positionToWire(prospect: Prospect | undefined, at: Instant): Wire | null {
  if (prospect === undefined) return null;
  const { place, inLine, memberId } = prospect;
  return {
    from: place?.from ?? null,
    to: place?.to ?? null,
    of: inLine,
    member: memberId,
    date: secondsOf(prospect.at),
    age: Math.max(0, at - prospect.at) / 1_000,
  };
}

function estimateToWire(estimate: Estimate): Wire {
  if (estimate.kind === 'unknown') {
    const { kind, because, from } = estimate;
    return { kind, because, from: from === null ? null : secondsOf(from) };
  }
  const { kind, at, from, to, basis } = estimate;
  return {
    kind,
    date: secondsOf(at),
    from: secondsOf(from),
    to: to === null ? null : secondsOf(to),
    basis: basis.bases,
    agents: basis.agents,
  };
}

async function comparison(
  deps: ApiDeps,
  {
    job,
    person,
    text,
    outlook,
  }: {
    readonly job: Job;
    readonly person: Person;
    readonly text: string;
    readonly outlook: OutlookFacts | undefined;
  },
): Promise<Wire> {
  const id = readJobId(text);
  const other = await deps.store.job(id);
  const isShown = other !== undefined && (await maySee(deps, person, other));
  // Of others' jobs it is known that they wait: they stand in the same line. No more than that.
  if (other === undefined || (!isShown && !waits(other)))
    throw new ServiceError('job-not-found', `no waiting job ${id}`, { field: 'other' });
  for (const one of [job, other])
    if (!waits(one))
      throw new ServiceError('wrong-state', `job ${one.id} does not wait`, { field: 'other' });
  const sideOf = (one: Job) => ({
    job: one,
    prospect: outlook === undefined ? undefined : prospectOf(one, outlook),
  });
  const queues = new Map(deps.config.limits.queues.map((queue) => [queue.name, queue.priority]));
  const otherSide = sideOf(other);
  const { first, because } = compared({
    mine: sideOf(job),
    other: otherSide,
    isOtherShown: isShown,
    shares: isShown ? await deps.shares() : undefined,
    policy: deps.policy,
    priorityOf: (queue) => queues.get(queue ?? '') ?? QUEUE_PRIORITY_USUAL,
  });
  return {
    id,
    ...(isShown ? { user: other.owner, project: other.project } : {}),
    position: positionToWire(otherSide.prospect, deps.clock.now()),
    first: first === null ? null : first === 'mine' ? job.id : id,
    because,
  };
}

/** One's own, those of one's projects (not of the one that everybody is in), and all for administrators. */
async function maySee(deps: ApiDeps, person: Person, job: Job): Promise<boolean> {
  if (person.isAdmin || job.owner === person.id) return true;
  return (await projectsOf(deps, person.id)).some(({ id }) => id === job.project);
}
