/** Which agent the next job of a shape goes to, as one cycle finds out. */
import { type Bin, Search } from './matching.js';
import { isOpenTo, type Obstacle, reservationOf } from './obstacle.js';
import type { CycleInput } from './plan.js';
import type { AccountQueue, Shape } from './queue.js';
import type { Reservations } from './reservation.js';
import { demandOf } from './room-keeping.js';
import type { Walk } from './walk.js';

/** What is asked of the bins: by shape; where some agents are reserved, by shape and rights. */
export type Question = number | string;

/** Asks the bins for each shape, and remembers the answers for the cycle. */
export class Matcher {
  readonly #bins: readonly Bin[];
  readonly #searches = new Map<Question, { readonly shapeId: number; search: Search }>();
  readonly #input: CycleInput;
  /** The different reservations of the agents offered; mostly none. */
  readonly #reservations: readonly string[];
  readonly #rights = new Map<AccountQueue, string>();

  readonly #room: Reservations;

  constructor(bins: readonly Bin[], input: CycleInput, room: Reservations) {
    this.#bins = bins;
    this.#input = input;
    this.#room = room;
    this.#reservations = [...new Set(bins.map(reservationOf))].filter((one) => one !== null);
  }

  /** Whether the question is known or there is room for another. */
  mayAsk(question: Question): boolean {
    return this.#searches.size < this.#input.limits.shapesMax || this.#searches.has(question);
  }

  /** The bin for the next job of the shape; undefined: there is none, for the rest of the cycle. */
  binFor(question: Question, shape: Shape, walk: Walk): Bin | undefined {
    let known = this.#searches.get(question);
    if (known === undefined) {
      const own = this.#room.of(walk.head.id);
      const demand = { ...demandOf(shape, this.#input, walk.account), own };
      known = { shapeId: shape.id, search: new Search(demand, this.#bins, this.#input.at) };
      this.#searches.set(question, known);
    }
    return known.search.next();
  }

  /** Accounts that may use the same agents share the answers; a job for which room is kept asks for itself. */
  question({ id }: Shape, { account, head }: Walk): Question {
    if (this.#room.of(head.id) !== null) return `${id} of ${head.id}`;
    if (this.#reservations.length === 0) return id;
    let rights = this.#rights.get(account);
    if (rights === undefined) {
      rights = this.#reservations.map((one) => (isOpenTo(account, one) ? '1' : '0')).join('');
      this.#rights.set(account, rights);
    }
    return `${id} ${rights}`;
  }

  /** Of accounts with different rights, those with the fewest tell of their obstacles. */
  obstacles(): ReadonlyMap<number, readonly Obstacle[]> {
    const found = new Map<number, readonly Obstacle[]>();
    for (const { shapeId, search } of this.#searches.values()) {
      if (!search.isOver) continue;
      const obstacles = search.obstacles();
      const known = found.get(shapeId);
      if (known === undefined || reservedIn(known) < reservedIn(obstacles))
        found.set(shapeId, obstacles);
    }
    return found;
  }
}

const reservedIn = (obstacles: readonly Obstacle[]): number =>
  obstacles.reduce((sum, one) => sum + (one.code === 'reserved' ? one.agents : 0), 0);
