/** Longest escape sequence that is looked at whole. */
const SEQUENCE_CHARS_MAX = 64;
/** Text of OSC, DCS and the like may be long; after this much it is taken for text again. */
const SWALLOWED_CHARS_MAX = 65_536;

type Mode = 'text' | 'escape' | 'sequence' | 'string' | 'string-escape';

/**
 * Makes the output of a job harmless for a terminal: colours and erasing a line (progress bars) stay; whatever
 * moves the cursor elsewhere, changes the title, or makes the terminal answer is dropped. Stateful: sequences
 * and characters may be cut anywhere between chunks.
 */
export class HarmlessText {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #mode: Mode = 'text';
  #sequence = '';
  #swallowed = 0;

  push(chunk: Uint8Array): string {
    let shown = '';
    for (const character of this.#decoder.decode(chunk, { stream: true }))
      shown += this.#take(character);
    return shown;
  }

  /** What an unfinished character at the very end becomes. */
  end(): string {
    return this.#mode === 'text' ? this.#decoder.decode() : '';
  }

  #take(character: string): string {
    switch (this.#mode) {
      case 'text':
        return this.#text(character);
      case 'escape':
        return this.#afterEscape(character);
      case 'sequence':
        return this.#inSequence(character);
      case 'string':
        this.#swallowed++;
        if (character === '\u001b') this.#mode = 'string-escape';
        else if (character === '\u0007' || character === '\u009c') this.#mode = 'text';
        else if (this.#swallowed > SWALLOWED_CHARS_MAX) this.#mode = 'text';
        return '';
      case 'string-escape':
        this.#mode = character === '\\' ? 'text' : 'string';
        return '';
    }
  }

  #text(character: string): string {
    const code = character.codePointAt(0) ?? 0;
    if (character === '\u001b') this.#mode = 'escape';
    else if (character === '\u009b') this.#startSequence();
    else if (code >= 0x20 && code !== 0x7f && (code < 0x80 || code > 0x9f)) return character;
    else if ('\n\t\r\b'.includes(character)) return character;
    return '';
  }

  #afterEscape(character: string): string {
    if (character === '[') this.#startSequence();
    else if (']PX^_'.includes(character)) {
      this.#mode = 'string';
      this.#swallowed = 0;
    } else if (character !== '\u001b') {
      // Intermediate bytes (as in `ESC ( B`) go on; any other character ends the sequence.
      this.#mode = character >= ' ' && character <= '/' ? 'escape' : 'text';
    }
    return '';
  }

  #startSequence(): void {
    this.#mode = 'sequence';
    this.#sequence = '';
  }

  #inSequence(character: string): string {
    const isFinal = character >= '@' && character <= '~';
    if (!isFinal) {
      this.#sequence += character;
      if (character === '\u001b') this.#mode = 'escape';
      else if (this.#sequence.length > SEQUENCE_CHARS_MAX) this.#mode = 'text';
      return '';
    }
    this.#mode = 'text';
    const isColour = character === 'm' && /^[\d;:]*$/.test(this.#sequence);
    const isErase = character === 'K' && /^[012]?$/.test(this.#sequence);
    return isColour || isErase ? `\u001b[${this.#sequence}${character}` : '';
  }
}
