/**
 * A synthetic computing centre in memory: a full queue, agents that are full, and what the leader does with both in each
 * cycle, made of the same parts as in production. Nothing is stored and nothing sent.
 */
import {
  LAUNCHES_PER_CYCLE_MAX,
  RESERVATION_EACH_MS,
  SHAPES_PER_CYCLE_MAX,
} from '../src/contracts/limits.js';
import { type CycleCursor, type CycleInput, type Plan, planCycle } from '../src/core/cycle.js';
import { fairshare } from '../src/core/fairshare.js';
import { NO_CONTAINER, type RunningJob } from '../src/core/job.js';
import { LimitBook, type LimitRules } from '../src/core/limit-book.js';
import type { Offer } from '../src/core/matching.js';
import { ADVANCE_MS } from '../src/core/policy.js';
import { PendingQueue, type QueueRow } from '../src/core/queue.js';
import type { Quotas } from '../src/core/quota.js';
import type { Reservation } from '../src/core/reservation.js';
import { NOTHING } from '../src/core/resources.js';
import { NEVER_RETRIED } from '../src/core/retry.js';
import {
  agentId,
  type Instant,
  instant,
  type JobId,
  jobId,
  offerId,
  projectId,
  taskIdOf,
  userId,
} from '../src/core/units.js';
import { UsageBook } from '../src/core/usage-book.js';
import { AgentLoads } from '../src/daemon/agent-loads.js';
import { numbers, type Pick } from './numbers.js';
import { NOW, QUEUES, Workload, type WorkloadSize } from './workload.js';

export interface CentreSize extends WorkloadSize {
  readonly jobs: number;
  readonly agents: number;
  /** Quotas for everybody, running limits, queues of the site and reservations, as in production; else none of them. */
  readonly isBounded: boolean;
}

const DAY_MS = 86_400_000;
/** A job may get an agent of its own after it has waited for so long. */
const RESERVATION_AFTER_MS = 3_600_000;
/** From cycle to cycle: with 300 launches in each, about what one scheduler can dispatch. */
const ROUND_MS = 250;
const RACKS = 4;
const PORTS = { begin: 31_000, end: 31_999 };
const FREE = { ...NOTHING, cpuMilli: 32_000, memMb: 64_000, ports: [PORTS] };

/** None of these is reached for long: what is measured is their being asked. */
const ROOMY: Quotas = { time: 1e12, cpu: 1e9, ram: 1e9, cpuHours: 1e9 };
const UNBOUNDED: LimitRules = {
  running: { user: null, project: null, executor: null },
  queues: [],
  period: { kind: 'window', days: 30 },
  advanceMs: ADVANCE_MS,
};
const BOUNDED: LimitRules = {
  ...UNBOUNDED,
  running: { user: 2_000, project: 5_000, executor: 1_000_000 },
  queues: QUEUES.map((name, n) => ({
    name,
    priority: 50 + n,
    maxRunning: 4_000,
    maxRunningPerUser: 50,
  })),
};

/** What one cycle took: the plan alone, and with it all that memory keeps of launches, ends and submissions. */
export interface Round {
  readonly plan: Plan;
  readonly planMs: number;
  /** Processor time of the plan, garbage collection included. */
  readonly planCpuMs: number;
  readonly allMs: number;
}

export class Centre {
  readonly queue = new PendingQueue();
  readonly size: CentreSize;
  readonly #workload: Workload;
  readonly #usage = new UsageBook({ kind: 'half-life', halfLifeMs: 7 * DAY_MS }, ADVANCE_MS);
  readonly #limits: LimitBook;
  readonly #loads = new AgentLoads();
  readonly #pick: Pick;
  readonly #live = new Map<JobId, RunningJob>();
  readonly #agents: { cpuMilli: number; memMb: number }[];
  #made: readonly Reservation[] = [];
  #cursor: CycleCursor | null = null;
  #at: Instant = NOW;
  /** When it was last looked for an agent to keep free. */
  #lookedAt: Instant = NOW;
  #nextId = 1;

  constructor(size: CentreSize, seed = 1) {
    this.size = size;
    this.#pick = numbers(seed);
    this.#workload = new Workload(size, seed);
    this.#limits = new LimitBook(size.isBounded ? BOUNDED : UNBOUNDED);
    if (size.isBounded) this.#limits.setQuotas(quotasOf(size));
    this.#usage.load([], [], NOW);
    this.#usage.setCapacity({ ...FREE, cpuMilli: FREE.cpuMilli * size.agents });
    this.#agents = Array.from({ length: size.agents }, () => ({ ...FREE }));
    this.submit(size.jobs);
  }

  get live(): number {
    return this.#live.size;
  }

  submit(count: number): void {
    for (let n = 0; n < count; n++)
      this.queue.add(this.#workload.row(jobId(this.#nextId++), this.size.jobs));
  }

  /** Every agent that has anything left; mostly too little for any job that waits. */
  offers(): readonly Offer[] {
    return this.#agents.flatMap(({ cpuMilli, memMb }, n) =>
      cpuMilli <= 0 && memMb <= 0
        ? []
        : [
            {
              id: offerId(`o${n}-${this.#at}`),
              executor: 'mesos',
              agentId: agentId(`a${n}`),
              host: `node${n}`,
              role: '*',
              free: { ...FREE, cpuMilli, memMb },
              attributes: { rack: `r${n % RACKS}` },
              unavailableFrom: null,
            },
          ],
    );
  }

