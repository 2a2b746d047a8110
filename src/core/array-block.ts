/** Arrays in the pending queue: one entry and a bit a member, whatever their size. */
import { memberId, placeOf } from './array.js';
import type { Bits } from './bits.js';
import { SortedIds } from './sorted-ids.js';
import type { Instant, JobId } from './units.js';

/** An array as planning sees it. */
export interface QueuedArray {
  readonly parent: JobId;
  /** The id of its last member. */
  readonly lastId: JobId;
  /** Members that may hold a task at the same time; null: all. */
  readonly limit: number | null;
  /** Members that hold a task, or are about to. */
  readonly running: number;
  /** None may be placed: the array waits for more than resources. */
  readonly isBarred: boolean;
  readonly submittedAt: Instant;
  /** By place: members that wait. */
  readonly waiting: Bits;
}

/** How many more of its members may be placed. */
export function roomOf({
  limit,
  running,
  isBarred,
}: Pick<QueuedArray, 'limit' | 'running' | 'isBarred'>): number {
  if (isBarred) return 0;
  return limit === null ? Number.POSITIVE_INFINITY : Math.max(0, limit - running);
}

/** An array whose members may still wait; `Line` is where they stand, undefined when none waits any more. */
export class ArrayBlock<Line> implements QueuedArray {
  readonly parent: JobId;
  readonly lastId: JobId;
  readonly limit: number | null;
  readonly submittedAt: Instant;
  /** By place: members that wait and differ from the others in nothing but their index. */
  readonly waiting: Bits;
  running = 0;
  isBarred = false;
  line: Line | undefined;

  constructor(
    asked: { readonly id: JobId; readonly submittedAt: Instant; readonly limit: number | null },
    waiting: Bits,
    line: Line,
  ) {
    this.parent = asked.id;
    this.lastId = memberId(asked.id, waiting.size - 1);
    this.limit = asked.limit;
    this.submittedAt = asked.submittedAt;
    this.waiting = waiting;
    this.line = line;
  }

  waits(id: JobId): boolean {
    return this.waiting.has(placeOf(this.parent, id));
  }

  /** The first waiting member whose id is not below `from`. */
  atLeast(from: JobId): JobId | undefined {
    const place = this.waiting.next(Math.max(0, placeOf(this.parent, from)));
    return place === undefined ? undefined : memberId(this.parent, place);
  }
}

/** Blocks in order of id; their ids never overlap. */
export class BlockList<Line> {
  readonly #parents = new SortedIds();
  readonly #blocks = new Map<number, ArrayBlock<Line>>();

  get size(): number {
    return this.#blocks.size;
  }

  has(block: ArrayBlock<Line>): boolean {
    return this.#blocks.get(block.parent) === block;
  }

  add(block: ArrayBlock<Line>): void {
    this.#parents.add(block.parent);
    this.#blocks.set(block.parent, block);
  }

  delete(block: ArrayBlock<Line>): void {
    this.#parents.delete(block.parent);
    this.#blocks.delete(block.parent);
  }

  get(parent: JobId): ArrayBlock<Line> | undefined {
    return this.#blocks.get(parent);
  }

  /** The array that a member belongs to, whether or not it waits. */
  of(member: JobId): ArrayBlock<Line> | undefined {
    if (this.#blocks.size === 0) return undefined;
    const block = this.#before(member);
    return block !== undefined && member > block.parent && member <= block.lastId
      ? block
      : undefined;
  }

  /** The first waiting member whose id is not below `from`. Blocks without one must not stand in the list. */
  atLeast(from: JobId): JobId | undefined {
    const own = this.#before(from)?.atLeast(from);
    if (own !== undefined) return own;
    const parent = this.#parents.atLeast(from);
    return parent === undefined ? undefined : this.#blocks.get(parent)?.atLeast(from);
  }

  #before(id: JobId): ArrayBlock<Line> | undefined {
    const parent = this.#parents.atMost(id);
    return parent === undefined ? undefined : this.#blocks.get(parent);
  }
}
