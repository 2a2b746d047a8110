/** What a cluster's word about a task means for the job: an event, nothing, or a question. */
import { unreachable } from './assert.js';
import { exitCodeInFile, exitCodeOf } from './exit-status.js';
import { imageTrouble } from './image-trouble.js';
import {
  isLive,
  isRegistryFault,
  type Job,
  KILLED_EXIT_CODE,
  type Outcome,
  type Reason,
  type ReasonCode,
} from './job.js';
import type { JobEvent } from './lifecycle.js';
import type { AgentId, Instant, TaskId } from './units.js';

/** The part of a cluster's status update that decides. */
export interface TaskReport {
  readonly taskId: TaskId;
  readonly agentId: AgentId | null;
  readonly state:
    | 'staging'
    | 'starting'
    | 'running'
    | 'killing'
    | 'finished'
    | 'failed'
    | 'killed'
    | 'error'
    | 'lost'
    | 'dropped'
    | 'unreachable'
    | 'gone'
    | 'gone-by-operator'
    | 'unknown';
  /** Mesos' reason in kebab case without `REASON_`. */
  readonly reason: string | null;
  readonly message: string | null;
  readonly containerId: string | null;
  readonly ipAddress: string | null;
}

/** How often, and since when, the cluster has said UNKNOWN of one task. */
export interface Doubt {
  readonly answers: number;
  readonly since: Instant;
}

export interface VerdictOptions {
  /** Pause before the next launch when old processes may still be dying. */
  readonly lostGraceMs: number;
}

export type Verdict =
  | { readonly kind: 'event'; readonly event: JobEvent }
  | { readonly kind: 'nothing' }
  /** Reconcile this task again later, and pass `doubt` to the next verdict on it. */
  | { readonly kind: 'ask-again'; readonly doubt: Doubt | null }
  /** The code is in the job directory, or nowhere: `endByFile` makes the event. Acknowledge only then. */
  | { readonly kind: 'read-exit-file'; readonly taskId: TaskId; readonly message: string | null };

/** UNKNOWN is believed after so many answers … */
const UNKNOWN_ANSWERS = 3;
/** … that span at least this: a master that just started knows little. */
const UNKNOWN_SPAN_MS = 60_000;
/** A task dropped for other reasons than stale offers would be dropped again at once. */
const DROPPED_PAUSE_MS = 5_000;
/** Pauses before an image is asked for again: twice as long each time, within these. Rate limits count in minutes. */
const REGISTRY_PAUSE_MS_MIN = 10_000;
export const REGISTRY_PAUSE_MS_MAX = 600_000;
/** An agent whose own Docker is down can start nothing, whatever the job. */
const DOCKER_AWAY = /Cannot connect to the Docker daemon/i;
/** The master knows a task of that id already. */
const DUPLICATE = /duplicate id/i;
/** Jobs that were refused together come again apart, up to half of their pause. */
const REGISTRY_SPREAD = 32;
/** A cluster quotes whole outputs of other programs; a job's record keeps the beginning. */
const MESSAGE_CHARS_MAX = 1_000;

/** Ends that FAILED reports for the machinery around the job, not for the job. */
const SYSTEM_REASONS: ReadonlySet<string> = new Set([
  'executor-terminated',
  'executor-unregistered',
  'executor-registration-timeout',
  'executor-reregistration-timeout',
  'container-preempted',
  'container-update-failed',
  'io-switchboard-exited',
  'gc-error',
  'agent-restarted',
  'agent-disconnected',
  'agent-removed',
  'agent-unknown',
  'master-disconnected',
  'resources-unknown',
]);

const NOTHING: Verdict = { kind: 'nothing' };

/**
 * @param doubt what the former `ask-again` on this task gave, null at the first.
 */
