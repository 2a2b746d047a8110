/**
 * Jobs to offers. Offers of one agent and role make one bin. Bins stand in a fixed order, tightest first, and only
 * shrink within a cycle; so each shape keeps a finger on the first bin that may still take it, and never looks back.
 */
import { assert } from './assert.js';
import type { Demand, Kept, Obstacle, Shut } from './obstacle.js';
import {
  type Capacity,
  mergedRanges,
  type Needs,
  type PortRange,
  portCount,
  takePorts,
} from './resources.js';
import { Tally } from './tally.js';
import type { AgentId, Instant, OfferId } from './units.js';

/** A cluster's offer and the executor plugin it came through. */
export interface Offer {
  readonly id: OfferId;
  readonly executor: string;
  readonly agentId: AgentId;
  readonly host: string;
  readonly role: string;
  readonly free: Capacity;
  readonly attributes: Readonly<Record<string, string>>;
  readonly unavailableFrom: Instant | null;
  /** Why the agent takes no new jobs; null or absent: it does. */
  readonly shut?: Shut | null;
  /** Launches that the agent may get in this cycle; absent: any number. */
  readonly launchesMax?: number;
}

/** All that is offered of one agent under one role; shrinks as jobs are placed. */
export class Bin {
  readonly executor: string;
  readonly agentId: AgentId;
  readonly host: string;
  readonly role: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly unavailableFrom: Instant | null;
  readonly shut: Shut | null;
  /** Bins of one kind are alike in everything that a demand without names of agents asks of an agent, but for what is free. */
  kind = 0;
  launchesLeft: number;
  /** Room here that is kept for a job. */
  kept: Kept | null = null;
  /** In order of id: what one ACCEPT names. */
  readonly offerIds: readonly OfferId[];
  cpuMilli = 0;
  memMb = 0;
  gpus = 0;
  portsFree = 0;
  isUsed = false;
  /** Without a prototype: names of resources are anybody's, `__proto__` among them. */
  readonly custom: Record<string, number> = Object.create(null);
  #ports: readonly PortRange[];

