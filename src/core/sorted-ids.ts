/**
 * A set of numbers in ascending order, in chunks of bounded length: adding and removing cost a binary search and the
 * shift of one chunk, adding at the end costs nothing. Who walks through it in order searches only once a chunk. Eight
 * bytes a number; as many again where each has a note, which is a number too.
 */
const CHUNK_MAX = 512;

export class SortedIds {
  readonly #chunks: number[][] = [];
  /** As long as the chunks; undefined: there are none. */
  readonly #notes: number[][] | undefined;
  #size = 0;
  /** Where the last answer stood. A guess: what stands there now is looked at before it is believed. */
  #chunk = 0;
  #place = 0;

  constructor({ hasNotes = false } = {}) {
    if (hasNotes) this.#notes = [];
  }

  get size(): number {
    return this.#size;
  }

  get first(): number | undefined {
    return this.#chunks[0]?.[0];
  }

  get last(): number | undefined {
    return this.#chunks.at(-1)?.at(-1);
  }

  has(id: number): boolean {
    return this.atLeast(id) === id;
  }

  /** False when it was there already. */
  add(id: number, note = 0): boolean {
    const chunks = this.#chunks;
    const tail = chunks.at(-1);
    const last = tail?.at(-1);
    if (tail === undefined || last === undefined || id > last) {
      if (tail !== undefined && tail.length < CHUNK_MAX) {
        tail.push(id);
        this.#notes?.at(-1)?.push(note);
      } else {
        chunks.push([id]);
        this.#notes?.push([note]);
      }
      this.#size++;
      return true;
    }
    const which = this.#chunkOf(id);
    const chunk = chunks[which] as number[];
    const place = lowerBound(chunk, id);
    if (chunk[place] === id) return false;
    chunk.splice(place, 0, id);
    this.#notes?.[which]?.splice(place, 0, note);
    if (chunk.length > CHUNK_MAX) {
      halve(chunks, which);
      if (this.#notes !== undefined) halve(this.#notes, which);
    }
    this.#size++;
    return true;
  }

  /** False when it was not there. */
  delete(id: number): boolean {
    const which = this.#chunkOf(id);
    const chunk = this.#chunks[which];
    if (chunk === undefined) return false;
    const place = lowerBound(chunk, id);
    if (chunk[place] !== id) return false;
    cut(this.#chunks, which, place);
    if (this.#notes !== undefined) cut(this.#notes, which, place);
    this.#size--;
    return true;
  }

  /** The least number that is not below `from`. */
  atLeast(from: number): number | undefined {
    const near = this.#near(from);
    if (near !== undefined) return near;
    const which = this.#chunkOf(from);
    const chunk = this.#chunks[which];
    if (chunk === undefined) return undefined;
    this.#chunk = which;
    this.#place = lowerBound(chunk, from);
    return chunk[this.#place];
  }

  /** What was noted with this number; undefined: it is not there. */
  noteOf(id: number): number | undefined {
    return this.atLeast(id) === id ? this.#notes?.[this.#chunk]?.[this.#place] : undefined;
  }

  /** The answer of `atLeast`, if it is the last one or the one behind. */
  #near(from: number): number | undefined {
    const chunk = this.#chunks[this.#chunk];
    const at = this.#place;
    if (chunk === undefined || at >= chunk.length) return undefined;
    const here = chunk[at] as number;
    if (here >= from) return at > 0 && (chunk[at - 1] as number) < from ? here : undefined;
    if (at + 1 >= chunk.length) return undefined;
    const next = chunk[at + 1] as number;
    if (next < from) return undefined;
    this.#place = at + 1;
    return next;
  }

  /** The greatest number that is not above `to`. */
  atMost(to: number): number | undefined {
    const which = this.#chunkOf(to);
    const chunk = this.#chunks[which];
    if (chunk === undefined) return this.last;
    const place = lowerBound(chunk, to);
    if (chunk[place] === to) return to;
    return place > 0 ? chunk[place - 1] : this.#chunks[which - 1]?.at(-1);
  }

  /** Index of the first chunk whose last number is not below `id`. */
  #chunkOf(id: number): number {
    const chunks = this.#chunks;
    let low = 0;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const chunk = chunks[middle] as number[];
      if ((chunk[chunk.length - 1] as number) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Makes two chunks of one. */
function halve(chunks: number[][], which: number): void {
  const chunk = chunks[which] as number[];
  chunks.splice(which + 1, 0, chunk.splice(CHUNK_MAX >> 1));
}

/** Takes one number out. */
function cut(chunks: number[][], which: number, place: number): void {
  const chunk = chunks[which] as number[];
  if (place === 0) chunk.shift();
  else chunk.splice(place, 1);
  if (chunk.length === 0) chunks.splice(which, 1);
}

function lowerBound(chunk: readonly number[], id: number): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunk[middle] as number) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
