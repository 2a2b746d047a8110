import t from 'tap';
import { planSlots, SLOTS, type SlotView } from '../../src/core/slots.js';

const ALL = Array.from({ length: SLOTS }, (_, slot) => slot);
const view = (holders: ReadonlyMap<number, string>): readonly SlotView[] =>
  ALL.map((slot) => ({ slot, holder: holders.get(slot) ?? null }));

/** Turn after turn, one watcher after the other, until nobody wants anything; how many slots each has. */
function settled(watchers: readonly string[], holders = new Map<number, string>()) {
  for (let turn = 0; turn < 10; turn++)
    for (const me of watchers) {
      const plan = planSlots(me, watchers, view(holders));
      for (const slot of plan.give) {
        if (holders.get(slot) !== me) throw new Error('it gives what is its own');
        holders.delete(slot);
      }
      for (const slot of plan.take) {
        if (holders.has(slot)) throw new Error('it takes what is nobody’s');
        holders.set(slot, me);
      }
    }
  const counts = watchers.map((me) => [...holders.values()].filter((one) => one === me).length);
  return { holders, counts };
}

t.test('shares differ by one slot at most, and every slot has a watcher', async (t) => {
  for (const count of [1, 2, 3, 5, 7, 64, 70]) {
    const { counts } = settled(Array.from({ length: count }, (_, at) => `w${at}`));
    t.equal(
      counts.reduce((sum, one) => sum + one, 0),
      SLOTS,
    );
    t.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${count} watchers: ${counts}`);
  }
});

t.test('who comes later gets a share; of those there were, each keeps what it may', async (t) => {
  const { holders } = settled(['a', 'b']);
  const before = new Map(holders);
  const { counts } = settled(['a', 'b', 'c'], holders);
  t.strictSame(counts, [22, 21, 21]);
  const moved = ALL.filter((slot) => holders.get(slot) !== before.get(slot));
  t.equal(moved.length, 21, 'no slot changes hands but those of the new one');
});

t.test('the slots of one that is gone go to the others', async (t) => {
  const { holders } = settled(['a', 'b', 'c']);
  for (const [slot, holder] of [...holders]) if (holder === 'b') holders.delete(slot);
  t.strictSame(settled(['a', 'c'], holders).counts, [32, 32]);
});

t.test('two that see the same reach for different slots', async (t) => {
  const free = view(new Map());
  const [a, b] = ['a', 'b'].map((me) => planSlots(me, ['a', 'b'], free).take);
  t.strictSame(
    [...(a ?? []), ...(b ?? [])].sort((x, y) => x - y),
    ALL,
  );
});
