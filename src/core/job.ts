/** A job: what a user asked to run. It may be launched several times; each launch is one task. */
import type { ArraySpec } from './array.js';
import type { Dependencies, HeldBack } from './dependency.js';
import type { Needs } from './resources.js';
import type { AgentId, Instant, JobId, ProjectId, TaskId, UserId } from './units.js';
import type { Webhook } from './webhook.js';

/** A directory of the host, granted by policy, as the container will see it. */
export interface Volume {
  readonly name: string;
  /** Real path on the host. */
  readonly path: string;
  /** Path inside the container. */
  readonly mount: string;
  readonly acl: 'ro' | 'rw';
}

/** `name==value` on an agent's attribute. */
export interface Constraint {
  readonly name: string;
  readonly value: string;
}

/** A network that a job may ask for: one for all, one of its owner, one of its project. */
export type NetworkKind = (typeof NETWORK_KINDS)[number];
export const NETWORK_KINDS = ['public', 'user', 'project'] as const;

/** Who the job runs as. Comes from the directory of users, never from the request. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly sgids: readonly number[];
  readonly home: string;
  readonly email: string | null;
}

/** What the user asked for, checked and completed. The script is kept apart: lists never read it. */
export interface JobSpec {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly image: string;
  readonly volumes: readonly Volume[];
  readonly hasNetwork: boolean;
  /** Joined by name, with an address of its own; null: the usual one of the agents, or none. */
  readonly network: NetworkKind | null;
  readonly isRoot: boolean;
  readonly needs: Needs;
  readonly constraints: readonly Constraint[];
  /** Container ports to open, as asked; `Placement.ports` has the host's side. */
  readonly ports: readonly number[];
  /** Who handed it in, when that was not the owner. */
  readonly submittedBy?: UserId;
  /** Executor asked for, or null for the first that is configured. */
  readonly executor: string | null;
  /** A queue of the site; absent: none. Its constraints and lifespan are in the spec. */
  readonly queue?: string;
  /** Launches after a failure of the system that are granted before we give up. */
  readonly systemRetriesMax: number;
  /** Of a job array, its parent and its members alike; absent: an ordinary job. */
  readonly array?: ArraySpec;
  /** What must come true before it is ready; absent: nothing. */
  readonly dependencies?: Dependencies;
  /** It does not start before that date; absent: at any time. The pause before a next launch is `PendingJob.notBefore`. */
  readonly beginAt?: Instant;
  /** When it is launched again after an end of its own; the first rule that applies decides. */
  readonly retries: readonly RetryRule[];
  /** A launch that runs longer than this is ended, in milliseconds from its start; null: no limit. */
  readonly lifespanMs: number | null;
  /** A service that is called at its start or end; absent: none. */
  readonly webhook?: Webhook;
  /** Its trace, as the submission began it: a `traceparent` as W3C has it; absent: it is not traced. */
  readonly trace?: string;
  /** The historic request, as it was sent, for fields that only clients read back (labels, tmpstorage …). */
  readonly asked: Readonly<Record<string, unknown>>;
}

/** After which ends of its own a job is launched again. */
export interface RetryRule {
  readonly exitCodes: readonly ExitCodeRange[];
  /** Also ends that memory explains. */
  readonly isForMemory: boolean;
  /** Launches that this rule grants besides the first. */
  readonly timesMax: number;
  /** Between such an end and the next launch, in milliseconds. */
  readonly pauseMs: number;
  /** Null: the next launch gets as much memory as the last. */
  readonly growth: MemoryGrowth | null;
}

/** Both ends are included. */
export interface ExitCodeRange {
  readonly first: number;
  readonly last: number;
}

/** The next launch gets `factor` times the memory of the last, rounded up, and at most `memMbMax` (null: no bound). */
export interface MemoryGrowth {
  readonly factor: number;
  readonly memMbMax: number | null;
}

/** Where one launch went. */
export interface Placement {
  readonly taskId: TaskId;
  /** Name of the executor plugin that runs it. */
  readonly executor: string;
  readonly agentId: AgentId;
  readonly host: string;
  readonly placedAt: Instant;
  /** Host ports, in the order of `spec.ports`. */
  readonly ports: readonly number[];
  /** The launch is being stopped since then, for the sake of another user's job; absent: it is not. */
  readonly preemptedAt?: Instant;
  /** The launch is being stopped since then because somebody wants another one; absent: nobody does. */
  readonly rescheduled?: {
    readonly by: UserId;
    readonly at: Instant;
    /** `by` acted for the owner: it is the owner's wish. */
    readonly isOwners?: true;
  };
}

