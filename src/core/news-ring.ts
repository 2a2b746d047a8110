/** The last so many notes of a log, in entries that have cursors: who was away for a while goes on where it stood. */
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
  /** Notes held; an entry without any counts as one. */
  #size = 0;

  /**
   * @param start the cursor of who has heard nothing yet
   * @param max notes kept, and up to twice as many
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
    this.#size += sizeOf(entry);
    // In portions, since each moves all that are left.
    if (this.#size >= 2 * this.#max) this.#trim();
  }

  /** The newest stays, however large. */
  #trim(): void {
    let gone = 0;
    for (const entry of this.#entries.slice(0, -1)) {
      if (this.#size <= this.#max) break;
      this.#size -= sizeOf(entry);
      this.#start = entry.cursor;
      gone += 1;
    }
    this.#entries.splice(0, gone);
  }

  /** What came after a cursor; undefined: that is not known any more, or never was. */
  after(cursor: string): readonly NewsEntry<Note>[] | undefined {
    if (cursor === this.#head) return [];
    if (cursor === this.#start) return this.#entries;
    const at = this.#entries.findLastIndex((entry) => entry.cursor === cursor);
    return at < 0 ? undefined : this.#entries.slice(at + 1);
  }
}

const sizeOf = ({ notes }: NewsEntry<unknown>): number => Math.max(1, notes.length);
