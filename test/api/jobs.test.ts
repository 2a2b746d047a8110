// Jobs over the API: submission, what each state looks like, lists, kills, who sees what.
import t from 'tap';
import { jobToWire } from '../../src/api/wire.js';
import { ServiceError } from '../../src/contracts/errors.js';
import type { Raw } from '../../src/contracts/reader.js';
import type { Store } from '../../src/contracts/store.js';
import type { Job, Outcome, PendingJob } from '../../src/core/job.js';
import { NEVER_RETRIED } from '../../src/core/retry.js';
import { instant, jobId, projectId, taskIdOf } from '../../src/core/units.js';
import { ALICE, AT, aSpec, BOB, ended, launched, started } from '../store/a-job.js';
import { aService, aTask, lead } from './a-service.js';

const PENDING: PendingJob = {
  id: jobId(72),
  owner: ALICE,
  project: projectId('default'),
  identity: { uid: 1001, gid: 1001, sgids: [], home: '/home/alice', email: null },
  spec: aSpec(),
  submittedAt: AT,
  launches: 0,
  faults: [],
  retried: NEVER_RETRIED,
  directory: null,
  killWanted: null,
  version: 1,
  state: 'pending',
  notBefore: null,
  pauseMs: 0,
};
const LAUNCHING = launched(PENDING);
const RUNNING = started(LAUNCHING);
const OVER = ended(RUNNING);
const wanted = { by: BOB, at: AT };
const lost = { code: 'agent-lost', facts: {} } as const;
const over = (outcome: Outcome): Job => ({ ...OVER, outcome });

/** As a client reads it. */
const wireOf = (job: Job, { isImageUsed = true, at = instant(AT + 42_000) } = {}) =>
  JSON.parse(JSON.stringify(jobToWire(job, { isImageUsed, at })));

t.test('each state has its historic words', async (t) => {
  const cases: Record<string, [Job, string, string | null, number | null, string | null]> = {
    pending: [PENDING, 'pending', null, null, null],
    'pending, kill wanted': [
      { ...PENDING, killWanted: wanted },
      'pending',
      'kill requested',
      null,
      null,
    ],
    launching: [LAUNCHING, 'pending', null, null, 'Pulling the image'],
    running: [RUNNING, 'running', null, null, null],
    'running, kill wanted': [
      { ...RUNNING, killWanted: wanted },
      'running',
      'kill requested',
      null,
      null,
    ],
    killing: [
      { ...RUNNING, state: 'killing', killWanted: wanted },
      'running',
      'kill requested',
      null,
      null,
    ],
    unreachable: [
      { ...RUNNING, state: 'unreachable', since: AT },
      'running',
      'unknown',
      null,
      null,
    ],
    'over by itself': [OVER, 'over', '', 0, null],
    'over, out of memory': [
      over({ kind: 'exited', exitCode: 137, because: { code: 'out-of-memory', facts: {} } }),
      'over',
      '',
      137,
      'The job used more memory than it asked for',
    ],
    killed: [over({ kind: 'killed', by: BOB }), 'over', 'killed', 137, null],
    'gave up': [
      over({ kind: 'gaveUp', because: lost }),
      'over',
      '',
      1,
      'The agent that ran the job was lost',
    ],
    'not authorized': [
      over({ kind: 'gaveUp', because: { code: 'not-authorized', facts: {} } }),
      'over',
      'rejected by scheduler',
      1,
      'Not authorized',
    ],
    'code unknown': [
      over({ kind: 'unknown', because: { code: 'exit-code-unknown', facts: {} } }),
      'over',
      '',
      1,
      'The exit code could not be found out',
    ],
  };
  for (const [name, [job, primary, secondary, exitcode, reason]] of Object.entries(cases)) {
    const { status, container } = wireOf(job);
    t.match(status, { primary, secondary, exitcode, reason }, name);
    t.ok('date_over' in status, `${name}: date_over is there`);
    t.equal(
      'date_running' in status,
      ['running', 'over'].includes(primary),
      `${name}: date_running`,
    );
    const { meta } = container;
    t.equal(meta === null, job.state === 'pending', `${name}: meta`);
    t.equal(meta?.State?.ExitCode, exitcode ?? undefined, `${name}: exit code of the container`);
  }
});

