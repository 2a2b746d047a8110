// Reading ZooKeeper without one: addresses, messages, and the life of a session, step by step.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { instant } from '../../src/core/units.js';
import type { Target } from '../../src/mesos/subscription.js';
import {
  leadingNode,
  masterIn,
  type ZooKeeperServer,
  zooKeeperAddress,
} from '../../src/mesos/zookeeper-address.js';
import { FrameDecoder, NO_NODE } from '../../src/mesos/zookeeper-codec.js';
import { type LineListener, ZooKeeperReader } from '../../src/mesos/zookeeper-reader.js';
import { projectFile } from '../support/project.js';

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const path = '/api/v1/scheduler';
const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const sized = (...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([int(body.length), body]);
};
const text = (word: string): Buffer => sized(Buffer.from(word));
const granted = (timeoutMs: number): Buffer =>
  sized(int(0), int(timeoutMs), Buffer.alloc(8, 1), sized(Buffer.alloc(16, 2)), Buffer.from([0]));
const reply = (xid: number, error: number, ...fields: readonly Buffer[]): Buffer =>
  sized(int(xid), Buffer.alloc(8), int(error), ...fields);
const names = (...all: readonly string[]): Buffer =>
  Buffer.concat([int(all.length), ...all.map(text), Buffer.alloc(68)]);
const event = (): Buffer => reply(-1, 0, int(4), int(3), text('/mesos'));
const master = (port: number): Buffer =>
  text(JSON.stringify({ address: { hostname: 'm', ip: '10.0.0.1', port } }));

interface Dialled {
  readonly server: ZooKeeperServer;
  readonly listener: LineListener;
  readonly sent: Buffer[];
  isClosed: boolean;
}

/** A reader whose servers, clock and timer are moved by hand. */
class Stage {
  readonly lines: Dialled[] = [];
  readonly found: (readonly Target[])[] = [];
  nowMs = 0;
  readonly reader: ZooKeeperReader;
  #timer: { readonly afterMs: number; readonly call: () => void } | undefined;

