/** The HTTP side of the master: two paths for calls, a few pages to read, authentication, and the event streams. */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { RECORD_BYTES_MAX } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import {
  BadMessage,
  decodeCall,
  encodeEvent,
  JSON_TYPE,
  type MediaType,
  PROTOBUF_TYPE,
} from '../mesos/codec.js';
import { gatherWrites } from '../mesos/gathered-writes.js';
import type { Call } from '../mesos/messages.js';
import { encodeRecord } from '../mesos/recordio.js';
import { callProblem } from './call-checks.js';
import { NoSuchFault } from './fault-control.js';
import { BadSchedule } from './machines.js';
import type { Master } from './master.js';
import type { Stream } from './stream.js';

export interface Credential {
  readonly principal: string;
  readonly secret: string;
}

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  /** Null: anybody who reaches the port may call. */
  readonly credential: Credential | null;
  /** Names that `Host` may have besides loopback ones. */
  readonly hosts: readonly string[];
  readonly heartbeatMs: number;
  readonly uuid: () => string;
  readonly log: Log;
  /** Null until what a former life left is found again. */
  readonly master: () => Master | null;
  /** Whether `POST /faults` does what it asks for. */
  readonly hasFaultControl: boolean;
  /** Pages by path without the leading `/master`. */
  readonly pages: ReadonlyMap<string, Page>;
}

/** What a page shows to a question with that query: a value for JSON, or text. */
export type Page = (query: URLSearchParams) => unknown;

/** A page that is no JSON. */
export class TextPage {
  readonly text: string;
  readonly type: string;

  constructor(text: string, type: string) {
    this.text = text;
    this.type = type;
  }
}

const CALL_PATHS = new Set(['/api/v1/scheduler', '/master/api/v1/scheduler']);
const OPEN_PATHS = new Set(['/health', '/master/health', '/version']);
const SCHEDULE_PATH = /^(\/master)?\/maintenance\/schedule$/;
const MACHINE_PATH = /^(\/master)?\/machine\/(down|up)$/;
const REDIRECT_PATHS = new Set(['/redirect', '/master/redirect']);
const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);
/** A client that does not read is cut off before it costs us all memory. */
const UNREAD_BYTES_MAX = 2 * RECORD_BYTES_MAX;
const KEEP_ALIVE_MS = 120_000;

/** Ends a request with Mesos' own words. */
class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, text: string, headers: Readonly<Record<string, string>> = {}) {
    super(text);
    this.status = status;
    this.headers = headers;
  }
}

