/**
 * The life of a job: a table, a function, and effects as data. Illegal is an answer, not an exception: a cluster
 * repeats itself, and updates of former launches come late.
 */
import { launchOf, mayAdopt } from './adoption.js';
import { openStep } from './array-life.js';
import { assert, unreachable } from './assert.js';
import { startOf, usedMs } from './charged-time.js';
import { isBeyondGranted } from './granted-retries.js';
import {
  type ContainerFacts,
  isLive,
  type Job,
  type JobState,
  KILLED_EXIT_CODE,
  type KillWanted,
  killedBy,
  type LiveJob,
  NO_CONTAINER,
  type Outcome,
  type PendingJob,
  type Placement,
  type Reason,
  type Retried,
  type SystemFault,
  stoppedAt,
} from './job.js';
import type { Effect, JobEvent } from './job-event.js';
import {
  containerOf,
  launching,
  live,
  merged,
  over,
  pending,
  running,
  sameFacts,
  startedAtOf,
} from './job-facts.js';
import {
  lastOutcome,
  needsOf,
  refusedPauseMs,
  retryOf,
  withFailure,
  withLaunches,
} from './retry.js';
import { type Instant, instant, taskIdOf } from './units.js';

export { REGISTRY_RETRIES_MAX, SYSTEM_RETRIES_MAX } from './granted-retries.js';
export type { Effect, JobEvent } from './job-event.js';

/** Before a launch under the next number: time to hear what has this one. */
const NUMBER_TAKEN_PAUSE_MS = 5_000;

/** Of launches that no rule of the job has followed by another. */
const NO_RULE = -1;

type EndedEvent = Extract<JobEvent, { kind: 'ended' }>;
/** Launching, running or unreachable: nobody has acted on a kill yet. */
type Unkilled = Exclude<LiveJob, { state: 'killing' }>;

export type Step =
  | { readonly kind: 'moved'; readonly job: Job; readonly effects: readonly Effect[] }
  | { readonly kind: 'ignored'; readonly because: string; readonly effects: readonly Effect[] };

/**
 * The whole life of a job on one screen. An event absent from a row is late, repeated or foreign. `started` while
 * `running` moves only if it tells something new.
 */
export const LIFE = {
  pending: ['placed', 'adopted', 'killWanted', 'gaveUp', 'amended'],
  launching: [
    'numberTaken',
    'neverRan',
    'started',
    'ended',
    'killed',
    'systemFault',
    'launchFailed',
    'unreachable',
    'killWanted',
    'rescheduled',
  ],
  running: [
    'started',
    'ended',
    'killed',
    'systemFault',
    'launchFailed',
    'unreachable',
    'killWanted',
    'preempted',
    'rescheduled',
    'amended',
  ],
  killing: ['numberTaken', 'neverRan', 'started', 'ended', 'killed', 'systemFault', 'launchFailed'],
  unreachable: ['started', 'ended', 'killed', 'systemFault', 'launchFailed', 'killWanted'],
  /** An array; what is wanted of it is done to its members. */
  open: ['memberStarted', 'membersOver', 'gaveUp'],
  over: [],
} as const satisfies Record<JobState, readonly JobEvent['kind'][]>;

/** The next state of a job, or why the event changes nothing; and what is to be done about it. */
export function step(job: Job, event: JobEvent, at: Instant): Step {
  const legal: readonly JobEvent['kind'][] = LIFE[job.state];
  if (!legal.includes(event.kind)) return ignore(job, event);
  if (job.state === 'pending') return fromPending(job, event, at);
  if (job.state === 'open') {
    const next = openStep(job, event, at);
    return next === undefined ? ignore(job, event) : moved(next);
  }
  if (!isLive(job) || !isAbout(job, event)) return ignore(job, event);
  return job.state === 'killing' ? fromKilling(job, event, at) : fromTask(job, event, at);
}

