/**
 * What the leader makes of its agents: which of them take jobs, and how ends of jobs speak for or against them. The
 * rules are the core's (`closure.ts`, `suspicion.ts`).
 */
import type { AgentFacts } from '../contracts/agents.js';
import type { TaskUpdate } from '../contracts/cluster.js';
import type { Events } from '../contracts/events.js';
import { type AgentName, agentKey, mayRunAt } from '../core/closure.js';
import type { Launch } from '../core/cycle.js';
import { isTakenBack, type LiveJob, stoppedAt } from '../core/job.js';
import type { JobEvent } from '../core/lifecycle.js';
import type { Offer } from '../core/matching.js';
import type { Demand, Obstacle } from '../core/obstacle.js';
import {
  type BadEnd,
  type Fleet,
  QUICK_MS,
  Suspicions,
  setAside,
  signOf,
  takenBack,
} from '../core/suspicion.js';
import type { AgentId, Instant, JobId, TaskId } from '../core/units.js';
import { drainsAgainst, withDrains } from '../core/unoffered.js';
import { Closures, type ClosuresPorts } from './closures.js';
import { type SchedulerStatus, worldFailed } from './ports.js';
import { agentWarnings, countsOf } from './warnings.js';

export interface AgentWatchPorts extends ClosuresPorts {
  readonly events: Events;
  readonly failed: (error: unknown) => void;
}

export interface AgentWatchOptions {
  /** Set agents aside on which jobs of several users fail within seconds; absent: no. */
  readonly setsAgentsAside?: boolean;
}

export interface AgentWatchOwner {
  /** Jobs may start where they could not. */
  closuresChanged(): void;
  /** All jobs that hold a task, or may. */
  live(): Iterable<LiveJob>;
}

/** An agent that has not been offered, nor held a task of ours, for this long is not counted any more. */
const SEEN_MS = 3_600_000;

export class AgentWatch {
  readonly closures: Closures;
  readonly #ports: AgentWatchPorts;
  readonly #options: AgentWatchOptions;
  readonly #owner: AgentWatchOwner;
  readonly #suspicions = new Suspicions();
  /** When each task began to run, by its agent's clock. */
  readonly #startedAt = new Map<TaskId, Instant>();
  /** Agents of launches that are planned and whose intent is not known to be stored. */
  readonly #onTheWay = new Map<JobId, string>();
  /** Agents of the latest offers, as far as any are closed. */
  #offered: ReadonlySet<string> = new Set();
  /** All that the clusters have, as they told last. */
  #inventory: readonly AgentFacts[] = [];
  readonly #seen = new Map<string, { readonly agent: AgentName; at: Instant }>();

  constructor(ports: AgentWatchPorts, options: AgentWatchOptions, owner: AgentWatchOwner) {
    this.#ports = ports;
    this.#options = options;
    this.#owner = owner;
    this.closures = new Closures(ports, {
      closuresChanged: () => owner.closuresChanged(),
      resumed: (agent) => this.#suspicions.forget(agent),
    });
  }

