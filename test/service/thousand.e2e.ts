// 1,000 jobs of `true`, submitted at once. The time is told, not judged: other work may run on this machine.
import t from 'tap';
import { startService } from '../support/service.js';

const JOBS = 1_000;
const CONNECTIONS = 8;

t.setTimeout(300_000);

t.test(`${JOBS} jobs of true are all over, each with code 0`, async (t) => {
  const { client } = await startService(t, {
    env: { GODOCKER_LOCAL_CPUS: '64', GODOCKER_LOCAL_MEM_MB: '64000' },
  });
  const document = await client.document('#!/bin/sh\ntrue\n', { name: 'thousand' });
  const startedAt = performance.now();
  const ids: number[] = [];
  let asked = 0;
  const connection = async () => {
    while (asked < JOBS) {
      asked += 1;
      ids.push(((await client.post('/api/1.0/task', document)) as { readonly id: number }).id);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  const submittedMs = performance.now() - startedAt;
  // The youngest first: until it is over nothing else is asked, since questions take time from the answers.
  const jobs = await client.allOver(
    [...ids].sort((a, b) => b - a),
    240_000,
  );
  const overAt = Math.max(...jobs.map(({ status }) => status.date_over ?? Number.NaN));
  const tookMs = overAt * 1_000 - (performance.timeOrigin + startedAt);
  t.comment(`submitted in ${submittedMs.toFixed(0)} ms, all over after ${tookMs.toFixed(0)} ms`);
  t.equal(new Set(ids).size, JOBS, 'each has its own id');
  t.same(
    jobs.filter(({ status }) => status.exitcode !== 0).map(({ id, status }) => ({ id, status })),
    [],
  );
  t.ok(Number.isFinite(tookMs), 'each knows when it ended');
});
