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
