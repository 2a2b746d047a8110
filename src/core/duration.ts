/** Durations as people write them: `7d`, `12h`, `30m`, `90s`, or a bare number of seconds. */
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNIT_MS;

/** For messages about a text that is none. */
export const DURATION_FORM = 'a whole number and s, m, h or d, as in "7d"';

/** Milliseconds; undefined when it is no duration. A bare number is seconds. */
export function durationMsOf(text: string): number | undefined {
  const parts = /^(\d{1,9})\s*(s|m|h|d)?$/.exec(text.trim());
  return parts === null ? undefined : Number(parts[1]) * UNIT_MS[(parts[2] ?? 's') as Unit];
}

/** The shortest text that `durationMsOf` reads as the same, rounded up to whole seconds. */
export function durationText(ms: number): string {
  const wholeMs = Math.ceil(ms / UNIT_MS.s) * UNIT_MS.s;
  const units: readonly Unit[] = ['d', 'h', 'm'];
  const unit = units.find((one) => wholeMs > 0 && wholeMs % UNIT_MS[one] === 0) ?? 's';
  return `${wholeMs / UNIT_MS[unit]}${unit}`;
}
