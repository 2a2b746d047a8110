/**
 * Points on their way to a database of measurements: gathered, sent in batches, kept for a while when it is away. Whoever adds one
 * never waits, and what is kept has a bound: the oldest are dropped, and counted.
 */
import type { Timer, Timers } from '../contracts/clock.js';
import type { Log } from '../contracts/log.js';
import { inTime } from './in-time.js';

/** A batch of so many is sent at once; fewer wait for others. */
export const POINTS_PER_BATCH = 1_000;
/** Some megabytes; on a busy site an hour of finished jobs. */
export const POINTS_KEPT_MAX = 50_000;
export const POINTS_SENT_EACH_MS = 5_000;
const AGAIN_MS_MAX = 60_000;
/** A clean stop waits this long for the last batch. */
const STOP_MS_MAX = 1_000;

export interface PointBufferPorts<P> {
  readonly timers: Timers;
  readonly log: Log;
  /** Rejects when the batch was not stored; it is sent again then, so points must bear repetition. */
  readonly send: (points: readonly P[]) => Promise<void>;
  readonly count: (what: 'sent' | 'dropped', points: number) => void;
}

export class PointBuffer<P> {
  readonly #ports: PointBufferPorts<P>;
  #points: P[] = [];
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #pauseMs = POINTS_SENT_EACH_MS;
  #isAway = false;
  #isClosed = false;

  constructor(ports: PointBufferPorts<P>) {
    this.#ports = ports;
  }

  /** Points that wait to be sent. */
  get size(): number {
    return this.#points.length;
  }

  add(point: P): void {
    if (this.#isClosed) return;
    this.#points.push(point);
    this.#trim();
    this.#later();
  }

  /** Sends what is there once, if that is quick. */
  async stop(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    const last = (this.#sending ?? Promise.resolve()).then(() => this.#batch());
    await inTime(last, STOP_MS_MAX, this.#ports.timers);
    this.#dropped(this.#points.length);
    this.#points = [];
  }

  #later(): void {
    if (this.#sending !== undefined || this.#isClosed) return;
    // A full batch goes at once, unless the database is away.
    const isFull = this.#points.length >= POINTS_PER_BATCH && !this.#isAway;
    if (this.#timer !== undefined && !isFull) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.timers.after(isFull ? 0 : this.#pauseMs, () => {
      this.#timer = undefined;
      this.#sending = this.#batch().finally(() => {
        this.#sending = undefined;
        if (this.#points.length > 0) this.#later();
      });
    });
  }

  async #batch(): Promise<void> {
    const batch = this.#points.splice(0, POINTS_PER_BATCH);
    if (batch.length === 0) return;
    try {
      await this.#ports.send(batch);
      this.#ports.count('sent', batch.length);
      if (this.#isAway) this.#ports.log.info('measurements are stored again');
      this.#isAway = false;
      this.#pauseMs = POINTS_SENT_EACH_MS;
    } catch (error) {
      this.#points = [...batch, ...this.#points];
      this.#trim();
      if (!this.#isAway) this.#ports.log.warn('measurements not stored; kept for now', { error });
      this.#isAway = true;
      this.#pauseMs = Math.min(2 * this.#pauseMs, AGAIN_MS_MAX);
    }
  }

  #trim(): void {
    const tooMany = this.#points.length - POINTS_KEPT_MAX;
    // A tenth at once: shifting a long list for each point would cost.
    if (tooMany > 0) this.#dropped(this.#points.splice(0, tooMany + POINTS_KEPT_MAX / 10).length);
  }

  #dropped(points: number): void {
    if (points > 0) this.#ports.count('dropped', points);
  }
}
