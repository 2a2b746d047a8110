// Files of a job: hostile names, links, ranges.
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readRange } from '../../src/api/ranges.js';
import { type AService, aService, lead, type ServiceOptions } from './a-service.js';

async function withJob(
  t: Test,
  options?: ServiceOptions,
): Promise<{ service: AService; job: string; at: (path: string) => string }> {
  const service = await aService(t, options);
  const id = await service.submit();
  const job = join(service.directory, 'job');
  mkdirSync(job);
  await lead(service, id, { over: 0 }, job);
  return { service, job, at: (path) => `/api/1.0/task/${id}/files/${path}` };
}

t.test('a log is read whole, in parts, and followed by its size', async (t) => {
  const { service, job, at } = await withJob(t);
  writeFileSync(join(job, 'god.log'), 'hello\n');
  const whole = await service.ask(at('god.log'));
  t.equal(whole.body, 'hello\n');
  t.equal(whole.headers['content-type'], 'text/plain; charset=utf-8');
  t.equal(whole.headers['content-length'], '6');
  t.equal(whole.headers['accept-ranges'], 'bytes');
  t.match(whole.headers['content-security-policy'], /sandbox/);
  const part = await service.ask(at('god.log'), { headers: { range: 'bytes=2-' } });
  t.equal(part.statusCode, 206);
  t.equal(part.body, 'llo\n');
  t.equal(part.headers['content-range'], 'bytes 2-5/6');
  const end = await service.ask(at('god.log'), { headers: { range: 'bytes=6-' } });
  t.equal(end.statusCode, 416);
  t.equal(end.headers['content-range'], 'bytes */6');
  t.equal(end.json().code, 'range-not-satisfiable');
  writeFileSync(join(job, 'god.log'), 'hello\nworld\n');
  const more = await service.ask(at('god.log'), { headers: { range: 'bytes=6-' } });
  t.equal(more.body, 'world\n');
  const stale = { range: 'bytes=6-', 'if-range': String(whole.headers.etag) };
  const changed = await service.ask(at('god.log'), { headers: stale });
  t.equal(changed.statusCode, 200, 'another file by now: all of it');
  const head = await service.ask(at('god.log'), { method: 'HEAD' });
  t.equal(head.headers['content-length'], '12');
  t.equal(head.body, '');
});

t.test('an empty file, a name with spaces and percent signs', async (t) => {
  const { service, job, at } = await withJob(t);
  writeFileSync(join(job, 'empty'), '');
  const empty = await service.ask(at('empty'));
  t.equal(empty.statusCode, 200);
  t.equal(empty.body, '');
  t.equal(empty.headers['content-type'], 'application/octet-stream');
  const names = ['a b.txt', '100%.txt', 'é è.txt', '?#&.txt'];
  for (const name of names) {
    writeFileSync(join(job, name), name);
    t.equal((await service.ask(at(encodeURIComponent(name)))).body, name);
  }
});

t.test('nothing leads out of the job directory', async (t) => {
  const { service, job, at } = await withJob(t);
  const secret = join(service.directory, 'secret');
  writeFileSync(secret, 'secret');
  mkdirSync(join(service.directory, 'job-of-bob'));
  writeFileSync(join(service.directory, 'job-of-bob', 'god.log'), 'secret');
  symlinkSync(secret, join(job, 'link'));
  symlinkSync('god.log', join(job, 'inside'));
  symlinkSync(service.directory, join(job, 'up'));
  spawnSync('mkfifo', [join(job, 'fifo')]);
  const cases = {
    '..%2Fsecret': ['bad-path'],
    '%2e%2e/secret': ['bad-path', 'bad-id', 'route-not-found'],
    'sub/..%2f..%2fsecret': ['bad-path'],
    '..%2Fjob-of-bob%2Fgod.log': ['bad-path'],
    'a%00b': ['bad-path'],
    link: ['bad-path'],
    inside: ['bad-path'],
    'up/secret': ['bad-path'],
    'up/job-of-bob/god.log': ['bad-path'],
    up: ['bad-path'],
    fifo: ['file-not-found'],
    nothing: ['file-not-found'],
    'god.log/below': ['file-not-found'],
    ['n'.repeat(300)]: ['file-not-found'],
    ['n/'.repeat(3000)]: ['bad-path'],
  };
  for (const [path, codes] of Object.entries(cases)) {
    const answer = await service.ask(at(path));
    t.ok(answer.statusCode === 400 || answer.statusCode === 404, `${path}: ${answer.statusCode}`);
    t.ok(codes.includes(answer.json().code), `${path}: ${answer.json().code}`);
    t.notMatch(answer.body, /^secret/, path);
  }
  const listing = (await service.ask(at(''))).json<{ name: string; type: string }[]>();
  t.same(
    listing.map(({ name, type }) => `${name} ${type}`),
    ['fifo file', 'inside file', 'link file', 'up file'],
    'links are listed, not followed',
  );
});

t.test('a job that has no directory yet has no files', async (t) => {
  const service = await aService(t);
  const id = await service.submit();
  const answer = await service.ask(`/api/1.0/task/${id}/files/god.log`);
  t.equal(answer.statusCode, 404);
  t.equal(answer.json().code, 'file-not-found');
});

t.test("files of another user's job do not exist; administrators see them", async (t) => {
  const { service, job, at } = await withJob(t);
  writeFileSync(join(job, 'god.log'), 'hello');
  const bob = await service.ask(at('god.log'), { token: await service.tokenOf('bob') });
  t.equal(bob.statusCode, 404);
  t.equal(bob.json().code, 'job-not-found');
  const root = await service.ask(at('god.log'), { token: await service.tokenOf('root') });
  t.equal(root.statusCode, 200);
});

t.test('a site may bound what is sent', async (t) => {
  const { service, job, at } = await withJob(t, { settings: { max_file_download: 4 } });
  writeFileSync(join(job, 'data'), 'hello');
  const answer = await service.ask(at('data'));
  t.equal(answer.statusCode, 413);
  t.equal(answer.json().code, 'too-large');
  const part = await service.ask(at('data'), { headers: { range: 'bytes=0-3' } });
  t.equal(part.body, 'hell');
});

t.test('ranges', async (t) => {
  const cases = {
    'bytes=0-': [0, 9],
    'bytes=3-5': [3, 5],
    'bytes=3-500': [3, 9],
    'bytes=-4': [6, 9],
    'bytes=-400': [0, 9],
    'bytes=10-': 'outside',
    'bytes=99-100': 'outside',
    'bytes=-0': 'outside',
    'bytes=5-3': 'whole',
    'bytes=-': 'whole',
    'bytes=0-1,4-5': 'whole',
    'lines=0-1': 'whole',
    nonsense: 'whole',
    '': 'whole',
  } as const;
  for (const [header, wanted] of Object.entries(cases)) {
    const range = readRange(header, 10);
    t.same(range.kind === 'part' ? [range.start, range.end] : range.kind, wanted, header);
  }
  t.equal(readRange('bytes=0-', 0).kind, 'outside', 'an empty file has no first byte');
});
