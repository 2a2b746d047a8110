import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { instant, type JobId } from '../../src/core/units.js';
import { aService, aTask } from './a-service.js';

t.test("every answer has an id: the caller's own if it is sane, else a new one", async (t) => {
  const { ask } = await aService(t);
  const idOf = async (given?: string) =>
    (
      await ask('/healthz', {
        token: null,
        headers: given === undefined ? {} : { 'x-request-id': given },
      })
    ).headers['x-request-id'];
  t.equal(await idOf('portal-4711/a'), 'portal-4711/a');
  const made = await idOf();
  t.match(made, /^[0-9a-f]{16}$/);
  t.not(await idOf(), made);
  for (const odd of ['two words', 'x'.repeat(200), '<script>', ''])
    t.match(await idOf(odd), /^[0-9a-f]{16}$/, odd.slice(0, 20));
});

t.test('failures name it, in the answer and in the log', async (t) => {
  const lines: (readonly [string, Record<string, unknown>])[] = [];
  const note = (message: string, facts: object = {}) => void lines.push([message, { ...facts }]);
  const log = { ...SILENT, warn: note, error: note, debug: note, with: () => log };
  const { ask } = await aService(t, {
    deps: { log, shares: async () => Promise.reject(new Error('broken')) },
  });
  const headers = { 'x-request-id': 'mine' };
  const missing = await ask('/api/1.0/task/7', { headers });
  t.equal(missing.statusCode, 404);
  t.equal(missing.json<{ request_id: string }>().request_id, 'mine');
  await ask('/api/1.0/share', { headers });
  const [, facts] = lines.find(([message]) => message.startsWith('unexpected failure')) ?? [];
  t.equal(facts?.requestId, 'mine');
  await ask('/api/1.0/task', { body: aTask(), headers });
  t.match(lines.find(([message]) => message === 'submission answered')?.[1], {
    requestId: 'mine',
    jobId: Number,
  });
});

t.test('a traced submission leaves its context with the job, and tells how it went', async (t) => {
  const told: unknown[] = [];
  const context = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const tracing = {
    submission: (parent: string, at: number) => {
      told.push(parent, at > instant(0));
      return { context, ended: (id: JobId | null) => void told.push(id) };
    },
  };
  const { ask, store } = await aService(t, { deps: { tracing } });
  const headers = { traceparent: 'theirs', 'idempotency-key': 'k1' };
  const first = await ask('/api/1.0/task', { body: aTask(), headers });
  const { id } = first.json<{ id: JobId }>();
  t.equal((await store.job(id))?.spec.trace, context);
  t.same(told, ['theirs', true, id]);
  const again = await ask('/api/1.0/task', { body: aTask(), headers });
  t.equal(again.json<{ id: JobId }>().id, id, 'a trace makes no other submission of it');
  t.equal(told.at(-1), null, 'no job came of the second');
  const { store: plain, submit } = await aService(t);
  t.notOk('trace' in ((await plain.job(await submit()))?.spec ?? {}), 'nothing is kept without');
});
