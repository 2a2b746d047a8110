// Many submissions in one request: arrays and lines, all or some, twice under one key, and whatever else may come.
import t from 'tap';
import { BULK_BYTES_MAX, BULK_JOBS_MAX } from '../../src/contracts/limits.js';
import { type AService, type Asked, aService, aTask } from './a-service.js';

const told = async (service: AService, query: string, asked: Asked) => {
  const answer = await service.ask(`/api/1.0/tasks${query}`, { method: 'POST', ...asked });
  return { status: answer.statusCode, said: answer.json() };
};
const named = (name: string) => aTask({ meta: { name } });
const LINES = { 'content-type': 'application/x-ndjson' };
const lines = (...all: readonly unknown[]) =>
  all.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n');
const count = async ({ store }: AService) => (await store.list({})).length;

t.test('each entry has its answer, in their order', async (t) => {
  const service = await aService(t);
  const wrong = aTask({ requirements: { cpu: 'many' } });
  const { status, said } = await told(service, '', { body: [named('a'), wrong, named('b'), 7] });
  t.equal(status, 200);
  t.match(said, {
    ...{ msg: 'Tasks added', added: 2 },
    tasks: [
      { id: 1 },
      { code: 'bad-field', field: 'requirements.cpu' },
      { id: 2 },
      { code: 'bad-field' },
    ],
  });
  t.same(service.noticed, [1, 2]);
  t.equal((await service.store.job(said.tasks[2].id))?.spec.name, 'b');
});

t.test('lines come one by one; empty ones are nothing, broken ones are told', async (t) => {
  const service = await aService(t);
  const raw = `${lines(named('a'), '', '{"broken', named('b'))}\r\n\n`;
  const { said } = await told(service, '', { raw, headers: LINES });
  t.match(said, { added: 2, tasks: [{ id: 1 }, { code: 'bad-json' }, { id: 2 }] });
  const utf8 = Buffer.concat([Buffer.from('"'), Buffer.from([0xff]), Buffer.from('"')]);
  t.match((await told(service, '', { raw: utf8, headers: LINES })).said, {
    tasks: [{ code: 'bad-json' }],
  });
});

t.test('all or none', async (t) => {
  const service = await aService(t);
  const half = [named('a'), { command: {} }];
  t.match((await told(service, '?atomic=1', { body: half })).said, {
    ...{ msg: 'No task added', added: 0 },
    tasks: [{ code: 'not-stored' }, { code: 'bad-field', field: 'command.cmd' }],
  });
  t.equal(await count(service), 0);
  t.match((await told(service, '?atomic=1', { body: [named('a'), named('b')] })).said, {
    added: 2,
  });
});

t.test('a repetition under its key makes nothing twice', async (t) => {
  const service = await aService(t);
  const asked = { body: [named('a'), named('b')], headers: { 'idempotency-key': 'k' } };
  const first = await told(service, '', asked);
  t.same((await told(service, '', asked)).said, first.said);
  t.equal(await count(service), 2);
  const other = { ...asked, body: [named('a'), named('c')] };
  t.match((await told(service, '', other)).said.tasks, [{ id: 1 }, { code: 'key-reused' }]);
});

t.test('a rate limit refuses what would pass it', async (t) => {
  const service = await aService(t, { settings: { rate_limit: 2 } });
  const three = [named('a'), named('b'), named('c')];
  t.match((await told(service, '', { body: three })).said, {
    ...{ added: 0, tasks: [{ code: 'rate-limited' }, {}, {}] },
  });
  t.match((await told(service, '', { body: three.slice(1) })).said, { added: 2 });
});

t.test('what is too large or no list is refused whole', async (t) => {
  const service = await aService(t);
  const token = await service.tokenOf('alice');
  const refusals: readonly (readonly [Asked, number, string])[] = [
    [{ body: { not: 'a list' } }, 400, 'bad-request'],
    [{ raw: '[{' }, 400, 'bad-json'],
    [{ raw: '' }, 400, 'bad-json'],
    [{ raw: `[${'0,'.repeat(BULK_JOBS_MAX)}0]` }, 413, 'too-large'],
    [{ raw: Buffer.alloc(BULK_BYTES_MAX + 1, 0x20) }, 413, 'too-large'],
    [{ raw: Buffer.alloc(3 * 1024 * 1024, 0x20), headers: LINES }, 413, 'too-large'],
    [{ body: [], headers: { 'content-encoding': 'gzip' } }, 400, 'bad-request'],
    [{ body: [], token: null }, 401, 'no-token'],
  ];
  for (const [asked, status, code] of refusals) {
    const answer = await told(service, '', { token, ...asked });
    t.equal(answer.status, status, code);
    t.equal(answer.said.code, code);
  }
  t.same((await told(service, '', { body: [] })).said, {
    ...{ msg: 'No task added', added: 0, tasks: [] },
  });
  t.equal(await count(service), 0);
});
