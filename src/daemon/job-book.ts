/**
 * What the leader believes of the jobs that hold a task, and the only way it changes a record. Events of one job are
 * carried out one after the other; writes of many jobs share a transaction. A write whose result is unknown is in
 * doubt: the job is read again before anything else happens to it.
 */
import type { Clock, Timers } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';
import type { Live } from '../contracts/live.js';
import type { Log } from '../contracts/log.js';
import { FencedOut, type JobStep, type JobStore, type StepAnswer } from '../contracts/store.js';
import { aftermathOf } from '../core/aftermath.js';
import { assert } from '../core/assert.js';
import { isLive, type Job, type LiveJob, type Placement } from '../core/job.js';
import { type Effect, type JobEvent, step } from '../core/lifecycle.js';
import type { Instant, JobId } from '../core/units.js';
import { AgentLoads } from './agent-loads.js';
import type { TaskRef } from './cluster-link.js';

export type Applied =
  /** Stored. The effects are still to be carried out. */
  | {
      readonly kind: 'moved';
      readonly before: Job;
      readonly job: Job;
      readonly effects: readonly Effect[];
    }
  /** Late, repeated or foreign: nothing changed. */
  | { readonly kind: 'ignored'; readonly because: string; readonly effects: readonly Effect[] }
  /** The record has moved on, as another process wrote it (a kill wanted before its intent, a job removed). */
  | { readonly kind: 'refused'; readonly job: Job | undefined };

interface Write {
  readonly step: JobStep;
  readonly settle: (answer: StepAnswer) => void;
  readonly fail: (error: unknown) => void;
}

export interface JobBookPorts {
  readonly store: JobStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** Hears of every change of a record. */
  readonly live?: Pick<Live, 'news'>;
  /** The lease is another's: the whole daemon must stop at once. */
  readonly fencedOut: (error: FencedOut) => void;
}

/** First and largest pause before a store that failed is asked again. */
const AGAIN_MS_MIN = 100;
const AGAIN_MS_MAX = 5_000;

