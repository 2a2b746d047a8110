// Windows of days and calendar months of a time zone, over which quotas are summed.
import t from 'tap';
import {
  bucketOf,
  endOf,
  firstBucket,
  isTimeZone,
  periodStart,
  type QuotaPeriod,
} from '../../src/core/quota-period.js';
import { instant } from '../../src/core/units.js';

const at = (text: string) => instant(Date.parse(text));
const shown = (ms: number) => new Date(ms).toISOString();

t.test('a window is whole UTC days, today among them', async (t) => {
  const week: QuotaPeriod = { kind: 'window', days: 7 };
  const now = at('2026-03-10T12:00:00Z');
  t.equal(shown(periodStart(week, now)), '2026-03-04T00:00:00.000Z');
  t.equal(shown(endOf(week, bucketOf(week, now))), '2026-03-17T00:00:00.000Z');
  t.equal(firstBucket(week, now), bucketOf(week, at('2026-03-04T00:00:00Z')));
});

const MONTHS = {
  'the winter of Paris': ['Europe/Paris', '2026-02-10T12:00:00Z', '2026-01-31T23:00:00.000Z'],
  'the month in which its clocks change': [
    'Europe/Paris',
    '2026-03-31T21:59:59Z',
    '2026-02-28T23:00:00.000Z',
  ],
  'the first of April there': ['Europe/Paris', '2026-03-31T22:00:00Z', '2026-03-31T22:00:00.000Z'],
  'a half hour': ['Asia/Kolkata', '2026-05-31T18:30:00Z', '2026-05-31T18:30:00.000Z'],
  'behind UTC': ['America/New_York', '2026-01-01T04:59:59Z', '2025-12-01T05:00:00.000Z'],
  'UTC itself': ['UTC', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000Z'],
} as const;

for (const [name, [timeZone, now, start]] of Object.entries(MONTHS))
  t.test(`a month: ${name}`, async (t) => {
    const period: QuotaPeriod = { kind: 'month', timeZone };
    const begins = periodStart(period, at(now));
    t.equal(shown(begins), start);
    const month = bucketOf(period, at(now));
    t.equal(bucketOf(period, begins), month, 'its first instant is in it');
    t.equal(bucketOf(period, instant(begins - 1)), month - 1, 'the one before is not');
    const end = endOf(period, month);
    t.equal(bucketOf(period, instant(end - 1)), month);
    t.equal(bucketOf(period, end), month + 1);
  });

t.test('names of time zones', async (t) => {
  t.equal(isTimeZone('Europe/Paris'), true);
  t.equal(isTimeZone('Mars/Olympus'), false);
});
