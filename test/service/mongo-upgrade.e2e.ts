// Processes replaced one by one on MongoDB: what becomes of those of the older version, once a newer one has brought the database over.
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import t from 'tap';
import { collectionsOf } from '../../src/store/mongo/documents.js';
import { MIGRATIONS } from '../../src/store/mongo/schema.js';
import { mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';
import { freePort } from '../support/places.js';
import { Installation } from '../support/processes.js';
import { run } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import { temporaryHome } from '../support/service.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';

const NODE = ['--tasks', 'process', '--agents', '1', '--cpus', '8', '--mem', '8000'];
const SOON_MS = 60_000;

t.setTimeout(300_000);

t.test('jobs run on, submissions are taken, nothing of the older version starts', async (t) => {
  const missing = mongoMissing();
  if (missing !== undefined) return skipAloud(t, 'MongoDB', missing);
  const server = await startMongo(t);
  t.comment(`against ${server.what}`);
  const database = temporaryDatabase(t, server.url);
  const client = await new MongoClient(server.url).connect();
  t.teardown(() => client.close());
  const environment = { GODOCKER_MONGO_URL: server.url, GODOCKER_MONGO_DATABASE: database };
  const home = temporaryHome(t);
  const site = new Installation(t, { home, mesosPort: await freePort(), environment });
  const web = await site.web();
  await site.node(NODE);
  const scheduler = await site.scheduler();
  const before = await web.client.submit('#!/bin/sh\nsleep 15\nexit 7\n');
  await waitFor('it runs', SOON_MS, async () => (await scheduler.status()).live === 1);

  // As the first process of a newer version does.
  const newer = MIGRATIONS.length + 1;
  const { schema } = collectionsOf(client.db(database));
  const { matchedCount } = await schema.updateOne({ _id: 'schema' }, { $set: { version: newer } });
  t.equal(matchedCount, 1);
  const after = await web.client.submit('#!/bin/sh\nexit 0\n');
  const [first, second] = await web.client.allOver([before, after], SOON_MS);
  t.equal(first?.status.exitcode, 7, 'what ran has its own end');
  t.equal(first?.container.meta?.State?.ExitCode, 7);
  t.equal(second?.status.exitcode, 0, 'the old leader still serves, until it is stopped');

  for (const command of ['web', 'scheduler', 'watcher', 'status']) {
    const { code, stdout, stderr } = await run(
      process.execPath,
      [projectFile('dist/bin/godocker.js'), command],
      {
        cwd: join(home, '..'),
        env: { ...process.env, ...environment, GODOCKER_HOME: home, GODOCKER_PORT: '0' },
      },
    );
    t.equal(code, 69, command);
    const says = `schema ${newer}, made by a newer GoDocker; this one knows ${MIGRATIONS.length}`;
    t.match(stdout + stderr, says, command);
  }
  await scheduler.process.stop();
  const waiting = await web.client.submit('#!/bin/sh\nexit 0\n');
  t.ok(waiting > after, 'taken, and waits for a leader of the newer version');
});
