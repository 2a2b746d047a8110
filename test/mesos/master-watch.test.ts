import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { MasterWatch } from '../../src/mesos/master-watch.js';
import type { Dial, SocketListener } from '../../src/mesos/socket.js';
import { FrameDecoder } from '../../src/mesos/zookeeper-codec.js';
import { FakeTime } from '../support/fake-time.js';

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const buffer = (text: string | Buffer): Buffer => {
  const bytes = Buffer.from(text);
  return Buffer.concat([int(bytes.length), bytes]);
};
const frame = (...parts: Buffer[]): Buffer => buffer(Buffer.concat(parts));

/** A connection of the watch; the test speaks as the server. */
class Server {
  readonly decoder = new FrameDecoder();
  readonly asked: { xid: number; operation: number; path: string }[] = [];
  isClosed = false;

  readonly to: string;
  readonly listener: SocketListener;

  constructor(to: string, listener: SocketListener) {
    this.to = to;
    this.listener = listener;
  }

  accept(timeoutMs = 9_000): this {
    this.listener.opened();
    this.say(frame(int(0), int(timeoutMs), Buffer.alloc(8), buffer(Buffer.alloc(16)), int(0)));
    return this;
  }

  say(bytes: Buffer): void {
    this.listener.bytes(bytes);
  }

  heard(bytes: Buffer): void {
    for (const one of this.decoder.push(bytes)) {
      const xid = one.readInt32BE(0);
      const operation = one.readInt32BE(4);
      const hasPath = operation === 12 || operation === 4;
      const path = hasPath ? one.toString('utf8', 12, 12 + one.readInt32BE(8)) : '';
      this.asked.push({ xid, operation, path });
    }
  }

  /** Answers the latest question of a kind. */
  answer(operation: number, error: number, body: Buffer = Buffer.alloc(0)): void {
    const asked = this.asked.filter((one) => one.operation === operation).at(-1);
    if (asked === undefined) throw new Error(`operation ${operation} was not asked for`);
    this.say(frame(int(asked.xid), Buffer.alloc(8), int(error), body));
  }

  children(...names: string[]): void {
    this.answer(12, 0, Buffer.concat([int(names.length), ...names.map(buffer), Buffer.alloc(68)]));
  }

  data(host: string): void {
    const info = JSON.stringify({ address: { hostname: host, port: 5050 } });
    this.answer(4, 0, Buffer.concat([buffer(info), Buffer.alloc(68)]));
  }

  ring(path = '/mesos'): void {
    this.say(frame(int(-1), Buffer.alloc(8), int(0), int(4), int(3), buffer(path)));
  }
}

function watching(address: { credentials?: string } = {}) {
  const time = new FakeTime();
  const servers: Server[] = [];
  const found: (string | null)[] = [];
  const dial: Dial = ({ host, port }, listener) => {
    const server = new Server(`${host}:${port}`, listener);
    servers.push(server);
    return {
      send: (bytes) => {
        if (!server.isClosed) server.heard(bytes.subarray(0));
      },
      close: () => {
        server.isClosed = true;
      },
    };
  };
  const watch = new MasterWatch({
    zookeeper: {
      servers: [
        { host: 'z1', port: 1 },
        { host: 'z2', port: 2 },
      ],
      path: '/mesos',
      credentials: address.credentials ?? null,
    },
    scheme: 'http',
    ports: { timers: time, random: () => 0, log: SILENT, dial },
  });
  watch.start((master) => found.push(master?.origin ?? null));
  const server = (): Server => {
    const last = servers.at(-1);
    if (last === undefined) throw new Error('nobody was dialled');
    return last;
  };
  return { watch, time, servers, found, server };
}

/** What the watch sent to connect comes before any header, so the fake reads it as one. */
const operations = (server: Server): number[] => server.asked.slice(1).map((one) => one.operation);

t.test('the leader is told, and told again when another leads', async (t) => {
  const { server, found } = watching();
  server().accept();
  t.strictSame(operations(server()), [11, 12], 'a ping, and the children');
  server().children('json.info_0000000003', 'log_replicas', 'json.info_0000000002');
  t.equal(server().asked.at(-1)?.path, '/mesos/json.info_0000000002');
  server().data('m2');
  t.strictSame(found, ['http://m2:5050']);

  server().ring();
  server().children('json.info_0000000003', 'json.info_0000000004');
  server().data('m3');
  t.strictSame(found, ['http://m2:5050', 'http://m3:5050']);

  server().ring();
  server().children('json.info_0000000003');
  server().data('m3');
  t.equal(found.length, 2, 'the same master is no news');

  server().ring();
  server().children();
  t.strictSame(found.at(-1), null, 'nobody leads');
});