  /** Somebody has drained an agent, or let one back. */
  look(): void {
    this.closures
      .refresh()
      .catch((error: unknown) => worldFailed(this.#ports, 'agents not read; tried again', error));
  }

  // ---- for cycles

  /** The offers with what their agents' closures say of them. */
  offers<Held extends Offer>(offers: readonly Held[]): readonly Offer[] {
    const at = this.#ports.clock.now();
    for (const offer of offers) this.#see(offer, at);
    if (this.closures.size === 0) return offers;
    if (offers.length > 0) this.#offered = new Set(offers.map(agentKey));
    const busy = this.closures.isAnyOnProbation() ? this.#busy() : new Set<string>();
    /** The one role under which an agent on probation may be used. */
    const tried = new Map<string, string>();
    return offers.map((offer) => {
      const key = agentKey(offer);
      const { shut, launchesMax } = this.closures.standing(offer, busy.has(key));
      if (launchesMax === null) return shut === null ? offer : { ...offer, shut };
      const role = tried.get(key) ?? offer.role;
      tried.set(key, role);
      return { ...offer, shut, launchesMax: role === offer.role ? launchesMax : 0 };
    });
  }

  /** All agents of the clusters, of which offers show a part. */
  inventoryTold(agents: readonly AgentFacts[]): void {
    this.#inventory = agents;
  }

  /** Why jobs of that demand wait, by the offers and by drained agents of which nothing is offered. */
  withDrains(demand: Demand, shown: readonly Obstacle[]): readonly Obstacle[] {
    if (this.closures.size === 0) return shown;
    const agents = this.#inventory.flatMap(({ executor, host, attributes, total }) => {
      if (this.#offered.has(agentKey({ executor, host }))) return [];
      const { shut } = this.closures.standing({ executor, host }, false);
      if (shut?.code !== 'drained') return [];
      const site = { executor, host, attributes, unavailableFrom: null, shut };
      return [{ site, room: { ...total, portsFree: total.ports } }];
    });
    const at = this.#ports.clock.now();
    return withDrains(shown, drainsAgainst(demand, agents, at), at);
  }

  /** From now on the agent is busy with this job, until `arrived` or the job's end. */
  planned({ jobId, executor, host }: Launch): void {
    this.#onTheWay.set(jobId, agentKey({ executor, host }));
  }

  /** The launch is in the book now, or came to nothing. */
  arrived(id: JobId): void {
    this.#onTheWay.delete(id);
  }

  /** How many of our tasks on that agent, or on all of the executor, may still run at that instant. */
  staysBeyond(executor: string, agentId: AgentId | null, from: Instant): number {
    const now = this.#ports.clock.now();
    let jobs = 0;
    for (const job of this.#owner.live()) {
      const { placement } = job;
      const isThere = agentId === null || placement.agentId === agentId;
      if (placement.executor === executor && isThere && mayRunAt(job, from, now)) jobs++;
    }
    return jobs;
  }

  #busy(): Set<string> {
    const busy = new Set(this.#onTheWay.values());
    for (const { placement } of this.#owner.live()) busy.add(agentKey(placement));
    return busy;
  }

  // ---- for administrators

  /** Which agents are not simply open, in words and in numbers. */
  status(): Pick<SchedulerStatus, 'warnings' | 'agents'> {
    const busy = this.closures.size === 0 ? new Set<string>() : this.#busy();
    const closed = this.closures.closed((key) => Number(busy.has(key)));
    return { warnings: agentWarnings(closed), agents: countsOf(closed) };
  }

  #see({ executor, host }: AgentName, at: Instant): void {
    const key = agentKey({ executor, host });
    const known = this.#seen.get(key);
    if (known === undefined) this.#seen.set(key, { agent: { executor, host }, at });
    else known.at = at;
  }

  // ---- for updates

  /** Notes when a task began to run. Repeats and answers to questions may tell later times: the first holds. */
  told({ taskId, state, at }: TaskUpdate): void {
    if (state !== 'running' || this.#options.setsAgentsAside !== true) return;
    const known = this.#startedAt.get(taskId);
    if (known === undefined || at < known) this.#startedAt.set(taskId, at);
  }

  forget(taskId: TaskId): void {
    this.#startedAt.delete(taskId);
  }

  /** The event as it counts: an end that was its agent's fault is none of the job's. */
  judged(job: LiveJob, event: JobEvent, endedAt: Instant): JobEvent {
    const { placement } = job;
    const isStopped = job.state === 'killing' || stoppedAt(placement) !== undefined;
    if (this.#options.setsAgentsAside !== true || isStopped) return event;
    const { sign, how } = signOf(event, this.#ranMs(job, endedAt));
    if (sign === 'good') this.#goodEnd(placement, placement.placedAt);
    if (sign !== 'bad') return event;
    return this.#badEnd(job, how) ? takenBackFrom(job, event, how) : event;
  }

  /** Unknown when its start was told to a former term, or after the fact. */
  #ranMs({ placement }: LiveJob, endedAt: Instant): number | null {
    const startedAt = this.#startedAt.get(placement.taskId);
    if (startedAt !== undefined) return Math.max(0, endedAt - startedAt);
    const atMost = endedAt - placement.placedAt;
    return atMost >= 0 && atMost <= QUICK_MS ? atMost : null;
  }

  #goodEnd(agent: AgentName, placedAt: Instant): void {
    this.#suspicions.goodEnd(agent, placedAt);
    const before = this.closures.of(agent).setAside;
    // Only what began after it was set aside proves anything: that is a launch of its probation.
    if (before === null || placedAt < before.probeFrom) return;
    this.closures.letBack(agent);
    this.#ports.log.info('agent let back: a job ended well there', { agent: agentKey(agent) });
    this.#ports.events.emit('agent:let-back', { executor: agent.executor, host: agent.host });
  }

  /** Whether the launch is taken back. */
  #badEnd({ id, owner, faults, placement }: LiveJob, how: string): boolean {
    const { executor, host, taskId, placedAt } = placement;
    const agent: AgentName = { executor, host };
    const at = this.#ports.clock.now();
    const before = this.closures.of(agent).setAside;
    const isOnProbation = before !== null && placedAt >= before.probeFrom;
    const end: BadEnd = {
      agent,
      failure: { taskId, jobId: id, owner, at, how },
      takenBack: faults.filter(isTakenBack).length,
      isOnProbation,
    };
    const judgement = this.#suspicions.badEnd(end, this.#fleet(at));
    const facts = { agent: agentKey(agent), jobId: id, how };
    if (judgement.isTakenBack)
      this.#ports.log.warn('launch taken back: its agent is suspect', facts);
    if (judgement.isSpared)
      this.#ports.log.error('agent looks bad, but too many are set aside already', facts);
    const isNew = before === null || isOnProbation;
    if (judgement.setAside !== null && isNew) {
      const closure = setAside(agent, judgement.setAside, { at, before });
      this.closures.setAside(closure);
      const { probeFrom, strikes, evidence } = closure;
      this.#ports.log.error('agent set aside: jobs of several users failed there within seconds', {
        agent: agentKey(agent),
        probeFrom,
        strikes,
        evidence,
      });
      this.#ports.events.emit('agent:set-aside', { executor, host, failures: evidence.length });
    }
    return judgement.isTakenBack;
  }

  #fleet(at: Instant): Fleet {
    for (const { placement } of this.#owner.live()) this.#see(placement, at);
    let open = 0;
    for (const [key, { agent, at: seenAt }] of this.#seen) {
      if (at - seenAt >= SEEN_MS) this.#seen.delete(key);
      else if (this.closures.isOpen(agent)) open++;
    }
    return { known: this.#seen.size, open, setAside: this.closures.setAsideCount };
  }
}

/** A system's fault keeps its pause: old processes may still be dying. */
const takenBackFrom = ({ placement }: LiveJob, event: JobEvent, how: string): JobEvent =>
  takenBack(placement.taskId, placement, how, event.kind === 'systemFault' ? event.graceMs : 0);
