// `wake-up`: from a submission in a process until another one, which would lead, has the job in its hands. Through the store alone, and
// with Redis. Floor: a bare PUBLISH until it is heard, on the same server. Median and 99th percentile.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Live } from '../src/contracts/live.js';
import { SILENT } from '../src/contracts/log.js';
import type { Store } from '../src/contracts/store.js';
import type { JobId } from '../src/core/units.js';
import { coalesced } from '../src/daemon/coalesced.js';
import { systemRandom, systemTimers } from '../src/host/system.js';
import { openEmbeddedStore } from '../src/store/embedded/store.js';
import { LocalLive } from '../src/store/live/local-live.js';
import { openMongoStore } from '../src/store/mongo/store.js';
import { RedisLive } from '../src/store/redis/live.js';
import { mongoMissing, startMongo, temporaryDatabase } from '../test/support/mongo.js';
import { type Scope, temporaryFolder } from '../test/support/places.js';
import { RedisServer, redisAt, redisMissing } from '../test/support/redis.js';
import { waitFor } from '../test/support/waiting.js';
import { duration, type Figure } from './figure.js';
import { inScope } from './scope.js';
import { aJob } from './store.js';

const ROUNDS = 300;
const PAUSE_MS = 10;
const REACH_MS_MAX = 15_000;

/** A handle on one record, as each process has its own. */
type Open = () => Promise<Store>;

async function embedded(scope: Scope): Promise<Open> {
  const path = join(temporaryFolder(scope, 'wake-up'), 'store.db');
  return () => openEmbeddedStore({ path, log: SILENT });
}

async function onMongo(scope: Scope): Promise<Open> {
  const server = await startMongo(scope);
  console.error(`against ${server.what}`);
  const database = temporaryDatabase(scope, server.url);
  return () => openMongoStore({ url: server.url, database, log: SILENT });
}

/** Two processes on one record. */
interface Pair {
  readonly web: { readonly store: Store; readonly live: Live };
  readonly leader: { readonly store: Store; readonly live: Live };
}

async function pairOn(scope: Scope, open: Open, redis: RedisServer | null): Promise<Pair> {
  const make = async () => {
    const store = await open();
    scope.teardown(() => store.close());
    const local = new LocalLive({ changes: store, timers: systemTimers, epoch: randomUUID() });
    if (redis === null) return { store, live: local };
    const live = new RedisLive({
      ...{ config: redisAt(redis.port), installation: 'bench', local },
      ...{ random: systemRandom, timers: systemTimers, log: SILENT },
    });
    scope.teardown(() => live.close());
    await waitFor('Redis is reached', REACH_MS_MAX, () => live.isOpen);
    return { store, live };
  };
  return { web: await make(), leader: await make() };
}

/** Milliseconds from the answer of the store to the submitter until the leader has read the job. */
async function wakeUps({ web, leader }: Pair): Promise<readonly number[]> {
  const seen = new Map<JobId, number>();
  const found: number[] = [];
  let last: JobId | null = null;
  const look = coalesced(async () => {
    const rows = await leader.store.pending({ after: last, limit: 2 * ROUNDS });
    for (const { id } of rows) {
      last = id;
      seen.set(id, performance.now());
    }
  });
  const end = leader.live.hear({ submitted: look, changed: look });
  for (let n = 0; n < ROUNDS; n++) {
    const [answer] = await web.store.submit([aJob(n)]);
    if (answer?.kind !== 'stored') throw new Error('not stored');
    const storedMs = performance.now();
    const { id } = answer;
    web.live.tell.submitted([id]);
    const seenMs = await waitFor('the leader has it', REACH_MS_MAX, () => seen.get(id), 1);
    // It may hear of it before the submitter does.
    found.push(Math.max(0, seenMs - storedMs));
    // Not in step with whatever looks each so often.
    await sleep(PAUSE_MS + (n % 37));
  }
  end();
  return found;
}

async function bareRoundTrips(scope: Scope, server: RedisServer): Promise<readonly number[]> {
  const [one, other] = [new Redis(server.port), new Redis(server.port)];
  scope.teardown(() => {
    one.disconnect();
    other.disconnect();
  });
  await other.subscribe('bare');
  const found: number[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    const begunMs = performance.now();
    await new Promise<void>((heard) => {
      other.once('message', () => heard());
      void one.publish('bare', String(n));
    });
    found.push(performance.now() - begunMs);
    await sleep(PAUSE_MS);
  }
  return found;
}

const at = (values: readonly number[], part: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;

/** Median and 99th percentile, each beside the same of the floor. */
const figuresOf = (
  name: string,
  values: readonly number[],
  floors: readonly number[],
): Figure[] => [
  duration(name, at(values, 0.5), at(floors, 0.5)),
  duration(`${name}-p99`, at(values, 0.99), at(floors, 0.99)),
];

export const wakeUp = (): Promise<Figure[]> =>
  inScope(async (scope) => {
    const missing = redisMissing();
    if (missing !== undefined) {
      console.error(`wake-up: skipped, ${missing}`);
      return [];
    }
    const redis = await RedisServer.start(scope);
    const floors = await bareRoundTrips(scope, redis);
    const figures: Figure[] = [];
    const stores: [string, Open][] = [['embedded', await embedded(scope)]];
    const noMongo = mongoMissing();
    if (noMongo === undefined) stores.push(['mongo', await onMongo(scope)]);
    else console.error(`wake-up-mongo: skipped, ${noMongo}`);
    for (const [name, open] of stores)
      for (const [how, server] of [
        ['store', null],
        ['redis', redis],
      ] as const) {
        const values = await wakeUps(await pairOn(scope, open, server));
        figures.push(...figuresOf(`wake-up-${name}-${how}`, values, floors));
      }
    return figures;
  });
