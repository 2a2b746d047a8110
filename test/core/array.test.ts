import fc from 'fast-check';
import t from 'tap';
import {
  ARRAY_RANGES_MAX,
  type ArraySpec,
  arraySize,
  indexAt,
  memberId,
  parseArray,
  placeOf,
  rangesOf,
  valuesOf,
} from '../../src/core/array.js';
import { censusOf, unmadeMember } from '../../src/core/array-life.js';
import { Bits } from '../../src/core/bits.js';
import { jobId } from '../../src/core/units.js';
import { after, anna, anOpen, anOver, aSpec, SEED } from './samples.js';

function read(text: string): ArraySpec {
  const parsed = parseArray(text);
  if (parsed.kind === 'wrong') throw new Error(parsed.because);
  return parsed.spec;
}

const indexesOf = (spec: Pick<ArraySpec, 'ranges'>): number[] =>
  Array.from({ length: arraySize(spec) }, (_, place) => indexAt(spec, place) ?? -1);

t.test('each form, with its indexes', async (t) => {
  const cases: Record<string, readonly number[]> = {
    '3': [1, 2, 3],
    ' 3 ': [1, 2, 3],
    '4:6': [4, 5, 6],
    '0:2': [0, 1, 2],
    '7:7': [7],
    '1:10:3': [1, 4, 7, 10],
    '5:6:10': [5],
    '1,5,10:20:5': [1, 5, 10, 15, 20],
    '9,1:2': [9, 1, 2],
  };
  for (const [text, indexes] of Object.entries(cases)) t.same(indexesOf(read(text)), indexes, text);
});

t.test('a step that does not divide the range ends before its end', async (t) => {
  t.same(indexesOf(read('1:9:3')), [1, 4, 7]);
  t.same(read('1:9:3').bounds, { first: 1, last: 7, step: 3 });
});

t.test('a limit stands behind the indexes', async (t) => {
  t.equal(read('1:100:1%20').concurrencyMax, 20);
  t.equal(read('1:100:1%20').values, '1:100:1');
  t.equal(read('100').concurrencyMax, null);
});

t.test('what is no array is refused with its reason', async (t) => {
  const cases: Record<string, RegExp> = {
    '5:1': /ends before it begins: "5:1"/,
    '1:5:0': /step of at least 1/,
    '0': /at least 1 member/,
    '': /must be N/,
    '1:2:3:4': /must be N/,
    '-3': /must be N/,
    '1.5': /must be N/,
    '1,,2': /must be N/,
    '1:5%': /"%" is no limit/,
    '1:5%0': /"%0" is no limit/,
    '1:5%2%3': /no limit/,
    '1000001': /at most 1000000 members; "1000001" has 1000001/,
    '1:600000,700000:1200000': /has 1100001/,
    '1000000000:1000000001': /indexes up to 999999999/,
    '1:5,3:4': /names index 3 twice/,
  };
  for (const [text, because] of Object.entries(cases)) {
    const parsed = parseArray(text);
    t.match(parsed, { kind: 'wrong', because }, text);
  }
  const many = Array.from({ length: ARRAY_RANGES_MAX + 1 }, (_, n) => n).join(',');
  t.match(parseArray(many), { kind: 'wrong', because: /at most 1000 ranges; it has 1001/ });
  t.equal(parseArray('1000000').kind, 'array', 'a million is an ordinary day');
});

t.test('members have the ids behind the parent, in order of place', async (t) => {
  const spec = read('10:30:10');
  t.equal(memberId(jobId(7), 0), 8);
  t.equal(placeOf(jobId(7), jobId(10)), 2);
  t.equal(indexAt(spec, 2), 30);
  t.equal(indexAt(spec, 3), undefined);
});

t.test('whatever indexes failed, their ranges name them, and are read back', async (t) => {
  const some = fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 60 });
  const check = fc.property(some, (found) => {
    const indexes = found.sort((a, b) => a - b);
    const ranges = rangesOf(indexes);
    t.same(indexesOf({ ranges }), indexes);
    t.same(indexesOf(read(valuesOf(ranges))), indexes, valuesOf(ranges));
  });
  fc.assert(check, { seed: SEED, numRuns: 200 });
  t.equal(valuesOf(rangesOf([1, 2, 3, 10, 20, 30, 99])), '1:3,10:30:10,99');
  t.equal(valuesOf(rangesOf([7])), '7:7', 'alone, a number would count from 1');
});

t.test('bits, against a set', async (t) => {
  const action = fc.record({ place: fc.integer({ min: -2, max: 80 }), from: fc.nat({ max: 80 }) });
  const check = fc.property(fc.nat({ max: 75 }), fc.array(action), (size, actions) => {
    const bits = new Bits(size);
    const other = new Bits(size);
    const model = new Set(Array.from({ length: size }, (_, place) => place));
    for (const { place, from } of actions) {
      const next = [...model].filter((one) => one >= from).sort((a, b) => a - b)[0];
      const wanted = [next, model.has(place), model.delete(place), model.size];
      t.same([bits.next(from), bits.has(place), bits.clear(place), bits.count], wanted);
      if (from % 2 === 0) other.clear(from);
    }
    t.same(
      [...bits.places()],
      [...model].sort((a, b) => a - b),
    );
    bits.clearThoseOf(other);
    const left = [...model].filter((one) => !other.has(one)).sort((a, b) => a - b);
    t.same([...bits.places()], left);
    t.equal(bits.count, left.length);
    bits.clearAll();
    t.equal(bits.next(0), undefined);
  });
  fc.assert(check, { seed: SEED, numRuns: 200 });
});

t.test('a member without a record waits, or ended with its array', async (t) => {
  const spec = aSpec({ array: read('3') });
  const killWanted = { by: anna, at: after(1_000) };
  const waiting = unmadeMember(anOpen({ spec, killWanted }), jobId(9));
  t.match(waiting, { id: 9, parent: 7, state: 'pending', launches: 0, version: 0, killWanted });
  const killed = { kind: 'killed', by: anna } as const;
  const over = anOver({ spec, outcome: killed, endedAt: after(9_000), launches: 0 });
  const gone = unmadeMember(over, jobId(9));
  t.match(gone, { state: 'over', outcome: killed, endedAt: after(9_000), startedAt: null });
  t.notOk(gone.state === 'over' && gone.placement);
});

t.test('a census counts those without a record too', async (t) => {
  const spec = aSpec({ array: read('10') });
  const made = [
    { state: 'pending', exitCode: null, members: 1 },
    { state: 'running', exitCode: null, members: 2 },
    { state: 'over', exitCode: 0, members: 3 },
    { state: 'over', exitCode: 9, members: 1 },
  ] as const;
  t.same(censusOf(anOpen({ spec }), made), {
    ...{ members: 10, waiting: 4, live: 2, over: 4, failed: 1 },
  });
  t.same(censusOf(anOver({ spec }), made.slice(2)), {
    ...{ members: 10, waiting: 0, live: 0, over: 10, failed: 7 },
  });
});
