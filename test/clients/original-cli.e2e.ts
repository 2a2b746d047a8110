// The original GoDocker command line (godocker_CLI 1.0.25), unmodified, against our REST API.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { cachedTool } from '../support/cache.js';
import { temporaryFolder } from '../support/places.js';
import { run } from '../support/programs.js';
import { startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';

t.test(
  'the original command line signs in, submits, shows, lists, fetches and kills',
  async (t) => {
    const tool = cachedTool('original-cli', 'test/clients/original-cli/requirements.txt');
    if (tool === undefined)
      return skipAloud(t, 'original-cli', 'not made; npm run test:setup makes it (Python 2.7)');
    const { client, url, admin } = await startService(t);
    const home = join(temporaryFolder(t, 'original-cli'), 'home');
    mkdirSync(home);
    // It keeps its login in the home directory and writes what it fetches into the working directory.
    const env = { ...process.env, HOME: home, LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8' };
    const original = async (program: string, ...args: readonly string[]): Promise<string> => {
      const done = await run(join(tool, 'venv/bin', program), args, { cwd: home, env });
      return done.stdout + done.stderr;
    };

    await original('godlogin', '-a', admin.apikey, '-l', admin.user, '-s', url);
    const image = await client.defaultImage();
    const create = async (name: string, script: string): Promise<number> => {
      const file = join(home, `${name}.sh`);
      writeFileSync(file, script);
      chmodSync(file, 0o755);
      const what = ['-n', name, '-i', image, '--external_image', '-s', file, '-c', '1', '-r', '1'];
      const said = await original('godjob', 'create', ...what);
      t.match(said, /Task added\. Job id is \d+/, 'scripts of users look for these words');
      return Number(/Job id is (\d+)/.exec(said)?.[1]);
    };

    const id = await create('from-before', '#!/bin/sh\necho said-by-the-old-cli\nexit 3\n');
    await client.over(id);
    t.match(await original('godjob', 'show', String(id)), 'from-before', 'godjob show');
    t.match(
      await original('godjob', 'list', 'over'),
      new RegExp(`\\b${id}\\b`),
      'godjob list over',
    );
    t.match(await original('godfile', 'list', String(id)), 'god.log', 'godfile list');
    await original('godfile', 'download', String(id));
    const fetched = join(home, `god_${id}.log`);
    t.ok(existsSync(fetched), 'godfile download makes its file');
    t.equal(readFileSync(fetched, 'utf8'), 'said-by-the-old-cli\n');

    const long = await create('long', '#!/bin/sh\nsleep 300\n');
    await client.until(long, ['running']);
    t.match(await original('godjob', 'list', 'active'), new RegExp(`\\b${long}\\b`), 'godjob list');
    await original('godjob', 'kill', String(long));
    const killed = await client.over(long);
    t.equal(killed.status.exitcode, 137, 'killed jobs have the code the old command line knows');
  },
);