export class JobBook {
  readonly #ports: JobBookPorts;
  readonly #epoch: number;
  readonly #live = new Map<JobId, LiveJob>();
  /** The same jobs by agent. */
  readonly loads = new AgentLoads();
  /** The end of each busy job's chain. */
  readonly #chains = new Map<JobId, Promise<unknown>>();
  #gathered: Write[] = [];
  #isWriting = false;
  /** The last transaction; rejects never. */
  #flushed: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(ports: JobBookPorts, epoch: number, live: readonly LiveJob[]) {
    this.#ports = ports;
    this.#epoch = epoch;
    for (const job of live) this.adopt(job);
  }

  get(id: JobId): LiveJob | undefined {
    return this.#live.get(id);
  }

  live(): IterableIterator<LiveJob> {
    return this.#live.values();
  }

  /** Every task of one executor that a job holds, or may hold. */
  tasksOf(executor: string): TaskRef[] {
    const tasks: TaskRef[] = [];
    for (const { placement } of this.#live.values())
      if (placement.executor === executor)
        tasks.push({ taskId: placement.taskId, agentId: placement.agentId });
    return tasks;
  }

  get size(): number {
    return this.#live.size;
  }

  /** Nothing is written any more; what waits never settles. */
  close(): void {
    this.#isClosed = true;
  }

  /** Resolves when the transaction under way has its answer. */
  settled(): Promise<void> {
    return this.#flushed;
  }

  /**
   * Carries out one event on a job: on what the book holds of it, else on `known` (a record just read), else on the
   * record read from the store. Resolves when the outcome is durable; goes on trying while the store is away.
   */
  apply(id: JobId, event: JobEvent, known?: Job): Promise<Applied> {
    const former = this.#chains.get(id);
    const mine =
      former === undefined
        ? this.#carryOut(id, event, known)
        : former.then(() => this.#carryOut(id, event));
    // The chain goes on whatever became of its links; the caller sees the failure.
    const link = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#chains.set(id, link);
    void link.then(() => {
      if (this.#chains.get(id) === link) this.#chains.delete(id);
    });
    return mine;
  }

  async #carryOut(id: JobId, event: JobEvent, known?: Job): Promise<Applied> {
    let job = this.#live.get(id) ?? known ?? (await this.#read(id));
    /** The job and its wanted successor of a write whose result is unknown. */
    let doubt: { readonly before: Job; readonly taken: Moved } | undefined;
    for (let pauseMs = AGAIN_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, AGAIN_MS_MAX)) {
      if (doubt !== undefined && hasHappened(doubt, job)) {
        const { before, taken } = doubt;
        if (job !== undefined) this.#announce(job);
        return { kind: 'moved', before, job, effects: taken.effects };
      }
      if (job === undefined) return { kind: 'refused', job };
      const at = this.#ports.clock.now();
      const taken = step(job, event, at);
      if (taken.kind === 'ignored') return taken;
      const answer = await this.#write(job, taken.job, { at, event });
      if (answer === 'doubt') {
        doubt = { before: job, taken };
        // A store that takes no writes may well answer questions: without a pause this would be a hot loop.
        await this.#pause(pauseMs);
        job = await this.#read(id);
        this.#remember(id, job);
        continue;
      }
      if (answer.kind === 'stored') {
        const stored: Job = { ...taken.job, version: answer.version };
        this.#remember(id, stored);
        this.#announce(stored);
        return { kind: 'moved', before: job, job: stored, effects: taken.effects };
      }
      const isSame = answer.job?.state === job.state && answer.job.launches === job.launches;
      job = answer.job;
      this.#remember(id, job);
      if (doubt !== undefined && hasHappened(doubt, job)) continue;
      if (event.kind === 'placed') return { kind: 'refused', job };
      assert(!isSame, 'a step is refused only when the record has moved on');
    }
  }

  #announce({ id, version, owner }: Job): void {
    this.#ports.live?.news.publish([{ jobId: id, version, owner }]);
  }

  /** A job that the book did not hold is found to have a task. */
  adopt(job: LiveJob): void {
    this.#live.set(job.id, job);
    this.loads.note(job.id, job);
  }

  /** Whether anything is under way for the job. */
  isBusy(id: JobId): boolean {
    return this.#chains.has(id);
  }

  #remember(id: JobId, job: Job | undefined): void {
    this.loads.note(id, job);
    if (job !== undefined && isLive(job)) this.#live.set(id, job);
    else this.#live.delete(id);
  }

  #write(
    from: Job,
    to: Job,
    { at, event: { kind } }: { readonly at: Instant; readonly event: JobEvent },
  ): Promise<StepAnswer | 'doubt'> {
    const { state, launches } = from;
    const aftermath = aftermathOf(from, to, at);
    const left = {
      ...(aftermath.length === 0 ? {} : { aftermath }),
      ...(kind === 'amended' ? { amends: true as const } : {}),
    };
    return new Promise((settle, fail) => {
      this.#gathered.push({
        step: { from: { state, launches }, unlessKillWanted: kind === 'placed', to, ...left },
        settle,
        fail: (error) => (isAway(error) ? settle('doubt') : fail(error)),
      });
      if (!this.#isWriting)
        this.#ports.timers.soon(() => {
          if (!this.#isWriting) this.#flushed = this.#flush();
        });
    });
  }

  /** One transaction at a time: while it syncs, the next batch gathers. */
  async #flush(): Promise<void> {
    if (this.#isWriting || this.#isClosed) return;
    this.#isWriting = true;
    while (this.#gathered.length > 0 && !this.#isClosed) {
      const batch = this.#gathered;
      this.#gathered = [];
      try {
        const answers = await this.#ports.store.advance(
          this.#epoch,
          batch.map((write) => write.step),
        );
        batch.forEach((write, at) => {
          const answer = answers[at];
          assert(answer !== undefined, 'the store answers each step');
          write.settle(answer);
        });
      } catch (error) {
        // What a term that is over learns is nobody's business, least of all the next term's.
        if (this.#isClosed) return;
        if (error instanceof FencedOut) {
          this.close();
          this.#ports.fencedOut(error);
          return;
        }
        for (const write of batch) write.fail(error);
      }
    }
    this.#isWriting = false;
  }

  /** Reads a record, for as long as it takes. */
  async #read(id: JobId): Promise<Job | undefined> {
    for (let pauseMs = AGAIN_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, AGAIN_MS_MAX)) {
      try {
        return await this.#ports.store.job(id);
      } catch (error) {
        if (!isAway(error)) throw error;
        this.#ports.log.warn('store away, asking again', { jobId: id, pauseMs });
      }
      await this.#pause(pauseMs);
    }
  }

  /** Ends only if the book is still open: a term that is over asks nothing more. */
  #pause(pauseMs: number): Promise<void> {
    return new Promise((go) => {
      this.#ports.timers.after(pauseMs, () => {
        if (!this.#isClosed) go();
      });
    });
  }
}

type Moved = Extract<ReturnType<typeof step>, { kind: 'moved' }>;

/**
 * Whether the write in doubt was stored after all. Only the leader moves records, so a record in the state, launch and
 * place that we wanted is ours; an intent for another place is an older one of ours that came late. Where these do not
 * change the step may be taken again, harmlessly.
 */
function hasHappened(
  { before, taken }: { readonly before: Job; readonly taken: Moved },
  now: Job | undefined,
): now is Job {
  const { state, launches } = taken.job;
  const isChange = state !== before.state || launches !== before.launches;
  const isThere = isChange && now?.state === state && now.launches === launches;
  return isThere && samePlace(placeOf(taken.job), placeOf(now));
}

const placeOf = (job: Job): Placement | null => ('placement' in job ? job.placement : null);

const samePlace = (a: Placement | null, b: Placement | null): boolean =>
  a?.taskId === b?.taskId && a?.agentId === b?.agentId && a?.executor === b?.executor;

/** The world failed, not we: the store cannot be reached. */
export const isAway = (error: unknown): boolean =>
  error instanceof ServiceError && error.code === 'store-unavailable';
