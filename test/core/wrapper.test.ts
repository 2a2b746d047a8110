/** The wrapper around the user's script, run by the machine's own shell. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { wrapperScript } from '../../src/core/wrapper.js';

/** What OMP_NUM_THREADS is in the user's script. */
function threads(cpuMilli: number, { image, line = '' }: { image?: string; line?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'godocker-wrapper-'));
  const environment = { PATH: process.env.PATH, GODOCKER_PWD: folder };
  const told = image === undefined ? {} : { OMP_NUM_THREADS: image };
  try {
    writeFileSync(join(folder, 'cmd.sh'), `#!/bin/sh\n${line}\necho "$OMP_NUM_THREADS"\n`);
    chmodSync(join(folder, 'cmd.sh'), 0o755);
    const { status } = spawnSync('/bin/sh', ['-c', wrapperScript(1, cpuMilli)], {
      env: { ...environment, ...told },
    });
    return `${status} ${readFileSync(join(folder, 'god.log'), 'utf8').trim()}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

t.test('threads: as many as whole cpus, at least one', async (t) => {
  t.equal(threads(4_000), '0 4');
  t.equal(threads(2_900), '0 2');
  t.equal(threads(100), '0 1');
});

t.test('threads: what the image or the script says wins', async (t) => {
  t.equal(threads(4_000, { image: '7' }), '0 7');
  t.equal(threads(4_000, { image: '7', line: 'OMP_NUM_THREADS=3' }), '0 3');
});
