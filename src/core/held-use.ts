/**
 * What is charged for the jobs that run, of one payer: each for the time it has run, at least for an advance. A few sums
 * tell it at any instant, so that nothing walks over running jobs. Sums are exact while they are below 2^53.
 */
import { Heap } from './heap.js';
import type { Needs } from './resources.js';
import type { Instant } from './units.js';
import type { Sums } from './usage.js';

/** A job that holds a task. */
export interface Held {
  readonly needs: Needs;
  /** Null: not yet. */
  readonly startedAt: Instant | null;
}

interface Amounts {
  jobs: number;
  cpuMilli: number;
  memMb: number;
  gpus: number;
}

interface Growth {
  readonly of: Held;
  readonly startedAt: Instant;
}

const none = (): Amounts => ({ jobs: 0, cpuMilli: 0, memMb: 0, gpus: 0 });

export class HeldUse {
  readonly #advanceMs: number;
  readonly #all = none();
  /** Those of them that have run longer than the advance. */
  readonly #grown = none();
  /** Sum over these of amount × start, counted from `#origin`. */
  readonly #starts = none();
  #origin = 0;
  readonly #isGrown = new Map<Held, boolean>();
  /** Those that have not, the first to do so first. May hold some that have ended; `#isGrown` decides. */
  readonly #young = youngHeap();

  constructor(advanceMs: number) {
    this.#advanceMs = advanceMs;
  }

  get jobs(): number {
    return this.#all.jobs;
  }

  hold(held: Held): void {
    raise(this.#all, held.needs, 1);
    this.#isGrown.set(held, false);
    if (held.startedAt !== null) this.#young.push({ of: held, startedAt: held.startedAt });
  }

  /** The very object that was held. */
  release(held: Held): void {
    const isGrown = this.#isGrown.get(held);
    if (isGrown === undefined) return;
    this.#isGrown.delete(held);
    raise(this.#all, held.needs, -1);
    if (isGrown && held.startedAt !== null) this.#grow(held.needs, held.startedAt, -1);
  }

  /** What is charged at an instant. Once longer than its advance a job counts for its time, whatever the clock does. */
  at(now: Instant): Sums {
    for (let next = this.#young.peek(); next !== undefined; next = this.#young.peek()) {
      const { of, startedAt } = next;
      const isOver = this.#isGrown.get(of) !== false;
      if (!isOver && startedAt + this.#advanceMs > now) break;
      this.#young.pop();
      if (isOver) continue;
      this.#isGrown.set(of, true);
      this.#grow(of.needs, startedAt, 1);
    }
    const [all, grown, starts] = [this.#all, this.#grown, this.#starts];
    const advanceMs = this.#advanceMs;
    const sinceMs = now - this.#origin;
    const run = (name: keyof Amounts): number =>
      (all[name] - grown[name]) * advanceMs +
      Math.max(grown[name] * advanceMs, grown[name] * sinceMs - starts[name]);
    return {
      timeMs: run('jobs'),
      cpuMilli: all.cpuMilli,
      memMb: all.memMb,
      gpus: all.gpus,
      cpuMilliMs: run('cpuMilli'),
      memMbMs: run('memMb'),
      gpuMs: run('gpus'),
    };
  }

  #grow(needs: Needs, startedAt: Instant, by: 1 | -1): void {
    // Near the starts, so that the sums stay small.
    if (this.#grown.jobs === 0) this.#origin = startedAt;
    raise(this.#grown, needs, by);
    raise(this.#starts, needs, by * (startedAt - this.#origin));
  }
}

function raise(amounts: Amounts, { cpuMilli, memMb, gpus }: Needs, by: number): void {
  amounts.jobs += by;
  amounts.cpuMilli += cpuMilli * by;
  amounts.memMb += memMb * by;
  amounts.gpus += gpus * by;
}

const youngHeap = () => new Heap<Growth>((a, b) => a.startedAt < b.startedAt);
