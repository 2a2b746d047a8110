/**
 * What an executor plugin is to the scheduler daemon: it publishes capacity as offers, takes launches and kills,
 * reports updates, reconciles. Shaped after Mesos; Swarm and Kubernetes derive offers from their nodes.
 */
import type { Constraint, Identity, Volume } from '../core/job.js';
import type { Capacity, Needs } from '../core/resources.js';
import type { AgentId, Instant, JobId, OfferId, TaskId } from '../core/units.js';
import type { TaskReport } from '../core/verdict.js';

export interface ClusterOffer {
  readonly id: OfferId;
  readonly agentId: AgentId;
  readonly host: string;
  /** Offers are combined only if agent **and** role agree. */
  readonly role: string;
  readonly free: Capacity;
  /** Text attributes of the agent; scalars as their decimal text. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Start of a maintenance window of the agent, or null. */
  readonly unavailableFrom: Instant | null;
}

/** Everything a cluster needs to run one launch. */
export interface TaskOrder {
  readonly taskId: TaskId;
  readonly jobId: JobId;
  readonly name: string;
  readonly agentId: AgentId;
  readonly role: string;
  readonly needs: Needs;
  /** Host ports taken out of the offered ranges, in the order of `containerPorts`. */
  readonly ports: readonly number[];
  readonly containerPorts: readonly number[];
  /** Null: a plain process of the agent. */
  readonly image: string | null;
  /** Ask the registry each time, not only when the agent has no such image. */
  readonly alwaysPull: boolean;
  /** The cpus of `needs` are a cap; otherwise a guaranteed share that may use idle ones besides. */
  readonly isCpuCapped: boolean;
  readonly volumes: readonly Volume[];
  readonly hasNetwork: boolean;
  /** The network to join, by name; its ports are not mapped. Null: the usual one. */
  readonly networkName: string | null;
  readonly identity: Identity;
  /** Of the job's owner, for clusters that know accounts by name only. */
  readonly login: string;
  readonly isRoot: boolean;
  /** Program and arguments, run without a shell. */
  readonly argv: readonly string[];
  /** The whole environment of the task. */
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly killGraceMs: number;
  /** An archive with the user's `.docker/config.json`, on the agents: for the pull of the image. Null: none. */
  readonly credentialsFile: string | null;
  /** The cluster itself ends a task that has run this long, should nobody else; null: no limit. */
  readonly lifespanMs: number | null;
}

/** Orders for one agent and role, and the offers they use up. What the orders leave over goes back. */
export interface LaunchBatch {
  readonly offerIds: readonly OfferId[];
  readonly orders: readonly TaskOrder[];
}

/**
 * `sent`: the cluster took the command (the tasks' fate comes as updates).
 * `refused`: it surely did not. `doubt`: no answer; nothing may be repeated until an update or a
 * reconciliation on a new subscription answers for these tasks.
 */
export type LaunchAnswer = 'sent' | 'refused' | 'doubt';

/** Mesos' task states in kebab case, without `TASK_`. */
export type TaskState = TaskReport['state'];

export interface TaskUpdate {
  readonly taskId: TaskId;
  readonly agentId: AgentId | null;
  readonly state: TaskState;
  /** Mesos' reason without `REASON_`, in kebab case, for example `reconciliation`; null when absent. */
  readonly reason: string | null;
  readonly message: string | null;
  readonly at: Instant;
  readonly containerId: string | null;
  readonly ipAddress: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** What `acknowledge` needs; null when the update must not be acknowledged. */
  readonly receipt: unknown;
}

/** What a cluster tells of one task besides its state. */
export interface ToldTask {
  /** Those of its `TaskOrder`. */
  readonly labels: Readonly<Record<string, string>>;
}

/** The cluster wants an agent back for a while, and asks whether we are gone by then. */
export interface LeaveRequest {
  /** Null: all agents. */
  readonly agentId: AgentId | null;
  readonly from: Instant;
}

/** `jobs`: how many may still run then; they are left alone. */
export type LeaveAnswer = { readonly kind: 'yes' } | { readonly kind: 'no'; readonly jobs: number };

export interface ClusterListener {
  /** All offers of before are void. `isNew`: the cluster did not know us, so no task of ours lives. */
  connected(facts: { readonly frameworkId: string; readonly isNew: boolean }): void;
  disconnected(because: string): void;
  offers(offers: readonly ClusterOffer[]): void;
  rescinded(offerId: OfferId): void;
  updated(update: TaskUpdate): void;
  /** An agent or one of its Mesos executors is gone; updates for its tasks follow on their own. */
  agentFailed(agentId: AgentId): void;
  /** Whether everything of ours there ends by then. Nothing is ended for it; asked again now and then. */
  mayLeave(request: LeaveRequest): LeaveAnswer;
  /** The cluster will not have us: wrong credentials, removed framework. Needs an administrator. */
  refused(because: string): void;
}

export type ClusterFeature = 'kill' | 'pause' | 'resources.port' | 'interactive' | 'cni' | 'gpus';

export interface Cluster {
  readonly name: string;
  readonly features: readonly ClusterFeature[];
  /** Connects, and goes on trying for ever; resolves when the first attempt was made. */
  start(listener: ClusterListener): Promise<void>;
  /**
   * Leaves without ending our tasks. `isAtOnce`: another may lead already, so nothing more is sent, not even what waits for
   * its turn, and everything is closed before this returns its promise.
   */
  stop(how?: { readonly isAtOnce: boolean }): Promise<void>;
  launch(batches: readonly LaunchBatch[]): Promise<readonly LaunchAnswer[]>;
  decline(offerIds: readonly OfferId[], refuseMs: number): void;
  /** No more offers until `revive`. */
  suppress(): void;
  revive(): void;
  /** Sent only after the task's launch was answered; harmless twice. */
  kill(task: {
    readonly taskId: TaskId;
    readonly agentId: AgentId | null;
    readonly graceMs: number;
  }): void;
  /** Explicit when tasks are named, implicit (all the cluster knows) when the list is empty. */
  reconcile(tasks: readonly { readonly taskId: TaskId; readonly agentId: AgentId | null }[]): void;
  acknowledge(update: TaskUpdate): void;
  /** Drops the connection and subscribes anew: every older call is shut out by the new stream. */
  resubscribe(because: string): void;
}

/** What the cluster plugin may keep across restarts: its framework id, durable before the first offer is used. */
export interface ClusterMemory {
  load(): Promise<string | null>;
  save(frameworkId: string): Promise<void>;
}

export type { Constraint };
