/**
 * When waiting jobs would start if nothing new came: the queue played on from the present, through the production
 * ordering, matching, limits, reservations and accounting, on time of its own that jumps from end to end. How long
 * tasks take is assumed; so is everything that follows. Goes step by step, so that nobody waits for it.
 */
import { planCycle } from './cycle.js';
import {
  type ForeseenAgent,
  foreseenAgent,
  giveBack,
  NOTHING_FREED,
  roomSince,
  take,
} from './foreseen-agent.js';
import { Heap } from './heap.js';
import type { LimitBook } from './limit-book.js';
import type { Offer } from './matching.js';
import type { Site } from './obstacle.js';
import type { Plan } from './plan.js';
import type { Policy } from './policy.js';
import type { PendingQueue, Shape } from './queue.js';
import type { AgentLoad, AgentTask, Reservation, Reserving } from './reservation.js';
import {
  type AgentId,
  type Instant,
  instant,
  type JobId,
  offerId,
  type ProjectId,
  type UserId,
} from './units.js';
import type { UsageBook } from './usage-book.js';

/** A task that runs now. */
export interface RunningTask extends AgentTask {
  readonly executor: string;
  readonly agentId: AgentId;
  readonly user: UserId;
  readonly project: ProjectId;
  /** The array that its job is a member of; null: none. */
  readonly array: JobId | null;
  readonly startedAt: Instant;
  /** When it is supposed to end; null: nobody knows. `endsAt` is when it does at the latest. */
  readonly expectedEnd: Instant | null;
}

export interface ForesightInput {
  readonly at: Instant;
  /** What plays: copies, they are changed. */
  readonly queue: PendingQueue;
  readonly usage: UsageBook;
  readonly limits: LimitBook;
  readonly policy: Policy;
  readonly agents: readonly Omit<AgentLoad, 'tasks'>[];
  /** Taken in portion by portion, before anything else. */
  readonly running: Iterable<RunningTask>;
  /** How long a job is supposed to take that starts; null: nobody knows. */
  readonly takesMs: (user: UserId, shape: Shape) => number | null;
  readonly defaultExecutor: string;
  /** Null: no room is kept for large jobs. */
  readonly reservationAfterMs: number | null;
  /** Room that is kept now. */
  readonly reservations: readonly Reservation[];
  /** It ends when all of these have started. */
  readonly wanted: Iterable<JobId>;
}

/** Cycles played at most. */
export const FORESEEN_CYCLES_MAX = 4_000;
export const FORESEEN_MS_MAX = 30 * 86_400_000;
/** Ends that lie this close together, or closer than this part of the time since the present, share a cycle. */
const TOGETHER_MS = 1_000;
const TOGETHER_PART = 0.005;
/** So that a step is short; what is left goes on in the next, at the same instant. */
const LIMITS = { launchesMax: 100, shapesMax: 10_000 };
const TASKS_AT_ONCE = 250;
/** All agents are looked at in one cycle of so many, in the others those where something has ended: the rest had no room before. */
const ALL_AGENTS_EACH = 5;

/** Why it ended: all that was wanted has started; what is left waits for something that never comes; it went on for too long. */
export type ForesightEnd = 'started' | 'stuck' | 'far';

interface Task extends AgentTask {
  readonly agent: ForeseenAgent | undefined;
  readonly executor: string;
  readonly user: UserId;
  readonly project: ProjectId;
  readonly array: JobId | null;
  readonly startedAt: Instant;
}

/** `task` null: an agent opens again. */
interface Happening {
  readonly at: Instant;
  readonly task: Task | null;
}

