/** Arithmetic of resources: nothing appears, nothing is lost. */
import fc from 'fast-check';
import { test } from 'tap';
import {
  type Amount,
  covers,
  EMPTY,
  fromWire,
  isEmpty,
  minus,
  plus,
  toText,
  toView,
  toWire,
} from '../../src/localmesos/amounts.js';

const FORM = { allocatedTo: null, isRefined: true };

const anAmount = fc
  .record({
    cpus: fc.integer({ min: 0, max: 64_000 }),
    mem: fc.integer({ min: 0, max: 1_000_000 }),
    ports: fc.uniqueArray(fc.integer({ min: 31_000, max: 31_060 }), { maxLength: 30 }),
  })
  .map(({ cpus, mem, ports }) => made(cpus, mem, ports));

function made(cpus: number, mem: number, ports: readonly number[]): Amount {
  return fromWire([
    { name: 'cpus', type: 'SCALAR', scalar: { value: cpus / 1_000 } },
    { name: 'mem', type: 'SCALAR', scalar: { value: mem / 1_000 } },
    {
      name: 'ports',
      type: 'RANGES',
      ranges: { range: ports.map((port) => ({ begin: port, end: port })) },
    },
  ]);
}

test('what is taken away and given back is whole again', async (t) => {
  fc.assert(
    fc.property(anAmount, fc.integer({ min: 1, max: 9 }), (whole, part) => {
      const cpus = Math.floor((whole.scalars.cpus ?? 0) / part);
      const ports = (whole.ranges.ports ?? []).map(({ begin }) => begin);
      const taken = made(cpus, 0, ports);
      const left = minus(whole, taken);
      return (
        covers(whole, taken) &&
        covers(whole, left) &&
        JSON.stringify(toWire(plus(left, taken), FORM)) === JSON.stringify(toWire(whole, FORM))
      );
    }),
  );
  t.pass('holds for all');
});

test('an amount minus itself is nothing, and only nothing covers no port', async (t) => {
  fc.assert(fc.property(anAmount, (amount) => isEmpty(minus(amount, amount))));
  t.notOk(covers(EMPTY, made(0, 0, [31_000])));
  t.notOk(covers(made(100, 0, []), made(101, 0, [])));
  t.ok(covers(made(0, 0, [31_001, 31_002, 31_003]), made(0, 0, [31_001, 31_002])));
  t.notOk(covers(made(0, 0, [31_001, 31_003]), made(0, 0, [31_001, 31_002])));
});

test('sums never drift', async (t) => {
  let sum = EMPTY;
  for (let n = 0; n < 10; n++) sum = plus(sum, made(100, 0, []));
  t.equal(toView(sum).cpus, 1);
});

test('the forms that frameworks and people see', async (t) => {
  const amount = made(3_800, 4_032_000, [31_000, 31_001, 31_005]);
  t.equal(
    toText(amount, '*'),
    'ports(allocated: *):[31000-31001, 31005-31005]; cpus(allocated: *):3.8; mem(allocated: *):4032',
  );
  const [, cpus] = toWire(amount, { allocatedTo: 'lab', isRefined: false });
  t.same(cpus, {
    name: 'cpus',
    type: 'SCALAR',
    scalar: { value: 3.8 },
    role: '*',
    allocation_info: { role: 'lab' },
  });
  const [, refined] = toWire(amount, { allocatedTo: 'lab', isRefined: true });
  t.notOk(refined && 'role' in refined, 'RESERVATION_REFINEMENT has no role field');
});
