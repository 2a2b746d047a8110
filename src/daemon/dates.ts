/** Tells when dates have come. They are dates of the wall clock, which may jump either way: it is looked at now and then. */
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import { Heap } from '../core/heap.js';
import type { Instant, JobId } from '../core/units.js';

interface Dated {
  readonly id: JobId;
  readonly at: Instant;
}

/** The clock is looked at this often at least, in milliseconds. */
const LOOK_MS_MAX = 60_000;

export class Dates {
  readonly #ports: { readonly clock: Clock; readonly timers: Timers };
  readonly #came: (id: JobId) => void;
  readonly #dates = new Heap<Dated>((a, b) => a.at < b.at || (a.at === b.at && a.id < b.id));
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(
    ports: { readonly clock: Clock; readonly timers: Timers },
    came: (id: JobId) => void,
  ) {
    this.#ports = ports;
    this.#came = came;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** False when the date has come already. */
  add(id: JobId, at: Instant): boolean {
    if (at <= this.#ports.clock.now()) return false;
    this.#dates.push({ id, at });
    if (this.#dates.peek()?.id === id) this.#watch();
    return true;
  }

  #watch(): void {
    this.#timer?.cancel();
    const next = this.#dates.peek();
    if (next === undefined || this.#isClosed) return;
    const waitMs = Math.min(Math.max(1, next.at - this.#ports.clock.now()), LOOK_MS_MAX);
    this.#timer = this.#ports.timers.after(waitMs, () => this.#look());
  }

  #look(): void {
    const now = this.#ports.clock.now();
    for (let next = this.#dates.peek(); next !== undefined && next.at <= now; ) {
      this.#dates.pop();
      this.#came(next.id);
      next = this.#dates.peek();
    }
    this.#watch();
  }
}
