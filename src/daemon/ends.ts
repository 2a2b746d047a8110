/** How long jobs took that ended: those of this term as they end, some of before from the record, when somebody asks. */
import { ENDS_READ_MAX, PAGE_ITEMS_MAX } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { JobStore } from '../contracts/store.js';
import type { Job } from '../core/job.js';
import { Lifetimes } from '../core/lifetimes.js';
import { type Demanding, shapeKey } from '../core/queue-lines.js';
import { needsOf } from '../core/retry.js';
import type { JobId, UserId } from '../core/units.js';

export interface EndsPorts {
  readonly store: Pick<JobStore, 'list'>;
  readonly log: Log;
}

/** Jobs of one user that ask for the same are alike, wherever they failed before. */
export const likeOf = (user: UserId, demand: Demanding): string =>
  `${user} ${shapeKey({ ...demand, avoid: [] })}`;

/** The same, of a job's record. */
export const likeOfJob = (job: Job): string => {
  const { constraints, executor, lifespanMs } = job.spec;
  return likeOf(job.owner, { needs: needsOf(job), constraints, executor, lifespanMs });
};

/** Portions: a page of whole records takes its time to read. */
const READ_AT_ONCE = Math.min(200, PAGE_ITEMS_MAX);

export class Ends {
  readonly lifetimes = new Lifetimes();
  readonly #ports: EndsPorts;
  /** Ended in this term, so known already. */
  readonly #known = new Set<JobId>();
  #reading: Promise<void> | undefined;

  constructor(ports: EndsPorts) {
    this.#ports = ports;
  }

  /** A launch has ended, of a job that stood like this before; 0: nothing ran, or the system failed. */
  note(before: Job, usedMs: number): void {
    // Who kills a job says nothing of how long it would have taken.
    if (usedMs <= 0 || before.state === 'killing') return;
    this.lifetimes.note(likeOfJob(before), before.spec.lifespanMs, usedMs);
    if (this.#reading === undefined) this.#known.add(before.id);
  }

  /** Reads the latest ends of the record, once. A store that is away is asked again the next time. */
  read(): Promise<void> {
    this.#reading ??= this.#readRecord().catch((error: unknown) => {
      this.#ports.log.warn('ends of jobs not read; estimates know less', { error });
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readRecord(): Promise<void> {
    const over: Job[] = [];
    for (let isMore = true; isMore && over.length < ENDS_READ_MAX; ) {
      const before = over.at(-1)?.id;
      const page = await this.#ports.store.list({
        states: ['over'],
        limit: READ_AT_ONCE,
        ...(before === undefined ? {} : { before }),
      });
      over.push(...page);
      isMore = page.length === READ_AT_ONCE;
    }
    // The latest last: these count when more are known than are kept.
    for (const job of over.reverse()) if (!this.#known.has(job.id)) this.#noteOver(job);
    this.#known.clear();
  }

  #noteOver(job: Job): void {
    if (job.state !== 'over' || job.startedAt === null || job.spec.array !== undefined) return;
    if (job.outcome.kind !== 'exited') return;
    this.lifetimes.note(likeOfJob(job), job.spec.lifespanMs, job.endedAt - job.startedAt);
  }
}
