// Files of a job: hostile names, links, ranges.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
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

t.test('a name of any characters is offered for saving, and breaks no header', async (t) => {
  const { service, job, at } = await withJob(t);
  const names = ['plain', 'a"b\\c', 'é è', 'line\nbreak\r', '日本', 'x;filename=y', '.hidden'];
  for (const name of names) {
    writeFileSync(join(job, name), name);
    const answer = await service.ask(at(encodeURIComponent(name)));
    t.equal(answer.body, name, JSON.stringify(name));
    const disposition = String(answer.headers['content-disposition']);
    t.match(disposition, /^attachment; filename/, disposition);
    t.notMatch(disposition, /[^\x20-\x7e\xa0-\xff]/, 'nothing that ends a header');
    t.equal(answer.headers['x-content-type-options'], 'nosniff');
    const { headers } = await service.ask(at(encodeURIComponent(name)), { method: 'HEAD' });
    t.equal(headers['content-disposition'], disposition);
    t.equal(headers['content-length'], String(Buffer.byteLength(name)));
  }
  const disposition = async (name: string) =>
    (await service.ask(at(encodeURIComponent(name)))).headers['content-disposition'];
  t.equal(await disposition('plain'), 'attachment; filename="plain"');
  t.match(await disposition('日本'), /filename\*=UTF-8''%E6%97%A5%E6%9C%AC/);
});

t.test('what a client has already is not sent again', async (t) => {
  const { service, job, at } = await withJob(t);
  const file = join(job, 'god.log');
  writeFileSync(file, 'hello\n');
  utimesSync(file, 1_400_000_000, 1_400_000_000);
  const { headers } = await service.ask(at('god.log'));
  const etag = String(headers.etag);
  const date = String(headers['last-modified']);
  t.equal(date, 'Tue, 13 May 2014 16:53:20 GMT');
  const ask = (headers: Record<string, string>) => service.ask(at('god.log'), { headers });
  const known = await ask({ 'if-none-match': etag });
  t.same([known.statusCode, known.body], [304, '']);
  t.equal((await ask({ 'if-modified-since': date })).statusCode, 304);
  t.equal((await ask({ 'if-none-match': '"other"' })).statusCode, 200);
  const range = 'bytes=2-';
  t.equal((await ask({ range, 'if-range': etag })).body, 'llo\n');
  t.equal((await ask({ range, 'if-range': date })).body, 'llo\n');
  t.equal((await ask({ range, 'if-range': `W/${etag}` })).body, 'hello\n', 'weak: never');
  t.equal((await ask({ range, 'if-range': 'nonsense' })).body, 'hello\n');
  writeFileSync(file, 'HELLO\n');
  t.equal((await ask({ range, 'if-range': etag })).body, 'HELLO\n', 'same length, other content');
  t.equal((await ask({ range, 'if-range': date })).body, 'HELLO\n');
});

t.test('a directory is listed by pages, in order of bytes', async (t) => {
  const { service, job, at } = await withJob(t);
  const names = Array.from({ length: 25 }, (_, n) => `f${n}`);
  for (const name of [...names, 'é', 'a&b=c?d#e %']) writeFileSync(join(job, name), name);
  writeFileSync(Buffer.concat([Buffer.from(`${job}/`), Buffer.of(0x66, 0xff)]), 'no text');
  writeFileSync(Buffer.concat([Buffer.from(`${job}/`), Buffer.of(0x66, 0xfe)]), 'no text');
  type Entry = { name: string; name64?: string; size: number };
  const whole = await service.ask(at(''));
  t.equal(whole.headers.link, undefined, 'complete');
  t.equal(whole.headers['content-type'], 'application/json; charset=UTF-8');
  const all = whole.json<Entry[]>();
  t.equal(all.length, 29);
  const bytesOf = ({ name, name64 }: Entry) =>
    name64 === undefined ? Buffer.from(name) : Buffer.from(name64, 'base64url');
  const inOrder = [...all].sort((a, b) => Buffer.compare(bytesOf(a), bytesOf(b)));
  t.same(all, inOrder, 'by the bytes of the names');
  for (const limit of [1, 4, 28, 29, 10_000]) {
    const found: Entry[] = [];
    let query: string | undefined = `?limit=${limit}`;
    for (let pages = 0; query !== undefined && pages < 40; pages += 1) {
      const page = await service.ask(at(query));
      t.equal(page.headers['content-type'], 'application/json; charset=UTF-8');
      t.ok(page.json<Entry[]>().length <= limit);
      found.push(...page.json<Entry[]>());
      query = /^<(.*)>; rel="next"$/.exec(String(page.headers.link ?? ''))?.[1];
    }
    t.same(found, all, `pages of ${limit}`);
  }
  for (const limit of ['0', '-1', '10001', 'many', '1.5']) {
    const answer = await service.ask(at(`?limit=${limit}`));
    t.same([answer.statusCode, answer.json().field], [400, 'limit'], limit);
  }
  const odd = await service.ask(at('?after64=%26'));
  t.same([odd.statusCode, odd.json().field], [400, 'after64']);
});

