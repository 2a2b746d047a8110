/**
 * The pending queue in memory: per account, per shape, in order of job id. Changes by deltas; planning only reads it.
 * A job costs about a hundred bytes, a waiting member of an array a bit; a million of them are an ordinary day.
 */
import { placeOf } from './array.js';
import { ArrayBlock, BlockList, type QueuedArray, roomOf } from './array-block.js';
import type { Bits } from './bits.js';
import { Heap } from './heap.js';
import {
  Account,
  AccountLine,
  type AccountQueue,
  type ArrayRow,
  type Demanding,
  type Line,
  type QueueRow,
  rounded,
  type Shape,
  shapeKey,
} from './queue-lines.js';
import type { Instant, JobId, UserId } from './units.js';

export {
  type AccountQueue,
  type ArrayRow,
  type Line,
  type QueueRow,
  type Shape,
  shapeKey,
} from './queue-lines.js';

interface Aside {
  readonly id: JobId;
  readonly until: Instant;
  readonly submittedAt: Instant;
}

interface CountedShape extends Shape {
  readonly key: string;
  jobs: number;
}

export class PendingQueue {
  /** Of jobs; members of arrays stand in blocks. */
  readonly #lines = new Map<JobId, AccountLine>();

  /** Every array of which a member may come back, and how many members wait in them. */
  readonly #blocks = new BlockList<AccountLine>();
  #membersWaiting = 0;

  /** By user, then by project and queue. */
  readonly #accounts = new Map<UserId, Map<string, Account>>();
  #accountCount = 0;
  readonly #active = new Set<Account>();

  readonly #shapes = new Map<string, CountedShape>();
  #shapeCount = 0;

