/**
 * The pending queue in memory: per account, per shape, in order of job id. Changes by deltas; planning only reads it.
 * A job costs about a hundred bytes; a million of them are an ordinary day.
 */

import { Heap } from './heap.js';
import type { Constraint } from './job.js';
import type { Needs } from './resources.js';
import { SortedIds } from './sorted-ids.js';
import type { Instant, JobId, ProjectId, UserId } from './units.js';

/** What the queue must know of a job. */
export interface QueueRow {
  readonly id: JobId;
  readonly owner: UserId;
  readonly project: ProjectId;
  readonly submittedAt: Instant;
  readonly needs: Needs;
  readonly constraints: readonly Constraint[];
  readonly executor: string | null;
  /** A queue of the site; absent: none. */
  readonly queue?: string;
  /** Until then the job is set aside; null: ready. */
  readonly notBefore: Instant | null;
  /** Hosts to pass over; absent: none. */
  readonly avoid?: readonly string[];
  /** How long a launch may run at most; null or absent: any time. */
  readonly lifespanMs?: number | null;
}

/** Equal demands are one shape: one question to the offers. Ids of shapes are never reused. */
export interface Shape {
  readonly id: number;
  readonly needs: Needs;
  readonly constraints: readonly Constraint[];
  readonly executor: string | null;
  readonly avoid: readonly string[];
  /** Rounded up, so that jobs share shapes. */
  readonly lifespanMs: number | null;
}

/** The ready jobs of one account that have one shape. */
export interface Line {
  readonly shape: Shape;
  /** The first job of the line whose id is not below `from`. */
  atLeast(from: JobId): JobId | undefined;
}

/** A user in a project, and in a queue of the site or in none, as planning sees it. */
export interface AccountQueue {
  /** Stable while the queue lives. */
  readonly index: number;
  readonly user: UserId;
  readonly project: ProjectId;
  /** A queue of the site; null: none. */
  readonly queue: string | null;
  /** Ready jobs. */
  readonly size: number;
  /** Latest submission among them, or later if that one has left. */
  readonly newestAt: Instant;
  /** The first head of a line whose id is not below `from`. */
  headAtLeast(from: JobId): JobId | undefined;
}

class AccountLine implements Line {
  readonly shape: Shape;
  readonly account: Account;
  readonly ids = new SortedIds();
  /** Ready and set aside. */
  jobs = 0;

  constructor(account: Account, shape: Shape) {
    this.account = account;
    this.shape = shape;
  }

  atLeast(from: JobId): JobId | undefined {
    return this.ids.atLeast(from) as JobId | undefined;
  }
}

class Account implements AccountQueue {
  readonly index: number;
  readonly user: UserId;
  readonly project: ProjectId;
  readonly queue: string | null;
  readonly lines = new Map<number, AccountLine>();
  /** The first job of each line. */
  readonly heads = new SortedIds();
  size = 0;
  newestAt = 0 as Instant;

  constructor(index: number, user: UserId, project: ProjectId, queue: string | null) {
    this.index = index;
    this.user = user;
    this.project = project;
    this.queue = queue;
  }

  headAtLeast(from: JobId): JobId | undefined {
    return this.heads.atLeast(from) as JobId | undefined;
  }
}

interface Aside {
  readonly id: JobId;
  readonly until: Instant;
}

interface CountedShape extends Shape {
  readonly key: string;
  jobs: number;
}

export class PendingQueue {
  /** Where a job's facts stand in the arrays below. */
  readonly #slots = new Map<JobId, number>();
  readonly #freeSlots: number[] = [];
  readonly #lineOf: (AccountLine | undefined)[] = [];
  #submittedAt = new Float64Array(1024);

  /** By user, then by project and queue. */
  readonly #accounts = new Map<UserId, Map<string, Account>>();
  #accountCount = 0;
  readonly #active = new Set<Account>();

  readonly #shapes = new Map<string, CountedShape>();
  #shapeCount = 0;

