// What existing clients send, as files in client-bodies/: each is taken, and its client finds in the answers what it reads there.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type JobId, jobId, projectId, userId } from '../../src/core/units.js';
import { projectFile } from '../support/project.js';
import { type AService, aService, lead, NOW } from './a-service.js';

interface Sent {
  readonly client: 'galaxy' | 'godjob' | 'godbatch' | 'herodote';
  readonly from: string;
  readonly as: 'alice' | 'root';
  /** Whose job it becomes, and for which project it counts. */
  readonly owner: string;
  readonly project: string;
  readonly body: {
    readonly id?: null;
    readonly command: { readonly cmd: string };
    readonly meta: { readonly name: string; readonly tags: readonly string[] };
    readonly requirements: {
      readonly cpu: number;
      readonly ram: number;
      readonly tasks?: readonly string[];
      readonly array?: { readonly values: string | null };
    };
    readonly container: { readonly volumes: readonly { readonly name: string }[] };
  };
}

const FOLDER = projectFile('test/api/client-bodies');
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const SENT = new Map(
  FILES.map((name): [string, Sent] => [name, JSON.parse(readFileSync(join(FOLDER, name), 'utf8'))]),
);

const volume = (name: string) => ({
  ...{ name, acl: 'rw' as const, path: `/srv/${name}`, mount: `/mnt/${name}`, isChecked: false },
});

async function aSite(t: Test): Promise<AService> {
  const service = await aService(t, {
    settings: { constraints: [{ name: 'storage', value: 'ssd,disk' }] },
    volumes: [volume('home'), volume('galaxy'), volume('db')],
  });
  await service.store.putProject({
    ...{ id: projectId('lambda'), description: '', prio: 50, createdAt: NOW },
    ...{ members: [userId('alice'), userId('bob')], quotas: { time: 0, cpu: 0, ram: 0 } },
  });
  await service.submit();
  return service;
}

t.test('each of the four clients has a body here', async (t) => {
  const clients = new Set([...SENT.values()].map(({ client }) => client));
  t.same([...clients].sort(), ['galaxy', 'godbatch', 'godjob', 'herodote']);
});

for (const [name, sent] of SENT)
  t.test(`${name} is taken, and its answers read`, async (t) => {
    const service = await aSite(t);
    const token = await service.tokenOf(sent.as);
    const get = async (path: string) => {
      const answer = await service.ask(`/api/1.0/task/${path}`, { token });
      t.equal(answer.statusCode, 200, answer.body);
      return answer.json();
    };
    const id = await submitted(t, service, sent);
    t.match(await get(`${id}/status`), { status: { primary: 'pending' } });
    const waits = await get(String(id));
    waiting(t, waits, sent);
    if (sent.body.requirements.array?.values != null) return;

    await lead(service, id, 'running', '/shared/tasks/72/task');
    const runs = await get(String(id));
    t.match(runs.status, { primary: 'running', date_over: null, date_running: Number });
    ownDirectory(t, runs);
    t.equal((await service.ask(`/api/1.0/task/${id}`, { method: 'DELETE', token })).json().id, id);
  });

for (const exitCode of [0, 3])
  t.test(`Galaxy, godjob and Herodote learn of exit code ${exitCode}`, async (t) => {
    for (const name of ['galaxy.json', 'godjob.json', 'herodote.json']) {
      const service = await aSite(t);
      const sent = SENT.get(name);
      if (sent === undefined) throw new Error(`no ${name}`);
      const id = await submitted(t, service, sent);
      await lead(service, id, { over: exitCode }, '/shared/tasks/72/task');
      const over = (await service.ask(`/api/1.0/task/${id}`)).json();
      t.match(over.status, { primary: 'over', exitcode: exitCode, date_over: Number }, name);
      t.equal(over.container.meta.State.ExitCode, exitCode, 'where the old command line looks');
      ownDirectory(t, over);
    }
  });

async function submitted(t: Test, service: AService, { as, body }: Sent): Promise<JobId> {
  const token = await service.tokenOf(as);
  const answer = await service.ask('/api/1.0/task', { token, body });
  t.equal(answer.statusCode, 200, answer.body);
  t.match(answer.headers['content-type'], /^application\/json/);
  const said = answer.json();
  t.equal(said.msg, 'Task added');
  t.ok(Number.isInteger(said.id), 'a number');
  t.notOk('warnings' in said, 'nothing in it is unknown, or of no effect');
  return jobId(said.id);
}

/** Keys that clients read or test for while the job waits. */
function waiting(t: Test, task: Record<string, Record<string, unknown>>, sent: Sent): void {
  const { body, owner, project } = sent;
  const { user, status, container, command, meta, requirements } = task;
  t.match(user, { id: owner, project, uid: 1001, gid: 1001 }, 'numbers are those of the account');
  t.equal(user?.submitted_by, sent.as === owner ? undefined : sent.as);
  t.match(meta, { name: body.meta.name, tags: body.meta.tags });
  t.type(meta?.description, 'string');
  t.match(requirements, { cpu: body.requirements.cpu, ram: body.requirements.ram });
  t.same(requirements?.tasks, (body.requirements.tasks ?? []).map(Number), 'numbers come back');
  t.match(status, { primary: 'pending', secondary: null, date_over: null, exitcode: null });
  t.ok(status !== undefined && 'exitcode' in status && 'date_over' in status, 'null, not absent');
  t.notOk(status !== undefined && 'date_running' in status, 'absent, not null');
  t.match(container, { root: false, ports: [], meta: null });
  t.match(command, { interactive: false, cmd: body.command.cmd });
  const given = container?.volumes as readonly Record<string, string>[];
  t.same(
    given.map((one) => one.name),
    body.container.volumes.map((one) => one.name),
  );
  for (const one of given) t.match(one, { acl: /^r[ow]$/, path: /^\//, mount: /^\/mnt\// });
  t.equal((task as Record<string, unknown>).parent_task_id, null);
}

/** Galaxy opens god.log and god.err below this path, on its own file system. */
function ownDirectory(
  t: Test,
  { container }: { container: { volumes: Record<string, string>[] } },
): void {
  const own = container.volumes.find(({ name }) => name === 'go-docker');
  t.equal(own?.path, '/shared/tasks/72/task');
}
