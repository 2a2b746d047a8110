import fc from 'fast-check';
import t from 'tap';
import { Heap } from '../../src/core/heap.js';
import {
  fits,
  mergedRanges,
  minus,
  NOTHING,
  type PortRange,
  plus,
  portCount,
  takePorts,
} from '../../src/core/resources.js';
import { SortedIds } from '../../src/core/sorted-ids.js';
import { aNeed, SEED, someFree } from './samples.js';

t.test('a launch fits when every resource suffices, to the last unit', async (t) => {
  const free = someFree({
    cpuMilli: 1_000,
    memMb: 100,
    gpus: 1,
    ports: [{ begin: 5, end: 6 }],
    custom: { disk: 2 },
  });
  const all = aNeed({ gpus: 1, ports: 2, custom: { disk: 2 } });
  t.ok(fits(all, free));
  t.notOk(fits({ ...all, cpuMilli: 1_001 }, free));
  t.notOk(fits({ ...all, memMb: 101 }, free));
  t.notOk(fits({ ...all, gpus: 2 }, free));
  t.notOk(fits({ ...all, ports: 3 }, free));
  t.notOk(fits({ ...all, custom: { disk: 3 } }, free));
  t.notOk(fits({ ...all, custom: { licence: 1 } }, free));
  t.ok(fits({ ...all, custom: { licence: 0 } }, free), 'none of something unknown');
});

t.test('what is taken is gone, and comes back whole', async (t) => {
  const free = someFree({ ports: [{ begin: 31_000, end: 31_003 }], custom: { disk: 3 } });
  const needs = aNeed({ ports: 2, custom: { disk: 1 } });
  const after = minus(free, needs);
  t.same(after, {
    left: {
      cpuMilli: 3_000,
      memMb: 3_900,
      gpus: 0,
      ports: [{ begin: 31_002, end: 31_003 }],
      custom: { disk: 2 },
    },
    ports: [31_000, 31_001],
  });
  const back = { ...NOTHING, ...needs, ports: [{ begin: 31_000, end: 31_001 }] };
  if (after !== undefined) t.same(plus(after.left, back), free);
  t.equal(minus(free, aNeed({ cpuMilli: 9_999 })), undefined);
});

const anyRanges: fc.Arbitrary<PortRange[]> = fc.array(
  fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: -1, max: 8 }))
    .map(([begin, more]) => ({ begin, end: begin + more })),
  { maxLength: 8 },
);
const listed = (ranges: readonly PortRange[]): number[] =>
  ranges.flatMap(({ begin, end }) =>
    Array.from({ length: Math.max(0, end - begin + 1) }, (_, n) => begin + n),
  );

t.test('merged ranges hold the same ports, each once and in order', async (t) => {
  const check = fc.property(anyRanges, (ranges) => {
    const expected = [...new Set(listed(ranges))].sort((a, b) => a - b);
    const merged = mergedRanges(ranges);
    t.strictSame(listed(merged), expected);
    return portCount(merged) === expected.length;
  });
  fc.assert(check, { seed: SEED, numRuns: 300 });
});

t.test('ports are taken from the lowest, and the rest stays', async (t) => {
  const check = fc.property(anyRanges, fc.nat({ max: 20 }), (ranges, count) => {
    const free = mergedRanges(ranges);
    const all = listed(free);
    const taken = takePorts(free, count);
    if (all.length < count) return taken === undefined;
    t.strictSame(taken?.taken, all.slice(0, count));
    t.strictSame(listed(taken?.rest ?? []), all.slice(count));
    return true;
  });
  fc.assert(check, { seed: SEED, numRuns: 300 });
});

t.test('a heap gives its items in order, also when the top changes', async (t) => {
  const check = fc.property(fc.array(fc.integer()), fc.array(fc.integer()), (first, later) => {
    const heap = new Heap<{ value: number }>(
      (a, b) => a.value < b.value,
      first.map((value) => ({ value })),
    );
    for (const value of later) heap.push({ value });
    const expected = [...first, ...later].sort((a, b) => a - b);
    const top = heap.peek();
    if (top !== undefined) {
      top.value += 10;
      heap.settleTop();
      expected[0] = (expected[0] ?? 0) + 10;
      expected.sort((a, b) => a - b);
    }
    const popped: number[] = [];
    for (let item = heap.pop(); item !== undefined; item = heap.pop()) popped.push(item.value);
    t.strictSame(popped, expected);
  });
  fc.assert(check, { seed: SEED, numRuns: 200 });
});

t.test('a set of ids behaves as a sorted list, over many chunks', async (t) => {
  const action = fc.tuple(fc.boolean(), fc.nat({ max: 3_000 }));
  const check = fc.property(fc.array(action, { minLength: 500, maxLength: 3_000 }), (actions) => {
    const ids = new SortedIds();
    const model = new Set<number>();
    for (let n = 0; n < 1_500; n += 2) {
      ids.add(n);
      model.add(n);
    }
    for (const [isAdd, id] of actions) {
      if (isAdd) t.equal(ids.add(id), !model.has(id));
      else t.equal(ids.delete(id), model.has(id));
      if (isAdd) model.add(id);
      else model.delete(id);
    }
    const sorted = [...model].sort((a, b) => a - b);
    t.equal(ids.size, sorted.length);
    t.equal(ids.first, sorted[0]);
    t.equal(ids.last, sorted.at(-1));
    const walked: number[] = [];
    for (let id = ids.atLeast(0); id !== undefined; id = ids.atLeast(id + 1)) walked.push(id);
    t.strictSame(walked, sorted);
  });
  fc.assert(check, { seed: SEED, numRuns: 10 });
});
