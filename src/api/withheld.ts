/** Why a job waits that does not stand in the queue yet: found in the record, whatever process leads. In words, too. */
import type { WaitStore } from '../contracts/waits.js';
import { memberId, placeOf } from '../core/array.js';
import {
  type Dependencies,
  type Dependency,
  type JobStanding,
  verdictOf,
} from '../core/dependency.js';
import type { Job } from '../core/job.js';
import type { Awaited, Obstacle } from '../core/obstacle.js';
import type { Instant, JobId } from '../core/units.js';

/** Jobs that are named; of more the number is told. */
const NAMED_MAX = 10;

type Store = Pick<WaitStore, 'standings' | 'namesakes'>;
type WithheldObstacle = Extract<
  Obstacle,
  { code: 'dependency' | 'turn' | 'held-back' | 'not-before' | 'service-maintenance' }
>;

export const isWithheld = (obstacle: Obstacle): obstacle is WithheldObstacle =>
  obstacle.code === 'dependency' ||
  obstacle.code === 'turn' ||
  obstacle.code === 'held-back' ||
  obstacle.code === 'not-before' ||
  obstacle.code === 'service-maintenance';

/** Of those that wait for more than resources, what for. */
export async function withheldOf(
  { store, at }: { readonly store: Store; readonly at: Instant },
  jobs: readonly Job[],
): Promise<ReadonlyMap<JobId, readonly Obstacle[]>> {
  const waiting = jobs.filter(mayBeWithheld);
  const targets = new Set(waiting.flatMap((job) => awaitedBy(job).map((one) => one.job)));
  const standings = targets.size === 0 ? new Map() : await store.standings([...targets]);
  const found = new Map<JobId, readonly Obstacle[]>();
  for (const job of waiting) {
    const obstacles = obstaclesOf(job, standings, at);
    const turn = obstacles.length === 0 ? await turnOf(job, store) : null;
    if (turn !== null) obstacles.push(turn);
    if (obstacles.length > 0) found.set(job.id, obstacles);
  }
  return found;
}

export const mayBeWithheld = (job: Job): boolean => job.state === 'pending' || job.state === 'open';

/** A job that was launched once waits for nobody any more. */
function dependenciesOf(job: Job): Dependencies | undefined {
  const isFirst = job.launches === 0 && !(job.state === 'open' && job.startedAt !== null);
  return isFirst ? job.spec.dependencies : undefined;
}

/** For a member of an array, its counterpart where the arrays correspond. */
function awaitedBy(job: Job): readonly Dependency[] {
  const { parent } = job;
  const on = dependenciesOf(job)?.on ?? [];
  if (parent === undefined) return on;
  return on.map(({ type, job: other }) => ({
    type,
    job: type === 'aftercorr' ? memberId(other, placeOf(parent, job.id)) : other,
  }));
}

function obstaclesOf(
  job: Job,
  standings: ReadonlyMap<JobId, JobStanding>,
  at: Instant,
): Obstacle[] {
  const obstacles: Obstacle[] = [];
  const heldBack = job.state === 'pending' || job.state === 'open' ? job.heldBack : undefined;
  if (heldBack !== undefined) obstacles.push({ code: 'held-back', ...heldBack });
  const { beginAt } = job.spec;
  if (beginAt !== undefined && beginAt > at && job.launches === 0)
    obstacles.push({ code: 'not-before', at: beginAt });
  const dependencies = dependenciesOf(job);
  if (dependencies === undefined) return obstacles;
  const { isAnyEnough } = dependencies;
  const on = awaitedBy(job);
  const isTrue = ({ type, job: id }: Dependency) => {
    const verdict = verdictOf(type, standings.get(id));
    // Of an array, members wait one by one: once the other is over, the array waits for nobody.
    const isArrays = type === 'aftercorr' && job.parent === undefined;
    return isArrays ? verdict !== 'waits' : verdict === 'true';
  };
  if (isAnyEnough && on.some(isTrue)) return obstacles;
  const open = [...new Set(on.filter((one) => !isTrue(one)).map((one) => one.job))];
  if (open.length > 0)
    obstacles.push({
      code: 'dependency',
      isAnyEnough,
      jobs: open.slice(0, NAMED_MAX).map((id) => awaited(id, standings.get(id))),
      more: Math.max(0, open.length - NAMED_MAX),
    });
  return obstacles;
}

const awaited = (id: JobId, standing: JobStanding | undefined): Awaited => ({
  id,
  state: standing?.state ?? 'over',
  exitCode: standing?.exitCode ?? null,
});

async function turnOf(job: Job, store: Store): Promise<Obstacle | null> {
  if (dependenciesOf(job)?.isSingleton !== true) return null;
  const { name } = job.spec;
  const self = job.parent ?? job.id;
  const namesakes = await store.namesakes({ owner: job.owner, name }, null);
  const before = namesakes.filter(({ id, hasBegun }) => id !== self && (id < self || hasBegun));
  if (before.length === 0) return null;
  const jobs = before.slice(0, NAMED_MAX).map(({ id, hasBegun }) => ({
    id,
    state: hasBegun ? ('running' as const) : ('pending' as const),
    exitCode: null,
  }));
  return { code: 'turn', name, jobs, more: Math.max(0, before.length - NAMED_MAX) };
}

/** A sentence for each. */
export function describeWithheld(obstacle: WithheldObstacle): string {
  switch (obstacle.code) {
    case 'held-back': {
      const { by, isAdmin, at } = obstacle;
      return `Held by ${isAdmin ? `administrator ${by}` : by} since ${time(at)}`;
    }
    case 'not-before':
      return `Not before ${time(obstacle.at)}`;
    case 'service-maintenance': {
      const why = obstacle.reason === '' ? '' : `: ${obstacle.reason}`;
      return `The service is in maintenance and starts no jobs${why}`;
    }
    case 'turn':
      return `Waits for its turn among jobs named "${obstacle.name}", behind ${listed(obstacle)}`;
    case 'dependency':
      return `Waits for ${obstacle.isAnyEnough ? 'any of ' : ''}${listed(obstacle)}`;
  }
}

function listed({
  jobs,
  more,
}: Pick<Extract<Obstacle, { code: 'turn' }>, 'jobs' | 'more'>): string {
  const named = jobs.map(({ id, state, exitCode }) => `${id} (${stateWord(state, exitCode)})`);
  const rest = more === 0 ? '' : ` and ${more} more`;
  return `${jobs.length === 1 && more === 0 ? 'job' : 'jobs'} ${named.join(', ')}${rest}`;
}

/** As `status.primary` says it. */
function stateWord(state: Job['state'], exitCode: number | null): string {
  if (state === 'over') return exitCode === null ? 'over' : `over, code ${exitCode}`;
  return state === 'pending' || state === 'launching' || state === 'open' ? 'pending' : 'running';
}

/** In UTC, to the second. */
const time = (at: Instant): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
