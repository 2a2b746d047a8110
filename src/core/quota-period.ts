/** The period over which quotas are summed: a window of UTC days that moves on, or the calendar month of a time zone. */
import { type Instant, instant } from './units.js';
import { DAY_MS, dayOf } from './usage.js';

export type QuotaPeriod =
  /** So many UTC days, today among them. */
  | { readonly kind: 'window'; readonly days: number }
  /** IANA name of the zone, as `Europe/Paris`. */
  | { readonly kind: 'month'; readonly timeZone: string };

/** Sums are kept by bucket: a day of a window, or a month. Later buckets have greater numbers. */
export function bucketOf(period: QuotaPeriod, at: Instant): number {
  return period.kind === 'window' ? dayOf(at) : monthOf(period.timeZone, at);
}

/** The earliest bucket that counts at an instant. */
export function firstBucket(period: QuotaPeriod, at: Instant): number {
  const now = bucketOf(period, at);
  return period.kind === 'window' ? now - period.days + 1 : now;
}

/** From then on a bucket counts no longer. */
export function endOf(period: QuotaPeriod, bucket: number): Instant {
  return period.kind === 'window'
    ? instant((bucket + period.days) * DAY_MS)
    : monthStart(period.timeZone, bucket + 1);
}

/** The first instant that counts. */
export function periodStart(period: QuotaPeriod, at: Instant): Instant {
  const first = firstBucket(period, at);
  return period.kind === 'window' ? instant(first * DAY_MS) : monthStart(period.timeZone, first);
}

/** Months since the year 0, in the zone. */
function monthOf(timeZone: string, at: Instant): number {
  const local = new Date(at + offsetMs(timeZone, at));
  return local.getUTCFullYear() * 12 + local.getUTCMonth();
}

function monthStart(timeZone: string, month: number): Instant {
  const local = Date.UTC(Math.floor(month / 12), month % 12, 1);
  // The offset is that of the instant looked for: once more settles it, also next to a change of the clocks.
  const near = local - offsetMs(timeZone, instant(local));
  return instant(local - offsetMs(timeZone, instant(near)));
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far the zone's clocks are ahead of UTC. */
function offsetMs(timeZone: string, at: Instant): number {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  const part = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const of = (type: Intl.DateTimeFormatPartTypes) => part.get(type) ?? 0;
  const local = Date.UTC(
    of('year'),
    of('month') - 1,
    of('day'),
    of('hour'),
    of('minute'),
    of('second'),
  );
  return local - Math.floor(at / 1_000) * 1_000;
}

/** Whether the system knows a time zone of this name. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
