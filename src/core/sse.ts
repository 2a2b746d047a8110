/**
 * Server-sent events as text: what a server writes and what a client reads (WHATWG HTML, "Server-sent events"). Owns no connection, so a
 * test may feed it one character at a time.
 */
import { assert } from './assert.js';

export interface SseEvent {
  /** Where the listener stands after it; absent: as before. */
  readonly id?: string;
  /** Absent: `message`. */
  readonly event?: string;
  readonly data: string;
}

/** One event as it goes over the wire. Every line of the data has its own field, so nothing in it ends the event. */
export function sseText({ id, event, data }: SseEvent): string {
  assert(!/[\r\n\0]/.test(`${id ?? ''}${event ?? ''}`), 'ids and names of events are one line');
  return [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event}`]),
    ...data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`),
    '\n',
  ].join('\n');
}

/** Keeps a connection open; a listener that goes on later goes on from the id, if one is given. No event comes of it. */
export const sseHeartbeat = (id?: string): string =>
  id === undefined ? ':\n\n' : `:\nid: ${id}\n\n`;

/** Text in, whole events out. */
export class SseReader {
  readonly #charsMax: number;
  #line = '';
  #chars = 0;
  #isAfterReturn = false;
  #id: string | undefined;
  #event: string | undefined;
  #data: string[] = [];

  /** @param charsMax of one event: what is longer is no event of ours */
  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }

  /** The last id that was told. */
  get lastId(): string | undefined {
    return this.#id;
  }

  /** @throws RangeError an event that is too long; nothing can be read any more */
  push(text: string): readonly SseEvent[] {
    const events: SseEvent[] = [];
    // A carriage return ends a line by itself, and with the line feed after it only once.
    const fresh = this.#isAfterReturn && text.startsWith('\n') ? text.slice(1) : text;
    if (text !== '') this.#isAfterReturn = text.endsWith('\r');
    const lines = fresh.split(/\r\n|\r|\n/);
    for (const [at, part] of lines.entries()) {
      this.#chars += part.length;
      if (this.#chars > this.#charsMax)
        throw new RangeError(`an event has more than ${this.#charsMax} characters`);
      this.#line += part;
      if (at === lines.length - 1) break;
      const event = this.#take(this.#line);
      this.#line = '';
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #take(line: string): SseEvent | undefined {
    if (line === '') return this.#end();
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    return undefined;
  }

  #end(): SseEvent | undefined {
    const [data, event, id] = [this.#data, this.#event, this.#id];
    this.#data = [];
    this.#event = undefined;
    this.#chars = 0;
    if (data.length === 0) return undefined;
    return {
      ...(id === undefined ? {} : { id }),
      ...(event === undefined ? {} : { event }),
      data: data.join('\n'),
    };
  }
}
