/**
 * The few messages of ZooKeeper that finding a leader takes, as bytes: connect, ping, authenticate, children with a
 * watch, data, close. Pure: bytes in, values out. Numbers are big-endian; texts and buffers have a length before them.
 */
import { ZOOKEEPER_FRAME_BYTES_MAX } from '../contracts/limits.js';

/** The bytes are no ZooKeeper's, or not those of one we understand. Connect anew. */
export class BadFrame extends Error {
  override readonly name = 'BadFrame';
}

/** Numbers by which the protocol tells requests apart. */
const OPERATION = { getData: 4, ping: 11, getChildren2: 12, auth: 100, close: -11 } as const;
/** Of messages that answer no request of ours, or of a kind that has a number of its own. */
const XID = { watch: -1, ping: -2, auth: -4 } as const;
const PASSWORD_BYTES = 16;

/** Results of the server that we tell apart; all others are failures alike. */
export const NO_NODE = -101;
export const NO_AUTHORITY = -102;

export interface Connected {
  /** 0: the server will not have the session. */
  readonly timeoutMs: number;
}

export type Reply =
  | { readonly kind: 'answer'; readonly xid: number; readonly error: number; readonly body: Buffer }
  | { readonly kind: 'pong' }
  | { readonly kind: 'authenticated'; readonly error: number }
  /** A watch of ours rings, once; `path` says for which node. */
  | { readonly kind: 'watch'; readonly path: string };

// ---- what we say

/** A new session. Ours owns nothing in ZooKeeper, so a lost one is never taken up again. */
export const connectFrame = (timeoutMs: number): Buffer =>
  frame([
    int(0),
    long(0),
    int(timeoutMs),
    long(0),
    buffer(Buffer.alloc(PASSWORD_BYTES)),
    flag(false),
  ]);

export const pingFrame = (): Buffer => frame([int(XID.ping), int(OPERATION.ping)]);

/** @param credentials `user:password`. */
export const authFrame = (credentials: string): Buffer =>
  frame([
    int(XID.auth),
    int(OPERATION.auth),
    int(0),
    text('digest'),
    buffer(Buffer.from(credentials)),
  ]);

/** Asks for the names of a node's children, and to be told once when they change. */
export const childrenFrame = (xid: number, path: string): Buffer =>
  frame([int(xid), int(OPERATION.getChildren2), text(path), flag(true)]);

export const dataFrame = (xid: number, path: string): Buffer =>
  frame([int(xid), int(OPERATION.getData), text(path), flag(false)]);

export const closeFrame = (xid: number): Buffer => frame([int(xid), int(OPERATION.close)]);

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

const flag = (value: boolean): Buffer => Buffer.from([value ? 1 : 0]);
const buffer = (bytes: Buffer): Buffer => Buffer.concat([int(bytes.length), bytes]);
const text = (value: string): Buffer => buffer(Buffer.from(value, 'utf8'));

function frame(parts: readonly Buffer[]): Buffer {
  return buffer(Buffer.concat(parts));
}

// ---- what the server says

/** Bytes in, whole frames out. It owns no socket, so a test may feed it one byte at a time. */
export class FrameDecoder {
  #held: Buffer = Buffer.alloc(0);

  /** @throws BadFrame when a length is none, or too large. */
  push(chunk: Buffer): Buffer[] {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const frames: Buffer[] = [];
    while (this.#held.length >= 4) {
      const size = this.#held.readInt32BE(0);
      if (size < 0 || size > ZOOKEEPER_FRAME_BYTES_MAX) throw new BadFrame(`bad length ${size}`);
      if (this.#held.length < 4 + size) break;
      frames.push(this.#held.subarray(4, 4 + size));
      this.#held = this.#held.subarray(4 + size);
    }
    return frames;
  }
}

/** The first frame of a connection. @throws BadFrame */
export function readConnected(bytes: Buffer): Connected {
  const fields = new Fields(bytes);
  fields.int(); // the protocol's version
  return { timeoutMs: fields.int() };
}

/** Every later frame. @throws BadFrame */
export function readReply(bytes: Buffer): Reply {
  const fields = new Fields(bytes);
  const xid = fields.int();
  fields.skip(8); // the transaction it saw last
  const error = fields.int();
  switch (xid) {
    case XID.ping:
      return { kind: 'pong' };
    case XID.auth:
      return { kind: 'authenticated', error };
    case XID.watch:
      fields.skip(8); // what happened, and how the session is: we look for ourselves
      return { kind: 'watch', path: fields.text() };
    default:
      return { kind: 'answer', xid, error, body: fields.rest() };
  }
}

/** Names of children, out of the body of an answer. @throws BadFrame */
export function readChildren(body: Buffer): readonly string[] {
  const fields = new Fields(body);
  const count = fields.int();
  if (count > body.length) throw new BadFrame(`${count} children in ${body.length} bytes`);
  return Array.from({ length: Math.max(0, count) }, () => fields.text());
}

/** What a node holds, out of the body of an answer. @throws BadFrame */
export const readData = (body: Buffer): Buffer => new Fields(body).buffer();

/** Reads fields in order. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int(): number {
    return this.#take(4).readInt32BE(0);
  }

  skip(count: number): void {
    this.#take(count);
  }

  buffer(): Buffer {
    const size = this.int();
    // The protocol writes an absent buffer as length -1.
    return this.#take(Math.max(0, size));
  }

  text(): string {
    return this.buffer().toString('utf8');
  }

  rest(): Buffer {
    return this.#take(this.#bytes.length - this.#at);
  }

  #take(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new BadFrame('a message is cut short');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
