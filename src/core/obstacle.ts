/** Why a job still waits, or can never run, as data: how many agents fail for which reason, and by how much. */
import type { Constraint, JobState } from './job.js';
import type { QuotaReached } from './quota.js';
import { type Capacity, type Needs, portCount, unitsOf } from './resources.js';
import type { Instant, JobId, ProjectId, UserId } from './units.js';

export type ResourceName = 'cpuMilli' | 'memMb' | 'gpus' | 'ports';

/** A job that another waits for. */
export interface Awaited {
  readonly id: JobId;
  readonly state: JobState;
  /** Of one that is over. */
  readonly exitCode: number | null;
}

/** `agents`: how many fail for this reason first; an agent offered under two roles counts twice. */
export type Obstacle =
  | {
      readonly code: 'too-small';
      readonly resource: ResourceName;
      readonly agents: number;
      readonly wanted: number;
      /** The most that any of these agents has. */
      readonly best: number;
    }
  | {
      readonly code: 'custom-too-small';
      readonly name: string;
      readonly agents: number;
      readonly wanted: number;
      readonly best: number;
    }
  | {
      readonly code: 'constraint';
      readonly name: string;
      readonly value: string;
      readonly agents: number;
    }
  /** Kept for users or projects that the job is none of. */
  | { readonly code: 'reserved'; readonly agents: number }
  /** Failures of theirs have ended launches of the job, and the site skips such agents. */
  | { readonly code: 'failed-before'; readonly agents: number }
  | { readonly code: 'other-executor'; readonly executor: string; readonly agents: number }
  /** `from`: the earliest of their maintenance windows. */
  | { readonly code: 'maintenance'; readonly agents: number; readonly from: Instant }
  /** So many members of its array run, and no more may. */
  | { readonly code: 'array-limit'; readonly running: number; readonly limit: number }
  /** So many run at once: of the user, the project, the executor, the queue, or the user in the queue. */
  | {
      readonly code: 'limit-reached';
      readonly scope: 'user' | 'project' | 'executor' | 'queue' | 'queue-user';
      readonly name: string;
      readonly limit: number;
      readonly running: number;
    }
  /** What runs now is charged against a quota and leaves too little of it. Amounts in the quota's own unit. */
  | {
      readonly code: 'quota';
      readonly scope: 'user' | 'project';
      readonly name: string;
      readonly quota: QuotaReached['quota'];
      readonly limit: number;
      readonly used: number;
      readonly held: number;
      readonly asked: number;
    }
  /** Jobs that it depends on, those that have come true left out; of any of them, or of all. `more`: are not named. */
  | {
      readonly code: 'dependency';
      readonly isAnyEnough: boolean;
      readonly jobs: readonly Awaited[];
      readonly more: number;
    }
  /** Jobs of the same user and name before it. */
  | {
      readonly code: 'turn';
      readonly name: string;
      readonly jobs: readonly Awaited[];
      readonly more: number;
    }
  | {
      readonly code: 'held-back';
      readonly by: UserId;
      readonly isAdmin: boolean;
      readonly at: Instant;
    }
  | { readonly code: 'not-before'; readonly at: Instant }
  /** An administrator lets no new jobs onto them: from when (the earliest), until when (null: until told), and why. */
  | {
      readonly code: 'drained';
      readonly agents: number;
      readonly from: Instant;
      readonly until: Instant | null;
      readonly reason: string;
      /** Absent: told by a version that did not say. */
      readonly by?: UserId;
    }
  /** Jobs of several users ended badly there within seconds; they are tried again, or an administrator lets them back. */
  | { readonly code: 'set-aside'; readonly agents: number }
  /** Their room is kept for a job that has waited long: when that starts; null: not known. */
  | { readonly code: 'reserved-for'; readonly agents: number; readonly until: Instant | null }
  | { readonly code: 'no-offers' };

/** Who runs the job, as reservations of agents name them. */
export interface Tenant {
  readonly user: UserId;
  readonly project: ProjectId;
}

/** What a job, or all jobs of one shape, ask of an agent. */
export interface Demand {
  readonly needs: Needs;
  readonly constraints: readonly Constraint[];
  /** Null: any executor will do. */
  readonly executor: string | null;
  /** Absent: nobody in particular; reservations are not looked at. */
  readonly tenant?: Tenant;
  /** Hosts that are passed over; absent: none. */
  readonly avoid?: readonly string[];
  /** How long a launch may run at most; null or absent: any time, so that it overlaps every window that comes. */
  readonly lifespanMs?: number | null;
  /** The room that is kept for this very job; null or absent: none. */
  readonly own?: Kept | null;
}

/** Room of an agent that is kept for one job, as the others meet it. */
export interface Kept {
  /** When that job starts at the latest; null: not known. */
  readonly until: Instant | null;
  /** Whether another job leaves it its room, because it is over by then or fits beside. `at`: when it would begin. */
  leavesRoom(demand: Demand, at: Instant | null): boolean;
}