  readonly #aside = new Map<JobId, Aside>();
  /** May hold entries of jobs that have left or were set aside anew; `#aside` decides. */
  readonly #wakeUps = new Heap<Aside>(
    (a, b) => a.until < b.until || (a.until === b.until && a.id < b.id),
  );

  /** All jobs, those set aside and the waiting members of arrays included. */
  get size(): number {
    return this.#lines.size + this.#membersWaiting;
  }

  /** Jobs that wait for their `notBefore`. */
  get asideSize(): number {
    return this.#aside.size;
  }

  /** Distinct shapes among all jobs. */
  get shapes(): number {
    return this.#shapes.size;
  }

  has(id: JobId): boolean {
    return this.#lines.has(id) || this.#blocks.of(id)?.waits(id) === true;
  }

  /** False when the job is known already: what it was added with stays. */
  add(row: QueueRow): boolean {
    if (this.has(row.id)) return false;
    const line = this.#line(this.#accountFor(row), row);
    this.#lines.set(row.id, line);
    line.jobs++;
    if (row.notBefore === null) this.#ready(row.id, line, row.submittedAt);
    else {
      const aside = { id: row.id, until: row.notBefore, submittedAt: row.submittedAt };
      this.#aside.set(row.id, aside);
      this.#wakeUps.push(aside);
    }
    return true;
  }

  /** False when the job is unknown. */
  remove(id: JobId): boolean {
    const line = this.#lines.get(id);
    if (line === undefined) return this.#removeMember(id);
    this.#lines.delete(id);
    if (!this.#aside.delete(id)) this.#unready(id, line);
    this.#forget(line);
    return true;
  }

  /** `waiting`: the members that wait, by place; the queue owns it from now on. False when the array is known already. */
  addArray(row: ArrayRow, waiting: Bits): boolean {
    if (this.#blocks.get(row.id) !== undefined) return false;
    const line = this.#line(this.#accountFor(row), row);
    const block = new ArrayBlock(row, waiting, line);
    line.jobs++;
    this.#blocks.add(block);
    this.#membersWaiting += waiting.count;
    this.#list(block);
    this.#leaveIfEmpty(block);
    return true;
  }

  /** Its members wait no more, and none comes back. Those that came back as rows stay. */
  removeArray(parent: JobId): void {
    const block = this.#blocks.get(parent);
    if (block === undefined) return;
    this.#unlist(block);
    this.#membersWaiting -= block.waiting.count;
    block.waiting.clearAll();
    this.#leaveIfEmpty(block);
    this.#blocks.delete(block);
  }

  /** How many members of an array hold a task, or are about to: what its limit is held against. */
  setRunning(parent: JobId, running: number): void {
    const block = this.#blocks.get(parent);
    if (block === undefined) return;
    block.running = running;
    this.#listIfRoom(block);
  }

  /** Whether an array waits for more than resources, so that none of its members may be placed. */
  bar(parent: JobId, isBarred: boolean): void {
    const block = this.#blocks.get(parent);
    if (block === undefined) return;
    block.isBarred = isBarred;
    this.#listIfRoom(block);
  }

  #listIfRoom(block: ArrayBlock<AccountLine>): void {
    if (roomOf(block) > 0) this.#list(block);
    else this.#unlist(block);
  }

  /** The array that a job is a member of, or is; undefined when that array is not here. */
  arrayOf(id: JobId): QueuedArray | undefined {
    return this.#blocks.of(id) ?? this.#blocks.get(id);
  }

  /** Every shape that some job has, with its key. */
  waitingShapes(): Iterable<Shape & { readonly key: string }> {
    return this.#shapes.values();
  }

  shapeOf(id: JobId): Shape | undefined {
    return this.lineOf(id)?.shape;
  }

  /** Whose the job is. */
  accountOf(id: JobId): AccountQueue | undefined {
    return (this.#lines.get(id) ?? this.#blocks.of(id)?.line)?.account;
  }

  /** The line a job stands in, or will when its `notBefore` has come; of an array's parent, where its members stand. */
  lineOf(id: JobId): Line | undefined {
    const single = this.#lines.get(id);
    if (single !== undefined) return single;
    const block = this.#blocks.of(id);
    return block === undefined
      ? this.#blocks.get(id)?.line
      : block.waits(id)
        ? block.line
        : undefined;
  }

  submittedAt(id: JobId): Instant | undefined {
    const line = this.#lines.get(id);
    if (line === undefined) return this.#blocks.of(id)?.submittedAt;
    return line.submittedAt(id) ?? this.#aside.get(id)?.submittedAt;
  }

  /** Accounts with ready jobs, in no order that means anything. */
  accounts(): Iterable<AccountQueue> {
    return this.#active;
  }

  /** Lets in the jobs whose `notBefore` has come; says how many. */
  due(at: Instant): number {
    let count = 0;
    for (;;) {
      const next = this.#wakeUps.peek();
      if (next === undefined || next.until > at) return count;
      this.#wakeUps.pop();
      if (this.#aside.get(next.id) !== next) continue;
      this.#aside.delete(next.id);
      const line = this.#lines.get(next.id);
      if (line === undefined) continue;
      this.#ready(next.id, line, next.submittedAt);
      count++;
    }
  }

  /** When `due` should be called next; null when no job is set aside. */
  nextDueAt(): Instant | null {
    for (;;) {
      const next = this.#wakeUps.peek();
      if (next === undefined) return null;
      if (this.#aside.get(next.id) === next) return next.until;
      this.#wakeUps.pop();
    }
  }

  #ready(id: JobId, line: AccountLine, submittedAt: Instant): void {
    const before = line.first;
    line.ids.add(id, submittedAt);
    this.#headsOf(line, before);
    this.#grow(line.account, 1, submittedAt);
  }

  #unready(id: JobId, line: AccountLine): void {
    const before = line.first;
    line.ids.delete(id);
    this.#headsOf(line, before);
    this.#shrink(line.account, 1);
  }

  /** Lets the members of an array stand in their line, if there is room for one. */
  #list(block: ArrayBlock<AccountLine>): void {
    const { line } = block;
    if (line === undefined || line.blocks?.has(block) || roomOf(block) === 0) return;
    if (block.waiting.count === 0) return;
    const before = line.first;
    line.blocks ??= new BlockList();
    line.blocks.add(block);
    this.#headsOf(line, before);
    this.#grow(line.account, block.waiting.count, block.submittedAt);
  }

  #unlist(block: ArrayBlock<AccountLine>): void {
    const { line } = block;
    if (line === undefined || !line.blocks?.has(block)) return;
    const before = line.first;
    line.blocks.delete(block);
    this.#headsOf(line, before);
    this.#shrink(line.account, block.waiting.count);
  }

  #removeMember(id: JobId): boolean {
    const block = this.#blocks.of(id);
    if (block === undefined || !block.waits(id)) return false;
    const { line } = block;
    const before = line?.first;
    const isListed = line?.blocks?.has(block) === true;
    block.waiting.clear(placeOf(block.parent, id));
    this.#membersWaiting--;
    if (line !== undefined && isListed) {
      if (block.waiting.count === 0) line.blocks?.delete(block);
      this.#headsOf(line, before);
      this.#shrink(line.account, 1);
    }
    this.#leaveIfEmpty(block);
    return true;
  }

  /** An array of which nobody waits stands in no line; its limit is still known. */
  #leaveIfEmpty(block: ArrayBlock<AccountLine>): void {
    if (block.waiting.count > 0 || block.line === undefined) return;
    this.#forget(block.line);
    block.line = undefined;
  }

  /** After a line changed: the account knows the first job of each line. */
  #headsOf(line: AccountLine, before: JobId | undefined): void {
    const { first, account } = line;
    if (first !== before) account.moveHead(line, before, first);
  }

  #grow(account: Account, jobs: number, submittedAt: Instant): void {
    if (account.size === 0) this.#active.add(account);
    account.size += jobs;
    if (submittedAt > account.newestAt) account.newestAt = submittedAt;
  }

  #shrink(account: Account, jobs: number): void {
    account.size -= jobs;
    if (account.size > 0) return;
    this.#active.delete(account);
    account.newestAt = 0 as Instant;
  }

  #forget(line: AccountLine): void {
    line.jobs--;
    if (line.jobs === 0) line.account.lines.delete(line.shape.id);
    const shape = line.shape as CountedShape;
    shape.jobs--;
    if (shape.jobs === 0) this.#shapes.delete(shape.key);
  }

  #accountFor({ owner: user, project, queue: named }: ArrayRow | QueueRow): Account {
    const queue = named ?? null;
    let ofUser = this.#accounts.get(user);
    if (ofUser === undefined) {
      ofUser = new Map();
      this.#accounts.set(user, ofUser);
    }
    const key = queue === null ? project : JSON.stringify([project, queue]);
    let account = ofUser.get(key);
    if (account === undefined) {
      account = new Account(this.#accountCount++, user, project, queue);
      ofUser.set(key, account);
    }
    return account;
  }

  #line(account: Account, row: Demanding): AccountLine {
    const shape = this.#shape(row);
    shape.jobs++;
    let line = account.lines.get(shape.id);
    if (line === undefined) {
      line = new AccountLine(account, shape);
      account.lines.set(shape.id, line);
    }
    return line;
  }

  #shape({ needs, constraints, executor, avoid = [], lifespanMs = null }: Demanding): CountedShape {
    const key = shapeKey({ needs, constraints, executor, avoid, lifespanMs });
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      const asked = { needs, constraints, executor, avoid, lifespanMs: rounded(lifespanMs) };
      shape = { id: this.#shapeCount++, key, jobs: 0, ...asked };
      this.#shapes.set(key, shape);
    }
    return shape;
  }
}
