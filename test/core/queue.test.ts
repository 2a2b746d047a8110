import fc from 'fast-check';
import t from 'tap';
import { PendingQueue, type QueueRow } from '../../src/core/queue.js';
import { instant, type JobId, jobId } from '../../src/core/units.js';
import { after, aNeed, aRow, SEED } from './samples.js';

const headOf = (queue: PendingQueue, owner: string): JobId | undefined =>
  [...queue.accounts()].find(({ user }) => user === owner)?.headAtLeast(jobId(1));

t.test('a job stands in its account at the place of its id', async (t) => {
  const queue = new PendingQueue();
  for (const id of [5, 9, 7]) t.ok(queue.add(aRow(id)));
  t.ok(queue.add(aRow(6, { owner: 'anna' })));
  t.notOk(queue.add(aRow(5)), 'a known job is not added twice');
  t.equal(queue.size, 4);
  t.equal(headOf(queue, 'bob'), 5);
  t.ok(queue.remove(jobId(5)));
  t.notOk(queue.remove(jobId(5)));
  t.notOk(queue.has(jobId(5)));
  t.equal(headOf(queue, 'bob'), 7);
  t.ok(queue.add(aRow(5)), 'requeued');
  t.equal(headOf(queue, 'bob'), 5, 'back at its old place');
  t.equal(queue.submittedAt(jobId(7)), after(7_000));
});

t.test('equal demands are one shape, however they are written', async (t) => {
  const queue = new PendingQueue();
  const rack = { name: 'rack', value: 'r1' };
  const disk = { name: 'disk', value: 'ssd' };
  queue.add(aRow(1, { constraints: [rack, disk], needs: aNeed({ custom: { a: 1, b: 2 } }) }));
  queue.add(
    aRow(2, { constraints: [disk, rack], needs: aNeed({ custom: { b: 2, a: 1 } }), owner: 'anna' }),
  );
  queue.add(aRow(3, { constraints: [disk] }));
  queue.add(aRow(4, { executor: 'swarm' }));
  queue.add(aRow(5, { executor: null }));
  t.equal(queue.shapeOf(jobId(1)), queue.shapeOf(jobId(2)));
  t.equal(queue.shapes, 4);
  const former = queue.shapeOf(jobId(4))?.id;
  queue.remove(jobId(4));
  t.equal(queue.shapes, 3);
  queue.add(aRow(4, { executor: 'swarm' }));
  t.not(queue.shapeOf(jobId(4))?.id, former, 'ids of shapes are not reused');
});

t.test('words of one demand do not run into those of another', async (t) => {
  const queue = new PendingQueue();
  queue.add(aRow(1, { constraints: [{ name: 'a', value: 'b,c' }] }));
  queue.add(aRow(2, { constraints: [{ name: 'a,b', value: 'c' }] }));
  queue.add(aRow(3, { constraints: [{ name: 'a', value: 'b' }], executor: 'c' }));
  t.equal(queue.shapes, 3);
});

t.test('a job set aside comes back when its time has come', async (t) => {
  const queue = new PendingQueue();
  queue.add(aRow(1, { notBefore: after(500) }));
  queue.add(aRow(2, { notBefore: after(100) }));
  queue.add(aRow(3));
  t.equal(queue.size, 3);
  t.equal(queue.asideSize, 2);
  t.equal(headOf(queue, 'bob'), 3);
  t.equal(queue.nextDueAt(), after(100));
  t.equal(queue.due(after(99)), 0);
  t.equal(queue.due(after(100)), 1);
  t.equal(headOf(queue, 'bob'), 2);
  t.ok(queue.remove(jobId(1)), 'killed while set aside');
  t.equal(queue.due(after(9_999)), 0);
  t.equal(queue.nextDueAt(), null);
  t.equal(queue.size, 2);
});

t.test('a job that left and was set aside anew waits for the later time', async (t) => {
  const queue = new PendingQueue();
  queue.add(aRow(1, { notBefore: after(100) }));
  queue.remove(jobId(1));
  queue.add(aRow(1, { notBefore: after(900) }));
  t.equal(queue.nextDueAt(), after(900));
  t.equal(queue.due(after(100)), 0);
  t.equal(queue.due(after(900)), 1);
});

/** What the queue must show, told the slow way. */
function shown(rows: ReadonlyMap<number, QueueRow>, at: number): string[] {
  const heads = new Map<string, Map<string, number[]>>();
  for (const row of rows.values()) {
    if (row.notBefore !== null && row.notBefore > at) continue;
    const lines = heads.get(`${row.owner}/${row.project}`) ?? new Map<string, number[]>();
    const shape = JSON.stringify([row.needs, row.constraints, row.executor]);
    lines.set(shape, [...(lines.get(shape) ?? []), row.id]);
    heads.set(`${row.owner}/${row.project}`, lines);
  }
  return [...heads]
    .map(([account, lines]) => {
      const ids = [...lines.values()].map((line) => line.sort((a, b) => a - b));
      return `${account} ${JSON.stringify(ids.sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0)))}`;
    })
    .sort();
}

function walked(queue: PendingQueue): string[] {
  return [...queue.accounts()]
    .map((account) => {
      const lines: number[][] = [];
      let count = 0;
      let head = account.headAtLeast(jobId(1));
      while (head !== undefined) {
        const line: number[] = [];
        const of = queue.lineOf(head);
        for (let id = of?.atLeast(jobId(1)); id !== undefined; id = of?.atLeast(jobId(id + 1)))
          line.push(id);
        lines.push(line);
        count += line.length;
        head = account.headAtLeast(jobId(head + 1));
      }
      if (count !== account.size) return `size is ${account.size}, not ${count}`;
      return `${account.user}/${account.project} ${JSON.stringify(lines)}`;
    })
    .sort();
}

t.test('random deltas leave the queue as if it were built anew', async (t) => {
  const action = fc.record({
    isAdd: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
    id: fc.integer({ min: 1, max: 40 }),
    owner: fc.constantFrom('anna', 'bob'),
    project: fc.constantFrom('default', 'genomes'),
    cpus: fc.integer({ min: 1, max: 3 }),
    waitMs: fc.option(fc.integer({ min: 1, max: 100 })),
  });
  const check = fc.property(fc.array(action, { maxLength: 120, size: 'max' }), (actions) => {
    const queue = new PendingQueue();
    const rows = new Map<number, QueueRow>();
    for (const [n, { isAdd, id, owner, project, cpus, waitMs }] of actions.entries()) {
      queue.due(after(n));
      const row = aRow(id, {
        owner,
        project,
        needs: aNeed({ cpuMilli: cpus * 1_000 }),
        notBefore: waitMs === null ? null : instant(after(n) + waitMs),
      });
      if (isAdd) t.equal(queue.add(row), !rows.has(id));
      else t.equal(queue.remove(jobId(id)), rows.has(id));
      if (isAdd && !rows.has(id)) rows.set(id, row);
      if (!isAdd) rows.delete(id);
      t.strictSame(walked(queue), shown(rows, after(n)));
      t.equal(queue.size, rows.size);
    }
    for (const id of rows.keys()) queue.remove(jobId(id));
    t.equal(queue.shapes, 0, 'nothing is left behind');
    t.strictSame([...queue.accounts()], []);
  });
  fc.assert(check, { seed: SEED, numRuns: 30 });
});
