// Jobs that wait for others, with real processes, the real command line and kill -9 of the whole service in between.
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { temporaryFolder } from '../support/places.js';
import { run } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import type { RestClient } from '../support/rest.js';
import { type Service, startService } from '../support/service.js';
import { waitFor } from '../support/waiting.js';

const ENV = { GODOCKER_LOCAL_CPUS: '32', GODOCKER_LOCAL_MEM_MB: '64000' };
const FAN = 60;

t.setTimeout(300_000);

interface Task {
  readonly id: number;
  readonly requirements: { readonly not_before?: string };
  readonly status: {
    readonly primary: string;
    readonly secondary: string | null;
    readonly reason: string | null;
    readonly exitcode: number | null;
    readonly date_running?: number;
    readonly date_over: number | null;
  };
}

const taskOf = async (client: RestClient, id: number): Promise<Task> =>
  (await client.get(`/api/1.0/task/${id}`)) as Task;

const over = (client: RestClient, ids: readonly number[]): Promise<readonly Task[]> =>
  waitFor(`${ids.length} jobs are over`, 120_000, async () => {
    const tasks = await Promise.all(ids.map((id) => taskOf(client, id)));
    return tasks.every(({ status }) => status.primary === 'over') ? tasks : undefined;
  });

/** A job that leaves a line each time it runs. */
async function submit(
  client: RestClient,
  { script, requirements }: { readonly script: string; readonly requirements?: object },
): Promise<number> {
  const document = await client.document(script, { name: 'step', cpu: 0.5, ram: 0.05 });
  const asked = (document as { requirements: object }).requirements;
  const answer = await client.post('/api/1.0/task', {
    ...document,
    requirements: { ...asked, ...requirements },
  });
  return (answer as { id: number }).id;
}

const afterok = (...jobs: number[]) => ({
  dependencies: jobs.map((job) => ({ type: 'afterok', job })),
});

/** `started` in seconds, by what the record says. */
const startedAfter = (t: Test, later: Task, earlier: Task): void => {
  const [start, end] = [later.status.date_running, earlier.status.date_over];
  t.ok(start !== undefined && end !== null && start >= end, `${later.id} ran after ${earlier.id}`);
};

t.test(
  'a chain and a fan, with kill -9 in between: each job runs once, after its own',
  async (t) => {
    const marks = temporaryFolder(t, 'marks');
    chmodSync(marks, 0o777);
    const mark = (code = 0, seconds = 0.2) =>
      `#!/bin/sh\necho run >> ${marks}/$GODOCKER_JID\nsleep ${seconds}\nexit ${code}\n`;
    const first = await startService(t, { env: ENV });
    // It runs for as long as the others take to be submitted.
    const gate = temporaryFolder(t, 'gate');
    chmodSync(gate, 0o711);
    const go = join(gate, 'go');
    const root = await submit(first.client, {
      script: `#!/bin/sh\necho run >> ${marks}/$GODOCKER_JID\nwhile [ ! -e ${go} ]; do sleep 0.1; done\n`,
    });
    const chain = [root];
    for (let n = 0; n < 6; n++)
      chain.push(
        await submit(first.client, { script: mark(), requirements: afterok(chain.at(-1) ?? root) }),
      );
    const fan: number[] = [];
    for (let n = 0; n < FAN; n++)
      fan.push(await submit(first.client, { script: mark(), requirements: { tasks: [root] } }));
    const bad = await submit(first.client, { script: mark(4, 3) });
    const doomed = await submit(first.client, { script: mark(), requirements: afterok(bad) });
    const behind = await submit(first.client, { script: mark(), requirements: afterok(doomed) });
    const mourner = await submit(first.client, {
      script: mark(),
      requirements: { dependencies: [{ type: 'afternotok', job: doomed }] },
    });
    const waiting = await taskOf(first.client, chain[1] ?? root);
    t.match(waiting.status, { primary: 'pending', reason: `Waits for job ${root} (running)` });
    await first.kill9();
    writeFileSync(go, '');

    const second = await startService(t, { home: first.home, env: ENV });
    const all = [...chain, ...fan, mourner, bad];
    const tasks = await over(second.client, all);
    t.ok(
      tasks.slice(0, -1).every(({ status }) => status.exitcode === 0),
      'all ended well',
    );
    const [rootTask] = tasks;
    for (const [at, task] of tasks.slice(0, chain.length).entries())
      if (at > 0 && tasks[at - 1] !== undefined) startedAfter(t, task, tasks[at - 1] as Task);
    if (rootTask !== undefined)
      for (const task of tasks.slice(chain.length, chain.length + FAN))
        startedAfter(t, task, rootTask);
    t.match(await over(second.client, [doomed, behind]), [
      {
        status: {
          secondary: 'rejected by scheduler',
          exitcode: 1,
          reason: `dependency never satisfied: job ${bad} ended with code 4, afterok asked for 0`,
        },
      },
      {
        status: {
          reason: `dependency never satisfied: job ${doomed} ended with code 1, afterok asked for 0`,
        },
      },
    ]);
    t.same(
      readdirSync(marks)
        .map(Number)
        .sort((a, b) => a - b),
      [...all].sort((a, b) => a - b),
    );
    for (const id of all)
      t.equal(readFileSync(join(marks, String(id)), 'utf8'), 'run\n', `job ${id} ran once`);
    await second.stop();
  },
);