t.test('before it runs: the pull of its image, and pauses, with their age', async (t) => {
  const reasonOf = (job: Job, how = {}) => wireOf(job, how).status.reason;
  const { image } = PENDING.spec;
  const { host } = LAUNCHING.placement;
  t.equal(
    reasonOf(LAUNCHING),
    `Pulling the image ${image}, if it is not there yet, and starting on ${host} for 42 s`,
  );
  t.match(reasonOf(LAUNCHING, { at: instant(AT + 600_000) }), / for 10 min$/);
  t.match(reasonOf(LAUNCHING, { at: instant(AT - 5_000) }), / for 0 s$/, 'a clock may be behind');
  t.equal(reasonOf(LAUNCHING, { isImageUsed: false }), `Starting on ${host} for 42 s`);
  const refused = {
    taskId: taskIdOf(PENDING.id, 1),
    host,
    because: { code: 'registry-trouble', facts: { message: 'toomanyrequests' } },
    at: AT,
  } as const;
  const paused = { ...PENDING, faults: [refused], notBefore: instant(AT + 80_000) };
  t.equal(
    reasonOf(paused),
    'Launched again in 38 s. The image could not be pulled: its registry refused for now, or could not be reached: toomanyrequests',
  );
  t.equal(reasonOf(paused, { at: instant(AT + 80_000) }), null, 'its pause is over');
});

t.test('words of the container, duration, history of failures', async (t) => {
  const word = (job: Job) => wireOf(job).container.status;
  t.equal(word(PENDING), undefined);
  t.equal(word(LAUNCHING), 'initializing');
  t.equal(word(RUNNING), 'ready');
  t.equal(word(OVER), undefined);
  const fault = { taskId: taskIdOf(PENDING.id, 1), host: 'node-3', because: lost, at: AT };
  const { status, container } = wireOf({ ...OVER, endedAt: instant(AT + 1500), faults: [fault] });
  t.match(status, {
    duration: 1.5,
    date_running: AT / 1000,
    date_over: AT / 1000 + 1.5,
    failure: { reason: 'The agent that ran the job was lost', nodes: ['node-3'], count: 1 },
  });
  t.match(container, { id: 'c1', ip_address: '10.0.0.7', ports: [], port_mapping: [] });
});

t.test('what a submission becomes', async (t) => {
  const volumes = [
    { name: 'data', acl: 'ro', path: '/', mount: '/mnt/data', isChecked: true },
  ] as const;
  const service = await aService(t, { volumes });
  const id = await service.submit(
    aTask({
      requirements: {
        cpu: 0.25,
        ram: 0.05,
        gpus: 1,
        ports: [80],
        label: ['storage==ssd', 'resource==fpga', 'resource==fpga'],
        failure_policy: 1,
      },
      container: { image: 'Debian', volumes: [{ name: 'data', acl: 'rw' }] },
    }),
  );
  const job = await service.store.job(id);
  t.match(job?.spec, {
    image: 'debian:12',
    needs: { cpuMilli: 250, memMb: 50, gpus: 1, ports: 1, custom: { fpga: 2 } },
    constraints: [{ name: 'storage', value: 'ssd' }],
    volumes: [{ name: 'data', path: '/', mount: '/mnt/data', acl: 'ro' }],
    systemRetriesMax: 1,
    hasNetwork: true,
  });
  t.match(job?.identity, { uid: 1001, sgids: [100] }, 'never from the request');
  const task = (await service.ask(`/api/1.0/task/${id}`)).json();
  t.match(task.requirements, { cpu: 0.25, ram: 0.05, gpus: 1 });
  t.same(task.requirements.label, ['storage==ssd', 'resource==fpga', 'resource==fpga']);
  t.equal(task.command.cmd, '#!/bin/sh\necho hello\n');
});

