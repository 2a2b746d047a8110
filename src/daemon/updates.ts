/**
 * What clusters report of tasks becomes events of jobs: stored first, acknowledged after. Repeats, late and foreign
 * updates change nothing and are acknowledged at once.
 */

import type { Timer } from '../contracts/clock.js';
import type { TaskUpdate } from '../contracts/cluster.js';
import {
  EXIT_FILE_WAIT_MS,
  KILL_GRACE_MS,
  LOST_GRACE_MS,
  ORPHAN_KILLS_MAX,
  UPDATE_OVERDUE_MS,
} from '../contracts/limits.js';
import { unreachable } from '../core/assert.js';
import type { KillingJob, LiveJob } from '../core/job.js';
import type { JobEvent } from '../core/lifecycle.js';
import { type AgentId, parseTaskId, type TaskId } from '../core/units.js';
import { type Doubt, endByFile, type Verdict, verdict } from '../core/verdict.js';
import type { ClusterLink } from './cluster-link.js';
import type { Applied, JobBook } from './job-book.js';
import type { SchedulerPorts } from './ports.js';

export interface UpdatesOwner {
  /** An event was carried out on a job whose task runs (or ran) on that executor. */
  applied(applied: Applied, executor: string): void;
  linkOf(executor: string): ClusterLink | undefined;
}

/** Pause before a task that the cluster does not know is asked about again. */
const ASK_AGAIN_MS = 10_000;
/** How often the job directory is looked at for an exit code that is not there yet. */
const EXIT_FILE_EACH_MS = 250;
/** In these states a task lives, or is about to. */
const ALIVE = new Set<TaskUpdate['state']>(['staging', 'starting', 'running']);

export class Updates {
  readonly #ports: SchedulerPorts;
  readonly #book: JobBook;
  readonly #owner: UpdatesOwner;
  /** Answers UNKNOWN so far, by task. */
  readonly #unknowns = new Map<TaskId, Doubt>();
  /** When (monotonic) each task's kill was last sent. */
  readonly #killsSent = new Map<TaskId, number>();
  readonly #doubts = new Map<TaskId, Timer>();
  #orphansKilled = 0;
  #isClosed = false;

  constructor(ports: SchedulerPorts, book: JobBook, owner: UpdatesOwner) {
    this.#ports = ports;
    this.#book = book;
    this.#owner = owner;
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#doubts.values()) timer.cancel();
  }

  /** The job no longer holds this task. */
  forget(taskId: TaskId): void {
    this.#unknowns.delete(taskId);
    this.#killsSent.delete(taskId);
    this.#settleDoubt(taskId);
  }

  take(link: ClusterLink, update: TaskUpdate): void {
    void this.#take(link, update).catch((error: unknown) => this.#ports.failed(error));
  }

