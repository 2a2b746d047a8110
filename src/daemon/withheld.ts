/**
 * Waiting jobs that may not stand in the queue yet: they depend on others, wait for their turn or a date, or are held back. They
 * cost cycles nothing. What memory knows of them follows from the record; each is read again before it enters the queue, so
 * that a change which was not told of is met there.
 */
import type { Clock, Timers } from '../contracts/clock.js';
import type { JobStore, PendingRow } from '../contracts/store.js';
import { arraySize, memberId } from '../core/array.js';
import { isArray } from '../core/array-life.js';
import { Dependants, type Settled } from '../core/dependants.js';
import { type JobStanding, standingOf } from '../core/dependency.js';
import type { Job, OpenJob, PendingJob, Reason } from '../core/job.js';
import { NameLines, nameKey } from '../core/name-lines.js';
import type { JobId, UserId } from '../core/units.js';
import { Dates } from './dates.js';
import type { Applied, JobBook } from './job-book.js';
import { type SchedulerPorts, worldFailed } from './ports.js';

export interface WithheldPorts extends Pick<SchedulerPorts, 'log' | 'failed'> {
  readonly store: Pick<
    JobStore,
    'pending' | 'standings' | 'namesakes' | 'heldBack' | 'job' | 'jobs'
  >;
  readonly clock: Clock;
  readonly timers: Timers;
}

export interface WithheldOwner {
  /** Nothing but resources keeps the job waiting now. */
  admit(row: PendingRow): void;
  /** The same of an array that was taken in, or the contrary. */
  bar(array: JobId, isBarred: boolean): void;
  /** Takes a job out of the queue; false when it does not stand there. */
  withdraw(id: JobId): boolean;
  /** Whether it is the member of an array that waits for its counterpart in another array. */
  awaitsPair(id: JobId): boolean;
  /** Whether the job surely waits and its end will be told. */
  waits(id: JobId): boolean;
  giveUpArray(array: OpenJob, because: Reason): Promise<void>;
  killWanted(id: JobId): void;
  /** A job was ended because what it waits for never comes true. */
  applied(applied: Applied): void;
}

/** Why a job is withheld, and whether it is an array: one number a job, since a million may wait. */
const HELD = 1;
const DEPENDS = 2;
const TURN = 4;
const DATE = 8;
const PAIR = 16;
const OF_ARRAY = 32;
const REASONS = HELD | DEPENDS | TURN | DATE | PAIR;

/** Jobs of one question to the store, or of one round of ends. */
const SLICE = 2_000;
/** A store that failed is asked again after this. */
const AGAIN_MS = 1_000;

export class Withheld {
  readonly #ports: WithheldPorts;
  readonly #book: JobBook;
  readonly #owner: WithheldOwner;
  readonly #entries = new Map<JobId, number>();
  #arrays = 0;

  readonly #dependants = new Dependants();
  readonly #lines = new NameLines();
  readonly #dates: Dates;

  /** Work for the next round, which goes on where a former one failed. */
  readonly #unknown = new Set<JobId>();
  readonly #nameless = new Map<JobId, { readonly owner: UserId; readonly name: string }>();
  readonly #ready = new Set<JobId>();
  readonly #doomed = new Map<JobId, Reason>();
  #isWorking = false;
  /** Jobs that ended while namesakes were read: the answer may still name them. */
  #endedMeanwhile: Set<JobId> | undefined;
  #isClosed = false;

  constructor(ports: WithheldPorts, book: JobBook, owner: WithheldOwner) {
    this.#ports = ports;
    this.#book = book;
    this.#owner = owner;
    this.#dates = new Dates(ports, (id) => this.#came(id, DATE));
  }

  close(): void {
    this.#isClosed = true;
    this.#dates.close();
  }

  /** Jobs that stand in no queue; arrays are counted there. */
  get size(): number {
    return this.#entries.size - this.#arrays;
  }

  has(id: JobId): boolean {
    return this.#entries.has(id);
  }

  // ---- who comes in