t.test('rules of launching again are kept, shown, and may be sent again', async (t) => {
  const service = await aService(t, { settings: { 'retry.max': 9 } });
  const asked = [
    { exit_codes: [75, '100-110'], times: 2, after: '90s' },
    { out_of_memory: true, times: 3, memory_max: 64 },
    { exit_codes: [137], times: 1, memory_factor: 1.5 },
  ];
  const id = await service.submit(aTask({ requirements: { ram: 2, retry: asked } }));
  const rules = (await service.store.job(id))?.spec.retries;
  t.strictSame(rules, [
    {
      exitCodes: [
        { first: 75, last: 75 },
        { first: 100, last: 110 },
      ],
      isForMemory: false,
      timesMax: 2,
      pauseMs: 90_000,
      growth: null,
    },
    {
      exitCodes: [],
      isForMemory: true,
      timesMax: 3,
      pauseMs: 0,
      growth: { factor: 2, memMbMax: 64_000 },
    },
    {
      exitCodes: [{ first: 137, last: 137 }],
      isForMemory: false,
      timesMax: 1,
      pauseMs: 0,
      growth: { factor: 1.5, memMbMax: null },
    },
  ]);
  const task = (await service.ask(`/api/1.0/task/${id}`)).json();
  const again = await service.submit(task);
  t.strictSame((await service.store.job(again))?.spec.retries, rules, 'the document, sent again');
  const none = await service.submit(aTask({}));
  t.notOk('retry' in (await service.ask(`/api/1.0/task/${none}`)).json().requirements);
});

t.test('launches that came to nothing are told, with whose fault it was', async (t) => {
  const fault = { taskId: taskIdOf(PENDING.id, 2), host: 'node-2', because: lost, at: AT };
  const failure = {
    taskId: taskIdOf(PENDING.id, 1),
    host: 'node-1',
    exitCode: 137,
    because: { code: 'out-of-memory', facts: {} },
    rule: 0,
    memMb: 1_000,
    startedAt: AT,
    at: instant(AT + 500),
  } as const;
  const retried = { failures: [failure], memMbGranted: 2_000, refusals: 0 };
  const waiting = wireOf({ ...PENDING, launches: 2, faults: [fault], retried });
  t.match(waiting.requirements, { ram: 1, ram_granted: 2 });
  t.match(waiting.status, {
    primary: 'pending',
    secondary: 'rescheduled',
    launches: 2,
    failure: { reason: 'The agent that ran the job was lost', nodes: ['node-2'], count: 1 },
    former_launches: [
      {
        launch: 1,
        node: 'node-1',
        fault: 'job',
        exitcode: 137,
        reason: 'The job used more memory than it asked for and was ended',
        ram: 1,
        date_over: AT / 1000 + 0.5,
      },
      { launch: 2, node: 'node-2', fault: 'system', exitcode: null, ram: null },
    ],
  });
  const wantedToo = wireOf({ ...PENDING, launches: 2, faults: [fault], killWanted: wanted });
  t.equal(wantedToo.status.secondary, 'kill requested');
  const refused = wireOf({ ...PENDING, launches: 1, retried: { ...retried, failures: [] } });
  t.equal(refused.status.secondary, null, 'nothing of it ever ran');
  t.notOk('former_launches' in refused.status);
  const because = { code: 'retries-used-up', facts: { launches: 3, memMb: 4_000 } } as const;
  t.equal(
    wireOf(over({ kind: 'exited', exitCode: 75, because })).status.reason,
    'The rules of the job grant no further launch (launched 3 times, the last with 4 GB of memory)',
  );
});

t.test('what is left out gets the defaults of the site', async (t) => {
  const settings = { defaults_cpu: 2, defaults_ram: 0.5, 'failure_policy.strategy': 3 };
  const service = await aService(t, { settings });
  const id = await service.submit({ command: { cmd: 'true' } });
  const job = await service.store.job(id);
  t.match(job?.spec, {
    name: 'job',
    image: 'ubuntu:24.04',
    needs: { cpuMilli: 2000, memMb: 500, gpus: 0 },
    systemRetriesMax: 3,
  });
});

t.test(
  'how long a job may run: asked, the default, or the most that the site allows',
  async (t) => {
    const cases: [Raw, unknown, number | null, string | null][] = [
      [{}, null, null, null],
      [{}, '36h', 129_600_000, '36h'],
      [{ maxlifespan: '7d' }, undefined, 604_800_000, '7d'],
      [{ maxlifespan: '7d' }, '9d', 777_600_000, '9d'],
      [{ maxlifespan_max: '2d' }, '', 172_800_000, '2d'],
      [{ maxlifespan: '1h', maxlifespan_max: '2d' }, 90, 90_000, '90s'],
    ];
    for (const [settings, maxlifespan, ms, text] of cases) {
      const service = await aService(t, { settings });
      const id = await service.submit(aTask({ requirements: { maxlifespan } }));
      t.equal((await service.store.job(id))?.spec.lifespanMs, ms);
      const task = (await service.ask(`/api/1.0/task/${id}`)).json();
      t.equal(task.requirements.maxlifespan, text);
    }
  },
);

