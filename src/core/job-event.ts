/** What happens to a job, and what is to be done about it: the words of its life. */
import type { ArrayEvent } from './array-life.js';
import type { ContainerFacts, JobSpec, KillWanted, Outcome, Placement, Reason } from './job.js';
import type { AgentId, Instant, TaskId, UserId } from './units.js';

export type JobEvent =
  /** A cycle gave it a place; its directory exists. The record of this step is the intent. */
  | { readonly kind: 'placed'; readonly placement: Placement; readonly directory: string }
  /** A task that runs is a launch of this job which its record had forgotten: taken over, not launched. */
  | { readonly kind: 'adopted'; readonly placement: Placement; readonly directory: string }
  /** The cluster refused the launch for its number: a task that this record never launched has it. */
  | { readonly kind: 'numberTaken'; readonly taskId: TaskId }
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
  | ({ readonly kind: 'killWanted' } & KillWanted)
  /** The launch is stopped for the sake of another user's job. */
  | { readonly kind: 'preempted'; readonly taskId: TaskId }
  /** The launch is stopped so that the job may have another one. */
  | {
      readonly kind: 'rescheduled';
      readonly taskId: TaskId;
      readonly by: UserId;
      /** `by` acted for the owner. */
      readonly isOwners?: true;
    }
  /** What was asked is another now: anything of a job that waits, the lifespan of one that runs. */
  | { readonly kind: 'amended'; readonly spec: JobSpec }
  | ArrayEvent
  /** It is not launched at all: impossible, not authorized, no job directory. */
  | { readonly kind: 'gaveUp'; readonly because: Reason };

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
