// kill -9 of the whole service while jobs run and others wait: every job ends exactly once, none runs twice.
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../support/places.js';
import type { JobDocument, RestClient } from '../support/rest.js';
import { type Service, startService } from '../support/service.js';
import { sleep, waitFor } from '../support/waiting.js';

const RUNNING = 50;
const WAITING = 200;
const ROUNDS = 3;
const CPUS = { GODOCKER_LOCAL_CPUS: '64', GODOCKER_LOCAL_MEM_MB: '64000' };

/** Leaves one line for each time it really runs, so that a second run cannot hide. */
const script = (folder: string, seconds: number, code: number): string =>
  `#!/bin/sh\necho "$GODOCKER_JID $$" >> ${folder}/ran.$GODOCKER_JID\nsleep ${seconds}\necho end-$GODOCKER_JID\nexit ${code}\n`;

t.setTimeout(400_000);

for (let round = 1; round <= ROUNDS; round++) {
  t.test(`kill -9 with ${RUNNING} running and ${WAITING} waiting, round ${round}`, async (t) => {
    const marks = temporaryFolder(t, 'marks');
    chmodSync(marks, 0o777);
    const first = await startService(t, { env: CPUS });
    const long = await submit(first.client, RUNNING, 1.28, (n) => script(marks, 5, n % 7));
    await waitFor('all of them run', 60_000, () => readdirSync(marks).length === RUNNING);
    // Half a node each: while the long ones run none of these fits.
    const short = await submit(first.client, WAITING, 16, (n) => script(marks, 0.01, n % 5));
    await first.kill9();
    // Some of them end while nobody watches.
    await sleep(round * 1_500);

    const second = await startService(t, { home: first.home, env: CPUS });
    const jobs = await over(second, [...long, ...short]);
    for (const [index, id] of long.entries()) t.equal(exitOf(jobs, id), index % 7, `job ${id}`);
    for (const [index, id] of short.entries()) t.equal(exitOf(jobs, id), index % 5, `job ${id}`);
    t.same(ranTwice(marks), [], 'no job ran twice');
    t.equal(readdirSync(marks).length, RUNNING + WAITING, 'every job ran');
    await second.stop();
  });
}

async function submit(
  client: RestClient,
  count: number,
  cpu: number,
  scriptOf: (n: number) => string,
): Promise<number[]> {
  const ids: number[] = [];
  for (let n = 0; n < count; n++)
    ids.push(await client.submit(scriptOf(n), { cpu, ram: 0.05, name: `crash-${n}` }));
  return ids;
}

async function over(
  { client }: Service,
  ids: readonly number[],
): Promise<ReadonlyMap<number, JobDocument>> {
  const jobs = await client.allOver(ids, 120_000);
  return new Map(jobs.map((job) => [job.id, job]));
}

const exitOf = (jobs: ReadonlyMap<number, JobDocument>, id: number): number | null | undefined =>
  jobs.get(id)?.status.exitcode;

function ranTwice(marks: string): string[] {
  return readdirSync(marks).filter(
    (name) => readFileSync(join(marks, name), 'utf8').trim().split('\n').length !== 1,
  );
}
