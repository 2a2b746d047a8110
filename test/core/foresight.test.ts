// When waiting jobs would start: small clusters whose future can be told by hand.
import t from 'tap';
import { Bits } from '../../src/core/bits.js';
import { excerptOf } from '../../src/core/excerpt.js';
import { Foresight, type ForesightInput, type RunningTask } from '../../src/core/foresight.js';
import { LimitBook, type LimitRules } from '../../src/core/limit-book.js';
import { fifo } from '../../src/core/policy.js';
import { PendingQueue } from '../../src/core/queue.js';
import {
  agentId,
  type Instant,
  type JobId,
  jobId,
  projectId,
  userId,
} from '../../src/core/units.js';
import { UsageBook } from '../../src/core/usage-book.js';
import { after, aNeed, aRow } from './samples.js';

const AT = after(100_000);
const cpus = (count: number) => aNeed({ cpuMilli: count * 1_000 });
const NO_LIMITS: LimitRules = {
  running: { user: null, project: null, executor: null },
  queues: [],
  period: { kind: 'window', days: 30 },
  advanceMs: 0,
};

const anAgent = (name: string, count: number, part: Partial<ForesightInput['agents'][0]> = {}) => ({
  executor: 'mesos',
  host: `host-${name}`,
  attributes: {},
  unavailableFrom: null,
  agentId: agentId(name),
  total: { cpuMilli: count * 1_000, memMb: 64_000, gpus: 0, portsFree: 0, custom: {} },
  ...part,
});

const aTask = (id: number, part: Partial<RunningTask> & { readonly endsInMs: number | null }) => ({
  jobId: jobId(id),
  needs: cpus(1),
  endsAt: null,
  executor: 'mesos',
  agentId: agentId('a1'),
  user: userId('bob'),
  project: projectId('default'),
  array: null,
  startedAt: AT,
  expectedEnd: part.endsInMs === null ? null : ((AT + part.endsInMs) as Instant),
  ...part,
});

interface Given {
  readonly queue: PendingQueue;
  readonly agents?: ForesightInput['agents'];
  readonly running?: readonly RunningTask[];
  readonly takesMs?: ForesightInput['takesMs'];
  readonly limits?: Partial<LimitRules>;
  readonly reservationAfterMs?: number;
}

/** Starts in seconds from now, by job. */
function foresee({ queue, limits, ...given }: Given) {
  const running = given.running ?? [];
  const usage = new UsageBook({ kind: 'window', days: 1 }, 0);
  usage.load([], [], AT);
  const book = new LimitBook({ ...NO_LIMITS, ...limits });
  for (const { jobId: id, executor, needs, user, project, startedAt } of running)
    book.hold({ id, user, project, queue: null, executor, needs, startedAt });
  const wanted = [...idsOf(queue)];
  const foresight = new Foresight({
    at: AT,
    queue: whole(excerptOf(queue, wanted)),
    usage,
    limits: book.copy(),
    policy: fifo,
    agents: given.agents ?? [anAgent('a1', 1)],
    running,
    takesMs: given.takesMs ?? ((_user, { lifespanMs }) => lifespanMs),
    defaultExecutor: 'mesos',
    reservationAfterMs: given.reservationAfterMs ?? null,
    reservations: [],
    wanted,
  });
  while (foresight.step());
  const starts = Object.fromEntries(
    [...foresight.starts].map(([id, at]) => [id, (at - AT) / 1_000] as const),
  );
  return { starts, end: foresight.end, endless: foresight.endless };
}

function whole<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

function* idsOf(queue: PendingQueue): Generator<JobId> {
  for (let id = 1; id < 1_000; id++) if (queue.has(jobId(id))) yield jobId(id);
}

function queueOf(...rows: readonly ReturnType<typeof aRow>[]): PendingQueue {
  const queue = new PendingQueue();
  for (const row of rows) queue.add(row);
  return queue;
}

const seconds = (count: number) => ({ lifespanMs: count * 1_000 });

