/**
 * The wire as a port: one stream for a subscription, and calls beside it. The simulation replaces it; `UndiciTransport`
 * is the real one.
 */
import { buildConnector, Client, type Dispatcher, Pool } from 'undici';
import {
  ANSWER_BYTES_MAX,
  CALL_ANSWER_MS_MAX,
  SUBSCRIBE_ANSWER_MS_MAX,
} from '../contracts/limits.js';
import { gatherWrites } from './gathered-writes.js';
import type { Target } from './subscription.js';

export interface Post {
  readonly target: Target;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * Which calls keep their order among themselves. `launches` (ACCEPT) run side by side; `orders` (everything about
 * tasks and offers else) one after the other; `receipts` (ACKNOWLEDGE) have a connection of their own, so that a
 * long ACCEPT never holds up updates.
 */
export type Lane = 'launches' | 'orders' | 'receipts';

export type Answer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly location: string | null;
      readonly text: string;
    }
  /** The request surely never left: no connection came about. */
  | { readonly kind: 'unsent'; readonly because: string }
  /** It may have arrived, or not. */
  | { readonly kind: 'unanswered'; readonly because: string };

/** Called in this order: `opened`, `bytes` any number of times, `ended`; or `answered` alone; or `ended` alone. */
export interface StreamListener {
  opened(head: { readonly streamId: string | null }): void;
  bytes(chunk: Uint8Array): void;
  /** An answer other than 200. */
  answered(answer: Extract<Answer, { kind: 'answered' }>): void;
  ended(because: string): void;
}

export interface Transport {
  /** Opens a stream. The listener hears nothing before this returns, and nothing after `close`. */
  subscribe(post: Post, listener: StreamListener): { close(): void };
  /** Resolves always; never sends anything twice, except receipts, which are harmless twice. */
  call(lane: Lane, post: Post): Promise<Answer>;
  /** Later calls use new connections. Launches under way keep theirs; other calls under way are given up. */
  renew(): void;
  /** Gives up what `renew` gives up, and waits for the launches under way; `isAtOnce`: gives these up too. */
  close(how?: { readonly isAtOnce: boolean }): Promise<void>;
}

/** PEM. What is absent: the system's authorities; no certificate of ours. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

const LAUNCHES_AT_ONCE = 4;
/** Receipts sent before the first of them is answered. */
const RECEIPTS_AHEAD = 64;

interface Lanes {
  readonly origin: string;
  readonly launches: Pool;
  readonly orders: Client;
  readonly receipts: Client;
}

export class UndiciTransport implements Transport {
  #lanes: Lanes | undefined;
  readonly #closing = new Set<Promise<void>>();
  readonly #tls: TlsMaterial;

  /** @param tls used for masters with `https` */
  constructor(tls: TlsMaterial = {}) {
    this.#tls = tls;
  }

