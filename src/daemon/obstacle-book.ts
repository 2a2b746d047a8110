/** Why jobs wait, by shape and, where limits hold, by account, as the last cycles saw it. */
import type { Plan } from '../core/cycle.js';
import type { Obstacle } from '../core/obstacle.js';
import type { PendingQueue, Shape } from '../core/queue.js';
import type { JobId } from '../core/units.js';

/** Nothing was asked of any offer yet. */
const NO_OFFERS: readonly Obstacle[] = [{ code: 'no-offers' }];

export class ObstacleBook {
  readonly #queue: PendingQueue;
  #obstacles = new Map<number, readonly Obstacle[]>();
  /** By account and shape, or by account alone. */
  #holds = new Map<string, Obstacle>();

  constructor(queue: PendingQueue) {
    this.#queue = queue;
  }

  /** A round that goes on adds to what it found before; a new one begins anew. Without offers nothing was asked. */
  note(
    { obstacles, holds }: Pick<Plan, 'obstacles' | 'holds'>,
    round: { isNew: boolean; hasOffers: boolean },
  ): void {
    if (round.isNew && round.hasOffers) {
      this.#obstacles.clear();
      this.#holds.clear();
    }
    for (const [shape, found] of obstacles) this.#obstacles.set(shape, found);
    for (const { account, shapeId, obstacle } of holds)
      this.#holds.set(holdKey(account, shapeId), obstacle);
  }

  /** Whether a limit or quota keeps anybody waiting. */
  get hasHolds(): boolean {
    return this.#holds.size > 0;
  }

  /** Undefined when the job does not wait here. */
  of(id: JobId): readonly Obstacle[] | undefined {
    const shape = this.#queue.shapeOf(id);
    const account = this.#queue.accountOf(id);
    if (shape === undefined || account === undefined) return undefined;
    const hold =
      this.#holds.get(holdKey(account.index, null)) ??
      this.#holds.get(holdKey(account.index, shape.id));
    return hold === undefined ? this.#ofShape(shape) : [hold];
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

const holdKey = (account: number, shapeId: number | null): string => `${account} ${shapeId ?? '*'}`;
