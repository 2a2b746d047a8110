// Arrays in the queue, against a plain model in which every member is a job of its own.
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { Bits } from '../../src/core/bits.js';
import { planCycle } from '../../src/core/cycle.js';
import { fifo } from '../../src/core/policy.js';
import { type ArrayRow, PendingQueue, type QueueRow } from '../../src/core/queue.js';
import { instant, jobId } from '../../src/core/units.js';
import { after, aNeed, anOffer, aRow, SEED, someFree } from './samples.js';

const anArray = (
  id: number,
  part: { limit?: number | null; owner?: string; cpus?: number } = {},
): ArrayRow => {
  const { limit = null, owner = 'bob', cpus = 1 } = part;
  const { notBefore: _, ...row } = aRow(id, { owner, needs: aNeed({ cpuMilli: cpus * 1_000 }) });
  return { ...row, limit };
};

const lineOf = (queue: PendingQueue, id: number): number[] => {
  const line = queue.lineOf(jobId(id));
  const ids: number[] = [];
  for (let at = line?.atLeast(jobId(1)); at !== undefined; at = line?.atLeast(jobId(at + 1)))
    ids.push(at);
  return ids;
};

t.test('the members of an array wait as jobs do, and cost one entry', async (t) => {
  const queue = new PendingQueue();
  t.ok(queue.addArray(anArray(10), new Bits(3)));
  t.notOk(queue.addArray(anArray(10), new Bits(3)), 'known already');
  queue.add(aRow(5));
  queue.add(aRow(20));
  t.equal(queue.size, 5);
  t.same(lineOf(queue, 11), [5, 11, 12, 13, 20]);
  t.notOk(queue.has(jobId(10)), 'the parent itself never waits');
  t.ok(queue.has(jobId(13)));
  t.notOk(queue.has(jobId(14)));
  t.equal(queue.submittedAt(jobId(12)), after(10_000), 'when the array was submitted');
  t.equal(queue.shapeOf(jobId(10)), queue.shapeOf(jobId(5)), 'equal demands are one shape');
  t.ok(queue.remove(jobId(11)));
  t.notOk(queue.remove(jobId(11)));
  t.notOk(queue.remove(jobId(10)));
  t.same(lineOf(queue, 12), [5, 12, 13, 20]);
  queue.removeArray(jobId(10));
  t.same(lineOf(queue, 5), [5, 20]);
  t.equal(queue.size, 2);
});

t.test('a member that waits again comes back at its place, or later', async (t) => {
  const queue = new PendingQueue();
  queue.addArray(anArray(10), new Bits(3));
  queue.remove(jobId(12));
  queue.add(aRow(12, { notBefore: after(500) }));
  t.ok(queue.has(jobId(12)));
  t.same(lineOf(queue, 11), [11, 13]);
  t.equal(queue.size, 3);
  queue.due(after(500));
  t.same(lineOf(queue, 11), [11, 12, 13]);
  for (const id of [11, 12, 13]) t.ok(queue.remove(jobId(id)));
  t.equal(queue.size, 0);
  t.equal(queue.shapes, 0, 'nothing is left behind');
  t.same([...queue.accounts()], []);
});

const planned = (queue: PendingQueue, cpus: number): number[] =>
  planCycle({
    queue,
    offers: [anOffer('o1', { free: someFree({ cpuMilli: cpus * 1_000, memMb: 1_000_000 }) })],
    policy: fifo,
    at: after(100_000),
    limits: { launchesMax: 1_000, shapesMax: 1_000 },
  }).launches.map((launch) => launch.jobId);

t.test('no more members are placed than the limit leaves', async (t) => {
  const queue = new PendingQueue();
  queue.addArray(anArray(10, { limit: 3 }), new Bits(8));
  queue.add(aRow(30));
  t.same(planned(queue, 20), [11, 12, 13, 30], 'those behind it get their turn');
  queue.setRunning(jobId(10), 2);
  t.same(planned(queue, 20), [11, 30]);
  queue.setRunning(jobId(10), 3);
  t.same(planned(queue, 20), [30]);
  t.equal(queue.size, 9, 'it waits all the same');
  t.match(queue.arrayOf(jobId(12)), { parent: 10, running: 3, limit: 3 });
  queue.setRunning(jobId(10), 5);
  t.same(
    planned(queue, 20),
    [30],
    'a limit that was passed before, by an older rule, lets nobody in',
  );
  queue.setRunning(jobId(10), 1);
  t.same(planned(queue, 20), [11, 12, 30]);
});

t.test('members that came back as rows count against the limit too', async (t) => {
  const queue = new PendingQueue();
  queue.addArray(anArray(10, { limit: 2 }), new Bits(6));
  for (const id of [11, 12, 13]) queue.remove(jobId(id));
  for (const id of [11, 12, 13])
    queue.add(aRow(id, { needs: aNeed({ cpuMilli: id === 12 ? 2_000 : 1_000 }) }));
  t.same(planned(queue, 20), [11, 12], 'in whatever line they stand');
  queue.setRunning(jobId(10), 2);
  t.same(planned(queue, 20), []);
});

interface Model {
  readonly rows: Map<number, QueueRow>;
  readonly arrays: Map<number, { readonly size: number; limit: number | null; running: number }>;
}

