/** The master: takes calls, one after the other, and turns them into books, events and launches. */
import { KILL_GRACE_MS } from '../contracts/limits.js';
import { unreachable } from '../core/assert.js';
import type { Call, CallType, MasterInfo } from '../mesos/messages.js';
import type { Agent } from './agent.js';
import { AgentLives } from './agent-lives.js';
import { Allocator } from './allocator.js';
import type { Books, Ports } from './books.js';
import { principalMismatch } from './call-checks.js';
import type { Launch } from './containerizer.js';
import { FaultControl } from './fault-control.js';
import type { Framework } from './framework.js';
import type { Kept, KeptTask } from './journal.js';
import { Maintenance } from './maintenance.js';
import { CALL_METRICS } from './metrics.js';
import { launchOf } from './statuses.js';
import type { Stream } from './stream.js';
import { Subscriptions } from './subscriptions.js';
import type { Task } from './task.js';
import { Tasks } from './tasks.js';

/** Answer to a call other than SUBSCRIBE. */
export interface Answer {
  readonly status: 200 | 202 | 400 | 403 | 501;
  readonly text: string;
}

const ACCEPTED: Answer = { status: 202, text: '' };
const refused = (text: string): Answer => ({ status: 400, text });

export interface MasterOptions {
  readonly heartbeatMs: number;
  readonly bootId: string;
  readonly masterInfo: () => MasterInfo;
}

export class Master {
  readonly books: Books;
  readonly #ports: Ports;
  readonly #allocator: Allocator;
  readonly #tasks: Tasks;
  readonly #subscriptions: Subscriptions;
  readonly maintenance: Maintenance;
  /** For tests of others. */
  readonly faults: FaultControl;

