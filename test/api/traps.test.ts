// What existing clients rely on: each trap of the historic interface has its story here.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { aService, aTask, lead, NOW } from './a-service.js';

t.test('the traps of the historic interface', async (t) => {
  const settings = { constraints: [{ name: 'storage', value: 'ssd,disk' }] };
  const service = await aService(t, { settings });

  t.test('trap 1 and 2: a submission answers 200, "Task added" and a number', async (t) => {
    const answer = await service.ask('/api/1.0/task', { body: aTask() });
    t.equal(answer.statusCode, 200);
    const { msg, id } = answer.json<{ msg: string; id: unknown }>();
    t.equal(msg, 'Task added');
    t.type(id, 'number');
    t.ok(
      service.noticed.some((one) => one === id),
      'the leader heard of it',
    );
  });

  t.test('trap 3: listings have one exact content type, downloads any other', async (t) => {
    const id = await service.submit();
    const job = join(service.directory, 'job');
    mkdirSync(join(job, 'sub'), { recursive: true });
    writeFileSync(join(job, 'data.json'), '{}');
    await lead(service, id, { over: 0 }, job);
    for (const path of ['files', 'files/', 'files/sub', 'files/sub/']) {
      const listing = await service.ask(`/api/1.0/task/${id}/${path}`);
      t.equal(listing.statusCode, 200, path);
      t.equal(listing.headers['content-type'], 'application/json; charset=UTF-8', path);
    }
    const root = await service.ask(`/api/1.0/task/${id}/files/`);
    t.same(
      root.json<{ name: string; type: string }[]>().map(({ name, type }) => [name, type]),
      [
        ['data.json', 'file'],
        ['sub', 'dir'],
      ],
    );
    const file = await service.ask(`/api/1.0/task/${id}/files/data.json`);
    t.equal(file.headers['content-type'], 'application/octet-stream');
    t.equal(file.body, '{}');
  });

  t.test('trap 4: lists are asked for by POST with a JSON type and no body', async (t) => {
    const id = await service.submit();
    await lead(service, id, { over: 3 });
    const over = await service.ask('/api/1.0/task/over/0/100', { method: 'POST' });
    t.equal(over.statusCode, 200);
    t.ok(over.json<{ id: number }[]>().some((job) => job.id === id));
  });

  t.test('trap 5: container ports are texts, required ports numbers', async (t) => {
    const id = await service.submit(aTask({ requirements: { ports: [8080] } }));
    await lead(service, id, 'running');
    const task = (await service.ask(`/api/1.0/task/${id}`)).json();
    t.same(task.container.ports, ['31000']);
    t.same(task.container.port_mapping, [{ host: 31_000, container: 8080 }]);
    t.same(task.requirements.ports, [8080]);
  });

  t.test('trap 6 and 7: the scheme word in any case, a token from login and key', async (t) => {
    const token = await service.tokenOf('alice');
    t.match(token, /^[\x21-\x7e]+$/);
    for (const word of ['Bearer', 'bearer', 'BEARER']) {
      const headers = { authorization: `${word} ${token}` };
      const answer = await service.ask('/api/1.0/task/active', { token: null, headers });
      t.equal(answer.statusCode, 200, word);
    }
  });

  t.test('trap 8 and 9: which keys are there while a job waits', async (t) => {
    const id = await service.submit(aTask({ meta: { description: null, tags: null } }));
    const task = (await service.ask(`/api/1.0/task/${id}`)).json();
    t.equal(task.status.date_over, null);
    t.notOk('date_running' in task.status);
    t.equal(task.status.secondary, null);
    t.equal(task.meta.description, '');
    t.same(task.meta.tags, []);
    t.equal(task.container.root, false);
    t.equal(task.container.meta, null);
    t.notOk('status' in task.container, 'clients print the word whenever the key is there');
    t.equal(task.command.interactive, false);
    t.equal(task.parent_task_id, null);
  });

  t.test('trap 10: the exit code stands in two places', async (t) => {
    const id = await service.submit();
    await lead(service, id, { over: 42 });
    const task = (await service.ask(`/api/1.0/task/${id}`)).json();
    t.equal(task.container.meta.State.ExitCode, 42);
    t.equal(task.status.exitcode, 42);
    t.equal(task.container.meta.Node.Name, 'node-1');
    t.equal(task.status.primary, 'over');
    t.equal(task.status.secondary, '');
  });

  t.test('trap 11: the volume go-docker tells where the job directory is', async (t) => {
    const id = await service.submit();
    await lead(service, id, 'running', '/shared/tasks/72/task');
    const task = (await service.ask(`/api/1.0/task/${id}`)).json();
    t.same(task.container.volumes, [
      { name: 'go-docker', acl: 'rw', path: '/shared/tasks/72/task', mount: '/mnt/go-docker' },
    ]);
  });

  t.test('trap 12 and 17: whole documents come back, with their identities', async (t) => {
    const id = await service.submit();
    await lead(service, id, { over: 0 });
    const document = (await service.ask(`/api/1.0/task/${id}`)).json();
    t.match(document._id.$oid, /^[0-9a-f]{24}$/);
    const again = await service.ask('/api/1.0/task?strict=1', { body: document });
    t.equal(again.statusCode, 200, again.body);
    t.not(again.json<{ id: number }>().id, id);
  });

  t.test('trap 13: dates are seconds with a fraction', async (t) => {
    const id = await service.submit();
    const task = (await service.ask(`/api/1.0/task/${id}`)).json();
    t.equal(task.date, NOW / 1000);
    t.equal(task.date, 1_465_933_782.5);
  });

  t.test('trap 15: the configuration needs no token', async (t) => {
    const answer = await service.ask('/api/1.0/config', { token: null });
    t.equal(answer.statusCode, 200);
    const config = answer.json();
    t.same(config.images[0], {
      name: 'Debian',
      url: 'debian:12',
      interactive: false,
      default: false,
    });
    t.same(config.constraints, [{ name: 'storage', value: ['ssd', 'disk'] }]);
    t.same(config.volumes, []);
    t.same(config.executor_features, ['kill']);
  });

  t.test('trap 16: doubled slashes are one', async (t) => {
    t.equal((await service.ask('//api/1.0/config')).statusCode, 200);
    t.equal((await service.ask('/api//1.0///task/active')).statusCode, 200);
  });

  t.test('trap 17: what old clients leave out', async (t) => {
    const galaxy = {
      date: 1.5,
      meta: { name: 'galaxy', description: 'galaxy job', tags: ['galaxy'] },
      requirements: {
        cpu: 1,
        ram: 1,
        array: { values: null },
        label: [],
        tasks: [],
        tmpstorage: null,
      },
      container: { image: 'debian:12', volumes: [], network: true, ports: [], root: false },
      command: { interactive: false, cmd: '#!/bin/bash\ntrue\n' },
      status: { primary: null, secondary: null },
    };
    const herodote = {
      id: null,
      user: { id: 'alice', project: 'default' },
      requirements: { cpu: 1, ram: 1, executor: null, gpus: 0 },
      container: { image: 'debian:12', volumes: [{ acl: 'ro', name: 'go-docker' }], ports: [] },
      command: { interactive: false, cmd: 'true' },
      meta: { tags: ['herodote'], name: 'h', description: 'd' },
    };
    const least = { command: { cmd: 'true' } };
    for (const [name, body] of Object.entries({ galaxy, herodote, least })) {
      const answer = await service.ask('/api/1.0/task', { body });
      t.equal(answer.statusCode, 200, `${name}: ${answer.body}`);
      t.notOk('warnings' in answer.json<object>(), name);
    }
  });

  t.test('trap 18: status and kill answer JSON', async (t) => {
    const id = await service.submit();
    const status = await service.ask(`/api/1.0/task/${id}/status`);
    t.equal(status.json().status.primary, 'pending');
    const kill = await service.ask(`/api/1.0/task/${id}`, { method: 'DELETE' });
    t.equal(kill.statusCode, 200);
    t.equal(kill.json().msg, 'Task will be killed');
    t.equal(kill.json().status.secondary, 'kill requested');
    t.ok(service.killsNoticed.includes(id));
    const again = await service.ask(`/api/1.0/task/${id}`, { method: 'DELETE' });
    t.equal(again.json().msg, 'Task is already being killed');
  });
});