function fromPending(job: PendingJob, event: JobEvent, at: Instant): Step {
  switch (event.kind) {
    case 'placed':
      return place(job, event.placement, event.directory);
    case 'adopted':
      if (!mayAdopt(job, launchOf(event.placement.taskId))) return ignore(job, event);
      return holdTask(job, event);
    case 'killWanted':
      return leave(
        { ...job, killWanted: job.killWanted ?? wantedBy(event) },
        killedBy(job.killWanted ?? event),
        at,
      );
    case 'gaveUp':
      return leave(job, { kind: 'gaveUp', because: event.because }, at);
    case 'amended':
      return moved({ ...job, spec: event.spec });
    case 'numberTaken':
    case 'neverRan':
    case 'started':
    case 'ended':
    case 'killed':
    case 'systemFault':
    case 'launchFailed':
    case 'unreachable':
    case 'preempted':
    case 'rescheduled':
    case 'memberStarted':
    case 'membersOver':
      return ignore(job, event);
    default:
      return unreachable(event);
  }
}

function fromTask(job: Unkilled, event: JobEvent, at: Instant): Step {
  switch (event.kind) {
    case 'numberTaken':
      return numberTaken(job, at);
    case 'neverRan':
      return refused(job, event.graceMs, at);
    case 'started':
      return start(job, event.container, at);
    case 'ended':
      return ended(job, event, at);
    case 'killed':
      return stopped(job, at) ?? fault(job, event.because, 0, at);
    case 'preempted':
      return stop(job, { preemptedAt: at });
    case 'rescheduled':
      return stop(job, { rescheduled: rescheduledBy(event, at) });
    case 'amended':
      return moved({ ...job, spec: event.spec });
    case 'systemFault':
      return fault(job, event.because, event.graceMs, at);
    case 'launchFailed':
      return end(job, { kind: 'gaveUp', because: event.because }, at);
    case 'unreachable':
      return moved({ ...live(job), state: 'unreachable', since: at });
    case 'killWanted':
      return moved(
        {
          ...live(job),
          state: 'killing',
          killWanted: job.killWanted ?? wantedBy(event),
        },
        [kill(job)],
      );
    case 'placed':
    case 'adopted':
    case 'gaveUp':
    case 'memberStarted':
    case 'membersOver':
      return ignore(job, event);
    default:
      return unreachable(event);
  }
}

/** Whatever ends a task whose kill was ordered, the job ends as killed. */
function fromKilling(
  job: Extract<LiveJob, { state: 'killing' }>,
  event: JobEvent,
  at: Instant,
): Step {
  const killed = killedBy(job.killWanted);
  switch (event.kind) {
    case 'started':
      // It runs, so our kill was lost or came too early.
      return moved(
        {
          ...job,
          startedAt: job.startedAt ?? at,
          container: merged(job.container, event.container),
        },
        [kill(job)],
      );
    case 'numberTaken':
    case 'neverRan':
    case 'ended':
    case 'killed':
    case 'systemFault':
    case 'launchFailed':
      return end(job, killed, at);
    case 'placed':
    case 'adopted':
    case 'unreachable':
    case 'killWanted':
    case 'preempted':
    case 'rescheduled':
    case 'amended':
    case 'gaveUp':
    case 'memberStarted':
    case 'membersOver':
      return ignore(job, event);
    default:
      return unreachable(event);
  }
}

/** Numbers that tasks of others have in the cluster are passed over. */
function place(job: PendingJob, placement: Placement, directory: string): Step {
  const launches = launchOf(placement.taskId);
  const isNext = launches > job.launches && placement.taskId === taskIdOf(job.id, launches);
  assert(isNext, 'a task id names a launch to come');
  return holdTask(job, { placement, directory });
}

/** From now on the job holds that task. */
function holdTask(
  job: PendingJob,
  { placement, directory }: { readonly placement: Placement; readonly directory: string },
): Step {
  const launches = launchOf(placement.taskId);
  const effects: Effect[] = [{ kind: 'dequeue' }, { kind: 'charge', taskId: placement.taskId }];
  return moved(launching(job, { launches, directory, placement }), effects);
}