  constructor(books: Books, ports: Ports, options: MasterOptions) {
    this.books = books;
    this.#ports = ports;
    this.#allocator = new Allocator(books, ports);
    this.#tasks = new Tasks(books, ports, this.#allocator, options.bootId);
    this.#subscriptions = new Subscriptions(books, ports, {
      allocator: this.#allocator,
      tasks: this.#tasks,
      heartbeatMs: options.heartbeatMs,
      master: options.masterInfo,
    });
    const { containerizer } = ports;
    const parts = { allocator: this.#allocator, tasks: this.#tasks, containerizer };
    const lives = new AgentLives(books, parts);
    this.maintenance = new Maintenance(books, ports, { allocator: this.#allocator, lives });
    this.faults = new FaultControl(books, { ...parts, lives });
  }

  addAgent(agent: Agent): void {
    this.#allocator.addAgent(agent);
  }

  /** Finds again what a former life of the node left. */
  async start(kept: Kept): Promise<void> {
    for (const id of kept.removed) this.books.removed.add(id);
    const { containerizer } = this.#ports;
    await containerizer.start((event) => this.#tasks.happened(event));
    const strays: KeptTask[] = [];
    const found: { known: KeptTask; task: Task }[] = [];
    for (const known of kept.frameworks.values()) this.#subscriptions.restore(known);
    for (const known of kept.tasks.values()) {
      const agent = this.books.agents.get(known.agentId);
      const framework = this.books.frameworks.get(known.frameworkId);
      if (agent === undefined || framework === undefined) strays.push(known);
      else found.push({ known, task: this.#tasks.restore(known, framework, agent) });
    }
    const live = found.filter(({ task }) => !task.isReleased);
    await containerizer.recover([
      ...live.map(({ task }) => launchOf(task)),
      ...strays.map(strayOf),
    ]);
    for (const { known, task } of live) {
      if (known.killGraceMs !== null) containerizer.kill(task.containerId, known.killGraceMs);
    }
    for (const { containerId, info } of strays) {
      // Its framework was removed, or the node has fewer agents now: nobody can ask for it.
      const taskId = info.task_id.value;
      this.#ports.log.warn('task of a former life has no place any more: killed', { taskId });
      containerizer.kill(containerId, KILL_GRACE_MS);
    }
  }

  subscribe(call: Call, stream: Stream): Framework | undefined {
    const { subscribe } = call;
    if (subscribe === undefined) return undefined;
    this.#count('SUBSCRIBE');
    return this.#subscriptions.subscribe({
      info: subscribe.framework_info,
      suppressedRoles: subscribe.suppressed_roles ?? [],
      stream,
    });
  }

  disconnected(framework: Framework, stream: Stream): void {
    this.#subscriptions.disconnected(framework, stream);
  }

  /** Any call but SUBSCRIBE, already checked for form. `principal` is null without authentication. */
  call(call: Call, streamId: string | undefined, principal: string | null): Answer {
    const id = call.framework_id?.value ?? '';
    const framework = this.books.frameworks.get(id);
    if (framework === undefined) return refused('Framework cannot be found');
    const claimed = framework.info.principal;
    if (principal !== null && claimed !== undefined && claimed !== principal) {
      return refused(principalMismatch(principal, claimed));
    }
    if (framework.stream === null) return { status: 403, text: 'Framework is not subscribed' };
    if (streamId === undefined) {
      return refused("All non-subscribe calls should include the 'Mesos-Stream-Id' header");
    }
    if (streamId !== framework.stream.id) {
      return refused(
        `The stream ID '${streamId}' included in this request didn't match the stream ID currently associated with framework ID ${id}`,
      );
    }
    return this.#dispatch(call, framework);
  }

  stop(): void {
    this.#allocator.stop();
    this.maintenance.stop();
    this.#tasks.updates.stop();
    this.#subscriptions.stop();
  }

  #count(type: CallType): void {
    const metric = CALL_METRICS[type];
    if (metric !== undefined) this.books.count(metric);
  }

  #dispatch(call: Call, framework: Framework): Answer {
    const type = call.type ?? 'UNKNOWN';
    this.#count(type);
    switch (type) {
      case 'ACCEPT':
        if (call.accept !== undefined) this.#tasks.accept(framework, call.accept);
        return ACCEPTED;
      case 'DECLINE':
        this.#decline(framework, call);
        return ACCEPTED;
      case 'ACKNOWLEDGE':
        if (call.acknowledge !== undefined) {
          const { task_id, uuid } = call.acknowledge;
          this.#tasks.acknowledge(framework, task_id.value, uuid);
        }
        return ACCEPTED;
      case 'KILL':
        if (call.kill !== undefined) this.#tasks.kill(framework, call.kill);
        return ACCEPTED;
      case 'RECONCILE':
        this.#tasks.reconcile(framework, call.reconcile?.tasks ?? []);
        return ACCEPTED;
      case 'SUPPRESS':
        for (const role of named(call.suppress?.roles, framework)) framework.suppressed.add(role);
        return ACCEPTED;
      case 'REVIVE':
        this.#revive(framework, named(call.revive?.roles, framework));
        return ACCEPTED;
      case 'TEARDOWN':
        this.#subscriptions.remove(framework);
        return ACCEPTED;
      case 'UPDATE_FRAMEWORK':
        return this.#update(framework, call);
      case 'ACCEPT_INVERSE_OFFERS':
        this.#answered(framework, 'ACCEPT', call.accept_inverse_offers);
        return ACCEPTED;
      case 'DECLINE_INVERSE_OFFERS':
        this.#answered(framework, 'DECLINE', call.decline_inverse_offers);
        return ACCEPTED;
      case 'SHUTDOWN':
      case 'MESSAGE':
      case 'REQUEST':
      case 'ACKNOWLEDGE_OPERATION_STATUS':
      case 'RECONCILE_OPERATIONS':
        // Nothing here for them to act upon: no executors of others, no operations.
        return ACCEPTED;
      case 'SUBSCRIBE':
      case 'UNKNOWN':
        return { status: 501, text: `Received unexpected '${type}' call` };
      default:
        return unreachable(type);
    }
  }

  #answered(
    framework: Framework,
    status: 'ACCEPT' | 'DECLINE',
    said: Call['accept_inverse_offers'],
  ): void {
    const ids = (said?.inverse_offer_ids ?? []).map(({ value }) => value);
    this.maintenance.answered(framework, status, ids, said?.filters?.refuse_seconds);
  }

  #decline(framework: Framework, call: Call): void {
    for (const { value } of call.decline?.offer_ids ?? []) {
      const offer = framework.offers.get(value);
      if (offer === undefined) continue;
      this.#allocator.close(offer);
      const refuseSeconds = call.decline?.filters?.refuse_seconds;
      this.#allocator.giveBack(offer, offer.amount, refuseSeconds, true);
    }
  }

  #revive(framework: Framework, roles: readonly string[]): void {
    for (const role of roles) framework.suppressed.delete(role);
    framework.clearRefusals(roles);
    this.#allocator.touchAll();
  }

  #update(framework: Framework, { update_framework }: Call): Answer {
    if (update_framework === undefined)
      return refused("Expecting 'update_framework' to be present");
    const { framework_info, suppressed_roles } = update_framework;
    const problem = this.#subscriptions.update(framework, framework_info, suppressed_roles ?? []);
    return problem === null ? { status: 200, text: '' } : refused(problem);
  }
}

const strayOf = ({ containerId, frameworkId, agentId, info, bootId }: KeptTask): Launch => ({
  containerId,
  frameworkId,
  agentId,
  info,
  bootId,
  memMb: 0,
  cpuMilli: 0,
});

/** No role named means all of them. */
const named = (roles: readonly string[] | undefined, framework: Framework): readonly string[] =>
  roles === undefined || roles.length === 0 ? framework.roles : roles;
