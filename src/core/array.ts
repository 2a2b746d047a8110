/** Job arrays: which indexes one has, in which forms they are written, and which member has which id. */
import type { JobId } from './units.js';

/** Indexes `first`, `first + step` … `last`; `last` is one of them. */
export interface ArrayRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** One request for many jobs that differ in their index alone. */
export interface ArraySpec {
  /** The indexes as they were written. */
  readonly values: string;
  /** The same, disjoint; member 0 has the first index of the first range. */
  readonly ranges: readonly ArrayRange[];
  /** What members are told of the whole. A retry of some members tells them what they were told before. */
  readonly bounds: ArrayRange;
  /** Members that may hold a task at the same time; null: all. */
  readonly concurrencyMax: number | null;
}

/** Members of one array. */
export const ARRAY_MEMBERS_MAX = 1_000_000;
/** Ranges of one array: they are read at each launch of a member. */
export const ARRAY_RANGES_MAX = 1_000;
/** Indexes end up in names and environments; nine digits are enough for anybody. */
export const ARRAY_INDEX_MAX = 999_999_999;

export type ParsedArray =
  | { readonly kind: 'array'; readonly spec: ArraySpec }
  /** `because` completes a sentence that begins with the field. */
  | { readonly kind: 'wrong'; readonly because: string };

const FORMS =
  'must be N, START:END, START:END:STEP, or several of these with commas between, and may end in %LIMIT';

/**
 * Reads `N` (1 to N), `a:b`, `a:b:s`, a list of indexes and ranges such as `1,5,10:20:2`, each with or without `%N`,
 * the number of members that may run at the same time. A step that does not divide the range ends before its end.
 */
export function parseArray(text: string): ParsedArray {
  const [values = '', limit, ...more] = text.trim().split('%');
  if (more.length > 0 || (limit !== undefined && !/^[1-9]\d{0,8}$/.test(limit)))
    return wrong(`${FORMS}: "%${[limit, ...more].join('%')}" is no limit of at least 1`);
  const items = values.split(',');
  if (items.length > ARRAY_RANGES_MAX)
    return wrong(`may have at most ${ARRAY_RANGES_MAX} ranges; it has ${items.length}`);
  const ranges: ArrayRange[] = [];
  for (const item of items) {
    const range = parseRange(item.trim(), items.length === 1);
    if (typeof range === 'string') return wrong(range);
    ranges.push(range);
  }
  const size = sizeOfRanges(ranges);
  if (size > ARRAY_MEMBERS_MAX)
    return wrong(`may have at most ${ARRAY_MEMBERS_MAX} members; "${short(values)}" has ${size}`);
  const twice = ranges.length > 1 ? firstTwice(ranges) : undefined;
  if (twice !== undefined) return wrong(`names index ${twice} twice`);
  const concurrencyMax = limit === undefined ? null : Number(limit);
  return { kind: 'array', spec: { values, ranges, bounds: boundsOf(ranges), concurrencyMax } };
}

const wrong = (because: string): ParsedArray => ({ kind: 'wrong', because });
const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** A range, or what is wrong. A lone number counts from 1; in a list it is an index. */
function parseRange(text: string, isAlone: boolean): ArrayRange | string {
  const parts = /^(\d{1,15})(?::(\d{1,15})(?::(\d{1,15}))?)?$/.exec(text);
  if (parts === null) return `${FORMS}; found "${short(text)}"`;
  const first = Number(parts[1]);
  const isPlain = parts[2] === undefined;
  const end = isPlain ? first : Number(parts[2]);
  const step = parts[3] === undefined ? 1 : Number(parts[3]);
  if (end > ARRAY_INDEX_MAX) return `may have indexes up to ${ARRAY_INDEX_MAX}; found ${end}`;
  if (isPlain && isAlone)
    return end === 0 ? 'must have at least 1 member' : { first: 1, last: end, step: 1 };
  if (end < first) return `ends before it begins: "${short(text)}"`;
  if (step === 0) return `must have a step of at least 1: "${short(text)}"`;
  return { first, last: end - ((end - first) % step), step };
}

