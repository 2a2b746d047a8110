/** Holds arrays to their limits within one cycle. */
import { type QueuedArray, roomOf } from './array-block.js';
import type { PendingQueue } from './queue.js';
import type { JobId } from './units.js';

export class ArrayRooms {
  readonly #queue: PendingQueue;
  readonly #placed = new Map<QueuedArray, number>();

  constructor(queue: PendingQueue) {
    this.#queue = queue;
  }

  /** The id up to which nothing may be placed, because the array of this job is at its limit or waits for more than resources; undefined: it may. */
  fullTo(id: JobId): JobId | undefined {
    const array = this.#queue.arrayOf(id);
    if (array === undefined || (array.limit === null && !array.isBarred)) return undefined;
    return roomOf(array) > (this.#placed.get(array) ?? 0) ? undefined : array.lastId;
  }

  placed(id: JobId): void {
    const array = this.#queue.arrayOf(id);
    if (array !== undefined && array.limit !== null)
      this.#placed.set(array, (this.#placed.get(array) ?? 0) + 1);
  }
}
