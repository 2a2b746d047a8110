// Logins in front of a MongoDB that has none (the stand-in, or a mongod without them): SCRAM-SHA-256 (RFC 5802, 7677) and the
// refusals of a real server, over the wire, so that the real driver meets them. What is allowed passes through.
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { BSON } from 'mongodb';
import type { Scope } from './places.js';

const HEADER_BYTES = 16;
const OP_MSG = 2_013;
/** Behind the header: flags, then the kind of the first section. */
const DOCUMENT_AT = HEADER_BYTES + 5;
const ITERATIONS = 4_096;
const AUTHENTICATION_FAILED = { ok: 0, errmsg: 'Authentication failed.', code: 18 };
/** What a server answers whoever they are. */
const FOR_ALL = new Set(['hello', 'isMaster', 'ismaster', 'buildInfo', 'ping', 'endSessions']);

type Doc = Record<string, unknown>;
/** Between both steps of a login. */
interface Conversation {
  readonly user: string;
  readonly clientFirst: string;
  readonly serverFirst: string;
  readonly nonce: string;
  readonly salt: Buffer;
}

export class MongoLogins {
  /** Passwords by login; a test may change them. */
  readonly passwords = new Map<string, string>();
  readonly #server = createServer((socket) => this.#serve(socket));
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  /** Logins that were refused so far. */
  refused = 0;

  private constructor(target: number) {
    this.#target = target;
  }

  /** @param url of a server without logins on this machine */
  static async start(t: Scope, url: string): Promise<MongoLogins> {
    const logins = new MongoLogins(Number(new URL(url).port));
    logins.#server.listen(0, '127.0.0.1');
    await once(logins.#server, 'listening');
    t.teardown(() => {
      logins.cut();
      logins.#server.close();
    });
    return logins;
  }

  urlFor(user: string, password: string): string {
    const { port } = this.#server.address() as AddressInfo;
    return `mongodb://${user}:${password}@127.0.0.1:${port}/?authMechanism=SCRAM-SHA-256&directConnection=true`;
  }

  get plainUrl(): string {
    return `mongodb://127.0.0.1:${(this.#server.address() as AddressInfo).port}/?directConnection=true`;
  }

  /** Every connection ends, as when the server restarts. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1');
    let user: string | null = null;
    let conversation: Conversation | undefined;
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    server.on('data', (chunk) => client.write(chunk));
    messagesOf(client, (message) => {
      const command = commandIn(message);
      const name = command === undefined ? '' : (Object.keys(command)[0] ?? '');
      if (command === undefined || FOR_ALL.has(name) || (user !== null && !name.startsWith('sasl')))
        return void server.write(message);
      if (name === 'saslStart') {
        conversation = begun(command);
        return void client.write(answerTo(message, said(conversation.serverFirst, false)));
      }
      if (name === 'saslContinue' && conversation !== undefined) {
        const { user: login } = conversation;
        const proof = provenBy(conversation, textOf(command.payload), this.passwords.get(login));
        user = proof === undefined ? null : login;
        if (proof === undefined) this.refused += 1;
        const answer = proof === undefined ? AUTHENTICATION_FAILED : said(proof, true);
        return void client.write(answerTo(message, answer));
      }
      const errmsg = `command ${name} requires authentication`;
      client.write(answerTo(message, { ok: 0, errmsg, code: 13, codeName: 'Unauthorized' }));
    });
  }
}

function messagesOf(socket: Socket, take: (message: Buffer) => void): void {
  let held = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= HEADER_BYTES && held.length >= held.readInt32LE(0)) {
      const length = held.readInt32LE(0);
      take(held.subarray(0, length));
      held = held.subarray(length);
    }
  });
}

/** Undefined: of the old kind, in which drivers say hello. */
function commandIn(message: Buffer): Doc | undefined {
  if (message.readInt32LE(12) !== OP_MSG) return undefined;
  const length = message.readInt32LE(DOCUMENT_AT);
  return BSON.deserialize(message.subarray(DOCUMENT_AT, DOCUMENT_AT + length));
}

function answerTo(message: Buffer, answer: Doc): Buffer {
  const body = BSON.serialize(answer);
  const reply = Buffer.alloc(DOCUMENT_AT + body.length);
  reply.writeInt32LE(reply.length, 0);
  reply.writeInt32LE(message.readInt32LE(4), 8);
  reply.writeInt32LE(OP_MSG, 12);
  reply.set(body, DOCUMENT_AT);
  return reply;
}

const said = (payload: string, done: boolean): Doc => ({
  ...{ conversationId: 1, done, ok: 1 },
  payload: new BSON.Binary(Buffer.from(payload)),
});

const textOf = (payload: unknown): string =>
  Buffer.from((payload as BSON.Binary).buffer).toString('utf8');

/** Goes on whoever it is: a real server does not tell either which logins it knows. */
function begun({ payload }: Doc): Conversation {
  const clientFirst = textOf(payload).replace(/^n,,/, '');
  const [, user = '', asked = ''] = /^n=([^,]*),r=(.*)$/.exec(clientFirst) ?? [];
  const salt = randomBytes(16);
  const nonce = asked + randomBytes(18).toString('base64');
  const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${ITERATIONS}`;
  return { user, clientFirst, serverFirst, nonce, salt };
}

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** What proves that the server knows the password too; undefined: the client does not. */
function provenBy(
  { clientFirst, serverFirst, nonce, salt }: Conversation,
  final: string,
  password: string | undefined,
): string | undefined {
  const [, withoutProof = '', echoed, proof = ''] = /^(c=biws,r=(.*)),p=(.*)$/.exec(final) ?? [];
  if (password === undefined || echoed !== nonce) return undefined;
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const key = hmac(salted, 'Client Key');
  const told = `${clientFirst},${serverFirst},${withoutProof}`;
  const signature = hmac(createHash('sha256').update(key).digest(), told);
  const expected = Buffer.from(key.map((byte, at) => byte ^ (signature[at] ?? 0)));
  const given = Buffer.from(proof, 'base64');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  return `v=${hmac(hmac(salted, 'Server Key'), told).toString('base64')}`;
}
