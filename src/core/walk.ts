/** How a cycle goes through the queue: each account through its own jobs, the accounts in the order of the policy. */
import { assert } from './assert.js';
import { Heap } from './heap.js';
import { AccountOrder } from './order.js';
import type { CycleCursor, CycleInput } from './plan.js';
import { type Head, NO_STANDINGS, type Ranking } from './policy.js';
import type { AccountQueue, Line, PendingQueue } from './queue.js';
import type { Instant, JobId } from './units.js';

/** One account's way through its own jobs: oldest first, lines without a place left out. */
export class Walk {
  readonly account: AccountQueue;
  readonly index: number;
  readonly priority: number;
  readonly #queue: PendingQueue;
  /** Heads of lines from here on were not looked at. */
  #from: JobId;
  /** Lines of which jobs were placed, at their next job. */
  readonly #begun = new Heap<{ readonly id: JobId; readonly line: Line }>((a, b) => a.id < b.id);
  #line: Line | undefined;
  head: Head = { id: 0 as JobId, submittedAt: 0 as Instant };
  score = 0;

  constructor(
    account: AccountQueue,
    place: { readonly index: number; readonly priority: number },
    queue: PendingQueue,
    from: JobId,
  ) {
    this.account = account;
    this.index = place.index;
    this.priority = place.priority;
    this.#queue = queue;
    this.#from = from;
    this.#next();
  }

  get isOver(): boolean {
    return this.#line === undefined;
  }

  /** The line of `head`. */
  get line(): Line {
    assert(this.#line !== undefined, 'a walk that is over is asked nothing');
    return this.#line;
  }

  /** What a later cycle of this round need not look at again stands before this. */
  get resumeFrom(): JobId {
    return this.isOver ? this.#from : this.head.id;
  }

  /** The head was placed, or nothing up to `last` may be: its line goes on behind. */
  passTo(last: JobId): void {
    const { line } = this;
    const id = line.atLeast((last + 1) as JobId);
    if (id !== undefined) this.#begun.push({ id, line });
    this.#next();
  }

  /** No place for this line in this cycle. */
  passLine(): void {
    this.#next();
  }

  /** Nothing of this account gets a place in this cycle. */
  passAll(): void {
    this.#line = undefined;
  }

  #next(): void {
    const fresh = this.account.headAtLeast(this.#from);
    const begun = this.#begun.peek();
    let id = fresh;
    if (begun !== undefined && (fresh === undefined || begun.id < fresh)) {
      this.#begun.pop();
      id = begun.id;
      this.#line = begun.line;
    } else if (fresh !== undefined) {
      this.#from = (fresh + 1) as JobId;
      this.#line = this.account.lineFrom(fresh);
    } else this.#line = undefined;
    if (id !== undefined)
      this.head = { id, submittedAt: this.#queue.submittedAt(id) ?? (0 as Instant) };
  }
}

/** Stands the accounts in line. */
export function lineUp({ queue, policy, standings, at, cursor, priorityOf }: CycleInput): {
  readonly walks: readonly Walk[];
  readonly order: AccountOrder<Walk>;
  readonly ranking: Ranking;
} {
  const walks: Walk[] = [];
  for (const account of queue.accounts()) {
    const from = cursor?.from.get(account.index) ?? (0 as JobId);
    const place = { index: walks.length, priority: priorityOf?.(account.queue) ?? 0 };
    const walk = new Walk(account, place, queue, from);
    if (!walk.isOver) walks.push(walk);
  }
  const views = walks.map(({ account: { user, project, newestAt }, head }) => ({
    user,
    project,
    newestAt,
    head,
  }));
  const ranking = policy.begin(views, standings ?? NO_STANDINGS, at);
  for (const walk of walks) walk.score = scoreOf(ranking, walk);
  return { walks, order: new AccountOrder(walks, ranking.groups), ranking };
}

export function scoreOf(ranking: Ranking, { index, head }: Walk): number {
  const score = ranking.score(index, head);
  assert(Number.isFinite(score), 'a policy gives finite scores');
  return score;
}

/** Where the next cycle goes on after this one. */
export function cursorOf(walks: readonly Walk[], { cursor, offers }: CycleInput): CycleCursor {
  const from = new Map(cursor?.from);
  for (const walk of walks) from.set(walk.account.index, walk.resumeFrom);
  return { from, offers: cursor?.offers ?? new Set(offers.map(({ id }) => id)) };
}

/** A round ends: what stood before its cursor has not met the offers that came meanwhile. */
export const hasNewOffers = ({ cursor, offers }: CycleInput): boolean =>
  cursor != null && offers.some(({ id }) => !cursor.offers.has(id));
