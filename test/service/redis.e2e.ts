// Two web servers and two schedulers with a Redis between them: emptied under load, away, and back; nothing is lost or doubled.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { codeOf, markedScript, runsOf } from '../support/marked-jobs.js';
import { mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation, leaderAmong, type Scheduler, type Web } from '../support/processes.js';
import { RedisServer, redisMissing } from '../support/redis.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';

const JOBS = 300;
const LANES = 6;
const OVER_MS_MAX = 240_000;
const NODE = ['--tasks', 'process', '--agents', '1', '--cpus', '32', '--mem', '32000'];

t.setTimeout(540_000);

interface Stage {
  readonly here: Installation;
  readonly webs: readonly [Web, Web];
  readonly schedulers: Scheduler[];
  readonly marks: string;
}

/** `homes`: one for each web server where the record is in a database, else one for all. */
async function stageOf(t: Test, environment: NodeJS.ProcessEnv, homes: 1 | 2): Promise<Stage> {
  const root = temporaryFolder(t, 'on-redis');
  chmodSync(root, 0o711);
  const marks = join(root, 'marks');
  mkdirSync(marks);
  chmodSync(marks, 0o777);
  const mesosPort = await freePort();
  const shared = homes === 1 ? {} : { GODOCKER_SHARED_DIR: join(root, 'shared') };
  const machine = (n: number) => {
    const home = join(root, `machine-${n}`, 'home');
    mkdirSync(home, { mode: 0o711, recursive: true });
    return new Installation(t, { home, mesosPort, environment: { ...environment, ...shared } });
  };
  const here = machine(1);
  const there = homes === 1 ? here : machine(2);
  const [one, two, ...schedulers] = await Promise.all([
    here.web(),
    there.web(),
    here.scheduler(),
    here.scheduler(),
  ]);
  await here.node(NODE);
  for (const { url } of [one, two])
    await waitFor('the web server is ready', 30_000, async () => (await fetch(`${url}/readyz`)).ok);
  return { here, webs: [one, two], schedulers, marks };
}

const warningsOf = async ({ url }: Web): Promise<string> =>
  JSON.stringify(((await (await fetch(`${url}/readyz`)).json()) as { warnings: unknown }).warnings);

/** Submits through both web servers; in the middle Redis is emptied, restarted, and the leader killed. */
async function stormed(t: Test, { here, webs, schedulers, marks }: Stage, redis: RedisServer) {
  const codes = new Map<number, number>();
  const begunAt = performance.now();
  const load = Array.from({ length: LANES }, async (_, lane) => {
    for (let n = lane; n < JOBS; n += LANES) {
      const { client } = webs[n % 2 === 0 ? 0 : 1];
      codes.set(await client.submit(markedScript(marks, n), { cpu: 0.5 }), codeOf(n));
    }
  });
  await waitFor('some jobs are taken', 60_000, () => codes.size >= JOBS / 6);
  await redis.ask('FLUSHALL');
  await waitFor('more are taken', 60_000, () => codes.size >= JOBS / 4);
  const leader = await leaderAmong(schedulers);
  await Promise.all([leader.process.kill9(), redis.ask('FLUSHALL')]);
  schedulers.splice(schedulers.indexOf(leader), 1, await here.scheduler());
  await waitFor('still more are taken', 60_000, () => codes.size >= JOBS / 2);
  await redis.kill9();
  // The next leader takes some seconds.
  const ready = await waitFor('ready without it, and a warning', 30_000, async () => {
    const answer = await fetch(`${webs[0].url}/readyz`);
    const text = await answer.text();
    return answer.status === 200 && /Redis cannot be used/.test(text) ? text : undefined;
  });
  t.match(JSON.parse(ready), { ready: true, reasons: [] });
  const away = await webs[1].client.submit(markedScript(marks, 4));
  codes.set(away, 4);
  await webs[0].client.over(away, 60_000);
  await redis.startAgain();
  await Promise.all(load);
  const jobs = await webs[1].client.allOver([...codes.keys()], OVER_MS_MAX);
  t.equal(jobs.length, JOBS + 1, 'each submission has a job of its own');
  const wrong = jobs.filter(({ id, status }) => status.exitcode !== codes.get(id));
  t.same(wrong, [], 'none was lost: each ended with its own code');
  t.same(
    [...codes.keys()].filter((id) => runsOf(marks, id) !== 1),
    [],
    'none ran twice',
  );
  t.comment(`${JOBS} jobs in ${Math.round((performance.now() - begunAt) / 1_000)} s`);
  for (const web of webs)
    await waitFor('Redis is back', 30_000, async () => (await warningsOf(web)) === '[]');
  const killed = await webs[0].client.submit('#!/bin/sh\nsleep 60\n');
  await webs[0].client.until(killed, ['running']);
  await webs[1].client.kill(killed);
  t.equal((await webs[0].client.over(killed, 20_000)).status.exitcode, 137);
}

const redisOf = (server: RedisServer) => ({ GODOCKER_REDIS_HOST: `127.0.0.1:${server.port}` });

t.test(`${JOBS} jobs on one home; Redis is emptied and killed, so is a leader`, async (t) => {
  const missing = redisMissing();
  if (missing !== undefined) return skipAloud(t, 'Redis', missing);
  const redis = await RedisServer.start(t);
  await stormed(t, await stageOf(t, redisOf(redis), 1), redis);
});

t.test('the same with the record on MongoDB', async (t) => {
  const missing = redisMissing() ?? mongoMissing();
  if (missing !== undefined) return skipAloud(t, 'Redis with MongoDB', missing);
  const redis = await RedisServer.start(t);
  const mongo = await startMongo(t);
  t.comment(`against ${mongo.what}`);
  const database = temporaryDatabase(t, mongo.url);
  const environment = { GODOCKER_MONGO_URL: mongo.url, GODOCKER_MONGO_DATABASE: database };
  await stormed(t, await stageOf(t, { ...environment, ...redisOf(redis) }, 2), redis);
});
