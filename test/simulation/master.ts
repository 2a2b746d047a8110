/**
 * A simulated Mesos master, one term of leadership: its books begin empty and fill as agents and frameworks register.
 * Written after the documentation and recorded exchanges, apart from the local node, so that a misreading of one is
 * not shared by the other.
 */

import { capacityOf } from '../../src/mesos/events.js';
import type {
  Call,
  Event,
  TaskInfo,
  TaskState,
  TaskStatus,
  TaskStatusReason,
} from '../../src/mesos/messages.js';
import type { Amount, MasterSide, SimAgent } from './agent.js';
import type { Chance } from './chance.js';
import { ENDS, type Judge } from './judge.js';
import { OfferDesk } from './offer-desk.js';
import type { SimTime } from './time.js';
import type { Trace } from './trace.js';

/** The open answer to a SUBSCRIBE, as the master sees it. */
export interface MasterStream {
  readonly id: string;
  send(event: Event): void;
  end(): void;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What masters keep in their replicated log. */
export class Registry {
  readonly admitted = new Set<string>();
  readonly unreachable = new Set<string>();
  readonly gone = new Set<string>();
}

interface BookTask {
  readonly taskId: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly amount: Amount;
  state: TaskState;
  /** A kill that could not be delivered yet. */
  isKillWanted: boolean;
}

interface Framework {
  readonly id: string;
  stream: MasterStream | null;
}

export interface MasterPorts {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly judge: Judge;
  readonly trace: Trace;
  readonly registry: Registry;
  /** Chance that a young master says UNKNOWN of an agent it may still hear from. */
  readonly ignorance: number;
}

const ACCEPTED: Answer = { status: 202, text: '' };
const HEARTBEAT_MS = 15_000;
/** Agents that do not register again within this are unreachable. Real masters wait 10 minutes. */
const REREGISTER_MS_MAX = 90_000;
/** A young master may say UNKNOWN this long. */
const YOUNG_MS = 30_000;

export class SimMaster implements MasterSide {
  readonly name: string;
  readonly #ports: MasterPorts;
  readonly #electedMs: number;
  readonly #frameworks = new Map<string, Framework>();
  readonly #tasks = new Map<string, BookTask>();
  /** Registered and reachable in this term. */
  readonly #agents = new Map<string, SimAgent>();
  readonly #desk: OfferDesk;
  readonly #arrivals = new Map<string, number>();
  isDead = false;
  #frameworkIds = 0;

