/** How the store behaves: slow, away, or silent about what became of a write. The record itself stays sound. */
import { storeAway } from '../support/memory-store.js';
import type { Chance } from './chance.js';
import type { SimTime } from './time.js';

export class SimStore {
  readonly #time: SimTime;
  readonly #chance: Chance;
  /** Chance that a call fails although nothing is wrong in general; half of these have happened all the same. */
  trouble = 0;
  isAway = false;
  isSlow = false;

  constructor(time: SimTime, chance: Chance) {
    this.#time = time;
    this.#chance = chance;
  }

  /** There and back. @throws ServiceError when it is not reached, or its answer is lost. */
  async through<T>(work: () => Promise<T>): Promise<T> {
    await this.#travel();
    if (this.isAway || this.#chance.happens(this.trouble / 2)) throw storeAway();
    const answer = await work();
    await this.#travel();
    if (this.#chance.happens(this.trouble / 2)) throw storeAway();
    return answer;
  }

  /** Often in no time at all, so that answers meet what else happens in every order. */
  async #travel(): Promise<void> {
    if (this.isSlow) await this.#time.pause(this.#chance.between(100, 3_000));
    else if (this.#chance.happens(0.4)) await this.#time.pause(this.#chance.between(1, 5));
  }
}
