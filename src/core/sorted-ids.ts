/**
 * A set of numbers in ascending order, in chunks of bounded length: adding and removing cost a binary search and the
 * shift of one chunk, adding at the end costs nothing. Eight bytes a number.
 */
const CHUNK_MAX = 512;

export class SortedIds {
  readonly #chunks: number[][] = [];
  #size = 0;

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
  add(id: number): boolean {
    const chunks = this.#chunks;
    const tail = chunks.at(-1);
    const last = tail?.at(-1);
    if (tail === undefined || last === undefined || id > last) {
      if (tail !== undefined && tail.length < CHUNK_MAX) tail.push(id);
      else chunks.push([id]);
      this.#size++;
      return true;
    }
    const which = this.#chunkOf(id);
    const chunk = chunks[which] as number[];
    const place = lowerBound(chunk, id);
    if (chunk[place] === id) return false;
    chunk.splice(place, 0, id);
    if (chunk.length > CHUNK_MAX) chunks.splice(which + 1, 0, chunk.splice(CHUNK_MAX >> 1));
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
    if (place === 0) chunk.shift();
    else chunk.splice(place, 1);
    if (chunk.length === 0) this.#chunks.splice(which, 1);
    this.#size--;
    return true;
  }

  /** The least number that is not below `from`. */
  atLeast(from: number): number | undefined {
    const which = this.#chunkOf(from);
    const chunk = this.#chunks[which];
    return chunk?.[lowerBound(chunk, from)];
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