  constructor(name: string, ports: MasterPorts) {
    this.name = name;
    this.#ports = ports;
    this.#electedMs = ports.time.nowMs;
    this.#desk = new OfferDesk(name, ports.time, {
      agents: () => [...this.#agents].flatMap(([id, agent]) => (agent.id === id ? [agent] : [])),
      freeOf: (agent) => this.#freeOf(agent),
      send: (frameworkId, event) => this.#send(frameworkId, event),
    });
    for (const id of ports.registry.admitted)
      this.#after(REREGISTER_MS_MAX, () => {
        if (!this.#agents.has(id)) this.unreachable(id);
      });
  }

  /** Streams end; whatever this master still meant to do it does not. */
  die(): void {
    this.isDead = true;
    for (const { stream } of this.#frameworks.values()) stream?.end();
  }

  get hasSubscriber(): boolean {
    return [...this.#frameworks.values()].some(({ stream }) => stream !== null);
  }

  #after(ms: number, call: () => void): void {
    this.#ports.time.after(ms, () => {
      if (!this.isDead) call();
    });
  }

  /** What one side says to another arrives in the order it was said. */
  #inOrder(way: string, call: () => void): void {
    const { time, chance } = this.#ports;
    const earliestMs = this.#arrivals.get(way) ?? 0;
    const atMs = Math.max(earliestMs, time.nowMs + chance.between(1, 20));
    this.#arrivals.set(way, atMs);
    this.#after(atMs - time.nowMs, call);
  }

  // ---- frameworks

  subscribe(call: Call, stream: MasterStream): void {
    const asked = call.framework_id?.value;
    this.#frameworkIds += 1;
    const id = asked ?? `${this.name}-${String(this.#frameworkIds).padStart(4, '0')}`;
    const framework = this.#frameworks.get(id) ?? { id, stream: null };
    this.#frameworks.set(id, framework);
    const old = framework.stream;
    if (old !== null) {
      old.send({ type: 'ERROR', error: { message: 'Framework failed over' } });
      old.end();
    }
    framework.stream = stream;
    this.#desk.subscribed(id);
    this.#ports.trace.add(this.name, `subscribed ${id} on ${stream.id}`);
    stream.send({
      type: 'SUBSCRIBED',
      subscribed: {
        framework_id: { value: id },
        heartbeat_interval_seconds: HEARTBEAT_MS / 1_000,
      },
    });
    this.#beat(framework, stream);
    if (this.#ports.chance.happens(0.7))
      for (const agent of this.#agents.values()) if (agent.canTalk) agent.resend(id);
  }

  #beat(framework: Framework, stream: MasterStream): void {
    if (framework.stream !== stream) return;
    stream.send({ type: 'HEARTBEAT' });
    this.#after(HEARTBEAT_MS, () => this.#beat(framework, stream));
  }

  disconnected(stream: MasterStream): void {
    for (const framework of this.#frameworks.values())
      if (framework.stream === stream) {
        framework.stream = null;
        this.#desk.disconnected(framework.id);
      }
  }

  #send(frameworkId: string, event: Event): void {
    this.#frameworks.get(frameworkId)?.stream?.send(event);
  }

  // ---- calls

  call(call: Call, streamId: string | undefined): Answer {
    const id = call.framework_id?.value ?? '';
    const framework = this.#frameworks.get(id);
    if (framework === undefined) return { status: 400, text: 'Framework cannot be found' };
    if (framework.stream === null) return { status: 403, text: 'Framework is not subscribed' };
    if (framework.stream.id !== streamId)
      return {
        status: 400,
        text: `The stream ID '${streamId}' included in this request didn't match`,
      };
    this.#dispatch(framework, call);
    return ACCEPTED;
  }

  #dispatch(framework: Framework, call: Call): void {
    switch (call.type) {
      case 'ACCEPT':
        this.#accept(framework, call);
        return;
      case 'DECLINE': {
        const ids = (call.decline?.offer_ids ?? []).map(({ value }) => value);
        this.#desk.declined(ids, (call.decline?.filters?.refuse_seconds ?? 5) * 1_000);
        return;
      }
      case 'ACKNOWLEDGE':
        this.#acknowledge(framework, call);
        return;
      case 'KILL':
        this.#kill(framework, call);
        return;
      case 'RECONCILE':
        this.#reconcile(framework, call);
        return;
      case 'SUPPRESS':
        this.#desk.suppressed(framework.id);
        return;
      case 'REVIVE':
        this.#desk.revived(framework.id);
        return;
      default:
        this.#ports.judge.breach(`a call ${call.type} that nobody expected`);
    }
  }

  #accept(framework: Framework, { accept }: Call): void {
    const offerIds = (accept?.offer_ids ?? []).map(({ value }) => value);
    const tasks = (accept?.operations ?? []).flatMap(({ launch }) => launch?.task_infos ?? []);
    const names = tasks.map((task) => task.task_id.value);
    this.#ports.trace.add(this.name, `ACCEPT ${offerIds.join(' ')} for ${names.join(' ')}`);
    this.#ports.judge.accepted(offerIds, names);
    const offers = this.#desk.take(offerIds, framework.id);
    if (offers === undefined) {
      for (const task of tasks)
        this.#say(framework.id, task.task_id.value, task.agent_id.value, 'TASK_DROPPED', {
          reason: 'REASON_INVALID_OFFERS',
          message: 'Task launched with invalid offers',
        });
      return;
    }
    let { cpuMilli, memMb } = offers;
    for (const task of tasks) {
      const wants = amountOf(task);
      cpuMilli -= wants.cpuMilli;
      memMb -= wants.memMb;
      if (cpuMilli < 0 || memMb < 0 || task.agent_id.value !== offers.agent.id)
        this.#ports.judge.breach(`${task.task_id.value} takes more than its offers hold`);
      this.#launch(framework, offers.agent, task, wants);
    }
    this.#desk.soon();
  }

  #launch(framework: Framework, agent: SimAgent, info: TaskInfo, amount: Amount): void {
    const taskId = info.task_id.value;
    if (this.#tasks.has(taskId)) this.#ports.judge.breach(`task id ${taskId} used twice`);
    this.#tasks.set(taskId, {
      taskId,
      frameworkId: framework.id,
      agentId: agent.id,
      amount,
      state: 'TASK_STAGING',
      isKillWanted: false,
    });
    const { id } = agent;
    // The message may be lost with the connection; the next registration finds that out.
    this.#toAgent(id, (reached) => reached.run(framework.id, info, amount));
  }

  #toAgent(agentId: string, tell: (agent: SimAgent) => void): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined || agent.id !== agentId) return;
    const { connection } = agent;
    this.#inOrder(agentId, () => {
      const isSame = agent.id === agentId && agent.connection === connection;
      if (agent.canTalk && isSame) tell(agent);
    });
  }

  #acknowledge(framework: Framework, { acknowledge }: Call): void {
    const taskId = acknowledge?.task_id.value ?? '';
    const uuid = acknowledge?.uuid ?? '';
    const task = this.#tasks.get(taskId);
    const agentId = acknowledge?.agent_id.value ?? '';
    const agent = this.#agents.get(agentId);
    const update = agent?.tasks.get(taskId)?.updates.find((one) => one.uuid === uuid);
    if (update !== undefined) this.#ports.judge.acknowledged(taskId, update.state);
    if (task?.frameworkId === framework.id && update !== undefined && ENDS.has(update.state))
      this.#tasks.delete(taskId);
    this.#toAgent(agentId, (reached) => reached.acknowledged(taskId, uuid));
  }

  #kill(framework: Framework, { kill }: Call): void {
    const taskId = kill?.task_id.value ?? '';
    this.#ports.trace.add(this.name, `KILL ${taskId}`);
    const task = this.#tasks.get(taskId);
    if (task === undefined) {
      this.#answer(framework, taskId, kill?.agent_id?.value);
      return;
    }
    task.isKillWanted = true;
    this.#toAgent(task.agentId, (agent) => agent.kill(taskId));
  }

  // ---- reconciliation

  #reconcile(framework: Framework, { reconcile }: Call): void {
    const named = reconcile?.tasks ?? [];
    for (const task of named) this.#answer(framework, task.task_id.value, task.agent_id?.value);
    if (named.length > 0) return;
    for (const task of this.#tasks.values())
      if (task.frameworkId === framework.id) this.#answer(framework, task.taskId, task.agentId);
  }

  #answer(framework: Framework, taskId: string, agentId: string | undefined): void {
    const state = this.#stateOf(taskId, agentId);
    if (state === undefined) return;
    const known = this.#tasks.get(taskId)?.agentId ?? agentId ?? '';
    this.#say(framework.id, taskId, known, state, {
      reason: 'REASON_RECONCILIATION',
      message: 'Reconciliation: Latest task state',
    });
  }

  /** Undefined: the master cannot know yet, and says nothing. */
  #stateOf(taskId: string, agentId: string | undefined): TaskState | undefined {
    const { registry, time, chance, ignorance } = this.#ports;
    const task = this.#tasks.get(taskId);
    if (task !== undefined) return task.state;
    if (agentId === undefined)
      return registry.admitted.size > this.#agents.size ? undefined : 'TASK_UNKNOWN';
    const agent = this.#agents.get(agentId);
    // Its machine is another agent by now, which this one's end has still to show.
    if (agent !== undefined) return agent.id === agentId ? 'TASK_GONE' : undefined;
    if (registry.unreachable.has(agentId)) return 'TASK_UNREACHABLE';
    if (registry.gone.has(agentId)) return 'TASK_GONE_BY_OPERATOR';
    if (!registry.admitted.has(agentId)) return 'TASK_UNKNOWN';
    const isYoung = time.nowMs - this.#electedMs < YOUNG_MS;
    return isYoung && chance.happens(ignorance) ? 'TASK_UNKNOWN' : undefined;
  }

  /** The master's own word: without a uuid, not to be acknowledged. */
  #say(
    frameworkId: string,
    taskId: string,
    agentId: string,
    state: TaskState,
    { reason, message }: { readonly reason: TaskStatusReason; readonly message?: string },
  ): void {
    this.#ports.trace.add(this.name, `says ${state} ${reason} of ${taskId}`);
    this.#send(frameworkId, {
      type: 'UPDATE',
      update: {
        status: {
          task_id: { value: taskId },
          state,
          reason,
          source: 'SOURCE_MASTER',
          ...(agentId === '' ? {} : { agent_id: { value: agentId } }),
          ...(message === undefined ? {} : { message }),
        },
      },
    });
  }

  // ---- agents

  updated(agent: SimAgent, frameworkId: string, status: TaskStatus): void {
    this.#inOrder(`from ${agent.id}`, () => {
      if (!this.#agents.has(agent.id)) return;
      const task = this.#tasks.get(status.task_id.value);
      if (task !== undefined && !ENDS.has(task.state)) task.state = status.state;
      if (ENDS.has(status.state)) this.#desk.soon();
      this.#ports.trace.add(
        this.name,
        `${status.state} of ${status.task_id.value} from ${agent.id}`,
      );
      this.#send(frameworkId, { type: 'UPDATE', update: { status } });
    });
  }

  /** First contact in this term, or back after a silence: both sides compare what they know. */
  register(agent: SimAgent): void {
    const { registry } = this.#ports;
    if (registry.gone.has(agent.id)) return;
    const wasUnreachable = registry.unreachable.delete(agent.id);
    registry.admitted.add(agent.id);
    agent.connection += 1;
    this.#agents.set(agent.id, agent);
    this.#ports.trace.add(this.name, `agent ${agent.id} registered`);
    for (const task of [...this.#tasks.values()])
      if (task.agentId === agent.id && !agent.tasks.has(task.taskId)) this.#missing(task);
    for (const held of agent.tasks.values()) {
      const known = this.#tasks.get(held.taskId);
      if (known?.isKillWanted) this.#toAgent(agent.id, (one) => one.kill(held.taskId));
      this.#tasks.set(held.taskId, {
        taskId: held.taskId,
        frameworkId: held.frameworkId,
        agentId: agent.id,
        amount: held.amount,
        state: held.state,
        isKillWanted: known?.isKillWanted ?? false,
      });
      if (wasUnreachable && !ENDS.has(held.state))
        this.#say(held.frameworkId, held.taskId, agent.id, held.state, {
          reason: 'REASON_AGENT_REREGISTERED',
        });
      agent.resend(held.frameworkId);
    }
    this.#desk.soon();
  }

  /** The agent does not have a task that the books say it has. */
  #missing(task: BookTask): void {
    this.#tasks.delete(task.taskId);
    if (ENDS.has(task.state)) return;
    const isUnborn = task.state === 'TASK_STAGING';
    this.#say(
      task.frameworkId,
      task.taskId,
      task.agentId,
      isUnborn ? 'TASK_DROPPED' : 'TASK_GONE',
      {
        reason: 'REASON_AGENT_REREGISTERED',
      },
    );
  }

  /** Pings fail: its offers are void at once. */
  silent(agent: SimAgent): void {
    this.#desk.rescindOf(agent.id);
  }

  /** The pings of 75 s were in vain. */
  unreachable(agentId: string): void {
    const { registry, trace } = this.#ports;
    if (!registry.admitted.delete(agentId)) return;
    registry.unreachable.add(agentId);
    trace.add(this.name, `agent ${agentId} unreachable`);
    this.#remove(agentId, 'TASK_UNREACHABLE', 'REASON_AGENT_REMOVED');
  }

  /** An administrator swears that the machine is no more. */
  markGone(agentId: string): void {
    const { registry, trace } = this.#ports;
    registry.admitted.delete(agentId);
    registry.unreachable.delete(agentId);
    registry.gone.add(agentId);
    trace.add(this.name, `agent ${agentId} gone by operator`);
    this.#remove(agentId, 'TASK_GONE_BY_OPERATOR', 'REASON_AGENT_REMOVED_BY_OPERATOR');
  }

  /** It unregistered by itself. */
  left(agent: SimAgent): void {
    this.#ports.registry.admitted.delete(agent.id);
    this.#remove(agent.id, 'TASK_LOST', 'REASON_AGENT_REMOVED');
  }

  #remove(agentId: string, state: TaskState, reason: TaskStatusReason): void {
    this.#agents.delete(agentId);
    this.#desk.rescindOf(agentId);
    for (const task of [...this.#tasks.values()]) {
      if (task.agentId !== agentId) continue;
      this.#tasks.delete(task.taskId);
      if (!ENDS.has(task.state))
        this.#say(task.frameworkId, task.taskId, agentId, state, { reason });
    }
    for (const { id, stream } of this.#frameworks.values())
      if (stream !== null)
        this.#send(id, { type: 'FAILURE', failure: { agent_id: { value: agentId } } });
  }

  /** How many offers were made so far. */
  get offersMade(): number {
    return this.#desk.count;
  }

  /** Takes back an offer that somebody holds. */
  rescindOne(chance: Chance): void {
    this.#desk.rescindOne(chance);
  }

  #freeOf(agent: SimAgent): Amount {
    let { cpuMilli, memMb } = agent.total;
    for (const task of this.#tasks.values()) {
      if (task.agentId !== agent.id || ENDS.has(task.state)) continue;
      cpuMilli -= task.amount.cpuMilli;
      memMb -= task.amount.memMb;
    }
    return { cpuMilli, memMb };
  }
}

function amountOf(info: TaskInfo): Amount {
  const { cpuMilli, memMb } = capacityOf(info.resources ?? []);
  return { cpuMilli, memMb };
}
