/** What is known of a cluster's agents one by one: told by its master to the leader, by the leader to everybody. */

import type { AgentShape } from '../core/obstacle.js';
import type { Capacity } from '../core/resources.js';

/** Amounts of an agent's resources, ports counted. */
export interface Amounts {
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
  readonly ports: number;
  readonly custom: Readonly<Record<string, number>>;
}

export interface AgentFacts {
  readonly executor: string;
  readonly host: string;
  readonly total: Amounts;
  /** What tasks hold there, of whatever framework. */
  readonly used: Amounts;
  readonly attributes: Readonly<Record<string, string>>;
  /** False: the cluster knows it, but has lost its connection or took it out of use. */
  readonly isActive: boolean;
}

/** A cluster's agents: by kind, for questions about what could ever run, and by name. */
export interface ToldAgents {
  /** Null: too many kinds to be worth a list. */
  readonly shapes: readonly AgentShape[] | null;
  readonly agents: readonly AgentFacts[];
}

/** The setting of the store that holds the list by name. */
export const AGENTS_SETTING = 'leader.agents';

export const amountsOf = ({ cpuMilli, memMb, gpus, ports, custom }: Capacity): Amounts => ({
  cpuMilli,
  memMb,
  gpus,
  ports: ports.reduce((sum, { begin, end }) => sum + end - begin + 1, 0),
  custom,
});

/** What was written by whatever version of us; undefined when it tells nothing. */
export function readAgents(text: string | undefined): readonly AgentFacts[] | undefined {
  if (text === undefined) return undefined;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(found)) return undefined;
  const agents = found as Partial<AgentFacts>[];
  const isWhole = agents.every(
    (agent) =>
      typeof agent?.executor === 'string' &&
      typeof agent.host === 'string' &&
      typeof agent.total?.cpuMilli === 'number' &&
      typeof agent.used?.cpuMilli === 'number',
  );
  return isWhole ? (found as AgentFacts[]) : undefined;
}
