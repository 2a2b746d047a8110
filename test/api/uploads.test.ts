// Input files that are uploaded before a job starts: whole, in parts, and by people who mean harm.
import { createHash } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { pairtreePath } from '../../plugins/storage-pairtree/directory.js';
import type { JobId } from '../../src/core/units.js';
import { type AService, aService, aTask } from './a-service.js';

interface Created {
  readonly service: AService;
  readonly id: JobId;
  /** Where the job will run. */
  readonly job: string;
  readonly put: (
    path: string,
    body: string | Buffer,
    headers?: Record<string, string>,
  ) => ReturnType<AService['ask']>;
  readonly start: () => ReturnType<AService['ask']>;
}

async function created(t: Test, uploads: readonly string[] = ['reads.fa']): Promise<Created> {
  const service = await aService(t);
  const id = await service.submit(aTask({ requirements: { uploads } }));
  const at = `/api/1.0/task/${id}`;
  return {
    service,
    id,
    job: pairtreePath(service.directory, id),
    put: (path, raw, headers = {}) =>
      service.ask(`${at}/files/${path}`, { method: 'PUT', raw, headers }),
    start: () => service.ask(`${at}/start`, { method: 'POST' }),
  };
}

const digestOf = (data: string | Buffer): string =>
  `sha-256=:${createHash('sha256').update(data).digest('base64')}:`;

t.test('a job waits for its files, is started, and waits no more', async (t) => {
  const { service, id, job, put, start } = await created(t, ['reads.fa', 'deep/er/ref.fa']);
  const status = async () => (await service.ask(`/api/1.0/task/${id}`)).json().status;
  t.match(await status(), { primary: 'created', secondary: 'held' });
  t.match((await service.ask(`/api/1.0/task/${id}`)).json().requirements.uploads, ['reads.fa']);
  const early = await start();
  t.match([early.statusCode, early.json()], [409, { code: 'wrong-state', missing: 'reads.fa' }]);
  const first = await put('reads.fa', '>one\nACGT\n');
  t.same([first.statusCode, first.json()], [200, { msg: 'File uploaded', offset: 10 }]);
  const half = await start();
  t.match(half.json(), { code: 'wrong-state', missing: 'deep/er/ref.fa' });
  t.equal((await put('deep/er/ref.fa', '>ref')).statusCode, 200);
  t.equal((await put('not-announced', 'too')).statusCode, 200);
  t.equal(readFileSync(join(job, 'deep/er/ref.fa'), 'utf8'), '>ref');
  const { uid, gid } = lstatSync(join(job, 'deep/er/ref.fa'));
  if (process.getuid?.() === 0)
    for (const path of ['', 'deep', 'deep/er', 'reads.fa', 'deep/er/ref.fa']) {
      const { uid, gid } = lstatSync(join(job, path));
      t.same([uid, gid], [1001, 1001], path);
    }
  else t.same([uid, gid], [process.getuid?.(), process.getgid?.()]);
  const listed = (await service.ask(`/api/1.0/task/${id}/files`)).json<{ name: string }[]>();
  t.same(
    listed.map(({ name }) => name),
    ['deep', 'not-announced', 'reads.fa'],
  );
  t.equal((await service.ask(`/api/1.0/task/${id}/files/reads.fa`)).body, '>one\nACGT\n');
  t.match((await start()).json(), { msg: 'Task is started', status: { primary: 'pending' } });
  t.match(await status(), { primary: 'pending', secondary: null });
  t.ok(service.holdsNoticed.includes(id), 'the scheduler hears of it');
  const late = await put('reads.fa', 'other');
  t.match([late.statusCode, late.json().code], [409, 'wrong-state']);
  t.equal(readFileSync(join(job, 'reads.fa'), 'utf8'), '>one\nACGT\n');
  t.equal((await start()).json().code, 'wrong-state');
});

t.test('a file comes in parts, and goes on where it broke', async (t) => {
  const { job, put } = await created(t);
  const data = Buffer.from('0123456789'.repeat(1_000));
  const part = (from: number, to: number, headers = {}) =>
    put('reads.fa', data.subarray(from, to), {
      'content-range': `bytes ${from}-${to - 1}/${data.length}`,
      ...headers,
    });
  const where = () => put('reads.fa', '', { 'content-range': `bytes */${data.length}` });
  t.match((await where()).json(), { offset: 0 });
  t.same((await part(0, 4_000)).json(), { msg: 'Part uploaded', offset: 4_000 });
  t.notOk(readdirSync(job).includes('reads.fa'), 'no name before it is whole');
  t.match((await where()).json(), { offset: 4_000 });
  const wrong = await part(5_000, 6_000);
  t.match([wrong.statusCode, wrong.json()], [409, { field: 'Content-Range', offset: 4_000 }]);
  const repr = { 'repr-digest': digestOf(data) };
  t.same((await part(4_000, 10_000, repr)).json(), { msg: 'File uploaded', offset: 10_000 });
  t.same(readdirSync(job), ['reads.fa'], 'no part is left');
  t.ok(readFileSync(join(job, 'reads.fa')).equals(data));
  t.equal((await put('reads.fa', 'anew')).statusCode, 200);
  t.equal(readFileSync(join(job, 'reads.fa'), 'utf8'), 'anew', 'put again, it is another one');
});

