// The store on MongoDB beside the bare insert rate of the same server in the same run; alone, and through three web processes.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { SILENT } from '../src/contracts/log.js';
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
import { Installation, type Web } from '../test/support/processes.js';
import { BareHttp } from './bare-http.js';
import { type Figure, median, rate } from './figure.js';
import { processorMs } from './processor.js';
import { inScope } from './scope.js';
import { aJob } from './store.js';

const CLIENTS = 32;
const ROUNDS = 5;
const WARM_ROUNDS = 4;
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

interface BareRates {
  /** `CLIENTS` clients of one driver, one document a call: the floor. */
  readonly single: () => Promise<number>;
  /** `CLIENTS` documents a call, one call after the other: what gathering could reach at best. */
  readonly together: () => Promise<number>;
}

/** Inserts of jobs by the driver alone, with the same indexes and the same write concern. */
async function bareInserts(scope: Scope, { url }: MongoServer): Promise<BareRates> {
  const client = await new MongoClient(url, {
    retryWrites: false,
    writeConcern: { w: 'majority', journal: true },
  }).connect();
  scope.teardown(() => client.close());
  const { jobs: collection, ...others } = collectionsOf(client.db(temporaryDatabase(scope, url)));
  await migrate({ jobs: collection, ...others });
  let id = 0;
  const next = () => firstDocument(++id, submissionColumns(aJob(id)), null);
  return {
    single: () =>
      ratePerSecond(async () => {
        await collection.insertOne(next());
        return 1;
      }, CLIENTS),
    together: () =>
      ratePerSecond(async () => {
        await collection.insertMany(Array.from({ length: CLIENTS }, next), { ordered: false });
        return CLIENTS;
      }, 1),
  };
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

/** Rounds of all in turn; medians. */
async function beside(
  name: string,
  { single, together }: BareRates,
  value: () => Promise<number>,
): Promise<Figure> {
  const singles: number[] = [];
  const groups: number[] = [];
  const values: number[] = [];
  // Processes that have just started run code that is not compiled yet.
  for (let round = 0; round < WARM_ROUNDS; round++) await value();
  for (let round = 0; round < ROUNDS; round++) {
    singles.push(await single());
    groups.push(await together());
    values.push(await value());
  }
  console.error(
    `${name}: bare inserts of ${CLIENTS} documents each: ${Math.round(median(groups))}/s`,
  );
  return rate(name, median(values), median(singles));
}

/** 32 clients of one store, one job a call; floor: as many clients of the driver, one bare insert a call. */
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
    const free = Array.from({ length: CLIENTS }, (_, at) => {
      const { url, client } = webs[at % WEBS] as Web;
      const { authorization } = client;
      const bare = new BareHttp(url, { path: '/api/1.0/task', body: document, authorization });
      scope.teardown(() => bare.close());
      return bare;
    });
    const one = async () => {
      const bare = free.pop() as BareHttp;
      const status = await bare.ask();
      if (status !== 200) throw new Error(`a submission was answered with ${status}`);
      free.push(bare);
      n += 1;
      return 1;
    };
    const computed = () => webs.reduce((sum, web) => sum + processorMs(web.process.pid), 0);
    let webMs = 0;
    let answered = 0;
    const figure = await beside('mongo-submit-web', floor, async () => {
      const begin = { ms: computed(), n };
      const found = await ratePerSecond(one, CLIENTS);
      webMs = computed() - begin.ms;
      answered = n - begin.n;
      return found;
    });
    console.error(
      `mongo-submit-web: a submission takes ${(webMs / answered).toFixed(2)} ms of processor time of its web process (last round)`,
    );
    return figure;
  });