t.test('one slot: each job starts when the one before has ended, to the second', async (t) => {
  const rows = Array.from({ length: 100 }, (_, n) => aRow(n + 1, seconds(10)));
  const { starts, end } = foresee({
    queue: queueOf(...rows),
    running: [aTask(900, { endsInMs: 7_000 })],
  });
  t.equal(end, 'started');
  for (let n = 0; n < 100; n++) t.equal(starts[n + 1], 7 + n * 10, `job ${n + 1}`);
});

t.test('two tasks that end in one look make room one after the other', async (t) => {
  const { starts } = foresee({
    queue: queueOf(aRow(1, seconds(60)), aRow(2, { ...seconds(60), needs: cpus(1) })),
    agents: [anAgent('a1', 2)],
    running: [aTask(900, { endsInMs: 500_000 }), aTask(901, { endsInMs: 505_000 })],
  });
  t.same(starts, { 1: 500, 2: 505 });
});

t.test('a job that needs the whole agent waits for its last task', async (t) => {
  const { starts } = foresee({
    queue: queueOf(aRow(1, { ...seconds(60), needs: cpus(2) })),
    agents: [anAgent('a1', 2)],
    running: [aTask(900, { endsInMs: 500_000 }), aTask(901, { endsInMs: 505_000 })],
  });
  t.same(starts, { 1: 505 });
});

t.test('a limit of its user holds a job until one of theirs has ended', async (t) => {
  const { starts } = foresee({
    queue: queueOf(aRow(1, seconds(60)), aRow(2, { ...seconds(60), owner: 'eva' })),
    agents: [anAgent('a1', 8)],
    running: [aTask(900, { endsInMs: 300_000 })],
    limits: { running: { user: 1, project: null, executor: null } },
  });
  t.same(starts, { 1: 300, 2: 0 });
});

t.test('members of an array keep to its limit', async (t) => {
  const queue = new PendingQueue();
  const { notBefore: _, ...row } = aRow(10, seconds(60));
  queue.addArray({ ...row, limit: 2 }, new Bits(4));
  queue.setRunning(jobId(10), 1);
  const { starts, end } = foresee({
    queue,
    agents: [anAgent('a1', 8)],
    running: [aTask(900, { endsInMs: 30_000, array: jobId(10) })],
  });
  t.equal(end, 'started');
  t.same(starts, { 11: 0, 12: 30, 13: 60, 14: 90 });
  t.equal(queue.arrayOf(jobId(10))?.waiting.count, 4, 'the real queue is as it was');
});

t.test('without any end in sight nothing is told', async (t) => {
  const { starts, end, endless } = foresee({
    queue: queueOf(aRow(1), aRow(2)),
    running: [aTask(900, { endsInMs: null })],
  });
  t.same({ starts, end, endless }, { starts: {}, end: 'stuck', endless: 1 });
});

t.test('a drain that ends lets jobs in again, a window does not', async (t) => {
  const shut = { code: 'drained', from: AT, until: after(400_000), reason: 'disks' } as const;
  const drained = foresee({
    queue: queueOf(aRow(1, seconds(60))),
    agents: [anAgent('a1', 1, { shut })],
  });
  t.same(drained.starts, { 1: 300 });
  const window = foresee({
    queue: queueOf(aRow(1, seconds(60)), aRow(2)),
    agents: [anAgent('a1', 1, { unavailableFrom: after(400_000) })],
  });
  t.same(window.starts, { 1: 0 }, 'what may still run then is not started');
});

t.test('room that is kept for a large job counts', async (t) => {
  const small = (id: number) => aRow(id, { ...seconds(50), submittedAt: after(99_000 + id) });
  const large = aRow(1, { ...seconds(60), needs: cpus(2), submittedAt: after(0) });
  const given = {
    queue: queueOf(large, small(2), small(3), small(4)),
    agents: [anAgent('a1', 2)],
    running: [
      aTask(900, { endsInMs: 10_000, endsAt: after(110_000) }),
      aTask(901, { endsInMs: 30_000, endsAt: after(130_000) }),
    ],
  };
  t.ok((foresee(given).starts[1] ?? 0) > 30, 'others overtake it');
  t.equal(foresee({ ...given, reservationAfterMs: 60_000 }).starts[1], 30);
});