/** An agent as the checks see it. */
export interface Site {
  readonly executor: string;
  /** Null: not told, so that any name may be right. */
  readonly host: string | null;
  readonly attributes: Readonly<Record<string, string>>;
  readonly unavailableFrom: Instant | null;
  /** Why it takes no new jobs; null or absent: it does. */
  readonly shut?: Shut | null;
  /** Launches that it may get in this cycle; absent: any number. */
  readonly launchesLeft?: number;
  /** Room there that is kept for a job; null or absent: none. */
  readonly kept?: Kept | null;
}

/** What is free there, with ports counted: `free.ports` is not walked again and again. */
export interface Room {
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
  readonly portsFree: number;
  readonly custom: Readonly<Record<string, number>>;
}

/** What keeps new jobs from an agent, as cycles see it. */
export type Shut =
  | {
      readonly code: 'drained';
      readonly from: Instant;
      readonly until: Instant | null;
      readonly reason: string;
      readonly by?: UserId;
    }
  | { readonly code: 'set-aside' };

/**
 * Nothing is started that may end this close to a window: the cluster ends what outlives its lifespan up to half a
 * minute late, and a task that is told to end takes a moment to.
 */
const ENDING_MS = 35_000;
/** Different drains that are told apart; the others are counted with the last of these. */
const DRAINS_TOLD_MAX = 3;

/**
 * Whether a launch that begins at `at` and runs as long as it may is over, surely, when `from` comes.
 * @param lifespanMs null: it may run for ever.
 */
export const endsBefore = (from: Instant, at: Instant, lifespanMs: number | null): boolean =>
  lifespanMs !== null && at + lifespanMs + ENDING_MS <= from;

interface Drained {
  agents: number;
  drain: Extract<Shut, { code: 'drained' }>;
}

interface Lack {
  agents: number;
  best: number;
}

/** Checks agents against one demand and counts the refusals, each agent for its first reason only. */
export class Tally {
  readonly #demand: Demand;
  readonly #custom: readonly (readonly [string, number])[];
  readonly #lacks = new Map<ResourceName, Lack>();
  readonly #customLacks = new Map<string, Lack>();
  readonly #unmet = new Map<Constraint, number>();
  #elsewhere = 0;
  #reserved = 0;
  #avoided = 0;
  #inMaintenance = 0;
  #maintenanceFrom = Number.POSITIVE_INFINITY as Instant;
  readonly #drained = new Map<string, Drained>();
  #setAside = 0;
  #kept: { agents: number; until: Instant | null } | null = null;
  readonly #at: Instant | null;

  /** @param at when the launch would begin; null: not known, so that it may overlap any window. */
  constructor(demand: Demand, at: Instant | null = null) {
    this.#demand = demand;
    this.#at = at;
    this.#custom = Object.entries(demand.needs.custom);
  }

  /** True when a launch fits there; a refusal is counted for `agents` agents alike. */
  admits(site: Site, room: Room, agents = 1): boolean {
    return (
      this.#suits(site, agents) && this.#hasRoom(room, agents) && this.#leavesRoom(site, agents)
    );
  }

