// The store on MongoDB in real processes, killed at random moments: submissions are whole, limits hold, room is never lost.
import { setTimeout as pause } from 'node:timers/promises';
import { MongoClient } from 'mongodb';
import t, { type Test } from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import type { Store } from '../../src/contracts/store.js';
import { jobId } from '../../src/core/units.js';
import { Admissions } from '../../src/store/mongo/admissions.js';
import { type Collections, collectionsOf } from '../../src/store/mongo/documents.js';
import { openMongoStore } from '../../src/store/mongo/store.js';
import { mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';
import { skipAloud } from '../support/skip.js';
import { ALICE, aNewJob } from './a-job.js';
import { saidOf, storeProcess, until } from './spoken.js';

const KILLS = 6;
const LIMIT = 150;
/** Jobs of one submission of `store-process`. */
const BATCH = 3;
/** Real processes on a machine that may be busy. */
const PATIENT = { timeout: 240_000 };

t.setTimeout(500_000);

interface Stage {
  readonly place: string;
  readonly collections: Collections;
  readonly store: Store;
}

async function stageOf(t: Test): Promise<Stage | undefined> {
  const missing = mongoMissing();
  if (missing !== undefined) {
    skipAloud(t, 'MongoDB', missing);
    return undefined;
  }
  const { url, what } = await startMongo(t);
  t.comment(`against ${what}`);
  const database = temporaryDatabase(t, url);
  const client = await new MongoClient(url).connect();
  t.teardown(() => client.close());
  const store = await openMongoStore({ url, database, log: SILENT });
  t.teardown(() => store.close());
  return { place: `${url}#${database}`, collections: collectionsOf(client.db(database)), store };
}

/** As a process does that has been there for two minutes: what is undecided at two sweeps is aborted. */
async function swept({ collections }: Stage): Promise<void> {
  const admissions = new Admissions(collections);
  for (let sweep = 0; sweep < 2; sweep++) await admissions.sweep(Date.now());
}

t.test(
  `killed ${KILLS} times: acknowledged submissions are there, all are whole`,
  PATIENT,
  async (t) => {
    const stage = await stageOf(t);
    if (stage === undefined) return;
    const stored = new Map<string, string[]>();
    const launches = new Set<number>();
    for (let kill = 1; kill <= KILLS; kill++) {
      const { child, lines, ended } = storeProcess(t, 'work', stage.place, `p${kill}`);
      await until(t, () => lines.length > 1, 'the first acknowledgement');
      await pause(Math.round(20 + Math.random() * 300));
      child.kill('SIGKILL');
      await ended;
      for (const [digest = '', ...ids] of saidOf(lines, 'stored')) stored.set(digest, ids);
      for (const [id] of saidOf(lines, 'launched')) launches.add(Number(id));
    }
    await swept(stage);
    t.equal(await stage.collections.jobs.countDocuments({ state: 'draft' }), 0, 'no draft is left');
    const halves = await stage.collections.jobs
      .aggregate([
        { $group: { _id: '$digest', jobs: { $sum: 1 } } },
        { $match: { jobs: { $ne: BATCH } } },
      ])
      .toArray();
    t.strictSame(halves, [], 'no submission is there by half');
    const ids = [...stored.values()].flat().map(Number);
    t.equal(new Set(ids).size, ids.length, `${ids.length} acknowledged jobs, no id twice`);
    const jobs = await stage.store.jobs(ids.map(jobId));
    t.strictSame(
      ids.filter((id) => !jobs.has(jobId(id))),
      [],
      'every acknowledged job is there',
    );
    t.ok(launches.size > 0, `${launches.size} intents acknowledged`);
    const unlaunched = [...launches].filter((id) => jobs.get(jobId(id))?.state !== 'launching');
    t.strictSame(unlaunched, [], 'every acknowledged intent is there');
  },
);

t.test(
  'a limit holds with several processes that are killed, and no room is lost',
  PATIENT,
  async (t) => {
    const stage = await stageOf(t);
    if (stage === undefined) return;
    const acknowledged: number[] = [];
    const count = () => stage.collections.jobs.countDocuments({ owner: ALICE, state: 'pending' });
    for (let round = 1; round <= 3; round++) {
      const processes = [1, 2].map((n) =>
        storeProcess(t, 'limit', stage.place, `r${round}p${n}`, String(LIMIT)),
      );
      await until(t, () => processes.every(({ lines }) => lines.length > 3), 'answers');
      await pause(Math.random() * 400);
      for (const { child } of processes) child.kill('SIGKILL');
      for (const { ended, lines } of processes) {
        await ended;
        for (const [, ...ids] of saidOf(lines, 'stored')) acknowledged.push(...ids.map(Number));
      }
      t.ok((await count()) <= LIMIT, `${await count()} jobs after round ${round}`);
    }
    const last = storeProcess(t, 'limit', stage.place, 'last', String(LIMIT));
    const isFull = () => saidOf(last.lines, 'limited').some(([now]) => Number(now) === LIMIT);
    await until(t, isFull, 'the limit to be reached');
    last.child.kill('SIGKILL');
    await last.ended;
    for (const [, ...ids] of saidOf(last.lines, 'stored')) acknowledged.push(...ids.map(Number));
    t.equal(await count(), LIMIT, 'reached exactly, whatever the killed ones had begun');
    await swept(stage);
    t.equal(await count(), LIMIT, 'what they left is no job of anybody');
    t.equal((await stage.store.jobs(acknowledged.map(jobId))).size, acknowledged.length);
    t.match(await stage.store.submit([aNewJob()], { user: LIMIT, all: null }), [
      { kind: 'limited', now: LIMIT },
    ]);
  },
);
