// `god get` against the real API, over connections that break.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import t, { type Test } from 'tap';
import { pairtreePath } from '../../plugins/storage-pairtree/directory.js';
import { createApi } from '../../src/api/app.js';
import { EXIT } from '../../src/cli/exit-codes.js';
import { main } from '../../src/cli/main.js';
import { jobId } from '../../src/core/units.js';
import { aService, lead } from '../api/a-service.js';
import { FakeTerminal } from './fake-terminal.js';

async function listening(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** `cuts`: of the next connections so many bytes get through, one number each. */
async function setUp(t: Test) {
  const service = await aService(t);
  const id = await service.submit();
  const job = join(service.directory, 'job');
  const here = join(service.directory, 'here');
  mkdirSync(job);
  mkdirSync(here);
  await lead(service, id, { over: 0 }, job);
  const asked: string[] = [];
  const answer = createApi({ ...service.deps, metrics: new Registry() }).callback();
  const web = createHttpServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim());
    response.setHeader('Connection', 'close');
    void answer(request, response);
  });
  const port = await listening(t, web);
  const cuts: number[] = [];
  const proxy = createServer((client) => {
    const up = connect(port, '127.0.0.1');
    let left = Number.POSITIVE_INFINITY;
    client.pipe(up);
    up.on('data', (bytes) => {
      // Signing in and listing are not what breaks here.
      if (left === Number.POSITIVE_INFINITY && bytes.includes('octet-stream'))
        left = cuts.shift() ?? left;
      client.write(bytes.subarray(0, Math.min(bytes.length, left)));
      left -= bytes.length;
      if (left <= 0) client.destroySoon();
    });
    up.on('end', () => client.end());
    for (const [one, other] of [
      [client, up],
      [up, client],
    ] as const)
      one.on('error', () => other.destroy());
    client.on('close', () => up.destroy());
  });
  const server = `http://127.0.0.1:${await listening(t, proxy)}`;
  const terminal = new FakeTerminal(here, {
    GOD_SERVER: server,
    GOD_USER: 'alice',
    GOD_APIKEY: service.keys.alice,
  });
  const god = (...words: string[]) => main(words, terminal);
  return { service, job, here, id: String(id), asked, cuts, terminal, god };
}

const ranges = (asked: readonly string[]): number[] =>
  asked.flatMap((line) => /bytes=(\d+)-/.exec(line)?.[1] ?? []).map(Number);

t.test('a download goes on where its connection broke', async (t) => {
  const { job, here, id, asked, cuts, terminal, god } = await setUp(t);
  const data = randomBytes(3_000_000);
  writeFileSync(join(job, 'data'), data);
  cuts.push(1_000_000, 700_000);
  t.equal(await god('get', id, 'data'), 0, terminal.errText);
  t.ok(readFileSync(join(here, 'data')).equals(data));
  const from = ranges(asked);
  t.equal(from.length, 2);
  t.ok((from[0] ?? 0) > 0 && (from[1] ?? 0) > (from[0] ?? 0), `went on at ${from}`);
  t.match(terminal.errText, /the connection broke after .*; going on/);
  t.same(readdirSync(here), ['data'], 'no half files');
});

t.test(
  'what was given up goes on with the next command, unless the file is another one',
  async (t) => {
    const { job, here, id, asked, cuts, terminal, god } = await setUp(t);
    const data = randomBytes(3_000_000);
    writeFileSync(join(job, 'data'), data);
    cuts.push(1_000_000, ...Array(10).fill(1));
    t.equal(await god('get', id, 'data'), EXIT.unreachable);
    t.match(terminal.errText, /are kept: the same command goes on there/);
    t.equal(readdirSync(here).length, 1, 'the part');
    cuts.length = 0;
    asked.length = 0;
    t.equal(await god('get', id, 'data'), 0);
    t.ok((ranges(asked)[0] ?? 0) > 500_000, 'went on');
    t.ok(readFileSync(join(here, 'data')).equals(data));
    t.same(readdirSync(here), ['data']);
    rmSync(join(here, 'data'));

    cuts.push(1_000_000, ...Array(10).fill(1));
    t.equal(await god('get', id, 'data'), EXIT.unreachable);
    cuts.length = 0;
    const other = randomBytes(3_000_000);
    writeFileSync(join(job, 'data'), other);
    t.equal(await god('get', id, 'data'), 0);
    t.ok(readFileSync(join(here, 'data')).equals(other), 'never a mixture of both');
  },
);

