/** Updates of tasks that no job holds, or not there: given back to their job, ended, or left alone. One task's follow one another. */
import type { Timer } from '../contracts/clock.js';
import type { TaskUpdate } from '../contracts/cluster.js';
import { ServiceError } from '../contracts/errors.js';
import { KILL_GRACE_MS, UPDATE_OVERDUE_MS } from '../contracts/limits.js';
import { unreachable } from '../core/assert.js';
import { isLive, type Job, type LiveJob } from '../core/job.js';
import type { JobId, TaskId } from '../core/units.js';
import type { ClusterLink } from './cluster-link.js';
import type { JobBook } from './job-book.js';
import type { Orphans } from './orphans.js';
import type { SchedulerPorts } from './ports.js';
import type { Strays } from './strays.js';

/** What a task id of our form stands for. */
export interface OurTask {
  readonly jobId: JobId;
  readonly launch: number;
}

export interface StrayOwner {
  /** A job turned out to hold a task. */
  found(job: LiveJob): void;
  /** The update is of a task that this job holds. */
  held(
    link: ClusterLink,
    update: TaskUpdate,
    of: { readonly job: LiveJob; readonly launch: number },
  ): Promise<void>;
  /** The number of that job's launch is another task's. */
  numberTaken(job: LiveJob): Promise<void>;
  acknowledge(link: ClusterLink, update: TaskUpdate): void;
}

/** Pause before a task that is not settled, or whose kill may be lost, is asked about again. */
const ASK_AGAIN_MS = 10_000;
/** In these states a task lives, or is about to. */
const ALIVE = new Set<TaskUpdate['state']>(['staging', 'starting', 'running']);
/** In these it has ended by itself: an agent repeats that until it is acknowledged. */
const ENDED = new Set<TaskUpdate['state']>(['finished', 'failed', 'killed']);

export class StrayUpdates {
  readonly #ports: Pick<SchedulerPorts, 'store' | 'clock' | 'timers' | 'log'>;
  readonly #book: JobBook;
  readonly #strays: Strays;
  readonly #orphans: Orphans;
  readonly #owner: StrayOwner;
  /** Since when (monotonic) another agent is said to run a launch that we sent elsewhere. */
  readonly #elsewhereMs = new Map<TaskId, number>();
  readonly #checks = new Map<TaskId, Timer>();
  /** Those that are being looked into. */
  readonly #underWay = new Map<TaskId, Promise<void>>();
  #isClosed = false;

  constructor(
    ports: Pick<SchedulerPorts, 'store' | 'clock' | 'timers' | 'log'>,
    parts: { readonly book: JobBook; readonly strays: Strays; readonly orphans: Orphans },
    owner: StrayOwner,
  ) {
    this.#ports = ports;
    this.#book = parts.book;
    this.#strays = parts.strays;
    this.#orphans = parts.orphans;
    this.#owner = owner;
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#checks.values()) timer.cancel();
  }

  /** The job no longer holds this task. */
  forget(taskId: TaskId): void {
    this.#elsewhereMs.delete(taskId);
  }

