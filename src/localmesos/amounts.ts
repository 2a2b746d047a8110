/**
 * Quantities of resources in whole numbers: scalars in thousandths (Mesos keeps three decimals), ranges as sorted,
 * disjoint intervals. Values: every operation returns a new one.
 */
import type { PortRange } from '../core/resources.js';
import type { Resource } from '../mesos/messages.js';

export interface Amount {
  /** By name, in thousandths; never negative, never zero. */
  readonly scalars: Readonly<Record<string, number>>;
  /** By name, sorted, disjoint, not touching; never empty. */
  readonly ranges: Readonly<Record<string, readonly PortRange[]>>;
}

export const EMPTY: Amount = { scalars: {}, ranges: {} };

/** The order in which real agents list their resources; anything else follows by name. */
const ORDER = ['ports', 'cpus', 'mem', 'disk', 'gpus'];
const rank = (name: string): number =>
  (ORDER.indexOf(name) + ORDER.length + 1) % (ORDER.length + 1);

const MILLI = 1_000;

export const scalarOf = (amount: Amount, name: string): number => amount.scalars[name] ?? 0;

/** Without ranges, which mean nothing once agents are summed. */
export const scalarsOf = (amount: Amount): Amount => ({ scalars: amount.scalars, ranges: {} });

export function plus(a: Amount, b: Amount): Amount {
  const scalars: Record<string, number> = { ...a.scalars };
  for (const name in b.scalars) scalars[name] = (scalars[name] ?? 0) + (b.scalars[name] ?? 0);
  return { scalars, ranges: mergeRanges(a.ranges, b.ranges, joinRanges) };
}

/** What is left of `a` without `b`; `covers(a, b)` must hold. */
export function minus(a: Amount, b: Amount): Amount {
  const scalars: Record<string, number> = { ...a.scalars };
  for (const name in b.scalars) {
    const left = (scalars[name] ?? 0) - (b.scalars[name] ?? 0);
    if (left > 0) scalars[name] = left;
    else delete scalars[name];
  }
  return { scalars, ranges: mergeRanges(a.ranges, b.ranges, cutRanges) };
}

/** As much of `wanted` as there is in `whole`; of ranges only those that are in it entirely. */
export function common(whole: Amount, wanted: Amount): Amount {
  const scalars: Record<string, number> = {};
  for (const name in wanted.scalars) {
    const shared = Math.min(scalarOf(whole, name), scalarOf(wanted, name));
    if (shared > 0) scalars[name] = shared;
  }
  const ranges: Record<string, readonly PortRange[]> = {};
  for (const name in wanted.ranges) {
    const shared = (wanted.ranges[name] ?? []).filter((range) =>
      covers(whole, { scalars: {}, ranges: { [name]: [range] } }),
    );
    if (shared.length > 0) ranges[name] = shared;
  }
  return { scalars, ranges };
}

/** Whether all of `part` is in `whole`. */
export function covers(whole: Amount, part: Amount): boolean {
  for (const name in part.scalars) {
    if ((whole.scalars[name] ?? 0) < (part.scalars[name] ?? 0)) return false;
  }
  for (const name in part.ranges) {
    const held = whole.ranges[name] ?? [];
    for (const wanted of part.ranges[name] ?? []) {
      if (!held.some((range) => range.begin <= wanted.begin && wanted.end <= range.end))
        return false;
    }
  }
  return true;
}

export function isEmpty(amount: Amount): boolean {
  for (const _ in amount.scalars) return false;
  for (const _ in amount.ranges) return false;
  return true;
}

/** Reads resources as they came; several entries of one name are summed. */
export function fromWire(resources: readonly Resource[] | undefined): Amount {
  const scalars: Record<string, number> = {};
  const ranges: Record<string, PortRange[]> = {};
  for (const { name, scalar, ranges: listed } of resources ?? []) {
    const milli = Math.round((scalar?.value ?? 0) * MILLI);
    if (milli > 0) scalars[name] = (scalars[name] ?? 0) + milli;
    for (const { begin, end } of listed?.range ?? []) {
      if (begin <= end) ranges[name] = joinRanges(ranges[name] ?? [], [{ begin, end }]);
    }
  }
  return { scalars, ranges };
}