t.test('answers may come one byte at a time', async (t) => {
  const { server, found } = watching();
  server().accept();
  const one = server();
  const say = one.say.bind(one);
  one.say = (bytes) => {
    for (const byte of bytes) say(Buffer.from([byte]));
  };
  one.children('json.info_0000000001');
  one.data('m1');
  t.strictSame(found, ['http://m1:5050']);
});

t.test('what is not there is looked for again', async (t) => {
  const { server, found, time } = watching();
  server().accept();
  server().answer(12, -101);
  t.strictSame(found, [null]);
  await time.pass(1_000);
  server().children('json.info_0000000001');
  server().answer(4, -101);
  await time.pass(1_000);
  server().children('json.info_0000000002');
  server().data('m2');
  t.strictSame(found, [null, 'http://m2:5050']);
});

t.test('while ZooKeeper is away the leader stays; the next server is asked', async (t) => {
  const { server, servers, found, time } = watching();
  server().accept();
  server().children('json.info_0000000001');
  server().data('m1');
  server().listener.ended('reset');
  t.strictSame(found, ['http://m1:5050']);
  await time.pass(1_000);
  t.strictSame(
    servers.map(({ to }) => to),
    ['z1:1', 'z2:2'],
  );
  server().listener.ended('refused');
  await time.pass(2_000);
  server().accept();
  server().children('json.info_0000000001');
  server().data('m1');
  t.strictSame(found, ['http://m1:5050'], 'no news');
});

t.test('a silent server is left: before the session, and in it', async (t) => {
  const { server, servers, time } = watching();
  await time.pass(3_700);
  t.equal(servers.length, 2);
  t.ok(servers[0]?.isClosed);
  const second = server().accept(9_000);
  second.children();
  await time.pass(3_000);
  t.strictSame(operations(second).filter((operation) => operation === 11).length, 2, 'pings');
  await time.pass(4_000);
  t.ok(second.isClosed, 'the second ping had no answer');
});

t.test('pongs keep the session', async (t) => {
  const { server, servers, time } = watching();
  server().accept(9_000);
  for (let third = 0; third < 10; third++) {
    server().say(frame(int(-2), Buffer.alloc(8), int(0)));
    await time.pass(3_000);
  }
  t.equal(servers.length, 1);
});

t.test('credentials are sent before anything is asked; refused ones are not fatal', async (t) => {
  const { server, servers, time } = watching({ credentials: 'god:secret' });
  server().accept();
  t.strictSame(operations(server()), [100, 11, 12]);
  server().say(frame(int(-4), Buffer.alloc(8), int(-115)));
  t.ok(server().isClosed);
  await time.pass(1_000);
  t.equal(servers.length, 2);
});

t.test('nonsense ends the connection, never more', async (t) => {
  for (const bytes of [
    int(-5),
    int(0x7fffffff),
    frame(int(1)),
    frame(int(3), Buffer.alloc(8), int(0), int(2_000_000_000)),
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
  ]) {
    const { server, servers, time, found } = watching();
    server().accept();
    // The children were asked for with number 1 of this connection, or any other that fits.
    const xid = server().asked.at(-1)?.xid ?? 0;
    if (bytes.length > 8 && bytes.readInt32BE(4) === 3) bytes.writeInt32BE(xid, 4);
    server().say(bytes);
    t.ok(server().isClosed, bytes.toString('hex').slice(0, 30));
    await time.pass(1_000);
    t.equal(servers.length, 2);
    t.strictSame(found, []);
  }
});

t.test('a node that holds no master is looked at again', async (t) => {
  const { server, found, time } = watching();
  server().accept();
  server().children('json.info_0000000001');
  server().answer(4, 0, Buffer.concat([buffer('{}'), Buffer.alloc(68)]));
  t.strictSame(found, []);
  await time.pass(1_000);
  server().children('json.info_0000000001');
  server().data('m1');
  t.strictSame(found, ['http://m1:5050']);
});

t.test('stop says goodbye and dials no more', async (t) => {
  const { watch, server, servers, time } = watching();
  server().accept();
  watch.stop();
  t.equal(operations(server()).at(-1), -11);
  t.ok(server().isClosed);
  server().listener.ended('closed');
  await time.pass(60_000);
  t.equal(servers.length, 1);
});
