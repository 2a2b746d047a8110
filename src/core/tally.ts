/** Agents checked against one demand, and their refusals counted. */
import type { Constraint } from './job.js';
import {
  type AgentShape,
  type Demand,
  endsBefore,
  isOpenTo,
  type Obstacle,
  type ResourceName,
  type Room,
  reservationOf,
  type Shut,
  type Site,
} from './obstacle.js';
import { portCount, unitsOf } from './resources.js';
import type { Instant } from './units.js';

/** Different drains that are told apart; the others are counted with the last of these. */
const DRAINS_TOLD_MAX = 3;

interface Drained {
  agents: number;
  drain: Extract<Shut, { code: 'drained' }>;
}

interface Lack {
  agents: number;
  best: number;
}

const noLack = (): Lack => ({ agents: 0, best: 0 });

/** What is known of agents that are alike. */
interface Kind {
  /** One of them. */
  readonly site: Site;
  readonly suits: boolean;
  /** How many of them were refused and not yet counted. */
  refused: number;
}

/** Checks agents against one demand and counts the refusals, each agent for its first reason only. */
export class Tally {
  readonly #demand: Demand;
  readonly #custom: readonly (readonly [string, number])[];
  readonly #lacks: Readonly<Record<ResourceName, Lack>> = {
    gpus: noLack(),
    cpuMilli: noLack(),
    memMb: noLack(),
    ports: noLack(),
  };
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
  /** By the number of the kind. */
  readonly #kinds: (Kind | undefined)[] = [];
  /** Whether agents of one kind may differ for it, because it asks for them by name. */
  readonly asksForNames: boolean;

  /** @param at when the launch would begin; null: not known, so that it may overlap any window. */
  constructor(demand: Demand, at: Instant | null = null) {
    this.#demand = demand;
    this.#at = at;
    this.#custom = Object.entries(demand.needs.custom);
    const { constraints, avoid = [] } = demand;
    this.asksForNames = avoid.length > 0 || constraints.some(({ name }) => name === 'hostname');
  }

  /** True when a launch fits there; a refusal is counted for `agents` agents alike. */
  admits(site: Site, room: Room, agents = 1): boolean {
    return (
      this.#suits(site, agents) &&
      this.#maySome(site, agents) &&
      this.#hasRoom(room, agents) &&
      this.#leavesRoom(site, agents)
    );
  }

  /**
   * The same for one agent of a kind: agents of one kind (a small number) agree in executor, attributes, maintenance and
   * closure, so that all of it is asked once for each kind.
   */
  admitsOf(kind: number, site: Site, room: Room): boolean {
    if (this.asksForNames) return this.admits(site, room);
    const known = this.#kind(kind, site);
    if (!known.suits) {
      known.refused++;
      return false;
    }
    return this.#maySome(site, 1) && this.#hasRoom(room, 1) && this.#leavesRoom(site, 1);
  }

  /** Whether agents of that kind, of which this is one, would do if they were empty; nothing is counted. */
  suitsKind(kind: number, site: Site): boolean {
    return this.#kind(kind, site).suits;
  }

  /** So many agents were refused because they have too little; the most that any of them has. */
  lacked(resource: ResourceName, agents: number, best: number): void {
    if (agents > 0) note(this.#lacks[resource], best, agents);
  }

  #kind(kind: number, site: Site): Kind {
    let known = this.#kinds[kind];
    if (known === undefined) {
      known = { site, suits: this.#suits(site, 0), refused: 0 };
      this.#kinds[kind] = known;
    }
    return known;
  }

  /** What stood in the way, in the order of the checks. */
  obstacles(): readonly Obstacle[] {
    this.#countKinds();
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
      const lack = this.#lacks[resource];
      if (lack.agents > 0)
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
    if (shut?.code !== 'set-aside') return true;
    this.#setAside += agents;
    return false;
  }

  /** An agent on probation gets no more than one launch at a time. */
  #maySome({ launchesLeft }: Site, agents: number): boolean {
    if (launchesLeft !== 0) return true;
    this.#setAside += agents;
    return false;
  }

  /** Refusals by kind become refusals by reason. */
  #countKinds(): void {
    for (const known of this.#kinds) {
      if (known === undefined || known.refused === 0) continue;
      this.#suits(known.site, known.refused);
      known.refused = 0;
    }
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
      if (units > best) return note(this.#customLack(name), best, agents);
    }
    const lacks = this.#lacks;
    if (needs.gpus > room.gpus) return note(lacks.gpus, room.gpus, agents);
    if (needs.cpuMilli > room.cpuMilli) return note(lacks.cpuMilli, room.cpuMilli, agents);
    if (needs.memMb > room.memMb) return note(lacks.memMb, room.memMb, agents);
    if (needs.ports > room.portsFree) return note(lacks.ports, room.portsFree, agents);
    return true;
  }

  #customLack(name: string): Lack {
    let lack = this.#customLacks.get(name);
    if (lack === undefined) {
      lack = noLack();
      this.#customLacks.set(name, lack);
    }
    return lack;
  }
}

const earlier = (a: Instant | null, b: Instant | null): Instant | null =>
  a === null || (b !== null && b < a) ? b : a;

function note(lack: Lack, best: number, agents: number): false {
  if (lack.agents === 0 || best > lack.best) lack.best = best;
  lack.agents += agents;
  return false;
}

/** Agents without an attribute `hostname` have one all the same: jobs may ask for a machine by name. */
function meets({ attributes, host }: Site, { name, value }: Constraint): boolean {
  if (Object.hasOwn(attributes, name)) return attributes[name] === value;
  return name === 'hostname' && (host === null || host === value);
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

/** The same for agents that one cause keeps from jobs by now, if not since the same second. */
export const drainKey = ({ from, until, reason, by }: Drained['drain'], at: Instant | null) =>
  JSON.stringify([at !== null && from <= at ? null : from, until, reason, by]);
