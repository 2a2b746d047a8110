/** A fixed number of bits, an eighth of a byte each: which members of an array still … whatever is asked. */
export class Bits {
  readonly size: number;
  readonly #words: Uint32Array;
  #count: number;
  /** No bit below this place is set. */
  #lowest = 0;

  /** All set. */
  constructor(size: number) {
    this.size = size;
    this.#words = new Uint32Array(Math.ceil(size / 32)).fill(0xffff_ffff);
    const rest = size % 32;
    if (rest > 0) this.#words[this.#words.length - 1] = 2 ** rest - 1;
    this.#count = size;
  }

  copy(): Bits {
    const copy = new Bits(this.size);
    copy.#words.set(this.#words);
    copy.#count = this.#count;
    return copy;
  }

  /** Bits that are set. */
  get count(): number {
    return this.#count;
  }

  has(place: number): boolean {
    if (place < 0 || place >= this.size) return false;
    return (((this.#words[place >>> 5] as number) >>> (place & 31)) & 1) === 1;
  }

  /** False when it was clear, or is not there. */
  clear(place: number): boolean {
    if (!this.has(place)) return false;
    this.#words[place >>> 5] = (this.#words[place >>> 5] as number) & ~(1 << (place & 31));
    this.#count--;
    return true;
  }

  clearAll(): void {
    this.#words.fill(0);
    this.#count = 0;
  }

  /** Those alone stay set that are not set in `other`, which has the same size. */
  clearThoseOf(other: Bits): void {
    const words = other.#words;
    let count = 0;
    for (let at = 0; at < words.length; at++) {
      const left = (this.#words[at] as number) & ~(words[at] as number);
      this.#words[at] = left;
      count += onesIn(left);
    }
    this.#count = count;
  }

  /** The least set place that is not below `from`. */
  next(from: number): number | undefined {
    if (this.#count === 0) return undefined;
    const start = Math.max(from, this.#lowest);
    const words = this.#words;
    for (let at = start >>> 5; at < words.length; at++) {
      const word = words[at] as number;
      const seen = at === start >>> 5 ? word & (0xffff_ffff << (start & 31)) : word;
      if (seen === 0) continue;
      const place = at * 32 + 31 - Math.clz32(seen & -seen);
      if (from <= this.#lowest) this.#lowest = place;
      return place;
    }
    return undefined;
  }

  /** Every set place, in ascending order. May be cleared meanwhile. */
  *places(): Generator<number> {
    for (let at = this.next(0); at !== undefined; at = this.next(at + 1)) yield at;
  }
}

function onesIn(word: number): number {
  let ones = 0;
  for (let left = word; left !== 0; left &= left - 1) ones++;
  return ones;
}
