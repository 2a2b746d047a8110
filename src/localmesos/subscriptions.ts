/** Frameworks come, go, come back under the same id, and are removed. */
import type { Timer } from '../contracts/clock.js';
import type { FrameworkInfo, MasterInfo } from '../mesos/messages.js';
import type { Allocator } from './allocator.js';
import type { Books, Ports } from './books.js';
import { capabilitiesOf, Framework, rolesOf } from './framework.js';
import type { KeptFramework } from './journal.js';
import { afterLong } from './long-timer.js';
import type { Offer } from './offers.js';
import type { Stream } from './stream.js';
import type { Tasks } from './tasks.js';

export interface Subscription {
  readonly info: FrameworkInfo;
  readonly suppressedRoles: readonly string[];
  readonly stream: Stream;
}

export class Subscriptions {
  readonly #books: Books;
  readonly #ports: Ports;
  readonly #allocator: Allocator;
  readonly #tasks: Tasks;
  readonly #heartbeatMs: number;
  readonly #master: () => MasterInfo;
  readonly #failovers = new Map<Framework, Timer>();

  constructor(
    books: Books,
    ports: Ports,
    parts: {
      readonly allocator: Allocator;
      readonly tasks: Tasks;
      readonly heartbeatMs: number;
      readonly master: () => MasterInfo;
    },
  ) {
    this.#books = books;
    this.#ports = ports;
    this.#allocator = parts.allocator;
    this.#tasks = parts.tasks;
    this.#heartbeatMs = parts.heartbeatMs;
    this.#master = parts.master;
  }

  /** A refusal comes as an ERROR event on the stream, which then ends. */
  subscribe({ info, suppressedRoles, stream }: Subscription): Framework | undefined {
    const id = info.id?.value ?? '';
    const refusal = this.#books.removed.has(id) ? 'Framework has been removed' : infoProblem(info);
    if (refusal !== null) {
      stream.send({ type: 'ERROR', error: { message: refusal } });
      stream.end();
      return undefined;
    }
    const framework = this.#books.frameworks.get(id) ?? this.#register(id, info);
    this.#takeOver(framework, info);
    framework.stream = stream;
    framework.isRecovered = false;
    for (const role of suppressedRoles) framework.suppressed.add(role);
    this.#ports.journal.framework(framework);
    stream.send({
      type: 'SUBSCRIBED',
      subscribed: {
        framework_id: { value: framework.id },
        heartbeat_interval_seconds: this.#heartbeatMs / 1_000,
        master_info: this.#master(),
      },
    });
    stream.send({ type: 'HEARTBEAT' });
    this.#tasks.updates.resendAll(framework);
    this.#allocator.touchAll();
    return framework;
  }

  /** Its connection is lost; its tasks live on for the failover timeout. */
  disconnected(framework: Framework, stream: Stream): void {
    if (framework.stream !== stream) return;
    framework.stream = null;
    framework.unregisteredAt = this.#ports.clock.now();
    this.#ports.log.info('framework disconnected', { frameworkId: framework.id });
    this.#releaseOffers(framework);
    this.#awaitReturn(framework, framework.failoverMs);
  }

  /** Ends everything of a framework: its tasks are killed, its id never comes back. */
  remove(framework: Framework): void {
    this.#failovers.get(framework)?.cancel();
    this.#failovers.delete(framework);
    const { stream } = framework;
    framework.stream = null;
    stream?.end();
    framework.unregisteredAt = this.#ports.clock.now();
    this.#releaseOffers(framework);
    this.#ports.journal.removed(framework.id);
    this.#books.remove(framework);
    for (const task of [...framework.tasks.values()]) this.#tasks.abandon(task);
  }

  /** Changes what a subscribed framework said of itself. Answers a sentence when it may not. */
  update(
    framework: Framework,
    info: FrameworkInfo,
    suppressedRoles: readonly string[],
  ): string | null {
    const refusal = infoProblem(info);
    if (refusal !== null) return refusal;
    framework.update(info);
    framework.suppressed.clear();
    for (const role of suppressedRoles) framework.suppressed.add(role);
    for (const offer of [...framework.offers.values()]) {
      if (!framework.roles.includes(offer.role)) this.#rescind(offer);
    }
    this.#ports.journal.framework(framework);
    this.#allocator.touchAll();
    return null;
  }

