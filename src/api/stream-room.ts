/** How many answers of a kind may go on at once, of one user and in all; ends them together when the server stops. */
import { ServiceError } from '../contracts/errors.js';
import type { UserId } from '../core/units.js';
import type { EndWord } from './event-stream.js';

interface Ending {
  end(because: EndWord): void;
}

export interface RoomLimits {
  readonly perUser: number;
  readonly inAll: number;
  /** For refusals: `event streams`. */
  readonly what: string;
}

export class StreamRoom {
  readonly #limits: RoomLimits;
  readonly #streams = new Set<Ending>();
  readonly #byUser = new Map<UserId, number>();
  #isClosed = false;

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** @throws ServiceError `rate-limited` */
  check(user: UserId): void {
    const { perUser, inAll, what } = this.#limits;
    const mine = this.#byUser.get(user) ?? 0;
    if (mine >= perUser)
      throw new ServiceError(
        'rate-limited',
        `you have ${mine} ${what} open; the limit is ${perUser}`,
        { limit: perUser, now: mine },
      );
    if (this.#streams.size >= inAll)
      throw new ServiceError(
        'rate-limited',
        `this server has ${inAll} ${what} open, its limit; try again`,
        { limit: inAll, now: this.#streams.size },
      );
  }

  /** Counts it until the returned call; after the stop it ends at once. */
  enter(user: UserId, stream: Ending): () => void {
    this.#streams.add(stream);
    this.#byUser.set(user, (this.#byUser.get(user) ?? 0) + 1);
    if (this.#isClosed) stream.end('stopping');
    return () => {
      if (!this.#streams.delete(stream)) return;
      const left = (this.#byUser.get(user) ?? 1) - 1;
      if (left === 0) this.#byUser.delete(user);
      else this.#byUser.set(user, left);
    };
  }

  /** Ends all of them. */
  stop(): void {
    this.#isClosed = true;
    for (const stream of [...this.#streams]) stream.end('stopping');
  }
}
