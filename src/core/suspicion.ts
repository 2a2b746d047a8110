/**
 * Finds agents that swallow jobs. A machine on which everything fails at once is free again at once, so it draws one
 * job after the other; the jobs' owners see a failure that is not theirs. What tells such an agent from bad jobs:
 * several users fail there, within seconds, nothing ends well there meanwhile, and elsewhere it is not so.
 *
 * The first user's failures are final: one user alone is never evidence. From the second user on such an end counts as
 * the system's fault and the job is tried on another agent, which is an experiment: a job that fails there too takes
 * back what it said against the first.
 */

import { unreachable } from './assert.js';
import { type AgentName, agentKey, type QuickFailure, type SetAside } from './closure.js';
import { failedHosts, isTakenBack, type SystemFault } from './job.js';
import type { JobEvent } from './lifecycle.js';
import { type Instant, instant, type JobId, type TaskId } from './units.js';

/** An end within this, after the task began to run, is a quick one. */
export const QUICK_MS = 10_000;
/** Evidence older than this counts no more. */
const WINDOW_MS = 10 * 60_000;
/** So many quick failures set an agent aside … */
const FAILURES_MIN = 5;
/** … of which so many of one user count: a user alone cannot reach the sum. */
const FAILURES_PER_USER_MAX = 3;
/** An agent is special if it has this many times the failures of an average other one. */
const TIMES_OTHERS = 3;
/** Launches of one job that are taken back for the agent's sake: more would hide that it is the job. */
export const TAKEN_BACK_MAX = 2;
/** Share of all agents that may be set aside at a time; one always may, the last open one never. */
const SHARE_MAX = 0.2;
/** Until an agent is tried again: doubles with each strike. */
const PAUSE_MS_MIN = 5 * 60_000;
const PAUSE_MS_MAX = 4 * 3_600_000;
/** Evidence kept for one agent: what is older says nothing new. */
const EVIDENCE_MAX = 50;

/** How a launch ended, as far as it says something about its agent. */
export type Sign = 'bad' | 'good' | 'neutral';

export interface BadEnd {
  readonly agent: AgentName;
  readonly failure: QuickFailure;
  /** Launches of this job that were taken back before. */
  readonly takenBack: number;
  /** The agent is on probation: what fails there is its fault. */
  readonly isOnProbation: boolean;
}

/** How many agents there are, and how many of them are closed for whatever reason or set aside. */
export interface Fleet {
  readonly known: number;
  readonly open: number;
  readonly setAside: number;
}

export interface Judgement {
  /** The end is not the job's fault: it is launched again, elsewhere. */
  readonly isTakenBack: boolean;
  /** Set the agent aside, with this evidence; null: not, or not yet. */
  readonly setAside: readonly QuickFailure[] | null;
  /** The evidence would do, but too many agents are set aside already. */
  readonly isSpared: boolean;
}

const OWN_FAULT: Judgement = { isTakenBack: false, setAside: null, isSpared: false };

export class Suspicions {
  readonly #evidence = new Map<string, QuickFailure[]>();

  /** A launch ended badly within seconds. The same end told twice counts once. */
  badEnd({ agent, failure, takenBack, isOnProbation }: BadEnd, fleet: Fleet): Judgement {
    const { at } = failure;
    const key = agentKey(agent);
    const others = this.#recent(key, at).filter(({ taskId }) => taskId !== failure.taskId);
    const isSuspect = isOnProbation || others.some(({ owner }) => owner !== failure.owner);
    // Tried elsewhere, where nobody else fails: then it was the job, and not the agent before.
    if (takenBack > 0 && !isSuspect) {
      this.#withdraw(failure.jobId);
      return OWN_FAULT;
    }
    const evidence = [...others, failure].slice(-EVIDENCE_MAX);
    this.#evidence.set(key, evidence);
    const hasElsewhere = isOnProbation ? fleet.open >= 1 : fleet.open >= 2;
    if (!isSuspect || !hasElsewhere) return OWN_FAULT;
    const isEnough = isOnProbation || this.#isEnough(key, evidence, fleet, at);
    const mayBe = isOnProbation || mayBeSetAside(fleet);
    return {
      isTakenBack: takenBack < TAKEN_BACK_MAX,
      setAside: isEnough && mayBe ? evidence : null,
      isSpared: isEnough && !mayBe,
    };
  }

  /** A launch that began at `placedAt` did not fail within seconds: what was said against the agent before is void. */
  goodEnd(agent: AgentName, placedAt: Instant): void {
    const key = agentKey(agent);
    const first = this.#evidence.get(key)?.[0];
    if (first !== undefined && placedAt >= first.at) this.#evidence.delete(key);
  }

  /** An administrator lets the agent back: the past is forgotten. */
  forget(agent: AgentName): void {
    this.#evidence.delete(agentKey(agent));
  }

