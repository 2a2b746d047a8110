/**
 * Room for large jobs. A job that has waited long, and that others would overtake, gets the agent where it can start
 * first: from then on others may start there only if they are surely over by then, or fit beside it. So the tasks that
 * ran there when it was chosen are the last it has to wait for.
 */
import {
  type Demand,
  endsBefore,
  type Kept,
  type Room,
  type Site,
  type Tenant,
} from './obstacle.js';
import { type Needs, unitsOf } from './resources.js';
import { Tally } from './tally.js';
import type { AgentId, Instant, JobId } from './units.js';

/** An agent whose room is kept for a job. */
export interface Reservation {
  readonly jobId: JobId;
  readonly tenant: Tenant;
  readonly executor: string;
  readonly agentId: AgentId;
  /** When the job starts there at the latest, as lifespans tell; null: a task without a lifespan stands in the way. */
  readonly startsAt: Instant | null;
  /** Another job was refused for its sake. Until then it is not settled: the next look may find another job, or agent. */
  readonly hasRefused: boolean;
}

/** A task as far as it takes up room. */
export interface AgentTask {
  readonly jobId: JobId;
  readonly needs: Needs;
  /** When it is over at the latest; null: nobody knows. */
  readonly endsAt: Instant | null;
}

/** An agent and its tasks, whether or not anything of it is offered now. */
export interface AgentLoad extends Site {
  readonly agentId: AgentId;
  /** Free and taken by our tasks together. */
  readonly total: Room;
  readonly tasks: readonly AgentTask[];
}

/** What a cycle needs to keep room. */
export interface Reserving {
  /** A job that has waited for so long may get a reservation. */
  readonly afterMs: number;
  /** Those of earlier cycles. */
  readonly made: readonly Reservation[];
  agent(executor: string, agentId: AgentId): AgentLoad | undefined;
  /** All agents; null: no new reservation is made in this cycle. */
  readonly agents: (() => Iterable<AgentLoad>) | null;
}

/** When a job can start on an agent. */
export interface Forecast {
  /** Null: after a task of which nobody knows when it ends. */
  readonly startsAt: Instant | null;
  /** What is free beside it then, if nothing more is started. */
  readonly beside: Room;
  /** Of what it needs, the largest part that is not free now: 0 to 1. */
  readonly lacking: number;
}

/**
 * When a job can start on an agent if nothing else is started there; undefined: never. Tasks leave in the order of their
 * ends; those without one last, the oldest job first.
 */
export function forecast(load: AgentLoad, needs: Needs, at: Instant): Forecast | undefined {
  if (!holds(load.total, needs)) return undefined;
  const tasks = inOrder(load.tasks);
  const free = new Space(load.total);
  for (const task of tasks) free.add(task.needs, -1);
  const lacking = lackOf(free, needs);
  let startsAt: Instant | null = at;
  for (const task of tasks) {
    if (holds(free, needs)) break;
    free.add(task.needs, 1);
    if (task.endsAt === null) startsAt = null;
    else if (startsAt !== null && task.endsAt > startsAt) startsAt = task.endsAt;
  }
  free.add(needs, -1);
  return { startsAt, beside: free, lacking };
}

/** Tasks in the order in which they leave. */
export const byEnd = (a: AgentTask, b: AgentTask): number =>
  (a.endsAt ?? Infinity) - (b.endsAt ?? Infinity) || a.jobId - b.jobId;

/** Mostly they are. */
function inOrder(tasks: readonly AgentTask[]): readonly AgentTask[] {
  for (let at = 1; at < tasks.length; at++)
    if (byEnd(tasks[at - 1] as AgentTask, tasks[at] as AgentTask) > 0)
      return [...tasks].sort(byEnd);
  return tasks;
}

/** Room that is counted up and down. */
class Space implements Room {
  cpuMilli: number;
  memMb: number;
  gpus: number;
  portsFree: number;
  /** Without a prototype: names of resources are anybody's, `__proto__` among them. */
  readonly custom: Record<string, number>;

  constructor({ cpuMilli, memMb, gpus, portsFree, custom }: Room) {
    this.cpuMilli = cpuMilli;
    this.memMb = memMb;
    this.gpus = gpus;
    this.portsFree = portsFree;
    this.custom = Object.assign(Object.create(null), custom);
  }

  add({ cpuMilli, memMb, gpus, ports, custom }: Needs, by: 1 | -1): void {
    this.cpuMilli += by * cpuMilli;
    this.memMb += by * memMb;
    this.gpus += by * gpus;
    this.portsFree += by * ports;
    for (const name of Object.keys(custom))
      this.custom[name] = (this.custom[name] ?? 0) + by * (custom[name] ?? 0);
  }
}

/** An agent, and when the job can start there. */
export interface Choice {
  readonly load: AgentLoad;
  readonly forecast: Forecast;
}

