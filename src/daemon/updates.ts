/**
 * What clusters report of tasks becomes events of jobs: stored first, acknowledged after. Repeats, late and foreign
 * updates change nothing and are acknowledged at once.
 */

import type { Timer } from '../contracts/clock.js';
import type { TaskUpdate } from '../contracts/cluster.js';
import { KILL_GRACE_MS, LOST_GRACE_MS, UPDATE_OVERDUE_MS } from '../contracts/limits.js';
import { unreachable } from '../core/assert.js';
import { type LiveJob, stoppedAt } from '../core/job.js';
import type { JobEvent } from '../core/lifecycle.js';
import { type AgentId, type Instant, instant, parseTaskId, type TaskId } from '../core/units.js';
import { type Doubt, endByFile, type Verdict, verdict } from '../core/verdict.js';
import type { ClusterLink } from './cluster-link.js';
import { exitFileOf } from './exit-files.js';
import type { Applied, JobBook } from './job-book.js';
import { LargestAgent } from './largest-agent.js';
import { Orphans, USUAL_ORPHANS } from './orphans.js';
import { type SchedulerPorts, worldFailed } from './ports.js';
import { isElsewhere, StrayUpdates } from './stray-updates.js';
import type { Strays } from './strays.js';

export interface UpdatesOwner {
  /** An event was carried out on a job whose task runs (or ran) on that executor. */
  applied(applied: Applied, executor: string): void;
  /** A job turned out to hold a task. */
  found(job: LiveJob): void;
  linkOf(executor: string): ClusterLink | undefined;
  /** What the cluster says of a task that a job holds. */
  told(update: TaskUpdate): void;
  /** The event as it counts, for a task whose update is of that instant of its agent's clock. */
  judged(job: LiveJob, event: JobEvent, at: Instant): JobEvent;
}

/** A kill is sent again after this, until the task's end is known. */
const KILL_AGAIN_MS = 10_000;
/** How often tasks on unreachable agents are asked about. */
const UNREACHABLE_ASK_MS = 60_000;
/** Pause before a task that the cluster does not know is asked about again. */
const ASK_AGAIN_MS = 10_000;

export class Updates {
  readonly #ports: SchedulerPorts;
  readonly #book: JobBook;
  readonly #owner: UpdatesOwner;
  /** Answers UNKNOWN so far, by task. */
  readonly #unknowns = new Map<TaskId, Doubt>();
  /** When (monotonic) each launch without a word was first seen by a sweep. */
  readonly #silentMs = new Map<TaskId, number>();
  /** When (monotonic) each task's kill was last sent. */
  readonly #killsSent = new Map<TaskId, number>();
  readonly #doubts = new Map<TaskId, Timer>();
  readonly orphans: Orphans;
  readonly #strays: Strays;
  readonly #strayUpdates: StrayUpdates;
  readonly #largestAgent: LargestAgent;
  #isClosed = false;