/** What the cluster told about the container; empty until it did. */
export interface ContainerFacts {
  readonly containerId: string | null;
  readonly ipAddress: string | null;
}

/** One launch that ended through no fault of the job. */
export interface SystemFault {
  readonly taskId: TaskId;
  readonly host: string;
  readonly because: Reason;
  readonly at: Instant;
}

/** One launch that ended by itself and that a rule of the job followed by another: its use is charged. */
export interface OwnFailure {
  readonly taskId: TaskId;
  readonly host: string;
  readonly exitCode: number;
  readonly because: Reason | null;
  /** Which of `spec.retries` granted the next launch. */
  readonly rule: number;
  /** Memory that this launch had. */
  readonly memMb: number;
  readonly startedAt: Instant;
  readonly at: Instant;
}

/** What a job's relaunches have come to. */
export interface Retried {
  readonly failures: readonly OwnFailure[];
  /** Memory of the next launch where rules have made it grow; null: as asked. */
  readonly memMbGranted: number | null;
  /** Launches in a row of which nothing ran. */
  readonly refusals: number;
}

/** Whether a launch never ran because its image could not be had just then: no agent is to blame. */
export const isRegistryFault = ({ because }: SystemFault): boolean =>
  because.code === 'registry-trouble';

/** Whether a launch was taken back for its agent's sake: it is not charged, nor counted against the job. */
export const isTakenBack = ({ because }: Pick<SystemFault, 'because'>): boolean =>
  because.code === 'suspect-agent';

/** Whether a launch was stopped for another user's job: it is not charged, nor counted against the job. */
export const isPreempted = ({ because }: Pick<SystemFault, 'because'>): boolean =>
  because.code === 'preempted';

/** Whether an administrator had it launched anew: it is not charged, nor counted against the job. */
export const isRescheduled = ({ because }: Pick<SystemFault, 'because'>): boolean =>
  because.code === 'rescheduled';

/** Since when the launch is being stopped by us, the job not being killed; undefined: it is not. */
export const stoppedAt = ({ preemptedAt, rescheduled }: Placement): Instant | undefined =>
  preemptedAt ?? rescheduled?.at;

/** Hosts on which the job has failed. */
export const failedHosts = (faults: readonly SystemFault[]): readonly string[] =>
  faults
    .filter((fault) => !isRegistryFault(fault) && !isPreempted(fault) && !isRescheduled(fault))
    .map(({ host }) => host);

/** Why something ended or was refused: a code and facts. Sentences are made at the edge. */
export interface Reason {
  readonly code: ReasonCode;
  readonly facts: Readonly<Record<string, string | number>>;
}

export type ReasonCode =
  | 'agent-lost'
  | 'agent-gone'
  | 'executor-terminated'
  | 'container-launch-failed'
  /** The registry refused, or could not be reached. Repeated by a rule of its own. */
  | 'registry-trouble'
  | 'no-such-image'
  | 'task-error'
  | 'dropped'
  | 'killed-by-cluster'
  | 'out-of-memory'
  /** Another limit than memory: disk, for example. */
  | 'resource-limit'
  /** SIGKILL that neither a user nor a limit the cluster knows of explains. */
  | 'killed-by-signal'
  | 'max-duration'
  /** Jobs of several users ended so on that agent within seconds. */
  | 'suspect-agent'
  /** Stopped for a job of a user who is further below their share. */
  | 'preempted'
  /** Stopped because somebody wanted the job launched anew. Facts: by, host. */
  | 'rescheduled'
  | 'job-directory'
  | 'impossible'
  | 'not-authorized'
  /** What has ended fills a quota. Facts: scope, name, quota, limit, used, held, asked, freesUpAt (an instant). */
  | 'quota-exceeded'
  | 'exit-code-unknown'
  /** What it waits for never comes true. Facts: type, job, exitCode (absent: that job is on record no more). */
  | 'dependency-never'
  /** Of the parent of an array: some of its members ended with another code than 0. */
  | 'members-failed'
  /** A watcher of the site wanted it ended. Facts: watcher (its name), because (its own sentence). */
  | 'watcher'
  /** An exit code for which the job's rules grant no further launch. */
  | 'retries-used-up'
  | 'cluster-said';

/** A kill that was asked for. Written by web processes and watchers at any time; the leader acts on it. */
export interface KillWanted {
  readonly by: UserId;
  readonly at: Instant;
  /** Why, where it is not simply somebody's wish: shown to the job's owner. */
  readonly because?: Reason;
}

