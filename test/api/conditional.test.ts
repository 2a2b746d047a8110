// Who asks again gets the answer only if it is another one.
import t from 'tap';
import { TAGGED_BYTES_MAX } from '../../src/contracts/limits.js';
import { aService, aTask } from './a-service.js';

t.test('the same answer is not sent twice', async (t) => {
  const service = await aService(t);
  const id = await service.submit();
  for (const path of [`/api/1.0/task/${id}`, '/api/1.0/task/active', '/api/1.0/config']) {
    const first = await service.ask(path);
    const tag = String(first.headers.etag);
    t.match(tag, /^"[\w-]{27}"$/, path);
    const again = await service.ask(path, { headers: { 'if-none-match': tag } });
    t.equal(again.statusCode, 304, path);
    t.equal(again.body, '');
    t.equal(again.headers.etag, tag);
    const other = await service.ask(path, { headers: { 'if-none-match': '"other"' } });
    t.equal(other.statusCode, 200);
    t.equal(other.body, first.body);
    t.equal(other.headers['content-type'], first.headers['content-type']);
  }
  const path = `/api/1.0/task/${id}`;
  const tag = String((await service.ask(path)).headers.etag);
  await service.ask(path, { method: 'DELETE' });
  const changed = await service.ask(path, { headers: { 'if-none-match': tag } });
  t.equal(changed.statusCode, 200, 'a kill is wanted now');
  t.not(changed.headers.etag, tag);
});

t.test("refusals, other methods and others' tags get what they always got", async (t) => {
  const service = await aService(t);
  const id = await service.submit();
  const path = `/api/1.0/task/${id}`;
  const headers = { 'if-none-match': String((await service.ask(path)).headers.etag) };
  const token = await service.tokenOf('bob');
  t.equal((await service.ask(path, { headers, token })).statusCode, 404);
  t.equal((await service.ask(path, { headers, token: null })).statusCode, 401);
  t.equal((await service.ask(path, { headers, method: 'DELETE' })).statusCode, 200);
  t.equal((await service.ask(path, { headers: { 'if-none-match': '*' } })).statusCode, 304);
});

t.test('a long list goes out whole, without a tag', async (t) => {
  const service = await aService(t, { deps: { checksAnswers: false } });
  const description = 'x'.repeat(4_000);
  const task = aTask({ meta: { description } });
  const jobs = Math.ceil(TAGGED_BYTES_MAX / description.length) + 5;
  const body = Array.from({ length: jobs }, () => task);
  await service.ask('/api/1.0/tasks', { method: 'POST', body });
  const answer = await service.ask('/api/1.0/task/active');
  t.equal(answer.headers.etag, undefined);
  t.match(answer.headers['content-type'], /^application\/json/);
  t.equal(answer.json<unknown[]>().length, jobs);
});
