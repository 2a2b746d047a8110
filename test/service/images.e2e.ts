// Images through the whole service with a real Docker daemon and a registry that refuses, dawdles and moves its tags.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Docker, dockerFor } from '../support/docker.js';
import { temporaryFolder } from '../support/places.js';
import { BROKEN, RATE_LIMIT, startRegistry } from '../support/registry.js';
import type { JobDocument, RestClient } from '../support/rest.js';
import { type Service, startService } from '../support/service.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';

const BUSYBOX = '/bin/busybox';
const STEP_MS_MAX = 60_000;

interface Failure {
  readonly reason: string;
  readonly count: number;
}
const failureOf = (job: JobDocument) =>
  (job.status as JobDocument['status'] & { readonly failure?: Failure }).failure;
const wordOf = (job: JobDocument) =>
  (job.container as JobDocument['container'] & { readonly status?: string }).status;

/** Waits until the job's reason says something. */
const untilReason = (client: RestClient, id: number, words: RegExp) =>
  waitFor(`job ${id} says ${words}`, STEP_MS_MAX, async () => {
    const job = await client.job(id);
    return words.test(job.status.reason ?? '') && job;
  });

async function serve(
  t: Test,
  docker: Docker,
  lines: readonly string[],
): Promise<Service['client']> {
  const file = join(temporaryFolder(t, 'config'), 'godocker.yaml');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const { client } = await startService(t, {
    containerizer: 'docker',
    env: docker.env,
    args: ['--config', file],
  });
  return client;
}

t.test('images, with Docker and a registry', { timeout: 300_000 }, async (t) => {
  if (!existsSync(BUSYBOX)) return skipAloud(t, 'busybox', 'no busybox to make an image of');
  const docker = await dockerFor(t);
  if (docker === undefined) return;
  const registry = await startRegistry(t, BUSYBOX);
  t.setTimeout(300_000);
  const digest = registry.put('fixed:1', ['VERSION=1']);
  const client = await serve(t, docker, [
    'allow_user_images: true',
    'default_images:',
    `  - { name: moving, url: '${registry.host}/moving:latest', pull: always }`,
    `  - { name: fixed, url: '${digest}', pull: always }`,
  ]);
  const submit = (image: string, script = 'echo "$VERSION"') =>
    client.submit(`#!/bin/sh\n${script}\n`, { image });
  const logOf = async (t: Test, id: number) => {
    const { status } = await client.over(id, STEP_MS_MAX);
    t.equal(status.exitcode, 0, status.reason ?? 'it ends well');
    return (await client.file(id, 'god.log')).trim();
  };

  await t.test(
    'a rate limit is not the job’s fault: it runs when the registry serves',
    async (t) => {
      registry.put('limited:1');
      registry.refusal = RATE_LIMIT;
      const id = await submit(`${registry.host}/limited:1`, 'true');
      const paused = await untilReason(client, id, /^Launched again in \d+ s\. .*pull rate limit/);
      t.equal(paused.status.primary, 'pending');
      t.match(failureOf(paused), { count: 1, reason: /its registry refused for now/ });
      registry.refusal = null;
      const over = await client.over(id, STEP_MS_MAX);
      t.equal(over.status.exitcode, 0);
      t.match(failureOf(over), { count: 1 }, 'its history tells');
    },
  );

  await t.test('a broken registry is waited for; a kill ends the wait', async (t) => {
    registry.put('broken:1');
    registry.refusal = BROKEN;
    const id = await submit(`${registry.host}/broken:1`);
    await untilReason(client, id, /^Launched again in .*500/);
    await client.kill(id);
    t.match((await client.over(id, STEP_MS_MAX)).status, { secondary: 'killed', exitcode: 137 });
    registry.refusal = null;
  });

  await t.test('an image that is not there is the job’s fault', async (t) => {
    const { status } = await client.over(await submit(`${registry.host}/none:1`), STEP_MS_MAX);
    t.match(status, { exitcode: 1, reason: /^There is no such image.*manifest unknown/s });
    t.notOk('failure' in status, 'nobody tried again');
  });

  await t.test('the pull is seen, with its age, and is no part of the run', async (t) => {
    registry.put('slow:1');
    const release = registry.hold();
    t.teardown(release);
    const id = await submit(`${registry.host}/slow:1`, 'true');
    const seen = await untilReason(client, id, /^Pulling the image .*\/slow:1.* for [1-9]\d* s$/);
    t.equal(wordOf(seen), 'initializing');
    t.notOk('date_running' in seen.status);
    const releasedAt = Date.now() / 1000;
    release();
    const { status } = await client.over(id, STEP_MS_MAX);
    t.equal(status.exitcode, 0);
    t.ok((status.date_running ?? 0) >= releasedAt, 'it runs from when its container runs');
  });

  await t.test('a kill does not wait for the end of a pull', async (t) => {
    registry.put('endless:1');
    const release = registry.hold();
    t.teardown(release);
    const id = await submit(`${registry.host}/endless:1`);
    await untilReason(client, id, /^Pulling the image/);
    await waitFor('the daemon pulls', STEP_MS_MAX, () => registry.asked.includes('endless:1'));
    await client.kill(id);
    const { status } = await client.over(id, STEP_MS_MAX);
    t.match(status, { secondary: 'killed' });
    t.notOk('date_running' in status, 'it never ran');
  });

  await t.test('pull: always takes what the tag names now; missing what is there', async (t) => {
    for (const name of ['moving:latest', 'staying:latest']) registry.put(name, ['VERSION=1']);
    const [moving, staying] = [`${registry.host}/moving:latest`, `${registry.host}/staying:latest`];
    t.equal(await logOf(t, await submit(moving)), '1');
    t.equal(await logOf(t, await submit(staying)), '1');
    for (const name of ['moving:latest', 'staying:latest']) registry.put(name, ['VERSION=2']);
    t.equal(await logOf(t, await submit(moving)), '2', 'always');
    t.equal(await logOf(t, await submit(staying)), '1', 'missing');
  });

  await t.test('a digest is never pulled twice, whatever the catalogue says', async (t) => {
    t.equal(await logOf(t, await submit(digest)), '1');
    const before = registry.asked.length;
    t.equal(await logOf(t, await submit(digest)), '1');
    t.same(registry.asked.slice(before), []);
  });
});

