// The store on MongoDB beside the bare insert rate of the same server in the same run; alone, and through three web processes.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { SILENT } from '../src/contracts/log.js';
import type { NewJob } from '../src/contracts/store.js';
import { submissionColumns } from '../src/store/embedded/rows.js';
import { collectionsOf, firstDocument } from '../src/store/mongo/documents.js';
import { migrate } from '../src/store/mongo/schema.js';
import { openMongoStore } from '../src/store/mongo/store.js';
import {
  type MongoServer,
  mongoMissing,
  startMongo,
  temporaryDatabase,
} from '../test/support/mongo.js';
import { freePort, type Scope, temporaryFolder } from '../test/support/places.js';
import { Installation } from '../test/support/processes.js';
import { type Figure, median, rate } from './figure.js';
import { inScope } from './scope.js';
import { aJob } from './store.js';

const CLIENTS = 32;
const ROUNDS = 5;
const WARM_ROUNDS = 2;
const ROUND_MS = 1_500;
const WEBS = 3;

/** What the figure is of: a stand-in is neither durable nor MongoDB's speed. */
function told(server: MongoServer): void {
  console.error(`against ${server.what}${server.isReal ? '' : ': a ratio, no speed of MongoDB'}`);
}

/** Runs the benchmark where there is a server; says so where there is none. */
async function onMongo(
  name: string,
  work: (scope: Scope, server: MongoServer) => Promise<Figure>,
): Promise<Figure[]> {
  const missing = mongoMissing();
  if (missing !== undefined) {
    console.error(`${name}: skipped, ${missing}`);
    return [];
  }
  return inScope(async (scope) => {
    const server = await startMongo(scope);
    told(server);
    return [await work(scope, server)];
  });
}

/** Inserts of `CLIENTS` documents a call, one call after the other, as one client of the driver would do it. */
async function bareInserts(scope: Scope, { url }: MongoServer): Promise<() => Promise<number>> {
  const client = await new MongoClient(url, {
    retryWrites: false,
    writeConcern: { w: 'majority', journal: true },
  }).connect();
  scope.teardown(() => client.close());
  const collections = collectionsOf(client.db(temporaryDatabase(scope, url)));
  await migrate(collections);
  let id = 0;
  return () =>
    ratePerSecond(async () => {
      const jobs = Array.from({ length: CLIENTS }, (_, n) => aJob(n));
      await collections.jobs.insertMany(
        jobs.map((job: NewJob) => firstDocument(++id, submissionColumns(job), null)),
        { ordered: false },
      );
      return CLIENTS;
    }, 1);
}

/** Jobs a second that `clients` store, each waiting for its answer before the next. */
async function ratePerSecond(store: () => Promise<number>, clients: number): Promise<number> {
  const begin = performance.now();
  let stored = 0;
  const client = async () => {
    while (performance.now() - begin < ROUND_MS) {
      const jobs = await store();
      stored += jobs;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return stored / ((performance.now() - begin) / 1_000);
}

/** Rounds of both in turn; medians. */
async function beside(
  name: string,
  floor: () => Promise<number>,
  value: () => Promise<number>,
): Promise<Figure> {
  const floors: number[] = [];
  const values: number[] = [];
  // Processes that have just started run code that is not compiled yet.
  for (let round = 0; round < WARM_ROUNDS; round++) await value();
  for (let round = 0; round < ROUNDS; round++) {
    floors.push(await floor());
    values.push(await value());
  }
  return rate(name, median(values), median(floors));
}

/** 32 clients of one store, one job a call; floor: bare inserts of 32 documents with the same indexes. */
export const mongoSubmit = (): Promise<Figure[]> =>
  onMongo('mongo-submit', async (scope, server) => {
    const floor = await bareInserts(scope, server);
    const { url } = server;
    const database = temporaryDatabase(scope, url);
    const store = await openMongoStore({ url, database, log: SILENT });
    scope.teardown(() => store.close());
    let n = 0;
    const one = async () => (await store.submit([aJob(n++)])).length;
    return beside('mongo-submit', floor, () => ratePerSecond(one, CLIENTS));
  });

/** The same over REST, through three web processes. */
export const mongoSubmitWeb = (): Promise<Figure[]> =>
  onMongo('mongo-submit-web', async (scope, server) => {
    const floor = await bareInserts(scope, server);
    const { url } = server;
    const folder = temporaryFolder(scope, 'mongo-bench');
    chmodSync(folder, 0o711);
    const home = join(folder, 'home');
    mkdirSync(home, { mode: 0o711 });
    const environment = {
      GODOCKER_MONGO_URL: url,
      GODOCKER_MONGO_DATABASE: temporaryDatabase(scope, url),
    };
    const installation = new Installation(scope, {
      ...{ home, environment },
      mesosPort: await freePort(),
    });
    const webs = await Promise.all(Array.from({ length: WEBS }, () => installation.web()));
    const document = await webs[0]?.client.document('#!/bin/sh\ntrue\n', { name: 'bench' });
    let n = 0;
    const one = async () => {
      await webs[n++ % WEBS]?.client.post('/api/1.0/task', document);
      return 1;
    };
    return beside('mongo-submit-web', floor, () => ratePerSecond(one, CLIENTS));
  });