export type Outcome =
  /** The process's own exit code; `because` says more when the code came from a limit. */
  | { readonly kind: 'exited'; readonly exitCode: number; readonly because: Reason | null }
  /** `because`: absent where it was simply somebody's wish. */
  | { readonly kind: 'killed'; readonly by: UserId; readonly because?: Reason }
  | { readonly kind: 'gaveUp'; readonly because: Reason }
  /** Ended, but neither the cluster nor the job directory tells the code. */
  | { readonly kind: 'unknown'; readonly because: Reason };

interface Asked {
  readonly id: JobId;
  /** The array that it is a member of; absent: none. Its place there follows from both ids. */
  readonly parent?: JobId;
  readonly owner: UserId;
  readonly project: ProjectId;
  readonly identity: Identity;
  readonly spec: JobSpec;
  readonly submittedAt: Instant;
  /** Counts up for ever: a number once stored is never used again, also after a refused launch. */
  readonly launches: number;
  readonly faults: readonly SystemFault[];
  readonly retried: Retried;
  /** Absolute path of the job directory; null until it was made. */
  readonly directory: string | null;
  readonly killWanted: KillWanted | null;
  /** Raised by every write of the record, whoever writes. */
  readonly version: number;
}

interface Placed extends Asked {
  readonly placement: Placement;
}

interface Started extends Placed {
  readonly startedAt: Instant;
  readonly container: ContainerFacts;
}

/**
 * `notBefore`: earliest instant of the next launch (a former task may still be dying); null for at once. `pauseMs`: how
 * long the pause was that ends then, whatever clocks do meanwhile; 0 for none.
 */
export type PendingJob = Asked & {
  readonly state: 'pending';
  readonly notBefore: Instant | null;
  readonly pauseMs: number;
  /** Absent: nobody holds it back. */
  readonly heldBack?: HeldBack;
  /** The cluster refused the latest launch because a task of its number was there, which this record never launched. */
  readonly isNumberTaken?: true;
};
/** The intent is stored; the cluster may or may not know of it. */
export type LaunchingJob = Placed & { readonly state: 'launching' };
export type RunningJob = Started & { readonly state: 'running' };
/** `startedAt` null: the kill overtook the start. */
export type KillingJob = Placed & {
  readonly state: 'killing';
  readonly killWanted: KillWanted;
  readonly startedAt: Instant | null;
  readonly container: ContainerFacts;
};
export type UnreachableJob = Placed & {
  readonly state: 'unreachable';
  readonly startedAt: Instant | null;
  readonly container: ContainerFacts;
  readonly since: Instant;
};
/** The parent of an array, until all members are over. It holds no task of its own. `startedAt`: of its first member. */
export type OpenJob = Asked & {
  readonly state: 'open';
  readonly startedAt: Instant | null;
  /** Absent: nobody holds back the members that have not started. */
  readonly heldBack?: HeldBack;
};
export type OverJob = Asked & {
  readonly state: 'over';
  readonly outcome: Outcome;
  readonly endedAt: Instant;
  readonly startedAt: Instant | null;
  readonly placement: Placement | null;
  readonly container: ContainerFacts;
  /** Its directory was removed then; absent: it was not. */
  readonly archivedAt?: Instant;
};

export type Job =
  | PendingJob
  | LaunchingJob
  | RunningJob
  | KillingJob
  | UnreachableJob
  | OpenJob
  | OverJob;
/** A job that holds, or may hold, a task. */
export type LiveJob = LaunchingJob | RunningJob | KillingJob | UnreachableJob;
export type JobState = Job['state'];

export const NO_CONTAINER: ContainerFacts = { containerId: null, ipAddress: null };
/** Shell convention: 128 + SIGKILL. Existing clients read it as "killed". */
export const KILLED_EXIT_CODE = 137;

export const isLive = (job: Job): job is LiveJob =>
  job.state !== 'pending' && job.state !== 'over' && job.state !== 'open';

/** The code that stands for an outcome, where a process has none of its own. */
export function codeOf(outcome: Outcome): number {
  if (outcome.kind === 'exited') return outcome.exitCode;
  return outcome.kind === 'killed' ? KILLED_EXIT_CODE : 1;
}

/** How a job ends whose kill was wanted. */
export const killedBy = ({ by, because }: KillWanted): Outcome => ({
  kind: 'killed',
  by,
  ...(because === undefined ? {} : { because }),
});