const god = (service: Service, ...words: string[]) =>
  run(process.execPath, [projectFile('dist/bin/god.js'), ...words], {
    env: { ...process.env, GODOCKER_HOME: service.home },
    cwd: service.home,
  });

t.test('the command line: corresponding arrays, turns, holds and dates', async (t) => {
  const service = await startService(t, { env: ENV });
  const { client } = service;
  const submitted = async (...words: string[]): Promise<number> => {
    const done = await god(service, 'submit', ...words);
    t.equal(done.code, 0, done.stderr);
    return Number(done.stdout.trim());
  };
  const needs = ['--cpu', '0.5', '--ram', '0.05'];
  const array = await submitted(
    ...needs,
    '-a',
    '1:4',
    '--',
    'sh',
    '-c',
    'exit $((GODOCKER_TASK_ID == 3))',
  );
  const pair = await submitted(
    ...needs,
    '-a',
    '1:4',
    '--depend',
    `aftercorr:${array}`,
    '--',
    'true',
  );
  const ends = await over(
    client,
    [1, 2, 3, 4].map((place) => pair + place),
  );
  t.same(
    ends.map(({ status }) => status.exitcode),
    [0, 0, 1, 0],
  );
  t.match(ends[2]?.status.reason, `job ${array + 3} ended with code 1, aftercorr asked for 0`);
  t.match(await over(client, [pair]), [{ status: { exitcode: 1 } }]);

  const turns: number[] = [];
  for (let n = 0; n < 4; n++)
    turns.push(
      await submitted(...needs, '--name', 'turn', '--depend', 'singleton', '--', 'sleep', '0.5'),
    );
  const taken = await over(client, turns);
  for (const [at, task] of taken.entries())
    if (at > 0 && taken[at - 1] !== undefined) startedAfter(t, task, taken[at - 1] as Task);

  const held = await submitted(...needs, '--hold', '--', 'true');
  const later = await submitted(...needs, '--begin', '+3s', '--', 'true');
  const told = await god(service, 'show', String(held));
  t.match(told.stdout, /State: +held/);
  t.match(told.stdout, /Reason: +Held by /);
  const [dated] = await over(client, [later]);
  const date = Date.parse(dated?.requirements.not_before ?? '') / 1_000;
  t.ok((dated?.status.date_running ?? 0) >= date, 'it did not start before its date');
  t.match(await taskOf(client, held), { status: { primary: 'pending', secondary: 'held' } });
  t.equal((await god(service, 'release', String(held))).code, 0);
  t.match(await over(client, [held]), [{ status: { exitcode: 0 } }]);
  t.not((await god(service, 'hold', String(held))).code, 0, 'what is over cannot be held');
  await service.stop();
});