/**
 * The agent where a job can start first. Where no end is known, the one that lacks least; ties end with the names.
 * Undefined: no agent could ever run it.
 */
export function earliest(
  demand: Demand,
  loads: Iterable<AgentLoad>,
  at: Instant,
): Choice | undefined {
  let best: Choice | undefined;
  for (const load of loads) {
    const found = forecast(load, demand.needs, at);
    if (found === undefined) continue;
    const one = { load, forecast: found };
    if (best !== undefined && !isSooner(one, best)) continue;
    // Asked of few: most agents are no better than one that is known. Without an end no window is surely missed.
    if (new Tally(demand, found.startsAt).admits(load, load.total)) best = one;
  }
  return best;
}

function isSooner(a: Choice, b: Choice): boolean {
  const [one, other] = [a.forecast.startsAt ?? Infinity, b.forecast.startsAt ?? Infinity];
  if (one !== other) return one < other;
  if (a.forecast.lacking !== b.forecast.lacking) return a.forecast.lacking < b.forecast.lacking;
  if (a.load.agentId !== b.load.agentId) return a.load.agentId < b.load.agentId;
  return a.load.executor < b.load.executor;
}

type Waiting = Pick<Reservation, 'jobId' | 'tenant'>;

/** Holds the launches of one cycle to one reservation. */
class KeptRoom implements Kept {
  readonly jobId: JobId;
  readonly tenant: Tenant;
  readonly load: AgentLoad;
  readonly until: Instant | null;
  readonly #beside: Space;
  hasRefused: boolean;

  constructor(job: Waiting, { load, forecast: { startsAt, beside } }: Choice, hasRefused: boolean) {
    this.jobId = job.jobId;
    this.tenant = job.tenant;
    this.load = load;
    this.until = startsAt;
    this.#beside = new Space(beside);
    this.hasRefused = hasRefused;
  }

  leavesRoom({ needs, lifespanMs = null }: Demand, at: Instant | null): boolean {
    if (this.#isOverBefore(at, lifespanMs) || holds(this.#beside, needs)) return true;
    this.hasRefused = true;
    return false;
  }

  placed({ needs, lifespanMs = null }: Demand, at: Instant): void {
    if (!this.#isOverBefore(at, lifespanMs)) this.#beside.add(needs, -1);
  }

  #isOverBefore(at: Instant | null, lifespanMs: number | null): boolean {
    return at !== null && this.until !== null && endsBefore(this.until, at, lifespanMs);
  }
}

/** A bin, as far as reservations are concerned. */
interface Shelf extends Pick<Site, 'executor'> {
  readonly agentId: AgentId;
  kept: Kept | null;
}

/** A job that waits, and what it asks for. */
export interface Heir {
  readonly jobId: JobId;
  readonly demand: TenantDemand;
}

/** Looking for an agent walks over all of them: jobs that no agent could run must not make a cycle long. */
const LOOKS_MAX = 3;

/** The reservations of one cycle: those of before, as far as they still hold, and at most one more for each executor. */
export class Reservations {
  readonly #reserving: Reserving | undefined;
  readonly #at: Instant;
  readonly #bins: readonly Shelf[];
  #kept: readonly KeptRoom[] = [];
  /** Placed in this cycle, by executor and agent. */
  readonly #placed = new Map<string, Map<AgentId, AgentTask[]>>();
  readonly #looked = new Set<number>();

  /** @param heirOf who gets the room that was kept for a job, mostly itself; undefined: nobody */
  constructor(
    reserving: Reserving | undefined,
    bins: readonly Shelf[],
    { at, heirOf }: { at: Instant; heirOf: (jobId: JobId) => Heir | undefined },
  ) {
    this.#reserving = reserving;
    this.#bins = bins;
    this.#at = at;
    for (const made of reserving?.made ?? []) {
      if (!made.hasRefused && reserving?.agents !== null) continue;
      const heir = heirOf(made.jobId);
      if (heir === undefined || this.of(heir.jobId) !== null) continue;
      const load = reserving?.agent(made.executor, made.agentId);
      // The agent may have shrunk, gone, or been drained since: then the job gets another one.
      const choice = load === undefined ? undefined : earliest(heir.demand, [load], at);
      const waiting = { jobId: heir.jobId, tenant: heir.demand.tenant };
      if (choice !== undefined) this.#keep(new KeptRoom(waiting, choice, made.hasRefused));
    }
  }

