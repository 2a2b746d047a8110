/** A bill as programs and people read it; and months as they are written. */
import type { Bill } from '../core/bill.js';
import { instant, type ProjectId } from '../core/units.js';
import { dayOf } from '../core/usage.js';
import type { AccountingQuery } from './accounting.js';
import { ServiceError } from './errors.js';

/** A calendar month in UTC, as in `2026-11`. @throws ServiceError bad-field */
export function daysOfMonth(month: string): Pick<AccountingQuery, 'from' | 'until'> {
  const [, year, number] = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month) ?? [];
  if (year === undefined || number === undefined)
    throw new ServiceError('bad-field', 'month: wanted a month as in 2026-11', { field: 'month' });
  const from = Date.UTC(Number(year), Number(number) - 1);
  const until = Date.UTC(Number(year), Number(number));
  return { from: dayOf(instant(from)), until: dayOf(instant(until)) };
}

/** The days of a bill: a month, of one project or of all. @throws ServiceError bad-field */
export const billQuery = (month: string, project: ProjectId | undefined): AccountingQuery => ({
  ...daysOfMonth(month),
  ...(project === undefined ? {} : { project }),
});

const money = (cents: number): number => cents / 100;
const hours = (value: number): number => Math.round(value * 10_000) / 10_000;

/** As JSON. */
export const billDocument = (month: string, { currency, lines, totalCents }: Bill) => ({
  month,
  currency,
  lines: lines.map((line) => ({
    project: line.project,
    queue: line.queue,
    launches: line.launches,
    cpu_hours: hours(line.cpuHours),
    mem_gb_hours: hours(line.memGbHours),
    gpu_hours: hours(line.gpuHours),
    amount: money(line.amountCents),
  })),
  total: money(totalCents),
});

const COLUMNS = ['month', 'project', 'queue', 'launches', 'cpu_hours', 'mem_gb_hours', 'gpu_hours'];

/** As CSV (RFC 4180), with a line of names; no total: spreadsheets add up themselves. */
export function billCsv(month: string, { currency, lines }: Bill): string {
  const rows = lines.map((line) => [
    ...[month, line.project, line.queue ?? '', line.launches],
    ...[hours(line.cpuHours), hours(line.memGbHours), hours(line.gpuHours)],
    ...[money(line.amountCents).toFixed(2), currency],
  ]);
  return [[...COLUMNS, 'amount', 'currency'], ...rows]
    .map((row) => `${row.map((cell) => csvCell(String(cell))).join(',')}\r\n`)
    .join('');
}

const csvCell = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/** As a table for a terminal. */
export function billTable(month: string, { currency, lines, totalCents }: Bill): string {
  const head = ['PROJECT', 'QUEUE', 'LAUNCHES', 'CPU HOURS', 'GB HOURS', 'GPU HOURS', currency];
  const rows = lines.map((line) => [
    ...[line.project, line.queue ?? '-', String(line.launches)],
    ...[line.cpuHours, line.memGbHours, line.gpuHours].map((value) => value.toFixed(2)),
    money(line.amountCents).toFixed(2),
  ]);
  const total = ['total', '', '', '', '', '', money(totalCents).toFixed(2)];
  const all = [head, ...rows, total];
  const widths = head.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)));
  const lined = all.map((row) =>
    row
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return [`Bill of ${month} (UTC)`, ...lined, ''].join('\n');
}
