// What `god` says to the service, and prints, about jobs after their submission.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { main } from '../../src/cli/main.js';
import { FakeTerminal } from './fake-terminal.js';

type Answers = Readonly<Record<string, unknown>>;

/** Plays one command line against a server that answers what it is told to. */
async function god(t: Test, words: readonly string[], answers: Answers = {}) {
  const asked: { readonly line: string; readonly body: unknown }[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += String(part);
    const line = `${request.method} ${request.url?.replace('/api/1.0/', '')}`;
    const isSignIn = line === 'POST authenticate';
    if (!isSignIn) asked.push({ line, body: text === '' ? null : JSON.parse(text) });
    const said = isSignIn ? { token: 't' } : answers[line];
    response.statusCode = said === undefined ? 404 : 200;
    response.end(JSON.stringify(said ?? { code: 'route-not-found', msg: 'nothing' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { GOD_SERVER: url, GOD_USER: 'ada', GOD_APIKEY: 'key' };
  const terminal = new FakeTerminal(t.testdir(), env);
  const code = await main(words, terminal);
  return { code, out: terminal.outText, err: terminal.errText, asked };
}

t.test('god update', async (t) => {
  const said = await god(t, ['update', '7', 'ram', '8'], { 'PUT task/7': { msg: 'Task updated' } });
  t.match(said, { code: 0, err: 'god: job 7: Task updated\n' });
  t.same(said.asked[0]?.body, { name: 'ram', value: '8' });
});

t.test('god replay', async (t) => {
  const task = { command: { cmd: 'x' } };
  const answers = { 'GET task/7/replay': task, 'POST task?strict=1': { msg: 'Task added', id: 9 } };
  const said = await god(t, ['replay', '7'], answers);
  t.match(said, { code: 0, out: '9\n' });
  t.same(said.asked[1]?.body, task);
  const shown = await god(t, ['replay', '7', '--show'], answers);
  t.same([JSON.parse(shown.out), shown.asked.length], [task, 1]);
});

t.test('god reschedule, god killall', async (t) => {
  const again = { 'POST task/7/reschedule': { msg: 'Task will be rescheduled' } };
  t.match(await god(t, ['reschedule', '7', '8'], again), {
    err: 'god: job 7: Task will be rescheduled\ngod: job 8: nothing\n',
  });
  const killed = { 'DELETE user/ada/task?tag=a%26b': { killed: 2 } };
  t.match(await god(t, ['killall', '--tag', 'a&b'], killed), {
    err: 'god: 2 jobs will be killed\n',
  });
});

t.test('god archive', async (t) => {
  t.match(await god(t, ['archive', '7', '--purge'], { 'DELETE task/7/archive': {} }), {
    out: 'Job 7 is gone.\n',
  });
  const days = { 'GET archive/30?tag=old': { archived: 3, more: false } };
  t.match(await god(t, ['archive', '--days', '30', '--tag', 'old'], days), {
    out: '3 jobs archived.\n',
  });
  t.match(await god(t, ['archive']), { code: 64, err: /give ids of jobs, or --days/ });
  t.match(await god(t, ['archive', '7', '--tag', 'x']), { code: 64 });
});

t.test('god maintenance', async (t) => {
  t.match(await god(t, ['maintenance'], { 'GET maintenance': { on: false } }), {
    out: 'No maintenance: jobs are taken and started.\n',
  });
  const on = { 'PUT maintenance': { on: true, reason: 'new switches' } };
  const said = await god(t, ['maintenance', 'on', '--reason', 'new switches'], on);
  t.match(said.out, /nothing is started: new switches/);
  t.same(said.asked[0]?.body, { on: true, reason: 'new switches' });
});

t.test('god submit --dry-run', async (t) => {
  const answer = {
    ...{ msg: 'Task would be added', dry_run: true, limits: { submitted: 50, running: null } },
    granted: {
      ...{ user: 'ada', project: 'default', image: 'debian:12', image_used: true, root: false },
      volumes: [{ name: 'db', acl: 'ro', path: '/db', mount: '/mnt/db' }],
      ...{ network: true, network_kind: null, executor: 'mesos', queue: 'night', gpus: 0 },
      ...{ cpu: 2, ram: 4, maxlifespan: '7d', members: null },
    },
    warnings: [],
    advice: [{ code: 'no-shebang', field: 'command.cmd', msg: 'no first line' }],
    start: { waits_for: ['release'], in_line: 3, behind: 12, not_before: null },
    like: { jobs: 3, ran: { median: 60, longest: 120 }, ram: null },
  };
  const line = 'POST task?strict=1&dry_run=1';
  const words = ['submit', '--dry-run', '--', 'true'];
  const said = await god(t, words, { [line]: answer });
  t.match(said, { code: 0, err: '' });
  t.match(said.out, /^Volumes: +db at \/mnt\/db \(ro\)$/m);
  t.match(said.out, /^Executor: +mesos, queue night$/m);
  t.match(said.out, /^Start: +waits for its release; 3 jobs in line; behind your job 12$/m);
  t.match(said.out, /^At most: +50 waiting and running$/m);
  t.match(said.out, /^Like jobs: +3 of yours took .*, the longest /m);
  t.match(said.out, /^Advice: +command.cmd: no first line$/m);
  t.same(
    said.asked.map((one) => one.line),
    [line],
  );
  const json = await god(t, [...words.slice(0, 2), '--json', '--', 'true'], { [line]: answer });
  t.same(JSON.parse(json.out), answer);
  const old = await god(t, words, { [line]: { msg: 'Task added', id: 9 } });
  t.not(old.code, 0);
  t.match(old.err, /knows no dry run and has taken job 9: "god kill 9"/);
});
