// F18: the wall clock of every process jumps by an hour, there and back, while jobs run and wait.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { temporaryFolder } from '../support/places.js';
import { skipAloud } from '../support/skip.js';
import { sleep } from '../support/waiting.js';
import { judge } from './judge.js';
import { type Ended, lasting, Site } from './site.js';

const LIBRARIES = '/usr/lib';
const HOUR_S = 3_600;

/** Debian's libfaketime, which stands between a program and the clock. */
function libfaketime(): string | undefined {
  if (!existsSync(LIBRARIES)) return undefined;
  return readdirSync(LIBRARIES)
    .map((folder) => join(LIBRARIES, folder, 'faketime/libfaketime.so.1'))
    .find((file) => existsSync(file));
}

export async function clockJumps(t: Test): Promise<void> {
  const library = libfaketime();
  if (library === undefined) {
    skipAloud(t, 'libfaketime', 'not installed; npm run test:setup installs it');
    return;
  }
  const offset = join(temporaryFolder(t, 'clock'), 'offset');
  const jumpTo = (seconds: number) =>
    writeFileSync(offset, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  jumpTo(0);
  const site = await Site.start(t, 'f18', {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
      // A kernel's monotonic clock does not jump.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  });
  const ended: Ended[number][] = [];
  const jumps = [HOUR_S, -HOUR_S, 0, -24 * HOUR_S, 24 * HOUR_S, 0];
  for (const [n, seconds] of jumps.entries()) {
    const running = await site.submit(2, lasting(3, n));
    const waiting = await site.submit(2, lasting(0.2, n), 16);
    await site.all(running, ['running']);
    jumpTo(seconds);
    await sleep(1_500);
    t.ok((await (await site.leader()).status()).isLeading, 'the leader goes on leading');
    const after = await site.submit(1, lasting(0.1, n));
    ended.push(...(await site.over([...running, ...waiting, ...after], n)));
    await site.ready();
  }
  judge(t, {
    ...{ fault: 'F18 clock jumps', tried: jumps.length, file: site.launchLog, jobs: ended },
    note: 'an hour and a day, both ways',
  });
}
