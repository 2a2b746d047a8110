// The service on MongoDB: web servers and schedulers with homes of their own, killed under load; a database that goes away.
import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { codeOf, markedScript, runsOf, submittedSurely } from '../support/marked-jobs.js';
import { type MongoServer, mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation, leaderAmong, type Scheduler, type Web } from '../support/processes.js';
import type { Background } from '../support/programs.js';
import { startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';

const JOBS = 300;
const OVER_MS_MAX = 240_000;
const NODE = ['--tasks', 'process', '--agents', '1', '--cpus', '32', '--mem', '32000'];

t.setTimeout(540_000);

const isMissing = (t: Test): boolean => {
  const missing = mongoMissing();
  if (missing !== undefined) skipAloud(t, 'MongoDB', missing);
  return missing !== undefined;
};

const environmentOf = (url: string, database: string) => ({
  GODOCKER_MONGO_URL: url,
  GODOCKER_MONGO_DATABASE: database,
});

function foldersOf(t: Test): { readonly root: string; readonly marks: string; home(): string } {
  const root = temporaryFolder(t, 'on-mongo');
  chmodSync(root, 0o711);
  const marks = join(root, 'marks');
  mkdirSync(marks);
  chmodSync(marks, 0o777);
  let homes = 0;
  const home = () => {
    const folder = join(root, `machine-${++homes}`);
    mkdirSync(folder, { mode: 0o711 });
    const path = join(folder, 'home');
    mkdirSync(path, { mode: 0o711 });
    return path;
  };
  return { root, marks, home };
}

interface Sent {
  readonly id: number;
  readonly code: number;
}

async function judge(
  t: Test,
  { web, marks }: { readonly web: Web; readonly marks: string },
  sent: readonly Sent[],
): Promise<void> {
  t.equal(new Set(sent.map(({ id }) => id)).size, sent.length, 'each submission has its own job');
  const jobs = await web.client.allOver(
    sent.map(({ id }) => id),
    OVER_MS_MAX,
  );
  const codes = new Map(sent.map(({ id, code }) => [id, code]));
  const wrong = jobs.filter(({ id, status }) => status.exitcode !== codes.get(id));
  t.same(wrong, [], `none of ${jobs.length} jobs was lost: each ended with its own code`);
  const doubled = sent.filter(({ id }) => runsOf(marks, id) !== 1);
  t.same(doubled, [], 'none ran twice');
}

t.test(`${JOBS} jobs; the leader and a web server are killed, a leader is paused`, async (t) => {
  if (isMissing(t)) return;
  const server = await startMongo(t);
  t.comment(`against ${server.what}`);
  const environment = environmentOf(server.url, temporaryDatabase(t, server.url));
  const { home, marks, root } = foldersOf(t);
  const shared = { ...environment, GODOCKER_SHARED_DIR: join(root, 'shared') };
  const mesosPort = await freePort();
  const [here, there] = [home(), home()].map(
    (home) => new Installation(t, { home, mesosPort, environment: shared }),
  );
  if (here === undefined || there === undefined) throw new Error('there are two');
  // All at once on a fresh database, from two homes: their first steps must not meet.
  const [one, two, ...schedulers] = await Promise.all([
    here.web(),
    there.web(),
    here.scheduler(),
    here.scheduler(),
  ]);
  await here.node(NODE);
  const webs = [one, two];
  for (const { url } of webs)
    await waitFor('the web server is ready', 30_000, async () => (await fetch(`${url}/readyz`)).ok);
  const elsewhere = await fetch(`${two.url}/api/1.0/task/active`, {
    headers: { authorization: one.client.authorization },
  });
  t.equal(elsewhere.status, 200, 'a session of one web server is good for the other');

  const sent: Sent[] = [];
  const startedAt = performance.now();
  const load = Array.from({ length: 6 }, async (_, lane) => {
    for (let n = lane; n < JOBS; n += 6) {
      const asked = { script: markedScript(marks, n), request: { cpu: 0.5 } };
      sent.push({ id: await submittedSurely(webs, n, asked), code: codeOf(n) });
    }
  });
  await waitFor('some jobs are taken', 60_000, () => sent.length >= 40);
  const first = await leaderAmong(schedulers);
  await first.process.kill9();
  schedulers.splice(schedulers.indexOf(first), 1, await here.scheduler());
  await waitFor('more jobs are taken', 60_000, () => sent.length >= 100);
  await one.process.kill9();
  webs.splice(0, 1);
  const paused = await leaderAmong(schedulers);
  process.kill(paused.process.pid, 'SIGSTOP');
  webs.push(await here.web());
  await waitFor('the other leads', 30_000, () => leadsNow(schedulers, paused));
  process.kill(paused.process.pid, 'SIGCONT');
  await Promise.all(load);
  await judge(t, { web: two, marks }, sent);
  t.comment(`${JOBS} jobs in ${Math.round((performance.now() - startedAt) / 1000)} s`);
  const log = readFileSync(paused.process.logFile, 'utf8');
  t.match(log, /no longer leading/, 'the paused leader noticed');
});

const leadsNow = async (
  schedulers: readonly Scheduler[],
  paused: Scheduler,
): Promise<true | undefined> => {
  for (const other of schedulers)
    if (other !== paused && (await other.status()).isLeading) return true;
  return undefined;
};

const stop = ({ process: server }: MongoServer): Background => {
  if (server === null) throw new Error('a server of our own');
  return server;
};

t.test('a database that stops answering: 503, nothing is launched, and it heals', async (t) => {
  if (isMissing(t)) return;
  const server = await startMongo(t, { isOurs: true });
  const { marks } = foldersOf(t);
  const database = temporaryDatabase(t, server.url);
  const { client, url } = await startService(t, { env: environmentOf(server.url, database) });
  const running = await client.submit('#!/bin/sh\nsleep 8\nexit 7\n');
  await client.until(running, ['running']);

  const document = await client.document(markedScript(marks, 2));
  const key = { 'idempotency-key': 'away' };
  process.kill(stop(server).pid, 'SIGSTOP');
  try {
    const refused = await client.call('POST', '/api/1.0/task', document, key);
    t.equal(refused.status, 503);
    t.equal(refused.headers['retry-after'], '2');
    t.match(
      JSON.parse(refused.text),
      { code: /^(store|auth)-unavailable$/ },
      'whoever asked first',
    );
    await waitFor(
      'readiness is off',
      15_000,
      async () => (await fetch(`${url}/readyz`)).status === 503,
    );
  } finally {
    process.kill(stop(server).pid, 'SIGCONT');
  }
  await waitFor('it is ready again', 60_000, async () => (await fetch(`${url}/readyz`)).ok);
  t.equal((await client.over(running, 60_000)).status.exitcode, 7, 'a running job went on');
  const after = await client.submit(markedScript(marks, 3));
  t.equal((await client.over(after)).status.exitcode, 3);
  t.equal(runsOf(marks, after), 1);
  // The insert may have reached the server when it woke up: under its key it is one job in any case.
  const again = await client.call('POST', '/api/1.0/task', document, key);
  t.equal(again.status, 200);
  const { id } = JSON.parse(again.text) as { readonly id: number };
  t.equal((await client.over(id)).status.exitcode, 2);
  t.same(
    readdirSync(marks).map((name) => readFileSync(join(marks, name), 'utf8')),
    ['run\n', 'run\n'],
    'two jobs ran, each once',
  );
});

t.test('a database that is away at the start is waited for', async (t) => {
  if (isMissing(t)) return;
  const late = await freePort();
  const { home } = foldersOf(t);
  const environment = environmentOf(`mongodb://127.0.0.1:${late}/`, 'late');
  const installation = new Installation(t, {
    home: home(),
    mesosPort: await freePort(),
    environment,
  });
  const web = installation.web();
  const log = join(installation.home, '..', 'web-1.log');
  await waitFor('it says that it waits', 30_000, () =>
    /MongoDB does not answer: waiting for it/.test(readFileSync(log, 'utf8')),
  );
  t.notMatch(readFileSync(log, 'utf8'), /is up/, 'nothing listens yet');
  const server = await startMongo(t, { isOurs: true, port: late });
  t.equal(server.process?.isRunning(), true);
  const { url } = await web;
  t.equal((await fetch(`${url}/healthz`)).status, 200);
});

t.test('a database of another program is refused, and left alone', async (t) => {
  if (isMissing(t)) return;
  const server = await startMongo(t);
  const database = temporaryDatabase(t, server.url);
  const { insert, names } = await foreignJobs(server.url, database);
  await insert();
  const { home } = foldersOf(t);
  const environment = environmentOf(server.url, database);
  const installation = new Installation(t, {
    home: home(),
    mesosPort: await freePort(),
    environment,
  });
  await t.rejects(installation.scheduler(), {
    message: /collection "jobs" of another program; give GoDocker a database of its own/,
  });
  t.same(await names(), ['jobs'], 'nothing was written');
});

async function foreignJobs(url: string, database: string) {
  const { MongoClient } = await import('mongodb');
  const open = async <T>(work: (client: InstanceType<typeof MongoClient>) => Promise<T>) => {
    const client = new MongoClient(url);
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  };
  return {
    insert: () =>
      open((client) =>
        client
          .db(database)
          .collection('jobs')
          .insertOne({ id: 1, status: { primary: 'over' } }),
      ),
    names: () =>
      open(async (client) =>
        (await client.db(database).listCollections().toArray()).map(({ name }) => name).sort(),
      ),
  };
}
