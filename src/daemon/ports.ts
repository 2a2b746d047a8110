/** What a scheduler daemon is given: it has no timer, file or socket of its own, so the simulation runs the same code. */
import type { ToldAgents } from '../contracts/agents.js';
import type { Clock, Timers } from '../contracts/clock.js';
import type { ToldTask } from '../contracts/cluster.js';
import { ServiceError } from '../contracts/errors.js';
import type { Events } from '../contracts/events.js';
import type { Live } from '../contracts/live.js';
import type { Facts, Log } from '../contracts/log.js';
import type { PolicyWatch } from '../contracts/policy-watch.js';
import type { FileStorage } from '../contracts/storage.js';
import type { DiskStore, JobStore, ProjectStore } from '../contracts/store.js';
import type { ClosedState } from '../core/closure.js';
import type { Job, LaunchingJob } from '../core/job.js';
import type { LimitRules } from '../core/limit-book.js';
import type { Policy } from '../core/policy.js';
import type { PreemptionOptions } from '../core/preemption.js';
import type { TaskId } from '../core/units.js';
import type { UsageRule } from '../core/usage.js';
import type { OrphanPolicy } from './orphans.js';
import type { ContainerRules, TaskMode } from './task-order.js';

/** What of the record the scheduler needs. */
export type SchedulerStore = JobStore & Pick<ProjectStore, 'priorities' | 'quotas'> & DiskStore;

export interface SchedulerPorts {
  readonly store: SchedulerStore;
  readonly storage: FileStorage;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly events: Events;
  readonly policy: Policy;
  /** Notices a policy that does not come back; absent: nobody does. */
  readonly policyWatch?: PolicyWatch;
  /** What processes tell each other. Absent: all that submit are in this process and call `notices`. */
  readonly live?: Pick<Live, 'hear' | 'tell' | 'news'>;
  /** The cluster's agents, for web processes; null when it does not tell. Never rejects. */
  readonly inventory?: () => Promise<ToldAgents | null>;
  /** What the cluster tells of one task; null when it does not. Never rejects. Absent: updates tell all there is. */
  readonly task?: (executor: string, taskId: TaskId) => Promise<ToldTask | null>;
  /** This installation's id: tells our tasks from those of a twin. */
  readonly installation: string;
  /** Looks for the file with a job's own credentials for registries, never rejects; absent: none is used. */
  readonly credentials?: (job: Job) => Promise<string | null>;
  /** A bug of ours: the process stops, its supervisor starts it again, reconciliation repairs. */
  readonly failed: (error: unknown) => void;
}

/** What the world did is said, and tried again by whoever calls this; what we did ends the process. */
export function worldFailed(
  { log, failed }: Pick<SchedulerPorts, 'log' | 'failed'>,
  message: string,
  error: unknown,
  facts: Facts = {},
): void {
  if (error instanceof ServiceError) log.warn(message, { ...facts, error });
  else failed(error);
}

export interface SchedulerOptions {
  readonly installation: string;
  /** Unique among all daemons that share the store. */
  readonly holder: string;
  /** No other daemon can be alive: a lease left behind is taken at once. */
  readonly isAlone: boolean;
  /** Takes the jobs that name no executor. */
  readonly defaultExecutor: string;
  /** How far back use counts. */
  readonly usage: UsageRule;
  /** For how long a job counts at least while it runs. */
  readonly advanceMs: number;
  /** Room is kept for a job that others overtake once it has waited for so long; absent: never. */
  readonly reservationAfterMs?: number;
  /** Running jobs may be stopped for others; absent: never. */
  readonly preemption?: PreemptionOptions | undefined;
  /** Limits of the site and its queues; absent: none. */
  readonly limits?: Omit<LimitRules, 'advanceMs'>;
  /** How often the directory of a job that runs is measured; absent: `DISK_RUNNING_EACH_MS`. */
  readonly diskRunningEachMs?: number;
  /** Relaunches pass over hosts on which the job has failed before; absent: no. */
  readonly skipsFailedNodes?: boolean;
  /** Agents on which jobs of several users fail within seconds are set aside; absent: no. */
  readonly setsAgentsAside?: boolean;
  /** What becomes of tasks that no job holds; absent: so many are killed as `ORPHAN_KILLS_MAX` says. */
  readonly orphanPolicy?: OrphanPolicy;
  /** Whether an executor runs containers or plain processes. */
  readonly modeOf: (executor: string) => TaskMode;
  /** Absent: cpus are shares, and images are pulled where they are missing. */
  readonly containers?: ContainerRules;
}

export interface SchedulerStatus {
  readonly isLeading: boolean;
  readonly isReady: boolean;
  readonly pending: number;
  readonly live: number;
  /** Tasks that no job holds and that were left alive. */
  readonly orphans: number;
  /** Sentences for an administrator: why work does not go on as it should; empty when it does. */
  readonly trouble: readonly string[];
  /** Sentences of what should be known though work goes on. */
  readonly warnings: readonly string[];
  /** How many agents take no new jobs, or soon will not, by state. */
  readonly agents: Readonly<Record<ClosedState, number>>;
}

/** A launch reached the cluster: metrics, mail and the audit log may want to know. */
export function announceLaunch(
  { clock, events }: Pick<SchedulerPorts, 'clock' | 'events'>,
  job: LaunchingJob,
): void {
  const { id, submittedAt, placement } = job;
  const { taskId } = placement;
  const at = clock.now();
  events.emit('job:launched', { jobId: id, taskId, waitedMs: at - submittedAt, job, at });
}