t.test('which network a job joins, and whether its ports are mapped', async (t) => {
  const names = { cni_public_network_name: 'weave', cni_user_network_name: 'god-$USERID' };
  const named = { network: { use_cni: true, ...names } };
  const cases: [Raw, unknown, boolean, object][] = [
    [{}, undefined, true, { hasNetwork: true, network: null, needs: { ports: 2 } }],
    [{}, 'public', true, { hasNetwork: true, network: null, needs: { ports: 2 } }],
    [named, '', true, { hasNetwork: true, network: 'public', needs: { ports: 0 } }],
    [named, 'user', true, { hasNetwork: true, network: 'user', ports: [80, 8080] }],
  ];
  for (const [settings, network, container, spec] of cases) {
    const service = await aService(t, { settings });
    const body = aTask({
      requirements: { network, ports: [80, 8080] },
      container: { network: container },
    });
    const id = await service.submit(body);
    t.match((await service.store.job(id))?.spec, spec);
    const task = (await service.ask(`/api/1.0/task/${id}`)).json();
    t.match(task.requirements, { ports: [80, 8080] }, 'shown as asked');
  }
  const service = await aService(t, { settings: { network: { disabled: true } } });
  const id = await service.submit(aTask());
  t.match((await service.store.job(id))?.spec, { hasNetwork: false, network: null });
});

t.test('the same key makes one job, another body under it none', async (t) => {
  const service = await aService(t);
  const headers = { 'idempotency-key': 'run-1' };
  const first = await service.ask('/api/1.0/task', { body: aTask(), headers });
  const again = await service.ask('/api/1.0/task', {
    body: aTask({ more: { date: 99 } }),
    headers,
  });
  t.equal(again.statusCode, 200);
  t.equal(again.json().id, first.json().id);
  t.same(service.noticed, [first.json().id], 'told once');
  const other = await service.ask('/api/1.0/task', {
    body: aTask({ command: { cmd: 'false' } }),
    headers,
  });
  t.equal(other.statusCode, 409);
  t.match(other.json(), { code: 'key-reused', id: first.json().id, field: 'Idempotency-Key' });
  const token = await service.tokenOf('bob');
  const bobs = await service.ask('/api/1.0/task', {
    body: aTask({ more: { user: {} } }),
    headers,
    token,
  });
  t.equal(bobs.statusCode, 200, "one user's keys do not meet another's");
  t.not(bobs.json().id, first.json().id);
});

t.test('in process mode the image is not used, and everybody is told', async (t) => {
  const service = await aService(t, { deps: { containerizer: 'process' } });
  const answer = (await service.ask('/api/1.0/task', { body: aTask() })).json();
  t.equal(answer.image_used, false);
  t.match(answer.warnings, [{ code: 'image-not-used', field: 'container.image', msg: /not used/ }]);
  const task = (await service.ask(`/api/1.0/task/${answer.id}`)).json();
  t.equal(task.container.image_used, false);
  t.match((await service.ask('/api/1.0/config')).json(), {
    containerizer: 'process',
    image_used: false,
  });
});

t.test('a site may let users name any image', async (t) => {
  const service = await aService(t, { settings: { allow_user_images: true } });
  const id = await service.submit(aTask({ container: { image: 'quay.io/x/y:1' } }));
  t.equal((await service.store.job(id))?.spec.image, 'quay.io/x/y:1');
  t.same((await service.ask('/api/1.0/image')).json(), [
    'debian:12',
    'ubuntu:24.04',
    'quay.io/x/y:1',
  ]);
});

