/** The node as HTTP sees it: who may ask, what pages look like, what is refused at start. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Test, test } from 'tap';
import {
  type LocalNode,
  type LocalNodeOptions,
  localMesosCommand,
  startLocalNode,
} from '../../src/localmesos/index.js';
import { PROTOBUF_TYPE } from '../../src/mesos/codec.js';
import { aTask, CAPABILITIES, Driver } from './support/driver.js';
import { spawnNode } from './support/node-process.js';

const PAGES = JSON.parse(
  readFileSync(
    new URL('../../../test/transcripts/pages-mesos-1.12.0.json', import.meta.url),
    'utf8',
  ),
);

async function aNode(t: Test, more: Partial<LocalNodeOptions> = {}): Promise<LocalNode> {
  const node = await startLocalNode({
    port: 0,
    containerizer: 'simulate',
    credential: null,
    ...more,
  });
  t.teardown(() => node.stop());
  return node;
}

interface Page {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

function get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Page> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('calls sent ahead of their answers are all answered, in their order and together', async (t) => {
  const { port } = await aNode(t);
  const paths = Array.from({ length: 32 }, (_, n) => (n % 2 === 0 ? '/health' : '/nowhere'));
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  const pieces: string[] = [];
  const statuses = (): string[] => pieces.join('').match(/HTTP\/1\.1 \d+/g) ?? [];
  const answered = new Promise<void>((done) =>
    socket.on('data', (piece) => {
      pieces.push(String(piece));
      if (statuses().length === paths.length) done();
    }),
  );
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''));
  await answered;
  const expected = paths.map((path) => `HTTP/1.1 ${path === '/health' ? 200 : 404}`);
  t.same(statuses(), expected);
  t.ok(pieces.length < paths.length / 4, `in ${pieces.length} pieces`);
});

test('with a credential only /health and /version are open', async (t) => {
  const credential = { principal: 'godocker', secret: 'a b:c' };
  const { url } = await aNode(t, { credential });
  for (const path of ['/health', '/version']) t.equal((await get(url + path)).status, 200, path);
  for (const path of [
    '/state',
    '/master/slaves',
    '/metrics/snapshot',
    '/frameworks',
    '/redirect',
    '/nothing',
  ]) {
    t.equal((await get(url + path)).status, 401, path);
  }
  const basic = (text: string) => ({
    Authorization: `Basic ${Buffer.from(text).toString('base64')}`,
  });
  t.equal((await get(`${url}/state`, basic('godocker:a b:c'))).status, 200);
  t.equal((await get(`${url}/state`, basic('godocker:a b:d'))).status, 401);
  t.equal((await get(`${url}/state`, basic('other:a b:c'))).status, 401);
  const driver = new Driver({ url, headers: basic('godocker:a b:c'), mediaType: PROTOBUF_TYPE });
  t.equal(await driver.subscribe(), 200);
  await driver.anOffer();
  driver.cut();
  t.equal(await new Driver({ url }).subscribe(), 401);
});

test('requests for other hosts are refused, against pages that make names point here', async (t) => {
  const { url, port } = await aNode(t, { hosts: ['mesos.example'] });
  for (const [host, status] of [
    [`127.0.0.1:${port}`, 200],
    ['localhost', 200],
    ['mesos.example:80', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
  ] as const) {
    t.equal((await get(`${url}/state`, { Host: host })).status, status, host);
  }
});

test('it does not listen beyond loopback unless told', async (t) => {
  await t.rejects(
    startLocalNode({ port: 0, host: '0.0.0.0', containerizer: 'simulate', credential: null }),
    {
      message: /does not listen on 0\.0\.0\.0 unless told/,
    },
  );
});

test('pages have the fields that a real master shows', async (t) => {
  const { url } = await aNode(t, { attributes: 'rack:r1;num:1' });
  const info = { webui_url: 'http://fw.example/', labels: { labels: [{ key: 'k', value: 'v' }] } };
  const driver = new Driver({ url, info });
  await driver.subscribe();
  const offer = await driver.anOffer();
  const agent = offer.agent_id.value;
  const long = { labels: { labels: [{ key: 'simulate.ms', value: '60000' }] } };
  await driver.accept([offer], [aTask('live', agent, 'true', long), aTask('over', agent, 'true')]);
  await driver.update('live', 'TASK_RUNNING');
  await driver.update('over', 'TASK_FINISHED');
  await driver.anOffer();
  const page = async (path: string) => JSON.parse((await get(url + path)).body);
  const keys = (value: unknown) => Object.keys(value as object).sort();
  const [state, real] = [await page('/master/state'), PAGES['/state']];
  t.same(keys(state), keys(real), '/state');
  t.same(
    keys(state.slaves[0]),
    keys(real.slaves[1]).filter((key) => key !== 'reregistered_time'),
    'agent',
  );
  t.same(keys(state.frameworks[0]), keys(real.frameworks[0]), 'framework');
  const task = (shown: { id: string }[], id: string) => shown.find((one) => one.id === id);
  t.same(
    keys(task(state.frameworks[0].tasks, 'live')),
    keys(task(real.frameworks[0].tasks, 'live-1')).filter((key) => key !== 'discovery'),
    'live task',
  );
  t.same(
    keys(task(state.frameworks[0].completed_tasks, 'over')),
    keys(task(real.frameworks[0].completed_tasks, 'live-3')),
    'ended task',
  );
  t.same(keys(state.frameworks[0].offers[0]), keys(real.frameworks[0].offers[0]), 'offer');
  const [slaves, realSlaves] = [await page('/slaves'), PAGES['/slaves']];
  t.same(
    keys(slaves.slaves[0]),
    keys(realSlaves.slaves[1]).filter((key) => key !== 'reregistered_time'),
    '/slaves',
  );
  t.same(
    keys(await page('/frameworks')).filter((key) => !(key in PAGES['/frameworks'])),
    [],
    '/frameworks',
  );
  t.same(keys(await page('/version')), keys(PAGES['/version']), '/version');
  t.match((await page('/version')).version, /^\d+\.\d+\.\d+$/, 'clients compare it as numbers');
  const metrics = await page('/metrics/snapshot');
  t.same(
    keys(metrics).filter((key) => !(key in PAGES['/metrics/snapshot'])),
    [],
    'no metric of our own invention',
  );
  t.match(metrics, {
    'master/tasks_running': 1,
    'master/tasks_finished': 1,
    'master/frameworks_active': 1,
  });
  const told = await get(`${url}/metrics`);
  t.match(told.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  t.match(told.body, /^# TYPE mesos_master_tasks_running untyped\nmesos_master_tasks_running 1$/m);
  t.equal(told.body.match(/^mesos_/gm)?.length, keys(metrics).length, 'the same, for Prometheus');
  driver.cut();
});

test('bodies may be compressed; broken ones are refused', async (t) => {
  const { url } = await aNode(t);
  const driver = new Driver({ url, headers: { 'Content-Encoding': 'gzip' } });
  const call = gzipSync('{"type": "REVIVE", "framework_id": {"value": "nope"}}');
  t.match(await driver.raw(call, {}), { status: 400, body: 'Framework cannot be found' });
  t.match(await driver.raw(Buffer.from('no gzip'), {}), {
    status: 400,
    body: /^Failed to decompress body/,
  });
});

test('a framework without RESERVATION_REFINEMENT gets the old role field, with it none', async (t) => {
  const { url } = await aNode(t);
  const roles = async (capabilities: typeof CAPABILITIES) => {
    const driver = new Driver({ url, info: { capabilities } });
    await driver.subscribe();
    const offer = await driver.anOffer();
    await driver.call({ type: 'TEARDOWN' });
    return offer.resources?.map(({ role, allocation_info }) => [role, allocation_info?.role]);
  };
  const names = 4;
  t.same(await roles(CAPABILITIES), Array(names).fill([undefined, '*']));
  t.same(await roles(CAPABILITIES.slice(0, 2)), Array(names).fill(['*', '*']));
});

test('operators schedule a window, take the machine down and bring it up', async (t) => {
  const { url } = await aNode(t, { credential: { principal: 'p', secret: 's' } });
  const authorization = `Basic ${Buffer.from('p:s').toString('base64')}`;
  const headers = { authorization };
  const tell = (path: string, body: unknown) =>
    fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  const agents = async () =>
    ((await (await fetch(`${url}/slaves`, { headers })).json()) as { slaves: { id: string }[] })
      .slaves;
  const [before] = await agents();
  const machine = { ip: '127.0.0.1' };
  const unavailability = { start: { nanoseconds: 1 } };
  const refused = await tell('/machine/down', [machine]);
  t.equal(refused.status, 400);
  t.match(await refused.text(), /not part of a maintenance schedule/);
  const windows = [{ machine_ids: [machine], unavailability }];
  t.equal((await tell('/master/maintenance/schedule', { windows })).status, 200);
  t.equal((await tell('/machine/down', [machine])).status, 200);
  t.same(await agents(), []);
  const status = await fetch(`${url}/maintenance/status`, { headers });
  t.same(await status.json(), { down_machines: [machine] });
  t.equal((await tell('/master/machine/up', [machine])).status, 200);
  const [after, ...others] = await agents();
  t.same(others, []);
  t.ok(after !== undefined && after.id !== before?.id, 'a new agent');
  const stranger = await fetch(`${url}/machine/down`, { method: 'POST', body: '[]' });
  t.equal(stranger.status, 401);
});

test('the command tells mistakes and what it needs', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'godocker-command-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  t.equal(await localMesosCommand(['--no-such-option']), 2);
  t.equal(await localMesosCommand(['--tasks', 'magic']), 2);
  t.equal(await localMesosCommand(['--tasks', 'docker']), 2, 'Docker without a credential');
  const socket = ['--docker-socket', join(folder, 'no.sock'), '--state', join(folder, 'state')];
  t.equal(await localMesosCommand(['--tasks', 'docker', '--insecure', ...socket]), 1, 'no daemon');
  const file = join(folder, 'credential.json');
  writeFileSync(file, JSON.stringify({ principal: 'p', secret: 's' }));
  const state = join(folder, 'own');
  const node = await spawnNode([
    '--port',
    '0',
    '--tasks',
    'process',
    '--credential',
    file,
    '--state',
    state,
  ]);
  t.equal((await get(`${node.url}/state`)).status, 401);
  t.equal(await node.stop(), 0);
  t.equal(statSync(join(state, 'journal.ndjson')).mode & 0o777, 0o600);
});
