/** The real transport against a server that answers with recorded bytes. */
import { createServer, type Server, type Socket } from 'node:net';
import t from 'tap';
import type { ClusterListener } from '../../src/contracts/cluster.js';
import { SILENT } from '../../src/contracts/log.js';
import { agentId, instant, taskId } from '../../src/core/units.js';
import type { MediaType } from '../../src/mesos/codec.js';
import { decodeCall, encodeEvent, JSON_TYPE, PROTOBUF_TYPE } from '../../src/mesos/codec.js';
import { MesosFramework } from '../../src/mesos/framework.js';
import type { Call } from '../../src/mesos/messages.js';
import { encodeRecord } from '../../src/mesos/recordio.js';
import { UndiciTransport } from '../../src/mesos/transport.js';
import { aBatch, anOffer } from './stage.js';
import { transcript } from './transcript.js';

const recorded = (name: string): Buffer => transcript(`answer-${name}-mesos-1.12.0.http`);

interface Request {
  readonly head: string;
  readonly path: string;
  readonly call: Call;
  readonly connection: number;
  /** Sends bytes as they are. */
  reply(bytes: Buffer | string): void;
  /** The connection dies in the middle of whatever it was doing. */
  cut(): void;
}

/** A master whose every byte the test writes. Parses just enough HTTP to tell requests apart. */
class HandMaster {
  readonly requests: Request[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting: (() => void)[] = [];
  #connections = 0;

  constructor(answer: (request: Request) => void) {
    this.#server = createServer((socket) => this.#serve(socket, answer));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Resolves when `count` requests of `type` have come. */
  async got(type: string, count = 1): Promise<Request[]> {
    for (;;) {
      const found = this.requests.filter(({ call }) => call.type === type);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #serve(socket: Socket, answer: (request: Request) => void): void {
    const connection = ++this.#connections;
    this.#sockets.add(socket);
    let held = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      for (;;) {
        const end = held.indexOf('\r\n\r\n');
        if (end === -1) return;
        const head = held.toString('latin1', 0, end);
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (held.length < end + 4 + length) return;
        const body = held.subarray(end + 4, end + 4 + length);
        held = held.subarray(end + 4 + length);
        const mediaType = (/content-type: (\S+)/i.exec(head)?.[1] ?? '') as MediaType;
        const request: Request = {
          head,
          path: head.split(' ')[1] ?? '',
          call: decodeCall(body, mediaType),
          connection,
          reply: (bytes) => socket.write(bytes),
          cut: () => socket.destroy(),
        };
        this.requests.push(request);
        answer(request);
        for (const wake of this.#waiting.splice(0)) wake();
      }
    });
  }
}

/** What the framework reports; `until` waits for a word. */
class Notes implements ClusterListener {
  readonly words: string[] = [];
  readonly #waiting: (() => void)[] = [];

  async until(word: string): Promise<void> {
    while (!this.words.includes(word)) await new Promise<void>((r) => this.#waiting.push(r));
  }
  #note(word: string): void {
    this.words.push(word);
    for (const wake of this.#waiting.splice(0)) wake();
  }
  connected({ isNew }: { isNew: boolean }): void {
    this.#note(isNew ? 'connected new' : 'connected');
  }
  disconnected(): void {
    this.#note('disconnected');
  }
  offers(): void {
    this.#note('offers');
  }
  rescinded(): void {
    this.#note('rescinded');
  }
  updated(update: { state: string }): void {
    this.#note(update.state);
  }
  mayLeave(): { kind: 'yes' } {
    return { kind: 'yes' };
  }
  agentFailed(): void {
    this.#note('agentFailed');
  }
  refused(because: string): void {
    this.#note(`refused: ${because}`);
  }
}

const TAKEN = recorded('accepted');
const HEAD =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: s1\r\nContent-Type: application/json\r\n\r\n';
const LAST_CHUNK = '0\r\n\r\n';

const chunk = (event: Parameters<typeof encodeEvent>[0]): Buffer => {
  const record = encodeRecord(encodeEvent(event, JSON_TYPE));
  const size = `${record.length.toString(16)}\r\n`;
  return Buffer.concat([Buffer.from(size), record, Buffer.from('\r\n')]);
};
const SUBSCRIBED = chunk({
  type: 'SUBSCRIBED',
  subscribed: { framework_id: { value: 'f1' }, heartbeat_interval_seconds: 15 },
});
const OFFER = chunk({ type: 'OFFERS', offers: { offers: [anOffer('o1')] } });

/** Starts a framework on `ports`; its waits pass ten times as fast. */
function begin(ports: readonly number[], mediaType: MediaType = JSON_TYPE) {
  const notes = new Notes();
  const framework = new MesosFramework({
    masters: ports.map((port) => `127.0.0.1:${port}`),
    mediaType,
    framework: {
      user: 'root',
      name: 'GoDocker',
      roles: ['*'],
      principal: 'p',
      secret: 's',
      failoverTimeoutMs: 1_000,
      hostname: null,
      webuiUrl: null,
      labels: {},
    },
    tasks: { network: 'BRIDGE' },
    memory: { load: async () => null, save: async () => {} },
    ports: {
      clock: { now: () => instant(Date.now()), monotonicMs: () => performance.now() * 10 },
      random: Math.random,
      log: SILENT,
      transport: new UndiciTransport(),
      timers: {
        after: (delayMs, call) => {
          const timer = setTimeout(call, delayMs / 10);
          return { cancel: () => clearTimeout(timer) };
        },
        soon: (call) => setImmediate(call),
      },
    },
  });
  return { notes, framework, started: framework.start(notes) };
}

for (const [name, mediaType] of [
  ['subscribe', JSON_TYPE],
  ['subscribe-protobuf', PROTOBUF_TYPE],
] as const)
  t.test(
    `a recorded life, ${name}: updates in order, then the body ends and TCP does not`,
    async (t) => {
      let subscriptions = 0;
      const master = new HandMaster((request) => {
        if (request.call.type !== 'SUBSCRIBE') request.reply(TAKEN);
        else if (++subscriptions === 1) request.reply(recorded(name));
      });
      const { notes, framework } = begin([await master.listen()], mediaType);
      await notes.until('disconnected');
      const [first, second] = await master.got('SUBSCRIBE', 2);
      t.notOk(first?.call.framework_id);
      t.ok(second?.call.framework_id, 'it comes back under its id');
      t.notMatch(second?.head, /mesos-stream-id/i);
      t.equal(notes.words[0], 'connected new');
      const states = notes.words.filter((word) => /^(starting|running|finished)$/.test(word));
      t.strictSame([...new Set(states)], ['starting', 'running', 'finished']);
      await framework.stop();
      await master.close();
    },
  );

t.test('a redirect without a scheme leads to the leader, calls go there too', async (t) => {
  const leader = new HandMaster((request) =>
    request.reply(
      request.call.type === 'SUBSCRIBE' ? Buffer.concat([Buffer.from(HEAD), SUBSCRIBED]) : TAKEN,
    ),
  );
  const port = await leader.listen();
  const redirect = recorded('redirect').toString('latin1').replace(':5060/', `:${port}/`);
  const other = new HandMaster((request) => request.reply(redirect));
  const { notes, framework } = begin([await other.listen()]);
  await notes.until('connected new');
  framework.revive();
  const [revive] = await leader.got('REVIVE');
  t.equal(revive?.path, '/master/api/v1/scheduler');
  t.match(revive?.head, /^mesos-stream-id: s1\r?$/im);
  t.match(revive?.head, /^authorization: Basic cDpz\r?$/im);
  t.equal(other.requests.length, 1);
  await framework.stop();
  await leader.close();
  await other.close();
});

t.test('a master that starts is waited for: 404, 503, then the stream', async (t) => {
  const answers = [
    recorded('starting-404'),
    recorded('starting-503'),
    Buffer.concat([Buffer.from(HEAD), SUBSCRIBED]),
  ];
  const master = new HandMaster((request) => request.reply(answers.shift() ?? ''));
  const { notes, framework, started } = begin([await master.listen()]);
  await started;
  t.strictSame(notes.words, [], 'start does not wait for success');
  await notes.until('connected new');
  t.equal(master.requests.length, 3);
  await framework.stop();
  await master.close();
});

for (const [name, because] of [
  ['unauthorized', 'refused: 401 401 Unauthorized.'],
  ['removed', 'refused: Framework has been removed'],
] as const)
  t.test(`${name} is told to the administrator, once for each attempt`, async (t) => {
    const master = new HandMaster((request) => request.reply(recorded(name)));
    const { notes, framework, started } = begin([await master.listen()]);
    await started;
    await notes.until(because);
    t.strictSame(notes.words, [because]);
    await framework.stop();
    await master.close();
  });

t.test('a stream that is cut in the middle of a record loses only that record', async (t) => {
  let attempts = 0;
  const master = new HandMaster((request) => {
    request.reply(Buffer.concat([Buffer.from(HEAD), SUBSCRIBED]));
    if (++attempts > 1) return;
    request.reply(OFFER.subarray(0, OFFER.length - 20));
    setTimeout(() => request.cut(), 20);
  });
  const { notes, framework } = begin([await master.listen()]);
  await notes.until('connected');
  t.strictSame(notes.words, ['connected new', 'disconnected', 'connected']);
  await framework.stop();
  await master.close();
});

t.test('the end of the chunked body ends the subscription although TCP stays', async (t) => {
  let attempts = 0;
  const master = new HandMaster((request) => {
    request.reply(Buffer.concat([Buffer.from(HEAD), SUBSCRIBED]));
    if (++attempts === 1) request.reply(LAST_CHUNK);
  });
  const { notes, framework } = begin([await master.listen()]);
  await notes.until('connected');
  t.strictSame(notes.words, ['connected new', 'disconnected', 'connected']);
  await framework.stop();
  await master.close();
});

t.test('an ACCEPT whose connection dies is in doubt and sent once', async (t) => {
  const master = new HandMaster((request) => {
    if (request.call.type === 'SUBSCRIBE')
      request.reply(Buffer.concat([Buffer.from(HEAD), SUBSCRIBED, OFFER]));
    else if (request.call.type === 'ACCEPT') request.cut();
    else request.reply(TAKEN);
  });
  const { notes, framework } = begin([await master.listen()]);
  await notes.until('offers');
  t.strictSame(await framework.launch([aBatch(['o1'], 7)]), ['doubt']);
  framework.revive();
  await master.got('REVIVE');
  t.equal((await master.got('ACCEPT')).length, 1);
  await framework.stop();
  await master.close();
});

t.test('a call of another stream is refused, and the subscription renewed', async (t) => {
  let subscriptions = 0;
  const master = new HandMaster((request) => {
    if (request.call.type === 'ACCEPT') request.reply(recorded('wrong-stream-id'));
    if (request.call.type !== 'SUBSCRIBE') return;
    const head = HEAD.replace('s1', `s${++subscriptions}`);
    request.reply(Buffer.concat([Buffer.from(head), SUBSCRIBED, OFFER]));
  });
  const { notes, framework } = begin([await master.listen()]);
  await notes.until('offers');
  t.strictSame(await framework.launch([aBatch(['o1'], 7)]), ['refused']);
  await master.got('SUBSCRIBE', 2);
  await notes.until('connected');
  await framework.stop();
  await master.close();
});

t.test('orders follow each other; receipts do not wait for them, nor for each other', async (t) => {
  const held: Request[] = [];
  const master = new HandMaster((request) => {
    if (request.call.type === 'SUBSCRIBE')
      request.reply(Buffer.concat([Buffer.from(HEAD), SUBSCRIBED]));
    else held.push(request);
  });
  const { notes, framework } = begin([await master.listen()]);
  await notes.until('connected new');
  for (const id of ['1-1', '2-1'])
    framework.kill({ taskId: taskId(id), agentId: agentId('a1'), graceMs: 1 });
  const receipt = { agentId: 'a1', uuid: 'AAAA' };
  const update = { agentId: null, state: 'running', reason: null, message: null } as const;
  for (const id of ['3-1', '4-1', '5-1'])
    framework.acknowledge({
      ...update,
      taskId: taskId(id),
      at: instant(0),
      containerId: null,
      ipAddress: null,
      labels: {},
      receipt,
    });
  const receipts = await master.got('ACKNOWLEDGE', 3);
  t.equal(new Set(receipts.map(({ connection }) => connection)).size, 1, 'one connection');
  const kills = held.filter(({ call }) => call.type === 'KILL');
  t.strictSame(
    kills.map(({ call }) => call.kill?.task_id.value),
    ['1-1'],
    'the second waits for the answer to the first',
  );
  for (const request of held.splice(0)) request.reply(TAKEN);
  await master.got('KILL', 2);
  for (const request of held.splice(0)) request.reply(TAKEN);
  await framework.stop();
  await master.close();
});

t.test('nobody listens: the launch is surely refused', async (t) => {
  const master = new HandMaster((request) =>
    request.reply(Buffer.concat([Buffer.from(HEAD), SUBSCRIBED, OFFER])),
  );
  const { notes, framework } = begin([await master.listen()]);
  await notes.until('offers');
  const closed = master.close();
  const [answer] = await framework.launch([aBatch(['o1'], 7)]);
  t.equal(answer, 'refused');
  await framework.stop();
  await closed;
});
