// The leading master, read out of a real ZooKeeper.
import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { systemTimers } from '../../src/host/system.js';
import { masterAddress } from '../../src/mesos/master-address.js';
import { MasterWatch } from '../../src/mesos/master-watch.js';
import { dialTcp } from '../../src/mesos/socket.js';
import { freePort } from '../support/places.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';
import { missingZooKeeper, type Write, ZooKeeper } from '../support/zookeeper.js';
import { transcript } from './transcript.js';

const LIMIT_MS = 20_000;

const infoOf = (port: number): string =>
  transcript('zk-ha-node-mesos-1.12.0.json').toString('utf8').trim().replaceAll('5061', `${port}`);

/** As a master on that port does. */
const registered = (port: number): Write => ({
  create: '/mesos/json.info_',
  data: infoOf(port),
  sequence: true,
});

t.test('a real ZooKeeper tells who leads, through restarts and elections', async (t) => {
  const missing = missingZooKeeper();
  if (missing !== undefined) return skipAloud(t, 'ZooKeeper', missing);
  const zookeeper = await ZooKeeper.start(t);
  // The first server of the list is not there: the next one is asked.
  const away = await freePort();
  const address = masterAddress(`zk://127.0.0.1:${away},127.0.0.1:${zookeeper.port}/mesos`);
  if (address.kind !== 'zookeeper') throw new Error('not ZooKeeper');
  const found: (string | null)[] = [];
  const watch = new MasterWatch({
    zookeeper: address.zookeeper,
    scheme: 'http',
    ports: { timers: systemTimers, random: () => 0, log: SILENT, dial: dialTcp },
  });
  watch.start((master) => found.push(master?.origin ?? null));
  t.teardown(() => watch.stop());
  const told = (what: string, origin: string | null) =>
    waitFor(what, LIMIT_MS, () => found.length > 0 && found.at(-1) === origin);

  await told('no masters node yet', null);
  await zookeeper.write({ create: '/mesos' }, { create: '/mesos/log_replicas' }, registered(5_061));
  await told('the first master', 'http://127.0.0.1:5061');

  await zookeeper.write(registered(5_060));
  t.equal(found.at(-1), 'http://127.0.0.1:5061', 'who came later does not lead');
  await zookeeper.write({ remove: '/mesos/json.info_0000000001' });
  await told('the next master', 'http://127.0.0.1:5060');

  const told5060 = found.length;
  await zookeeper.restart();
  await zookeeper.write({ remove: '/mesos/json.info_0000000002' }, registered(5_062));
  await told('a master after the restart', 'http://127.0.0.1:5062');
  t.notOk(
    found.slice(told5060).includes('http://127.0.0.1:5061'),
    'nobody who had left is taken for a leader',
  );
  await zookeeper.write({ remove: '/mesos/json.info_0000000003' });
  await told('nobody leads', null);
});

t.test('a closed part of ZooKeeper is read with credentials', async (t) => {
  const missing = missingZooKeeper();
  if (missing !== undefined) return skipAloud(t, 'ZooKeeper', missing);
  const zookeeper = await ZooKeeper.start(t);
  await zookeeper.write(
    { credentials: 'god:secret' },
    { create: '/mesos' },
    registered(5_061),
    { close: '/mesos/json.info_0000000000' },
    { close: '/mesos' },
  );
  const watches: MasterWatch[] = [];
  t.teardown(() => {
    for (const watch of watches) watch.stop();
  });
  const foundBy = (credentials: string): (string | null)[] => {
    const address = masterAddress(`zk://${credentials}127.0.0.1:${zookeeper.port}/mesos`);
    if (address.kind !== 'zookeeper') throw new Error('not ZooKeeper');
    const found: (string | null)[] = [];
    const ports = { timers: systemTimers, random: () => 0, log: SILENT, dial: dialTcp };
    const watch = new MasterWatch({ zookeeper: address.zookeeper, scheme: 'http', ports });
    watches.push(watch);
    watch.start((master) => found.push(master?.origin ?? null));
    return found;
  };
  const stranger = foundBy('');
  const known = foundBy('god:secret@');
  await waitFor('the master', LIMIT_MS, () => known.at(-1) === 'http://127.0.0.1:5061');
  t.strictSame(stranger, [], 'who may not read is told nothing');
});