  #withdraw(jobId: JobId): void {
    for (const [key, evidence] of this.#evidence) {
      const rest = evidence.filter((failure) => failure.jobId !== jobId);
      if (rest.length === 0) this.#evidence.delete(key);
      else if (rest.length < evidence.length) this.#evidence.set(key, rest);
    }
  }

  #recent(key: string, at: Instant): readonly QuickFailure[] {
    return (this.#evidence.get(key) ?? []).filter((failure) => at - failure.at < WINDOW_MS);
  }

  #isEnough(
    key: string,
    evidence: readonly QuickFailure[],
    { known }: Fleet,
    at: Instant,
  ): boolean {
    const byUser = new Map<string, number>();
    for (const { owner } of evidence)
      byUser.set(owner, Math.min(FAILURES_PER_USER_MAX, (byUser.get(owner) ?? 0) + 1));
    const weight = [...byUser.values()].reduce((sum, count) => sum + count, 0);
    if (weight < FAILURES_MIN) return false;
    let elsewhere = 0;
    for (const other of this.#evidence.keys())
      if (other !== key) elsewhere += this.#recent(other, at).length;
    return evidence.length * Math.max(1, known - 1) > TIMES_OTHERS * elsewhere;
  }
}

/** Site-wide trouble must not close a site: few are set aside at a time, and never the last open agent. */
const mayBeSetAside = ({ known, open, setAside }: Fleet): boolean =>
  open >= 2 && setAside + 1 <= Math.max(1, Math.floor(known * SHARE_MAX));

/** The closure that follows from a judgement. `before`: the one in force, if the agent failed its probation. */
export function setAside(
  agent: AgentName,
  evidence: readonly QuickFailure[],
  { at, before }: { readonly at: Instant; readonly before: SetAside | null },
): SetAside {
  const strikes = (before?.strikes ?? 0) + 1;
  const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** (strikes - 1));
  const { executor, host } = agent;
  const probeFrom = instant(at + pauseMs);
  return { kind: 'set-aside', executor, host, at, probeFrom, strikes, evidence };
}

/** Ends by a limit of the job's own. */
const OWN_LIMITS: ReadonlySet<string> = new Set([
  'out-of-memory',
  'resource-limit',
  'max-duration',
]);

/**
 * What an event of a task says of its agent.
 * @param ranMs how long the task ran by its agent's clock; null when that is not known.
 * @returns for a bad sign also how it ended, in a few words.
 */
export function signOf(
  event: JobEvent,
  ranMs: number | null,
): { readonly sign: Sign; readonly how: string } {
  const isQuick = ranMs !== null && ranMs <= QUICK_MS;
  switch (event.kind) {
    case 'ended': {
      const { outcome } = event;
      if (outcome.kind === 'exited' && outcome.exitCode === 0) return GOOD;
      if (outcome.kind === 'exited' && OWN_LIMITS.has(outcome.because?.code ?? '')) return NEUTRAL;
      if (ranMs === null) return NEUTRAL;
      if (!isQuick) return GOOD;
      return bad(outcome.kind === 'exited' ? `exit code ${outcome.exitCode}` : 'no exit code');
    }
    case 'launchFailed':
      return event.because.code === 'container-launch-failed' ? bad('not started') : NEUTRAL;
    case 'systemFault':
      return event.because.code === 'executor-terminated' && (isQuick || ranMs === null)
        ? bad('its executor ended')
        : NEUTRAL;
    case 'placed':
    case 'adopted':
    case 'numberTaken':
    case 'neverRan':
    case 'started':
    case 'killed':
    case 'unreachable':
    case 'killWanted':
    case 'preempted':
    case 'rescheduled':
    case 'amended':
    case 'gaveUp':
    case 'memberStarted':
    case 'membersOver':
      return NEUTRAL;
    default:
      return unreachable(event);
  }
}

const GOOD = { sign: 'good', how: '' } as const;
const NEUTRAL = { sign: 'neutral', how: '' } as const;
const bad = (how: string) => ({ sign: 'bad', how }) as const;

/** The end of a task, taken back for its agent's sake. */
export const takenBack = (
  taskId: TaskId,
  agent: AgentName,
  how: string,
  graceMs: number,
): JobEvent => ({
  kind: 'systemFault',
  taskId,
  because: { code: 'suspect-agent', facts: { host: agent.host, how } },
  graceMs,
});

/** For so long a job that was taken back from an agent passes it over; then it may be the only one that fits. */
export const AVOID_MS = 10 * 60_000;

/** Hosts that a waiting job passes over. */
export const avoidedBy = (
  faults: readonly SystemFault[],
  { skipsFailedNodes, at }: { readonly skipsFailedNodes: boolean; readonly at: Instant },
): readonly string[] =>
  skipsFailedNodes
    ? failedHosts(faults)
    : failedHosts(faults.filter((fault) => isTakenBack(fault) && at - fault.at < AVOID_MS));
