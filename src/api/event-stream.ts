/**
 * One answer that goes on: server-sent events to one listener. It never holds more than the stream's own buffer and one event: who has
 * more to tell waits until the reader has read.
 */
import { Readable } from 'node:stream';
import type { Timer, Timers } from '../contracts/clock.js';
import { EVENTS_AGAIN_MS, EVENTS_BEAT_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import { type SseEvent, sseHeartbeat, sseText } from '../core/sse.js';
import type { RouteContext } from './context.js';
import { content } from './route.js';

/** Why a stream ended that its listener did not leave; the word is in the event `end`. */
export type EndWord =
  /** All was told that there will ever be. */
  | 'complete'
  /** The time that the listener asked for is over. */
  | 'time'
  /** The token is not valid any more, or may not this any more. */
  | 'signed-out'
  /** There is no such file, and there will be none. */
  | 'missing'
  /** The server could not go on with it: come back. */
  | 'trouble'
  /** The server stops: come back to another one, or later. */
  | 'stopping';

export interface EventStreamParts {
  readonly timers: Timers;
  readonly log: Log;
  /** The listener may still have this. Rejects: it cannot be told now. */
  readonly isAllowed: () => Promise<boolean>;
  /** Told with each heartbeat: where the listener stands though nothing was for it; undefined: as before. */
  readonly cursor: () => string | undefined;
}

export const EVENT_STREAM = content('text/event-stream', 'Server-sent events, in UTF-8.');

export class EventStream extends Readable {
  readonly #parts: EventStreamParts;
  #beat: Timer | undefined;
  #isRead = true;
  #isOver = false;
  /** Called when the reader has read. */
  whenRead: () => void = () => {};
  /** Called once, however it ends. */
  whenLeft: () => void = () => {};

  constructor(parts: EventStreamParts) {
    super({ encoding: 'utf8' });
    this.#parts = parts;
    // What went wrong with a connection is the listener's to notice: it comes back.
    this.on('error', (error) => parts.log.debug('event stream ended early', { error }));
    this.once('close', () => {
      this.#isOver = true;
      this.#beat?.cancel();
      this.whenLeft();
    });
    this.push(`retry: ${EVENTS_AGAIN_MS}\n\n`);
    this.#beatLater();
  }

  /** Nothing more may be sent. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The reader has taken what was sent. */
  get isRead(): boolean {
    return this.#isRead && !this.#isOver;
  }

  send(event: SseEvent): void {
    if (!this.#isOver) this.#isRead = this.push(sseText(event));
  }

  end(because: EndWord): void {
    if (this.#isOver) return;
    this.send({ event: 'end', data: JSON.stringify({ because }) });
    this.#isOver = true;
    this.#beat?.cancel();
    this.push(null);
  }

  override _read(): void {
    if (this.#isRead || this.#isOver) return;
    this.#isRead = true;
    this.whenRead();
  }

  /** Sets it as the answer. */
  answer(context: RouteContext): void {
    context.body = this;
    context.set({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store, no-transform',
      // A proxy that gathers answers would keep events back.
      'X-Accel-Buffering': 'no',
    });
  }

  #beatLater(): void {
    this.#beat = this.#parts.timers.after(EVENTS_BEAT_MS, () => void this.#onBeat());
  }

  async #onBeat(): Promise<void> {
    const { isAllowed, cursor, log } = this.#parts;
    // Who cannot be asked now has been allowed a moment ago, and is asked again soon.
    const allowed = await isAllowed().catch((error: unknown) => {
      log.warn('right to an event stream not checked; tried again', { error });
      return true;
    });
    if (this.#isOver) return;
    if (!allowed) return this.end('signed-out');
    if (this.#isRead) this.#isRead = this.push(sseHeartbeat(cursor()));
    this.#beatLater();
  }
}
