/** What the queue is made of: jobs as rows, equal demands as shapes, the jobs of an account in one line for each shape. */
import type { BlockList } from './array-block.js';
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

/** A job array: `id` is the parent's, its members' follow. Members that fail and wait again come back as rows. */
export interface ArrayRow extends Omit<QueueRow, 'notBefore'> {
  /** Members that may hold a task at the same time; null: all. */
  readonly limit: number | null;
}

/** What makes the shape of a job. */
export type Demanding = Pick<
  QueueRow,
  'needs' | 'constraints' | 'executor' | 'avoid' | 'lifespanMs'
>;

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
  /** Undefined: no such job stands in it. Costs next to nothing after `atLeast` has found this job. */
  submittedAt(id: JobId): Instant | undefined;
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
  /** Lines that they stand in. */
  readonly lineCount: number;
  /** Latest submission among them, or later if that one has left. */
  readonly newestAt: Instant;
  /** The first head of a line whose id is not below `from`. */
  headAtLeast(from: JobId): JobId | undefined;
  /** The line of that head; undefined: no line begins with this job. */
  lineFrom(head: JobId): Line | undefined;
}

export class AccountLine implements Line {
  readonly shape: Shape;
  readonly account: Account;
  /** With the instants of submission. */
  readonly ids = new SortedIds({ hasNotes: true });
  /** Arrays with members that wait and may be placed; undefined: none ever. */
  blocks: BlockList<AccountLine> | undefined;
  /** Ready and set aside; an array counts once. */
  jobs = 0;

  constructor(account: Account, shape: Shape) {
    this.account = account;
    this.shape = shape;
  }

  get first(): JobId | undefined {
    return this.atLeast(0 as JobId);
  }

  atLeast(from: JobId): JobId | undefined {
    const single = this.ids.atLeast(from) as JobId | undefined;
    if (this.blocks === undefined || this.blocks.size === 0) return single;
    const member = this.blocks.atLeast(from);
    return single === undefined || (member !== undefined && member < single) ? member : single;
  }

  submittedAt(id: JobId): Instant | undefined {
    const single = this.ids.noteOf(id) as Instant | undefined;
    return single ?? this.blocks?.of(id)?.submittedAt;
  }
}

export class Account implements AccountQueue {
  readonly index: number;
  readonly user: UserId;
  readonly project: ProjectId;
  readonly queue: string | null;
  readonly lines = new Map<number, AccountLine>();
  /** The first job of each line. */
  readonly #heads = new SortedIds();
  readonly #lineOf = new Map<JobId, AccountLine>();
  size = 0;
  newestAt = 0 as Instant;

  constructor(index: number, user: UserId, project: ProjectId, queue: string | null) {
    this.index = index;
    this.user = user;
    this.project = project;
    this.queue = queue;
  }

  get lineCount(): number {
    return this.#lineOf.size;
  }

  headAtLeast(from: JobId): JobId | undefined {
    return this.#heads.atLeast(from) as JobId | undefined;
  }

  lineFrom(head: JobId): AccountLine | undefined {
    return this.#lineOf.get(head);
  }

  /** A line begins with another job than before; undefined: it had none, or has none. */
  moveHead(line: AccountLine, before: JobId | undefined, first: JobId | undefined): void {
    if (before !== undefined) {
      this.#heads.delete(before);
      this.#lineOf.delete(before);
    }
    if (first !== undefined) {
      this.#heads.add(first);
      this.#lineOf.set(first, line);
    }
  }
}

/** The same text for the same demands, whatever the order in which they were written. */
export function shapeKey({
  needs,
  constraints,
  executor,
  avoid = [],
  lifespanMs = null,
}: Demanding): string {
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
export function rounded(lifespanMs: number | null): number | null {
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
