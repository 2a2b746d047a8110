/**
 * The arrays that are open: which members are not over, how many hold a task, and the end of each array, once. What
 * memory holds is counted from the record when a term begins; members that merely wait are a bit in the queue.
 */
import type { Timers } from '../contracts/clock.js';
import { MADE_MEMBERS_READ_MAX } from '../contracts/limits.js';
import type { JobStore, PendingRow } from '../contracts/store.js';
import { memberId, placeOf } from '../core/array.js';
import type { ArrayEvent } from '../core/array-life.js';
import { Bits } from '../core/bits.js';
import {
  codeOf,
  isLive,
  type Job,
  KILLED_EXIT_CODE,
  type KillWanted,
  type LiveJob,
  type OpenJob,
  type Reason,
} from '../core/job.js';
import type { PendingQueue } from '../core/queue.js';
import type { JobId } from '../core/units.js';
import type { Applied, JobBook } from './job-book.js';
import { Pairs } from './pairs.js';
import { type SchedulerPorts, worldFailed } from './ports.js';
import { type ArrayEntry, arrayOfJob, arrayOfPending } from './queue-rows.js';

export interface ArraysPorts extends Pick<SchedulerPorts, 'log' | 'failed'> {
  readonly store: Pick<JobStore, 'made' | 'job' | 'standings'>;
  readonly timers: Timers;
}

export interface ArraysOwner {
  /** An event was carried out on the array itself. */
  applied(applied: Applied): void;
  /** A member that has, or may soon have, a record or a task must not run. */
  killMember(id: JobId, wanted: KillWanted): Promise<void>;
  /** The kill of an array is to be carried out, if the record wants it. Not waited for: the write may never settle. */
  killWanted(id: JobId): void;
  /** Whether it waits for more than resources. */
  isWithheld(array: JobId): boolean;
  /** Its counterpart in another array has ended well. False: it is not withheld by itself. */
  pairReady(member: JobId): boolean;
  /** A member may be placed that could not before. */
  newWork(): void;
}

class OpenArray {
  readonly id: JobId;
  readonly limit: number | null;
  /** By place: members that are not over. */
  readonly open: Bits;
  /** By place: members that wait and have no record; the queue changes it. */
  readonly waiting: Bits;
  /** The same of an array that corresponds to another: its members stand in the queue one by one. */
  readonly apart: Bits | null;
  readonly row: ArrayEntry['row'];
  readonly other: JobId | null;
  /** Members that hold a task, or are about to; kept where there is a limit. */
  running = new Set<JobId>();
  /** A member that was over when the record was read, and has probably run. */
  witness: JobId | undefined;
  failed = 0;
  /** The greatest code of a member that is over. */
  exitCode = 0;
  isStarted = false;
  isKilled = false;
  isEnding = false;

  constructor({ row, size, other }: ArrayEntry) {
    this.row = row;
    this.other = other;
    this.apart = other === null ? null : new Bits(size);
    this.id = row.id;
    this.limit = row.limit;
    this.open = new Bits(size);
    this.waiting = new Bits(size);
    if (other !== null) this.waiting.clearAll();
  }

  /** Counts a member's end; false when it was counted before. */
  ended(id: JobId, exitCode: number): boolean {
    if (!this.open.clear(placeOf(this.id, id))) return false;
    this.exitCode = Math.max(this.exitCode, exitCode);
    if (exitCode !== 0) this.failed += 1;
    return true;
  }
}

export class Arrays {
  readonly #ports: ArraysPorts;
  readonly #book: JobBook;
  readonly #queue: PendingQueue;
  readonly #owner: ArraysOwner;
  readonly #pairs: Pairs;
  readonly #arrays = new Map<JobId, OpenArray>();
  /** Being read; what happens to a member meanwhile is not lost, because it is then read again. */
  readonly #reading = new Map<JobId, { isStale: boolean; readonly done: Promise<void> }>();

