/** Who is offered what by the simulated master: one offer an agent, all that is free of it. */
import type { Event, Offer } from '../../src/mesos/messages.js';
import type { Amount, SimAgent } from './agent.js';
import type { Chance } from './chance.js';
import type { SimTime } from './time.js';

interface Made {
  readonly id: string;
  readonly frameworkId: string;
  readonly agent: SimAgent;
  /** As it was then: a machine that restarts may come back as another agent. */
  readonly agentId: string;
  readonly amount: Amount;
}

export interface DeskPorts {
  agents(): Iterable<SimAgent>;
  /** What no task of the books uses. */
  freeOf(agent: SimAgent): Amount;
  send(frameworkId: string, event: Event): void;
}

export interface Taken extends Amount {
  readonly agent: SimAgent;
}

const ROLE = 'god';
/** The allocator's rounds. Real masters take a second. */
const ROUND_MS = 250;

export class OfferDesk {
  readonly #name: string;
  readonly #time: SimTime;
  readonly #ports: DeskPorts;
  readonly #made = new Map<string, Made>();
  readonly #suppressed = new Set<string>();
  readonly #filters = new Map<string, number>();
  #frameworkId: string | undefined;
  #isRoundDue = false;
  count = 0;

  constructor(name: string, time: SimTime, ports: DeskPorts) {
    this.#name = name;
    this.#time = time;
    this.#ports = ports;
  }

  subscribed(frameworkId: string): void {
    this.#drop(frameworkId);
    this.#frameworkId = frameworkId;
    this.#suppressed.delete(frameworkId);
    this.#filters.clear();
    this.soon();
  }

  disconnected(frameworkId: string): void {
    this.#drop(frameworkId);
    if (this.#frameworkId === frameworkId) this.#frameworkId = undefined;
  }

  #drop(frameworkId: string): void {
    for (const offer of [...this.#made.values()])
      if (offer.frameworkId === frameworkId) this.#made.delete(offer.id);
  }

  suppressed(frameworkId: string): void {
    this.#suppressed.add(frameworkId);
  }

  revived(frameworkId: string): void {
    this.#suppressed.delete(frameworkId);
    this.#filters.clear();
    this.soon();
  }

  /** All of them, or undefined when one is void: then the others are void too. */
  take(ids: readonly string[], frameworkId: string): Taken | undefined {
    const found = ids.flatMap((id) => this.#made.get(id) ?? []);
    for (const id of ids) this.#made.delete(id);
    const agent = found[0]?.agent;
    const isSound =
      found.length === ids.length &&
      found.every(
        (offer) =>
          offer.agent === agent &&
          // It is gone, and nobody has told yet.
          offer.agentId === agent?.id &&
          offer.frameworkId === frameworkId,
      );
    if (agent === undefined || !isSound) {
      this.soon();
      return undefined;
    }
    const sum = (of: (amount: Amount) => number) =>
      found.reduce((total, { amount }) => total + of(amount), 0);
    return { agent, cpuMilli: sum(({ cpuMilli }) => cpuMilli), memMb: sum(({ memMb }) => memMb) };
  }

  declined(ids: readonly string[], refuseMs: number): void {
    for (const id of ids) {
      const offer = this.#made.get(id);
      if (offer === undefined) continue;
      this.#made.delete(id);
      this.#filters.set(offer.agent.id, this.#time.nowMs + refuseMs);
      this.#time.after(refuseMs, () => this.soon());
    }
    this.soon();
  }

  rescindOf(agentId: string): void {
    for (const offer of [...this.#made.values()])
      if (offer.agentId === agentId) this.#rescind(offer);
  }

  rescindOne(chance: Chance): void {
    const offer = chance.pick([...this.#made.values()]);
    if (offer !== undefined) this.#rescind(offer);
    this.soon();
  }

  #rescind(offer: Made): void {
    this.#made.delete(offer.id);
    this.#ports.send(offer.frameworkId, {
      type: 'RESCIND',
      rescind: { offer_id: { value: offer.id } },
    });
  }

  soon(): void {
    if (this.#isRoundDue) return;
    this.#isRoundDue = true;
    this.#time.after(ROUND_MS, () => {
      this.#isRoundDue = false;
      this.#round();
    });
  }

  #round(): void {
    const frameworkId = this.#frameworkId;
    if (frameworkId === undefined || this.#suppressed.has(frameworkId)) return;
    const offered = new Map<string, Amount>();
    for (const { agent, amount } of this.#made.values()) {
      const known = offered.get(agent.id) ?? { cpuMilli: 0, memMb: 0 };
      offered.set(agent.id, {
        cpuMilli: known.cpuMilli + amount.cpuMilli,
        memMb: known.memMb + amount.memMb,
      });
    }
    const offers: Offer[] = [];
    for (const agent of this.#ports.agents()) {
      if (!agent.canTalk || (this.#filters.get(agent.id) ?? 0) > this.#time.nowMs) continue;
      const free = this.#ports.freeOf(agent);
      const out = offered.get(agent.id) ?? { cpuMilli: 0, memMb: 0 };
      const amount = { cpuMilli: free.cpuMilli - out.cpuMilli, memMb: free.memMb - out.memMb };
      if (amount.cpuMilli >= 10 && amount.memMb >= 32)
        offers.push(this.#offer(frameworkId, agent, amount));
    }
    if (offers.length > 0) this.#ports.send(frameworkId, { type: 'OFFERS', offers: { offers } });
  }

  #offer(frameworkId: string, agent: SimAgent, amount: Amount): Offer {
    this.count += 1;
    const id = `${this.#name}-O${this.count}`;
    this.#made.set(id, { id, frameworkId, agent, agentId: agent.id, amount });
    const allocation_info = { role: ROLE };
    return {
      id: { value: id },
      framework_id: { value: frameworkId },
      agent_id: { value: agent.id },
      hostname: agent.host,
      allocation_info,
      resources: [
        {
          name: 'cpus',
          type: 'SCALAR',
          scalar: { value: amount.cpuMilli / 1_000 },
          allocation_info,
        },
        { name: 'mem', type: 'SCALAR', scalar: { value: amount.memMb }, allocation_info },
      ],
    };
  }
}
