// Every command of the original GoDocker command line (godocker_CLI 1.0.25), godbatch included, unmodified, with what it prints.

import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeUser } from '../../src/api/accounts.js';
import { SILENT } from '../../src/contracts/log.js';
import { instant } from '../../src/core/units.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { cachedTool } from '../support/cache.js';
import { temporaryFolder } from '../support/places.js';
import { run } from '../support/programs.js';
import { type Service, startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';

/** Each command is a start of Python that asks three times before it begins; so many on a busy machine take their time. */
const ALL_MS_MAX = 170_000;
t.setTimeout(ALL_MS_MAX);

interface Cli {
  (program: string, ...args: readonly string[]): Promise<string>;
  readonly home: string;
  readonly service: Service;
  /** Submits a script; its number. */
  readonly create: (name: string, script: string, ...more: readonly string[]) => Promise<number>;
}

async function signedIn(t: Test, tool: string): Promise<Cli> {
  const service = await startService(t);
  const home = join(temporaryFolder(t, 'original-cli'), 'home');
  mkdirSync(home);
  // It keeps its login in the home directory and writes what it fetches into the working directory.
  const env = { ...process.env, HOME: home, LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8' };
  const call = async (program: string, ...args: readonly string[]): Promise<string> => {
    const done = await run(join(tool, 'venv/bin', program), args, { cwd: home, env });
    return done.stdout + done.stderr;
  };
  const { admin, url, client } = service;
  t.equal(await call('godlogin', '-a', admin.apikey, '-l', admin.user, '-s', url), '', 'silent');
  const image = await client.defaultImage();
  const create: Cli['create'] = async (name, script, ...more) => {
    const file = join(home, `${name}.sh`);
    writeFileSync(file, script);
    chmodSync(file, 0o755);
    const what = ['-n', name, '-i', image, '-s', file, ...more];
    const said = await call('godjob', 'create', ...what);
    t.match(said, /Task added\. Job id is \d+/, `created ${name}`);
    return Number(/Job id is (\d+)/.exec(said)?.[1]);
  };
  return Object.assign(call, { home, service, create });
}

/** What its tables say: their lines are drawn in another set of characters, between two switches. */
const words = (said: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what switches them
  said.replace(/\u001b\(0.*?\u001b\(B/gs, ' ').replace(/\s+/g, ' ');

async function jobs(t: Test, cli: Cli): Promise<void> {
  const { service, home } = cli;
  const { client } = service;
  const done = await cli.create('done', '#!/bin/sh\necho by-the-old-cli\nexit 3\n', '-t', 'old');
  const long = await cli.create('long', '#!/bin/sh\nsleep 300\n', '-t', 'going');
  await client.over(done);
  await client.until(long, ['running']);
  t.match(await cli('godjob', 'show', String(done)), /\bdone\b/);
  t.match(await cli('godjob', 'show', String(done), '-x'), 'jobs_infos.xml');
  t.match(readFileSync(join(home, 'jobs_infos.xml'), 'utf8'), /<primary_status>over</);
  t.match(words(await cli('godjob', 'list', 'over')), / done .*error/, 'its code is an error');
  t.match(await cli('godjob', 'list', 'over', '-x'), 'jobs_list.xml');
  t.match(words(await cli('godjob', 'list', 'active')), / long /);
  t.notMatch(words(await cli('godjob', 'list', 'active', 'no-such')), / long /, 'by expression');
  t.match(words(await cli('godjob', 'list', 'activeall')), / long /);
  t.match(words(await cli('godjob', 'list', 'overall')), / done /);
  t.match(words(await cli('godjob', 'search', 'going')), / long /);

  t.match(await cli('godfile', 'list', String(done)), 'god.log');
  t.match(await cli('godfile', 'download', String(done)), 'was downloaded');
  t.equal(readFileSync(join(home, `god_${done}.log`), 'utf8'), 'by-the-old-cli\n');
  t.match(await cli('godfile', 'download', String(done), 'none'), 'Not Found');

  t.match(await cli('godjob', 'suspend', String(long)), 'does not allow suspend action');
  t.match(await cli('godjob', 'resume', String(long)), 'is in running state');
  t.match(await cli('godjob', 'resume', String(done)), `Job ${done} is over`);
  t.match(
    await cli('godjob', 'update', '-i', String(long), '-r', 'maxlifespan', '-v', '200s'),
    /Task updated/,
  );
  t.match(await client.get(`/api/1.0/task/${long}`), { requirements: { maxlifespan: '200s' } });
  t.match(
    await cli('godjob', 'update', '-i', String(long), '-r', 'colour', '-v', 'red'),
    'Invalid query',
  );
  t.match(await cli('godssh', 'info', String(long)), 'Job is not in interactive mode');
  t.match(await cli('godssh', 'connect', String(long)), 'Job is not in interactive mode');

  t.match(await cli('godjob', 'killall', '-t', 'nothing'), 'Jobs filtered with tag: nothing');
  t.equal((await client.job(long)).status.secondary, null, 'no job has this tag');
  t.match(await cli('godjob', 'killall', '-t', 'going'), 'kill requested state');
  t.equal((await client.over(long)).status.exitcode, 137);
  t.match(await cli('godjob', 'kill', String(long)), 'is already over');
  const other = await cli.create('other', '#!/bin/sh\nsleep 300\n');
  t.match(await cli('godjob', 'kill', String(other)), 'has changed into kill requested');
  t.equal((await client.over(other)).status.exitcode, 137);
}

async function afterwards(t: Test, cli: Cli): Promise<void> {
  const { client } = cli.service;
  const [a, b] = [
    await cli.create('kept', '#!/bin/sh\ntrue\n', '-t', 'mine'),
    await cli.create('gone', '#!/bin/sh\ntrue\n', '-t', 'mine'),
  ];
  const array = await cli.create('array', '#!/bin/sh\ntrue\n', '-a', '1:3:1', '--parent', `${a}`);
  for (const id of [a, b, array]) await client.over(id);
  t.match(await cli('godjob', 'archive', '-i', String(a)), `Job ${a} archived.`);
  t.equal((await client.job(a)).status.primary, 'archived');
  await settled(cli, b);
  t.match(await cli('godjob', 'archive', '-i', String(b), '-p'), `Job ${b} archived.`);
  t.equal((await client.call('GET', `/api/1.0/task/${b}`)).status, 404, 'it is off the record');
  t.match(await cli('godjob', 'archive', '-d', '30'), 'Jobs will be archived');
  t.equal((await client.job(array)).status.primary, 'over', 'too young');
  t.match(await cli('godjob', 'archive', '-d', '0'), 'Jobs will be archived');
  t.equal((await client.job(array)).status.primary, 'archived');
  t.match(await cli('godjob', 'archive', '-d', '0', '-p', '-t', 'mine'), 'Jobs will be archived');
  t.equal((await client.call('GET', `/api/1.0/task/${a}`)).status, 404, 'purged by its tag');
  t.equal((await client.job(array)).status.primary, 'archived', 'another tag');
}

/** A purge comes after accounting, which watchers do within seconds. */
async function settled({ service: { client } }: Cli, id: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await client.call('GET', `/api/1.0/task/${id}/accounting`);
    if (JSON.parse(answer.text).length > 0) return;
    await new Promise((go) => setTimeout(go, 100));
  }
}

async function people(t: Test, cli: Cli): Promise<void> {
  const { admin, home, client } = cli.service;
  const store = await openEmbeddedStore({ path: join(home, 'store.db'), log: SILENT });
  const made = await makeUser(
    {
      ...{ login: 'ben', password: null, isAdmin: false },
      identity: { uid: 1002, gid: 1002, sgids: [], home: '/home/ben', email: 'ben@example.org' },
    },
    { randomBytes, now: instant(Date.now()) },
  );
  await store.putUser(made.record);
  await store.close();

  t.match(words(await cli('goduser', 'show')), new RegExp(` ${admin.user} .*True`));
  t.match(words(await cli('goduser', 'show', 'ben')), / ben /);
  t.match(await cli('goduser', 'show', '-x'), 'user_infos.xml');
  t.match(words(await cli('goduser', 'list')), / ben /);
  t.match(await cli('goduser', 'list', '-x'), 'users_result.xml');
  t.match(await cli('goduser', 'update', 'ben', '-c', '8', '-p', '70'), 'user ben was updated');
  t.match(await client.get('/api/1.0/user/ben'), { usage: { quota_cpu: 8, prio: 70 } });

  const create = ['create', '-n', 'dna', '-d', 'genomes', '-m', `${admin.user},ben`, '-p', '60'];
  t.match(await cli('godproject', ...create), 'project dna was created');
  t.match(words(await cli('godproject', 'show', 'dna')), / dna .*genomes/);
  t.match(words(await cli('godproject', 'list')), / dna genomes 60 /);
  t.match(await cli('godproject', 'list', '-x'), 'projects_result.xml');
  t.match(words(await cli('godproject', 'list', '-l', 'ben')), / dna /);
  t.match(words(await cli('godproject', 'listall')), / dna /);
  const update = ['update', 'dna', '-d', 'many', '-p', '40', '-c', '5'];
  t.match(await cli('godproject', ...update), 'project dna was updated');
  t.match(await client.get('/api/1.0/project/dna'), {
    description: 'many',
    prio: 40,
    quota_cpu: 5,
  });
  t.match(await cli('godproject', 'deletemember', 'dna', 'ben'), 'was updated');
  t.match(await cli('godproject', 'addmember', 'dna', 'ben'), 'was updated');
  t.match(await cli('godproject', 'addmember', 'dna', 'ben'), 'already in this project');
  t.match(await cli('godproject', 'quota_reset', 'dna'), 'quota reset done');
  const volume = ['volume', 'dna', '--add', '-n', 'data', '-p', '/data'];
  t.match(await cli('godproject', ...volume), /Invalid query.*projects have no volumes/);
  t.match(await cli('godproject', 'delete', 'dna'), 'Project dna has been deleted');
  t.match(words(await cli('godimage', 'list')), /url/i);
  t.match(await cli('godimage', 'list', '-x'), 'images_result.xml');
  t.match(await cli('goduser', 'remove', 'ben'), 'Option force is missing');
  t.match(await cli('goduser', 'remove', 'ben', '-f'), 'user ben removal requested');
  t.equal((await client.call('GET', '/api/1.0/user/ben')).status, 404);
}

async function batches(t: Test, cli: Cli): Promise<void> {
  const { client } = cli.service;
  const image = await client.defaultImage();
  const script = join(cli.home, 'batch.sh');
  writeFileSync(script, '#!/bin/sh\necho batch\n');
  const add = (name: string, list: string) =>
    cli('godbatch', 'add', '--batch', list, '-n', name, '-i', image, '-s', script);
  for (const name of ['one', 'two', 'three']) t.equal(await add(name, 'first'), '');
  await add('never', 'second');
  t.match(words(await cli('godbatch', 'show')), /first one: 0 -1 .*second never: 0 -1 /);
  t.match(await cli('godbatch', 'cancel', '--batch', 'second'), 'cancelled');
  t.match(await cli('godbatch', 'play', '--batch', 'first', '--parallel', '2'), 'Completed!');
  const shown = words(await cli('godbatch', 'show'));
  t.match(shown, /second never: 3 -1/, 'cancelled');
  const ids = [...shown.matchAll(/first (?:one|two|three): 1 (\d+)/g)].map(([, id]) => Number(id));
  t.equal(ids.length, 3, 'each was sent and has its number');
  for (const id of ids) {
    t.match((await client.over(id)).status, { exitcode: 0 });
    t.match(await client.get(`/api/1.0/task/${id}`), { meta: { tags: ['batch:first'] } });
  }
  await cli('godbatch', 'clean');
  t.notMatch(words(await cli('godbatch', 'show')), 'first');
  t.ok(existsSync(join(cli.home, 'godbatch.db')));
}

t.test('every command of the original command line', { timeout: ALL_MS_MAX }, async (t) => {
  const tool = cachedTool('original-cli', 'test/clients/original-cli/requirements.txt');
  if (tool === undefined)
    return skipAloud(t, 'original-cli', 'not made; npm run test:setup makes it (Python 2.7)');
  const cli = await signedIn(t, tool);
  await t.test('godjob, godfile, godssh', (t) => jobs(t, cli));
  await t.test('godjob archive, arrays, parents', (t) => afterwards(t, cli));
  await t.test('goduser, godproject, godimage', (t) => people(t, cli));
  await t.test('godbatch', (t) => batches(t, cli));
  return undefined;
});