/** What a container may use, out of either version of control groups. */
const LIMITS = `
cd /sys/fs/cgroup
if [ -e cgroup.controllers ]; then
  read -r quota period < cpu.max; read -r memory < memory.max; read -r swap < memory.swap.max
  [ "$quota" = max ] && quota=-1
else
  read -r quota < cpu/cpu.cfs_quota_us; read -r period < cpu/cpu.cfs_period_us
  read -r memory < memory/memory.limit_in_bytes
  swap=unknown
  [ -e memory/memory.memsw.limit_in_bytes ] &&
    read -r both < memory/memory.memsw.limit_in_bytes && swap=$((both - memory))
fi
echo "quota $quota/$period memory $memory swap $swap"
echo "cpus $GODOCKER_CPUS memory $GODOCKER_MEMORY_MB gpus $GODOCKER_GPUS threads $OMP_NUM_THREADS"
`;

t.test('what a job in a container gets', { timeout: 300_000 }, async (t) => {
  if (!existsSync(BUSYBOX)) return skipAloud(t, 'busybox', 'no busybox to make an image of');
  const docker = await dockerFor(t);
  if (docker === undefined) return;
  const registry = await startRegistry(t, BUSYBOX);
  registry.put('usual:1');
  registry.put('threads:1', ['OMP_NUM_THREADS=9']);
  t.setTimeout(300_000);

  for (const [word, quota] of [
    ['share', '-1'],
    ['cap', '250000'],
  ] as const)
    await t.test(`cpu_limit: ${word}`, async (t) => {
      const client = await serve(t, docker, ['allow_user_images: true', `cpu_limit: ${word}`]);
      const run = async (image: string, script: string) => {
        const request = { image: `${registry.host}/${image}`, cpu: 2.5, ram: 0.1 };
        return client.over(await client.submit(`#!/bin/sh\n${script}\n`, request), STEP_MS_MAX);
      };
      const seen = await run('usual:1', LIMITS);
      t.equal(seen.status.exitcode, 0, await client.file(seen.id, 'god.err'));
      const [limits = '', told = ''] = (await client.file(seen.id, 'god.log')).split('\n');
      t.comment(limits);
      t.match(limits, `quota ${quota}/100000 memory ${100 * 2 ** 20} swap `);
      t.match(limits, /swap (0|unknown)$/, 'no swap, as far as the kernel counts it');
      t.equal(told, 'cpus 2.5 memory 100 gpus 0 threads 2');

      const own = await run('threads:1', 'echo "$OMP_NUM_THREADS"');
      t.equal((await client.file(own.id, 'god.log')).trim(), '9', 'the image says otherwise');

      const fat = await run('usual:1', 'tail /dev/zero');
      t.match(fat.status, { exitcode: 137, reason: /more memory than it asked for/ });
      const killed = await run('usual:1', 'kill -9 $$');
      t.match(killed.status, { exitcode: 137 });
      t.notMatch(killed.status.reason ?? '', /more memory than it asked for/);
    });
});
