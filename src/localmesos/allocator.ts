/**
 * Who is offered what. Event-driven: an agent is looked at when something about it changed, so a round costs what
 * changed and not what exists. Fair by dominant share: first the role that holds least, then in it the framework that
 * holds least.
 */
import type { Timer } from '../contracts/clock.js';
import type { Agent } from './agent.js';
import { type Amount, EMPTY, minus, plus, scalarOf, scalarsOf } from './amounts.js';
import type { Books, Ports } from './books.js';
import type { Framework } from './framework.js';
import { type Offer, offerToWire } from './offers.js';

/** Rounds are at least this far apart, so that a burst of ending tasks makes one OFFERS event and not a hundred. */
const ROUND_EACH_MS_MIN = 3;
/** Offers in one event: keeps a record far below what clients accept. */
const OFFERS_PER_EVENT_MAX = 500;
/** Refusals expire in steps of this, so that thousands of them need few timers. */
const EXPIRY_STEP_MS = 50;
/** A refusal of zero seconds still holds this long: who declines at once would otherwise spin with us. */
const REFUSE_MS_MIN = 100;
const REFUSE_MS_DEFAULT = 5_000;
/** Less than this is not worth an offer, as in a real master: 0.01 cpus or 32 MB. */
const CPU_MILLI_MIN = 10;
const MEM_MILLI_MIN = 32_000;
const SHARED = ['cpus', 'mem', 'disk', 'gpus'];

interface Candidate {
  readonly framework: Framework;
  readonly role: string;
}

export class Allocator {
  readonly #books: Books;
  readonly #ports: Ports;
  readonly #changed = new Set<Agent>();
  /** What all frameworks of a role hold. */
  readonly #roles = new Map<string, Amount>();
  readonly #expiries = new Map<number, Set<Agent>>();
  #total: Amount = EMPTY;
  #round: Timer | null = null;
  #lastRoundMs = Number.NEGATIVE_INFINITY;

  constructor(books: Books, ports: Ports) {
    this.#books = books;
    this.#ports = ports;
  }

  addAgent(agent: Agent): void {
    this.#books.agents.set(agent.id, agent);
    this.#total = plus(this.#total, agent.total);
    this.touch(agent);
  }

  /** Something about this agent changed: it is looked at in the next round. */
  touch(agent: Agent): void {
    this.#changed.add(agent);
    this.#soon();
  }