/** Nothing of ours runs, but something does: the record says so, so that no leader takes it for a former launch of ours. */
function numberTaken(job: Unkilled, at: Instant): Step {
  const next = again(job, { pauseMs: NUMBER_TAKEN_PAUSE_MS, usedMs: 0 }, at);
  if (next.kind === 'ignored' || next.job.state !== 'pending') return next;
  return moved({ ...next.job, isNumberTaken: true }, next.effects);
}

function start(job: Unkilled, told: ContainerFacts, at: Instant): Step {
  const { placement, retried } = job;
  const container = merged(containerOf(job), told);
  if (job.state === 'running' && sameFacts(container, job.container))
    return { kind: 'ignored', because: 'started while running', effects: [] };
  const startedAt = startedAtOf(job) ?? at;
  const known = retried.refusals === 0 ? retried : { ...retried, refusals: 0 };
  return moved(running(job, { retried: known, placement, startedAt, container }));
}

/** The cluster has not run it: uncharged, without a bound on how often, but ever more slowly. */
function refused(job: Unkilled, graceMs: number, at: Instant): Step {
  const refusals = job.retried.refusals + 1;
  const pauseMs = refusedPauseMs(refusals, graceMs);
  return again({ ...job, retried: { ...job.retried, refusals } }, { pauseMs, usedMs: 0 }, at);
}

/** The retry rule for the system: pending again, unless a kill is wanted or the system has failed too often. */
function fault(job: Unkilled, because: Reason, graceMs: number, at: Instant): Step {
  const { taskId, host } = job.placement;
  const faults: readonly SystemFault[] = [...job.faults, { taskId, host, because, at }];
  if (job.killWanted === null && isBeyondGranted(faults, job.spec.systemRetriesMax))
    return end({ ...job, faults }, { kind: 'gaveUp', because: withLaunches(because, job) }, at);
  return again({ ...job, faults }, { pauseMs: graceMs, usedMs: 0 }, at);
}

/** The mark is stored before the kill goes out: whoever leads when the task ends knows why it did. */
function stop(job: Unkilled, mark: Pick<Placement, 'preemptedAt' | 'rescheduled'>): Step {
  if (stoppedAt(job.placement) !== undefined)
    return { kind: 'ignored', because: 'stopped already', effects: [kill(job)] };
  return moved({ ...job, placement: { ...job.placement, ...mark } }, [kill(job)]);
}

const rescheduledBy = (
  { by, isOwners }: Extract<JobEvent, { kind: 'rescheduled' }>,
  at: Instant,
): NonNullable<Placement['rescheduled']> => ({ by, at, ...(isOwners ? { isOwners } : {}) });

/** What becomes of a launch that was stopped by us; undefined: it was not. */
function stopped(job: Unkilled, at: Instant): Step | undefined {
  const { taskId, host, preemptedAt, rescheduled } = job.placement;
  if (preemptedAt !== undefined) return fault(job, { code: 'preempted', facts: { host } }, 0, at);
  if (rescheduled === undefined) return undefined;
  const { by, isOwners = false } = rescheduled;
  const because: Reason = { code: 'rescheduled', facts: { host, by } };
  // What the owner wanted stopped is the owner's use; what an administrator wanted is nobody's.
  if (by !== job.owner && !isOwners) return fault(job, because, 0, at);
  if (job.killWanted !== null) return end(job, killedBy(job.killWanted), at);
  const startedAt = startedAtOf(job) ?? at;
  const memMb = needsOf(job).memMb;
  const mine = { taskId, host, exitCode: KILLED_EXIT_CODE, because, rule: NO_RULE, memMb };
  const { memMbGranted } = job.retried;
  const retried = withFailure(job.retried, { ...mine, startedAt, at }, memMbGranted);
  return again({ ...job, retried }, { pauseMs: 0, usedMs: Math.max(0, at - startedAt) }, at);
}

