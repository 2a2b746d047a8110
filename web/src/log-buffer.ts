/** Turns the bytes of a log into lines of coloured pieces, as a terminal would show them; keeps the last ones only. */
import { HarmlessText } from '../../src/cli/escapes.js';

/** More would make the page slow; the whole file can be saved. */
export const LINES_MAX = 5_000;
const LINE_CHARS_MAX = 4_000;

/** `style` is a list of class names, '' for plain text. */
export interface Piece {
  readonly text: string;
  readonly style: string;
}

export interface Line {
  /** Counts from 1 for the first line received; stays the same while the line grows. */
  readonly number: number;
  readonly pieces: readonly Piece[];
}

const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

export class LogBuffer {
  readonly #harmless = new HarmlessText();
  #lines: Line[] = [];
  #pieces: Piece[] = [];
  #chars = 0;
  #number = 1;
  /** A carriage return was the last character: the next one tells whether the line starts again. */
  #isReturned = false;
  #colour = '';
  #isBold = false;

  /** Complete lines and the one that is being written. */
  get lines(): readonly Line[] {
    const last = { number: this.#number, pieces: this.#pieces };
    return this.#pieces.length === 0 ? this.#lines : [...this.#lines, last];
  }

  /** Lines that were dropped from the front. */
  get dropped(): number {
    return this.#number - 1 - this.#lines.length;
  }

  push(bytes: Uint8Array): void {
    const parts = this.#harmless.push(bytes).split(CONTROL);
    for (const part of parts) {
      if (part === '\n') this.#endLine();
      else if (part === '\r') this.#isReturned = true;
      else if (part === '\b') this.#erase();
      else if (part.startsWith('\u001b')) this.#control(part);
      else if (part !== '') this.#append(part);
    }
    if (this.#lines.length > LINES_MAX) this.#lines = this.#lines.slice(-LINES_MAX);
  }

  #append(text: string): void {
    if (this.#isReturned) this.#clear();
    const room = LINE_CHARS_MAX - this.#chars;
    if (room <= 0) return;
    const cut = text.length > room ? `${text.slice(0, room)}…` : text;
    this.#chars += text.length;
    const style = [this.#colour, this.#isBold ? 'ansi-bold' : ''].filter(Boolean).join(' ');
    this.#pieces = [...this.#pieces, { text: cut, style }];
  }

  #endLine(): void {
    this.#lines.push({ number: this.#number++, pieces: this.#pieces });
    this.#clear();
  }

  #clear(): void {
    this.#pieces = [];
    this.#chars = 0;
    this.#isReturned = false;
  }

  #erase(): void {
    const last = this.#pieces.at(-1);
    if (last === undefined) return;
    this.#pieces = [...this.#pieces.slice(0, -1), { ...last, text: last.text.slice(0, -1) }];
  }

  #control(sequence: string): void {
    if (sequence.endsWith('K')) {
      if (this.#isReturned) this.#clear();
      return;
    }
    const codes = sequence.slice(2, -1).split(/[;:]/).map(Number);
    for (let at = 0; at < codes.length; at++) {
      const code = codes[at] ?? 0;
      // 38 and 48 bring a palette number or three parts of a colour along, which the pages do not follow.
      if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : 4;
      else this.#style(code);
    }
  }

  #style(code: number): void {
    if (code === 0) [this.#colour, this.#isBold] = ['', false];
    else if (code === 1) this.#isBold = true;
    else if (code === 22) this.#isBold = false;
    else if (code === 39) this.#colour = '';
    else if (code >= 30 && code <= 37) this.#colour = `ansi-${COLOURS[code - 30]}`;
    else if (code >= 90 && code <= 97) this.#colour = `ansi-${COLOURS[code - 90]}`;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal acts on
const CONTROL = /(\n|\r|\x08|\x1b\[[\d;:]*[mK])/;