  constructor(address = 'zk://a:1,b:2/mesos') {
    this.reader = new ZooKeeperReader({
      address: zooKeeperAddress(address),
      scheme: 'http',
      ports: {
        clock: { now: () => instant(0), monotonicMs: () => this.nowMs },
        random: () => 0,
        log: SILENT,
        timers: {
          soon: (call) => call(),
          after: (afterMs, call) => {
            const timer = { afterMs, call };
            this.#timer = timer;
            return {
              cancel: () => {
                if (this.#timer === timer) this.#timer = undefined;
              },
            };
          },
        },
        dial: (server, listener) => {
          const line: Dialled = { server, listener, sent: [], isClosed: false };
          this.lines.push(line);
          return {
            send: (frame) => line.sent.push(frame),
            close: () => {
              line.isClosed = true;
            },
          };
        },
      },
    });
    this.reader.start((masters) => this.found.push(masters));
  }

  get line(): Dialled {
    const line = this.lines.at(-1);
    if (line === undefined) throw new Error('nothing was dialled');
    return line;
  }

  /** The server says this. */
  say(...frames: readonly Buffer[]): this {
    this.line.listener.bytes(Buffer.concat(frames));
    return this;
  }

  greet(): this {
    this.line.listener.opened();
    return this.say(granted(9_000));
  }

  /** What was sent last: number, operation, path. */
  asked(): readonly [number, number, string] {
    const frame = this.line.sent.at(-1) ?? Buffer.alloc(0);
    const size = frame.length > 12 ? frame.readInt32BE(12) : 0;
    return [frame.readInt32BE(4), frame.readInt32BE(8), frame.toString('utf8', 16, 16 + size)];
  }

  get waitMs(): number | undefined {
    return this.#timer?.afterMs;
  }

  pass(): this {
    const timer = this.#timer;
    this.#timer = undefined;
    this.nowMs += timer?.afterMs ?? 0;
    timer?.call();
    return this;
  }
}

t.test('addresses as operators write them', async (t) => {
  t.strictSame(zooKeeperAddress('zk://a:2181,b:2182/mesos/'), {
    servers: [
      { host: 'a', port: 2181 },
      { host: 'b', port: 2182 },
    ],
    path: '/mesos',
    login: null,
  });
  t.match(zooKeeperAddress('zk://u:p@[::1]:7/a/b'), {
    servers: [{ host: '::1', port: 7 }],
    path: '/a/b',
    login: 'u:p',
  });
  t.match(zooKeeperAddress('zk://a'), { servers: [{ host: 'a', port: 2181 }], path: '/' });
  for (const bad of [
    'zk://',
    'zk:///mesos',
    'zk://a:0/m',
    'zk://a:70000/m',
    'zk://a,/m',
    'zk://a//m',
  ])
    t.throws(() => zooKeeperAddress(bad), /not an address/, bad);
  try {
    zooKeeperAddress('zk://u:hush@a b/m');
    t.fail('it is none');
  } catch (error) {
    t.notMatch(JSON.stringify([String(error), error]), /hush/);
  }
});

t.test('the candidate that came first leads', async (t) => {
  const children = [
    'log_replicas',
    'json.info_0000000012',
    'info_0000000001',
    'json.info_0000000009',
  ];
  t.equal(leadingNode(children), 'json.info_0000000009');
  t.equal(leadingNode(['log_replicas']), undefined);
});

t.test('the address of a master, recorded and odd', async (t) => {
  const recorded = readFileSync(projectFile('test/transcripts/zookeeper-leader-mesos-1.12.0.json'));
  t.strictSame(masterIn(recorded, 'http'), { origin: 'http://127.0.0.1:5061', path });
  const at = (info: unknown, scheme: 'http' | 'https' = 'http') =>
    masterIn(Buffer.from(JSON.stringify(info)), scheme)?.origin;
  const address = { hostname: 'm1.example.org', ip: '10.0.0.1', port: 5050 };
  t.equal(at({ address }), 'http://10.0.0.1:5050');
  t.equal(at({ address }, 'https'), 'https://m1.example.org:5050', 'certificates are for names');
  t.equal(at({ address: { ip: 'fe80::1', port: 1 } }), 'http://[fe80::1]:1');
  t.equal(at({ ip: 16_777_343, port: 5050 }), 'http://127.0.0.1:5050', 'masters of long ago');
  t.equal(at({ ip: 4_278_190_090, port: 5050 }), 'http://10.0.0.255:5050');
  for (const bad of [
    null,
    7,
    [],
    {},
    { address: { ip: 'a/b', port: 1 } },
    { address: { ip: 'a', port: 0 } },
  ])
    t.equal(at(bad), undefined, JSON.stringify(bad));
  t.equal(masterIn(Buffer.from('{'), 'http'), undefined);
});

t.test('a leader is found, lost, and followed', async (t) => {
  const stage = new Stage();
  t.same(stage.line.server, { host: 'a', port: 1 });
  stage.greet();
  t.same(stage.asked(), [1, 12, '/mesos']);
  stage.say(reply(1, 0, names('json.info_0000000004', 'json.info_0000000003')));
  t.same(stage.asked(), [2, 4, '/mesos/json.info_0000000003']);
  stage.say(reply(2, 0, master(5050)));
  t.same(stage.found.splice(0), [[{ origin: 'http://10.0.0.1:5050', path }]]);

  stage.say(event());
  t.same(stage.asked(), [3, 12, '/mesos'], 'an event: list again');
  stage.say(reply(3, 0, names('json.info_0000000004', 'json.info_0000000005')));
  stage.say(event(), reply(4, 0, master(5051)));
  t.same(stage.found.splice(0), [[{ origin: 'http://10.0.0.1:5051', path }]]);
  t.same(stage.asked(), [5, 12, '/mesos'], 'what changed during a question is asked after it');
  stage.say(reply(5, 0, names('json.info_0000000004')), reply(6, 0, master(5051)));
  t.same(stage.found.splice(0), [], 'no change is no news');
  stage.say(event(), reply(7, 0, names('json.info_0000000006')), reply(8, 0, master(5051)));
  t.equal(stage.found.splice(0).length, 1, 'the same address under a new node is news');
  stage.say(event(), reply(9, 0, names()));
  t.same(stage.found.splice(0), [[]], 'nobody leads');
});

t.test('a path that is not there yet is waited for', async (t) => {
  const stage = new Stage().greet().say(reply(1, NO_NODE));
  t.same(stage.asked(), [2, 3, '/mesos']);
  t.same(stage.found, [[]]);
  stage.say(reply(2, NO_NODE), event());
  t.same(stage.asked(), [3, 12, '/mesos']);
  stage.say(reply(3, 0, names('json.info_0000000000')), reply(4, NO_NODE));
  t.same(stage.asked(), [5, 12, '/mesos'], 'gone between list and data');
});

t.test('a node without an address changes nothing', async (t) => {
  const stage = new Stage().greet().say(reply(1, 0, names('json.info_0000000000')));
  stage.say(reply(2, 0, text('{}')));
  t.same(stage.found, []);
  t.notOk(stage.line.isClosed);
});

t.test(
  'pings keep the session; silence ends it, the next server is asked, the leader holds on',
  async (t) => {
    const stage = new Stage().greet().say(reply(1, 0, names('json.info_0000000000')));
    stage.say(reply(2, 0, master(5050)));
    t.equal(stage.waitMs, 3_000);
    stage.pass();
    t.same(stage.asked().slice(0, 2), [-2, 11]);
    stage.say(reply(-2, 0)).pass().pass();
    t.notOk(stage.line.isClosed);
    stage.pass();
    t.ok(stage.line.isClosed, 'nine seconds without a word');
    t.equal(stage.found.length, 1);
    stage.pass();
    t.same(stage.line.server, { host: 'b', port: 2 });
  },
);

t.test('a login goes before the questions; its refusal is told', async (t) => {
  const stage = new Stage('zk://u:p@a/mesos').greet();
  const login = stage.line.sent[1]?.toString('latin1') ?? '';
  t.ok(login.endsWith(`${text('digest').toString('latin1')}${text('u:p').toString('latin1')}`));
  t.same(stage.asked(), [1, 12, '/mesos']);
  stage.say(reply(-4, 0));
  t.notOk(stage.line.isClosed);
  stage.say(reply(-4, -115));
  t.ok(stage.line.isClosed);
});

t.test("what is wrong with a server makes it the next one's turn", async (t) => {
  const wrong: Readonly<Record<string, Buffer>> = {
    'no session': granted(0),
    'a broken greeting': sized(int(0)),
    'an endless message': int(2 ** 31 - 1),
  };
  for (const [what, frame] of Object.entries(wrong)) {
    const stage = new Stage();
    stage.line.listener.opened();
    stage.say(frame);
    t.ok(stage.line.isClosed, what);
    stage.pass();
    t.equal(stage.line.server.host, 'b', what);
  }
  for (const frame of [reply(9, 0), reply(1, -102), reply(1, 0, int(1_000_000)), sized()]) {
    const stage = new Stage().greet().say(frame);
    t.ok(stage.line.isClosed);
  }
  const stage = new Stage().pass();
  t.ok(stage.line.isClosed, 'a server that never answers');
});

t.test('the end says goodbye', async (t) => {
  const stage = new Stage().greet();
  stage.reader.stop();
  t.same(stage.asked().slice(0, 2), [2, -11]);
  t.ok(stage.line.isClosed);
  t.equal(stage.waitMs, undefined);
  stage.say(reply(1, 0, names()));
  t.same(stage.found, []);
});

t.test(`messages are cut alike however they arrive (SEED=${SEED})`, async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      (bodies, step) => {
        const whole = Buffer.concat(bodies.map((body) => sized(Buffer.from(body))));
        const decoder = new FrameDecoder();
        const got: Buffer[] = [];
        for (let at = 0; at < whole.length; at += step)
          got.push(...decoder.push(whole.subarray(at, at + step)));
        return Buffer.concat(got).equals(Buffer.concat(bodies)) && got.length === bodies.length;
      },
    ),
    { seed: SEED },
  );
  t.throws(() => new FrameDecoder().push(int(-1)), /a message of -1 bytes/);
});

t.test(`no bytes of a server break the reader (SEED=${SEED})`, async () => {
  const known = [
    event(),
    reply(1, 0, names('json.info_0000000000')),
    reply(2, 0, master(1)),
    reply(-2, 0),
  ];
  const frame = fc.oneof(
    fc.constantFrom(...known),
    fc.uint8Array({ maxLength: 60 }).map((body) => sized(Buffer.from(body))),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), fc.boolean(), (frames, isGreeted) => {
      const stage = new Stage();
      if (isGreeted) stage.greet();
      else stage.line.listener.opened();
      for (const one of frames) stage.say(one);
      // Whatever came: it goes on, now or after a wait.
      return stage.waitMs !== undefined;
    }),
    { seed: SEED, numRuns: 500 },
  );
});

t.test('a server that does not greet us is left after a third of the session', async (t) => {
  const stage = new Stage();
  t.equal(stage.waitMs, 3_333);
  stage.pass();
  t.ok(stage.line.isClosed);
  stage.pass();
  t.equal(stage.lines.length, 2, 'the next one is dialled');
});
