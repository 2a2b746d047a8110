/**
 * A heap of things known by number, ordered by keys that stand in arrays of numbers: what `Heap` does for objects, without
 * touching one. Lines of accounts are settled once for each job, a million times for a whole queue.
 */

/** By number of the thing. The least goes first: by `major`, then by `score`, then by `id`, which no two share. */
export class Keys {
  readonly major: Float64Array;
  readonly score: Float64Array;
  readonly id: Float64Array;

  constructor(size: number) {
    this.major = new Float64Array(size);
    this.score = new Float64Array(size);
    this.id = new Float64Array(size);
  }

  isBefore(a: number, b: number): boolean {
    const { major, score } = this;
    const byMajor = (major[a] as number) - (major[b] as number);
    if (byMajor !== 0) return byMajor < 0;
    const byScore = (score[a] as number) - (score[b] as number);
    if (byScore !== 0) return byScore < 0;
    return (this.id[a] as number) < (this.id[b] as number);
  }
}

export class KeyHeap {
  readonly #keys: Keys;
  readonly #items: Int32Array;
  #size: number;

  /** In O(n). */
  constructor(keys: Keys, items: readonly number[]) {
    this.#keys = keys;
    this.#items = Int32Array.from(items);
    this.#size = items.length;
    for (let at = (items.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  /** Undefined: it is empty. */
  peek(): number | undefined {
    return this.#size > 0 ? this.#items[0] : undefined;
  }

  pop(): void {
    if (this.#size === 0) return;
    this.#size--;
    this.#items[0] = this.#items[this.#size] as number;
    this.settleTop();
  }

  /** The keys of the least have changed: finds its place anew. */
  settleTop(): void {
    if (this.#size > 1) this.#sink(0);
  }

  #sink(from: number): void {
    const items = this.#items;
    const keys = this.#keys;
    const size = this.#size;
    const item = items[from] as number;
    let at = from;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && keys.isBefore(items[child + 1] as number, items[child] as number))
        child++;
      if (!keys.isBefore(items[child] as number, item)) break;
      items[at] = items[child] as number;
      at = child;
    }
    items[at] = item;
  }
}
