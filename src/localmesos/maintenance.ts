/**
 * The maintenance schedule of the master, as far as frameworks see it: offers tell the window of their agent, and those who
 * hold something there are asked whether they are gone by then. Kept while the node runs. A machine of the schedule may be taken
 * down: its agents end what they run, and are new ones when it is up again.
 */
import type { InverseOffer, Unavailability } from '../mesos/messages.js';
import type { Agent } from './agent.js';
import type { AgentLives } from './agent-lives.js';
import type { Allocator } from './allocator.js';
import type { Books, Ports } from './books.js';
import type { Framework } from './framework.js';
import {
  BadSchedule,
  isFields,
  isMachine,
  type MachineId,
  machineKey,
  readMachine,
  readMachines,
  shown,
} from './machines.js';

interface Window {
  readonly machine_ids: readonly MachineId[];
  readonly unavailability: Unavailability;
}

interface Asked {
  readonly offer: InverseOffer;
  readonly framework: Framework;
  readonly agent: Agent;
  answer: { readonly status: 'ACCEPT' | 'DECLINE'; readonly atMs: number } | null;
  /** Not asked again before this, by the monotonic clock; infinite while the question is open. */
  againMs: number;
}

/** How often it is looked whether somebody new holds something, or is to be asked again. */
const LOOK_EACH_MS = 1_000;
const REFUSE_MS_DEFAULT = 5_000;
/** What agents leave their tasks when they are shut down. */
const SHUTDOWN_GRACE_MS = 5_000;

export class Maintenance {
  readonly #books: Books;
  readonly #ports: Ports;
  readonly #allocator: Allocator;
  readonly #lives: AgentLives;
  /** Machines that are down, by `machineKey`. */
  readonly #down = new Map<string, MachineId>();
  #windows: readonly Window[] = [];
  /** The last question to each framework about each agent. */
  readonly #asked = new Map<string, Asked>();
  #timer: { cancel(): void } | null = null;

