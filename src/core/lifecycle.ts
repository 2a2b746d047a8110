/**
 * The life of a job: a table, a function, and effects as data. Illegal is an answer, not an exception: a cluster
 * repeats itself, and updates of former launches come late.
 */
import { type ArrayEvent, openStep } from './array-life.js';
import { assert, unreachable } from './assert.js';
import { startOf, usedMs } from './charged-time.js';
import { isBeyondGranted } from './granted-retries.js';
import {
  type ContainerFacts,
  isLive,
  type Job,
  type JobState,
  type KillWanted,
  type LiveJob,
  NO_CONTAINER,
  type Outcome,
  type PendingJob,
  type Placement,
  type Reason,
  type Retried,
  type SystemFault,
} from './job.js';
import { asked, containerOf, live, startedAtOf } from './job-facts.js';
import {
  lastOutcome,
  needsOf,
  refusedPauseMs,
  retryOf,
  withFailure,
  withLaunches,
} from './retry.js';
import {
  type AgentId,
  type Instant,
  instant,
  type TaskId,
  taskIdOf,
  type UserId,
} from './units.js';

export { REGISTRY_RETRIES_MAX, SYSTEM_RETRIES_MAX } from './granted-retries.js';

export type JobEvent =
  /** A cycle gave it a place; its directory exists. The record of this step is the intent. */
  | { readonly kind: 'placed'; readonly placement: Placement; readonly directory: string }
  /** Nothing of this launch ever ran, surely. `graceMs`: pause before the next launch. */
  | {
      readonly kind: 'neverRan';
      readonly taskId: TaskId;
      readonly because: Reason;
      readonly graceMs: number;
    }
  /** The cluster says the task runs; also when an unreachable agent comes back. */
  | {
      readonly kind: 'started';
      readonly taskId: TaskId;
      readonly agentId: AgentId | null;
      readonly container: ContainerFacts;
    }
  /** The process ended by itself or by a limit of the job's own. */
  | {
      readonly kind: 'ended';
      readonly taskId: TaskId;
      readonly outcome: Extract<Outcome, { kind: 'exited' | 'unknown' }>;
      /** Memory of the largest agent that suits the job, as far as its rules ask; absent or null: nobody knows. */
      readonly memMbMax?: number | null;
    }
  /** The cluster says KILLED, whoever wanted it. */
  | { readonly kind: 'killed'; readonly taskId: TaskId; readonly because: Reason }
  /** The launch ended through no fault of the job; its old processes may need `graceMs` to die. */
  | {
      readonly kind: 'systemFault';
      readonly taskId: TaskId;
      readonly because: Reason;
      readonly graceMs: number;
    }
  /** The job itself cannot be started: bad image, a task the master refuses. Another launch would not help. */
  | { readonly kind: 'launchFailed'; readonly taskId: TaskId; readonly because: Reason }
  /** The agent is cut off; the task may still run. */
  | { readonly kind: 'unreachable'; readonly taskId: TaskId }
  | { readonly kind: 'killWanted'; readonly by: UserId; readonly at: Instant }
  /** The launch is stopped for the sake of another user's job. */
  | { readonly kind: 'preempted'; readonly taskId: TaskId }
  | ArrayEvent;

type EndedEvent = Extract<JobEvent, { kind: 'ended' }>;
/** Launching, running or unreachable: nobody has acted on a kill yet. */
type Unkilled = Exclude<LiveJob, { state: 'killing' }>;

/** What the shell does after it has saved the new job. Each is harmless twice. */
export type Effect =
  | { readonly kind: 'killTask'; readonly taskId: TaskId; readonly agentId: AgentId | null }
  /** Count the job as running in its account from now on. */
  | { readonly kind: 'charge'; readonly taskId: TaskId }
  /** Replace the advance of `charge` by what was really used; 0 when the system failed or nothing ran. */
  | { readonly kind: 'settle'; readonly taskId: TaskId; readonly usedMs: number }
  /** Back into the queue at its old place, which its id keeps. */
  | { readonly kind: 'enqueue'; readonly notBefore: Instant | null }
  | { readonly kind: 'dequeue' };

export type Step =
  | { readonly kind: 'moved'; readonly job: Job; readonly effects: readonly Effect[] }
  | { readonly kind: 'ignored'; readonly because: string; readonly effects: readonly Effect[] };

/**
 * The whole life of a job on one screen. An event absent from a row is late, repeated or foreign. `started` while
 * `running` moves only if it tells something new.
 */
export const LIFE = {
  pending: ['placed', 'killWanted', 'gaveUp'],
  launching: [
    'neverRan',
    'started',
    'ended',
    'killed',
    'systemFault',
    'launchFailed',
    'unreachable',
    'killWanted',
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
  ],
  killing: ['neverRan', 'started', 'ended', 'killed', 'systemFault', 'launchFailed'],
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
    case 'killWanted':
      return leave(
        { ...job, killWanted: job.killWanted ?? { by: event.by, at: event.at } },
        { kind: 'killed', by: job.killWanted?.by ?? event.by },
        at,
      );
    case 'gaveUp':
      return leave(job, { kind: 'gaveUp', because: event.because }, at);
    case 'neverRan':
    case 'started':
    case 'ended':
    case 'killed':
    case 'systemFault':
    case 'launchFailed':
    case 'unreachable':
    case 'preempted':
    case 'memberStarted':
    case 'membersOver':
      return ignore(job, event);
    default:
      return unreachable(event);
  }
}

