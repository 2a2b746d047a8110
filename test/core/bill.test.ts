import t from 'tap';
import { billCsv, billDocument, billTable, daysOfMonth } from '../../src/contracts/bill.js';
import { billOf, type PriceList } from '../../src/core/bill.js';

const HOUR_MS = 3_600_000;
const PRICES: PriceList = {
  ...{ currency: 'EUR', cpuHour: 0.02, memGbHour: 0.005, gpuHour: 1 },
  queues: [{ queue: 'fast', cpuHour: 0.04, memGbHour: 0.005, gpuHour: 2 }],
};
const sum = (over: object = {}) => ({
  ...{ project: 'dna', queue: null, isCharged: true, launches: 1 },
  // Ten hours of one cpu and of 2 GB.
  ...{ cpuMs: 10 * HOUR_MS, gpuMs: 0, memMbSeconds: 2_000 * 36_000 },
  ...over,
});

t.test('use is priced by resource and queue, and added up by project', async (t) => {
  const bill = billOf(
    [
      sum({ queue: 'fast', gpuMs: HOUR_MS / 2 }),
      sum(),
      sum({ launches: 4 }),
      sum({ project: 'atlas', memMbSeconds: 0 }),
      sum({ isCharged: false }),
    ],
    PRICES,
  );
  t.match(bill.lines, [
    { project: 'atlas', queue: null, amountCents: 20 },
    { project: 'dna', queue: null, launches: 5, cpuHours: 20, memGbHours: 40, amountCents: 60 },
    { project: 'dna', queue: 'fast', gpuHours: 0.5, amountCents: 150 },
  ]);
  t.equal(bill.totalCents, 230);
});

t.test('as JSON, CSV and a table', async (t) => {
  const bill = billOf([sum({ project: 'a "b", c' }), sum({ queue: 'fast' })], PRICES);
  t.match(billDocument('2026-11', bill), {
    ...{ month: '2026-11', currency: 'EUR', total: 0.8 },
    lines: [{ project: 'a "b", c', amount: 0.3, cpu_hours: 10, mem_gb_hours: 20 }, { amount: 0.5 }],
  });
  t.equal(
    billCsv('2026-11', bill),
    'month,project,queue,launches,cpu_hours,mem_gb_hours,gpu_hours,amount,currency\r\n' +
      '2026-11,"a ""b"", c",,1,10,20,0,0.30,EUR\r\n' +
      '2026-11,dna,fast,1,10,20,0,0.50,EUR\r\n',
  );
  t.match(billTable('2026-11', bill), /total +0\.80\n$/);
  t.match(billTable('2026-12', billOf([], PRICES)), /Bill of 2026-12 \(UTC\)\nPROJECT.*\ntotal/);
});

t.test('months are those of the calendar, in UTC', async (t) => {
  t.strictSame(daysOfMonth('1970-01'), { from: 0, until: 31 });
  t.strictSame(daysOfMonth('1970-12'), { from: 334, until: 365 });
  for (const wrong of ['2026-13', '2026-1', '2026-11-01', 'november', ''])
    t.throws(() => daysOfMonth(wrong), { code: 'bad-field', facts: { field: 'month' } });
});