  subscribe(post: Post, listener: StreamListener): { close(): void } {
    const client = new Client(post.target.origin, {
      bodyTimeout: 0,
      headersTimeout: SUBSCRIBE_ANSWER_MS_MAX,
      connect: { ...this.#tls, timeout: SUBSCRIBE_ANSWER_MS_MAX },
    });
    let isClosed = false;
    const close = () => {
      isClosed = true;
      // Destroying fails only what is under way, and of that nobody wants to hear any more.
      void client.destroy().catch(() => undefined);
    };
    const tell = (call: () => void) => {
      if (isClosed) return;
      try {
        call();
      } catch (error) {
        // What the listener throws is a fault of ours. It must stop the process, not pass for a broken stream.
        queueMicrotask(() => {
          throw error;
        });
      }
    };
    void stream(client, post, listener, tell).then(
      () => tell(() => listener.ended('the master ended the stream')),
      (error: unknown) => tell(() => listener.ended(reasonOf(error))),
    );
    return { close };
  }

  call(lane: Lane, post: Post): Promise<Answer> {
    const client = this.#lanesTo(post.target.origin)[lane];
    const options = {
      method: 'POST' as const,
      path: post.target.path,
      headers: post.headers,
      body: post.body,
      // undici sends only such requests ahead of answers. A receipt may well arrive twice; nothing else may.
      idempotent: lane === 'receipts',
      blocking: lane !== 'receipts',
    };
    return new Promise((resolve) => {
      client.dispatch(options, new AnswerReader(resolve));
    });
  }

  renew(): void {
    const old = this.#lanes;
    this.#lanes = undefined;
    if (old === undefined) return;
    // Launches get their answers; the rest would only be refused now, and is said again on the next stream.
    const closing = Promise.all([
      old.launches.close(),
      old.orders.destroy(),
      old.receipts.destroy(),
    ])
      // A lane that breaks while it closes has told so to the calls on it.
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async close({ isAtOnce } = { isAtOnce: false }): Promise<void> {
    // What waits for its turn in there must not be sent any more.
    if (isAtOnce) void this.#lanes?.launches.destroy();
    this.renew();
    await Promise.all(this.#closing);
  }

  #lanesTo(origin: string): Lanes {
    if (this.#lanes?.origin === origin) return this.#lanes;
    this.renew();
    const options = {
      headersTimeout: CALL_ANSWER_MS_MAX,
      bodyTimeout: CALL_ANSWER_MS_MAX,
    };
    const connect = { ...this.#tls, timeout: CALL_ANSWER_MS_MAX };
    const receipts = { ...options, connect: gathering(connect), pipelining: RECEIPTS_AHEAD };
    this.#lanes = {
      origin,
      launches: new Pool(origin, {
        ...{ ...options, connect },
        connections: LAUNCHES_AT_ONCE,
        pipelining: 1,
      }),
      orders: new Client(origin, { ...options, connect, pipelining: 1 }),
      receipts: new Client(origin, receipts),
    };
    return this.#lanes;
  }
}

/** Connects as undici does, to a socket that sends the requests of one turn together. */
function gathering(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = buildConnector(options);
  return (target, done) =>
    connect(target, (...[error, socket]: buildConnector.CallbackArgs) => {
      if (socket === null) done(error, null);
      else {
        gatherWrites(socket);
        done(null, socket);
      }
    });
}

/** Gathers one answer. Calls are many and their answers empty, so no stream is made of them. */
class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: Answer) => void;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  #location: string | null = null;

  constructor(resolve: (answer: Answer) => void) {
    this.#resolve = resolve;
  }

  // undici takes a handler without it for one of its older kind.
  onRequestStart(): void {}

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = status;
    this.#location = one(headers.location);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#bytes < ANSWER_BYTES_MAX) this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  onResponseEnd(): void {
    const text = Buffer.concat(this.#chunks).toString('utf8', 0, ANSWER_BYTES_MAX).trim();
    this.#resolve({ kind: 'answered', status: this.#status, location: this.#location, text });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    const kind = isUnsent(error) ? 'unsent' : 'unanswered';
    this.#resolve({ kind, because: reasonOf(error) });
  }
}

/** Resolves at the end of the chunked body, which is the end of the subscription although TCP stays open. */
async function stream(
  client: Client,
  post: Post,
  listener: StreamListener,
  tell: (call: () => void) => void,
): Promise<void> {
  const { statusCode, headers, body } = await client.request({
    method: 'POST',
    path: post.target.path,
    headers: post.headers,
    body: post.body,
  });
  if (statusCode !== 200) {
    const text = await textOf(body);
    const location = one(headers.location);
    tell(() => listener.answered({ kind: 'answered', status: statusCode, location, text }));
    return;
  }
  tell(() => listener.opened({ streamId: one(headers['mesos-stream-id']) }));
  for await (const chunk of body) tell(() => listener.bytes(chunk as Buffer));
}

const one = (header: string | string[] | undefined): string | null =>
  (Array.isArray(header) ? header[0] : header) ?? null;

/** The text of an answer, cut where it gets too long to be one. */
async function textOf(body: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    const part = chunk as Buffer;
    if (bytes < ANSWER_BYTES_MAX) chunks.push(part);
    bytes += part.length;
  }
  return Buffer.concat(chunks).toString('utf8', 0, ANSWER_BYTES_MAX).trim();
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

const UNSENT = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_CLOSED']);

/** Only failures to connect at all. What breaks on a connection may have been read by the other side. */
function isUnsent(error: unknown): boolean {
  if (UNSENT.has(codeOf(error))) return true;
  const during = error instanceof Error && 'syscall' in error ? error.syscall : '';
  return during === 'connect' || during === 'getaddrinfo';
}

const reasonOf = (error: unknown): string => {
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  return code === '' ? text : `${text} (${code})`;
};
