import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { RedisConfig } from '../../src/contracts/config.js';
import type { Live } from '../../src/contracts/live.js';
import { SILENT } from '../../src/contracts/log.js';
import type { ChangeFeed, Store } from '../../src/contracts/store.js';
import { systemRandom, systemTimers } from '../../src/host/system.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { LocalLive } from '../../src/store/live/local-live.js';
import { RedisLive } from '../../src/store/redis/live.js';
import { submitted } from '../store/a-job.js';
import { freePort, temporaryFolder } from '../support/places.js';
import {
  RedisServer,
  redisAt,
  redisMissing,
  sentinelMissing,
  startCluster,
  startSentinel,
} from '../support/redis.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';
import { type LiveUnderTest, liveContract, type MakeLive } from './live.js';

const MASTER = 'ours';

const localLive = (changes: ChangeFeed | null): LocalLive =>
  new LocalLive({ changes, timers: systemTimers, epoch: randomUUID() });

liveContract('in one process', async () => {
  const one = localLive(null);
  return { one, another: async () => one, commit: async () => undefined, isExact: true };
});

/** A handle on one record for each process. */
function storesIn(t: Test): () => Promise<Store> {
  const path = join(temporaryFolder(t, 'live'), 'store.db');
  return async () => {
    const store = await openEmbeddedStore({ path, log: SILENT });
    t.teardown(() => store.close());
    return store;
  };
}

async function throughStore(t: Test, make: (changes: ChangeFeed) => Live): Promise<LiveUnderTest> {
  const open = storesIn(t);
  const writer = await open();
  const another = async () => {
    const live = make(await open());
    t.teardown(() => live.close());
    return live;
  };
  return { one: await another(), another, commit: () => submitted(writer), isExact: false };
}

liveContract('through the store', (t) => throughStore(t, localLive));

const redisLive = (t: Test, config: RedisConfig, installation: string, local: LocalLive) => {
  const live = new RedisLive({
    ...{ config, installation, local, random: systemRandom },
    ...{ timers: systemTimers, log: SILENT },
  });
  t.teardown(() => live.close());
  return live;
};

const onRedis =
  (config: RedisConfig): MakeLive =>
  async (t) => {
    const installation = randomUUID();
    const another = async () => {
      const live = redisLive(t, config, installation, localLive(null));
      await waitFor('Redis is reached', 15_000, () => live.isOpen);
      return live;
    };
    return { one: await another(), another, commit: async () => undefined, isExact: true };
  };

const missing = redisMissing();
if (missing !== undefined) t.test('live state, Redis', async (t) => skipAloud(t, 'Redis', missing));
else {
  const server = await RedisServer.start(t);
  liveContract('Redis', onRedis(redisAt(server.port)));

  const nodes = await startCluster(t);
  const addresses = nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  liveContract('a Cluster of Redis', onRedis(redisAt(0, { kind: 'cluster', addresses })));

  const nobody = await freePort();
  liveContract('Redis that is away', (t) =>
    throughStore(t, (changes) => redisLive(t, redisAt(nobody), 'x', localLive(changes))),
  );
}

const noSentinel = sentinelMissing();
if (noSentinel !== undefined)
  t.test('live state, Sentinel', async (t) => skipAloud(t, 'Sentinel', noSentinel));
else {
  const { sentinelPort } = await startSentinel(t, MASTER);
  const watched = { kind: 'sentinel', masterName: MASTER } as const;
  liveContract('Redis behind a Sentinel', onRedis(redisAt(sentinelPort, watched)));
}
