// A MongoDB for tests: the real one that GODOCKER_TEST_MONGO_URL names, one started with the `mongod` of this machine, or the stand-in.
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { cachedTool } from './cache.js';
import { freePort, type Scope, temporaryFolder } from './places.js';
import { type Background, hasProgram, startBackground } from './programs.js';
import { waitFor } from './waiting.js';

const START_MS_MAX = 60_000;
const STAND_IN_MB_MAX = 1_024;

export interface MongoServer {
  readonly url: string;
  /** For the run's output: which server this is. */
  readonly what: string;
  /** It can explain its plans, logs in, survives a restart: none of these can the stand-in. */
  readonly isReal: boolean;
  /** Null: not ours to stop or to hold. */
  readonly process: Background | null;
}

/** Why there is none, for a skip; undefined when one can be started. */
export function mongoMissing(): string | undefined {
  if (process.env.GODOCKER_TEST_MONGO_URL || hasProgram('mongod')) return undefined;
  if (standIn() !== undefined) return undefined;
  return 'no GODOCKER_TEST_MONGO_URL, no mongod, and the stand-in is not built; npm run test:setup';
}

const standIn = (): string | undefined =>
  hasProgram('java') ? cachedTool('mongo-stand-in', 'test/clients/mongo-stand-in') : undefined;

/** `isOurs`: one of our own in any case, since the test stops it. `port`: of such a one. */
export async function startMongo(
  t: Scope,
  { isOurs = false, port }: { readonly isOurs?: boolean; readonly port?: number } = {},
): Promise<MongoServer> {
  const url = process.env.GODOCKER_TEST_MONGO_URL;
  if (url && !isOurs)
    return { url, what: 'MongoDB of GODOCKER_TEST_MONGO_URL', isReal: true, process: null };
  const folder = temporaryFolder(t, 'mongo');
  return hasProgram('mongod')
    ? startMongod(t, folder, port ?? (await freePort()))
    : startStandIn(t, folder, port ?? 0);
}

async function startMongod(t: Scope, folder: string, port: number): Promise<MongoServer> {
  const data = join(folder, 'data');
  mkdirSync(data);
  const process = startBackground(
    'mongod',
    ['--dbpath', data, '--port', String(port), '--bind_ip', '127.0.0.1'],
    { logFile: join(folder, 'log') },
  );
  t.teardown(() => process.stop());
  const url = `mongodb://127.0.0.1:${port}/?directConnection=true`;
  await answering(url, process);
  return { url, what: 'mongod of this machine', isReal: true, process };
}

async function startStandIn(t: Scope, folder: string, asked: number): Promise<MongoServer> {
  const tool = standIn();
  if (tool === undefined) throw new Error(mongoMissing());
  const process = startBackground(
    'java',
    [
      ...[`-Xmx${STAND_IN_MB_MAX}m`, '-XX:+UseSerialGC', '-cp', `${tool}/lib/*:${tool}/classes`],
      ...['MongoStandIn', String(asked)],
    ],
    { logFile: join(folder, 'log') },
  );
  t.teardown(() => process.kill9());
  const port = await waitFor('the stand-in listens', START_MS_MAX, () => {
    if (!process.isRunning()) throw new Error(`the stand-in ended: ${process.lastWords()}`);
    return /listening on (\d+)/.exec(readFileSync(process.logFile, 'utf8'))?.[1];
  });
  const url = `mongodb://127.0.0.1:${port}/`;
  await answering(url, process);
  return { url, what: 'the stand-in (mongo-java-server)', isReal: false, process };
}

async function answering(url: string, server: Background): Promise<void> {
  await waitFor('MongoDB answers', START_MS_MAX, async () => {
    if (!server.isRunning()) throw new Error(`MongoDB ended: ${server.lastWords()}`);
    const client = new MongoClient(url, { serverSelectionTimeoutMS: 1_000 });
    try {
      await client.connect();
      return true;
    } catch {
      return false;
    } finally {
      await client.close();
    }
  });
}

/** The name of an empty database; dropped after the test. */
export function temporaryDatabase(t: Scope, url: string): string {
  const name = `godocker-test-${randomUUID().slice(0, 8)}`;
  t.teardown(async () => {
    const client = new MongoClient(url, { serverSelectionTimeoutMS: 1_000 });
    try {
      await client.db(name).dropDatabase();
    } finally {
      await client.close();
    }
  });
  return name;
}