  /**
   * Until nothing of the task is under way: an end that overtakes the question whose it is would be nobody's, and its
   * acknowledgement would be the last that is heard of it.
   */
  async settled(taskId: TaskId): Promise<void> {
    for (let work = this.#underWay.get(taskId); work; work = this.#underWay.get(taskId)) await work;
  }

  /** Looks into an update of a task that the book does not hold. */
  unheld(link: ClusterLink, update: TaskUpdate, ours: OurTask): Promise<void> {
    const work = this.#unheld(link, update, ours);
    // Who waits goes on whatever became of it; the caller sees the failure.
    const end = work.then(
      () => undefined,
      () => undefined,
    );
    this.#underWay.set(update.taskId, end);
    void end.then(() => this.#underWay.delete(update.taskId));
    return work;
  }

  /**
   * Only the store can say that no job holds it. A record that cannot be read, or a store that cannot be asked, proves
   * nothing: the task is left alone, its update unacknowledged, and comes again.
   */
  async #unheld(link: ClusterLink, update: TaskUpdate, ours: OurTask): Promise<void> {
    let record: Job | undefined;
    try {
      record = await this.#ports.store.job(ours.jobId);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      this.#ports.log.error('task left alone: the record of its job cannot be read', {
        taskId: update.taskId,
        error,
      });
      return;
    }
    if (this.#isClosed) return;
    if (record !== undefined && isLive(record) && record.placement.taskId === update.taskId) {
      // A record that could not be read when the term began.
      if (this.#book.get(record.id) === undefined && !this.#book.isBusy(record.id))
        this.#owner.found(record);
      await this.#owner.held(link, update, { job: record, launch: ours.launch });
      return;
    }
    const isEnd = ENDED.has(update.state) && update.receipt !== null;
    if (ALIVE.has(update.state)) await this.#stray(link, update, ours, record);
    else if (isEnd && this.#strays.mayBeTakenBack(record, ours.launch))
      await this.#stray(link, update, ours, record);
    else this.#ended(link, update);
  }

  async #stray(
    link: ClusterLink,
    update: TaskUpdate,
    { launch }: OurTask,
    record: Job | undefined,
  ): Promise<void> {
    const met = await this.#strays.meet(update, link.cluster.name, record);
    if (this.#isClosed) return;
    switch (met.kind) {
      case 'adopted':
        this.#orphans.forget(update.taskId);
        this.#owner.found(met.job);
        await this.#owner.held(link, update, { job: met.job, launch });
        return;
      case 'later':
        this.#askLater(link, update);
        return;
      case 'orphan':
        if (!ALIVE.has(update.state)) this.#ended(link, update);
        else {
          const facts = { record, provenance: met.provenance };
          if (await this.#orphans.condemns(update, launch, facts)) this.#kill(link, update);
          this.#owner.acknowledge(link, update);
        }
        return;
      default:
        unreachable(met);
    }
  }

  #ended(link: ClusterLink, update: TaskUpdate): void {
    this.#orphans.forget(update.taskId);
    this.#strays.forget(update.taskId);
    this.#owner.acknowledge(link, update);
  }

  /** Asked about after a while: if it still runs, the kill was lost, and the answer brings us here again. */
  #kill(link: ClusterLink, update: TaskUpdate): void {
    if (this.#isClosed) return;
    const { taskId, agentId } = update;
    link.cluster.kill({ taskId, agentId, graceMs: KILL_GRACE_MS });
    this.#askLater(link, update);
  }

  #askLater(link: ClusterLink, { taskId, agentId }: TaskUpdate): void {
    if (this.#checks.has(taskId)) return;
    const check = this.#ports.timers.after(ASK_AGAIN_MS, () => {
      this.#checks.delete(taskId);
      link.ask({ taskId, agentId });
    });
    this.#checks.set(taskId, check);
  }

  /**
   * The id of our launch, but not where we sent it: a task of that number was there before. The master will refuse our
   * launch for it, or has and nobody heard; only an answer that stays the same is believed. Its end is not ours to
   * acknowledge before that is settled: it may be the job's after all.
   */
  async elsewhere(link: ClusterLink, update: TaskUpdate, job: LiveJob): Promise<void> {
    const { taskId, state } = update;
    if (ENDED.has(state) && update.receipt !== null) {
      this.#ports.log.warn('end of a task left alone: another agent has our launch', { taskId });
      return;
    }
    if (!ALIVE.has(state)) {
      this.#owner.acknowledge(link, update);
      return;
    }
    const nowMs = this.#ports.clock.monotonicMs();
    const sinceMs = this.#elsewhereMs.get(taskId) ?? nowMs;
    this.#elsewhereMs.set(taskId, sinceMs);
    if (nowMs - sinceMs >= UPDATE_OVERDUE_MS) await this.#owner.numberTaken(job);
    else this.#askLater(link, update);
  }
}

/** Whether the update is of another agent than our launch was sent to. A task never moves, so that task is not ours. */
export const isElsewhere = ({ state, placement }: LiveJob, { agentId }: TaskUpdate): boolean =>
  state === 'launching' && agentId !== null && agentId !== placement.agentId;