  /** What stood in the way, in the order of the checks. */
  obstacles(): readonly Obstacle[] {
    const { executor, needs } = this.#demand;
    const found: Obstacle[] = [];
    if (executor !== null && this.#elsewhere > 0)
      found.push({ code: 'other-executor', executor, agents: this.#elsewhere });
    if (this.#reserved > 0) found.push({ code: 'reserved', agents: this.#reserved });
    if (this.#avoided > 0) found.push({ code: 'failed-before', agents: this.#avoided });
    for (const [{ name, value }, agents] of this.#unmet)
      found.push({ code: 'constraint', name, value, agents });
    if (this.#inMaintenance > 0)
      found.push({
        code: 'maintenance',
        agents: this.#inMaintenance,
        from: this.#maintenanceFrom,
      });
    for (const { agents, drain } of this.#drained.values()) found.push({ ...drain, agents });
    if (this.#setAside > 0) found.push({ code: 'set-aside', agents: this.#setAside });
    for (const [name, lack] of this.#customLacks)
      found.push({ code: 'custom-too-small', name, wanted: unitsOf(needs.custom, name), ...lack });
    for (const resource of ['gpus', 'cpuMilli', 'memMb', 'ports'] as const) {
      const lack = this.#lacks.get(resource);
      if (lack !== undefined)
        found.push({ code: 'too-small', resource, wanted: needs[resource], ...lack });
    }
    if (this.#kept !== null) found.push({ code: 'reserved-for', ...this.#kept });
    return found.length === 0 ? [{ code: 'no-offers' }] : found;
  }

  #suits(site: Site, agents: number): boolean {
    const { executor, constraints, tenant, avoid } = this.#demand;
    if (executor !== null && executor !== site.executor) {
      this.#elsewhere += agents;
      return false;
    }
    if (tenant !== undefined && !isOpenTo(tenant, reservationOf(site))) {
      this.#reserved += agents;
      return false;
    }
    if (site.host !== null && avoid?.includes(site.host)) {
      this.#avoided += agents;
      return false;
    }
    for (const constraint of constraints) {
      if (meets(site, constraint)) continue;
      this.#unmet.set(constraint, (this.#unmet.get(constraint) ?? 0) + agents);
      return false;
    }
    const { unavailableFrom, shut = null } = site;
    if (unavailableFrom !== null && !this.#endsBefore(unavailableFrom)) {
      this.#inMaintenance += agents;
      if (unavailableFrom < this.#maintenanceFrom) this.#maintenanceFrom = unavailableFrom;
      return false;
    }
    if (shut?.code === 'drained' && !this.#endsBefore(shut.from))
      return this.#noteDrain(shut, agents);
    if (shut?.code === 'set-aside' || site.launchesLeft === 0) {
      this.#setAside += agents;
      return false;
    }
    return true;
  }

  #endsBefore(from: Instant): boolean {
    return this.#at !== null && endsBefore(from, this.#at, this.#demand.lifespanMs ?? null);
  }

  #noteDrain(drain: Drained['drain'], agents: number): false {
    const key = drainKey(drain, this.#at);
    const isFull = this.#drained.size === DRAINS_TOLD_MAX;
    const known =
      this.#drained.get(key) ?? (isFull ? [...this.#drained.values()].at(-1) : undefined);
    if (known === undefined) this.#drained.set(key, { agents, drain });
    else {
      known.agents += agents;
      if (drain.from < known.drain.from) known.drain = { ...known.drain, from: drain.from };
    }
    return false;
  }

  #leavesRoom({ kept = null }: Site, agents: number): boolean {
    if (kept === null || kept === this.#demand.own || kept.leavesRoom(this.#demand, this.#at))
      return true;
    const known = this.#kept;
    if (known === null) this.#kept = { agents, until: kept.until };
    else {
      known.agents += agents;
      known.until = earlier(known.until, kept.until);
    }
    return false;
  }

  #hasRoom(room: Room, agents: number): boolean {
    const { needs } = this.#demand;
    for (const [name, units] of this.#custom) {
      const best = unitsOf(room.custom, name);
      if (units > best) return note(this.#customLacks, name, best, agents);
    }
    if (needs.gpus > room.gpus) return note(this.#lacks, 'gpus', room.gpus, agents);
    if (needs.cpuMilli > room.cpuMilli) return note(this.#lacks, 'cpuMilli', room.cpuMilli, agents);
    if (needs.memMb > room.memMb) return note(this.#lacks, 'memMb', room.memMb, agents);
    if (needs.ports > room.portsFree) return note(this.#lacks, 'ports', room.portsFree, agents);
    return true;
  }
}

/** The same for agents that one cause keeps from jobs by now, if not since the same second. */
export const drainKey = ({ from, until, reason, by }: Drained['drain'], at: Instant | null) =>
  JSON.stringify([at !== null && from <= at ? null : from, until, reason, by]);

const earlier = (a: Instant | null, b: Instant | null): Instant | null =>
  a === null || (b !== null && b < a) ? b : a;

function note<Name>(lacks: Map<Name, Lack>, name: Name, best: number, agents: number): false {
  const lack = lacks.get(name);
  if (lack === undefined) lacks.set(name, { agents, best });
  else {
    lack.agents += agents;
    if (best > lack.best) lack.best = best;
  }
  return false;
}

/** The attribute `reservation` of an agent, as it stands there; null: open to all. */
export const reservationOf = ({ attributes }: Pick<Site, 'attributes'>): string | null =>
  Object.hasOwn(attributes, 'reservation') ? (attributes.reservation ?? '') : null;

/** `a,b` (as a set: `{a,b}`) lets in the users and the projects of these names; an empty list nobody. */
export function isOpenTo({ user, project }: Tenant, reservation: string | null): boolean {
  if (reservation === null) return true;
  const names = reservation.replace(/^\{(.*)\}$/, '$1').split(',');
  return names.some((name) => name.trim() === user || name.trim() === project);
}

/** Agents without an attribute `hostname` have one all the same: jobs may ask for a machine by name. */
function meets({ attributes, host }: Site, { name, value }: Constraint): boolean {
  if (Object.hasOwn(attributes, name)) return attributes[name] === value;
  return name === 'hostname' && (host === null || host === value);
}

/** Agents that are alike, with all their resources, used or not. */
export interface AgentShape {
  readonly total: Capacity;
  readonly attributes: Readonly<Record<string, string>>;
  readonly count: number;
  /** Absent: the inventory does not tell them apart by executor. */
  readonly executor?: string;
  /** Absent: it does not tell them apart by name. */
  readonly host?: string;
}

/**
 * Why no agent could ever run this, even an idle one; empty when some agent could, and when nothing is known of any
 * agent yet. Maintenance passes, so it does not count.
 */
export function impossible(demand: Demand, inventory: readonly AgentShape[]): readonly Obstacle[] {
  if (inventory.length === 0) return [];
  const tally = new Tally(demand);
  for (const { executor, host, attributes, total, count } of inventory) {
    const site = {
      executor: executor ?? demand.executor ?? '',
      host: host ?? null,
      attributes,
      unavailableFrom: null,
    };
    if (tally.admits(site, { ...total, portsFree: portCount(total.ports) }, count)) return [];
  }
  return tally.obstacles();
}