function fromTask(job: Unkilled, event: JobEvent, at: Instant): Step {
  switch (event.kind) {
    case 'neverRan':
      return refused(job, event.graceMs, at);
    case 'started':
      return start(job, event.container, at);
    case 'ended':
      return ended(job, event, at);
    case 'killed':
      return fault(job, stopOf(job) ?? event.because, 0, at);
    case 'preempted':
      return preempt(job, at);
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
          killWanted: job.killWanted ?? { by: event.by, at: event.at },
        },
        [kill(job)],
      );
    case 'placed':
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
  const killed: Outcome = { kind: 'killed', by: job.killWanted.by };
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
    case 'neverRan':
    case 'ended':
    case 'killed':
    case 'systemFault':
    case 'launchFailed':
      return end(job, killed, at);
    case 'placed':
    case 'unreachable':
    case 'killWanted':
    case 'preempted':
    case 'gaveUp':
    case 'memberStarted':
    case 'membersOver':
      return ignore(job, event);
    default:
      return unreachable(event);
  }
}

function place(job: PendingJob, placement: Placement, directory: string): Step {
  const launches = job.launches + 1;
  assert(placement.taskId === taskIdOf(job.id, launches), 'a task id names the next launch');
  const effects: Effect[] = [{ kind: 'dequeue' }, { kind: 'charge', taskId: placement.taskId }];
  return moved({ ...asked(job), state: 'launching', launches, directory, placement }, effects);
}

function start(job: Unkilled, told: ContainerFacts, at: Instant): Step {
  const { placement, retried } = job;
  const container = merged(containerOf(job), told);
  if (job.state === 'running' && sameFacts(container, job.container))
    return { kind: 'ignored', because: 'started while running', effects: [] };
  const startedAt = startedAtOf(job) ?? at;
  const known = asked(
    retried.refusals === 0 ? job : { ...job, retried: { ...retried, refusals: 0 } },
  );
  return moved({ ...known, state: 'running', placement, startedAt, container });
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
function preempt(job: Unkilled, at: Instant): Step {
  if (job.placement.preemptedAt !== undefined)
    return { kind: 'ignored', because: 'preempted already', effects: [kill(job)] };
  const known = live(job);
  const placement = { ...known.placement, preemptedAt: at };
  return moved({ ...job, placement }, [kill(job)]);
}

/** Why the launch was stopped by us, if it was. */
const stopOf = ({ placement }: LiveJob): Reason | undefined =>
  placement.preemptedAt === undefined
    ? undefined
    : { code: 'preempted', facts: { host: placement.host } };

/** An end by itself is the job's own: over, or launched again and charged, if a rule of the job grants it. */
function ended(job: Unkilled, { outcome, memMbMax = null }: EndedEvent, at: Instant): Step {
  // It was stopped, whatever code its handler of signals chose; only 0 may as well be its work done in time.
  const stop = outcome.kind === 'exited' && outcome.exitCode === 0 ? undefined : stopOf(job);
  if (stop !== undefined) return fault(job, stop, 0, at);
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
  if (job.killWanted !== null) return end(job, { kind: 'killed', by: job.killWanted.by }, at);
  const notBefore = pauseMs > 0 ? instant(at + pauseMs) : null;
  const effects: Effect[] = [
    { kind: 'settle', taskId: job.placement.taskId, usedMs },
    { kind: 'enqueue', notBefore },
  ];
  return moved({ ...asked(job), state: 'pending', notBefore, pauseMs }, effects);
}

/** The end of a job that holds a task. */
function end(job: LiveJob, outcome: Outcome, at: Instant): Step {
  const { placement } = job;
  const container = containerOf(job);
  const startedAt = startOf(job, outcome);
  return moved(
    { ...asked(job), state: 'over', outcome, endedAt: at, startedAt, container, placement },
    [{ kind: 'settle', taskId: placement.taskId, usedMs: usedMs(startedAt, outcome, at) }],
  );
}

/** The end of a job that waits. */
function leave(job: PendingJob, outcome: Outcome, at: Instant): Step {
  return moved(
    {
      ...asked(job),
      state: 'over',
      outcome,
      endedAt: at,
      startedAt: null,
      placement: null,
      container: NO_CONTAINER,
    },
    [{ kind: 'dequeue' }],
  );
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

const merged = (known: ContainerFacts, told: ContainerFacts): ContainerFacts => ({
  containerId: told.containerId ?? known.containerId,
  ipAddress: told.ipAddress ?? known.ipAddress,
});

const sameFacts = (a: ContainerFacts, b: ContainerFacts): boolean =>
  a.containerId === b.containerId && a.ipAddress === b.ipAddress;

export type { KillWanted };