  constructor(
    books: Books,
    ports: Ports,
    parts: { readonly allocator: Allocator; readonly lives: AgentLives },
  ) {
    this.#books = books;
    this.#ports = ports;
    this.#allocator = parts.allocator;
    this.#lives = parts.lives;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** As `GET /maintenance/schedule` tells it. */
  schedule(): object {
    return this.#windows.length === 0 ? {} : { windows: this.#windows };
  }

  /** As `GET /maintenance/status` tells it. */
  status(): object {
    const down = [...this.#down.values()];
    const draining = this.#scheduled().filter((id) => !this.#down.has(machineKey(id)));
    return {
      ...(draining.length === 0 ? {} : this.#draining(draining)),
      ...(down.length === 0 ? {} : { down_machines: down }),
    };
  }

  /** `POST /machine/down`: what runs there ends. All of them, or none. @throws BadSchedule naming the machine */
  takeDown(body: unknown): void {
    const machines = readMachines(body);
    const scheduled = new Set(this.#scheduled().map(machineKey));
    for (const id of machines) {
      if (!scheduled.has(machineKey(id)))
        throw new BadSchedule(`Machine '${shown(id)}' is not part of a maintenance schedule`);
      if (this.#down.has(machineKey(id)))
        throw new BadSchedule(
          `Machine '${shown(id)}' is not in DRAINING mode and cannot be brought down`,
        );
    }
    for (const id of machines) {
      this.#down.set(machineKey(id), id);
      for (const agent of this.#books.agents.values())
        if (isMachine(agent, id)) this.#lives.end(agent, 'down', SHUTDOWN_GRACE_MS);
    }
  }

  /** `POST /machine/up`: its agents register anew, and its windows are over. @throws BadSchedule naming the machine */
  bringUp(body: unknown): void {
    const machines = readMachines(body);
    for (const id of machines)
      if (!this.#down.has(machineKey(id)))
        throw new BadSchedule(
          `Machine '${shown(id)}' is not in DOWN mode and cannot be brought up`,
        );
    const isUp = new Set(machines.map(machineKey));
    for (const id of machines) {
      this.#down.delete(machineKey(id));
      for (const agent of [...this.#books.agents.values()])
        if (agent.condition === 'down' && isMachine(agent, id)) this.#lives.registerAnew(agent);
    }
    this.#windows = this.#windows.flatMap(({ machine_ids, unavailability }) => {
      const left = machine_ids.filter((id) => !isUp.has(machineKey(id)));
      return left.length === 0 ? [] : [{ machine_ids: left, unavailability }];
    });
  }

  #scheduled(): readonly MachineId[] {
    return this.#windows.flatMap(({ machine_ids }) => machine_ids);
  }

  #draining(draining: readonly MachineId[]): object {
    const asked = [...this.#asked.values()];
    return {
      draining_machines: draining.map((id) => {
        const statuses = asked
          .filter(({ agent, answer }) => answer !== null && isMachine(agent, id))
          .map(({ framework, answer }) => ({
            framework_id: { value: framework.id },
            status: answer?.status,
            timestamp: { nanoseconds: (answer?.atMs ?? 0) * 1_000_000 },
          }));
        return statuses.length === 0 ? { id } : { id, statuses };
      }),
    };
  }

  /** Replaces the schedule. @throws BadSchedule naming the field */
  setSchedule(body: unknown): void {
    const windows = readWindows(body);
    const named = new Set(windows.flatMap(({ machine_ids }) => machine_ids.map(machineKey)));
    for (const [key, id] of this.#down)
      if (!named.has(key))
        throw new BadSchedule(
          `Machine '${shown(id)}' is deactivated and cannot be removed from the schedule`,
        );
    this.#windows = windows;
    for (const agent of this.#books.agents.values()) {
      const window = this.#windows.find(({ machine_ids }) =>
        machine_ids.some((id) => isMachine(agent, id)),
      );
      this.#change(agent, window?.unavailability ?? null);
    }
    this.stop();
    this.#look();
  }

  /** A framework's answer; ids that were rescinded, or are foreign, are passed over. */
  answered(
    framework: Framework,
    status: 'ACCEPT' | 'DECLINE',
    ids: readonly string[],
    refuseSeconds: number | undefined,
  ): void {
    const refuseMs =
      refuseSeconds === undefined || refuseSeconds < 0 ? REFUSE_MS_DEFAULT : refuseSeconds * 1_000;
    for (const asked of this.#asked.values()) {
      if (asked.framework !== framework || !ids.includes(asked.offer.id.value)) continue;
      asked.answer = { status, atMs: this.#ports.clock.now() };
      asked.againMs = this.#ports.clock.monotonicMs() + refuseMs;
    }
  }

  #change(agent: Agent, unavailability: Unavailability | null): void {
    if (JSON.stringify(agent.unavailability) === JSON.stringify(unavailability)) return;
    agent.unavailability = unavailability;
    // Offers tell of the window, so those that do not are void.
    for (const offer of [...agent.offers]) {
      this.#allocator.close(offer);
      const rescind = { offer_id: { value: offer.id } };
      offer.framework.stream?.send({ type: 'RESCIND', rescind });
      this.#allocator.release(offer.framework, offer.role, agent, offer.amount);
    }
    for (const [key, asked] of this.#asked) {
      if (asked.agent !== agent) continue;
      this.#asked.delete(key);
      if (asked.answer !== null) continue;
      const rescind_inverse_offer = { inverse_offer_id: asked.offer.id };
      asked.framework.stream?.send({ type: 'RESCIND_INVERSE_OFFER', rescind_inverse_offer });
    }
  }

  #look(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    for (const [key, { framework }] of this.#asked)
      if (!key.startsWith(`${framework.id} ${framework.stream?.id} `)) this.#asked.delete(key);
    for (const framework of this.#books.frameworks.values()) {
      const offers = [...this.#books.agents.values()].flatMap(
        (agent) => this.#question(framework, agent, nowMs) ?? [],
      );
      if (offers.length > 0)
        framework.stream?.send({
          type: 'INVERSE_OFFERS',
          inverse_offers: { inverse_offers: offers },
        });
    }
    if (this.#windows.length > 0)
      this.#timer = this.#ports.timers.after(LOOK_EACH_MS, () => this.#look());
  }

  /** Asked are those who hold an offer or a task there. A question that a former connection got is asked again. */
  #question(framework: Framework, agent: Agent, nowMs: number): InverseOffer | undefined {
    const { unavailability } = agent;
    const holds =
      [...agent.offers].some((offer) => offer.framework === framework) ||
      [...agent.tasks].some((task) => task.framework === framework);
    if (unavailability === null || framework.stream === null || !holds) return undefined;
    const key = `${framework.id} ${framework.stream.id} ${agent.id}`;
    const before = this.#asked.get(key);
    if (before !== undefined && nowMs < before.againMs) return undefined;
    const offer: InverseOffer = {
      id: { value: this.#books.offerId() },
      url: agent.url,
      framework_id: { value: framework.id },
      agent_id: { value: agent.id },
      unavailability,
    };
    const answer = before?.answer ?? null;
    this.#asked.set(key, { offer, framework, agent, answer, againMs: Number.POSITIVE_INFINITY });
    return offer;
  }
}

function readWindows(body: unknown): readonly Window[] {
  if (!isFields(body)) throw new BadSchedule('Expecting a JSON object');
  const { windows = [] } = body;
  if (!Array.isArray(windows)) throw new BadSchedule("Expecting 'windows' to be a list");
  const known = new Set<string>();
  return windows.map((window: unknown): Window => {
    if (!isFields(window) || !Array.isArray(window.machine_ids) || window.machine_ids.length === 0)
      throw new BadSchedule("Expecting 'machine_ids' to name machines");
    const machine_ids = window.machine_ids.map(readMachine);
    for (const id of machine_ids) {
      const key = JSON.stringify(id);
      if (known.has(key))
        throw new BadSchedule(`Machine '${key}' appears more than once in the schedule`);
      known.add(key);
    }
    return { machine_ids, unavailability: readUnavailability(window.unavailability) };
  });
}

function readUnavailability(value: unknown): Unavailability {
  const { start, duration } = isFields(value) ? value : {};
  const nanoseconds = isFields(start) ? start.nanoseconds : undefined;
  if (typeof nanoseconds !== 'number')
    throw new BadSchedule("Expecting 'unavailability.start.nanoseconds' to be present");
  if (duration === undefined) return { start: { nanoseconds } };
  const lasts = isFields(duration) ? duration.nanoseconds : undefined;
  if (typeof lasts !== 'number' || lasts < 0)
    throw new BadSchedule("Unavailability 'duration' is negative or no number");
  return { start: { nanoseconds }, duration: { nanoseconds: lasts } };
}