  constructor(
    ports: ArraysPorts,
    parts: { readonly book: JobBook; readonly queue: PendingQueue },
    owner: ArraysOwner,
  ) {
    this.#ports = ports;
    this.#book = parts.book;
    this.#queue = parts.queue;
    this.#owner = owner;
    this.#pairs = new Pairs(ports, parts.book, {
      ready: (array, member) => this.#pairReady(array, member),
      applied: (applied) => owner.applied(applied),
    });
  }

  /** Whether an id is that of an array that is open here. */
  has(id: JobId): boolean {
    return this.#arrays.has(id) || this.#reading.has(id);
  }

  /** Whether a member must not be placed again, because its array is killed; then the kill is carried out. */
  forbids({ parent }: Job): boolean {
    if (parent === undefined || this.#arrays.get(parent)?.isKilled !== true) return false;
    this.#owner.killWanted(parent);
    return true;
  }

  /** An array that the store listed. @throws ServiceError when the store is away */
  async takeIn(row: PendingRow): Promise<void> {
    if (row.array !== undefined) await this.#add(arrayOfPending({ ...row, array: row.array }));
    if (row.isKillWanted) this.#owner.killWanted(row.id);
  }

  /** Lets the members of an array wait, but for those that have records. @throws ServiceError when the store is away. */
  async #add(entry: ArrayEntry): Promise<void> {
    const { id } = entry.row;
    if (this.#arrays.has(id)) return;
    const known = this.#reading.get(id);
    if (known !== undefined) return known.done;
    const reading = { isStale: false, done: Promise.resolve() };
    this.#reading.set(id, reading);
    const done = this.#read(entry, reading).finally(() => this.#reading.delete(id));
    this.#reading.set(id, Object.assign(reading, { done }));
    await done;
  }

  async #read(entry: ArrayEntry, reading: { isStale: boolean }): Promise<void> {
    let array: OpenArray;
    do {
      reading.isStale = false;
      array = await this.#counted(entry);
      const live = [...this.#book.live()].filter(({ parent }) => parent === entry.row.id);
      array.running = new Set(live.map(({ id }) => id));
      await this.#hasStarted(array, live);
    } while (reading.isStale);
    this.#arrays.set(array.id, array);
    this.#queue.addArray(entry.row, array.waiting);
    this.#queue.bar(array.id, this.#owner.isWithheld(array.id));
    this.#queue.setRunning(array.id, array.running.size);
    this.#owner.newWork();
    if (array.other !== null) this.#pairs.add(array.id, array.other, array.open.size);
    this.#endIfDone(array);
  }

  /** Whether it waits for more than resources, from now on. */
  bar(array: JobId, isBarred: boolean): void {
    this.#queue.bar(array, isBarred);
    this.#owner.newWork();
  }

  /** Whether a member that waits, with a record or without, waits for its counterpart in another array. */
  awaitsPair(member: JobId): boolean {
    const parent = this.#queue.arrayOf(member)?.parent;
    return parent !== undefined && this.#pairs.withholds(parent, member);
  }

  #pairReady(id: JobId, member: JobId): void {
    const array = this.#arrays.get(id);
    if (this.#owner.pairReady(member) || array === undefined || array.isKilled) return;
    if (array.apart?.has(placeOf(id, member)) !== true) return;
    this.#queue.add({ ...array.row, id: member, notBefore: null });
    this.#owner.newWork();
  }

  /** As the record has it. */
  async #counted(entry: ArrayEntry): Promise<OpenArray> {
    const array = new OpenArray(entry);
    await this.#count(array, (id) => {
      array.waiting.clear(placeOf(array.id, id));
      array.apart?.clear(placeOf(array.id, id));
    });
    return array;
  }

  /** @param waitsNot told of each member that has a record */
  async #count(array: OpenArray, waitsNot: (id: JobId) => unknown): Promise<void> {
    for (let after: JobId | null = null; ; ) {
      const page = await this.#ports.store.made(array.id, { after, limit: MADE_MEMBERS_READ_MAX });
      for (const { id, state, exitCode } of page) {
        waitsNot(id);
        if (state === 'over') array.ended(id, exitCode ?? 0);
        if (state === 'over' && exitCode !== KILLED_EXIT_CODE) array.witness ??= id;
      }
      if (page.length < MADE_MEMBERS_READ_MAX) return;
      after = page.at(-1)?.id ?? after;
    }
  }

  /** A crash may have come between the start of the first member and the word of it in the array's record. */
  async #hasStarted(array: OpenArray, live: readonly LiveJob[]): Promise<void> {
    for (const job of live) this.#noteStart(array, job);
    if (array.isStarted || array.witness === undefined) return;
    const member = await this.#ports.store.job(array.witness);
    if (member !== undefined) this.#noteStart(array, member);
  }

  // ---- what becomes of members

  /** A job is about to be placed, or was found to hold a task. */
  entered(id: JobId): void {
    const parent = this.#queue.arrayOf(id)?.parent;
    const array = parent === undefined ? undefined : this.#arrays.get(parent);
    if (array === undefined || array.limit === null) return;
    array.running.add(id);
    this.#queue.setRunning(array.id, array.running.size);
  }

  /** It holds no task, or was not placed after all. */
  left(id: JobId): void {
    const parent = this.#queue.arrayOf(id)?.parent;
    const array = parent === undefined ? undefined : this.#arrays.get(parent);
    if (array === undefined || !array.running.delete(id)) return;
    this.#queue.setRunning(array.id, array.running.size);
    this.#owner.newWork();
  }

  /** The record of a job has moved. */
  moved(before: Job, job: Job): void {
    this.#pairs.moved(job);
    if (job.parent === undefined) return;
    if (isLive(before) && !isLive(job)) this.left(job.id);
    const reading = this.#reading.get(job.parent);
    if (reading !== undefined) reading.isStale = true;
    const array = this.#arrays.get(job.parent);
    if (array === undefined) return;
    array.apart?.clear(placeOf(array.id, job.id));
    this.#noteStart(array, job);
    if (job.state !== 'over') return;
    array.ended(job.id, codeOf(job.outcome));
    this.#endIfDone(array);
  }

  /** Told to the record once in a term; one that says so already stays as it is. */
  #noteStart(array: OpenArray, member: Job): void {
    const hasStarted = 'startedAt' in member && member.startedAt !== null;
    if (array.isStarted || !hasStarted) return;
    array.isStarted = true;
    const own = member.directory;
    const directory = own === null ? null : own.slice(0, own.lastIndexOf('/'));
    this.#apply(array, { kind: 'memberStarted', directory });
  }

  #endIfDone(array: OpenArray): void {
    if (array.open.count > 0 || array.isEnding) return;
    array.isEnding = true;
    const { exitCode, failed, open } = array;
    const facts = { failed, members: open.size };
    const because = failed === 0 ? null : ({ code: 'members-failed', facts } as const);
    this.#apply(array, { kind: 'membersOver', outcome: { kind: 'exited', exitCode, because } });
  }

  #apply(array: OpenArray, event: ArrayEvent): void {
    this.#book
      .apply(array.id, event)
      .then((applied) => {
        if (event.kind !== 'memberStarted') {
          this.#arrays.delete(array.id);
          this.#queue.removeArray(array.id);
        }
        this.#owner.applied(applied);
      })
      .catch((error: unknown) => {
        array.isEnding = false;
        worldFailed(
          this.#ports,
          'array not carried on; the next member to end tries again',
          error,
          {
            jobId: array.id,
          },
        );
      });
  }

  /** What the array waits for never comes true: members that have records end first, then all the others with it. */
  async giveUp(job: OpenJob, because: Reason): Promise<void> {
    await this.#add(arrayOfJob(job));
    const array = this.#arrays.get(job.id);
    if (array === undefined) return;
    const made: JobId[] = [];
    await this.#count(array, (id) => made.push(id));
    const open = made.filter((id) => array.open.has(placeOf(array.id, id)));
    for (const id of open)
      this.#owner.applied(await this.#book.apply(id, { kind: 'gaveUp', because }));
    array.isEnding = true;
    this.#apply(array, { kind: 'gaveUp', because });
  }

  /** Of members that stand in the queue, or will, one by one. */
  #withdrawApart(array: OpenArray, apart: Bits): void {
    this.#pairs.drop(array.id);
    for (const place of apart.places()) this.#queue.remove(memberId(array.id, place));
    array.open.clearThoseOf(apart);
  }

  // ---- kills

  /** What waits ends with the array, without records; what has a record or a task ends by itself. */
  async kill(job: OpenJob, wanted: KillWanted): Promise<void> {
    await this.#add(arrayOfJob(job));
    const array = this.#arrays.get(job.id);
    if (array === undefined) return;
    array.isKilled = true;
    // A kill of one member makes its record, and may not have been heard of here; after the array's kill none is made.
    await this.#count(array, (id) => {
      array.apart?.clear(placeOf(array.id, id));
      this.#queue.remove(id);
    });
    array.open.clearThoseOf(array.waiting);
    if (array.apart !== null) this.#withdrawApart(array, array.apart);
    this.#queue.removeArray(array.id);
    // Room may have been kept for one of them.
    this.#owner.newWork();
    const members = [...array.open.places()].map((place) => memberId(array.id, place));
    await Promise.all(
      members
        .filter((id) => this.#book.get(id)?.state !== 'killing')
        .map((id) => this.#owner.killMember(id, wanted)),
    );
    this.#endIfDone(array);
  }
}