  /** False when nothing but resources keeps the job, or the array, waiting. */
  take(row: PendingRow): boolean {
    const { id, owner, waits } = row;
    const isPaired = this.#owner.awaitsPair(id);
    if (waits === undefined && !isPaired) return false;
    if (this.#entries.has(id)) return true;
    const { dependencies, name, beginAt, heldBack } = waits ?? {};
    let reasons = isPaired ? PAIR : 0;
    if (heldBack !== undefined) reasons |= HELD;
    if (beginAt !== undefined && this.#dates.add(id, beginAt)) reasons |= DATE;
    // Members are matched one by one elsewhere.
    const on = dependencies?.on.filter(({ type }) => type !== 'aftercorr') ?? [];
    const isAnyEnough = dependencies?.isAnyEnough === true;
    if (this.#dependants.add(id, { on, isAnyEnough })) {
      reasons |= DEPENDS;
      for (const { type, job } of on)
        if (type === 'after' || !this.#surelyWaits(job)) this.#unknown.add(job);
    }
    if (dependencies?.isSingleton === true && name !== undefined) {
      reasons |= TURN;
      this.#nameless.set(id, { owner, name });
    }
    if (reasons === 0) return false;
    const ofArray = row.array !== undefined;
    this.#entries.set(id, reasons | (ofArray ? OF_ARRAY : 0));
    if (ofArray) this.#arrays += 1;
    this.#workSoon();
    return true;
  }

  /** A job that waits again. A member without a record is held by its array alone. False: nobody holds it back. */
  takeBack({ id, heldBack, parent, version }: PendingJob): boolean {
    if (heldBack === undefined || (parent !== undefined && version === 0)) return false;
    if (!this.#entries.has(id)) this.#entries.set(id, HELD);
    return true;
  }

  /** Its counterpart in another array has ended well. False: it is not withheld here. */
  pairReady(id: JobId): boolean {
    this.#came(id, PAIR);
    return this.#entries.has(id);
  }

  /** The job must not be placed from now on. */
  withdraw(id: JobId): void {
    this.drop(id);
    this.#owner.withdraw(id);
  }

  /** The job is to be killed, or is over. */
  drop(id: JobId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    if ((entry & OF_ARRAY) > 0) this.#arrays -= 1;
    this.#dependants.drop(id);
    this.#nameless.delete(id);
    this.#ready.delete(id);
  }

  /** Its end will be told here. What holds a task is looked up: it may have ended a moment ago. */
  #surelyWaits(id: JobId): boolean {
    return this.#entries.has(id) || this.#owner.waits(id);
  }

  // ---- what comes true

  /** The record of a job has moved. */
  moved(job: Job): void {
    const isOver = job.state === 'over';
    if (isOver) this.drop(job.id);
    this.#settle(job.id, standingOf(job));
    if (!isOver) return;
    this.#endedMeanwhile?.add(job.id);
    this.#turns(this.#lines.left(job.id));
    const { array } = job.spec;
    if (array === undefined || !isArray(job)) return;
    // Members without records have ended with it.
    const last = memberId(job.id, arraySize(array) - 1);
    for (const member of this.#dependants.targets(job.id, last)) this.#unknown.add(member);
    this.#workSoon();
  }

  /** Everything that jobs depend on is looked up, in case some change was not told. */
  lookAtAll(): void {
    for (const target of this.#dependants.targets()) this.#unknown.add(target);
    this.#workSoon();
  }

  #settle(target: JobId, standing: JobStanding | undefined): void {
    const { ready, never }: Settled = this.#dependants.settle(target, standing);
    for (const id of ready) this.#came(id, DEPENDS);
    for (const { id, because } of never) this.#doomed.set(id, because);
    if (never.length > 0) this.#workSoon();
  }

  #turns(ids: readonly JobId[]): void {
    for (const id of ids) this.#came(id, TURN);
  }

  /** One of the reasons to wait is gone. */
  #came(id: JobId, reason: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const left = entry & ~reason;
    this.#entries.set(id, left);
    if ((left & REASONS) > 0) return;
    this.#ready.add(id);
    this.#workSoon();
  }

  // ---- holds

  /** A hold or a release of this job may have been stored. */
  async holdChanged(id: JobId): Promise<void> {
    try {
      const job = await this.#ports.store.job(id);
      if (this.#isClosed || (job?.state !== 'pending' && job?.state !== 'open')) return;
      if (job.heldBack === undefined) this.#came(id, HELD);
      else if (job.state === 'open' || job.parent === undefined || job.version > 0)
        this.#hold(id, job.state === 'open');
    } catch (error) {
      worldFailed(this.#ports, 'hold not looked up; the next sweep does', error, { jobId: id });
    }
  }

  /** Holds and releases of which no notice came; and what a store that was away has left undone. @throws ServiceError */
  async sweep(): Promise<void> {
    const held = new Set(await this.#ports.store.heldBack());
    if (this.#isClosed) return;
    for (const [id, entry] of this.#entries)
      if ((entry & HELD) > 0 && !held.has(id)) this.#came(id, HELD);
    for (const id of held)
      if (((this.#entries.get(id) ?? 0) & HELD) === 0) void this.holdChanged(id);
    this.#workSoon();
  }

  /** A job that is about to be placed needs nothing: its intent is refused, and then it comes back here. */
  #hold(id: JobId, ofArray: boolean): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#entries.set(id, entry | HELD);
    else if (ofArray) {
      this.#entries.set(id, HELD | OF_ARRAY);
      this.#arrays += 1;
    } else if (this.#owner.withdraw(id)) this.#entries.set(id, HELD);
    if (ofArray) this.#owner.bar(id, true);
  }

  // ---- rounds of work

  #workSoon(): void {
    if (this.#isWorking || this.#isClosed) return;
    const { size } = this.#unknown;
    if (size + this.#nameless.size + this.#ready.size + this.#doomed.size === 0) return;
    this.#isWorking = true;
    this.#ports.timers.soon(() => void this.#work());
  }

  async #work(): Promise<void> {
    let pauseMs = 0;
    try {
      await this.#lookUp();
      await this.#lineUp();
      await this.#endDoomed();
      await this.#release();
    } catch (error) {
      pauseMs = AGAIN_MS;
      worldFailed(this.#ports, 'waiting jobs not looked up; tried again', error);
    }
    if (this.#isClosed) return;
    if (pauseMs > 0) {
      this.#ports.timers.after(pauseMs, () => {
        this.#isWorking = false;
        this.#workSoon();
      });
      return;
    }
    this.#isWorking = false;
    this.#workSoon();
  }

  async #lookUp(): Promise<void> {
    const slice = first(this.#unknown.keys());
    if (slice.length === 0) return;
    const standings = await this.#ports.store.standings(slice);
    if (this.#isClosed) return;
    for (const id of slice) {
      this.#unknown.delete(id);
      this.#settle(id, standings.get(id));
    }
  }

  async #lineUp(): Promise<void> {
    for (const id of first(this.#nameless.keys())) {
      const asked = this.#nameless.get(id);
      if (asked === undefined) continue;
      const ended = new Set<JobId>();
      this.#endedMeanwhile = ended;
      const key = nameKey(asked.owner, asked.name);
      const namesakes = this.#lines.knows(id, key)
        ? []
        : await this.#ports.store.namesakes(asked, this.#lines.highest(key));
      if (this.#isClosed) return;
      // Killed meanwhile: it takes no turn.
      if (!this.#nameless.delete(id)) continue;
      const known = namesakes.filter((one) => !ended.has(one.id));
      this.#turns(this.#lines.enter(id, key, known));
    }
    this.#endedMeanwhile = undefined;
  }

  /** Ends what can never start. Whatever comes between, the next leader finds the same and ends the rest. */
  async #endDoomed(): Promise<void> {
    const slice = first(this.#doomed.keys());
    if (slice.length === 0) return;
    const jobs = await this.#ports.store.jobs(slice);
    await Promise.all(
      slice.map(async (id) => {
        const job = jobs.get(id);
        const because = this.#doomed.get(id);
        if (because !== undefined && job !== undefined && !this.#isClosed)
          await this.#end(job, because);
        this.#doomed.delete(id);
      }),
    );
  }

  async #end(job: Job, because: Reason): Promise<void> {
    if (job.state === 'open') await this.#owner.giveUpArray(job, because);
    else if (job.state !== 'pending') this.drop(job.id);
    else this.#owner.applied(await this.#book.apply(job.id, { kind: 'gaveUp', because }, job));
  }

  /** Lets those into the queue that still may. */
  async #release(): Promise<void> {
    const slice = first(this.#ready.keys());
    if (slice.length === 0) return;
    const rows = await this.#ports.store.pending({
      after: null,
      limit: slice.length,
      among: slice,
    });
    if (this.#isClosed) return;
    const found = new Map(rows.map((row) => [row.id, row]));
    for (const id of slice) {
      this.#ready.delete(id);
      const entry = this.#entries.get(id);
      if (entry === undefined || (entry & REASONS) > 0) continue;
      const row = found.get(id);
      if (row?.waits?.heldBack !== undefined) this.#entries.set(id, entry | HELD);
      else if (this.#owner.awaitsPair(id)) this.#entries.set(id, entry | PAIR);
      else if (row?.isKillWanted === true) this.#owner.killWanted(id);
      else this.#letIn(id, entry, row);
    }
  }

  /** `row` undefined: it waits no more, and was taken in by a row that was read before its end. */
  #letIn(id: JobId, entry: number, row: PendingRow | undefined): void {
    this.drop(id);
    if ((entry & OF_ARRAY) > 0) this.#owner.bar(id, false);
    else if (row !== undefined) this.#owner.admit(row);
    if (row === undefined) this.#turns(this.#lines.left(id));
  }
}

/** The first of them, as many as one round takes. */
function first(ids: Iterable<JobId>): JobId[] {
  const slice: JobId[] = [];
  for (const id of ids) {
    if (slice.length === SLICE) break;
    slice.push(id);
  }
  return slice;
}
