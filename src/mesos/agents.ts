/** What agents a master knows, with all they have, used or not: read from its page `/slaves`, since offers tell only what is free. */
import { type AgentFacts, amountsOf, type ToldAgents } from '../contracts/agents.js';
import { AGENTS_LISTED_MAX, INVENTORY_SHAPES_MAX } from '../contracts/limits.js';
import type { AgentShape } from '../core/obstacle.js';
import { type PortRange, portCount } from '../core/resources.js';
import { type Fields, isFields, type PageQuestion, pages } from './page.js';

export interface AgentsQuestion extends PageQuestion {
  /** Name of the executor plugin that these agents belong to. */
  readonly executor: string;
}

/** Null when no master tells: it does not answer, or does not let us see. Never throws for what a master says. */
export async function askAgents(asked: AgentsQuestion): Promise<ToldAgents | null> {
  for await (const told of pages('/slaves', asked)) {
    const agents = agentFacts(told, asked.executor);
    if (agents !== null) return { shapes: agentShapes(told), agents };
  }
  return null;
}

/** The page's agents, alike ones counted together; null when it is no such page or has too many kinds. */
export function agentShapes(told: unknown): readonly AgentShape[] | null {
  if (!isFields(told) || !Array.isArray(told.slaves)) return null;
  const kinds = new Map<string, AgentShape>();
  for (const agent of told.slaves) {
    if (!isFields(agent) || !isFields(agent.resources)) return null;
    const attributes = textsOf(isFields(agent.attributes) ? agent.attributes : {});
    const kind = { total: totalOf(agent.resources), attributes };
    const key = JSON.stringify(kind);
    kinds.set(key, { ...kind, count: (kinds.get(key)?.count ?? 0) + 1 });
    if (kinds.size > INVENTORY_SHAPES_MAX) return null;
  }
  return [...kinds.values()];
}

/** The page's agents one by one, those without a name left out; null when it is no such page. */
export function agentFacts(told: unknown, executor: string): readonly AgentFacts[] | null {
  if (!isFields(told) || !Array.isArray(told.slaves)) return null;
  const agents: AgentFacts[] = [];
  for (const agent of told.slaves.slice(0, AGENTS_LISTED_MAX)) {
    if (!isFields(agent) || !isFields(agent.resources)) return null;
    if (typeof agent.hostname !== 'string') continue;
    agents.push({
      executor,
      host: agent.hostname,
      total: amountsOf(totalOf(agent.resources)),
      used: amountsOf(totalOf(isFields(agent.used_resources) ? agent.used_resources : {})),
      attributes: textsOf(isFields(agent.attributes) ? agent.attributes : {}),
      isActive: agent.active !== false && agent.deactivated !== true,
    });
  }
  return agents;
}

const OURS = new Set(['cpus', 'mem', 'gpus', 'ports']);

function totalOf(resources: Fields): AgentShape['total'] {
  const scalar = (name: string): number =>
    typeof resources[name] === 'number' ? resources[name] : 0;
  const custom: Record<string, number> = {};
  for (const [name, value] of Object.entries(resources)) {
    if (OURS.has(name)) continue;
    if (typeof value === 'number') custom[name] = Math.floor(value);
    else if (typeof value === 'string') custom[name] = sizeOf(value);
  }
  return {
    cpuMilli: Math.round(scalar('cpus') * 1_000),
    memMb: Math.floor(scalar('mem')),
    gpus: Math.floor(scalar('gpus')),
    ports: typeof resources.ports === 'string' ? rangesOf(resources.ports) : [],
    custom,
  };
}

/** Of `[31000-31999, 33000-33010]`, or of a set `{a, b}`. */
const sizeOf = (text: string): number =>
  text.startsWith('{')
    ? text
        .slice(1, -1)
        .split(',')
        .filter((item) => item.trim() !== '').length
    : portCount(rangesOf(text));

const rangesOf = (text: string): PortRange[] =>
  [...text.matchAll(/(\d+)-(\d+)/g)].map(([, begin, end]) => ({
    begin: Number(begin),
    end: Number(end),
  }));

const textsOf = (attributes: Fields): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, String(value)]));
