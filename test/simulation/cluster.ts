/** The machines of the simulated world: masters of which one leads, and agents; and what befalls them. */
import type { MediaType } from '../../src/mesos/codec.js';
import { SimAgent } from './agent.js';
import type { Chance } from './chance.js';
import type { Fate, Judge } from './judge.js';
import { Registry, SimMaster } from './master.js';
import type { NetworkPorts, Weather } from './network.js';
import type { SimTime } from './time.js';
import type { Trace } from './trace.js';

export const MASTERS = ['m1:5050', 'm2:5050'] as const;
/** Pings go unanswered this long before an agent counts as unreachable. */
const PINGS_MS = 75_000;
/** An administrator swears that a dead machine is dead after about this long. */
const OPERATOR_MS_MIN = 60_000;
const OPERATOR_MS_MAX = 240_000;

export interface ClusterPorts {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly judge: Judge;
  readonly trace: Trace;
}

export class SimCluster {
  readonly #ports: ClusterPorts;
  readonly registry = new Registry();
  readonly agents: SimAgent[] = [];
  readonly weather: Weather = { loss: 0, cutting: 0 };
  leader: { readonly origin: string; readonly master: SimMaster } | undefined;
  #terms = 0;
  #agentIds = 0;
  /** One master of a history may be ignorant for a while. */
  #isIgnoranceLeft = true;
  readonly #fates = new Map<string, { readonly fate: Fate; readonly lastsMs: number }>();

  constructor(ports: ClusterPorts, sizes: readonly number[]) {
    this.#ports = ports;
    for (const [at, cpus] of sizes.entries()) this.agents.push(this.#agent(`node${at + 1}`, cpus));
    this.elect();
    for (const agent of this.agents) this.leader?.master.register(agent);
  }

  #agent(host: string, cpus: number): SimAgent {
    return new SimAgent(
      host,
      this.#nextAgentId(),
      { cpuMilli: cpus * 1_000, memMb: cpus * 1_024 },
      {
        ...this.#ports,
        fateOf: (taskId) => this.#fateOf(taskId),
        master: (agent) => (agent.canTalk ? this.leader?.master : undefined),
      },
    );
  }