  async #take(link: ClusterLink, update: TaskUpdate): Promise<void> {
    this.#settleDoubt(update.taskId);
    const ours = parseTaskId(update.taskId);
    if (ours === undefined) {
      this.#ports.log.warn('update for a task that is not ours', { taskId: update.taskId });
      this.#acknowledge(link, update);
      return;
    }
    const job = this.#book.get(ours.jobId);
    if (job === undefined || job.placement.taskId !== update.taskId) {
      this.#unheld(link, update);
      this.#acknowledge(link, update);
      return;
    }
    const said = verdict(job, update, {
      at: this.#ports.clock.now(),
      doubt: this.#unknowns.get(update.taskId) ?? null,
      lostGraceMs: LOST_GRACE_MS,
    });
    await this.#follow(link, { job, launch: ours.launch, said });
    this.#acknowledge(link, update);
  }

  async #follow(
    link: ClusterLink,
    { job, launch, said }: { job: LiveJob; launch: number; said: Verdict },
  ): Promise<void> {
    switch (said.kind) {
      case 'nothing':
        return;
      case 'ask-again': {
        const { taskId, agentId } = job.placement;
        this.#unknowns.set(taskId, said.doubt);
        // Not at once: a master that has just started learns what its agents run.
        this.#ports.timers.after(ASK_AGAIN_MS, () => {
          if (this.#book.get(job.id)?.placement.taskId === taskId) link.ask({ taskId, agentId });
        });
        return;
      }
      case 'read-exit-file':
        await this.#apply(job, endByFile(said, await this.#exitFile(job, launch)));
        return;
      case 'event':
        await this.#apply(job, said.event);
        return;
      default:
        unreachable(said);
    }
  }

  async #apply(job: LiveJob, event: JobEvent): Promise<void> {
    const applied = await this.#book.apply(job.id, event);
    if (!this.#isClosed) this.#owner.applied(applied, job.placement.executor);
  }

  /** No uuid, no acknowledgement; a term that is over acknowledges nothing. */
  #acknowledge(link: ClusterLink, update: TaskUpdate): void {
    if (update.receipt !== null && !this.#isClosed) link.cluster.acknowledge(update);
  }

  /** No live job holds this task: its end is old news; alive, it is an orphan. */
  #unheld(link: ClusterLink, update: TaskUpdate): void {
    if (!ALIVE.has(update.state)) return;
    const installation = update.labels['godocker.installation'];
    if (installation !== undefined && installation !== this.#ports.installation) return;
    this.#orphansKilled += 1;
    if (this.#orphansKilled > ORPHAN_KILLS_MAX) {
      this.#ports.log.error('orphan left alive: too many for one term, see the administrator', {
        taskId: update.taskId,
      });
      return;
    }
    this.#ports.log.warn('orphan killed: a task that no job holds', { taskId: update.taskId });
    link.cluster.kill({
      taskId: update.taskId,
      agentId: update.agentId,
      graceMs: KILL_GRACE_MS,
    });
  }

  // ---- exit codes that the cluster does not tell

  /** The exit file's content; waits for it on a slow file server, other jobs do not wait. Null: not in time. */
  async #exitFile(job: LiveJob, launch: number): Promise<string | null> {
    const { taskId } = job.placement;
    const startedMs = this.#ports.clock.monotonicMs();
    while (!this.#isClosed && job.directory !== null) {
      try {
        const content = await this.#ports.storage.exitFile(job.directory, launch);
        if (content !== undefined) return content;
      } catch (error) {
        this.#ports.log.warn('exit file not read', { taskId, error });
      }
      if (this.#ports.clock.monotonicMs() - startedMs >= EXIT_FILE_WAIT_MS) break;
      await new Promise<void>((go) => this.#ports.timers.after(EXIT_FILE_EACH_MS, go));
    }
    return null;
  }

  // ---- launches in doubt

  /** An ACCEPT without an answer: never repeated; the subscription is renewed if no update tells. */
  inDoubt(job: LiveJob): void {
    const { taskId, executor } = job.placement;
    this.#ports.log.warn('launch in doubt', { taskId });
    const timer = this.#ports.timers.after(UPDATE_OVERDUE_MS, () => {
      this.#doubts.delete(taskId);
      this.#owner.linkOf(executor)?.cluster.resubscribe('a launch is in doubt');
    });
    this.#doubts.set(taskId, timer);
  }

  #settleDoubt(taskId: TaskId): void {
    this.#doubts.get(taskId)?.cancel();
    this.#doubts.delete(taskId);
  }

  /** The cluster surely did not take the launch. */
  async neverRan(job: LiveJob, because: string): Promise<void> {
    this.#ports.log.warn('launch refused', { taskId: job.placement.taskId, because });
    await this.#apply(job, {
      kind: 'neverRan',
      taskId: job.placement.taskId,
      because: { code: 'dropped', facts: { message: because } },
      graceMs: 0,
    });
  }

  // ---- kills

  kill(
    executor: string,
    task: { readonly taskId: TaskId; readonly agentId: AgentId | null },
  ): void {
    this.#killsSent.set(task.taskId, this.#ports.clock.monotonicMs());
    this.#owner.linkOf(executor)?.cluster.kill({ ...task, graceMs: KILL_GRACE_MS });
  }

  /** Sent again until the end is known: calls to a master are at most once. */
  killAgain(job: KillingJob, eachMs: number): void {
    const { taskId, agentId, executor } = job.placement;
    const sentMs = this.#killsSent.get(taskId) ?? Number.NEGATIVE_INFINITY;
    if (this.#ports.clock.monotonicMs() - sentMs >= eachMs)
      this.kill(executor, { taskId, agentId });
  }
}
