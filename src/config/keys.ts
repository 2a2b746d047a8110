/** The kinds of keys that a configuration has: how each is read, and how the reference page shows it. */
import type { Range, Reader } from '../contracts/reader.js';

export interface Key<T> {
  readonly doc: string;
  /** What may stand there, for people. */
  readonly kind: string;
  /** The default as the reference page shows it. */
  readonly shown: string;
  readonly read: (reader: Reader, path: string) => T;
  /** Nobody else should read it. */
  readonly isSecret?: true;
}

type SecretKeys<Path extends string> = {
  readonly [P in Path | `${Path}_file`]: Key<string | null>;
};

/** A secret, and the key of the same name with `_file` behind it: every secret may stand in a file of its own. */
export const secret = <const Path extends string>(
  path: Path,
  shown: string,
  doc: string,
): SecretKeys<Path> =>
  ({
    [path]: {
      ...{ doc, kind: 'text', shown, isSecret: true },
      read: (reader, at) => reader.secret(at),
    } satisfies Key<string | null>,
    [`${path}_file`]: optional('none', `A file that holds \`${path}\`.`, 'path'),
  }) as SecretKeys<Path>;

export const text = (fallback: string, doc: string): Key<string> => ({
  doc,
  kind: 'text',
  shown: fallback === '' ? 'empty' : fallback,
  read: (reader, path) => reader.text(path, fallback),
});

export const optional = (shown: string, doc: string, kind = 'text'): Key<string | null> => ({
  doc,
  kind,
  shown,
  read: (reader, path) => reader.optionalText(path),
});

export const flag = (fallback: boolean, doc: string): Key<boolean> => ({
  doc,
  kind: 'true or false',
  shown: String(fallback),
  read: (reader, path) => reader.flag(path, fallback),
});

export const integer = (fallback: number, range: Range, doc: string): Key<number> => ({
  doc,
  kind: 'whole number',
  shown: String(fallback),
  read: (reader, path) => reader.integer(path, fallback, range),
});

export const number = (fallback: number, range: Range, doc: string): Key<number> => ({
  doc,
  kind: 'number',
  shown: String(fallback),
  read: (reader, path) => reader.number(path, fallback, range),
});

export const port = (doc: string): Key<number | null> => ({
  doc,
  kind: 'whole number',
  shown: 'none',
  read: (reader, path) =>
    reader.raw(path) == null ? null : reader.integer(path, 0, { min: 0, max: 65_535 }),
});

export const size = (range: Range, shown: string, doc: string): Key<number | null> => ({
  doc,
  kind: 'number',
  shown,
  read: (reader, path) => reader.optionalNumber(path, range),
});

export const duration = (fallbackMs: number, doc: string): Key<number> => ({
  doc,
  kind: 'duration (`7d`, `12h`, `90s`, or seconds)',
  shown: fallbackMs % 86_400_000 === 0 ? `${fallbackMs / 86_400_000}d` : `${fallbackMs / 1000}s`,
  read: (reader, path) => reader.duration(path, fallbackMs),
});

export const optionalDuration = (doc: string): Key<number | null> => ({
  doc,
  kind: 'duration (`7d`, `12h`, `90s`, or seconds)',
  shown: 'none',
  read: (reader, path) => reader.optionalDuration(path),
});

export const choice = <const Word extends string>(
  words: readonly Word[],
  fallback: Word,
  doc: string,
): Key<Word> => ({
  doc,
  kind: words.map((word) => `\`${word}\``).join(', '),
  shown: fallback,
  read: (reader, path) => reader.choice(path, words, fallback),
});

export const optionalChoice = <const Word extends string>(
  words: readonly Word[],
  doc: string,
): Key<Word | null> => ({
  doc,
  kind: words.map((word) => `\`${word}\``).join(', '),
  shown: 'none',
  read: (reader, path) => {
    const [first] = words;
    return first === undefined || reader.raw(path) === undefined
      ? null
      : reader.choice(path, words, first);
  },
});

export const words = (fallback: readonly string[], doc: string): Key<readonly string[]> => ({
  doc,
  kind: 'list of words, or words with commas',
  shown: fallback.join(', '),
  read: (reader, path) => reader.words(path, fallback),
});

export const items = <T>(
  parse: (item: Reader) => T,
  kind: string,
  doc: string,
): Key<readonly NonNullable<T>[]> => ({
  doc,
  kind,
  shown: 'empty',
  read: (reader, path) => reader.items(path, parse).filter((item) => item != null),
});
