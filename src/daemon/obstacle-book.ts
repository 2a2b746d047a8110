/** Why jobs wait, by shape, as the last cycles saw it. */
import { roomOf } from '../core/array-block.js';
import type { Plan } from '../core/cycle.js';
import type { Obstacle } from '../core/obstacle.js';
import type { PendingQueue, Shape } from '../core/queue.js';
import type { JobId } from '../core/units.js';

/** Nothing was asked of any offer yet. */
const NO_OFFERS: readonly Obstacle[] = [{ code: 'no-offers' }];

export class ObstacleBook {
  readonly #queue: PendingQueue;
  #obstacles = new Map<number, readonly Obstacle[]>();

  constructor(queue: PendingQueue) {
    this.#queue = queue;
  }

  /** A round that goes on adds to what it found before; a new one begins anew. Without offers nothing was asked. */
  note(found: Plan['obstacles'], round: { isNew: boolean; hasOffers: boolean }): void {
    if (round.isNew && round.hasOffers) this.#obstacles.clear();
    for (const [shape, obstacles] of found) this.#obstacles.set(shape, obstacles);
  }

  /** Undefined when the job does not wait here. */
  of(id: JobId): readonly Obstacle[] | undefined {
    const array = this.#queue.arrayOf(id);
    if (array !== undefined && array.limit !== null && roomOf(array) === 0)
      return [{ code: 'array-limit', running: array.running, limit: array.limit }];
    const shape = this.#queue.shapeOf(id);
    return shape === undefined ? undefined : this.#ofShape(shape);
  }

  /** At most so many shapes, by key, of those that wait. */
  all(shapesMax: number): readonly (readonly [shapeKey: string, obstacles: readonly Obstacle[]])[] {
    const told: [string, readonly Obstacle[]][] = [];
    for (const shape of this.#queue.waitingShapes()) {
      if (told.length === shapesMax) break;
      told.push([shape.key, this.#ofShape(shape)]);
    }
    return told;
  }

  #ofShape({ id }: Shape): readonly Obstacle[] {
    return this.#obstacles.get(id) ?? NO_OFFERS;
  }
}