export class Foresight {
  readonly #input: ForesightInput;
  readonly #agents = new Map<string, ForeseenAgent>();
  readonly #happenings = new Heap<Happening>(
    (a, b) => a.at < b.at || (a.at === b.at && idOf(a) < idOf(b)),
  );
  readonly #wanted: Set<JobId>;
  /** Agents where tasks ended when the clock was last looked at. */
  readonly #touched = new Set<ForeseenAgent>();
  #made: readonly Reservation[];
  #now: Instant;
  readonly #running: Iterator<RunningTask>;
  #isBegun = false;
  /** The next cycle looks at all agents. */
  #looksAtAll = true;
  /** The cycle that last looked for agents to keep for large jobs. */
  #lookedIn = Number.NEGATIVE_INFINITY;
  #cycles = 0;
  #end: ForesightEnd | null = null;
  /** By job, as far as it has come. */
  readonly starts = new Map<JobId, Instant>();
  /** Tasks, running or begun in it, of which nobody knows when they end. */
  endless = 0;

  constructor(input: ForesightInput) {
    this.#input = input;
    this.#now = input.at;
    this.#made = input.reservations;
    this.#wanted = new Set(input.wanted);
    for (const load of input.agents) this.#addAgent(load);
    this.#running = input.running[Symbol.iterator]();
  }

  /** The instant up to which it has come. */
  get now(): Instant {
    return this.#now;
  }

  /** Null: it goes on. */
  get end(): ForesightEnd | null {
    return this.#end;
  }

  /** One cycle, and on to the next end of a task. False when it is over. */
  step(): boolean {
    if (this.#end !== null) return false;
    if (!this.#isBegun) return this.#takeRunning();
    this.#cycles++;
    const plan = this.#cycle();
    // Who was held by a limit may be let go by an end anywhere.
    this.#looksAtAll =
      plan.isUnfinished || plan.holds.length > 0 || this.#cycles % ALL_AGENTS_EACH === 0;
    for (const { jobId } of plan.refusals) this.#leave(jobId);
    for (const launch of plan.launches)
      this.#start(launch.jobId, this.#agents.get(keyOf(launch)), launch.executor);
    if (this.#wanted.size === 0) this.#end = 'started';
    else if (this.#cycles >= FORESEEN_CYCLES_MAX) this.#end = 'far';
    else if (!plan.isUnfinished || plan.launches.length === 0) this.#goOn();
    return this.#end === null;
  }

  #takeRunning(): true {
    for (let n = 0; n < TASKS_AT_ONCE && !this.#isBegun; n++) {
      const next = this.#running.next();
      if (next.done === true) this.#isBegun = true;
      else this.#addRunning(next.value);
    }
    return true;
  }

  #cycle(): Plan {
    const { queue, policy, usage, limits, defaultExecutor } = this.#input;
    const at = this.#now;
    usage.moveTo(at);
    const offers = this.#offers();
    const reserving = this.#reserving(offers);
    const plan = planCycle({
      queue,
      policy,
      at,
      standings: usage,
      offers,
      limits: LIMITS,
      defaultExecutor,
      allowance: limits.allowanceAt(at),
      priorityOf: (name) => limits.priorityOf(name),
      ...(reserving === undefined ? {} : { reserving }),
    });
    this.#made = plan.reservations;
    return plan;
  }

  /** To the next end, and those close behind it. */
  #goOn(): void {
    const next = this.#happenings.peek();
    if (next === undefined) {
      this.#end = 'stuck';
      return;
    }
    const { at } = this.#input;
    const togetherMs = Math.max(TOGETHER_MS, TOGETHER_PART * (next.at - at));
    const until = Math.max(this.#now, next.at + togetherMs);
    let last = this.#now;
    for (const agent of this.#touched) agent.freed = NOTHING_FREED;
    this.#touched.clear();
    for (let first = this.#happenings.peek(); first !== undefined && first.at <= until; ) {
      // On one agent the first end makes room for a small job: together both would, for a large one.
      const freed = first.task?.agent?.freed[0];
      if (freed !== undefined && freed.at < first.at) break;
      this.#happenings.pop();
      if (first.at > last) last = first.at;
      if (first.task !== null) this.#finish(first.task, first.at);
      else this.#looksAtAll = true;
      first = this.#happenings.peek();
    }
    this.#now = last;
    if (last - at > FORESEEN_MS_MAX) this.#end = 'far';
  }

  #start(id: JobId, agent: ForeseenAgent | undefined, executor: string): void {
    const { queue, usage, limits, takesMs } = this.#input;
    const account = queue.accountOf(id);
    const shape = queue.shapeOf(id);
    const array = queue.arrayOf(id);
    if (account === undefined || shape === undefined || agent === undefined) return;
    const { user, project, queue: name } = account;
    const { needs, lifespanMs } = shape;
    const startedAt = roomSince(agent, needs, this.#now);
    const endsAt = lifespanMs === null ? null : instant(startedAt + lifespanMs);
    const parent = array?.parent ?? null;
    const task = { jobId: id, needs, endsAt, agent, executor, user, project, startedAt };
    this.starts.set(id, startedAt);
    this.#leave(id);
    this.#take({ ...task, array: parent }, takesMs(user, shape));
    usage.charge({ id, owner: user, project, needs, startedAt });
    limits.hold({ id, user, project, queue: name, executor, needs, startedAt });
    if (array !== undefined) queue.setRunning(array.parent, array.running + 1);
  }

  #leave(id: JobId): void {
    this.#input.queue.remove(id);
    this.#wanted.delete(id);
  }

  #finish(task: Task, at: Instant): void {
    const { queue, usage, limits } = this.#input;
    const { jobId: id, agent, needs, user, project, array, startedAt } = task;
    if (agent !== undefined) {
      this.#touched.add(agent);
      agent.tasks.delete(id);
      giveBack(agent, needs, at);
    }
    const use = { needs, usedMs: at - startedAt, endedAt: at };
    usage.settle({ id, owner: user, project, ...use });
    limits.settle(id, { user, project, ...use });
    const siblings = array === null ? undefined : queue.arrayOf(array);
    if (siblings !== undefined) queue.setRunning(siblings.parent, siblings.running - 1);
  }

  #take(task: Task, takesMs: number | null): void {
    const { agent, startedAt } = task;
    if (agent !== undefined) {
      agent.tasks.set(task.jobId, task);
      take(agent, task.needs);
    }
    if (takesMs === null) this.endless++;
    else this.#happenings.push({ at: instant(startedAt + takesMs), task });
  }

  #addAgent(load: Omit<AgentLoad, 'tasks'>): void {
    const { at } = this.#input;
    this.#agents.set(keyOf(load), foreseenAgent(load));
    const { shut } = load;
    if (shut?.code === 'drained' && shut.until !== null && shut.until > at)
      this.#happenings.push({ at: shut.until, task: null });
  }

  #addRunning(running: RunningTask): void {
    const { expectedEnd, ...task } = running;
    // An agent that nobody has seen takes no new jobs, but its tasks count for their users.
    const agent = this.#agents.get(keyOf(running));
    const takesMs = expectedEnd === null ? null : Math.max(0, expectedEnd - task.startedAt);
    this.#take({ ...task, agent }, takesMs);
  }

  #offers(): Offer[] {
    const offers: Offer[] = [];
    for (const [key, agent] of this.#agents) {
      if (agent.cpuMilli <= 0 || (!this.#looksAtAll && agent.freed === NOTHING_FREED)) continue;
      if (agent.offer === null || agent.load.shut != null) agent.offer = this.#offerOf(key, agent);
      offers.push(agent.offer);
    }
    return offers;
  }

  #offerOf(key: string, { load, ports, ...free }: ForeseenAgent): Offer {
    const { executor, agentId, host } = load;
    return {
      ...this.#siteOf(load),
      executor,
      agentId,
      host: host ?? agentId,
      id: offerId(key),
      role: '*',
      free: {
        cpuMilli: free.cpuMilli,
        memMb: Math.max(0, free.memMb),
        gpus: Math.max(0, free.gpus),
        ports: ports > 0 ? [{ begin: 1, end: ports }] : [],
        custom: free.custom,
      },
    };
  }

  /** @param offers without one nobody is overtaken, so nobody needs room kept */
  #reserving(offers: readonly Offer[]): Reserving | undefined {
    const afterMs = this.#input.reservationAfterMs;
    if (afterMs === null) return undefined;
    const isLook = offers.length > 0 && this.#cycles - this.#lookedIn >= ALL_AGENTS_EACH;
    if (isLook) this.#lookedIn = this.#cycles;
    let all: readonly AgentLoad[] | undefined;
    const loadOf = ({ load, tasks }: ForeseenAgent): AgentLoad => ({
      ...this.#siteOf(load),
      agentId: load.agentId,
      total: load.total,
      tasks: [...tasks.values()],
    });
    return {
      afterMs,
      made: this.#made,
      agent: (executor, agentId) => {
        const agent = this.#agents.get(keyOf({ executor, agentId }));
        return agent === undefined ? undefined : loadOf(agent);
      },
      agents: isLook ? () => (all ??= [...this.#agents.values()].map(loadOf)) : null,
    };
  }

  /** Drains with an end pass. */
  #siteOf({ executor, host, attributes, unavailableFrom, shut = null }: Site) {
    const isPast = shut?.code === 'drained' && shut.until !== null && shut.until <= this.#now;
    return { executor, host, attributes, unavailableFrom, shut: isPast ? null : shut };
  }
}

const idOf = ({ task }: Happening): number => task?.jobId ?? 0;

const keyOf = ({ executor, agentId }: { executor: string; agentId: AgentId }): string =>
  JSON.stringify([executor, agentId]);
