/** An agent as foresight plays with it: what is free on it, and since when. */
import type { Offer } from './matching.js';
import type { AgentLoad, AgentTask } from './reservation.js';
import { type Needs, NO_NEEDS } from './resources.js';
import type { Instant, JobId } from './units.js';

type Spare = Pick<Needs, 'cpuMilli' | 'memMb' | 'gpus'>;

/** An end of a task, and what it gave back. */
interface Freed {
  readonly at: Instant;
  readonly needs: Needs;
}

export interface ForeseenAgent {
  readonly load: Omit<AgentLoad, 'tasks'>;
  readonly tasks: Map<JobId, AgentTask>;
  cpuMilli: number;
  memMb: number;
  gpus: number;
  ports: number;
  readonly custom: Record<string, number>;
  /** Ends that shared the last look at the clock, in order, and what was free before them. */
  freed: Freed[];
  spare: Spare;
  /** What is free, as it was last offered; null: it has changed since. */
  offer: Offer | null;
}

/** Of agents where nothing ended: shared, and never changed. */
export const NOTHING_FREED: Freed[] = [];

/** All of it is free. */
export function foreseenAgent(load: Omit<AgentLoad, 'tasks'>): ForeseenAgent {
  const { cpuMilli, memMb, gpus, portsFree: ports, custom } = load.total;
  const own: Record<string, number> = Object.assign(Object.create(null), custom);
  const free = { cpuMilli, memMb, gpus, ports, custom: own };
  return { load, tasks: new Map(), ...free, freed: NOTHING_FREED, spare: free, offer: null };
}

/** A task holds so much from now on. */
export const take = (agent: ForeseenAgent, needs: Needs): void => change(agent, needs, -1);

/** A task has ended that held so much. */
export function giveBack(agent: ForeseenAgent, needs: Needs, at: Instant): void {
  if (agent.freed === NOTHING_FREED) {
    agent.freed = [];
    agent.spare = sum(agent, NO_NEEDS, 1);
  }
  agent.freed.push({ at, needs });
  change(agent, needs, 1);
}

/**
 * Since when there was room for a job that starts now. Ends that share a cycle came one after another: so do the starts that
 * they made possible.
 */
export function roomSince(agent: ForeseenAgent, needs: Needs, now: Instant): Instant {
  let since = now;
  for (let end = agent.freed[0]; end !== undefined && !isWithin(needs, agent.spare); ) {
    agent.freed.shift();
    agent.spare = sum(agent.spare, end.needs, 1);
    since = end.at;
    end = agent.freed[0];
  }
  agent.spare = sum(agent.spare, needs, -1);
  return since;
}

const isWithin = (a: Spare, b: Spare): boolean =>
  a.cpuMilli <= b.cpuMilli && a.memMb <= b.memMb && a.gpus <= b.gpus;

const sum = (a: Spare, b: Spare, sign: 1 | -1): Spare => ({
  cpuMilli: a.cpuMilli + sign * b.cpuMilli,
  memMb: a.memMb + sign * b.memMb,
  gpus: a.gpus + sign * b.gpus,
});

function change(agent: ForeseenAgent, needs: Needs, sign: 1 | -1): void {
  agent.offer = null;
  agent.cpuMilli += sign * needs.cpuMilli;
  agent.memMb += sign * needs.memMb;
  agent.gpus += sign * needs.gpus;
  agent.ports += sign * needs.ports;
  for (const [name, units] of Object.entries(needs.custom))
    agent.custom[name] = (agent.custom[name] ?? 0) + sign * units;
}
