// schemathesis reads the description of a running service and asks it everything it can think of, as a plain user and as
// an administrator. SEED=n plays another run.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeUser } from '../../src/api/accounts.js';
import { SILENT } from '../../src/contracts/log.js';
import { instant } from '../../src/core/units.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { cachedTool } from '../support/cache.js';
import { temporaryFolder } from '../support/places.js';
import { run } from '../support/programs.js';
import { RestClient } from '../support/rest.js';
import { type Service, startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';

/** Of one run: it does not begin another test afterwards. */
const SECONDS = 20;
const RUN_MS_MAX = 240_000;
const SEED = process.env.SEED ?? '43';

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'unsupported_method',
  'allow_header_conformance',
  'ignored_auth',
];

/** Strict where we are: a path, a query, a header. In bodies old clients may send what means nothing. */
const OF_READING = [...CHECKS, 'negative_data_rejection'];

/** A plain user with a job that is over and one that waits, signed in. */
async function plainUser({ home, url }: Service): Promise<RestClient> {
  const store = await openEmbeddedStore({ path: join(home, 'store.db'), log: SILENT });
  const identity = { uid: 65_534, gid: 65_534, sgids: [], home: '/nonexistent', email: null };
  const { record, key } = await makeUser(
    { login: 'plain', password: null, identity, isAdmin: false },
    { randomBytes, now: instant(Date.now()) },
  );
  await store.putUser(record);
  await store.close();
  return RestClient.signIn(url, { user: 'plain', apikey: key });
}

interface Asking {
  readonly tool: string;
  readonly url: string;
  readonly authorization: string;
  readonly folder: string;
}

/** What it found, in its words; the number of its cases. */
async function ask(
  { tool, url, authorization, folder }: Asking,
  checks: readonly string[],
  more: readonly string[] = [],
) {
  const done = await run(
    join(tool, 'venv/bin/st'),
    [
      ...['run', `${url}/api/1.0/openapi.json`, '--header', `Authorization: ${authorization}`],
      ...['--checks', checks.join(','), '--seed', SEED, '--max-time', String(SECONDS)],
      ...['--phases', 'examples,coverage,fuzzing', '--max-examples', '50', '--no-color'],
      // Answers that go on have no end that it could wait for.
      ...['--exclude-path-regex', '/(events|log)$'],
      ...['--continue-on-failure', '--warnings', 'off', ...more],
    ],
    { cwd: folder, limitMs: RUN_MS_MAX },
  );
  const cases = Number(/(\d+) generated/.exec(done.stdout)?.[1] ?? 0);
  return { ...done, cases };
}

async function finds(
  t: Test,
  who: string,
  asking: Asking,
  ...what: Parameters<typeof ask> extends [Asking, ...infer Rest] ? Rest : never
): Promise<void> {
  const { code, stdout, stderr, cases } = await ask(asking, ...what);
  t.comment(`${who}: ${cases} cases, seed ${SEED}`);
  t.ok(cases > 50, `${who}: cases were made`);
  if (code !== 0) t.comment(`${stdout.slice(-6_000)}${stderr.slice(-1_000)}`);
  t.equal(code, 0, `${who} finds nothing`);
}

t.test('schemathesis finds no server error and nothing that is not described', async (t) => {
  const tool = cachedTool('schemathesis', 'test/clients/schemathesis/requirements.txt');
  if (tool === undefined)
    return skipAloud(t, 'schemathesis', 'not made; npm run test:setup makes it (Python 3.10)');
  const service = await startService(t);
  const { url, client } = service;
  const folder = temporaryFolder(t, 'schemathesis');
  const plain = await plainUser(service);
  await plain.over(await plain.submit('#!/bin/sh\necho hello\n'));
  await plain.submit('#!/bin/sh\nsleep 600\n');
  const asPlain = { tool, url, folder, authorization: plain.authorization };
  await finds(t, 'a plain user', asPlain, CHECKS);
  await finds(t, 'a plain user who reads', asPlain, OF_READING, ['--include-method', 'GET']);
  await finds(t, 'an administrator', { ...asPlain, authorization: client.authorization }, CHECKS);
  const { status } = await client.call('GET', '/readyz');
  t.equal(status, 200, 'the service is as well as before');
});