  /** Takes a framework of a former life into the books. Its time to come back starts anew. */
  restore({ id, info, registeredAt }: KeptFramework): Framework {
    const framework = new Framework(id, info, registeredAt);
    framework.isRecovered = true;
    this.#books.frameworks.set(id, framework);
    // Never at once: its tasks must be in the books before they can be killed with it.
    this.#awaitReturn(framework, Math.max(1, framework.failoverMs));
    return framework;
  }

  stop(): void {
    for (const timer of this.#failovers.values()) timer.cancel();
    this.#failovers.clear();
  }

  #register(givenId: string, info: FrameworkInfo): Framework {
    const id = givenId === '' ? this.#books.frameworkId() : givenId;
    const framework = new Framework(id, { ...info, id: { value: id } }, this.#ports.clock.now());
    this.#books.frameworks.set(id, framework);
    this.#ports.log.info('framework registered', { frameworkId: id, name: info.name });
    return framework;
  }

  /** The newest subscription wins, whoever holds the old one. */
  #takeOver(framework: Framework, info: FrameworkInfo): void {
    this.#failovers.get(framework)?.cancel();
    this.#failovers.delete(framework);
    const old = framework.stream;
    framework.stream = null;
    if (old !== null) {
      old.send({ type: 'ERROR', error: { message: 'Framework failed over' } });
      old.end();
    }
    if (framework.unregisteredAt > 0 || old !== null)
      framework.reregisteredAt = this.#ports.clock.now();
    framework.unregisteredAt = 0;
    this.#releaseOffers(framework);
    framework.clearRefusals(framework.roles);
    framework.suppressed.clear();
    framework.update(info);
  }

  /** Without RESCIND: the connection they were made on is gone. */
  #releaseOffers(framework: Framework): void {
    for (const offer of [...framework.offers.values()]) {
      this.#allocator.close(offer);
      this.#allocator.release(framework, offer.role, offer.agent, offer.amount);
    }
  }

  #rescind(offer: Offer): void {
    this.#allocator.close(offer);
    this.#allocator.release(offer.framework, offer.role, offer.agent, offer.amount);
    const rescind = { offer_id: { value: offer.id } };
    offer.framework.stream?.send({ type: 'RESCIND', rescind });
  }

  #awaitReturn(framework: Framework, leftMs: number): void {
    if (leftMs <= 0) {
      this.#ports.log.info('framework removed: it did not come back', {
        frameworkId: framework.id,
      });
      this.remove(framework);
      return;
    }
    const timer = afterLong(this.#ports.timers, leftMs, () => this.#awaitReturn(framework, 0));
    this.#failovers.set(framework, timer);
  }
}

/** What a master finds wrong with a FrameworkInfo, in its words. */
export function infoProblem(info: FrameworkInfo): string | null {
  const isMultiRole = capabilitiesOf(info).has('MULTI_ROLE');
  if (isMultiRole && info.role !== undefined) {
    return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable";
  }
  if (!isMultiRole && (info.roles ?? []).length > 0) {
    return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable";
  }
  const roles = rolesOf(info);
  if (new Set(roles).size < roles.length) {
    return "'FrameworkInfo.roles' contains duplicate items";
  }
  for (const role of roles) {
    const problem = roleProblem(role);
    const field = isMultiRole ? "'FrameworkInfo.roles' contains" : "'FrameworkInfo.role' is";
    if (problem !== null) return `${field} invalid role: ${problem}`;
  }
  return null;
}

function roleProblem(role: string): string | null {
  if (role === '*') return null;
  if (role === '') return 'Empty role name is invalid';
  if (role.startsWith('/')) return `Role '${role}' cannot start with a slash`;
  if (role.endsWith('/')) return `Role '${role}' cannot end with a slash`;
  for (const part of role.split('/')) {
    if (part === '') return `Role '${role}' cannot contain two adjacent slashes`;
    if (part === '.' || part === '..') return `Role '${role}' cannot include '${part}'`;
    if (part === '*') return `Role '${role}' cannot include '*'`;
    if (part.startsWith('-')) return `Role component '${part}' cannot start with a dash`;
    if (/[\s\b]/.test(part))
      return `Role component '${part}' cannot contain backspace or whitespace characters`;
  }
  return null;
}