export function verdict(
  job: Job,
  report: TaskReport,
  {
    at,
    doubt,
    lostGraceMs,
  }: VerdictOptions & { readonly at: Instant; readonly doubt: Doubt | null },
): Verdict {
  const isHeld = isLive(job) && job.placement.taskId === report.taskId;
  // Of a task that nobody holds only one thing matters: that it is alive. The lifecycle then kills it.
  if (!isHeld) return report.state === 'running' ? started(report) : NOTHING;

  const systemFault = (code: ReasonCode, graceMs: number): Verdict =>
    event({ kind: 'systemFault', taskId: report.taskId, because: because(code, report), graceMs });

  switch (report.state) {
    case 'staging':
    case 'starting':
    case 'killing':
      return NOTHING;
    case 'running':
      return started(report);
    case 'finished':
      return ended(report, exited(0));
    case 'failed':
      return failed(job, report, lostGraceMs);
    case 'killed': {
      // A limit of the job's own that ends it with KILLED is still the job's doing: no relaunch would help.
      const limited = limitOf(report);
      if (limited !== null) return ended(report, exited(codeOf(report), limited));
      return event({
        kind: 'killed',
        taskId: report.taskId,
        because: because('killed-by-cluster', report),
      });
    }
    case 'error':
      return DUPLICATE.test(report.message ?? '')
        ? numberTaken(job, report)
        : launchFailed('task-error', report);
    case 'dropped':
      return job.state === 'launching' ? dropped(report) : systemFault('dropped', 0);
    case 'gone':
      if (report.reason !== 'reconciliation') return systemFault('agent-gone', lostGraceMs);
      return job.state === 'launching'
        ? neverRan(report, 'agent-gone', 0)
        : systemFault('agent-gone', 0);
    case 'gone-by-operator':
      return systemFault('agent-gone', 0);
    case 'lost':
      return lost(job, report, { at, doubt, lostGraceMs });
    case 'unreachable':
      return event({ kind: 'unreachable', taskId: report.taskId });
    case 'unknown':
      return unknown(report, { at, doubt, lostGraceMs });
    default:
      return unreachable(report.state);
  }
}

/**
 * The end of a task after `read-exit-file`: the file's code, or outcome `unknown`.
 * @param content of the exit file; null when it did not appear in time.
 */
export function endByFile(
  { taskId, message }: { readonly taskId: TaskId; readonly message: string | null },
  content: string | null,
): JobEvent {
  const exitCode = content === null ? undefined : exitCodeInFile(content);
  const outcome: Extract<Outcome, { kind: 'exited' | 'unknown' }> =
    exitCode === undefined
      ? { kind: 'unknown', because: { code: 'exit-code-unknown', facts: said(message) } }
      : exited(exitCode, exitCode === KILLED_EXIT_CODE ? bySignal(said(message)) : null);
  return { kind: 'ended', taskId, outcome };
}

function failed(job: Job, report: TaskReport, lostGraceMs: number): Verdict {
  const { reason, taskId, message } = report;
  // A master that is asked tells the state, neither code nor cause. The agent repeats both until it is acknowledged.
  if (reason === 'reconciliation' && job.state !== 'killing')
    return { kind: 'ask-again', doubt: null };
  const limit = limitOf(report);
  if (limit !== null) return ended(report, exited(codeOf(report), limit));
  if (reason === 'container-launch-failed') return notLaunched(job, report, lostGraceMs);
  if (reason !== null && SYSTEM_REASONS.has(reason)) {
    const cause = because('executor-terminated', report);
    return event({ kind: 'systemFault', taskId, because: cause, graceMs: lostGraceMs });
  }
  const code = exitCodeOf(message);
  if (code === KILLED_EXIT_CODE) return ended(report, exited(code, bySignal(facts(report))));
  if (code !== undefined) return ended(report, exited(code));
  // A job being killed ends as killed, whatever its code.
  if (job.state === 'killing') return event(endByFile(report, null));
  return { kind: 'read-exit-file', taskId, message };
}

/** The agent could not start it: for want of the image, whoever is to blame, or for a reason that lies in the job. */
function notLaunched(job: Job, report: TaskReport, lostGraceMs: number): Verdict {
  const { taskId, message } = report;
  const systemFault = (code: ReasonCode, graceMs: number): Verdict =>
    event({ kind: 'systemFault', taskId, because: because(code, report), graceMs });
  switch (imageTrouble(message ?? '')) {
    case 'registry':
      return systemFault('registry-trouble', registryPauseMs(job));
    case 'image':
      return launchFailed('no-such-image', report);
    default:
      return DOCKER_AWAY.test(message ?? '')
        ? systemFault('executor-terminated', lostGraceMs)
        : launchFailed('container-launch-failed', report);
  }
}

