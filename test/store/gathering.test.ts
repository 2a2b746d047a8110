// Calls that come while others are under way go together.
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { Gathering, type Settled } from '../../src/store/mongo/gathering.js';

/** Groups as they were performed, each to be answered by hand. */
function stage(options: { readonly groupsMax: number; readonly weightMax: number }) {
  const groups: (readonly number[])[] = [];
  const answers: ((settled: readonly Settled<string>[] | Error) => void)[] = [];
  const gathering = new Gathering<number, string>(
    options,
    (asks) =>
      new Promise((settle, fail) => {
        groups.push(asks);
        answers.push((settled) => (settled instanceof Error ? fail(settled) : settle(settled)));
      }),
  );
  const answer = async (group: number, settled: readonly Settled<string>[] | Error) => {
    answers[group]?.(settled);
    await turn();
    await turn();
  };
  return { gathering, groups, answer };
}

t.test('one turn’s calls are one group; the next gathers meanwhile', async (t) => {
  const { gathering, groups, answer } = stage({ groupsMax: 1, weightMax: 10 });
  const first = [1, 2, 3].map((ask) => gathering.call(ask, 1));
  await turn();
  const second = [4, 5].map((ask) => gathering.call(ask, 1));
  await turn();
  t.strictSame(groups, [[1, 2, 3]], 'the second waits for the first');
  await answer(0, [{ answer: 'a' }, { answer: 'b' }, { answer: 'c' }]);
  t.strictSame(await Promise.all(first), ['a', 'b', 'c']);
  t.strictSame(groups, [
    [1, 2, 3],
    [4, 5],
  ]);
  const failing = second.map((call) => t.rejects(call, { message: 'away' }));
  await answer(1, new Error('away'));
  await Promise.all(failing);
});

t.test('groups are bounded by weight; a heavy call goes alone', async (t) => {
  const { gathering, groups } = stage({ groupsMax: 9, weightMax: 10 });
  for (const [ask, weight] of [
    [1, 6],
    [2, 4],
    [3, 1],
    [4, 50],
    [5, 1],
  ] as const)
    void gathering.call(ask, weight);
  await turn();
  t.strictSame(groups, [[1, 2], [3], [4], [5]]);
});

t.test(
  'one that fails is no matter of the others; one that comes later is first in line',
  async (t) => {
    const { gathering, groups, answer } = stage({ groupsMax: 1, weightMax: 10 });
    const calls = [1, 2, 3].map((ask) => gathering.call(ask, 1));
    await turn();
    const next = gathering.call(4, 1);
    const failing = t.rejects(calls[1] ?? next, { message: 'refused' });
    await answer(0, [{ answer: 'a' }, { error: new Error('refused') }, 'later']);
    t.equal(await calls[0], 'a');
    await failing;
    t.strictSame(groups[1], [3, 4]);
    await answer(1, [{ answer: 'c' }, { answer: 'd' }]);
    t.strictSame(await Promise.all([calls[2], next]), ['c', 'd']);
  },
);
