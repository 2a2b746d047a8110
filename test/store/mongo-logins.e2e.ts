// A MongoDB that refuses logins: the real driver meets the refusals of a server over the wire.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ServiceError } from '../../src/contracts/errors.js';
import { SILENT } from '../../src/contracts/log.js';
import { openMongoStore } from '../../src/store/mongo/store.js';
import { mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';
import { MongoLogins } from '../support/mongo-logins.js';
import { freePort } from '../support/places.js';
import { Installation } from '../support/processes.js';
import { run } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import { temporaryHome } from '../support/service.js';
import { skipAloud } from '../support/skip.js';
import { sleep, waitFor } from '../support/waiting.js';
import { aNewJob } from './a-job.js';

const PASSWORD = 'hush-hush';
const SOON_MS = 60_000;

t.setTimeout(300_000);

async function aServer(t: Test) {
  const missing = mongoMissing();
  if (missing !== undefined) {
    skipAloud(t, 'MongoDB', missing);
    return undefined;
  }
  const server = await startMongo(t, { isOurs: true });
  t.comment(`against ${server.what}, with logins in front of it`);
  const database = temporaryDatabase(t, server.url);
  const logins = await MongoLogins.start(t, server.url);
  logins.passwords.set('god', PASSWORD);
  return { logins, database };
}

async function because(opening: Promise<{ close(): Promise<void> }>): Promise<unknown> {
  try {
    await (await opening).close();
    return 'opened';
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return error.facts.because;
  }
}

t.test('a wrong password, an unknown login, none at all', async (t) => {
  const stage = await aServer(t);
  if (stage === undefined) return;
  const { logins, database } = stage;
  const open = (url: string) => openMongoStore({ url, database, log: SILENT });
  t.equal(await because(open(logins.urlFor('god', 'wrong'))), 'login-refused');
  t.equal(await because(open(logins.urlFor('nobody', PASSWORD))), 'login-refused');
  t.equal(await because(open(logins.plainUrl)), 'not-allowed');
  t.equal(await because(open(logins.urlFor('god', PASSWORD))), 'opened');
});

t.test('a login that is taken back, and given again', async (t) => {
  const stage = await aServer(t);
  if (stage === undefined) return;
  const { logins, database } = stage;
  const store = await openMongoStore({
    url: logins.urlFor('god', PASSWORD),
    database,
    log: SILENT,
  });
  t.teardown(() => store.close());
  await store.submit([aNewJob()]);
  logins.passwords.set('god', 'another');
  logins.cut();
  const failure = await waitFor('it is refused', SOON_MS, () =>
    store.submit([aNewJob()]).then(
      () => undefined,
      (error: ServiceError) => (error.facts.because === 'login-refused' ? error : undefined),
    ),
  );
  t.match(failure, { code: 'store-unavailable', message: /Authentication failed/ });
  logins.passwords.set('god', PASSWORD);
  const [answer] = await waitFor('it is taken', SOON_MS, () =>
    store.submit([aNewJob()]).catch(() => undefined),
  );
  t.match(answer, { kind: 'stored' });
});

t.test(
  'a start with a wrong password ends at once and says why, but not the password',
  async (t) => {
    const stage = await aServer(t);
    if (stage === undefined) return;
    const { logins, database } = stage;
    const home = temporaryHome(t);
    const file = join(home, '..', 'mongo-url');
    writeFileSync(file, logins.urlFor('god', 'wrong-wrong'));
    const env = {
      ...process.env,
      ...{ GODOCKER_HOME: home, GODOCKER_PORT: '0', GODOCKER_MONGO_DATABASE: database },
      GODOCKER_MONGO_URL_FILE: file,
    };
    for (const command of ['web', 'scheduler', 'status']) {
      const before = logins.refused;
      const { code, stdout, stderr } = await run(
        process.execPath,
        [projectFile('dist/bin/godocker.js'), command],
        { cwd: join(home, '..'), env },
      );
      t.equal(code, 69, command);
      t.match(stdout + stderr, /Authentication failed/, command);
      t.notMatch(stdout + stderr, /wrong-wrong/, command);
      t.ok(logins.refused - before <= 2, `${logins.refused - before} tries: nothing to wait for`);
    }
  },
);

t.test('a web server that runs: 503 and not ready meanwhile, well again by itself', async (t) => {
  const stage = await aServer(t);
  if (stage === undefined) return;
  const { logins, database } = stage;
  const environment = {
    GODOCKER_MONGO_URL: logins.urlFor('god', PASSWORD),
    GODOCKER_MONGO_DATABASE: database,
  };
  const home = temporaryHome(t);
  const site = new Installation(t, { home, mesosPort: await freePort(), environment });
  const web = await site.web();
  const task = await web.client.document('#!/bin/sh\ntrue\n');
  const submit = () => web.client.call('POST', '/api/1.0/task', task);
  const readiness = async () => (await fetch(`${web.url}/readyz`)).text();
  t.notMatch(await readiness(), /store/);
  t.equal((await submit()).status, 200);
  logins.passwords.set('god', 'another');
  logins.cut();
  const refused = await waitFor('submissions are refused', SOON_MS, async () => {
    const answer = await submit();
    return answer.status === 503 && answer;
  });
  t.match(refused.headers['retry-after'], /^\d+$/);
  await waitFor('it is not ready, for that reason', SOON_MS, async () =>
    /store/.test(await readiness()),
  );
  t.equal((await fetch(`${web.url}/healthz`)).status, 200, 'it is no reason to be killed');
  const before = logins.refused;
  await sleep(3_000);
  t.ok(logins.refused - before < 100, `${logins.refused - before} tries in three seconds`);
  logins.passwords.set('god', PASSWORD);
  await waitFor('submissions are taken', SOON_MS, async () => (await submit()).status === 200);
});
