/** `/task/{id}/why`: where a waiting job stands, what limits it, when it may start; and why another one stands before it. */
import type { Person } from '../../contracts/auth.js';
import { ServiceError } from '../../contracts/errors.js';
import type { OutlookFacts } from '../../contracts/outlook.js';
import type { Job } from '../../core/job.js';
import { QUEUE_PRIORITY_USUAL } from '../../core/limit-book.js';
import { needsOf } from '../../core/retry.js';
import { impossible } from '../../core/tally.js';
import type { Instant } from '../../core/units.js';
import { compared } from '../comparison.js';
import { queryValue, readJobId } from '../context.js';
import type { ApiDeps } from '../deps.js';
import { describeImpossible } from '../impossible.js';
import { limitOf } from '../members.js';
import { projectsOf } from '../membership.js';
import { type Estimate, type Prospect, prospectOf } from '../prospects.js';
import type { Routes } from '../routes.js';
import { extrasFor, statusToWire, type Wire } from '../wire.js';
import { isWithheld } from '../withheld.js';

export function whyRoutes({ deps, router, signedIn, jobOf }: Routes): void {
  router.get('/task/:id/why', async (context) => {
    const job = await jobOf(context, context.params.id);
    const text = queryValue(context, 'other');
    const outlook = waits(job) ? await deps.outlook() : undefined;
    const report = await whyReport(deps, job, outlook);
    if (text === undefined) {
      context.body = report;
      return;
    }
    const person = await signedIn(context);
    context.body = { ...report, compared: await comparison(deps, { job, person, text, outlook }) };
  });
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

const seconds = (at: Instant): number => at / 1_000;

/** `from` and `to` null: it is not in line. `age`: of the look, in seconds. */
function positionToWire(prospect: Prospect | undefined, at: Instant): Wire | null {
  if (prospect === undefined) return null;
  const { place, inLine, memberId } = prospect;
  return {
    from: place?.from ?? null,
    to: place?.to ?? null,
    of: inLine,
    member: memberId,
    date: seconds(prospect.at),
    age: Math.max(0, at - prospect.at) / 1_000,
  };
}

function estimateToWire(estimate: Estimate): Wire {
  if (estimate.kind === 'unknown') {
    const { kind, because, from } = estimate;
    return { kind, because, from: from === null ? null : seconds(from) };
  }
  const { kind, at, from, to, basis } = estimate;
  return {
    kind,
    date: seconds(at),
    from: seconds(from),
    to: to === null ? null : seconds(to),
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
