// Stands between a scheduler and its master, speaking HTTP to both, and does to their talk what networks do: holds, drops,
// repeats, cuts, freezes. Calls and events must be in JSON.
import {
  Agent,
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as outgoing,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { encodeRecord, RecordDecoder } from '../../src/mesos/recordio.js';
import type { Scope } from '../support/places.js';

/** A call of the scheduler, as far as tests look into it. */
export interface SeenCall {
  readonly type: string;
  /** Ids of the tasks that it is about. */
  readonly taskIds: readonly string[];
  readonly body: unknown;
}

/** `unanswered`: the master gets the call, its answer is lost. `drop`: the master never sees it. */
export type Fate = 'forward' | 'drop' | 'unanswered';

/** An event of the master, as it travels. */
export type SeenEvent = Readonly<Record<string, unknown>> & { readonly type?: string };

export class MasterProxy {
  readonly url: string;
  readonly port: number;
  /** What becomes of a call; a promise that is not settled holds it. */
  decide: (call: SeenCall) => Fate | Promise<Fate> = () => 'forward';
  /** What the scheduler hears instead of an event, in this order. */
  alter: (event: SeenEvent) => readonly SeenEvent[] = (event) => [event];
  /** Every request is sent on to that address, as by a master that does not lead. */
  redirect: string | null = null;
  /** All calls so far, in order of arrival. */
  readonly calls: SeenCall[] = [];
  #target: string;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Set<ServerResponse>();
  #frozen: { readonly thawed: Promise<void>; readonly thaw: () => void } | undefined;

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.port}`;
  }

  /** Listens on a free port of the loopback, before anybody has to know where the master is. */
  static async start(t: Scope, target: string): Promise<MasterProxy> {
    const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new MasterProxy(server, target);
    server.on('connection', (socket) => {
      proxy.#sockets.add(socket);
      socket.once('close', () => proxy.#sockets.delete(socket));
    });
    server.on('request', (request, response) => void proxy.#answer(request, response));
    t.teardown(() => proxy.#close());
    return proxy;
  }

  /** Breaks every connection, in the middle of whatever it carries. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** No byte passes in either direction; connections stay open. What is sent meanwhile arrives late, or at a closed door. */
  freeze(): void {
    let thaw = (): void => {};
    const thawed = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    this.#frozen = { thawed, thaw };
  }

  thaw(): void {
    this.#frozen?.thaw();
    this.#frozen = undefined;
  }

  /** Says something of its own on every open stream. */
  say(event: SeenEvent): void {
    for (const response of this.#streams) response.write(record(event));
  }

  countOf = (type: string): number => this.calls.filter((call) => call.type === type).length;

  #close(): void {
    this.thaw();
    this.#agent.destroy();
    this.cut();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Whoever is killed or cut off leaves broken connections behind: that is what these tests do.
    response.on('error', () => response.destroy());
    const body = await bodyOf(request);
    if (body === undefined) return;
    if (this.redirect !== null) {
      const location = `//${new URL(this.redirect).host}${request.url}`;
      response.writeHead(307, { location, 'content-length': 0 }).end();
      return;
    }
    await this.#frozen?.thawed;
    const call = request.method === 'POST' ? seenCall(body) : undefined;
    if (call !== undefined) this.calls.push(call);
    const fate = call === undefined ? 'forward' : await this.decide(call);
    await this.#frozen?.thawed;
    if (fate === 'drop') response.destroy();
    else this.#forward({ request, response, body }, { call, isAnswered: fate === 'forward' });
  }

  #forward(
    { request, response, body }: Exchange,
    { call, isAnswered }: { readonly call: SeenCall | undefined; readonly isAnswered: boolean },
  ): void {
    const { hostname, port } = new URL(this.#target);
    const isStream = call?.type === 'SUBSCRIBE';
    const onward = outgoing({
      ...{ hostname, port, method: request.method, path: request.url },
      headers: { ...request.headers, host: `${hostname}:${port}` },
      // A stream ends with its connection, so it has one of its own.
      agent: isStream ? false : this.#agent,
    });
    onward.on('error', () => response.destroy());
    onward.on('response', (answer) => {
      answer.on('error', () => response.destroy());
      if (!isAnswered) {
        answer.resume();
        answer.on('end', () => response.destroy());
      } else if (isStream && answer.statusCode === 200) this.#stream(answer, response);
      else {
        response.writeHead(answer.statusCode ?? 502, headersOf(answer));
        answer.pipe(response);
      }
    });
    if (isStream) response.on('close', () => onward.destroy());
    onward.end(body);
  }

  #stream(answer: IncomingMessage, response: ServerResponse): void {
    const decoder = new RecordDecoder();
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
    response.writeHead(200, headersOf(answer));
    answer.on('data', (chunk: Buffer) => {
      for (const bytes of decoder.push(chunk)) {
        const event = JSON.parse(bytes.toString('utf8')) as SeenEvent;
        void this.#deliver(response, event);
      }
    });
    answer.on('close', () => void this.#afterThaw(() => response.destroy()));
  }

  async #deliver(response: ServerResponse, event: SeenEvent): Promise<void> {
    await this.#frozen?.thawed;
    if (response.destroyed) return;
    for (const heard of this.alter(event)) response.write(record(heard));
  }

  async #afterThaw(act: () => void): Promise<void> {
    await this.#frozen?.thawed;
    act();
  }

  /** From now on the master is there. */
  set target(url: string) {
    this.#target = url;
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
}

const record = (event: SeenEvent): Buffer => encodeRecord(Buffer.from(JSON.stringify(event)));

/** Undefined when the sender is gone. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

/** Without those that are about one connection. */
function headersOf({ headers }: IncomingMessage): OutgoingHttpHeaders {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...rest } = headers;
  return rest;
}

interface TaskId {
  readonly value: string;
}

function seenCall(bytes: Buffer): SeenCall {
  const body = JSON.parse(bytes.toString('utf8')) as {
    readonly type?: string;
    readonly accept?: {
      readonly operations?: readonly {
        readonly launch?: { readonly task_infos?: readonly { readonly task_id: TaskId }[] };
      }[];
    };
    readonly acknowledge?: { readonly task_id: TaskId };
    readonly kill?: { readonly task_id: TaskId };
    readonly reconcile?: { readonly tasks?: readonly { readonly task_id: TaskId }[] };
  };
  const launched = (body.accept?.operations ?? []).flatMap(
    ({ launch }) => launch?.task_infos ?? [],
  );
  const named = [body.acknowledge, body.kill].flatMap((part) => part ?? []);
  const tasks = [...launched, ...named, ...(body.reconcile?.tasks ?? [])];
  return { type: body.type ?? '', taskIds: tasks.map(({ task_id }) => task_id.value), body };
}
