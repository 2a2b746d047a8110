/** Agents that take no new jobs: by an administrator's word, or by the evidence of the jobs that ended there. */
import type { LiveJob } from './job.js';
import { endsBefore, type Shut } from './obstacle.js';
import type { Instant, JobId, TaskId, UserId } from './units.js';

/** An agent by the name of its machine, whatever id a cluster gives it after the next restart. */
export interface AgentName {
  readonly executor: string;
  readonly host: string;
}

/** An administrator lets the agent's jobs end and no new ones begin. */
export interface Drain extends AgentName {
  readonly kind: 'drained';
  /** Nothing starts that may run into this instant. */
  readonly from: Instant;
  /** Open again by itself; null: when an administrator says so. */
  readonly until: Instant | null;
  readonly reason: string;
  readonly by: UserId;
  readonly at: Instant;
}

/** One end that speaks against an agent: it came within seconds, and badly. */
export interface QuickFailure {
  readonly taskId: TaskId;
  readonly jobId: JobId;
  readonly owner: UserId;
  readonly at: Instant;
  /** How it ended, for the administrator: `exit code 1`. */
  readonly how: string;
}

/** The agent was set aside because of how jobs of several users ended there. */
export interface SetAside extends AgentName {
  readonly kind: 'set-aside';
  readonly at: Instant;
  /** From then on one job at a time tries it. */
  readonly probeFrom: Instant;
  /** How often in a row: each time the pause is twice as long. */
  readonly strikes: number;
  readonly evidence: readonly QuickFailure[];
}

export type Closure = Drain | SetAside;

/** How the agents stand that are not simply open. */
export const CLOSED_STATES = [
  'drain-planned',
  'draining',
  'drained',
  'set-aside',
  'probation',
] as const;
export type ClosedState = (typeof CLOSED_STATES)[number];
export type AgentState = 'open' | ClosedState;

/** An agent that is not simply open. */
export interface ClosedAgent extends AgentName {
  readonly state: ClosedState;
}

/** One text for each agent: hosts have no `/`, executors neither. */
export const agentKey = ({ executor, host }: AgentName): string => `${executor}/${host}`;

/** Whether it still counts: a drain with an end passes by itself. */
export const isInForce = (closure: Closure, at: Instant): boolean =>
  closure.kind === 'set-aside' || closure.until === null || closure.until > at;

/** What both closures of an agent, if it has them, mean to users. */
export function stateOf(
  { drain, setAside }: { readonly drain: Drain | null; readonly setAside: SetAside | null },
  { jobs, at }: { readonly jobs: number; readonly at: Instant },
): AgentState {
  const drainNow = drain !== null && isInForce(drain, at) ? drain : null;
  if (drainNow !== null && drainNow.from <= at) return jobs > 0 ? 'draining' : 'drained';
  if (setAside !== null) return setAside.probeFrom <= at ? 'probation' : 'set-aside';
  return drainNow === null ? 'open' : 'drain-planned';
}

/** What a cycle must know of an agent. */
export interface Standing {
  readonly shut: Shut | null;
  /** On probation: a single launch. Null: any number. */
  readonly launchesMax: number | null;
}

/** @param hasTask whether a job of ours is there, or on its way there. */
export function standingOf(
  { drain, setAside }: { readonly drain: Drain | null; readonly setAside: SetAside | null },
  { hasTask, at }: { readonly hasTask: boolean; readonly at: Instant },
): Standing {
  const shutByDrain = drain !== null && isInForce(drain, at) ? shutOf(drain) : null;
  if (setAside === null) return { shut: shutByDrain, launchesMax: null };
  const mayTry = setAside.probeFrom <= at && !hasTask;
  const isShutNow = drain !== null && shutByDrain !== null && drain.from <= at;
  if (!mayTry) return { shut: isShutNow ? shutByDrain : { code: 'set-aside' }, launchesMax: null };
  return { shut: shutByDrain, launchesMax: 1 };
}

const shutOf = ({ from, until, reason, by }: Drain): Shut => ({
  code: 'drained',
  from,
  until,
  reason,
  by,
});

/** Whether a job that holds a task may still run when `from` comes: one that has not started may do so now. */
export function mayRunAt(job: LiveJob, from: Instant, now: Instant): boolean {
  const startedAt = job.state === 'launching' ? null : job.startedAt;
  return !endsBefore(from, startedAt ?? now, job.spec.lifespanMs);
}