t.test('get -r fetches a directory, and the second time only what is new', async (t) => {
  const { job, here, id, asked, cuts, terminal, god } = await setUp(t);
  mkdirSync(join(job, 'results', 'deep', 'er'), { recursive: true });
  mkdirSync(join(job, 'results', 'empty'));
  writeFileSync(join(job, 'god.log'), 'log');
  const data = randomBytes(1_000_000);
  writeFileSync(join(job, 'results', 'a b%.bin'), data);
  writeFileSync(join(job, 'results', 'deep', 'er', 'é'), 'accent');
  symlinkSync('/etc/passwd', join(job, 'link'));
  writeFileSync(Buffer.concat([Buffer.from(`${job}/`), Buffer.of(0x66, 0xff)]), 'odd');
  cuts.push(400_000);
  t.equal(await god('get', '-r', id), 0, terminal.errText);
  const top = join(here, `job-${id}`);
  t.ok(readFileSync(join(top, 'results', 'a b%.bin')).equals(data));
  t.equal(readFileSync(join(top, 'results', 'deep', 'er', 'é'), 'utf8'), 'accent');
  t.equal(readFileSync(join(top, 'god.log'), 'utf8'), 'log');
  t.ok(statSync(join(top, 'results', 'empty')).isDirectory());
  t.same(readdirSync(top).sort(), ['god.log', 'results']);
  t.match(terminal.errText, /not fetched: \/link is no file/);
  t.match(terminal.errText, /not fetched: "f\uFFFD" is no name here/);
  t.match(terminal.errText, /3 files/);
  asked.length = 0;
  writeFileSync(join(job, 'results', 'new'), 'new');
  t.equal(await god('get', '-r', id), 0);
  const files = asked.filter(
    (line) => /files\/.*[^/](\s|$)/.test(line) && !line.includes('limit='),
  );
  t.same(
    files.filter((line) => !line.includes('link')),
    [`GET /api/1.0/task/${id}/files/results/new`],
  );
  t.match(terminal.errText, /1 files.*; 3 were here already/);
  t.equal(await god('get', '-r', id, 'results', '.'), 0);
  t.equal(readFileSync(join(here, 'results', 'new'), 'utf8'), 'new');
  t.equal(await god('get', '-r', id, 'god.log', '.'), EXIT.refused, 'a file is no directory');
  t.equal(await god('get', id), EXIT.usage);
  t.equal(await god('get', '-r', id, '', '-'), EXIT.usage);
});

t.test('submit --upload sends files, in parts, and starts the job', async (t) => {
  const { here, service, terminal, god, asked } = await setUp(t);
  const data = randomBytes(9_000_000);
  writeFileSync(join(here, 'reads.fa'), data);
  writeFileSync(join(here, 'empty'), '');
  const words = ['--image', 'debian:12', '--upload', 'reads.fa', '--upload', 'empty'];
  t.equal(await god('submit', ...words, '--', 'wc', 'reads.fa'), 0, terminal.errText);
  const id = jobId(Number(terminal.outText.trim()));
  const job = pairtreePath(service.directory, id);
  t.ok(readFileSync(join(job, 'reads.fa')).equals(data));
  t.equal(readFileSync(join(job, 'empty')).length, 0);
  t.equal(asked.filter((line) => line.startsWith('PUT')).length, 5, 'asked twice, three parts');
  const stored = await service.store.job(id);
  t.match(stored, { state: 'pending', heldBack: undefined });
  t.equal(await god('submit', '--upload', 'absent', '--', 'true'), EXIT.localFile);
  t.equal(await service.store.job(jobId(id + 1)), undefined, 'nothing was submitted');
});