  #nextAgentId(): string {
    this.#agentIds += 1;
    return `S${this.#agentIds}`;
  }

  #fateOf(taskId: string): { readonly fate: Fate; readonly lastsMs: number } {
    const { chance } = this.#ports;
    const known = this.#fates.get(taskId);
    if (known !== undefined) return known;
    const [least, most] = chance.pick(DURATIONS) ?? [0, 0];
    const made = { fate: drawFate(chance), lastsMs: chance.between(least, most) };
    this.#fates.set(taskId, made);
    return made;
  }

  networkFor(mediaType: MediaType): NetworkPorts {
    const { time, chance, trace } = this.#ports;
    return {
      time,
      chance: chance.fork(),
      trace,
      weather: this.weather,
      mediaType,
      leader: () => this.leader,
      masterAt: (origin) => {
        if (this.leader?.origin === origin) return this.leader.master;
        return this.leader === undefined ? undefined : 'follower';
      },
    };
  }

  // ---- masters

  elect(): void {
    const { chance, trace } = this.#ports;
    this.#terms += 1;
    const isIgnorant = this.#terms > 1 && this.#isIgnoranceLeft && chance.happens(0.3);
    if (isIgnorant) this.#isIgnoranceLeft = false;
    const name = `M${this.#terms}`;
    const master = new SimMaster(name, {
      ...this.#ports,
      registry: this.registry,
      ignorance: isIgnorant ? 0.7 : 0,
    });
    this.leader = { origin: `http://${MASTERS[this.#terms % MASTERS.length]}`, master };
    trace.add(name, `leads${isIgnorant ? ', ignorant' : ''}`);
    if (this.#terms > 1)
      for (const agent of this.agents)
        this.#registerLater(agent, chance.happens(0.1) ? 80_000 : 25_000);
  }

  #registerLater(agent: SimAgent, msMax: number): void {
    const { time, chance } = this.#ports;
    const { id } = agent;
    time.after(chance.between(100, msMax), () => {
      if (agent.canTalk && agent.id === id) this.#register(agent);
    });
  }

  #register(agent: SimAgent): void {
    if (this.registry.gone.has(agent.id)) return;
    this.leader?.master.register(agent);
  }

  failOver(withinMs: number): void {
    if (this.leader === undefined) return;
    this.#ports.trace.add(this.leader.master.name, 'dies');
    this.leader.master.die();
    this.leader = undefined;
    this.#ports.time.after(withinMs, () => {
      if (this.leader === undefined) this.elect();
    });
  }

  // ---- agents

  /** Nothing gets through between the agent and the masters for so long. */
  cutOff(agent: SimAgent, forMs: number): void {
    if (!agent.canTalk) return;
    const { time, trace } = this.#ports;
    trace.add(agent.id, `cut off for ${forMs} ms`);
    agent.isCutOff = true;
    this.#watch(agent);
    time.after(forMs, () => this.rejoin(agent));
  }

  rejoin(agent: SimAgent): void {
    if (!agent.isUp || !agent.isCutOff) return;
    agent.isCutOff = false;
    this.#ports.trace.add(agent.id, 'reachable again');
    this.#registerLater(agent, 2_000);
  }

  /** The leading master pings in vain. */
  #watch(agent: SimAgent): void {
    const { time } = this.#ports;
    const { id, connection } = agent;
    time.after(500, () => this.leader?.master.silent(agent));
    time.after(PINGS_MS, () => {
      if (agent.id === id && agent.connection === connection) this.leader?.master.unreachable(id);
      else if (agent.id !== id) this.leader?.master.unreachable(id);
    });
  }

  /** Power fails; the machine comes back, sometimes as another agent. */
  reboot(agent: SimAgent, forMs: number): void {
    if (!agent.isUp) return;
    const { time, trace } = this.#ports;
    trace.add(agent.id, `loses power for ${forMs} ms`);
    agent.fail('its machine lost power');
    this.#watch(agent);
    time.after(forMs, () => this.comeBack(agent));
  }

  comeBack(agent: SimAgent): void {
    if (agent.isUp) return;
    const { chance, trace } = this.#ports;
    const old = agent.id;
    const isSame = !this.registry.gone.has(old) && this.registry.admitted.has(old);
    agent.comeBack(isSame && chance.happens(0.5) ? old : this.#nextAgentId());
    trace.add(agent.id, `is back, was ${old}`);
    if (agent.id !== old) this.#buryLater(old);
    this.#registerLater(agent, 5_000);
  }

  /** It unregisters and shuts down; another agent takes its place. */
  leave(agent: SimAgent, forMs: number): void {
    if (!agent.canTalk) return;
    const { time, trace } = this.#ports;
    trace.add(agent.id, 'leaves');
    agent.leave();
    this.leader?.master.left(agent);
    time.after(forMs, () => this.comeBack(agent));
  }

  #buryLater(agentId: string): void {
    const { time, chance } = this.#ports;
    time.after(chance.between(OPERATOR_MS_MIN, OPERATOR_MS_MAX), () => this.#bury(agentId));
  }

  #bury(agentId: string): void {
    const isKnown = this.registry.admitted.has(agentId) || this.registry.unreachable.has(agentId);
    if (!isKnown) return;
    if (this.leader === undefined) this.#buryLater(agentId);
    else this.leader.master.markGone(agentId);
  }

  /** A late repeat of an update that may long have been acknowledged. */
  repeatUpdate(chance: Chance): void {
    const agent = chance.pick(this.agents.filter(({ canTalk }) => canTalk));
    agent?.repeat(chance);
  }

  // ---- the end of all trouble

  mend(): void {
    this.weather.loss = 0;
    if (this.leader === undefined) this.elect();
    for (const agent of this.agents) {
      this.comeBack(agent);
      this.rejoin(agent);
    }
    const present = new Set(this.agents.map(({ id }) => id));
    for (const id of [...this.registry.admitted, ...this.registry.unreachable])
      if (!present.has(id)) this.#buryLater(id);
  }
}

const DURATIONS = [
  [20, 1_000],
  [1_000, 20_000],
  [10_000, 150_000],
] as const;

function drawFate(chance: Chance): Fate {
  const luck = chance.next();
  if (luck < 0.62) return { kind: 'exits', code: 0 };
  if (luck < 0.82) return { kind: 'exits', code: chance.between(1, 255) };
  if (luck < 0.87) return { kind: 'untold', code: chance.between(0, 255), hasFile: true };
  if (luck < 0.88) return { kind: 'untold', code: 1, hasFile: false };
  if (luck < 0.91) return { kind: 'out-of-memory' };
  if (luck < 0.92) return { kind: 'launch-fails' };
  if (luck < 0.93) return { kind: 'registry-refuses' };
  return luck < 0.97 ? { kind: 'executor-dies' } : { kind: 'drained' };
}
