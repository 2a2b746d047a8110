/**
 * Tasks that run under ids of jobs which do not hold them: whose they are, whether their job takes them back, and what
 * they keep their job from. A restored backup leaves many; an agent that comes back after its loss leaves a few.
 */
import type { Clock } from '../contracts/clock.js';
import type { TaskUpdate, ToldTask } from '../contracts/cluster.js';
import { STRAY_ASKS_AT_ONCE_MAX, STRAY_UNSETTLED_MS_MAX } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import {
  adoptedPlacement,
  INSTALLATION_LABEL,
  isOriginOf,
  isSuperseded,
  mayAdopt,
  ORIGIN_LABEL,
  type Origin,
  readOrigin,
} from '../core/adoption.js';
import { isLive, type Job, type LiveJob } from '../core/job.js';
import { type JobId, parseTaskId, type TaskId, taskIdOf } from '../core/units.js';
import { Gate } from './gate.js';
import type { JobBook } from './job-book.js';
import { USUAL_ORPHANS } from './orphans.js';

export interface StrayPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly installation: string;
  /** What the cluster tells of one task; null when it does not. Never rejects. */
  readonly task?: (executor: string, taskId: TaskId) => Promise<ToldTask | null>;
}

/** Whether a task is a launch of the job whose id it has. Unknown: nobody tells, as of tasks of former versions. */
export type Provenance = 'own' | 'other' | 'unknown';

export type Met =
  /** The job took it back: it holds the task now. */
  | { readonly kind: 'adopted'; readonly job: LiveJob }
  /** Its job's record is not settled, or the cluster did not tell enough: to be asked about again. */
  | { readonly kind: 'later' }
  | { readonly kind: 'orphan'; readonly provenance: Provenance };

interface Stray {
  readonly launch: number;
  provenance: Provenance;
}

const ORPHAN: Met = { kind: 'orphan', provenance: 'unknown' };
const LATER: Met = { kind: 'later' };

export class Strays {
  readonly #ports: StrayPorts;
  readonly #book: JobBook;
  readonly #adopts: boolean;
  readonly #asks = new Gate(STRAY_ASKS_AT_ONCE_MAX);
  /** Those that live, by job. */
  readonly #alive = new Map<JobId, Map<TaskId, Stray>>();
  /** The greatest number in use, by job. */
  readonly #used = new Map<JobId, number>();
  /** Since when (monotonic) each one is unsettled. */
  readonly #unsettledMs = new Map<TaskId, number>();

  constructor(ports: StrayPorts, book: JobBook, { orphans } = USUAL_ORPHANS) {
    this.#ports = ports;
    this.#book = book;
    this.#adopts = orphans === 'adopt';
  }

  // ---- for launches

