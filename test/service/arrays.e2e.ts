// An array of real processes, and kill -9 of the whole service in between: each member runs and ends once, and so does the array.
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../support/places.js';
import type { RestClient } from '../support/rest.js';
import { startService } from '../support/service.js';
import { waitFor } from '../support/waiting.js';

const MEMBERS = 200;
const LIMIT = 20;
const ENV = { GODOCKER_LOCAL_CPUS: '64', GODOCKER_LOCAL_MEM_MB: '64000' };

interface ArrayDocument {
  readonly status: {
    readonly primary: string;
    readonly secondary: string | null;
    readonly exitcode: number | null;
    readonly date_running?: number;
    readonly reason: string | null;
  };
  readonly requirements: {
    readonly array: {
      readonly tasks: readonly number[];
      readonly nb_tasks_over: number;
      readonly states: Readonly<Record<string, number>>;
    };
  };
  readonly container: {
    readonly volumes: readonly { readonly name: string; readonly path: string }[];
  };
}

t.setTimeout(300_000);

/** Writes down each run with what it was told; the member of index 77 ends with 3. */
const script = (marks: string): string => `#!/bin/sh
echo "$GODOCKER_JID $GODOCKER_TASK_FIRST $GODOCKER_TASK_LAST $GODOCKER_TASK_STEP $GOGOCKER_TASK_ID $PWD" >> ${marks}/$GODOCKER_TASK_ID
sleep 0.3
[ "$GODOCKER_TASK_ID" = 77 ] && exit 3
exit 0
`;

const submitArray = async (client: RestClient, text: string, values: string): Promise<number> => {
  const document = await client.document(text, { name: 'array', cpu: 0.5, ram: 0.05 });
  const { requirements } = document as { requirements: object };
  const answer = await client.post('/api/1.0/task', {
    ...document,
    requirements: { ...requirements, array: { values } },
  });
  return (answer as { id: number }).id;
};

const taskOf = async (client: RestClient, id: number): Promise<ArrayDocument> =>
  (await client.get(`/api/1.0/task/${id}`)) as ArrayDocument;

t.test(`an array of ${MEMBERS} with kill -9 in between`, async (t) => {
  const marks = temporaryFolder(t, 'marks');
  chmodSync(marks, 0o777);
  const first = await startService(t, { env: ENV });
  const id = await submitArray(first.client, script(marks), `1:${MEMBERS}%${LIMIT}`);
  const running = await waitFor('a part of it has run', 60_000, async () => {
    const task = await taskOf(first.client, id);
    t.ok(task.requirements.array.states.running !== undefined);
    return task.requirements.array.nb_tasks_over > MEMBERS / 4 ? task : undefined;
  });
  t.match(running.status, { primary: 'running', exitcode: null });
  t.type(running.status.date_running, 'number');
  t.ok((running.requirements.array.states.running ?? 0) <= LIMIT, 'the limit holds');
  await first.kill9();

  const second = await startService(t, { home: first.home, env: ENV });
  let most = 0;
  const over = await waitFor('it is over', 120_000, async () => {
    const task = await taskOf(second.client, id);
    most = Math.max(most, task.requirements.array.states.running ?? 0);
    return task.status.primary === 'over' ? task : undefined;
  });
  t.ok(most > 0 && most <= LIMIT, `at most ${LIMIT} at a time after the restart, too: ${most}`);
  t.match(over.status, {
    primary: 'over',
    secondary: '',
    exitcode: 3,
    reason: /^1 of 200 members/,
  });
  t.same(over.requirements.array.states, { pending: 0, running: 0, over: MEMBERS, failed: 1 });
  t.equal(over.requirements.array.tasks.length, MEMBERS);

  t.equal(readdirSync(marks).length, MEMBERS, 'every member ran');
  const own = over.container.volumes.find(({ name }) => name === 'go-docker')?.path ?? '';
  for (let index = 1; index <= MEMBERS; index++) {
    const runs = readFileSync(join(marks, String(index)), 'utf8')
      .trim()
      .split('\n');
    t.same(
      runs,
      [`${id + index} 1 ${MEMBERS} 1 ${index} ${own}/${index}`],
      `member ${index}, once`,
    );
  }
  const member = await taskOf(second.client, id + 77);
  t.match(member, { parent_task_id: id, status: { primary: 'over', exitcode: 3 } });

  const again = (await second.client.post(`/api/1.0/task/${id}/retry-failed`, {})) as {
    readonly id: number;
    readonly members: number;
  };
  t.equal(again.members, 1);
  await waitFor('what failed has run again', 60_000, async () =>
    (await taskOf(second.client, again.id)).status.primary === 'over' ? true : undefined,
  );
  const runs = readFileSync(join(marks, '77'), 'utf8').trim().split('\n');
  t.match(
    runs[1],
    new RegExp(`^${again.id + 1} 1 ${MEMBERS} 1 77 `),
    'told what it was told before',
  );

  const long = await submitArray(second.client, '#!/bin/sh\nsleep 600\n', '1:100000%5');
  await waitFor('its first members run', 60_000, async () =>
    (await taskOf(second.client, long)).requirements.array.states.running === 5 ? true : undefined,
  );
  await second.client.kill(long);
  const killed = await waitFor('it is killed', 60_000, async () => {
    const task = await taskOf(second.client, long);
    return task.status.primary === 'over' ? task : undefined;
  });
  t.match(killed.status, { secondary: 'killed', exitcode: 137 });
  t.match((await taskOf(second.client, long + 99_999)).status, {
    primary: 'over',
    secondary: 'killed',
  });
  await second.stop();
});
