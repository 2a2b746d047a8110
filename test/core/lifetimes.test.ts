import t from 'tap';
import { Lifetimes } from '../../src/core/lifetimes.js';

const MINUTE_MS = 60_000;
const waits = (part: { like?: string; lifespanMs?: number | null; ranMs?: number } = {}) => ({
  like: 'anna 1',
  lifespanMs: null,
  ranMs: 0,
  ...part,
});

t.test('like jobs of the user tell before lifespans do, and these before the site', async (t) => {
  const lifetimes = new Lifetimes();
  t.same(lifetimes.expected(waits(), 0.5), { totalMs: null, basis: 'unknown' });
  t.same(lifetimes.expected(waits({ lifespanMs: MINUTE_MS }), 0.5), {
    totalMs: MINUTE_MS,
    basis: 'lifespan',
  });
  for (const minutes of [1, 2, 9]) lifetimes.note('anna 1', null, minutes * MINUTE_MS);
  t.same(lifetimes.expected(waits({ lifespanMs: 3_600_000 }), 0.5), {
    totalMs: 2 * MINUTE_MS,
    basis: 'like',
  });
  t.same(lifetimes.expected(waits({ like: 'bob 1' }), 0.5).basis, 'unknown', 'too few ends yet');
  for (let n = 0; n < 20; n++) lifetimes.note(`user${n} 1`, null, 5 * MINUTE_MS);
  t.same(lifetimes.expected(waits({ like: 'bob 1' }), 0.5), {
    totalMs: 5 * MINUTE_MS,
    basis: 'site',
  });
});

t.test('a task that runs is compared with those that ran longer', async (t) => {
  const lifetimes = new Lifetimes();
  for (const minutes of [1, 2, 3, 4, 60]) lifetimes.note('anna 1', null, minutes * MINUTE_MS);
  const after = (minutes: number) =>
    lifetimes.expected(waits({ ranMs: minutes * MINUTE_MS }), 0.5).totalMs;
  t.equal(after(0), 3 * MINUTE_MS);
  t.equal(after(3.5), 60 * MINUTE_MS);
  t.equal(after(90), 180 * MINUTE_MS, 'as long again, when it has outlived all');
  const bounded = waits({ ranMs: 90 * MINUTE_MS, lifespanMs: 100 * MINUTE_MS });
  t.equal(lifetimes.expected(bounded, 0.5).totalMs, 100 * MINUTE_MS, 'never beyond its lifespan');
});

t.test(
  'where users ask for far more time than they take, lifespans count as much less',
  async (t) => {
    const lifetimes = new Lifetimes();
    for (let n = 0; n < 20; n++) lifetimes.note(`user${n} 1`, 100 * MINUTE_MS, 10 * MINUTE_MS);
    const asked = waits({ lifespanMs: 30 * MINUTE_MS });
    t.same(lifetimes.expected(asked, 0.5), { totalMs: 3 * MINUTE_MS, basis: 'lifespan' });
  },
);

t.test('the latest ends count, and quantiles lie in order', async (t) => {
  const lifetimes = new Lifetimes();
  for (let n = 1; n <= 100; n++) lifetimes.note('anna 1', null, n);
  const at = (quantile: number) => lifetimes.expected(waits(), quantile).totalMs ?? 0;
  t.equal(at(0), 70);
  t.ok(at(0.25) < at(0.5) && at(0.5) < at(0.75));
  lifetimes.note('anna 1', null, 0);
  t.equal(at(0), 70, 'what never ran says nothing');
});
