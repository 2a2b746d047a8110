/** The last things that happened, for whoever has to understand a failing seed. */
import type { SimTime } from './time.js';

const LINES_MAX = 4_000;

export class Trace {
  readonly #time: SimTime;
  readonly #lines: string[] = [];

  constructor(time: SimTime) {
    this.#time = time;
  }

  add(who: string, what: string): void {
    this.#lines.push(`${(this.#time.nowMs / 1_000).toFixed(3)} ${who}: ${what}`);
    if (this.#lines.length > 2 * LINES_MAX) this.#lines.splice(0, LINES_MAX);
  }

  /** The last lines; of those that name something, only these when `about` is given. */
  last(count: number, about?: RegExp): readonly string[] {
    const lines =
      about === undefined ? this.#lines : this.#lines.filter((line) => about.test(line));
    return lines.slice(-count);
  }
}