  constructor(
    ports: SchedulerPorts,
    { book, strays }: { readonly book: JobBook; readonly strays: Strays },
    owner: UpdatesOwner,
    policy = USUAL_ORPHANS,
  ) {
    this.#ports = ports;
    this.#book = book;
    this.#strays = strays;
    this.#owner = owner;
    this.orphans = new Orphans({ ...ports, live: () => book.size }, policy);
    this.#largestAgent = new LargestAgent(ports);
    const { orphans } = this;
    this.#strayUpdates = new StrayUpdates(
      ports,
      { book, strays, orphans },
      {
        found: (job) => owner.found(job),
        held: (link, update, of) => this.#held(link, update, of),
        numberTaken: (job) =>
          this.#apply(job, { kind: 'numberTaken', taskId: job.placement.taskId }),
        acknowledge: (link, update) => this.#acknowledge(link, update),
      },
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#strayUpdates.close();
    for (const timer of this.#doubts.values()) timer.cancel();
  }

  /** The job no longer holds this task. */
  forget(taskId: TaskId): void {
    this.#unknowns.delete(taskId);
    this.#killsSent.delete(taskId);
    this.#silentMs.delete(taskId);
    this.#strayUpdates.forget(taskId);
    this.#settleDoubt(taskId);
  }

  take(link: ClusterLink, update: TaskUpdate): void {
    this.#take(link, update).catch((error: unknown) =>
      worldFailed(this.#ports, 'update not taken in; it comes again', error, {
        taskId: update.taskId,
      }),
    );
  }

  async #take(link: ClusterLink, update: TaskUpdate): Promise<void> {
    this.#settleDoubt(update.taskId);
    const ours = parseTaskId(update.taskId);
    if (ours === undefined) {
      this.#ports.log.warn('update for a task that is not ours', { taskId: update.taskId });
      this.#acknowledge(link, update);
      return;
    }
    await this.#strayUpdates.settled(update.taskId);
    const job = this.#book.get(ours.jobId);
    if (job?.placement.taskId !== update.taskId)
      await this.#strayUpdates.unheld(link, update, ours);
    else if (isElsewhere(job, update)) await this.#strayUpdates.elsewhere(link, update, job);
    else await this.#held(link, update, { job, launch: ours.launch });
  }

  async #held(
    link: ClusterLink,
    update: TaskUpdate,
    { job, launch }: { job: LiveJob; launch: number },
  ): Promise<void> {
    this.#owner.told(update);
    const said = verdict(job, update, {
      // Only spans between answers count, and the wall clock may jump.
      at: instant(this.#ports.clock.monotonicMs()),
      doubt: this.#unknowns.get(update.taskId) ?? null,
      lostGraceMs: LOST_GRACE_MS,
    });
    // Only answers in a row count.
    if (said.kind !== 'ask-again') this.#unknowns.delete(update.taskId);
    await this.#follow(link, { job, launch, said, at: update.at });
    this.#acknowledge(link, update);
  }

  async #follow(
    link: ClusterLink,
    { job, launch, said, at }: { job: LiveJob; launch: number; said: Verdict; at: Instant },
  ): Promise<void> {
    switch (said.kind) {
      case 'nothing':
        return;
      case 'ask-again': {
        const { taskId, agentId } = job.placement;
        if (said.doubt === null) this.#unknowns.delete(taskId);
        else this.#unknowns.set(taskId, said.doubt);
        // Not at once: a master that has just started learns what its agents run.
        this.#ports.timers.after(ASK_AGAIN_MS, () => {
          if (!this.#isClosed && this.#book.get(job.id)?.placement.taskId === taskId)
            link.ask({ taskId, agentId });
        });
        return;
      }
      case 'read-exit-file': {
        const end = endByFile(
          said,
          await exitFileOf(job, launch, this.#ports, () => this.#isClosed),
        );
        await this.#apply(job, this.#owner.judged(job, end, at));
        return;
      }
      case 'event':
        await this.#apply(job, this.#owner.judged(job, said.event, at));
        return;
      default:
        unreachable(said);
    }
  }

  async #apply(job: LiveJob, event: JobEvent): Promise<void> {
    const applied = await this.#book.apply(job.id, await this.#withRoom(job, event));
    if (this.#isClosed) return;
    const { taskId, executor } = job.placement;
    // Before the job is back in the queue: beside that task nothing is launched.
    if (event.kind === 'numberTaken') this.#strays.numberTaken(taskId);
    this.#owner.applied(applied, executor);
    if (event.kind !== 'numberTaken') return;
    this.#ports.log.warn('launch refused: a task has its number, as after a restored backup', {
      taskId,
    });
    this.#owner.linkOf(executor)?.ask({ taskId, agentId: null });
  }

  /** Rules that let memory grow must know how far it can. Other jobs, and other ends, wait for nothing. */
  async #withRoom(job: LiveJob, event: JobEvent): Promise<JobEvent> {
    if (event.kind !== 'ended' || job.spec.retries.length === 0) return event;
    return { ...event, memMbMax: await this.#largestAgent.memMbFor(job) };
  }

  /** No uuid, no acknowledgement; a term that is over acknowledges nothing. */
  #acknowledge(link: ClusterLink, update: TaskUpdate): void {
    if (update.receipt !== null && !this.#isClosed) link.cluster.acknowledge(update);
  }

  // ---- launches in doubt

  /** An ACCEPT without an answer: never repeated; the subscription is renewed if no update tells. */
  inDoubt(job: LiveJob): void {
    const { taskId, executor } = job.placement;
    if (this.#isClosed || this.#isSettled(job)) return;
    this.#ports.log.warn('launch in doubt', { taskId });
    const timer = this.#ports.timers.after(UPDATE_OVERDUE_MS, () => {
      this.#doubts.delete(taskId);
      this.#owner.linkOf(executor)?.cluster.resubscribe('a launch is in doubt');
    });
    this.#doubts.set(taskId, timer);
  }

  /** Whether an update told of the task, or its end, before the launch was left without an answer. */
  #isSettled({ id, placement }: LiveJob): boolean {
    const now = this.#book.get(id);
    if (now?.placement.taskId !== placement.taskId) return true;
    return now.state !== 'launching' && now.startedAt !== null;
  }

  /** A new stream shuts out every older call, and each task is being asked about on it: nothing else settles a doubt. */
  connected(executor: string): void {
    for (const { placement } of this.#book.live())
      if (placement.executor === executor) this.#settleDoubt(placement.taskId);
  }

  /** Asks about launches without a word, and sends kills without an effect again. */
  sweep(): void {
    for (const job of this.#book.live()) {
      const { taskId, agentId, executor } = job.placement;
      if (job.state === 'killing' || stoppedAt(job.placement) !== undefined) this.#killAgain(job);
      const isSilent = job.state === 'launching' && this.#silenceMs(taskId) >= UPDATE_OVERDUE_MS;
      // A cluster that gives an agent up for good may say so only to those who ask.
      if (job.state === 'unreachable')
        this.#owner.linkOf(executor)?.askIfSilent({ taskId, agentId }, UNREACHABLE_ASK_MS);
      // A launch in doubt is asked about on a new stream only.
      if (isSilent && !this.#doubts.has(taskId))
        this.#owner.linkOf(executor)?.askIfSilent({ taskId, agentId }, UPDATE_OVERDUE_MS);
    }
  }

  /** The record's times are of a wall clock that may have jumped; so a sweep counts from the first that met the launch. */
  #silenceMs(taskId: TaskId): number {
    const nowMs = this.#ports.clock.monotonicMs();
    const sinceMs = this.#silentMs.get(taskId) ?? nowMs;
    this.#silentMs.set(taskId, sinceMs);
    return nowMs - sinceMs;
  }

  #settleDoubt(taskId: TaskId): void {
    this.#doubts.get(taskId)?.cancel();
    this.#doubts.delete(taskId);
  }

  /** The cluster surely did not take the launch. */
  neverRan(job: LiveJob, message: string): void {
    const { taskId } = job.placement;
    this.#ports.log.warn('launch refused', { taskId, because: message });
    const because = { code: 'dropped', facts: { message } } as const;
    this.#apply(job, { kind: 'neverRan', taskId, because, graceMs: 0 }).catch((error: unknown) =>
      // Reconciliation will find that nobody knows the task.
      worldFailed(this.#ports, 'refused launch not taken back', error, { taskId }),
    );
  }

  // ---- kills

  /** The launch is stopped for another user's job. */
  preempt(job: LiveJob): Promise<void> {
    const { taskId } = job.placement;
    return this.#apply(job, { kind: 'preempted', taskId }).catch((error: unknown) =>
      worldFailed(this.#ports, 'job not stopped for another', error, { taskId }),
    );
  }

  kill(
    executor: string,
    task: { readonly taskId: TaskId; readonly agentId: AgentId | null },
  ): void {
    this.#killsSent.set(task.taskId, this.#ports.clock.monotonicMs());
    const { taskId, agentId } = task;
    this.#owner.linkOf(executor)?.cluster.kill({ taskId, agentId, graceMs: KILL_GRACE_MS });
  }

  /** Sent again until the end is known: calls to a master are at most once. */
  #killAgain({ placement }: LiveJob): void {
    const sentMs = this.#killsSent.get(placement.taskId) ?? Number.NEGATIVE_INFINITY;
    if (this.#ports.clock.monotonicMs() - sentMs >= KILL_AGAIN_MS)
      this.kill(placement.executor, placement);
  }
}
