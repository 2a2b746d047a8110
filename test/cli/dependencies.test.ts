// What jobs wait for, as typed and as shown.
import t from 'tap';
import { readDepend, readTime } from '../../src/cli/dependencies.js';
import { EXIT } from '../../src/cli/exit-codes.js';
import { readJob } from '../../src/cli/wire.js';
import { setUp } from './set-up.js';

t.test('--depend', async (t) => {
  t.strictSame(readDepend('afterok:12:13,afterany:14'), {
    dependencies: [
      { type: 'afterok', job: 12 },
      { type: 'afterok', job: 13 },
      { type: 'afterany', job: 14 },
    ],
  });
  t.strictSame(readDepend('afterok:12?after:13'), {
    dependencies: [
      { type: 'afterok', job: 12 },
      { type: 'after', job: 13 },
    ],
    dependencies_mode: 'any',
  });
  t.strictSame(readDepend('singleton,afterany:3'), {
    dependencies: [{ type: 'singleton' }, { type: 'afterany', job: 3 }],
  });
  for (const wrong of [
    '',
    '12',
    'afterok',
    'afterok:',
    'before:1',
    'afterok:0',
    'afterok:1,',
    'singleton:3',
    'afterok:1,after:2?after:3',
    'afterok:1+5',
  ])
    t.type(readDepend(wrong), 'string', wrong);
});

t.test('--begin', async (t) => {
  const now = Date.UTC(2026, 0, 1);
  t.equal(readTime('+2h', '--begin', now), now / 1_000 + 7_200);
  t.equal(readTime('2026-02-01T00:00Z', '--begin', now), Date.UTC(2026, 1, 1) / 1_000);
  t.equal(readTime('2026-02-01 10:00', '--begin', now), new Date(2026, 1, 1, 10).getTime() / 1_000);
  for (const wrong of ['tomorrow', '+x', '2026-02-01', ''])
    t.throws(() => readTime(wrong, '--begin', now), /--begin/);
});

t.test('submit sends them, and nothing where nothing is asked', async (t) => {
  const { god, lines, terminal } = await setUp(t);
  t.equal(
    await god('submit', '--depend', 'afterok:7', '--begin', '+1h', '--hold', '--', 'true'),
    0,
  );
  t.equal(await god('submit', '--', 'true'), 0);
  const [first, second] = lines(/POST .*task\?/).map(({ body }) => JSON.parse(body).requirements);
  t.match(first, { dependencies: [{ type: 'afterok', job: 7 }], hold: true, not_before: Number });
  for (const key of ['dependencies', 'dependencies_mode', 'not_before', 'hold'])
    t.notOk(key in second, key);
  t.equal(await god('submit', '--depend', 'afterok', '--', 'true'), EXIT.usage);
  t.match(terminal.errText, /TYPE:ID/);
  t.equal(await god('submit', '--begin', 'soon', '--', 'true'), EXIT.usage);
});

t.test('hold and release go on after a refusal', async (t) => {
  const { god, lines, server, terminal } = await setUp(t);
  server.faults.push({
    when: /POST .*task\/1\/hold/,
    answer: { status: 409, body: { msg: 'job 1 does not wait any more' } },
  });
  server.faults.push({
    when: /POST .*task\/2\/hold/,
    answer: { status: 200, body: { msg: 'Task is held' } },
  });
  t.not(await god('hold', '1', '2'), 0);
  t.match(terminal.errText, /job 1: .*does not wait any more/);
  t.match(terminal.errText, /job 2: Task is held/);
  t.equal(lines(/hold/).length, 2);
  server.faults.push({
    when: /POST .*release/,
    answer: { status: 200, body: { msg: 'Task is released' } },
  });
  t.equal(await god('release', '2'), 0);
});

t.test('a job is shown with what it waits for', async (t) => {
  const doc = (requirements: object) => ({
    id: 1,
    status: { primary: 'pending', secondary: 'held' },
    requirements,
  });
  t.match(readJob(doc({ tasks: [3, 4] })), {
    state: 'held',
    depends: 'afterany:3,afterany:4',
    notBefore: null,
  });
  const rich = {
    tasks: [],
    dependencies: [
      { type: 'afterok', job: 3 },
      { type: 'after', job: 4 },
    ],
    dependencies_mode: 'any',
    not_before: '2026-02-01T00:00:00.000Z',
  };
  t.match(readJob(doc(rich)), { depends: 'afterok:3?after:4', notBefore: Date.UTC(2026, 1, 1) });
  t.match(readJob(doc({ dependencies: [{ type: 'singleton' }] })), { depends: 'singleton' });
});
