/** The figures of several policies, side by side, for people. */
import type { ReplayFigures } from './figures.js';

export const COLUMNS = [
  'policy',
  'jobs',
  'wait: median',
  '95 %',
  'longest',
  'fairness',
  'utilisation',
  'all done in',
  'largest waited',
] as const;

export const rowOf = (figures: ReplayFigures): readonly string[] => [
  figures.policy,
  String(figures.jobs),
  span(figures.waitMs.median),
  span(figures.waitMs.p95),
  span(figures.waitMs.max),
  figures.fairness === null ? '-' : figures.fairness.toFixed(3),
  `${(100 * figures.utilisation).toFixed(1)} %`,
  span(figures.makespanMs),
  span(figures.largest.waitedMs),
];

/** Columns as wide as their widest cell; the first one to the left, numbers to the right. */
export function tableOf(all: readonly ReplayFigures[]): string {
  const rows = [COLUMNS as readonly string[], ...all.map(rowOf)];
  const widths = COLUMNS.map((_, n) => Math.max(...rows.map((row) => row[n]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0)))
      .join('  ');
  return `${rows.map(line).join('\n')}\n`;
}

/** As `2d03h`, `1h05m`, `4m10s`, `12s`. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  if (days > 0) return `${days}d${two(hours % 24)}h`;
  if (hours > 0) return `${hours}h${two(minutes % 60)}m`;
  if (minutes > 0) return `${minutes}m${two(seconds % 60)}s`;
  return `${seconds}s`;
}
