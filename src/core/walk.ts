/** How a cycle goes through the queue: each account through its own jobs, the accounts in the order of the policy. */
import { assert } from './assert.js';
import { LineMerge } from './line-merge.js';
import { AccountOrder } from './order.js';
import type { CycleCursor, CycleInput } from './plan.js';
import { type Head, NO_STANDINGS, type Ranking } from './policy.js';
import type { AccountQueue, Line } from './queue.js';
import type { JobId } from './units.js';

/** One account's way through its own jobs: oldest first, lines without a place left out. */
export class Walk {
  readonly account: AccountQueue;
  readonly index: number;
  readonly priority: number;
  readonly #jobs: LineMerge;
  head: Head;
  score = 0;

  constructor(
    account: AccountQueue,
    place: { readonly index: number; readonly priority: number },
    from: JobId,
  ) {
    this.account = account;
    this.index = place.index;
    this.priority = place.priority;
    this.#jobs = new LineMerge(account, from);
    this.head = headOf(this.#jobs);
  }

  get isOver(): boolean {
    return this.#jobs.line === undefined;
  }

  /** The line of `head`. */
  get line(): Line {
    const { line } = this.#jobs;
    assert(line !== undefined, 'a walk that is over is asked nothing');
    return line;
  }

  /** What a later cycle of this round need not look at again stands before this. */
  get resumeFrom(): JobId {
    return this.isOver ? this.#jobs.from : this.head.id;
  }

  /** The head was placed, or nothing up to `last` may be: its line goes on behind. */
  passTo(last: JobId): void {
    this.#jobs.passTo(last);
    this.head = headOf(this.#jobs);
  }

  /** No place for this line in this cycle. */
  passLine(): void {
    this.#jobs.passLine();
    this.head = headOf(this.#jobs);
  }

  /** Nothing of this account gets a place in this cycle. */
  passAll(): void {
    this.#jobs.passAll();
  }
}

const headOf = ({ id, submittedAt }: LineMerge): Head => ({ id, submittedAt });

/** Accounts that stand in line. */
export interface LinedUp {
  readonly walks: readonly Walk[];
  readonly order: AccountOrder<Walk>;
  readonly ranking: Ranking;
}

/** Stands the accounts in line. */
export function lineUp({
  queue,
  policy,
  standings,
  at,
  cursor,
  priorityOf,
}: Pick<CycleInput, 'queue' | 'policy' | 'standings' | 'at' | 'cursor' | 'priorityOf'>): LinedUp {
  const walks: Walk[] = [];
  for (const account of queue.accounts()) {
    const from = cursor?.from.get(account.index) ?? (0 as JobId);
    const place = { index: walks.length, priority: priorityOf?.(account.queue) ?? 0 };
    const walk = new Walk(account, place, from);
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

/** After the first account has gone on, or was charged: it finds its new place, or leaves when it is over. */
export function settleFirst(walk: Walk, { order, ranking }: LinedUp): void {
  if (walk.isOver) order.pop();
  else {
    walk.score = scoreOf(ranking, walk);
    order.settleTop();
  }
}

function scoreOf(ranking: Ranking, { index, head }: Walk): number {
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
