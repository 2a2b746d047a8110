// A real process that is stopped in the middle of a transaction, and another that has to write.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import type { Log } from '../../src/contracts/log.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { projectFile } from '../support/project.js';

/** Writes half a transaction and then sleeps on it. */
const SLEEPER = `
  import { Database } from ${JSON.stringify(projectFile('dist/src/store/embedded/sqlite.js'))};
  const database = Database.open(process.argv[1], { create: false, busyTimeoutMs: 1000 });
  database.write(() => {
    database.exec("INSERT INTO settings VALUES ('half', 'done')");
    process.stdout.write('held');
    process.kill(process.pid, 'SIGSTOP');
  });`;

t.test('a process stopped inside a transaction does not stop the others', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const told: string[] = [];
  const log: Log = {
    debug() {},
    info() {},
    warn: (message) => void told.push(message),
    error: (message) => void told.push(message),
    with: () => log,
  };
  const store = await openEmbeddedStore({ path, log });
  t.teardown(() => store.close());
  await store.putSetting('before', 'yes');
  const sleeper = spawn(process.execPath, ['--input-type=module', '-e', SLEEPER, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => sleeper.kill('SIGKILL'));
  const ended = once(sleeper, 'exit');
  await once(sleeper.stdout, 'data');
  await store.putSetting('after', 'yes');
  t.same(await ended, [null, 'SIGKILL'], 'it was ended');
  t.match(told, [/stopped while it held the write lock/], 'and that is said');
  t.equal(await store.setting('half'), undefined, 'nothing of its transaction is left');
  t.equal(await store.setting('after'), 'yes');
});