t.test('other bytes than were sent are no file', async (t) => {
  const { job, put } = await created(t);
  const answer = await put('reads.fa', 'hello', { 'repr-digest': digestOf('hallo') });
  t.match([answer.statusCode, answer.json().field], [400, 'Repr-Digest']);
  t.same(readdirSync(job), []);
  t.equal((await put('reads.fa', 'hello', { 'repr-digest': digestOf('hello') })).statusCode, 200);
  for (const [header, value] of [
    ['content-range', 'bytes 0-9/5'],
    ['content-range', 'bytes 0-2/3'],
    ['content-range', 'lines 0-9/10'],
    ['repr-digest', 'md5=:abc:'],
  ] as const) {
    const bad = await put('other', 'hello', { [header]: value });
    t.match([bad.statusCode, bad.json().code], [400, 'bad-field'], value);
  }
});

t.test('nothing is written outside, over directories, or over what is ours', async (t) => {
  const { service, job, put } = await created(t);
  const outside = join(service.directory, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'victim'), 'mine');
  t.equal((await put('first', 'x')).statusCode, 200);
  symlinkSync(outside, join(job, 'out'));
  symlinkSync(join(outside, 'victim'), join(job, 'link'));
  mkdirSync(join(job, 'folder'));
  for (const path of [
    'out/victim',
    'out/new',
    '..%2Fvictim',
    'a/..%2f..%2fvictim',
    'a%00b',
    'folder',
    'god.log',
    'cmd.sh',
    'wrapper.sh',
    'god.exit-1',
    '.cmd.sh.new',
  ]) {
    const answer = await put(path, 'evil');
    t.match([answer.statusCode, answer.json().code], [400, 'bad-path'], path);
  }
  t.match((await put('first/below', 'x')).json(), { code: 'file-not-found' });
  t.equal((await put('n'.repeat(300), 'x')).json().code, 'file-not-found');
  t.equal((await put('link', 'new')).statusCode, 200);
  t.equal(readFileSync(join(job, 'link'), 'utf8'), 'new', 'the link is replaced, not followed');
  t.same(readdirSync(outside), ['victim']);
  t.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'mine');
});

t.test('whatever lies under the name of a part is not written to', async (t) => {
  const { service, job, put } = await created(t);
  const victim = join(service.directory, 'victim');
  writeFileSync(victim, 'mine');
  const range = { 'content-range': 'bytes 0-1/4' };
  t.equal((await put('data', 'ab', range)).statusCode, 200);
  const [part = ''] = readdirSync(job);
  for (const plant of [symlinkSync, linkSync]) {
    const { unlinkSync } = await import('node:fs');
    unlinkSync(join(job, part));
    plant(victim, join(job, part));
    const answer = await put('data', 'ab', range);
    t.match([answer.statusCode, answer.json().code], [400, 'bad-path'], plant.name);
    t.equal(readFileSync(victim, 'utf8'), 'mine');
  }
  t.equal((await put('data', 'whole')).statusCode, 200, 'a whole file begins anew');
  t.equal(readFileSync(victim, 'utf8'), 'mine');
});

t.test('who may not, what may not', async (t) => {
  const { service, id, job } = await created(t);
  const put = (token: string, job_: number = id) =>
    service.ask(`/api/1.0/task/${job_}/files/x`, { method: 'PUT', raw: 'x', token });
  t.equal((await put(await service.tokenOf('bob'))).json().code, 'job-not-found');
  const plain = await service.submit();
  t.match((await put(await service.tokenOf('alice'), plain)).json(), { code: 'wrong-state' });
  const held = await service.submit(aTask({ requirements: { hold: true } }));
  t.match((await put(await service.tokenOf('alice'), held)).json(), { code: 'wrong-state' });
  const array = { uploads: ['x'], array: { values: '1:3' } };
  const refused = await service.ask('/api/1.0/task', { body: aTask({ requirements: array }) });
  t.match(refused.json(), { code: 'not-supported', field: 'requirements.uploads' });
  for (const name of ['../x', 'god.log', '', 'a\0b']) {
    const bad = await service.ask('/api/1.0/task', {
      body: aTask({ requirements: { uploads: [name] } }),
    });
    t.equal(bad.statusCode, 400, JSON.stringify(name));
    t.match(bad.json().field, /^requirements\.uploads/);
  }
  t.equal((await put(await service.tokenOf('root'))).statusCode, 200, 'an administrator may');
  t.ok(readdirSync(job).includes('x'));
});

t.test('a quota of disk holds for uploads, too', async (t) => {
  const { service, put, job } = await created(t);
  await service.store.changeUser(
    (await service.store.users()).find(({ id }) => id === 'alice')?.id ?? ('' as never),
    (record) => record && { ...record, quotas: { ...record.quotas, disk: 0.0001 } },
  );
  t.equal((await put('fits', 'x'.repeat(1_000))).statusCode, 200);
  const big = await put('big', 'x'.repeat(200_000));
  t.equal(big.json().code, 'quota-exceeded', big.body);
  t.same(readdirSync(job), ['fits']);
});