/** An end by itself is the job's own: over, or launched again and charged, if a rule of the job grants it. */
function ended(job: Unkilled, { outcome, memMbMax = null }: EndedEvent, at: Instant): Step {
  // It was stopped, whatever code its handler of signals chose; only 0 may as well be its work done in time.
  const isDone = outcome.kind === 'exited' && outcome.exitCode === 0;
  const after = isDone ? undefined : stopped(job, at);
  if (after !== undefined) return after;
  if (outcome.kind !== 'exited' || job.killWanted !== null) return end(job, outcome, at);
  const retry = retryOf(job, outcome, memMbMax);
  if (retry.kind === 'no-rule') return end(job, outcome, at);
  if (retry.kind === 'used-up') return end(job, lastOutcome(job, outcome), at);
  const { rule, pauseMs, memMbGranted } = retry;
  const { taskId, host, placedAt } = job.placement;
  const { exitCode, because } = outcome;
  const startedAt = startOf(job, outcome) ?? placedAt;
  const { memMb } = needsOf(job);
  const failure = { taskId, host, exitCode, because, rule, memMb, startedAt, at };
  const retried: Retried = withFailure(job.retried, failure, memMbGranted);
  return again({ ...job, retried }, { pauseMs, usedMs: usedMs(startedAt, outcome, at) }, at);
}

/** Pending again, unless a kill is wanted. `usedMs`: what is charged of this launch. */
function again(
  job: Unkilled,
  { pauseMs, usedMs }: { readonly pauseMs: number; readonly usedMs: number },
  at: Instant,
): Step {
  if (job.killWanted !== null) return end(job, killedBy(job.killWanted), at);
  const notBefore = pauseMs > 0 ? instant(at + pauseMs) : null;
  const effects: Effect[] = [
    { kind: 'settle', taskId: job.placement.taskId, usedMs },
    { kind: 'enqueue', notBefore },
  ];
  return moved(pending(job, { notBefore, pauseMs }), effects);
}

/** The end of a job that holds a task. */
function end(job: LiveJob, outcome: Outcome, at: Instant): Step {
  const { placement } = job;
  const container = containerOf(job);
  const startedAt = startOf(job, outcome);
  return moved(over(job, { outcome, endedAt: at, startedAt, container, placement }), [
    { kind: 'settle', taskId: placement.taskId, usedMs: usedMs(startedAt, outcome, at) },
  ]);
}

/** The end of a job that waits. */
function leave(job: PendingJob, outcome: Outcome, at: Instant): Step {
  const nothing = { startedAt: null, placement: null, container: NO_CONTAINER };
  return moved(over(job, { outcome, endedAt: at, ...nothing }), [{ kind: 'dequeue' }]);
}

/**
 * Masters repeat updates, so a second `started` is normal. One for a task that no live state holds is an orphan and
 * is killed; a kill that is wanted again is sent again, in case the first was lost.
 */
function ignore(job: Job, event: JobEvent): Step {
  const effects: Effect[] = [];
  if (event.kind === 'started' && !(isLive(job) && isAbout(job, event)))
    effects.push({ kind: 'killTask', taskId: event.taskId, agentId: event.agentId });
  if (event.kind === 'killWanted' && job.state === 'killing') effects.push(kill(job));
  return { kind: 'ignored', because: `${event.kind} while ${job.state}`, effects };
}

const isAbout = (job: LiveJob, event: JobEvent): boolean =>
  !('taskId' in event) || event.taskId === job.placement.taskId;

const wantedBy = ({ by, at, because }: KillWanted): KillWanted =>
  because === undefined ? { by, at } : { by, at, because };

const moved = (job: Job, effects: readonly Effect[] = []): Step => ({
  kind: 'moved',
  job,
  effects,
});

const kill = (job: LiveJob): Effect => ({
  kind: 'killTask',
  taskId: job.placement.taskId,
  agentId: job.placement.agentId,
});
