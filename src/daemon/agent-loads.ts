/** What runs on each agent and what was last seen of it: where a large job could start, and when. */
import { isLive, type Job, type LiveJob, stoppedAt } from '../core/job.js';
import type { Offer } from '../core/matching.js';
import type { Room, Site } from '../core/obstacle.js';
import { type AgentLoad, type AgentTask, byEnd } from '../core/reservation.js';
import { type Capacity, type Needs, NOTHING, plus, portCount } from '../core/resources.js';
import { grantedNeeds } from '../core/retry.js';
import type { AgentId, Instant, JobId } from '../core/units.js';

/** An agent of which nothing was offered for so long and that runs nothing of ours may be gone. */
const SEEN_MS = 60_000;

/** The tasks of one agent. */
class Tasks {
  readonly #byJob = new Map<JobId, AgentTask>();
  #list: readonly AgentTask[] | null = null;

  get size(): number {
    return this.#byJob.size;
  }

  set(task: AgentTask): void {
    this.#byJob.set(task.jobId, task);
    this.#list = null;
  }

  delete(id: JobId): void {
    this.#byJob.delete(id);
    this.#list = null;
  }

  /** In the order in which they leave; the same array until a task comes or goes. */
  get list(): readonly AgentTask[] {
    this.#list ??= [...this.#byJob.values()].sort(byEnd);
    return this.#list;
  }
}

interface Seen {
  readonly site: Site;
  readonly agentId: AgentId;
  readonly total: Room;
  readonly at: Instant;
}

export class AgentLoads {
  readonly #tasks = new Map<string, Tasks>();
  /** The agent of each job that holds a task. */
  readonly #where = new Map<JobId, string>();
  readonly #seen = new Map<string, Seen>();

  /** A job's record has changed, or is no more. */
  note(id: JobId, job: Job | undefined): void {
    const former = this.#where.get(id);
    const now = job !== undefined && isLive(job) ? keyOf(placeOf(job)) : undefined;
    if (former !== undefined && former !== now) this.#forget(id, former);
    if (job === undefined || !isLive(job) || now === undefined) return;
    this.#where.set(id, now);
    const tasks = this.#tasks.get(now) ?? new Tasks();
    this.#tasks.set(now, tasks);
    tasks.set({
      jobId: id,
      needs: grantedNeeds(job.spec.needs, job.retried),
      endsAt: endOf(job),
    });
  }

  /** All that is offered now: with our tasks it makes up the agents. */
  offered(offers: readonly Offer[], at: Instant): void {
    const free = new Map<string, { readonly first: Offer; readonly all: Capacity }>();
    for (const offer of offers) {
      const key = keyOf(offer);
      const known = free.get(key);
      if (known === undefined) free.set(key, { first: offer, all: offer.free });
      else free.set(key, { first: known.first, all: plus(known.all, offer.free) });
    }
    for (const [key, { first, all }] of free) {
      const { executor, host, attributes, unavailableFrom, shut = null, agentId } = first;
      const site = { executor, host, attributes, unavailableFrom, shut };
      let total: Room = { ...all, portsFree: portCount(all.ports) };
      for (const { needs } of this.#tasks.get(key)?.list ?? []) total = grown(total, needs);
      this.#seen.set(key, { site, agentId, total, at });
    }
  }

  /** Undefined: nothing was ever offered of it, or it may be gone. */
  agent(executor: string, agentId: AgentId, at: Instant): AgentLoad | undefined {
    return this.#load(keyOf({ executor, agentId }), at);
  }

  *all(at: Instant): Generator<AgentLoad> {
    for (const key of [...this.#seen.keys()]) {
      const load = this.#load(key, at);
      if (load !== undefined) yield load;
    }
  }

  #load(key: string, at: Instant): AgentLoad | undefined {
    const seen = this.#seen.get(key);
    if (seen === undefined) return undefined;
    const tasks = this.#tasks.get(key)?.list ?? [];
    if (tasks.length === 0 && at - seen.at > SEEN_MS) {
      this.#seen.delete(key);
      return undefined;
    }
    return { ...seen.site, agentId: seen.agentId, total: seen.total, tasks };
  }

  #forget(id: JobId, key: string): void {
    this.#where.delete(id);
    const tasks = this.#tasks.get(key);
    tasks?.delete(id);
    if (tasks?.size === 0) this.#tasks.delete(key);
  }
}

const keyOf = ({ executor, agentId }: { executor: string; agentId: AgentId }): string =>
  JSON.stringify([executor, agentId]);

const placeOf = ({ placement: { executor, agentId } }: LiveJob) => ({ executor, agentId });

/** An agent that cannot be reached ends nothing. */
function endOf(job: LiveJob): Instant | null {
  const { lifespanMs } = job.spec;
  // It was told to end: others must not count on the time until it does.
  const stopped = stoppedAt(job.placement);
  if (stopped !== undefined) return stopped;
  if (lifespanMs === null || job.state === 'unreachable') return null;
  const startedAt = job.state === 'launching' ? null : job.startedAt;
  return ((startedAt ?? job.placement.placedAt) + lifespanMs) as Instant;
}

function grown(room: Room, needs: Needs): Room {
  const { custom } = plus(
    { ...NOTHING, custom: room.custom },
    { ...NOTHING, custom: needs.custom },
  );
  return {
    cpuMilli: room.cpuMilli + needs.cpuMilli,
    memMb: room.memMb + needs.memMb,
    gpus: room.gpus + needs.gpus,
    portsFree: room.portsFree + needs.ports,
    custom,
  };
}
