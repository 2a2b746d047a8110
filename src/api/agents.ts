/** The agents of the site, one by one: what their clusters told, what our jobs hold there, what keeps new jobs away. */
import { AGENTS_SETTING, type AgentFacts, type Amounts, readAgents } from '../contracts/agents.js';
import { CLOSURE_PREFIX, readClosures } from '../contracts/closures.js';
import type { JobStore } from '../contracts/store.js';
import {
  type AgentName,
  type AgentState,
  agentKey,
  type Drain,
  isInForce,
  type SetAside,
  stateOf,
} from '../core/closure.js';
import type { LiveJob } from '../core/job.js';
import type { Instant } from '../core/units.js';

export interface AgentView extends AgentName {
  readonly state: AgentState | 'away';
  /** Our jobs that hold a task there, or may. */
  readonly jobs: number;
  /** Null while the cluster has not told. */
  readonly total: Amounts | null;
  readonly used: Amounts;
  readonly attributes: Readonly<Record<string, string>>;
  readonly drain: Drain | null;
  readonly setAside: SetAside | null;
}

export interface Agents {
  /** By executor and name. */
  readonly views: readonly AgentView[];
  /** Whether the clusters have told their agents: then what is not listed is not there. */
  readonly isTold: boolean;
}

const NO_AMOUNTS: Amounts = { cpuMilli: 0, memMb: 0, gpus: 0, ports: 0, custom: {} };

/** Everything is read from the store, so that every web process tells the same. */
export async function agentsOf(
  store: Pick<JobStore, 'live' | 'setting' | 'settings'>,
  at: Instant,
): Promise<Agents> {
  const [live, told, settings] = await Promise.all([
    store.live(),
    store.setting(AGENTS_SETTING),
    store.settings(CLOSURE_PREFIX),
  ]);
  const facts = readAgents(told);
  const rows = new Map<string, Row>();
  const rowOf = (agent: AgentName): Row => {
    const key = agentKey(agent);
    const row = rows.get(key) ?? { name: agent, facts: [], jobs: [], drain: null, setAside: null };
    rows.set(key, row);
    return row;
  };
  for (const one of facts ?? []) rowOf(one).facts.push(one);
  for (const job of live) rowOf(job.placement).jobs.push(job);
  for (const closure of readClosures(settings)) {
    if (!isInForce(closure, at)) continue;
    if (closure.kind === 'drained') rowOf(closure).drain = closure;
    else rowOf(closure).setAside = closure;
  }
  const views = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => viewOf(row, at));
  return { views, isTold: facts !== undefined };
}

interface Row {
  readonly name: AgentName;
  /** Several where a cluster has several agents on one machine. */
  readonly facts: AgentFacts[];
  readonly jobs: LiveJob[];
  drain: Drain | null;
  setAside: SetAside | null;
}

function viewOf({ name, facts, jobs, drain, setAside }: Row, at: Instant): AgentView {
  const held = jobs.map(({ spec: { needs } }) => needs).reduce(plus, NO_AMOUNTS);
  const told = facts.map(({ used }) => used).reduce(plus, NO_AMOUNTS);
  const state = stateOf({ drain, setAside }, { jobs: jobs.length, at });
  const isAway = facts.length > 0 && facts.every(({ isActive }) => !isActive);
  return {
    executor: name.executor,
    host: name.host,
    state: isAway && (state === 'open' || state === 'drain-planned') ? 'away' : state,
    jobs: jobs.length,
    total: facts.length === 0 ? null : facts.map(({ total }) => total).reduce(plus, NO_AMOUNTS),
    // The list is told now and then only; our own jobs are known at once.
    used: most(told, held),
    attributes: facts[0]?.attributes ?? {},
    drain,
    setAside,
  };
}

const plus = (a: Amounts, b: Amounts): Amounts => both(a, b, (x, y) => x + y);
const most = (a: Amounts, b: Amounts): Amounts => both(a, b, Math.max);
/** What is left of `total`; never below nothing, since the two were not told at the same instant. */
export const left = (total: Amounts, used: Amounts): Amounts =>
  both(total, used, (x, y) => Math.max(0, x - y));

function both(a: Amounts, b: Amounts, join: (x: number, y: number) => number): Amounts {
  const names = [...new Set([...Object.keys(a.custom), ...Object.keys(b.custom)])].sort();
  return {
    cpuMilli: join(a.cpuMilli, b.cpuMilli),
    memMb: join(a.memMb, b.memMb),
    gpus: join(a.gpus, b.gpus),
    ports: join(a.ports, b.ports),
    custom: Object.fromEntries(
      names.map((name) => [name, join(a.custom[name] ?? 0, b.custom[name] ?? 0)]),
    ),
  };
}
