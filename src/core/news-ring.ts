/** The last so many entries of a log, each under its cursor: who was away for a while goes on where he stood. */
import { assert } from './assert.js';

export interface NewsEntry<Note> {
  readonly cursor: string;
  readonly notes: readonly Note[];
}

export class NewsRing<Note> {
  readonly #max: number;
  #entries: NewsEntry<Note>[] = [];
  /** The cursor before the first entry. */
  #start: string;
  #head: string;

  /**
   * @param start the cursor of who has heard nothing yet
   * @param max entries kept, at least
   */
  constructor(start: string, max: number) {
    assert(max > 0, 'a ring keeps something');
    this.#start = start;
    this.#head = start;
    this.#max = max;
  }

  /** The cursor of the newest entry. */
  get head(): string {
    return this.#head;
  }

  append(entry: NewsEntry<Note>): void {
    this.#entries.push(entry);
    this.#head = entry.cursor;
    // In portions, since each moves all that are left.
    if (this.#entries.length < 2 * this.#max) return;
    const gone = this.#entries.splice(0, this.#entries.length - this.#max);
    this.#start = gone.at(-1)?.cursor ?? this.#start;
  }

  /** What came after a cursor; undefined: that is not known any more, or never was. */
  after(cursor: string): readonly NewsEntry<Note>[] | undefined {
    if (cursor === this.#head) return [];
    if (cursor === this.#start) return this.#entries;
    const at = this.#entries.findLastIndex((entry) => entry.cursor === cursor);
    return at < 0 ? undefined : this.#entries.slice(at + 1);
  }
}