  /** A number that no task of the cluster has, as far as we have heard. */
  nextLaunch({ id, launches }: Pick<Job, 'id' | 'launches'>): number {
    return Math.max(launches, this.#used.get(id) ?? 0) + 1;
  }

  /** A launch of this job which its record does not know and which still runs: beside it nothing is launched. */
  inTheWayOf(job: Job): TaskId | undefined {
    for (const [taskId, { launch, provenance }] of this.#alive.get(job.id) ?? [])
      if (provenance !== 'other' && !isSuperseded(job, launch)) return taskId;
    return undefined;
  }

  // ---- for updates

  /** A task has this number, whoever launched it; whether it lives nobody has told yet. */
  numberTaken(taskId: TaskId): void {
    this.#note(taskId, 'unknown');
  }

  /** It has ended, or its job holds it. */
  forget(taskId: TaskId): void {
    const jobId = parseTaskId(taskId)?.jobId;
    this.#unsettledMs.delete(taskId);
    const alive = jobId === undefined ? undefined : this.#alive.get(jobId);
    if (jobId === undefined || alive === undefined) return;
    alive.delete(taskId);
    if (alive.size === 0) this.#alive.delete(jobId);
  }

  /** Whether the end of a launch, told by its agent, may be that of a job which has forgotten it. */
  mayBeTakenBack(record: Job | undefined, launch: number): record is Job {
    return this.#adopts && record !== undefined && mayAdopt(record, launch);
  }

  /** A task that no job holds: it lives, or its end may be its job's. @param record what the store has under its job's id */
  async meet(update: TaskUpdate, executor: string, record: Job | undefined): Promise<Met> {
    const { taskId } = update;
    const launch = parseTaskId(taskId)?.launch;
    if (record === undefined || launch === undefined) return ORPHAN;
    const found = await this.#origin(update, executor);
    const provenance = this.#provenance(found, record);
    this.#note(taskId, provenance);
    const orphan: Met = { kind: 'orphan', provenance };
    if (!this.#adopts || provenance === 'other' || isSuperseded(record, launch)) return orphan;
    if (record.state === 'over') return orphan;
    const isUnsettled = isLive(record) || found === undefined || update.agentId === null;
    if (isUnsettled) return this.#isOverdue(taskId) ? orphan : LATER;
    const { agentId } = update;
    if (agentId === null || found.origin === undefined || !mayAdopt(record, launch)) return orphan;
    const at = this.#ports.clock.now();
    const { origin } = found;
    return this.#adopt(record, {
      kind: 'adopted',
      placement: adoptedPlacement(origin, { taskId, executor, agentId, at }),
      directory: origin.directory,
    });
  }

  async #adopt(record: Job, event: Parameters<JobBook['apply']>[1]): Promise<Met> {
    const applied = await this.#book.apply(record.id, event, record);
    // A launch came first: it is settled before anything happens to this task.
    if (applied.kind !== 'moved' || !isLive(applied.job)) return LATER;
    const { placement, id } = applied.job;
    this.forget(placement.taskId);
    const { taskId, host } = placement;
    this.#ports.log.warn('task taken back by its job, whose record had forgotten it', {
      jobId: id,
      taskId,
      host,
    });
    return { kind: 'adopted', job: applied.job };
  }

  #provenance(found: Found | undefined, record: Job): Provenance {
    if (found?.origin === undefined) return 'unknown';
    const isOurs = found.installation === this.#ports.installation;
    return isOurs && isOriginOf(found.origin, record) ? 'own' : 'other';
  }

  /** Undefined: the cluster does not tell just now. */
  async #origin(update: TaskUpdate, executor: string): Promise<Found | undefined> {
    const { taskId, labels } = update;
    if (labels[ORIGIN_LABEL] !== undefined) return foundIn(labels);
    const { task } = this.#ports;
    // Clusters that tell nothing of tasks never will.
    if (task === undefined) return foundIn(labels);
    const told = await this.#asks.pass(() => task(executor, taskId));
    return told === null ? undefined : foundIn(told.labels);
  }

  #isOverdue(taskId: TaskId): boolean {
    const nowMs = this.#ports.clock.monotonicMs();
    const sinceMs = this.#unsettledMs.get(taskId) ?? nowMs;
    this.#unsettledMs.set(taskId, sinceMs);
    return nowMs - sinceMs >= STRAY_UNSETTLED_MS_MAX;
  }

  #note(taskId: TaskId, provenance: Provenance): void {
    const ours = parseTaskId(taskId);
    if (ours === undefined) return;
    const { jobId, launch } = ours;
    this.#used.set(jobId, Math.max(launch, this.#used.get(jobId) ?? 0));
    const alive = this.#alive.get(jobId) ?? new Map<TaskId, Stray>();
    alive.set(taskIdOf(jobId, launch), { launch, provenance });
    this.#alive.set(jobId, alive);
  }
}

interface Found {
  readonly installation: string | undefined;
  /** Undefined: launched by a version that told none. */
  readonly origin: Origin | undefined;
}

const foundIn = (labels: Readonly<Record<string, string>>): Found => ({
  installation: labels[INSTALLATION_LABEL],
  origin: readOrigin(labels[ORIGIN_LABEL]),
});
