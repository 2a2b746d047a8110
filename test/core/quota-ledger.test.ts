// What counts for quotas: by day and bucket, and from a reset on.
import t from 'tap';
import type { QuotaReset } from '../../src/core/limit-book.js';
import { QuotaLedger } from '../../src/core/quota-ledger.js';
import { instant } from '../../src/core/units.js';
import { DAY_MS, NO_USE, type Sums } from '../../src/core/usage.js';

const WINDOW = { kind: 'window', days: 3 } as const;
const MONTH = { kind: 'month', timeZone: 'Europe/Paris' } as const;
const on = (day: number, hour = 12) => instant(day * DAY_MS + hour * 3_600_000);
const ran = (seconds: number): Sums => ({ ...NO_USE, timeMs: seconds * 1_000, cpuMilli: 1_000 });
const reset = (day: number, seconds: number, cpus = 0): QuotaReset => ({
  day,
  used: { ...NO_USE, timeMs: seconds * 1_000, cpuMilli: cpus * 1_000 },
});
const seconds = ({ timeMs }: Sums) => timeMs / 1_000;

t.test('the days of a window count, and free up one after the other', async (t) => {
  const ledger = new QuotaLedger(WINDOW);
  for (const day of [10, 11, 12]) ledger.add('u', ran(day), on(day));
  ledger.add('other', ran(99), on(12));
  t.equal(seconds(ledger.total('u', on(12))), 33);
  t.equal(seconds(ledger.total('nobody', on(12))), 0);
  const over = (limit: number) => (left: Sums) => seconds(left) >= limit;
  t.equal(ledger.freesUpAt('u', on(12), over(30)), 13 * DAY_MS);
  t.equal(ledger.freesUpAt('u', on(12), over(13)), 14 * DAY_MS);
  t.equal(ledger.freesUpAt('u', on(12), over(0)), null, 'more than the whole quota');
  t.equal(seconds(ledger.total('u', on(13))), 23, 'the first day has left the window');
});

t.test('after a reset only what came after it counts', async (t) => {
  const ledger = new QuotaLedger(WINDOW);
  for (const day of [10, 11]) ledger.add('u', ran(100), on(day));
  ledger.add('u', ran(5), on(12));
  ledger.setResets(new Map([['u', reset(12, 5, 1)]]));
  t.same(ledger.total('u', on(12)), NO_USE);
  ledger.add('u', ran(7), on(12, 13));
  ledger.add('u', ran(2), on(13));
  t.match(ledger.total('u', on(13)), { timeMs: 9_000, cpuMilli: 2_000 });
  t.equal(
    ledger.freesUpAt('u', on(13), (left) => seconds(left) >= 9),
    15 * DAY_MS,
    'the day of the reset frees up what came after it',
  );
});

t.test('a reset is ahead of what is only just being settled: never below nothing', async (t) => {
  const ledger = new QuotaLedger(WINDOW);
  ledger.setResets(new Map([['u', reset(12, 50, 3)]]));
  ledger.add('u', ran(20), on(12));
  t.same(ledger.total('u', on(12)), NO_USE);
  ledger.add('u', ran(30), on(12));
  ledger.add('u', ran(1), on(12));
  t.equal(seconds(ledger.total('u', on(12))), 1);
});

t.test('a month that begins within a day of UTC', async (t) => {
  // 2026-11-01 00:00 in Paris is 23:00 UTC of the day before.
  const first = Date.UTC(2026, 9, 31) / DAY_MS;
  const ledger = new QuotaLedger(MONTH);
  ledger.add('u', ran(10), on(first, 22));
  ledger.add('u', ran(3), on(first, 23));
  ledger.add('u', ran(4), on(first + 1));
  t.equal(seconds(ledger.total('u', on(first + 1))), 7, 'October is over');
  ledger.setResets(new Map([['u', reset(first + 1, 4, 1)]]));
  t.same(ledger.total('u', on(first + 1)), NO_USE);
});
