/**
 * The agents that take no new jobs, as the store has them: drains that administrators asked for through any web
 * process, and the leader's own settings aside. Read anew when others wrote; reads and writes follow one another.
 */
import type { Clock } from '../contracts/clock.js';
import { CLOSURE_PREFIX, closureSetting, readClosures } from '../contracts/closures.js';
import { ServiceError } from '../contracts/errors.js';
import type { Log } from '../contracts/log.js';
import type { JobStore } from '../contracts/store.js';
import {
  type AgentName,
  agentKey,
  type ClosedAgent,
  type Drain,
  type SetAside,
  type Standing,
  standingOf,
  stateOf,
} from '../core/closure.js';

export interface ClosuresPorts {
  readonly store: Pick<JobStore, 'settings' | 'putSetting' | 'dropSetting'>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ClosuresOwner {
  /** Jobs may start where they could not, or the other way round. */
  closuresChanged(): void;
  /** An administrator lets an agent back that was set aside. */
  resumed(agent: AgentName): void;
}

/** What is known against an agent. */
export interface Closed {
  readonly drain: Drain | null;
  readonly setAside: SetAside | null;
}

const OPEN: Closed = { drain: null, setAside: null };

export class Closures {
  readonly #ports: ClosuresPorts;
  readonly #owner: ClosuresOwner;
  #drains: ReadonlyMap<string, Drain> = new Map();
  readonly #setAside = new Map<string, SetAside>();
  /** Not stored yet: written (or dropped) at the next chance. */
  readonly #unsaved = new Set<string>();
  readonly #unreadable = new Set<string>();
  /** How all of them stood when it was last looked at. */
  #phases = '';
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(ports: ClosuresPorts, owner: ClosuresOwner) {
    this.#ports = ports;
    this.#owner = owner;
  }

  /** The term is over: nothing more is written. */
  close(): void {
    this.#isClosed = true;
  }

  get size(): number {
    return this.#drains.size + this.#setAside.size;
  }

  get setAsideCount(): number {
    return this.#setAside.size;
  }

  of(agent: AgentName): Closed {
    if (this.size === 0) return OPEN;
    const key = agentKey(agent);
    return { drain: this.#drains.get(key) ?? null, setAside: this.#setAside.get(key) ?? null };
  }

  /** @param hasTask whether a job of ours is there, or on its way. */
  standing(agent: AgentName, hasTask: boolean): Standing {
    return standingOf(this.of(agent), { hasTask, at: this.#ports.clock.now() });
  }

  /** Those that are not simply open. @param jobsOn how many jobs of ours each agent has, by its key. */
  closed(jobsOn: (key: string) => number): readonly ClosedAgent[] {
    const at = this.#ports.clock.now();
    const names = new Map<string, AgentName>([...this.#drains, ...this.#setAside]);
    return [...names].flatMap(([key, { executor, host }]) => {
      const state = stateOf(this.of({ executor, host }), { jobs: jobsOn(key), at });
      return state === 'open' ? [] : [{ executor, host, state }];
    });
  }

  /** Neither drained now nor set aside. */
  isOpen(agent: AgentName): boolean {
    const state = stateOf(this.of(agent), { jobs: 0, at: this.#ports.clock.now() });
    return state === 'open' || state === 'drain-planned';
  }

  isAnyOnProbation(): boolean {
    const at = this.#ports.clock.now();
    for (const { probeFrom } of this.#setAside.values()) if (probeFrom <= at) return true;
    return false;
  }

  /** Reads what others wrote, and writes what could not be written before. @throws ServiceError when the store is away. */
  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      for (const key of [...this.#unsaved]) await this.#save(key);
      const stored = readClosures(await this.#ports.store.settings(CLOSURE_PREFIX), (name) =>
        this.#sayUnreadable(name),
      );
      if (this.#isClosed) return;
      const drains = stored.filter((closure) => closure.kind === 'drained');
      const setAside = stored.filter((closure) => closure.kind === 'set-aside');
      this.#drains = new Map(drains.map((drain) => [agentKey(drain), drain]));
      this.#takeOver(new Map(setAside.map((closure) => [agentKey(closure), closure])));
      this.#tellIfChanged();
    });
  }

  setAside(closure: SetAside): void {
    this.#change(closure, closure);
  }

  letBack(agent: AgentName): void {
    this.#change(agent, null);
  }

  #takeOver(stored: ReadonlyMap<string, SetAside>): void {
    for (const [key, closure] of this.#setAside) {
      if (stored.has(key) || this.#unsaved.has(key)) continue;
      this.#setAside.delete(key);
      this.#ports.log.info('agent let back by an administrator', { agent: key });
      this.#owner.resumed(closure);
    }
    for (const [key, closure] of stored)
      if (!this.#unsaved.has(key)) this.#setAside.set(key, closure);
  }

  /** In force at once; the record follows, at the latest with the next sweep. */
  #change(agent: AgentName, closure: SetAside | null): void {
    const key = agentKey(agent);
    if (closure === null) this.#setAside.delete(key);
    else this.#setAside.set(key, closure);
    this.#unsaved.add(key);
    this.#tellIfChanged();
    this.#inTurn(() => this.#save(key)).catch((error: unknown) => {
      if (!(error instanceof ServiceError)) throw error;
      this.#ports.log.warn('closure of an agent not stored; tried again', { agent: key, error });
    });
  }

  async #save(key: string): Promise<void> {
    if (this.#isClosed || !this.#unsaved.has(key)) return;
    const closure = this.#setAside.get(key);
    const slash = key.indexOf('/');
    const agent = { executor: key.slice(0, slash), host: key.slice(slash + 1) };
    const name = closureSetting('set-aside', agent);
    if (closure === undefined) await this.#ports.store.dropSetting(name);
    else await this.#ports.store.putSetting(name, JSON.stringify(closure));
    // It may have changed while it was written.
    if (this.#setAside.get(key) === closure) this.#unsaved.delete(key);
    else await this.#save(key);
  }

  /** Time alone changes some: a drain begins or passes, a pause is over. */
  #tellIfChanged(): void {
    const at = this.#ports.clock.now();
    const keys = [...new Set([...this.#drains.keys(), ...this.#setAside.keys()])].sort();
    const phases = keys.map((key) => {
      const drain = this.#drains.get(key) ?? null;
      const setAside = this.#setAside.get(key) ?? null;
      return [key, drain, setAside?.at, stateOf({ drain, setAside }, { jobs: 0, at })];
    });
    const text = JSON.stringify(phases);
    if (text === this.#phases) return;
    this.#phases = text;
    this.#owner.closuresChanged();
  }

  #sayUnreadable(name: string): void {
    if (this.#unreadable.has(name)) return;
    this.#unreadable.add(name);
    this.#ports.log.error('closure of an agent left out: it cannot be read', { name });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