export class MasterServer {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #streams = new Set<ServerResponse>();

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      // Answers to pipelined calls leave together.
      request.socket.cork();
      request.socket.uncork();
      this.#answer(request, response).catch((error) => this.#fail(response, error));
    });
    this.#server.on('connection', gatherWrites);
  }

  async listen(): Promise<AddressInfo> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    return this.#server.address() as AddressInfo;
  }

  async close(): Promise<void> {
    for (const response of this.#streams) response.destroy();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.removeHeader('Connection');
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    this.#checkHost(request);
    if (!OPEN_PATHS.has(path)) this.#authenticate(request, CALL_PATHS.has(path));
    if (CALL_PATHS.has(path)) {
      await this.#takeCall(request, response);
      return;
    }
    if (path === '/health' || path === '/master/health') {
      send(response, 200, '');
      return;
    }
    if (REDIRECT_PATHS.has(path)) {
      throw new Refusal(307, '', { Location: `//${request.headers.host ?? ''}` });
    }
    if (path === '/faults' && request.method === 'POST' && this.#options.hasFaultControl) {
      this.#master().faults.carryOut(jsonOf(await readBody(request)));
      send(response, 200, '');
      return;
    }
    if (request.method === 'POST' && SCHEDULE_PATH.test(path)) {
      this.#master().maintenance.setSchedule(jsonOf(await readBody(request)));
      send(response, 200, '');
      return;
    }
    const machine = request.method === 'POST' ? MACHINE_PATH.exec(path)?.[2] : undefined;
    if (machine !== undefined) {
      const { maintenance } = this.#master();
      const body = jsonOf(await readBody(request));
      if (machine === 'down') maintenance.takeDown(body);
      else maintenance.bringUp(body);
      send(response, 200, '');
      return;
    }
    const page = this.#options.pages.get(path.replace(/^\/master(?=\/)/, ''));
    if (page === undefined) throw new Refusal(404, '404 Not Found.');
    const shown = page(new URLSearchParams(query));
    const isText = shown instanceof TextPage;
    const body = Buffer.from(isText ? shown.text : JSON.stringify(shown));
    const type = isText ? shown.type : JSON_TYPE;
    response.writeHead(200, { 'Content-Length': body.length, 'Content-Type': type });
    response.end(body);
  }

  /** A page of another site must not reach us through a name that it made point to this machine. */
  #checkHost({ headers }: IncomingMessage): void {
    const name = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
    if (LOOPBACK_NAMES.has(name) || this.#options.hosts.includes(name)) return;
    throw new Refusal(403, `Host '${name}' is not served here`);
  }

  #authenticate({ headers }: IncomingMessage, isCall: boolean): void {
    const { credential } = this.#options;
    if (credential === null) return;
    const [scheme = '', token = ''] = (headers.authorization ?? '').split(' ');
    const wanted = Buffer.from(`${credential.principal}:${credential.secret}`);
    const given = Buffer.from(token, 'base64');
    const isRight =
      scheme.toLowerCase() === 'basic' &&
      given.length === wanted.length &&
      timingSafeEqual(given, wanted);
    if (isRight) return;
    const realm = isCall ? 'mesos-master-scheduler' : 'mesos-master-readonly';
    throw new Refusal(401, '401 Unauthorized.', { 'WWW-Authenticate': `Basic realm="${realm}"` });
  }

  async #takeCall(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, headers } = request;
    if (method !== 'POST') {
      const text = `405 Method Not Allowed. Expecting one of { 'POST' }, but received '${method}'.`;
      throw new Refusal(405, text, { Allow: 'POST' });
    }
    const type = headers['content-type'];
    if (type === undefined) throw new Refusal(400, "Expecting 'Content-Type' to be present");
    if (type !== JSON_TYPE && type !== PROTOBUF_TYPE) {
      const text = `Expecting 'Content-Type' of ${JSON_TYPE} or ${PROTOBUF_TYPE}`;
      throw new Refusal(415, text);
    }
    const call = decodeCall(await readBody(request), type);
    const principal = this.#options.credential?.principal ?? null;
    const problem = callProblem(call, principal);
    if (problem !== null) throw new Refusal(400, `Failed to validate scheduler::Call: ${problem}`);
    const streamId = single(headers['mesos-stream-id']);
    if (call.type === 'SUBSCRIBE') {
      this.#subscribe(call, request, response, streamId);
      return;
    }
    const { status, text } = this.#master().call(call, streamId, principal);
    send(response, status, text);
  }

  #subscribe(
    call: Call,
    request: IncomingMessage,
    response: ServerResponse,
    streamId: string | undefined,
  ): void {
    const mediaType = acceptedType(request.headers.accept);
    if (mediaType === undefined) {
      const text = `Expecting 'Accept' to allow '${PROTOBUF_TYPE}' or '${JSON_TYPE}'`;
      throw new Refusal(406, text);
    }
    if (streamId !== undefined) {
      throw new Refusal(400, "Subscribe calls should not include the 'Mesos-Stream-Id' header");
    }
    const master = this.#master();
    const id = this.#options.uuid();
    response.writeHead(200, {
      'Transfer-Encoding': 'chunked',
      'Mesos-Stream-Id': id,
      'Content-Type': mediaType,
    });
    request.socket.setNoDelay(true);
    const stream = this.#open(id, response, mediaType);
    const framework = master.subscribe(call, stream);
    if (framework === undefined) return;
    response.once('close', () => {
      // When it is this node that leaves, the framework did not: its tasks stay as they are.
      if (this.#options.master() !== null) master.disconnected(framework, stream);
    });
  }

  #master(): Master {
    const master = this.#options.master();
    if (master === null) throw new Refusal(503, 'Master has not finished recovery');
    return master;
  }

  /** One record is one chunk: some clients read it no other way. */
  #open(id: string, response: ServerResponse, mediaType: MediaType): Stream {
    this.#streams.add(response);
    const write = (bytes: Buffer) => {
      if (response.writableEnded || response.destroyed) return;
      response.write(encodeRecord(bytes));
      if (response.writableLength > UNREAD_BYTES_MAX) {
        this.#options.log.warn('subscriber does not read: cut off', { streamId: id });
        response.destroy();
      }
    };
    const heartbeat = encodeEvent({ type: 'HEARTBEAT' }, mediaType);
    const timer = setInterval(() => write(heartbeat), this.#options.heartbeatMs).unref();
    response.once('close', () => {
      clearInterval(timer);
      this.#streams.delete(response);
    });
    return {
      id,
      send: (event) => write(encodeEvent(event, mediaType)),
      end: () => {
        clearInterval(timer);
        response.end();
      },
    };
  }

  #fail(response: ServerResponse, error: unknown): void {
    if (response.headersSent) {
      this.#options.log.error('stream broken by a fault of ours', { cause: String(error) });
      response.destroy();
    } else if (error instanceof Refusal) send(response, error.status, error.message, error.headers);
    else if (
      error instanceof BadMessage ||
      error instanceof NoSuchFault ||
      error instanceof BadSchedule
    )
      send(response, 400, error.message);
    else {
      this.#options.log.error('request failed', { cause: String(error) });
      send(response, 500, 'Internal Server Error');
    }
  }
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new BadMessage(`Failed to parse body into JSON: ${cause}`, { cause });
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const body = await wholeBody(request);
  if (request.headers['content-encoding'] !== 'gzip') return body;
  try {
    return gunzipSync(body, { maxOutputLength: RECORD_BYTES_MAX });
  } catch (error) {
    throw new Refusal(400, `Failed to decompress body: ${error}`);
  }
}

/** By events: calls are many and small, and an iterator costs more than all the rest of their reading. */
function wholeBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > RECORD_BYTES_MAX) {
        reject(new Refusal(413, 'Request body too large'));
        request.pause();
      } else chunks.push(chunk);
    });
    request.once('end', () => {
      const [first] = chunks;
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
    });
    // Nobody is left who could read an answer.
    request.once('close', () => {
      if (!request.complete) reject(new Refusal(400, 'the request broke off'));
    });
    request.once('error', reject);
  });
}

/** JSON wins where both are allowed; undefined where neither is. */
function acceptedType(accept: string | undefined): MediaType | undefined {
  const types = (accept ?? '*/*').split(',').map((part) => part.split(';')[0]?.trim());
  if (types.some((type) => type === '*/*' || type === 'application/*' || type === JSON_TYPE)) {
    return JSON_TYPE;
  }
  return types.includes(PROTOBUF_TYPE) ? PROTOBUF_TYPE : undefined;
}

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

function send(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const type = text === '' ? {} : { 'Content-Type': 'text/plain; charset=utf-8' };
  response.writeHead(status, { ...headers, ...type, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