/** What waits and may be placed, told the slow way, in order. */
function ready({ rows, arrays }: Model, at: number): number[] {
  return [...rows.values()]
    .filter(({ id, notBefore }) => {
      const [, array] =
        [...arrays].find(([parent, { size }]) => id > parent && id <= parent + size) ?? [];
      const isFull = array?.limit != null && array.running >= array.limit;
      return !isFull && (notBefore === null || notBefore <= at);
    })
    .map(({ id }) => id)
    .sort((a, b) => a - b);
}

/** The same from the queue: full arrays may still show members that came back as rows. */
function shown(queue: PendingQueue): number[] {
  const ids: number[] = [];
  for (const account of queue.accounts()) {
    let head = account.headAtLeast(jobId(1));
    for (; head !== undefined; head = account.headAtLeast(jobId(head + 1)))
      ids.push(...lineOf(queue, head));
  }
  return ids
    .filter((id) => {
      const array = queue.arrayOf(jobId(id));
      return array === undefined || array.limit === null || array.running < array.limit;
    })
    .sort((a, b) => a - b);
}

t.test('random deltas leave the queue as if every member were a job', async (t) => {
  const action = fc.record({
    kind: fc.constantFrom('array', 'job', 'remove', 'remove', 'back', 'kill', 'running'),
    id: fc.integer({ min: 1, max: 60 }),
    size: fc.integer({ min: 1, max: 9 }),
    owner: fc.constantFrom('anna', 'bob'),
    cpus: fc.integer({ min: 1, max: 2 }),
    limit: fc.option(fc.integer({ min: 1, max: 3 })),
    running: fc.nat({ max: 4 }),
    waitMs: fc.option(fc.integer({ min: 1, max: 60 })),
  });
  const check = fc.property(fc.array(action, { maxLength: 100, size: 'max' }), (actions) => {
    const queue = new PendingQueue();
    const model: Model = { rows: new Map(), arrays: new Map() };
    /** Ids are given out upwards, as the store does. */
    let next = 1;
    for (const [n, { kind, id, size, owner, cpus, limit, running, waitMs }] of actions.entries()) {
      queue.due(after(n));
      if (kind === 'array' && next < 60) {
        queue.addArray(anArray(next, { limit, owner, cpus }), new Bits(size));
        model.arrays.set(next, { size, limit, running: 0 });
        const needs = aNeed({ cpuMilli: cpus * 1_000 });
        for (let member = next + 1; member <= next + size; member++)
          model.rows.set(member, aRow(member, { owner, needs }));
        next += size + 1;
      }
      if (kind === 'job' && next < 60) {
        queue.add(aRow(next, { owner }));
        model.rows.set(next, aRow(next, { owner }));
        next += 1;
      }
      if (kind === 'remove') t.equal(queue.remove(jobId(id)), model.rows.delete(id));
      const isMember = [...model.arrays].some(
        ([array, one]) => id > array && id <= array + one.size,
      );
      if (kind === 'back' && isMember && !model.rows.has(id)) {
        const notBefore = waitMs === null ? null : instant(after(n) + waitMs);
        const row = aRow(id, { owner, needs: aNeed({ cpuMilli: cpus * 1_000 }), notBefore });
        t.ok(queue.add(row));
        model.rows.set(id, row);
      }
      const array = model.arrays.get(id);
      if (kind === 'running' && array !== undefined) {
        queue.setRunning(jobId(id), running);
        array.running = running;
      }
      if (kind === 'kill' && array !== undefined) {
        queue.removeArray(jobId(id));
        for (let member = id + 1; member <= id + array.size; member++)
          if (queue.remove(jobId(member)) || model.rows.has(member)) model.rows.delete(member);
        model.arrays.delete(id);
      }
      const known = Array.from({ length: 70 }, (_, one) => one).filter((one) =>
        queue.has(jobId(one)),
      );
      const is = [shown(queue), queue.size, known];
      const rows = [...model.rows.keys()].sort((a, b) => a - b);
      const wanted = [ready(model, after(n)), rows.length, rows];
      if (!isDeepStrictEqual(is, wanted)) t.same(is, wanted, `after ${n} deltas`);
    }
    for (const id of model.rows.keys()) queue.remove(jobId(id));
    t.equal(queue.shapes, 0, 'nothing is left behind');
    t.same([...queue.accounts()], []);
  });
  fc.assert(check, { seed: SEED, numRuns: 60 });
});

t.test(
  'random arrays and offers: the plan is that of single jobs, but for the limits',
  async (t) => {
    const array = fc.record({
      size: fc.integer({ min: 1, max: 12 }),
      limit: fc.option(fc.integer({ min: 1, max: 4 })),
      cpus: fc.integer({ min: 1, max: 3 }),
      owner: fc.constantFrom('anna', 'bob'),
    });
    const check = fc.property(
      fc.array(array, { maxLength: 8 }),
      fc.nat({ max: 40 }),
      (all, cpus) => {
        const [arrays, singles] = [new PendingQueue(), new PendingQueue()];
        const limits = new Map<number, number>();
        let id = 1;
        for (const one of all) {
          arrays.addArray(anArray(id, one), new Bits(one.size));
          const needs = aNeed({ cpuMilli: one.cpus * 1_000 });
          const may = Math.min(one.size, one.limit ?? one.size);
          // Of single jobs, only as many are handed in as the limit lets run.
          for (let place = 0; place < may; place++)
            singles.add({ ...aRow(id + 1 + place, { owner: one.owner, needs }) });
          limits.set(id, may);
          id += one.size + 1;
        }
        t.same(planned(arrays, cpus), planned(singles, cpus));
      },
    );
    fc.assert(check, { seed: SEED, numRuns: 100 });
  },
);