function firstTwice(ranges: readonly ArrayRange[]): number | undefined {
  const seen = new Set<number>();
  for (const { first, last, step } of ranges)
    for (let index = first; index <= last; index += step) {
      if (seen.has(index)) return index;
      seen.add(index);
    }
  return undefined;
}

/** Of several ranges: from the least index to the greatest, step 1. */
function boundsOf(ranges: readonly ArrayRange[]): ArrayRange {
  const [only] = ranges;
  if (ranges.length === 1 && only !== undefined) return only;
  return {
    first: ranges.reduce((least, { first }) => Math.min(least, first), ARRAY_INDEX_MAX),
    last: ranges.reduce((greatest, { last }) => Math.max(greatest, last), 0),
    step: 1,
  };
}

const membersIn = ({ first, last, step }: ArrayRange): number => (last - first) / step + 1;

const sizeOfRanges = (ranges: readonly ArrayRange[]): number =>
  ranges.reduce((sum, range) => sum + membersIn(range), 0);

/** How many members an array has. */
export const arraySize = ({ ranges }: Pick<ArraySpec, 'ranges'>): number => sizeOfRanges(ranges);

/** The index of member `place`, counted from 0; undefined when there is none. */
export function indexAt({ ranges }: Pick<ArraySpec, 'ranges'>, place: number): number | undefined {
  let left = place;
  for (const range of ranges) {
    const members = membersIn(range);
    if (left < members) return range.first + left * range.step;
    left -= members;
  }
  return undefined;
}

/** Whether two arrays have the same index at every place, however these are written. */
export function sameIndexes(a: Pick<ArraySpec, 'ranges'>, b: Pick<ArraySpec, 'ranges'>): boolean {
  if (arraySize(a) !== arraySize(b)) return false;
  const others = indexesOf(b);
  for (const index of indexesOf(a)) if (others.next().value !== index) return false;
  return true;
}

function* indexesOf({ ranges }: Pick<ArraySpec, 'ranges'>): Generator<number, undefined> {
  for (const { first, last, step } of ranges)
    for (let index = first; index <= last; index += step) yield index;
  return undefined;
}

/** The parent's id is followed by those of its members. */
export const memberId = (parent: JobId, place: number): JobId => (parent + 1 + place) as JobId;

/** The place of a member, counted from 0. */
export const placeOf = (parent: JobId, member: JobId): number => member - parent - 1;

/** Some indexes, in ascending order, written as ranges: runs of one step together. */
export function rangesOf(indexes: readonly number[]): readonly ArrayRange[] {
  const ranges: ArrayRange[] = [];
  for (let at = 0; at < indexes.length; ) {
    const first = indexes[at] as number;
    const step = Math.max(1, (indexes[at + 1] ?? first + 1) - first);
    let end = at;
    while (
      end + 1 < indexes.length &&
      (indexes[end + 1] as number) === (indexes[end] as number) + step
    )
      end++;
    // Two alone may each begin a longer run.
    if (end === at + 1 && step > 1) end = at;
    const last = indexes[end] as number;
    ranges.push({ first, last, step: end === at ? 1 : step });
    at = end + 1;
  }
  return ranges;
}

/** As people write them; `parseArray` reads it back as the same ranges. */
export function valuesOf(ranges: readonly ArrayRange[]): string {
  const isOne = ranges.length === 1;
  return ranges
    .map(({ first, last, step }) => {
      if (first === last) return isOne ? `${first}:${first}` : String(first);
      return step === 1 ? `${first}:${last}` : `${first}:${last}:${step}`;
    })
    .join(',');
}

/** Whether an id is that of a member. */
export const holdsMember = (
  array: { readonly id: JobId; readonly size: number },
  id: JobId,
): boolean => id > array.id && id <= array.id + array.size;