  /** `offers`: at least one, all of one agent, role and executor, in order of id. */
  constructor(offers: readonly Offer[]) {
    const first = offers[0];
    assert(first !== undefined, 'a bin has an offer');
    this.executor = first.executor;
    this.agentId = first.agentId;
    this.host = first.host;
    this.role = first.role;
    this.attributes = first.attributes;
    this.shut = first.shut ?? null;
    this.launchesLeft = first.launchesMax ?? Number.POSITIVE_INFINITY;
    this.offerIds = offers.map(({ id }) => id);
    let from = Number.POSITIVE_INFINITY;
    for (const { free, unavailableFrom } of offers) {
      this.cpuMilli += free.cpuMilli;
      this.memMb += free.memMb;
      this.gpus += free.gpus;
      for (const [name, units] of Object.entries(free.custom))
        this.custom[name] = (this.custom[name] ?? 0) + units;
      if (unavailableFrom !== null) from = Math.min(from, unavailableFrom);
    }
    this.unavailableFrom = from === Number.POSITIVE_INFINITY ? null : (from as Instant);
    this.#ports = mergedRanges(offers.flatMap(({ free }) => free.ports));
    this.portsFree = portCount(this.#ports);
  }

  /** Takes the resources of one launch out; answers its host ports. It must fit. */
  take(needs: Needs): readonly number[] {
    const ports = takePorts(this.#ports, needs.ports);
    assert(ports !== undefined, 'the ports were counted before');
    this.cpuMilli -= needs.cpuMilli;
    this.memMb -= needs.memMb;
    this.gpus -= needs.gpus;
    for (const [name, units] of Object.entries(needs.custom))
      this.custom[name] = (this.custom[name] ?? 0) - units;
    this.#ports = ports.rest;
    this.portsFree -= needs.ports;
    this.launchesLeft--;
    this.isUsed = true;
    return ports.taken;
  }
}

/**
 * Bins in the order in which they are tried: plain agents before those with GPUs and special resources, which others
 * may need; then the fullest first, so that large holes stay for large jobs. The order of `offers` does not matter.
 */
export function binsOf(offers: readonly Offer[]): readonly Bin[] {
  const groups = new Map<string, Map<OfferId, Offer>>();
  for (const offer of offers) {
    const key = JSON.stringify([offer.executor, offer.agentId, offer.role]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, new Map([[offer.id, offer]]));
    else group.set(offer.id, offer);
  }
  const bins = [...groups.values()].map(
    (group) => new Bin([...group.values()].sort((a, b) => (a.id < b.id ? -1 : 1))),
  );
  const special = new Map(bins.map((bin) => [bin, specialUnits(bin)]));
  sortOut(bins);
  return bins.sort(
    (a, b) =>
      a.gpus - b.gpus ||
      (special.get(a) ?? 0) - (special.get(b) ?? 0) ||
      a.cpuMilli - b.cpuMilli ||
      a.memMb - b.memMb ||
      byText(a.agentId, b.agentId) ||
      byText(a.role, b.role) ||
      byText(a.executor, b.executor),
  );
}

/** Gives bins that are alike, but for their names and what is free there, the same `kind`. */
function sortOut(bins: readonly Bin[]): void {
  const kinds = new Map<string, number>();
  for (const bin of bins) {
    const { executor, attributes, unavailableFrom, shut } = bin;
    let key = JSON.stringify([executor, unavailableFrom, shut]);
    for (const name of Object.keys(attributes).sort())
      key += ` ${JSON.stringify(name)}${JSON.stringify(attributes[name])}`;
    const known = kinds.get(key);
    bin.kind = known ?? kinds.size;
    if (known === undefined) kinds.set(key, bin.kind);
  }
}

/** The search of one shape through the bins of one cycle. */
export class Search {
  readonly #bins: readonly Bin[];
  readonly #tally: Tally;
  readonly #needs: Needs;
  /** Most shapes: neither special resources nor agents by name are asked for. */
  readonly #isPlain: boolean;
  #finger = 0;
  /** Bins that lack cpus, or else memory, and are not yet in the tally; and the most that any of them has. */
  #lackCpus = 0;
  #bestCpus = 0;
  #lackMem = 0;
  #bestMem = 0;

  /** @param at when launches of this cycle begin. */
  constructor(demand: Demand, bins: readonly Bin[], at: Instant) {
    this.#bins = bins;
    this.#tally = new Tally(demand, at);
    this.#needs = demand.needs;
    this.#isPlain = !this.#tally.asksForNames && Object.keys(demand.needs.custom).length === 0;
  }

  /** The bin for the next job of the shape; undefined, and for the rest of the cycle, when there is none. */
  next(): Bin | undefined {
    const bins = this.#bins;
    const tally = this.#tally;
    while (this.#finger < bins.length) {
      const bin = bins[this.#finger] as Bin;
      if (!this.#isTooSmall(bin) && tally.admitsOf(bin.kind, bin, bin)) return bin;
      this.#finger++;
    }
    return undefined;
  }

  /** Agents that are full are most of what a cycle looks at, so these two reasons are told first. */
  #isTooSmall(bin: Bin): boolean {
    const { cpuMilli, memMb, gpus } = this.#needs;
    const lacksCpus = cpuMilli > bin.cpuMilli;
    if ((!lacksCpus && memMb <= bin.memMb) || gpus > bin.gpus || !this.#isPlain) return false;
    if (bin.launchesLeft === 0 || !this.#tally.suitsKind(bin.kind, bin)) return false;
    if (lacksCpus) {
      this.#lackCpus++;
      if (bin.cpuMilli > this.#bestCpus) this.#bestCpus = bin.cpuMilli;
    } else {
      this.#lackMem++;
      if (bin.memMb > this.#bestMem) this.#bestMem = bin.memMb;
    }
    return true;
  }

  get isOver(): boolean {
    return this.#finger >= this.#bins.length;
  }

  /** Why the bins passed so far did not, or no longer, take the shape. */
  obstacles(): readonly Obstacle[] {
    this.#tally.lacked('cpuMilli', this.#lackCpus, this.#bestCpus);
    this.#tally.lacked('memMb', this.#lackMem, this.#bestMem);
    this.#lackCpus = 0;
    this.#lackMem = 0;
    return this.#tally.obstacles();
  }
}

const specialUnits = (bin: Bin): number =>
  Object.values(bin.custom).reduce((sum, units) => sum + units, 0);

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
