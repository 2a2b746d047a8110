// What jobs may do to their directories while somebody reads them: real processes on a real file system.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer, get as httpGet, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import t, { type Test } from 'tap';
import { removeDirectory } from '../../plugins/storage-pairtree/walk.js';
import { createApi } from '../../src/api/app.js';
import { type AService, aService, lead } from './a-service.js';

interface Job {
  readonly service: AService;
  readonly job: string;
  readonly at: (path: string) => string;
}

async function withJob(t: Test): Promise<Job> {
  const service = await aService(t);
  const id = await service.submit();
  const job = join(service.directory, 'job');
  mkdirSync(job);
  await lead(service, id, 'running', job);
  return { service, job, at: (path) => `/api/1.0/task/${id}/files/${path}` };
}

/** A job of somebody who means harm does `body` for ever, in a process of its own, while `work` goes on. */
async function underAttack(body: string, work: () => Promise<void>): Promise<void> {
  const script = `const fs = require('node:fs'); process.send('on'); for (;;) { try { ${body} } catch {} }`;
  const child = spawn(process.execPath, ['-e', script], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  try {
    await once(child, 'message');
    await work();
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

/** Asks over a real connection, each time a new one. */
async function server(
  t: Test,
  { service, at }: Job,
): Promise<(path: string) => Promise<IncomingMessage>> {
  const listener = createHttpServer(
    createApi({ ...service.deps, metrics: new Registry() }).callback(),
  );
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.teardown(() => {
    listener.closeAllConnections();
    listener.close();
  });
  const base = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const authorization = `Bearer ${await service.tokenOf('alice')}`;
  return (path) =>
    new Promise((resolve, reject) => {
      const options = { headers: { authorization }, agent: false };
      httpGet(`${base}${at(path)}`, options, resolve).on('error', reject);
    });
}

/** What an archive says it lacks. */
const leftOut = (archive: string): string => archive.slice(archive.indexOf('Not in this archive'));

const descriptors = (): number => readdirSync('/proc/self/fd').length;

t.test('a name that is a file and a link by turns shows no other file', async (t) => {
  const { service, job, at } = await withJob(t);
  const secret = join(service.directory, 'secret');
  writeFileSync(secret, 'secret');
  writeFileSync(join(job, 'honest'), 'honest');
  const [file, link, name] = ['honest', 'link', 'log'].map((one) => JSON.stringify(join(job, one)));
  const attack = `fs.rmSync(${link}, { force: true }); fs.symlinkSync(${JSON.stringify(secret)}, ${link});
     fs.renameSync(${link}, ${name}); fs.copyFileSync(${file}, ${link}); fs.renameSync(${link}, ${name});
     fs.rmSync(${name}, { force: true });`;
  const seen = new Map<string, number>();
  await underAttack(attack, async () => {
    for (let n = 0; n < 1_000; n += 1) {
      const { statusCode, body } = await service.ask(at('log'));
      if (body === 'secret') t.fail('the link was followed');
      seen.set(`${statusCode}`, (seen.get(`${statusCode}`) ?? 0) + 1);
    }
  });
  t.comment(`answers: ${JSON.stringify(Object.fromEntries(seen))}`);
  t.ok((seen.get('400') ?? 0) > 0, 'the link was met');
  t.ok((seen.get('200') ?? 0) > 0, 'the file was met');
  t.same(
    [...seen.keys()].filter((code) => !['200', '400', '404'].includes(code)),
    [],
  );
});

t.test('a directory on the way that is swapped for a link leads nowhere', async (t) => {
  const { service, job, at } = await withJob(t);
  const outside = join(service.directory, 'outside');
  for (const [directory, text] of [
    [outside, 'secret'],
    [join(job, 'real'), 'honest'],
  ] as const) {
    mkdirSync(directory);
    writeFileSync(join(directory, 'data'), text);
  }
  const [real, name] = ['real', 'sub'].map((one) => JSON.stringify(join(job, one)));
  const attack = `fs.renameSync(${real}, ${name}); fs.renameSync(${name}, ${real});
     fs.symlinkSync(${JSON.stringify(outside)}, ${name}); fs.unlinkSync(${name});`;
  const before = descriptors();
  const seen = new Set<number>();
  await underAttack(attack, async () => {
    for (let n = 0; n < 300; n += 1)
      for (const path of ['sub/data', 'sub', 'sub?archive=tar', '?archive=tar']) {
        const { statusCode, body } = await service.ask(at(path));
        if (/secret/.test(body)) t.fail(`${path} led outside: ${body}`);
        seen.add(statusCode);
      }
  });
  t.ok(seen.has(200) && seen.has(400), `met: ${[...seen]}`);
  t.same(
    [...seen].filter((code) => ![200, 400, 404].includes(code)),
    [],
  );
  t.ok(descriptors() <= before + 8, 'no descriptor is left open');
});

t.test('pipes, sockets and devices are neither opened nor waited for', async (t) => {
  const { service, job, at } = await withJob(t);
  spawnSync('mkfifo', [join(job, 'fifo')]);
  // Under a short name of its own directory: the address of a socket has little room.
  const listen =
    "require('net').createServer().listen('socket', () => process.kill(process.pid, 9))";
  spawnSync(process.execPath, ['-e', listen], { cwd: job });
  const names = ['fifo', 'socket'];
  // Only root makes devices; 1,3 is /dev/null, and 10,130 a watchdog that opening would start.
  if (process.getuid?.() === 0)
    for (const [name, major, minor] of [
      ['null', '1', '3'],
      ['watchdog', '10', '130'],
    ] as const)
      if (spawnSync('mknod', [join(job, name), 'c', major, minor]).status === 0) names.push(name);
  for (const name of names) {
    const answer = await service.ask(at(name));
    t.same([answer.statusCode, answer.json().code], [404, 'file-not-found'], name);
    const below = await service.ask(at(`${name}/x`));
    t.equal(below.statusCode, 404, `below ${name}`);
  }
  const archive = await service.ask(at('?archive=tar'));
  for (const name of names)
    t.ok(leftOut(archive.body).includes(`/${name}": neither a file`), `${name} is told`);
  // Somebody who writes into the pipe is not woken: nobody has opened it.
  const writer = spawn('sh', ['-c', `echo x > '${join(job, 'fifo')}'`]);
  t.teardown(() => writer.kill('SIGKILL'));
  await service.ask(at('fifo'));
  await service.ask(at('?archive=tar'));
  await sleep(50);
  t.equal(writer.exitCode, null, 'the writer still waits');
});

t.test("a second name for somebody else's file shows nothing", async (t) => {
  if (process.getuid?.() !== 0) {
    t.comment('not root: the kernel refuses what would be read here');
    return;
  }
  const { service, job, at } = await withJob(t);
  const theirs = join(service.directory, 'theirs');
  writeFileSync(theirs, 'secret');
  linkSync(theirs, join(job, 'theirs'));
  writeFileSync(join(job, 'once'), 'of root, with one name');
  const answer = await service.ask(at('theirs'));
  t.same([answer.statusCode, answer.json().code], [404, 'file-not-found']);
  const archive = (await service.ask(at('?archive=tar'))).body;
  t.notOk(archive.includes('secret'));
  t.equal((await service.ask(at('once'))).statusCode, 200);
});

t.test('a tree too deep for any path is read as far as it is allowed, and told', async (t) => {
  const { service, job, at } = await withJob(t);
  const depth = 1_200;
  spawnSync(
    process.execPath,
    [
      '-e',
      `for (let n = 0; n < ${depth}; n++) { require('fs').mkdirSync('dddddddd'); process.chdir('dddddddd'); } require('fs').writeFileSync('bottom', 'x')`,
    ],
    { cwd: job },
  );
  const before = descriptors();
  const archive = await service.ask(at('?archive=tar'));
  t.equal(archive.statusCode, 200);
  t.ok(leftOut(archive.body).includes('too deep'));
  t.equal((await service.ask(at('dddddddd/'.repeat(400)))).statusCode, 200);
  t.equal((await service.ask(at('dddddddd/'.repeat(600)))).json().code, 'bad-path');
  t.ok(descriptors() <= before + 8, 'no descriptor is left open');
  // What cleans up after tests knows of paths only.
  removeDirectory(job);
});

t.test('files that vanish, grow and shrink while an archive is made leave it whole', async (t) => {
  const { service, job, at } = await withJob(t);
  for (let n = 0; n < 50; n += 1) writeFileSync(join(job, `f${n}`), 'x'.repeat(10_000));
  const attack = `for (let n = 0; n < 50; n++) { const f = ${JSON.stringify(job)} + '/f' + n; fs.rmSync(f, { force: true });
     fs.writeFileSync(f, 'y'.repeat(100)); fs.appendFileSync(f, 'z'.repeat(50000)); fs.truncateSync(f, 7); }`;
  await underAttack(attack, async () => {
    for (let n = 0; n < 15; n += 1) {
      const answer = await service.ask(at('?archive=tar'));
      const { status, stderr } = spawnSync('tar', ['-tf', '-'], { input: answer.rawPayload });
      t.equal(status, 0, String(stderr));
    }
  });
});

t.test('a file that becomes shorter while it is sent breaks the connection', async (t) => {
  const one = await withJob(t);
  const big = join(one.job, 'big');
  writeFileSync(big, '');
  truncateSync(big, 200 * 1024 * 1024);
  const ask = await server(t, one);
  const answer = await ask('big');
  t.equal(answer.headers['content-length'], String(200 * 1024 * 1024));
  await once(answer, 'readable');
  truncateSync(big, 1_000);
  answer.resume();
  const [error] = await Promise.race([once(answer, 'error'), once(answer, 'end')]);
  t.match(error, { code: 'ECONNRESET' }, 'never a short answer that looks whole');
});

t.test('a slow reader costs no memory, and one that leaves no descriptor', async (t) => {
  const one = await withJob(t);
  const big = openSync(join(one.job, 'big'), 'w');
  ftruncateSync(big, 1024 ** 3);
  closeSync(big);
  const ask = await server(t, one);
  const before = descriptors();
  const rss = process.memoryUsage.rss();
  const answers = [];
  for (const path of [...Array(20).fill('big'), '?archive=tar', '?archive=tar.gz']) {
    const answer = await ask(path);
    await once(answer, 'readable');
    answers.push(answer);
  }
  await sleep(500);
  const grown = (process.memoryUsage.rss() - rss) / 1024 ** 2;
  t.comment(`22 readers that do not read, of 22 GiB: ${grown.toFixed(0)} MiB`);
  t.ok(grown < 200, 'memory is bounded');
  for (const answer of answers) answer.destroy();
  for (let n = 0; n < 100 && descriptors() > before + 30; n += 1) await sleep(50);
  const open_ = readdirSync('/proc/self/fd').length;
  t.ok(open_ <= before + 30, `${open_} descriptors, ${before} before`);
});

t.test('archives of one user are bounded, and a slot comes back when one is left', async (t) => {
  const one = await withJob(t);
  const big = openSync(join(one.job, 'big'), 'w');
  ftruncateSync(big, 1024 ** 3);
  closeSync(big);
  const ask = await server(t, one);
  const held = [];
  for (let n = 0; n < 4; n += 1) {
    const answer = await ask('?archive=tar');
    t.equal(answer.statusCode, 200);
    held.push(answer);
  }
  const refused = await ask('?archive=tar');
  t.equal(refused.statusCode, 429);
  refused.resume();
  for (const answer of held) answer.destroy();
  let code = 0;
  for (let n = 0; n < 100 && code !== 200; n += 1) {
    const again = await ask('?archive=tar');
    code = again.statusCode ?? 0;
    again.destroy();
    await sleep(20);
  }
  t.equal(code, 200);
});

t.test('100,000 files are listed by pages', async (t) => {
  const { service, job, at } = await withJob(t);
  const made = spawnSync('sh', ['-c', 'seq -f result-%.0f 0 99999 | xargs touch'], { cwd: job });
  t.equal(made.status, 0);
  let query: string | undefined = '?limit=10000';
  const names = new Set<string>();
  const from = performance.now();
  let pages = 0;
  for (; query !== undefined; pages += 1) {
    const page = await service.ask(at(query));
    for (const { name } of page.json<{ name: string }[]>()) names.add(name);
    query = /^<(.*)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
  }
  t.equal(names.size, 100_000);
  t.equal(pages, 10);
  t.comment(`pages: ${(performance.now() - from).toFixed(0)} ms`);
  const first = performance.now();
  t.equal((await service.ask(at('?limit=100'))).json<unknown[]>().length, 100);
  t.comment(`the first hundred: ${(performance.now() - first).toFixed(0)} ms`);
  writeFileSync(join(job, 'one-more'), '');
  const cut = await service.ask(at(''));
  t.equal(cut.json<unknown[]>().length, 100_000, 'whole, up to the bound');
  t.match(cut.headers.link, /rel="next"/, 'and told when cut');
});
