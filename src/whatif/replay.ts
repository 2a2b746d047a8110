/**
 * Replays a workload through the production queue, cycle, policies, reservations and accounting, on time of its own that
 * jumps from event to event. Nothing is started for real; the same trace, cluster and policy give the same replay.
 */
import { planCycle } from '../core/cycle.js';
import { Heap } from '../core/heap.js';
import type { Offer } from '../core/matching.js';
import type { Policy } from '../core/policy.js';
import { PendingQueue } from '../core/queue.js';
import type { AgentLoad, AgentTask, Reservation } from '../core/reservation.js';
import { type Capacity, fits, NOTHING } from '../core/resources.js';
import {
  type AgentId,
  agentId,
  type Instant,
  instant,
  type JobId,
  jobId,
  offerId,
  projectId,
  userId,
} from '../core/units.js';
import type { UsageRule } from '../core/usage.js';
import { UsageBook } from '../core/usage-book.js';
import { Observer, type Sample } from './observer.js';
import type { Trace, TraceJob } from './trace.js';

/** Agents that are alike. */
export interface ReplayCluster {
  readonly agents: number;
  /** Of each. */
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
}

export interface ReplayRules {
  readonly policy: Policy;
  readonly usage: UsageRule;
  readonly advanceMs: number;
  /** Null: no room is kept for large jobs. */
  readonly reservationAfterMs: number | null;
}

export interface Replayed {
  readonly job: TraceJob;
  readonly waitedMs: number;
  readonly endedMs: number;
}

export interface Replay {
  readonly policy: string;
  /** In the order of their ends. */
  readonly jobs: readonly Replayed[];
  /** Larger than any agent. */
  readonly impossible: number;
  readonly samples: readonly Sample[];
}

const EXECUTOR = 'replay';
const LIMITS = { launchesMax: 10_000, shapesMax: 10_000 };

interface Agent {
  readonly id: AgentId;
  cpuMilli: number;
  memMb: number;
  gpus: number;
  readonly tasks: Map<JobId, AgentTask>;
}

interface Running {
  readonly job: TraceJob;
  readonly agent: Agent;
  readonly endMs: number;
}

/** A replay at one instant, after its cycles: what is really so then. To be looked at, not changed. */
export interface ReplayNow {
  readonly at: Instant;
  readonly queue: PendingQueue;
  readonly usage: UsageBook;
  readonly agents: readonly AgentLoad[];
  readonly running: readonly {
    readonly job: TraceJob;
    readonly agentId: AgentId;
    readonly startedAt: Instant;
  }[];
  readonly reservations: readonly Reservation[];
}

/** @param watch called whenever something happened */
export function replay(
  trace: Trace,
  cluster: ReplayCluster,
  rules: ReplayRules,
  watch?: (now: () => ReplayNow, nowMs: number) => void,
): Replay {
  return new Replaying(trace, cluster, rules).run(watch);
}

