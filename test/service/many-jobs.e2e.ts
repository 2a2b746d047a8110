// 500 jobs over REST from 8 connections: each ends once, with its own exit code and its own log.
import t from 'tap';
import { startService } from '../support/service.js';

const JOBS = 500;
const CONNECTIONS = 8;

t.setTimeout(300_000);

t.test(
  `${JOBS} jobs from ${CONNECTIONS} connections keep their codes and logs apart`,
  async (t) => {
    const { client } = await startService(t, {
      env: { GODOCKER_LOCAL_CPUS: '64', GODOCKER_LOCAL_MEM_MB: '64000' },
    });
    const ids = new Map<number, number>();
    const submitted = inTurn(JOBS, async (n) => {
      const code = n % 256;
      const script = `#!/bin/sh\necho "job ${n} is $GODOCKER_JID"\necho "trouble ${n}" >&2\nexit ${code}\n`;
      ids.set(n, await client.submit(script, { name: `many-${n}` }));
    });
    await Promise.all(Array.from({ length: CONNECTIONS }, () => submitted()));
    t.equal(new Set(ids.values()).size, JOBS, 'each has its own id');

    const wrong: string[] = [];
    const checked = inTurn(JOBS, async (n) => {
      const id = ids.get(n) ?? Number.NaN;
      const job = await client.over(id, 180_000);
      if (job.status.exitcode !== n % 256) wrong.push(`${id}: code ${job.status.exitcode}`);
      if (job.meta.name !== `many-${n}`) wrong.push(`${id}: name ${job.meta.name}`);
      const log = await client.file(id, 'god.log');
      if (log !== `job ${n} is ${id}\n`) wrong.push(`${id}: log ${log}`);
      const errors = await client.file(id, 'god.err');
      if (errors !== `trouble ${n}\n`) wrong.push(`${id}: errors ${errors}`);
    });
    await Promise.all(Array.from({ length: CONNECTIONS }, () => checked()));
    t.same(wrong, []);
  },
);

/** A worker: several of them share the numbers from 0 to `count` - 1. */
function inTurn(count: number, act: (n: number) => Promise<void>): () => Promise<void> {
  let next = 0;
  return async () => {
    while (next < count) await act(next++);
  };
}