t.test('lists: newest first, own jobs, pages, no scripts', async (t) => {
  const service = await aService(t);
  const ids = [];
  for (let n = 0; n < 5; n++) ids.push(await service.submit());
  for (const id of ids.slice(0, 3)) await lead(service, id, { over: 0 });
  const idsOf = async (path: string, method: 'GET' | 'POST', user: 'alice' | 'root' | 'bob') => {
    const answer = await service.ask(path, { method, token: await service.tokenOf(user) });
    t.equal(answer.statusCode, 200, path);
    t.match(answer.headers['content-type'], /^application\/json/);
    return answer.json<{ id: number }[]>().map(({ id }) => id);
  };
  const [a, b, c, d, e] = ids;
  t.same(await idsOf('/api/1.0/task/active', 'GET', 'alice'), [e, d]);
  t.same(await idsOf('/api/1.0/task/active?project=default', 'GET', 'alice'), [e, d]);
  t.same(await idsOf('/api/1.0/task/active?project=other', 'GET', 'alice'), []);
  t.same(await idsOf('/api/1.0/task/active', 'GET', 'bob'), []);
  t.same(await idsOf('/api/1.0/task/active/all', 'GET', 'root'), [e, d]);
  t.same(await idsOf('/api/1.0/task/over/0/100', 'POST', 'alice'), [c, b, a]);
  t.same(await idsOf('/api/1.0/task/over/0/0', 'POST', 'alice'), [c, b, a], '0 means all');
  t.same(await idsOf('/api/1.0/task/over/1/1', 'POST', 'alice'), [b]);
  t.same(await idsOf('/api/1.0/task/over/0/100', 'POST', 'root'), []);
  t.same(await idsOf('/api/1.0/task/over/all/0/2', 'POST', 'root'), [c, b]);
  const [first] = (await service.ask('/api/1.0/task/active')).json();
  t.notOk('cmd' in first.command);
});

t.test('lists longer than a page go on by id', async (t) => {
  const service = await aService(t);
  const first = await service.submit();
  const job = await service.store.job(first);
  if (job === undefined) throw new Error('no job');
  const { owner, project, identity, spec, submittedAt } = job;
  await service.store.submit(
    Array.from({ length: 2_300 }, () => ({
      ...{ owner, project, identity, spec, submittedAt },
      script: 'true',
      idempotencyKey: null,
      digest: '',
    })),
  );
  const all = (await service.ask('/api/1.0/task/active')).json<{ id: number }[]>();
  t.equal(all.length, 2_301);
  t.equal(new Set(all.map(({ id }) => id)).size, 2_301);
  t.equal(all.at(-1)?.id, first);
});

t.test("another user's job does not exist; administrators see and kill it", async (t) => {
  const service = await aService(t);
  const id = await service.submit();
  const bob = await service.tokenOf('bob');
  for (const [path, method] of [
    [`/api/1.0/task/${id}`, 'GET'],
    [`/api/1.0/task/${id}/status`, 'GET'],
    [`/api/1.0/task/${id}`, 'DELETE'],
    [`/api/1.0/task/${id}/files/`, 'GET'],
  ] as const) {
    const answer = await service.ask(path, { method, token: bob });
    t.equal(answer.statusCode, 404, `${method} ${path}`);
    t.equal(answer.json().code, 'job-not-found');
  }
  t.equal((await service.store.job(id))?.killWanted, null);
  const token = await service.tokenOf('root');
  t.equal((await service.ask(`/api/1.0/task/${id}`, { method: 'DELETE', token })).statusCode, 200);
  t.match((await service.store.job(id))?.killWanted, { by: 'root' });
});

t.test('a kill of what is over changes nothing', async (t) => {
  const service = await aService(t);
  const id = await service.submit();
  await lead(service, id, { over: 5 });
  const answer = await service.ask(`/api/1.0/task/${id}`, { method: 'DELETE' });
  t.equal(answer.statusCode, 200);
  t.match(answer.json(), { msg: 'Task is over already', status: { exitcode: 5 } });
  t.same(service.killsNoticed, []);
});

t.test('a store that is away is a 503 that asks to come back', async (t) => {
  const away = async (): Promise<never> => {
    throw new ServiceError('store-unavailable', 'the store cannot be reached');
  };
  const service = await aService(t);
  const token = await service.tokenOf('alice');
  const store: Store = {
    ...service.store,
    setting: (name) => service.store.setting(name),
    submit: away,
    list: away,
    job: away,
  };
  const broken = await aService(t, {
    deps: { store, auth: service.deps.auth, secret: service.deps.secret },
  });
  for (const [path, body] of [
    ['/api/1.0/task', aTask()],
    ['/api/1.0/task/active', undefined],
    ['/api/1.0/task/1', undefined],
  ] as const) {
    const answer = await broken.ask(path, { token, body });
    t.equal(answer.statusCode, 503, path);
    t.equal(answer.headers['retry-after'], '2');
    t.equal(answer.json().code, 'store-unavailable');
  }
  t.same(broken.noticed, []);
});
