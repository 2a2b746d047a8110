/**
 * Walks raw, untyped settings once and gathers every problem, so that the operator fixes them in one go. Used for the
 * configuration and for the options of plugins. Keys may be dotted: `mesos.master` is `master` inside `mesos`.
 */
import { DURATION_FORM, durationMsOf } from '../core/duration.js';

export type Raw = Readonly<Record<string, unknown>>;

export interface Problem {
  /** Where: a key such as `volumes[1].path`, or a variable of the environment. */
  readonly path: string;
  /** What stood there; undefined when something is missing. */
  readonly found: unknown;
  readonly wanted: string;
}

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

function noFiles(file: string): never {
  throw new Error(`no file is read here, ${file} neither`);
}

const TRUE = new Set<unknown>([true, 'true', 'yes', 'on', '1', 1]);
const FALSE = new Set<unknown>([false, 'false', 'no', 'off', '0', 0]);

export const isRaw = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A problem as one line for people. */
export function describeProblem({ path, found, wanted }: Problem): string {
  const shown = found === undefined ? 'nothing' : JSON.stringify(found);
  const short = (shown ?? 'nothing').slice(0, 120);
  return `${path}: wanted ${wanted}; found ${short}`;
}

export class Reader {
  readonly problems: Problem[];
  readonly #raw: Raw;
  readonly #nameOf: (path: string) => string;
  readonly #read = new Set<string>();
  readonly #fileText: (file: string) => string;

  /**
   * @param nameOf says what a key is called in problems, for example with the section before it
   * @param fileText reads the files of secrets; throws as the file system does
   */
  constructor(
    raw: Raw,
    nameOf: (path: string) => string = (path) => path,
    problems: Problem[] = [],
    fileText: (file: string) => string = noFiles,
  ) {
    this.#raw = raw;
    this.#nameOf = nameOf;
    this.problems = problems;
    this.#fileText = fileText;
  }

  /** What stands at a key, unparsed; null counts as absent. */
  raw(path: string): unknown {
    this.#read.add(path);
    let value: unknown = this.#raw;
    for (const part of path.split('.')) {
      if (!isRaw(value) || !Object.hasOwn(value, part)) return undefined;
      value = value[part];
    }
    return value ?? undefined;
  }

