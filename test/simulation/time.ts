/** The time of the simulated world: nothing passes by itself, and everything that happens stands in one queue. */
import type { Timer } from '../../src/contracts/clock.js';

interface Due {
  readonly atMs: number;
  readonly order: number;
  call: (() => void) | undefined;
}

export class SimTime {
  nowMs = 0;
  /** What has happened so far. */
  events = 0;
  #order = 0;
  /** A binary heap: the earliest, and among equals the first that was asked for, is at the front. */
  readonly #heap: Due[] = [];

  after(delayMs: number, call: () => void): Timer {
    const due: Due = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, call };
    this.#push(due);
    return {
      cancel: () => {
        due.call = undefined;
      },
    };
  }

  pause(ms: number): Promise<void> {
    return new Promise((go) => this.after(ms, go));
  }

  /** Lets happen what is due up to `endMs`; what it promises is settled before the next thing happens. */
  async runUntil(endMs: number, isOver: () => boolean = () => false): Promise<void> {
    while (!isOver()) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > endMs) {
        this.nowMs = Math.max(this.nowMs, endMs);
        return;
      }
      this.#pop();
      const { call } = first;
      if (call === undefined) continue;
      this.nowMs = first.atMs;
      this.events += 1;
      call();
      await settled();
    }
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, due)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, left)) child += 1;
      const least = heap[child] ?? left;
      if (isBefore(last, least)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }
}

const isBefore = (a: Due, b: Due): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/** After all promises that are already decided have run their course, however long their chain. */
const settled = (): Promise<void> => new Promise((go) => setImmediate(go));