/** How a framework wants its resources written. */
export interface WireForm {
  /** The role they are allocated to, or null for a framework without roles of its own. */
  readonly allocatedTo: string | null;
  /** RESERVATION_REFINEMENT: the old `role` field is left out. */
  readonly isRefined: boolean;
}

export function toWire(amount: Amount, form: WireForm): Resource[] {
  const tail = {
    ...(form.isRefined ? {} : { role: '*' }),
    ...(form.allocatedTo === null ? {} : { allocation_info: { role: form.allocatedTo } }),
  };
  return sortedNames(amount).map((name) => {
    const milli = amount.scalars[name];
    return milli === undefined
      ? { name, type: 'RANGES', ranges: { range: amount.ranges[name] ?? [] }, ...tail }
      : { name, type: 'SCALAR', scalar: { value: milli / MILLI }, ...tail };
  });
}

/** Mesos' own rendering in messages: `cpus(allocated: *):4; ports(allocated: *):[31000-31999]`. */
export function toText(
  amount: Amount,
  role: string,
  names: readonly string[] = sortedNames(amount),
): string {
  return names
    .map((name) => {
      const milli = amount.scalars[name];
      const value = milli === undefined ? rangesText(amount.ranges[name] ?? []) : milli / MILLI;
      return `${name}(allocated: ${role}):${value}`;
    })
    .join('; ');
}

/** The form of `/state`: the four usual scalars always, others and ranges when present. */
export function toView(amount: Amount): Record<string, number | string> {
  const view: Record<string, number | string> = { disk: 0, mem: 0, gpus: 0, cpus: 0 };
  for (const name in amount.scalars) view[name] = scalarOf(amount, name) / MILLI;
  for (const name in amount.ranges) view[name] = rangesText(amount.ranges[name] ?? []);
  return view;
}

export const rangesText = (ranges: readonly PortRange[]): string =>
  `[${ranges.map(({ begin, end }) => `${begin}-${end}`).join(', ')}]`;

function sortedNames(amount: Amount): string[] {
  const names = [...Object.keys(amount.scalars), ...Object.keys(amount.ranges)];
  return names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

type RangeMap = Readonly<Record<string, readonly PortRange[]>>;

function mergeRanges(
  a: RangeMap,
  b: RangeMap,
  combine: (a: readonly PortRange[], b: readonly PortRange[]) => PortRange[],
): RangeMap {
  let merged: Record<string, readonly PortRange[]> | undefined;
  for (const name in b) {
    merged ??= { ...a };
    const ranges = combine(merged[name] ?? [], b[name] ?? []);
    if (ranges.length > 0) merged[name] = ranges;
    else delete merged[name];
  }
  return merged ?? a;
}

function joinRanges(a: readonly PortRange[], b: readonly PortRange[]): PortRange[] {
  const joined: PortRange[] = [];
  for (const range of [...a, ...b].sort((x, y) => x.begin - y.begin || x.end - y.end)) {
    const last = joined.at(-1);
    if (last === undefined || range.begin > last.end + 1) joined.push(range);
    else joined[joined.length - 1] = { begin: last.begin, end: Math.max(last.end, range.end) };
  }
  return joined;
}

function cutRanges(a: readonly PortRange[], b: readonly PortRange[]): PortRange[] {
  let left = [...a];
  for (const cut of b) {
    left = left.flatMap((range) =>
      cut.end < range.begin || range.end < cut.begin
        ? [range]
        : [
            { begin: range.begin, end: cut.begin - 1 },
            { begin: cut.end + 1, end: range.end },
          ].filter((piece) => piece.begin <= piece.end),
    );
  }
  return left;
}