  problem(path: string, found: unknown, wanted: string): void {
    this.problems.push({ path: this.#nameOf(path), found, wanted });
  }

  text(path: string, fallback: string): string {
    return this.optionalText(path) ?? fallback;
  }

  /** A secret: the value of the key, or what the file holds that `<key>_file` names, without the white space around it. */
  secret(path: string): string | null {
    const given = this.optionalText(path);
    const fileKey = `${path}_file`;
    const file = this.optionalText(fileKey);
    if (file === null) return given;
    if (given !== null) {
      this.problem(fileKey, file, `either ${path} or ${fileKey}`);
      return given;
    }
    try {
      const text = this.#fileText(file).trim();
      if (text !== '') return text;
      this.problem(fileKey, `${file}: nothing in it`, 'a file with the secret');
    } catch (error) {
      const found = (error as { readonly code?: unknown }).code ?? String(error);
      this.problem(fileKey, `${file}: ${found}`, 'a file that can be read');
    }
    return null;
  }

  optionalText(path: string): string | null {
    const found = this.raw(path);
    if (found === undefined || found === '') return null;
    if (typeof found === 'string') return found;
    if (typeof found === 'number' || typeof found === 'boolean') return String(found);
    this.problem(path, found, 'a text');
    return null;
  }

  choice<const Word extends string>(path: string, words: readonly Word[], fallback: Word): Word {
    const found = this.raw(path);
    if (found === undefined) return fallback;
    const word = words.find((one) => one === found);
    if (word !== undefined) return word;
    this.problem(path, found, `one of ${words.join(', ')}`);
    return fallback;
  }

  flag(path: string, fallback: boolean): boolean {
    const found = this.raw(path);
    if (found === undefined || found === '') return fallback;
    if (TRUE.has(found)) return true;
    if (!FALSE.has(found)) this.problem(path, found, 'true or false');
    return false;
  }

  integer(path: string, fallback: number, range: Range = {}): number {
    return this.#numeric(path, range, true) ?? fallback;
  }

  number(path: string, fallback: number, range: Range = {}): number {
    return this.#numeric(path, range, false) ?? fallback;
  }

  optionalNumber(path: string, range: Range = {}): number | null {
    return this.#numeric(path, range, false);
  }

  /** Milliseconds out of `7d`, `12h`, `30m`, `90s`; a bare number is seconds. */
  duration(path: string, fallbackMs: number): number {
    const found = this.raw(path);
    if (found === undefined) return fallbackMs;
    const read = durationMsOf(String(found));
    if (read === undefined) this.problem(path, found, DURATION_FORM);
    return read ?? fallbackMs;
  }

  /** As `duration`, but null when nothing stands there. */
  optionalDuration(path: string): number | null {
    return this.raw(path) === undefined ? null : this.duration(path, 0);
  }

  /** A list of words, or one text with commas. */
  words(path: string, fallback: readonly string[]): readonly string[] {
    const found = this.raw(path);
    if (found === undefined) return fallback;
    const list = typeof found === 'string' ? found.split(',') : found;
    if (!Array.isArray(list) || list.some((word) => typeof word !== 'string')) {
      this.problem(path, found, 'a list of words');
      return fallback;
    }
    return list.map((word: string) => word.trim()).filter((word) => word !== '');
  }

  /** A list of sections, each read by `parse`; keys of a section that `parse` did not read are problems. */
  items<T>(path: string, parse: (item: Reader) => T): readonly T[] {
    const found = this.raw(path);
    if (found === undefined) return [];
    if (!Array.isArray(found)) {
      this.problem(path, found, 'a list');
      return [];
    }
    const parsed: T[] = [];
    for (const [index, raw] of found.entries()) {
      const name = `${path}[${index}]`;
      if (!isRaw(raw)) {
        this.problem(name, raw, 'a section with keys');
        continue;
      }
      const item = new Reader(raw, (key) => this.#nameOf(`${name}.${key}`), this.problems);
      parsed.push(parse(item));
      item.refuseUnread();
    }
    return parsed;
  }

  /** A section as it stands, for somebody else to read. */
  section(path: string): Raw {
    const found = this.raw(path);
    if (found === undefined) return {};
    if (isRaw(found)) return found;
    this.problem(path, found, 'a section with keys');
    return {};
  }

  /** Keys that are there and that nobody asked for. */
  unread(): readonly string[] {
    const left: string[] = [];
    const visit = (raw: Raw, prefix: string): void => {
      for (const [key, value] of Object.entries(raw)) {
        const path = `${prefix}${key}`;
        if (this.#read.has(path)) continue;
        const isParent = [...this.#read].some((read) => read.startsWith(`${path}.`));
        if (isParent && isRaw(value)) visit(value, `${path}.`);
        else if (!isParent || value != null) left.push(path);
      }
    };
    visit(this.#raw, '');
    return left;
  }

  /** Makes a problem of every key that nobody asked for, with the nearest known key as a suggestion. */
  refuseUnread(alsoKnown: readonly string[] = []): void {
    const known = [...this.#read, ...alsoKnown];
    for (const path of this.unread()) {
      const near = nearest(path, known);
      const hint = near === undefined ? '' : ` (did you mean "${near}"?)`;
      this.problem(path, this.raw(path), `a known key${hint}`);
    }
  }

  #numeric(path: string, { min, max }: Range, isWhole: boolean): number | null {
    const found = this.raw(path);
    if (found === undefined || found === '') return null;
    const value = typeof found === 'string' && found.trim() !== '' ? Number(found) : found;
    const fits =
      typeof value === 'number' &&
      Number.isFinite(value) &&
      (!isWhole || Number.isSafeInteger(value)) &&
      (min === undefined || value >= min) &&
      (max === undefined || value <= max);
    if (fits) return value;
    this.problem(path, found, `${isWhole ? 'a whole number' : 'a number'}${rangeText(min, max)}`);
    return null;
  }
}

function rangeText(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? '' : ` of at most ${max}`;
}

/** The known word that differs in the fewest letters, if that is few enough to be a slip. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(word.length > 3 ? 2 : 1, Math.floor(word.length / 3)) + 1;
  for (const candidate of [...new Set(known)].sort()) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const swap = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
