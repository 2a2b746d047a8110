// A few histories on every run of the fast tests; and that a seed is a history, exactly.
import t from 'tap';
import { report, summary } from './summary.js';
import { simulate } from './world.js';

t.test('some histories', async (test) => {
  for (const seed of [1, 2, 3, 4]) {
    const one = summary(await simulate({ seed }));
    test.same(one.breaches, [], one.breaches.length > 0 ? report(one) : `seed ${seed}`);
    test.ok(one.launches > 0, 'something was launched');
  }
});

t.test('the same seed gives the same history, whatever was played before', async (test) => {
  const [first, second] = [await simulate({ seed: 5 }), await simulate({ seed: 5 })];
  test.same(first.trace.last(2_000), second.trace.last(2_000));
  test.equal(first.events, second.events);
});
