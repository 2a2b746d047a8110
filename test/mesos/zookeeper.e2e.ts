// The leading master by way of a real ZooKeeper; nodes are written by ZooKeeper's own client.
import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { systemClock, systemRandom, systemTimers } from '../../src/host/system.js';
import { JSON_TYPE } from '../../src/mesos/codec.js';
import { MasterConnection } from '../../src/mesos/connection.js';
import { UndiciTransport } from '../../src/mesos/transport.js';
import { zooKeeperAddress } from '../../src/mesos/zookeeper-address.js';
import { dialTcp, ZooKeeperReader } from '../../src/mesos/zookeeper-reader.js';
import { startLocalMesos } from '../support/local-mesos.js';
import { freePort } from '../support/places.js';
import { sleep, waitFor } from '../support/waiting.js';
import { isZooKeeperMissing, SESSION_MS, ZooKeeper } from '../support/zookeeper.js';

const PORTS = { clock: systemClock, timers: systemTimers, random: systemRandom, log: SILENT };

const readerOf = (address: string) =>
  new ZooKeeperReader({
    address: zooKeeperAddress(address),
    scheme: 'http',
    ports: { ...PORTS, dial: dialTcp },
  });

t.test('elections, a session that lasts, a server that dies', { timeout: 120_000 }, async (t) => {
  if (isZooKeeperMissing(t)) return;
  const server = await ZooKeeper.start(t);
  const nobody = await freePort();
  const reader = readerOf(`zk://127.0.0.1:${nobody},127.0.0.1:${server.port}/mesos`);
  const found: string[] = [];
  reader.start((masters) => found.push(masters.map(({ origin }) => origin).join()));
  t.teardown(() => reader.stop());
  const next = (what: string, limitMs = 20_000) =>
    waitFor(what, limitMs, () => (found.length > 0 ? { master: found.shift() } : undefined));

  t.same(await next('word that nobody leads'), { master: '' }, 'the path is not there');
  await server.tell('create', '/mesos', '');
  const first = await server.stand(5061);
  t.same(await next('the first leader'), { master: 'http://127.0.0.1:5061' });
  const second = await server.stand(5062);
  // Longer than any session: only pings keep it.
  await sleep(2 * SESSION_MS);
  t.same(found, [], 'a candidate behind the leader is no news');
  await server.tell('delete', first);
  t.same(await next('the second leader', 5_000), { master: 'http://127.0.0.1:5062' });

  await server.kill9();
  await sleep(1_500);
  t.same(found, [], 'without ZooKeeper the last leader holds on');
  await server.startAgain();
  const third = await server.stand(5063);
  await server.tell('delete', second);
  t.same(await next('the third leader'), { master: 'http://127.0.0.1:5063' });
  await server.tell('delete', third);
  t.same(await next('nobody'), { master: '' });
});

t.test('a subscription goes where the leader is', { timeout: 120_000 }, async (t) => {
  if (isZooKeeperMissing(t)) return;
  const server = await ZooKeeper.start(t);
  const [one, other] = await Promise.all([
    startLocalMesos(t, ['--tasks', 'simulate']),
    startLocalMesos(t, ['--tasks', 'simulate']),
  ]);
  await server.tell('create', '/mesos', '');
  const heard: string[] = [];
  const connection = new MasterConnection(
    {
      masters: readerOf(`zk://127.0.0.1:${server.port}/mesos`),
      mediaType: JSON_TYPE,
      framework: {
        ...{ user: 'nobody', name: 'GoDocker', roles: ['*'], principal: null, secret: null },
        ...{ failoverTimeoutMs: 60_000, hostname: null, webuiUrl: null, labels: {} },
      },
      ports: { ...PORTS, transport: new UndiciTransport() },
    },
    {
      subscribed: () => heard.push(`subscribed ${connection.session?.target.origin}`),
      lost: (because) => heard.push(because),
      refused: (because) => heard.push(because),
      event: () => {},
      brokenOffers: () => {},
    },
  );
  t.teardown(() => connection.stop({ isAtOnce: true }));
  connection.start(null);
  const first = await server.stand(one.port);
  await waitFor('a subscription', 20_000, () => heard.length > 0);
  t.same(heard.splice(0), [`subscribed ${one.url}`]);
  await server.stand(other.port);
  await server.tell('delete', first);
  await waitFor('the next subscription', 5_000, () => heard.length > 1);
  t.same(heard, ['another master leads', `subscribed ${other.url}`]);
});
