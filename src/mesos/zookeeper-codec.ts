/**
 * ZooKeeper's client protocol, as much as a reader needs: every message is a four-byte length and a body; numbers are
 * big-endian, texts and lists carry their length, -1 stands for none.
 */

/** A message that is none. The connection is of no more use. */
export class BadFrame extends Error {}

/** Servers of the usual settings neither send nor take more than a megabyte. */
const FRAME_BYTES_MAX = 4 << 20;

/** What a request is about; answers repeat the number. Negative ones are ZooKeeper's own. */
export const XID = { event: -1, ping: -2, login: -4 } as const;
const OPERATION = { exists: 3, data: 4, ping: 11, children: 12, login: 100, close: -11 } as const;
/** The node is not there. */
export const NO_NODE = -101;
const PROTOCOL = 0;
const SESSION_PASSWORD_BYTES = 16;

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const flag = (value: boolean): Buffer => Buffer.from([value ? 1 : 0]);
const bytes = (value: Buffer): Buffer => Buffer.concat([int(value.length), value]);
const text = (value: string): Buffer => bytes(Buffer.from(value, 'utf8'));
const frame = (...parts: readonly Buffer[]): Buffer => bytes(Buffer.concat(parts));

/**
 * Asks for a new session. Ours owns nothing that would outlive a connection, so none is taken up again, and no last
 * transaction is named: a server that lags may answer, since an outdated leader sends us on; and one whose data was
 * set up anew is no riddle.
 */
export const connectRequest = (timeoutMs: number): Buffer =>
  frame(
    int(PROTOCOL),
    Buffer.alloc(8), // last transaction seen
    int(timeoutMs),
    Buffer.alloc(8), // session
    bytes(Buffer.alloc(SESSION_PASSWORD_BYTES)),
    flag(false), // A server cut off from the others shall not serve us.
  );

const ask = (xid: number, operation: number, ...parts: readonly Buffer[]): Buffer =>
  frame(int(xid), int(operation), ...parts);

export const pingRequest = (): Buffer => ask(XID.ping, OPERATION.ping);
export const closeRequest = (xid: number): Buffer => ask(xid, OPERATION.close);
/** @param login `user:password` */
export const loginRequest = (login: string): Buffer =>
  ask(XID.login, OPERATION.login, int(0), text('digest'), text(login));
/** Names below `path`; an event tells when they change. */
export const childrenRequest = (xid: number, path: string): Buffer =>
  ask(xid, OPERATION.children, text(path), flag(true));
/** Whether `path` is there; an event tells when it comes. */
export const existsRequest = (xid: number, path: string): Buffer =>
  ask(xid, OPERATION.exists, text(path), flag(true));
export const dataRequest = (xid: number, path: string): Buffer =>
  ask(xid, OPERATION.data, text(path), flag(false));

/** The life of the session as the server grants it; not above zero: refused. @throws BadFrame */
export function readConnected(body: Buffer): { readonly timeoutMs: number } {
  const reader = new FieldReader(body);
  reader.int();
  return { timeoutMs: reader.int() };
}

export interface Reply {
  readonly xid: number;
  /** 0: none. */
  readonly error: number;
  readonly fields: FieldReader;
}

/** The head of an answer or event. @throws BadFrame */
export function readReply(body: Buffer): Reply {
  const fields = new FieldReader(body);
  const xid = fields.int();
  fields.skip(8); // transaction
  return { xid, error: fields.int(), fields };
}

/** Takes fields off the front of a message; each throws BadFrame where the message is too short for it. */
export class FieldReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  skip(size: number): void {
    if (size > this.#body.length - this.#at) throw new BadFrame('a message ends too soon');
    this.#at += size;
  }

  int(): number {
    const at = this.#at;
    this.skip(4);
    return this.#body.readInt32BE(at);
  }

  bytes(): Buffer {
    const size = Math.max(0, this.int());
    const at = this.#at;
    this.skip(size);
    return this.#body.subarray(at, at + size);
  }

  texts(): readonly string[] {
    const count = Math.max(0, this.int());
    const texts: string[] = [];
    // Each takes four bytes at least, so a count out of the air ends with the message.
    for (let index = 0; index < count; index += 1) texts.push(this.bytes().toString('utf8'));
    return texts;
  }
}

/** Cuts a stream into the bodies of its messages. */
export class FrameDecoder {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws BadFrame when a length cannot be one; of no use afterwards. */
  push(chunk: Uint8Array): readonly Buffer[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const bodies: Buffer[] = [];
    while (this.#rest.length >= 4) {
      const size = this.#rest.readInt32BE(0);
      if (size < 0 || size > FRAME_BYTES_MAX) throw new BadFrame(`a message of ${size} bytes`);
      if (this.#rest.length < 4 + size) break;
      bodies.push(this.#rest.subarray(4, 4 + size));
      this.#rest = this.#rest.subarray(4 + size);
    }
    return bodies;
  }
}