class Replaying {
  readonly #cluster: ReplayCluster;
  readonly #rules: ReplayRules;
  readonly #arrivals: readonly TraceJob[];
  readonly #impossible: number;
  readonly #queue = new PendingQueue();
  readonly #usage: UsageBook;
  readonly #agents: readonly Agent[];
  readonly #byId: ReadonlyMap<AgentId, Agent>;
  readonly #jobs = new Map<number, TraceJob>();
  readonly #running = new Heap<Running>(
    (a, b) => a.endMs < b.endMs || (a.endMs === b.endMs && a.job.id < b.job.id),
  );
  readonly #done: Replayed[] = [];
  readonly #observer: Observer;
  #made: readonly Reservation[] = [];

  constructor(trace: Trace, cluster: ReplayCluster, rules: ReplayRules) {
    const { agents, ...each } = cluster;
    const capacity: Capacity = { ...NOTHING, ...each };
    this.#cluster = cluster;
    this.#rules = rules;
    this.#arrivals = trace.jobs.filter(({ needs }) => fits(needs, capacity));
    this.#impossible = trace.jobs.length - this.#arrivals.length;
    this.#usage = new UsageBook(rules.usage, rules.advanceMs);
    this.#usage.load([], [], instant(0));
    const total = {
      ...NOTHING,
      cpuMilli: agents * each.cpuMilli,
      memMb: agents * each.memMb,
      gpus: agents * each.gpus,
    };
    this.#usage.setCapacity(total);
    this.#agents = Array.from({ length: agents }, (_, n) => ({
      id: agentId(`agent-${String(n + 1).padStart(String(agents).length, '0')}`),
      ...each,
      tasks: new Map(),
    }));
    this.#byId = new Map(this.#agents.map((agent) => [agent.id, agent]));
    const lastMs = this.#arrivals.at(-1)?.submittedMs ?? 0;
    this.#observer = new Observer(this.#queue, total, lastMs);
  }

  run(watch?: (now: () => ReplayNow, nowMs: number) => void): Replay {
    let next = 0;
    for (;;) {
      const arrivalMs = this.#arrivals[next]?.submittedMs ?? Number.POSITIVE_INFINITY;
      const endMs = this.#running.peek()?.endMs ?? Number.POSITIVE_INFINITY;
      const nowMs = Math.min(arrivalMs, endMs);
      if (nowMs === Number.POSITIVE_INFINITY) break;
      this.#observer.until(nowMs);
      this.#usage.moveTo(instant(nowMs));
      this.#end(nowMs);
      for (; this.#arrivals[next]?.submittedMs === nowMs; next++)
        this.#submit(this.#arrivals[next] as TraceJob);
      this.#cycles(nowMs);
      watch?.(() => this.#present(nowMs), nowMs);
    }
    const { policy } = this.#rules;
    const { samples } = this.#observer;
    return { policy: policy.name, jobs: this.#done, impossible: this.#impossible, samples };
  }

  #present(nowMs: number): ReplayNow {
    return {
      at: instant(nowMs),
      queue: this.#queue,
      usage: this.#usage,
      agents: this.#agents.map((agent) => this.#load(agent)),
      running: this.#running.items().map(({ job, agent, endMs }) => ({
        job,
        agentId: agent.id,
        startedAt: instant(endMs - job.runMs),
      })),
      reservations: this.#made,
    };
  }

  #submit(job: TraceJob): void {
    this.#jobs.set(job.id, job);
    this.#observer.submitted(job);
    this.#queue.add({
      ...accountOf(job),
      submittedAt: instant(job.submittedMs),
      constraints: [],
      executor: null,
      notBefore: null,
      lifespanMs: job.lifespanMs,
    });
  }

  #end(nowMs: number): void {
    for (let first = this.#running.peek(); first !== undefined; first = this.#running.peek()) {
      if (first.endMs > nowMs) return;
      this.#running.pop();
      const { job, agent } = first;
      agent.tasks.delete(jobId(job.id));
      take(agent, job, 1);
      this.#observer.ended(job);
      this.#usage.settle({ ...accountOf(job), usedMs: job.runMs, endedAt: instant(nowMs) });
      const waitedMs = nowMs - job.runMs - job.submittedMs;
      this.#done.push({ job, waitedMs, endedMs: nowMs });
    }
  }

  /** As many as it takes until nothing more can be placed. */
  #cycles(nowMs: number): void {
    while (this.#queue.size > 0) {
      const at = instant(nowMs);
      const { launches, isUnfinished, reservations } = planCycle({
        queue: this.#queue,
        offers: this.#offers(),
        policy: this.#rules.policy,
        standings: this.#usage,
        at,
        limits: LIMITS,
        defaultExecutor: EXECUTOR,
        ...this.#reserving(),
      });
      this.#made = reservations;
      for (const launch of launches) this.#start(launch.jobId, launch.agentId, at);
      if (!isUnfinished || launches.length === 0) return;
    }
    this.#made = [];
  }

  #start(id: JobId, on: AgentId, at: Instant): void {
    const job = this.#jobs.get(id) as TraceJob;
    const agent = this.#byId.get(on) as Agent;
    const { needs, lifespanMs } = job;
    this.#jobs.delete(id);
    this.#queue.remove(id);
    take(agent, job, -1);
    this.#observer.started(job);
    const endsAt = lifespanMs === null ? null : instant(at + lifespanMs);
    agent.tasks.set(id, { jobId: id, needs, endsAt });
    this.#usage.charge({ ...accountOf(job), startedAt: at });
    this.#running.push({ job, agent, endMs: at + job.runMs });
  }

  #offers(): Offer[] {
    const offers: Offer[] = [];
    for (const { id, cpuMilli, memMb, gpus } of this.#agents)
      if (cpuMilli > 0)
        offers.push({
          ...siteOf(id),
          id: offerId(id),
          agentId: id,
          role: '*',
          free: { ...NOTHING, cpuMilli, memMb, gpus },
        });
    return offers;
  }

  #reserving() {
    const { reservationAfterMs: afterMs } = this.#rules;
    if (afterMs === null) return {};
    const agents = () => this.#agents.map((agent) => this.#load(agent));
    const agent = (_executor: string, id: AgentId) => {
      const found = this.#byId.get(id);
      return found === undefined ? undefined : this.#load(found);
    };
    return { reserving: { afterMs, made: this.#made, agents, agent } };
  }

  #load({ id, tasks }: Agent): AgentLoad {
    const { cpuMilli, memMb, gpus } = this.#cluster;
    return {
      ...siteOf(id),
      agentId: id,
      total: { cpuMilli, memMb, gpus, portsFree: 0, custom: {} },
      tasks: [...tasks.values()],
    };
  }
}

const siteOf = (id: AgentId) => ({
  executor: EXECUTOR,
  host: id as string,
  attributes: {},
  unavailableFrom: null,
});

const accountOf = ({ id, user, project, needs }: TraceJob) => ({
  id: jobId(id),
  owner: userId(user),
  project: projectId(project),
  needs,
});

function take(agent: Agent, { needs }: TraceJob, sign: 1 | -1): void {
  agent.cpuMilli += sign * needs.cpuMilli;
  agent.memMb += sign * needs.memMb;
  agent.gpus += sign * needs.gpus;
}