function registryPauseMs({ id, faults }: Job): number {
  const pauseMs = REGISTRY_PAUSE_MS_MIN * 2 ** faults.filter(isRegistryFault).length;
  const spread = 1 + ((id % REGISTRY_SPREAD) / REGISTRY_SPREAD) * 0.5;
  return Math.min(REGISTRY_PAUSE_MS_MAX, Math.round(pauseMs * spread));
}

/** The limit of the job's own that ended it, as far as the cluster names one. */
function limitOf(report: TaskReport): Reason | null {
  switch (report.reason) {
    case 'container-limitation-memory':
      return because('out-of-memory', report);
    case 'container-limitation':
    case 'container-limitation-disk':
      return because('resource-limit', report);
    case 'max-completion-time-reached':
      return because('max-duration', report);
    default:
      return null;
  }
}

/** Of a task that a limit ended: memory always ends it with SIGKILL, the others leave it time to choose a code. */
const codeOf = ({ reason, message }: TaskReport): number =>
  (reason === 'container-limitation-memory' ? undefined : exitCodeOf(message)) ?? KILLED_EXIT_CODE;

/** SIGKILL out of nowhere: an agent that does not watch memory itself tells no more of it than that. */
const bySignal = (known: Reason['facts']): Reason => ({ code: 'killed-by-signal', facts: known });

/** LOST comes for lost agents; from masters that take us for an old framework also for DROPPED and UNKNOWN. */
function lost(job: Job, report: TaskReport, options: Asking): Verdict {
  if (report.reason === 'invalid-offers' && job.state === 'launching') return dropped(report);
  if (report.reason === 'reconciliation') return unknown(report, options);
  return agentLost(report, options.lostGraceMs);
}

type Asking = VerdictOptions & { readonly at: Instant; readonly doubt: Doubt | null };

function unknown(report: TaskReport, { at, doubt, lostGraceMs }: Asking): Verdict {
  const next = { answers: (doubt?.answers ?? 0) + 1, since: doubt?.since ?? at };
  const isFinal = next.answers >= UNKNOWN_ANSWERS && at - next.since >= UNKNOWN_SPAN_MS;
  return isFinal ? agentLost(report, lostGraceMs) : { kind: 'ask-again', doubt: next };
}

const agentLost = (report: TaskReport, graceMs: number): Verdict =>
  event({
    kind: 'systemFault',
    taskId: report.taskId,
    because: because('agent-lost', report),
    graceMs,
  });

const dropped = (report: TaskReport): Verdict =>
  neverRan(report, 'dropped', report.reason === 'invalid-offers' ? 0 : DROPPED_PAUSE_MS);

/**
 * Each number is used once, so the record must have forgotten a launch, as a restored backup has. Of a job whose task is
 * known to run it says nothing new.
 */
const numberTaken = (job: Job, { taskId }: TaskReport): Verdict =>
  job.state === 'launching' || job.state === 'killing'
    ? event({ kind: 'numberTaken', taskId })
    : NOTHING;

const neverRan = (report: TaskReport, code: ReasonCode, graceMs: number): Verdict =>
  event({ kind: 'neverRan', taskId: report.taskId, because: because(code, report), graceMs });

const launchFailed = (code: ReasonCode, report: TaskReport): Verdict =>
  event({ kind: 'launchFailed', taskId: report.taskId, because: because(code, report) });

const started = ({ taskId, agentId, containerId, ipAddress }: TaskReport): Verdict =>
  event({ kind: 'started', taskId, agentId, container: { containerId, ipAddress } });

const ended = (
  { taskId }: TaskReport,
  outcome: Extract<Outcome, { kind: 'exited' | 'unknown' }>,
): Verdict => event({ kind: 'ended', taskId, outcome });

const exited = (exitCode: number, limit: Reason | null = null) =>
  ({ kind: 'exited', exitCode, because: limit }) as const;

const event = (jobEvent: JobEvent): Verdict => ({ kind: 'event', event: jobEvent });

/** The code, with the cluster's own words as facts. */
const because = (code: ReasonCode, report: TaskReport): Reason => ({ code, facts: facts(report) });

const facts = ({ reason, message }: TaskReport): Reason['facts'] => ({
  ...(reason === null ? {} : { reason }),
  ...said(message),
});

const said = (message: string | null): Readonly<Record<string, string>> =>
  message === null ? {} : { message: message.slice(0, MESSAGE_CHARS_MAX) };