  readonly #aside = new Map<JobId, Instant>();
  /** May hold entries of jobs that have left or were set aside anew; `#aside` decides. */
  readonly #wakeUps = new Heap<Aside>(
    (a, b) => a.until < b.until || (a.until === b.until && a.id < b.id),
  );

  /** All jobs, those set aside included. */
  get size(): number {
    return this.#slots.size;
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
    return this.#slots.has(id);
  }

  /** False when the job is known already: what it was added with stays. */
  add(row: QueueRow): boolean {
    if (this.#slots.has(row.id)) return false;
    const line = this.#line(this.#account(row.owner, row.project, row.queue ?? null), row);
    const slot = this.#freeSlots.pop() ?? this.#slots.size;
    this.#keep(slot, row.submittedAt);
    this.#slots.set(row.id, slot);
    this.#lineOf[slot] = line;
    line.jobs++;
    if (row.notBefore === null) this.#ready(row.id, line, row.submittedAt);
    else {
      this.#aside.set(row.id, row.notBefore);
      this.#wakeUps.push({ id: row.id, until: row.notBefore });
    }
    return true;
  }

  /** False when the job is unknown. */
  remove(id: JobId): boolean {
    const slot = this.#slots.get(id);
    const line = slot === undefined ? undefined : this.#lineOf[slot];
    if (slot === undefined || line === undefined) return false;
    this.#slots.delete(id);
    this.#lineOf[slot] = undefined;
    this.#freeSlots.push(slot);
    if (!this.#aside.delete(id)) this.#unready(id, line);
    this.#forget(line);
    return true;
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
    const slot = this.#slots.get(id);
    return slot === undefined ? undefined : this.#lineOf[slot]?.account;
  }

  /** The line a job stands in, or will when its `notBefore` has come. */
  lineOf(id: JobId): Line | undefined {
    const slot = this.#slots.get(id);
    return slot === undefined ? undefined : this.#lineOf[slot];
  }

  submittedAt(id: JobId): Instant | undefined {
    const slot = this.#slots.get(id);
    return slot === undefined ? undefined : (this.#submittedAt[slot] as Instant);
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
      if (this.#aside.get(next.id) !== next.until) continue;
      this.#aside.delete(next.id);
      const slot = this.#slots.get(next.id);
      const line = slot === undefined ? undefined : this.#lineOf[slot];
      if (slot === undefined || line === undefined) continue;
      this.#ready(next.id, line, this.#submittedAt[slot] as Instant);
      count++;
    }
  }

  /** When `due` should be called next; null when no job is set aside. */
  nextDueAt(): Instant | null {
    for (;;) {
      const next = this.#wakeUps.peek();
      if (next === undefined) return null;
      if (this.#aside.get(next.id) === next.until) return next.until;
      this.#wakeUps.pop();
    }
  }

  #ready(id: JobId, line: AccountLine, submittedAt: Instant): void {
    const { account } = line;
    const before = line.ids.first;
    line.ids.add(id);
    if (before === undefined) account.heads.add(id);
    else if (id < before) {
      account.heads.delete(before);
      account.heads.add(id);
    }
    if (account.size === 0) this.#active.add(account);
    account.size++;
    if (submittedAt > account.newestAt) account.newestAt = submittedAt;
  }

  #unready(id: JobId, line: AccountLine): void {
    const { account } = line;
    const wasHead = line.ids.first === id;
    line.ids.delete(id);
    if (wasHead) {
      account.heads.delete(id);
      const next = line.ids.first;
      if (next !== undefined) account.heads.add(next);
    }
    account.size--;
    if (account.size === 0) {
      this.#active.delete(account);
      account.newestAt = 0 as Instant;
    }
  }

  #forget(line: AccountLine): void {
    line.jobs--;
    if (line.jobs === 0) line.account.lines.delete(line.shape.id);
    const shape = line.shape as CountedShape;
    shape.jobs--;
    if (shape.jobs === 0) this.#shapes.delete(shape.key);
  }

  #account(user: UserId, project: ProjectId, queue: string | null): Account {
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

  #line(account: Account, row: QueueRow): AccountLine {
    const shape = this.#shape(row);
    shape.jobs++;
    let line = account.lines.get(shape.id);
    if (line === undefined) {
      line = new AccountLine(account, shape);
      account.lines.set(shape.id, line);
    }
    return line;
  }

  #shape({ needs, constraints, executor, avoid = [], lifespanMs = null }: QueueRow): CountedShape {
    const key = shapeKey({ needs, constraints, executor, avoid, lifespanMs });
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      const asked = { needs, constraints, executor, avoid, lifespanMs: rounded(lifespanMs) };
      shape = { id: this.#shapeCount++, key, jobs: 0, ...asked };
      this.#shapes.set(key, shape);
    }
    return shape;
  }

  #keep(slot: number, submittedAt: Instant): void {
    if (slot >= this.#submittedAt.length) {
      const grown = new Float64Array(this.#submittedAt.length * 2);
      grown.set(this.#submittedAt);
      this.#submittedAt = grown;
    }
    this.#submittedAt[slot] = submittedAt;
  }
}

/** The same text for the same demands, whatever the order in which they were written. */
export function shapeKey({
  needs,
  constraints,
  executor,
  avoid = [],
  lifespanMs = null,
}: Pick<QueueRow, 'needs' | 'constraints' | 'executor' | 'avoid' | 'lifespanMs'>): string {
  const numbers = `${needs.cpuMilli} ${needs.memMb} ${needs.gpus} ${needs.ports}`;
  const custom = Object.entries(needs.custom).filter(([, units]) => units > 0);
  const isPlain = custom.length === 0 && constraints.length === 0 && executor === null;
  if (isPlain && avoid.length === 0 && lifespanMs === null) return numbers;
  const rules = constraints.map(({ name, value }) => [name, value] as const);
  const rest: unknown[] = [custom.sort(byText), rules.sort(byText), executor];
  if (avoid.length > 0) rest.push([...new Set(avoid)].sort());
  const lifespan = rounded(lifespanMs);
  if (lifespan !== null) rest.push({ lifespan });
  return `${numbers} ${JSON.stringify(rest)}`;
}

function byText(a: readonly [string, string | number], b: readonly [string, string | number]) {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Up to the next step: a few hundred different lifespans make as many shapes, a million of them must not. */
function rounded(lifespanMs: number | null): number | null {
  if (lifespanMs === null) return null;
  const step =
    lifespanMs <= MINUTE
      ? SECOND
      : lifespanMs <= HOUR
        ? MINUTE
        : lifespanMs <= DAY
          ? 10 * MINUTE
          : HOUR;
  return Math.ceil(lifespanMs / step) * step;
}
