/** Aligned columns for people; machines read `--json`. */
import { plain } from './words.js';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Numbers stand to the right. */
  readonly isRight?: boolean;
  /** May be cut, to at least `widthMin`, when the line is too long for the terminal. */
  readonly widthMin?: number;
}

const GAP = '  ';

/** `columns` null: no terminal, so nothing is cut. Ends with a newline. */
export function table<Row>(
  rows: readonly Row[],
  shape: readonly Column<Row>[],
  columns: number | null,
): string {
  const cells = rows.map((row) => shape.map((column) => plain(column.value(row))));
  const titles = shape.map((column) => column.title);
  const wanted = shape.map((_, at) =>
    Math.max(...[titles, ...cells].map((line) => width(line[at] ?? ''))),
  );
  const widths = columns === null ? wanted : squeeze(wanted, shape, columns);
  const line = (texts: readonly string[]) =>
    shape
      .map((column, at) => fit(texts[at] ?? '', widths[at] ?? 0, column.isRight === true))
      .join(GAP)
      .trimEnd();
  return [titles, ...cells].map((texts) => `${line(texts)}\n`).join('');
}

/** `Name:  value` lines. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const longest = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => `${`${name}:`.padEnd(longest + 2)}${plain(value)}\n`)
    .join('');
}

/** Takes from the widest column that may be cut, until the line fits or nothing is left to take. */
function squeeze<Row>(
  wanted: readonly number[],
  shape: readonly Column<Row>[],
  columns: number,
): number[] {
  const widths = [...wanted];
  const sum = () =>
    widths.reduce((total, value) => total + value, GAP.length * (widths.length - 1));
  while (sum() > columns) {
    let widest = -1;
    for (const [at, column] of shape.entries()) {
      const room = (widths[at] ?? 0) - (column.widthMin ?? Number.POSITIVE_INFINITY);
      if (room > 0 && (widest < 0 || (widths[at] ?? 0) > (widths[widest] ?? 0))) widest = at;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function fit(text: string, size: number, isRight: boolean): string {
  let shown = text;
  if (width(shown) > size) {
    const characters = [...text];
    while (characters.length > 0 && width(characters.join('')) > size - 1) characters.pop();
    shown = `${characters.join('')}…`;
  }
  const padding = ' '.repeat(Math.max(0, size - width(shown)));
  return isRight ? padding + shown : shown + padding;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NO_WIDTH = /\p{Mark}|\u200d/u;

/** Terminal cells a text takes: marks none, East Asian characters and emoji two. */
function width(text: string): number {
  let cells = 0;
  for (const character of text)
    cells += NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return cells;
}