/** Unpacks with the system's tar, and tells each file's content. */
function unpacked(t: Test, archive: Buffer, options = ''): Record<string, string> {
  const target = mkdtempSync(join(tmpdir(), 'godocker-tar-'));
  t.teardown(() => rmSync(target, { recursive: true, force: true }));
  const { status, stderr } = spawnSync('tar', [`-x${options}`, '-f', '-', '-C', target], {
    input: archive,
  });
  t.equal(status, 0, String(stderr));
  t.equal(String(stderr), '');
  const listed = spawnSync('find', ['.', '-mindepth', '1', '-printf', '%y %P\\0'], {
    cwd: target,
    encoding: 'latin1',
  });
  const entries = listed.stdout.split('\0').filter(Boolean).sort();
  return Object.fromEntries(
    entries.map((entry) => {
      const [kind, path] = [entry.slice(0, 1), entry.slice(2)];
      const { stdout } = spawnSync('cat', ['--', Buffer.from(path, 'latin1').toString()], {
        cwd: target,
      });
      return [path, kind === 'f' ? String(stdout) : kind];
    }),
  );
}

t.test('a whole directory comes as one archive that tar unpacks', async (t) => {
  const { service, job, at } = await withJob(t);
  const deep = join(job, ...Array.from({ length: 30 }, (_, n) => `level-${n}`));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, 'far'), 'away');
  mkdirSync(join(job, 'empty'));
  writeFileSync(join(job, 'god.log'), 'hello\n');
  writeFileSync(join(job, 'none'), '');
  writeFileSync(join(job, 'n'.repeat(255)), 'long');
  writeFileSync(join(job, 'é'.repeat(120)), 'long and no ASCII');
  writeFileSync(join(job, 'line\nbreak'), 'control');
  writeFileSync(join(job, 'blocks'), 'x'.repeat(200_000));
  chmodSync(join(job, 'god.log'), 0o4755);
  const secret = join(service.directory, 'secret');
  writeFileSync(secret, 'secret');
  symlinkSync(secret, join(job, 'link'));
  symlinkSync(service.directory, join(job, 'up'));
  spawnSync('mkfifo', [join(job, 'fifo')]);
  for (const [format, options] of [
    ['tar', ''],
    ['tar.gz', 'z'],
  ] as const) {
    const answer = await service.ask(at(`?archive=${format}`));
    t.equal(answer.statusCode, 200);
    const id = /\/task\/(\d+)/.exec(at(''))?.[1];
    t.equal(answer.headers['content-disposition'], `attachment; filename="job-${id}.${format}"`);
    const files = unpacked(t, answer.rawPayload, options);
    const latin1 = (name: string) => Buffer.from(name).toString('latin1');
    t.equal(files[`job-${id}/god.log`], 'hello\n');
    t.equal(files[`job-${id}/empty`], 'd');
    t.equal(files[`job-${id}/none`], '');
    t.equal(files[`job-${id}/${'n'.repeat(255)}`], 'long');
    t.ok(latin1(`job-${id}/${'é'.repeat(120)}`) in files);
    t.equal(files[`job-${id}/line\nbreak`], 'control');
    t.equal(files[`job-${id}/blocks`]?.length, 200_000);
    const far = Object.keys(files).find((path) => path.endsWith('/level-29/far'));
    t.equal(files[far ?? ''], 'away');
    const leftOut = files[`job-${id}/GODOCKER-LEFT-OUT.txt`] ?? '';
    for (const name of ['link', 'up', 'fifo']) t.match(leftOut, `job-${id}/${name}"`);
    t.notMatch(JSON.stringify(files), /"secret"/);
    t.equal(Object.values(files).filter((kind) => kind === 'l' || kind === 'p').length, 0);
  }
  const head = await service.ask(at('?archive=tar.gz'), { method: 'HEAD' });
  t.same([head.statusCode, head.body, head.headers['content-type']], [200, '', 'application/gzip']);
  const part = await service.ask(at('level-0?archive=tar'));
  t.match(part.headers['content-disposition'], 'level-0.tar');
  const ofFile = await service.ask(at('god.log?archive=tar'));
  t.same([ofFile.statusCode, ofFile.json().field], [400, 'archive']);
  const zip = await service.ask(at('?archive=zip'));
  t.same([zip.statusCode, zip.json().field], [400, 'archive']);
});

t.test('names that are no text keep their bytes in an archive', async (t) => {
  const { service, job, at } = await withJob(t);
  const odd = Buffer.of(0x61, 0xff, 0xfe);
  const long = Buffer.concat([Buffer.alloc(150, 0x62), odd]);
  for (const name of [odd, long])
    writeFileSync(Buffer.concat([Buffer.from(`${job}/`), name]), 'odd');
  const files = unpacked(t, (await service.ask(at('?archive=tar'))).rawPayload);
  const paths = Object.keys(files).map((path) => path.slice(path.indexOf('/') + 1));
  t.ok(paths.includes(odd.toString('latin1')));
  t.ok(paths.includes(long.toString('latin1')));
});

t.test('a file that is larger than the site sends is not in the archive either', async (t) => {
  const { service, job, at } = await withJob(t, { settings: { max_file_download: 4 } });
  writeFileSync(join(job, 'data'), 'hello');
  writeFileSync(join(job, 'fits'), 'hell');
  const files = unpacked(t, (await service.ask(at('?archive=tar'))).rawPayload);
  const names = Object.keys(files).map((path) => path.split('/')[1]);
  t.same(names, [undefined, 'GODOCKER-LEFT-OUT.txt', 'fits']);
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
