// A backup of the record is restored while tasks run: jobs that it believes to wait take their tasks back.
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { judge } from './judge.js';
import { type Ended, Site } from './site.js';

const FILES = ['store.db', 'store.db-wal', 'store.db-shm'];
const ROUNDS = 3;
const JOBS_EACH = 4;

/** Copies the record; nobody has it open. */
function copyRecord(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of FILES) {
    rmSync(join(to, name), { force: true });
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
  }
}

/** A script that runs until the file is there, and ends with that code. */
const until = (file: string, code: number): string =>
  `#!/bin/sh\nwhile [ ! -e ${file} ]; do sleep 0.1; done\nexit ${code}\n`;

/** Not of the list: `orphans: adopt`. */
export async function restoredBackup(t: Test): Promise<void> {
  const site = await Site.start(t, 'backup', { environment: { GODOCKER_ORPHANS: 'adopt' } });
  const backup = join(site.home, '..', 'backup');
  const ended: Ended[number][] = [];
  for (let n = 0; n < ROUNDS; n++) {
    await site.killScheduler();
    // They end when they are told, however long the restarts take.
    const end = join(site.home, '..', `end-${n}`);
    const ids = await site.submit(JOBS_EACH, until(end, n));
    await site.web.process.stop();
    copyRecord(site.home, backup);
    await site.startWeb();
    await site.addScheduler();
    await site.all(ids, ['running']);
    await site.killScheduler();
    await site.web.process.stop();
    copyRecord(backup, site.home);
    await site.startWeb();
    const [first = 0] = ids;
    t.equal((await site.client.job(first)).status.primary, 'pending', 'the backup knows no launch');
    await site.addScheduler();
    await site.all(ids, ['running']);
    writeFileSync(end, '');
    ended.push(...(await site.over(ids, n)));
  }
  judge(t, {
    ...{ fault: 'B1 restored backup', tried: ROUNDS, file: site.launchLog, jobs: ended },
    note: 'each launched once, though its record had forgotten it',
  });
}