  /** As the leader's `Cycles` does it. */
  input(offers: readonly Offer[], launchesMax = LAUNCHES_PER_CYCLE_MAX): CycleInput {
    const at = this.#at;
    this.#usage.moveTo(at);
    const mayLook = at - this.#lookedAt >= RESERVATION_EACH_MS;
    if (mayLook) this.#lookedAt = at;
    if (this.size.isBounded && (mayLook || this.#made.length > 0)) this.#loads.offered(offers, at);
    const reserving = {
      afterMs: RESERVATION_AFTER_MS,
      made: this.#made,
      agent: (executor: string, id: Offer['agentId']) => this.#loads.agent(executor, id, at),
      agents: mayLook ? () => this.#loads.all(at) : null,
    };
    return {
      queue: this.queue,
      offers,
      policy: fairshare(),
      standings: this.#usage,
      at,
      limits: { launchesMax, shapesMax: SHAPES_PER_CYCLE_MAX },
      defaultExecutor: 'mesos',
      cursor: this.#cursor,
      ...(this.size.isBounded ? { reserving } : {}),
      allowance: this.#limits.allowanceAt(at),
      priorityOf: (queue) => this.#limits.priorityOf(queue),
    };
  }

  /** A moment goes by: jobs end, what is free is offered, others start, as many are submitted. */
  round(ends: number): Round {
    this.#at = instant(this.#at + ROUND_MS);
    const before = performance.now();
    this.#endSome(ends);
    const ended = performance.now();
    const offers = this.offers();
    const cpu = process.cpuUsage();
    const planned = performance.now();
    const plan = planCycle(this.input(offers));
    const planMs = performance.now() - planned;
    const { user, system } = process.cpuUsage(cpu);
    const planCpuMs = (user + system) / 1_000;
    this.#made = plan.reservations;
    this.#cursor = plan.cursor;
    this.carryOut(plan);
    this.submit(plan.launches.length);
    return { plan, planMs, planCpuMs, allMs: performance.now() - planned + (ended - before) };
  }

  /** What memory keeps of it. */
  carryOut({ launches, refusals }: Plan): void {
    for (const { jobId: id } of refusals) this.queue.remove(id);
    for (const { jobId: id, agentId: agent, host, ports, executor } of launches) {
      const row = this.#workload.row(id, this.size.jobs);
      this.queue.remove(id);
      const placement = {
        taskId: taskIdOf(id, 1),
        executor,
        agentId: agent,
        host,
        placedAt: this.#at,
        ports,
      };
      const job = runningJob(row, placement);
      this.#live.set(id, job);
      this.#usage.charge({ ...row, startedAt: this.#at });
      this.#limits.hold(holderOf(job));
      this.#loads.note(id, job);
      this.#take(job, -1);
    }
  }

  #endSome(count: number): void {
    const ids = [...this.#live.keys()];
    for (let n = 0; n < count && ids.length > 0; n++) {
      const which = this.#pick(ids.length);
      const id = ids[which] as JobId;
      ids[which] = ids.at(-1) as JobId;
      ids.pop();
      const job = this.#live.get(id) as RunningJob;
      const { owner, project, spec, startedAt } = job;
      const settled = { project, needs: spec.needs, usedMs: this.#at - startedAt };
      this.#live.delete(id);
      this.#usage.settle({ id, owner, ...settled, endedAt: this.#at });
      this.#limits.settle(id, { user: owner, ...settled, endedAt: this.#at });
      this.#loads.note(id, undefined);
      this.#take(job, 1);
    }
  }

  #take({ placement, spec: { needs } }: RunningJob, sign: 1 | -1): void {
    const agent = this.#agents[Number(placement.agentId.slice(1))];
    if (agent === undefined) throw new Error(`no agent ${placement.agentId}`);
    agent.cpuMilli += sign * needs.cpuMilli;
    agent.memMb += sign * needs.memMb;
  }
}

function quotasOf({ users, projects }: WorkloadSize) {
  const many = <Id>(count: number, id: (n: number) => Id) =>
    new Map(Array.from({ length: count }, (_, n) => [id(n), ROOMY]));
  return {
    users: many(users, (n) => userId(`user${n}`)),
    projects: many(projects, (n) => projectId(`project${n}`)),
  };
}

const holderOf = ({ id, owner: user, project, spec, placement, startedAt }: RunningJob) => ({
  id,
  user,
  project,
  queue: spec.queue ?? null,
  executor: placement.executor,
  needs: spec.needs,
  startedAt,
});

function runningJob(row: QueueRow, placement: RunningJob['placement']): RunningJob {
  const { id, owner, project, submittedAt, needs, constraints, executor, queue } = row;
  return {
    id,
    owner,
    project,
    submittedAt,
    identity: { uid: 1_000, gid: 1_000, sgids: [], home: '', email: null },
    spec: {
      name: 'bench',
      description: '',
      tags: [],
      image: 'simulated',
      volumes: [],
      hasNetwork: false,
      network: null,
      isRoot: false,
      needs,
      constraints,
      ports: [],
      executor,
      ...(queue === undefined ? {} : { queue }),
      systemRetriesMax: 2,
      retries: [],
      lifespanMs: row.lifespanMs ?? null,
      asked: {},
    },
    launches: 1,
    faults: [],
    retried: NEVER_RETRIED,
    directory: null,
    killWanted: null,
    version: 1,
    state: 'running',
    placement,
    startedAt: placement.placedAt,
    container: NO_CONTAINER,
  };
}