  /** What is kept for this very job. */
  of(id: JobId): Kept | null {
    for (const kept of this.#kept) if (kept.jobId === id) return kept;
    return null;
  }

  /**
   * Whether a job that found no place has waited long enough, and its executor (null: any) keeps no room yet; those first
   * in the order of the policy ask first.
   */
  mayKeepFor(
    { submittedAt }: { readonly submittedAt: Instant },
    { shapeId, executor }: { readonly shapeId: number; readonly executor: string | null },
  ): boolean {
    const { afterMs = 0, agents = null } = this.#reserving ?? {};
    if (agents === null || this.#at - submittedAt < afterMs) return false;
    if (executor !== null && this.#isTaken(executor)) return false;
    return this.#looked.size < LOOKS_MAX && !this.#looked.has(shapeId);
  }

  /** Keeps room for the job, if any agent of an executor that keeps none could ever run it. */
  keepFor(id: JobId, { shapeId, demand }: ShapeDemand): void {
    this.#looked.add(shapeId);
    const all = [...(this.#reserving?.agents?.() ?? [])];
    const loads = all.filter(({ executor }) => !this.#isTaken(executor));
    const choice = earliest(demand, this.#withPlaced(loads), this.#at);
    if (choice !== undefined)
      this.#keep(new KeptRoom({ jobId: id, tenant: demand.tenant }, choice, false));
  }

  #isTaken(executor: string): boolean {
    return this.#kept.some(({ load }) => load.executor === executor);
  }

  placed(id: JobId, bin: Shelf, demand: Demand): void {
    if (this.#reserving === undefined) return;
    const { needs, lifespanMs = null } = demand;
    const endsAt = lifespanMs === null ? null : ((this.#at + lifespanMs) as Instant);
    const task = { jobId: id, needs, endsAt };
    const ofExecutor = this.#placed.get(bin.executor) ?? new Map<AgentId, AgentTask[]>();
    this.#placed.set(bin.executor, ofExecutor);
    const tasks = ofExecutor.get(bin.agentId);
    if (tasks === undefined) ofExecutor.set(bin.agentId, [task]);
    else tasks.push(task);
    this.#drop((kept) => kept.jobId === id);
    if (bin.kept instanceof KeptRoom) bin.kept.placed(demand, this.#at);
  }

  /** A limit holds jobs of this account: room must not stay empty for one that may not start. */
  release({ user, project }: Tenant): void {
    this.#drop(({ tenant }) => tenant.user === user && tenant.project === project);
  }

  /** The limit of its array holds this job. */
  releaseJob(id: JobId): void {
    this.#drop(({ jobId }) => jobId === id);
  }

  #drop(isOver: (kept: KeptRoom) => boolean): void {
    if (this.#kept.length === 0) return;
    const over = this.#kept.filter(isOver);
    this.#kept = this.#kept.filter((kept) => !isOver(kept));
    for (const bin of this.#bins) if (over.some((kept) => bin.kept === kept)) bin.kept = null;
  }

  /** Those that the next cycle must know of. */
  made(): readonly Reservation[] {
    return this.#kept.map(({ jobId, tenant, load: { executor, agentId }, until, hasRefused }) => ({
      jobId,
      tenant,
      executor,
      agentId,
      startsAt: until,
      hasRefused,
    }));
  }

  #keep(kept: KeptRoom): void {
    this.#kept = [...this.#kept, kept];
    const { executor, agentId } = kept.load;
    for (const bin of this.#bins)
      if (bin.agentId === agentId && bin.executor === executor) bin.kept = kept;
  }

  *#withPlaced(loads: readonly AgentLoad[]): Generator<AgentLoad> {
    for (const load of loads) {
      const more = this.#placed.get(load.executor)?.get(load.agentId);
      yield more === undefined ? load : { ...load, tasks: [...load.tasks, ...more] };
    }
  }
}

/** What a job of somebody's asks for, the executor settled. */
export type TenantDemand = Demand & { readonly tenant: Tenant };

export interface ShapeDemand {
  readonly shapeId: number;
  readonly demand: TenantDemand;
}

export function holds(room: Room, needs: Needs): boolean {
  const has =
    enough(room.cpuMilli, needs.cpuMilli) &&
    enough(room.memMb, needs.memMb) &&
    enough(room.gpus, needs.gpus) &&
    enough(room.portsFree, needs.ports);
  if (!has) return false;
  for (const name in needs.custom)
    if (!enough(unitsOf(room.custom, name), unitsOf(needs.custom, name))) return false;
  return true;
}

const enough = (has: number, need: number): boolean => need <= 0 || has >= need;

/** The largest part of what is needed that is not there: 0 if all is. */
function lackOf(room: Room, needs: Needs): number {
  const lack = (need: number, has: number): number =>
    need <= 0 ? 0 : Math.max(0, (need - Math.max(0, has)) / need);
  let most = Math.max(
    lack(needs.cpuMilli, room.cpuMilli),
    lack(needs.memMb, room.memMb),
    lack(needs.gpus, room.gpus),
    lack(needs.ports, room.portsFree),
  );
  for (const [name, units] of Object.entries(needs.custom))
    most = Math.max(most, lack(units, unitsOf(room.custom, name)));
  return most;
}

/** The room with so much more (1) or less (-1) of it free. */
export function changed(room: Room, needs: Needs, sign: 1 | -1): Room {
  const space = new Space(room);
  space.add(needs, sign);
  return space;
}
