/**
 * What has ended in the period of quotas, by payer. Kept by UTC day within each bucket of the period, so that a reset, which
 * is remembered as a day and what was used on it by then, can be told from what came after it.
 */
import type { QuotaReset } from './limit-book.js';
import { bucketOf, endOf, firstBucket, type QuotaPeriod } from './quota-period.js';
import type { Instant } from './units.js';
import { added, dayOf, NO_USE, type Sums } from './usage.js';

interface Slot {
  readonly bucket: number;
  readonly day: number;
  sums: Sums;
}

/** More than there are days until the year 2200. */
const DAYS_MAX = 100_000;

export class QuotaLedger {
  readonly #period: QuotaPeriod;
  /** By payer, then by bucket and day. */
  readonly #slots = new Map<string, Map<number, Slot>>();
  #resets: ReadonlyMap<string, QuotaReset> = new Map();
  /** Totals by payer, for the period that begins with the bucket `first`: cycles ask for all of them again and again. */
  readonly #totals = new Map<string, { readonly first: number; readonly sum: Sums }>();

  constructor(period: QuotaPeriod) {
    this.#period = period;
  }

  /** The same sums, to go on with by themselves. */
  copy(): QuotaLedger {
    const copy = new QuotaLedger(this.#period);
    copy.#resets = this.#resets;
    for (const [payer, slots] of this.#slots)
      copy.#slots.set(payer, new Map([...slots].map(([key, slot]) => [key, { ...slot }])));
    return copy;
  }

  clear(): void {
    this.#slots.clear();
    this.#totals.clear();
  }

  /** By payer; those of before are forgotten. */
  setResets(resets: ReadonlyMap<string, QuotaReset>): void {
    this.#resets = resets;
    this.#totals.clear();
  }

  add(payer: string, sums: Sums, endedAt: Instant): void {
    this.#totals.delete(payer);
    const [bucket, day] = [bucketOf(this.#period, endedAt), dayOf(endedAt)];
    let slots = this.#slots.get(payer);
    if (slots === undefined) {
      slots = new Map();
      this.#slots.set(payer, slots);
    }
    const key = bucket * DAYS_MAX + day;
    const slot = slots.get(key);
    if (slot === undefined) slots.set(key, { bucket, day, sums });
    else slot.sums = added(slot.sums, sums);
  }

  /** All that counts at an instant. */
  total(payer: string, at: Instant): Sums {
    const first = firstBucket(this.#period, at);
    const known = this.#totals.get(payer);
    if (known?.first === first) return known.sum;
    const sum = this.#counted(payer, at).reduce((all, { sums }) => added(all, sums), NO_USE);
    this.#totals.set(payer, { first, sum });
    return sum;
  }

  /**
   * When so much has come to count no longer that `isPassed` says no of what is left; null: never, for it is passed with
   * nothing used.
   */
  freesUpAt(payer: string, at: Instant, isPassed: (left: Sums) => boolean): Instant | null {
    let left = this.total(payer, at);
    for (const { bucket, sums } of this.#counted(payer, at)) {
      left = less(left, sums);
      if (!isPassed(left)) return endOf(this.#period, bucket);
    }
    return null;
  }

  /** Of the period and since the last reset, the oldest first. What counts no longer is dropped. */
  #counted(payer: string, at: Instant): readonly Slot[] {
    const slots = this.#slots.get(payer);
    if (slots === undefined) return [];
    const first = firstBucket(this.#period, at);
    for (const [key, { bucket }] of slots) if (bucket < first) slots.delete(key);
    const all = [...slots.values()].sort((a, b) => a.bucket - b.bucket || a.day - b.day);
    const reset = this.#resets.get(payer);
    if (reset === undefined) return all;
    let before = reset.used;
    return all.flatMap((slot) => {
      if (slot.day < reset.day) return [];
      if (slot.day > reset.day) return [slot];
      const gone = least(slot.sums, before);
      before = less(before, gone);
      return [{ ...slot, sums: less(slot.sums, gone) }];
    });
  }
}

const each = (a: Sums, b: Sums, of: (a: number, b: number) => number): Sums => ({
  timeMs: of(a.timeMs, b.timeMs),
  cpuMilli: of(a.cpuMilli, b.cpuMilli),
  memMb: of(a.memMb, b.memMb),
  gpus: of(a.gpus, b.gpus),
  cpuMilliMs: of(a.cpuMilliMs, b.cpuMilliMs),
  memMbMs: of(a.memMbMs, b.memMbMs),
  gpuMs: of(a.gpuMs, b.gpuMs),
});

const less = (a: Sums, b: Sums): Sums => each(a, b, (one, other) => one - other);
/** What the record had by the reset may be ahead of us by what is only just being settled here. */
const least = (a: Sums, b: Sums): Sums => each(a, b, Math.min);
