/** Why jobs wait, by shape and, where limits hold, by account, as the last cycles saw it. */
import type { Bulletin, HoldNote } from '../contracts/bulletin.js';
import type { Hold } from '../core/allowance.js';
import { roomOf } from '../core/array-block.js';
import type { Plan } from '../core/cycle.js';
import type { Demand, Obstacle } from '../core/obstacle.js';
import { type PendingQueue, type Shape, shapeKey } from '../core/queue.js';
import type { JobId } from '../core/units.js';

/** Nothing was asked of any offer yet. */
const NO_OFFERS: readonly Obstacle[] = [{ code: 'no-offers' }];

/** Agents that cycles do not meet. */
export interface UnofferedAgents {
  /** What offers showed of a demand, and what is known of those. */
  withDrains(demand: Demand, shown: readonly Obstacle[]): readonly Obstacle[];
}

export class ObstacleBook {
  readonly #queue: PendingQueue;
  readonly #agents: UnofferedAgents;
  #obstacles = new Map<number, readonly Obstacle[]>();
  /** By account and shape, or by account alone. */
  readonly #holds = new Map<string, Hold>();

  constructor(queue: PendingQueue, agents: UnofferedAgents) {
    this.#queue = queue;
    this.#agents = agents;
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
    for (const hold of holds) this.#holds.set(holdKey(hold.account, hold.shape?.id ?? null), hold);
  }

  /** Whether a limit or quota keeps anybody waiting. */
  get hasHolds(): boolean {
    return this.#holds.size > 0;
  }

  /** Undefined when the job does not wait here. */
  of(id: JobId): readonly Obstacle[] | undefined {
    const array = this.#queue.arrayOf(id);
    if (array !== undefined && array.limit !== null && roomOf(array) === 0)
      return [{ code: 'array-limit', running: array.running, limit: array.limit }];
    const shape = this.#queue.shapeOf(id);
    const account = this.#queue.accountOf(id);
    if (shape === undefined || account === undefined) return undefined;
    const hold =
      this.#holds.get(holdKey(account.index, null)) ??
      this.#holds.get(holdKey(account.index, shape.id));
    return hold === undefined ? this.#ofShape(shape) : [hold.obstacle];
  }

  /** At most so many of each, for web processes elsewhere. */
  told(countMax: number): Required<Pick<Bulletin, 'waiting' | 'holds'>> {
    return { waiting: this.#waiting(countMax), holds: this.#notes(countMax) };
  }

  /** By the key of their shape. */
  #waiting(
    shapesMax: number,
  ): readonly (readonly [shapeKey: string, obstacles: readonly Obstacle[]])[] {
    const told: [string, readonly Obstacle[]][] = [];
    for (const shape of this.#queue.waitingShapes()) {
      if (told.length === shapesMax) break;
      told.push([shape.key, this.#ofShape(shape)]);
    }
    return told;
  }

  #notes(holdsMax: number): readonly HoldNote[] {
    const told: HoldNote[] = [];
    for (const { user, project, queue, shape, obstacle } of this.#holds.values()) {
      if (told.length === holdsMax) break;
      told.push({ user, project, queue, shapeKey: shape && shapeKey(shape), obstacle });
    }
    return told;
  }

  #ofShape(shape: Shape): readonly Obstacle[] {
    return this.#agents.withDrains(shape, this.#obstacles.get(shape.id) ?? NO_OFFERS);
  }
}

const holdKey = (account: number, shapeId: number | null): string => `${account} ${shapeId ?? '*'}`;
