/** What the master knows of one framework. */
import type { FrameworkInfo, FrameworkInfoCapabilityType } from '../mesos/messages.js';
import type { Amount } from './amounts.js';
import { covers, EMPTY, minus, plus, scalarsOf } from './amounts.js';
import type { Offer } from './offers.js';
import type { Stream } from './stream.js';
import type { Task } from './task.js';

/** "Do not offer me this for a while." */
interface Refusal {
  readonly untilMs: number;
  readonly amount: Amount;
}

/** As many ended tasks are kept for `/state` as a real master keeps. */
const COMPLETED_TASKS_MAX = 1_000;

export class Framework {
  readonly id: string;
  readonly registeredAt: number;
  info: FrameworkInfo;
  roles: readonly string[];
  capabilities: ReadonlySet<FrameworkInfoCapabilityType>;
  /** Null while disconnected. */
  stream: Stream | null = null;
  /** Known from a former life of the node, and not seen since. */
  isRecovered = false;
  unregisteredAt = 0;
  reregisteredAt = 0;
  readonly suppressed = new Set<string>();
  readonly offers = new Map<string, Offer>();
  readonly tasks = new Map<string, Task>();
  readonly completed: Task[] = [];
  /** Offered and used, by role: what fairness compares. */
  readonly held = new Map<string, Amount>();
  readonly #refusals = new Map<string, Refusal[]>();

  constructor(id: string, info: FrameworkInfo, registeredAt: number) {
    this.id = id;
    this.registeredAt = registeredAt;
    this.info = info;
    this.capabilities = capabilitiesOf(info);
    this.roles = rolesOf(info);
  }

  /** A later SUBSCRIBE may change all but who it is and whether agents checkpoint: the first values hold. */
  update(info: FrameworkInfo): void {
    const { user, checkpoint, principal } = this.info;
    this.info = {
      ...info,
      user,
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(principal === undefined ? {} : { principal }),
    };
    this.capabilities = capabilitiesOf(info);
    this.roles = rolesOf(info);
  }

  can(capability: FrameworkInfoCapabilityType): boolean {
    return this.capabilities.has(capability);
  }

  /** Milliseconds that its tasks outlive its connection. */
  get failoverMs(): number {
    return Math.max(0, (this.info.failover_timeout ?? 0) * 1_000);
  }

  hold(role: string, amount: Amount): void {
    this.held.set(role, plus(this.held.get(role) ?? EMPTY, scalarsOf(amount)));
  }

  release(role: string, amount: Amount): void {
    this.held.set(role, minus(this.held.get(role) ?? EMPTY, scalarsOf(amount)));
  }

  refuse(agentId: string, role: string, refusal: Refusal): void {
    const key = `${role} ${agentId}`;
    const known = this.#refusals.get(key);
    if (known === undefined) this.#refusals.set(key, [refusal]);
    else known.push(refusal);
  }

  /** Whether an offer of `amount` is what this framework said it does not want now. */
  refuses(agentId: string, role: string, amount: Amount, nowMs: number): boolean {
    const key = `${role} ${agentId}`;
    const known = this.#refusals.get(key);
    if (known === undefined) return false;
    const valid = known.filter(({ untilMs }) => untilMs > nowMs);
    if (valid.length === 0) this.#refusals.delete(key);
    else if (valid.length < known.length) this.#refusals.set(key, valid);
    return valid.some((refusal) => covers(refusal.amount, amount));
  }

  clearRefusals(roles: readonly string[]): void {
    for (const key of this.#refusals.keys()) {
      if (roles.some((role) => key.startsWith(`${role} `))) this.#refusals.delete(key);
    }
  }

  /** Its end was acknowledged: it stays visible in `/state` for a while. */
  complete(task: Task): void {
    this.tasks.delete(task.id);
    this.completed.push(task);
    if (this.completed.length > COMPLETED_TASKS_MAX) this.completed.shift();
  }
}

export const capabilitiesOf = (info: FrameworkInfo): ReadonlySet<FrameworkInfoCapabilityType> =>
  new Set((info.capabilities ?? []).flatMap(({ type }) => (type === undefined ? [] : [type])));

/** A framework without MULTI_ROLE has exactly one role, `*` unless it names another. */
export const rolesOf = (info: FrameworkInfo): readonly string[] =>
  capabilitiesOf(info).has('MULTI_ROLE') ? (info.roles ?? []) : [info.role ?? '*'];
