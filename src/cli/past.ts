/** `--since` and `--until`: moments of the past, as typed. */
import { durationMsOf } from '../core/duration.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';

const DAY = /^\d{4}-\d\d-\d\d$/;
const TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/;
const AGO = /^\d+\s*[smhd]$/;

/**
 * Milliseconds since 1970 of `7d` (so long ago), of a day or a time in the reader's own zone, unless it names another.
 * @throws Failure naming the option
 */
export function readPast(text: string, option: string, now: number): number {
  const ms = momentIn(text, now);
  if (Number.isFinite(ms)) return ms;
  throw new Failure(
    EXIT.usage,
    `${option} "${text}" is no time: write 2026-11-21, 2026-11-21T18:00, or 7d for seven days ago`,
  );
}

function momentIn(text: string, now: number): number {
  if (AGO.test(text)) return now - (durationMsOf(text) ?? Number.NaN);
  // A day alone would be read as one of UTC.
  if (DAY.test(text)) return Date.parse(`${text}T00:00`);
  return TIME.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
}
