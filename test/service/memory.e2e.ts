// A job that runs out of memory is launched again with more: a real Docker daemon ends it, the whole service grants it.
import { existsSync } from 'node:fs';
import t from 'tap';
import { dockerFor } from '../support/docker.js';
import { busyboxImage } from '../support/images.js';
import type { JobDocument } from '../support/rest.js';
import { startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';

const STEP_MS_MAX = 120_000;
/** One line of 100 MB, which `tail` holds in memory: too much for 64 MB, and for 96. */
const SCRIPT = `#!/bin/sh
echo "$GODOCKER_MEMORY_MB"
head -c 100000000 /dev/zero | tail -n 1 | wc -c
`;

interface Told {
  readonly launches: number;
  readonly former_launches?: readonly {
    readonly exitcode: number | null;
    readonly reason: string | null;
    readonly ram: number | null;
  }[];
}
const told = (job: JobDocument) => job.status as JobDocument['status'] & Told;

t.test('memory grows after a real out-of-memory end', { timeout: 400_000 }, async (t) => {
  t.setTimeout(400_000);
  if (!existsSync('/bin/busybox')) return skipAloud(t, 'busybox', 'no busybox to make an image of');
  const docker = await dockerFor(t);
  if (docker === undefined) return;
  const image = await busyboxImage(docker);
  const { client } = await startService(t, {
    containerizer: 'docker',
    env: { ...docker.env, GODOCKER_LOCAL_MEM_MB: '1000', GODOCKER_ALLOW_USER_IMAGES: 'true' },
  });
  const submit = async (script: string, retry: readonly object[]) => {
    const document = await client.document(script, { image, ram: 0.064 });
    const requirements = { ...(document.requirements as object), retry };
    const { id } = (await client.post('/api/1.0/task', { ...document, requirements })) as {
      readonly id: number;
    };
    return id;
  };

  await t.test('it gets there', async (t) => {
    const id = await submit(SCRIPT, [{ out_of_memory: true, times: 4, memory_factor: 2 }]);
    const job = await client.over(id, STEP_MS_MAX);
    const { former_launches: former = [], launches } = told(job);
    t.equal(job.status.exitcode, 0, JSON.stringify(job.status));
    t.ok(former.length >= 1, `${launches} launches`);
    for (const [n, one] of former.entries())
      t.match(one, { exitcode: 137, reason: /more memory than it asked for/, ram: 0.064 * 2 ** n });
    const log = await client.file(id, 'god.log');
    t.equal(log, `${64 * 2 ** former.length}\n100000000\n`, 'the last one saw its memory');
    t.match(await client.file(id, 'god.log-1'), /^64\n/, 'what the first wrote is kept');
  });

  await t.test('it never gets there: as far as the machine goes, then its own code', async (t) => {
    const id = await submit('#!/bin/sh\nexec tail /dev/zero\n', [
      { out_of_memory: true, times: 9, memory_factor: 8 },
    ]);
    const job = await client.over(id, STEP_MS_MAX);
    t.equal(job.status.exitcode, 137);
    t.match(
      job.status.reason,
      /more memory .*\(launched 3 times, the last with 1 GB of memory\)/,
      '64 MB, 512 MB, and all that the agent has',
    );
  });
});