  touchAll(): void {
    for (const agent of this.#books.agents.values()) this.#changed.add(agent);
    this.#soon();
  }

  stop(): void {
    this.#round?.cancel();
    this.#round = null;
    this.#changed.clear();
  }

  /** Books resources for a framework: an offer made, or tasks found again. */
  hold(framework: Framework, role: string, amount: Amount): void {
    framework.hold(role, amount);
    this.#roles.set(role, plus(this.#roles.get(role) ?? EMPTY, scalarsOf(amount)));
  }

  /** Resources come back to their agent. */
  release(framework: Framework, role: string, agent: Agent, amount: Amount): void {
    framework.release(role, amount);
    this.#roles.set(role, minus(this.#roles.get(role) ?? EMPTY, scalarsOf(amount)));
    agent.free = plus(agent.free, amount);
    this.touch(agent);
  }

  /** Takes an offer out of the books without saying where its resources go. */
  close(offer: Offer): void {
    this.#books.offers.delete(offer.id);
    offer.framework.offers.delete(offer.id);
    offer.agent.offers.delete(offer);
  }

  /** An offer, or what is left of it, goes back; the framework may not want it for a while. */
  giveBack(
    offer: Offer,
    left: Amount,
    refuseSeconds: number | undefined,
    isDecline: boolean,
  ): void {
    const { framework, role, agent } = offer;
    this.release(framework, role, agent, left);
    const asked =
      refuseSeconds === undefined || refuseSeconds < 0 ? REFUSE_MS_DEFAULT : refuseSeconds * 1_000;
    const refuseMs = isDecline ? Math.max(REFUSE_MS_MIN, asked) : asked;
    if (refuseMs > 0) this.#refuse(framework, role, agent, refuseMs);
  }

  #refuse(framework: Framework, role: string, agent: Agent, refuseMs: number): void {
    const untilMs = this.#ports.clock.monotonicMs() + refuseMs;
    // All that is free now, not only what was declined: pieces declined one by one must not come back joined.
    framework.refuse(agent.id, role, { untilMs, amount: agent.free });
    const step = Math.ceil(untilMs / EXPIRY_STEP_MS);
    const expiring = this.#expiries.get(step);
    if (expiring !== undefined) {
      expiring.add(agent);
      return;
    }
    this.#expiries.set(step, new Set([agent]));
    this.#ports.timers.after(refuseMs + EXPIRY_STEP_MS, () => {
      for (const waiting of this.#expiries.get(step) ?? []) this.touch(waiting);
      this.#expiries.delete(step);
    });
  }

  #soon(): void {
    if (this.#round !== null) return;
    const sinceMs = this.#ports.clock.monotonicMs() - this.#lastRoundMs;
    if (sinceMs >= ROUND_EACH_MS_MIN) {
      this.#round = { cancel: () => {} };
      this.#ports.timers.soon(() => this.#run());
    } else {
      this.#round = this.#ports.timers.after(ROUND_EACH_MS_MIN - sinceMs, () => this.#run());
    }
  }

  #run(): void {
    this.#round = null;
    const nowMs = this.#ports.clock.monotonicMs();
    this.#lastRoundMs = nowMs;
    const candidates = this.#candidates();
    const made = new Map<Framework, Offer[]>();
    for (const agent of this.#changed) {
      const offer = candidates.length === 0 ? undefined : this.#offer(agent, candidates, nowMs);
      if (offer === undefined) continue;
      const offers = made.get(offer.framework);
      if (offers === undefined) made.set(offer.framework, [offer]);
      else offers.push(offer);
    }
    this.#changed.clear();
    for (const [framework, offers] of made) {
      for (let at = 0; at < offers.length; at += OFFERS_PER_EVENT_MAX) {
        const page = offers.slice(at, at + OFFERS_PER_EVENT_MAX).map(offerToWire);
        framework.stream?.send({ type: 'OFFERS', offers: { offers: page } });
      }
    }
  }

  #candidates(): Candidate[] {
    return [...this.#books.frameworks.values()].flatMap((framework) =>
      framework.stream === null
        ? []
        : framework.roles
            .filter((role) => !framework.suppressed.has(role))
            .map((role) => ({ framework, role })),
    );
  }

  #offer(agent: Agent, candidates: readonly Candidate[], nowMs: number): Offer | undefined {
    if (agent.condition !== 'here') return undefined;
    const amount = agent.free;
    const isWorthIt =
      scalarOf(amount, 'cpus') >= CPU_MILLI_MIN || scalarOf(amount, 'mem') >= MEM_MILLI_MIN;
    if (!isWorthIt) return undefined;
    const hasGpus = scalarOf(agent.total, 'gpus') > 0;
    const willing = candidates.filter(
      ({ framework, role }) =>
        (!hasGpus || framework.can('GPU_RESOURCES')) &&
        !framework.refuses(agent.id, role, amount, nowMs),
    );
    const first = this.#least(willing);
    if (first === undefined) return undefined;
    const { framework, role } = first;
    const offer: Offer = { id: this.#books.offerId(), framework, agent, role, amount };
    agent.free = EMPTY;
    agent.offers.add(offer);
    framework.offers.set(offer.id, offer);
    this.#books.offers.set(offer.id, offer);
    this.hold(framework, role, amount);
    return offer;
  }

  /** Least dominant share of the role first, then of the framework in it; ties by name and id. */
  #least(candidates: readonly Candidate[]): Candidate | undefined {
    if (candidates.length < 2) return candidates[0];
    const ranked = candidates.map((candidate) => ({
      candidate,
      roleShare: this.#share(this.#roles.get(candidate.role)),
      share: this.#share(candidate.framework.held.get(candidate.role)),
    }));
    ranked.sort(
      (a, b) =>
        a.roleShare - b.roleShare ||
        (a.candidate.role < b.candidate.role ? -1 : a.candidate.role > b.candidate.role ? 1 : 0) ||
        a.share - b.share ||
        (a.candidate.framework.id < b.candidate.framework.id ? -1 : 1),
    );
    return ranked[0]?.candidate;
  }

  #share(held: Amount | undefined): number {
    if (held === undefined) return 0;
    let share = 0;
    for (const name of SHARED) {
      const total = scalarOf(this.#total, name);
      if (total > 0) share = Math.max(share, scalarOf(held, name) / total);
    }
    return share;
  }
}
