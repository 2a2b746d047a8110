/** The present as estimates begin with it: agents, and the tasks that run there with the ends that are expected of them. */
import type { AgentFacts } from '../contracts/agents.js';
import type { ForesightInput, RunningTask } from '../core/foresight.js';
import type { LiveJob } from '../core/job.js';
import type { Basis, Expectation, Lifetimes, Unfinished } from '../core/lifetimes.js';
import type { Offer } from '../core/matching.js';
import type { AgentLoad, Reservation } from '../core/reservation.js';
import { needsOf } from '../core/retry.js';
import { type AgentId, agentId, type Instant, instant } from '../core/units.js';
import type { Accounting } from './accounting.js';
import type { AgentLoads } from './agent-loads.js';
import type { AgentWatch } from './agent-watch.js';
import { likeOf, likeOfJob } from './ends.js';

export interface PresentView {
  readonly accounting: Accounting;
  readonly agents: Pick<AgentWatch, 'offers'>;
  readonly links: ReadonlyMap<string, { readonly book: { all(): Iterable<Offer> } }>;
  readonly loads: AgentLoads;
  /** All jobs that hold a task, or may. */
  readonly live: () => Iterable<LiveJob>;
  /** Room that is kept for jobs. */
  readonly kept: () => readonly Reservation[];
}

type KnownAgent = Omit<AgentLoad, 'tasks'>;

export const NO_BASES: Readonly<Record<Basis, number>> = {
  like: 0,
  lifespan: 0,
  site: 0,
  unknown: 0,
};

/** One supposition of how long tasks take. */
export type Lengths = (lifetimes: Lifetimes, of: Unfinished) => Expectation;

export const lengthsAt =
  (quantile: number): Lengths =>
  (lifetimes, of) =>
    lifetimes.expected(of, quantile);

/** @param counted `bases`: raised by each task that runs and each job that is asked for */
export function presentOf(
  view: PresentView,
  told: readonly AgentFacts[],
  counted: {
    readonly at: Instant;
    readonly lengths: Lengths;
    readonly bases: Record<Basis, number>;
  },
): Pick<ForesightInput, 'agents' | 'running' | 'reservations' | 'takesMs'> {
  const { at, lengths, bases } = counted;
  const { lifetimes } = view.accounting.ends;
  const expected = (of: Unfinished): number | null => {
    const { totalMs, basis } = lengths(lifetimes, of);
    bases[basis]++;
    return totalMs;
  };
  const live = [...view.live()];
  return {
    agents: agentsOf(view, told, { at, live }),
    running: live.map((job) => runningOf(job, at, expected)),
    reservations: view.kept(),
    takesMs: (user, shape) =>
      expected({ like: likeOf(user, shape), lifespanMs: shape.lifespanMs, ranMs: 0 }),
  };
}

function runningOf(
  job: LiveJob,
  at: Instant,
  expected: (of: Unfinished) => number | null,
): RunningTask {
  const { id, owner: user, project, parent = null, placement, spec } = job;
  const { executor, agentId, placedAt } = placement;
  const startedAt = (job.state === 'launching' ? null : job.startedAt) ?? placedAt;
  const { lifespanMs } = spec;
  const ranMs = Math.max(0, at - startedAt);
  // What cannot be reached ends nothing; what is being killed ends soon.
  const totalMs =
    job.state === 'unreachable'
      ? null
      : job.state === 'killing'
        ? ranMs
        : expected({ like: likeOfJob(job), lifespanMs, ranMs });
  return {
    jobId: id,
    user,
    project,
    array: parent,
    executor,
    agentId,
    startedAt,
    needs: needsOf(job),
    endsAt: lifespanMs === null ? null : instant(startedAt + lifespanMs),
    expectedEnd: totalMs === null ? null : instant(startedAt + Math.max(ranMs, totalMs)),
  };
}

/** Those that were seen in offers; and those the cluster told of, as long as they were too full to be offered. */
function agentsOf(
  { agents, links, loads }: PresentView,
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
