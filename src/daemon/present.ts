/** The present as estimates begin with it: agents, and the tasks that run there with the ends that are expected of them. */
import type { AgentFacts } from '../contracts/agents.js';
import type { ForesightInput, RunningTask } from '../core/foresight.js';
import type { LiveJob } from '../core/job.js';
import type { Basis, Unfinished } from '../core/lifetimes.js';
import type { Offer } from '../core/matching.js';
import type { AgentLoad, Reservation } from '../core/reservation.js';
import { needsOf } from '../core/retry.js';
import { type AgentId, agentId, type Instant, instant } from '../core/units.js';
import type { Accounting } from './accounting.js';
import type { AgentWatch } from './agent-watch.js';
import { likeOf, likeOfJob } from './ends.js';
import type { JobBook } from './job-book.js';

export interface PresentView {
  readonly accounting: Accounting;
  readonly agents: Pick<AgentWatch, 'offers'>;
  readonly links: ReadonlyMap<string, { readonly book: { all(): Iterable<Offer> } }>;
  readonly book: Pick<JobBook, 'live' | 'loads'>;
  /** Room that is kept for jobs. */
  readonly kept: () => readonly Reservation[];
}

type KnownAgent = Omit<AgentLoad, 'tasks'>;

const NO_BASES: Readonly<Record<Basis, number>> = { like: 0, lifespan: 0, site: 0, unknown: 0 };

/** A task that runs, and what tells its end. */
interface Runner {
  readonly task: Omit<RunningTask, 'expectedEnd'>;
  readonly unfinished: Unfinished;
  readonly state: LiveJob['state'];
}

/** What all suppositions share. */
export interface Present {
  readonly at: Instant;
  readonly agents: readonly KnownAgent[];
  readonly runners: readonly Runner[];
  readonly reservations: readonly Reservation[];
}

/** One supposition of how long tasks take. */
export interface Supposed extends Pick<ForesightInput, 'running' | 'takesMs'> {
  /** Raised by each task that runs and each job that is asked for. */
  readonly bases: Readonly<Record<Basis, number>>;
}

const AT_ONCE = 100;

/** Made in portions, with a pause at each `yield`. */
export function* presentOf(
  view: PresentView,
  told: readonly AgentFacts[],
  at: Instant,
): Generator<undefined, Present> {
  const live = [...view.book.live()];
  const reservations = view.kept();
  yield;
  const agents = agentsOf(view, told, { at, live });
  yield;
  const runners: Runner[] = [];
  for (const job of live) {
    runners.push(runnerOf(job, at));
    if (runners.length % AT_ONCE === 0) yield;
  }
  return { at, agents, runners, reservations };
}

/** @param quantile of the lengths that are known: 0.5 for those that most take */
export function supposed(
  { at, runners }: Present,
  { accounting }: Pick<PresentView, 'accounting'>,
  quantile: number,
): Supposed {
  const bases = { ...NO_BASES };
  const { lifetimes } = accounting.ends;
  const expected = (unfinished: Unfinished): number | null => {
    const { totalMs, basis } = lifetimes.expected(unfinished, quantile);
    bases[basis]++;
    return totalMs;
  };
  function* running(): Generator<RunningTask> {
    for (const runner of runners)
      yield { ...runner.task, expectedEnd: endOf(runner, at, expected) };
  }
  return {
    bases,
    running: running(),
    takesMs: (user, shape) =>
      expected({ like: likeOf(user, shape), lifespanMs: shape.lifespanMs, ranMs: 0 }),
  };
}

function endOf(
  { task: { startedAt }, unfinished, state }: Runner,
  at: Instant,
  expected: (of: Unfinished) => number | null,
): Instant | null {
  // What cannot be reached ends nothing; what is being killed ends soon.
  if (state === 'unreachable') return null;
  if (state === 'killing') return at;
  const totalMs = expected(unfinished);
  return totalMs === null ? null : instant(startedAt + Math.max(unfinished.ranMs, totalMs));
}

function runnerOf(job: LiveJob, at: Instant): Runner {
  const { id, owner: user, project, parent = null, placement, spec, state } = job;
  const { executor, agentId, placedAt } = placement;
  const startedAt = (job.state === 'launching' ? null : job.startedAt) ?? placedAt;
  const { lifespanMs } = spec;
  const endsAt = lifespanMs === null ? null : instant(startedAt + lifespanMs);
  const account = { user, project, array: parent };
  return {
    state,
    task: { jobId: id, ...account, executor, agentId, startedAt, needs: needsOf(job), endsAt },
    unfinished: { like: likeOfJob(job), lifespanMs, ranMs: Math.max(0, at - startedAt) },
  };
}

/** Those that were seen in offers; and those the cluster told of, as long as they were too full to be offered. */
function agentsOf(
  { agents, links, book: { loads } }: PresentView,
  told: readonly AgentFacts[],
  { at, live }: { readonly at: Instant; readonly live: readonly LiveJob[] },
): readonly KnownAgent[] {
  const offers = agents.offers([...links.values()].flatMap((link) => [...link.book.all()]));
  loads.offered(offers, at);
  const seen: KnownAgent[] = [...loads.all(at)];
  const hosts = new Set(seen.map(({ executor, host }) => `${executor}/${host}`));
  const ids = new Map<string, AgentId>();
  for (const { placement } of live)
    ids.set(`${placement.executor}/${placement.host}`, placement.agentId);
  for (const agent of told) {
    const key = `${agent.executor}/${agent.host}`;
    if (!agent.isActive || hosts.has(key)) continue;
    hosts.add(key);
    seen.push(neverOffered(agent, ids.get(key) ?? agentId(agent.host)));
  }
  return seen;
}

function neverOffered({ executor, host, total, attributes }: AgentFacts, id: AgentId): KnownAgent {
  const { cpuMilli, memMb, gpus, ports: portsFree, custom } = total;
  const site = { executor, host, attributes, unavailableFrom: null };
  return { ...site, agentId: id, total: { cpuMilli, memMb, gpus, portsFree, custom } };
}
