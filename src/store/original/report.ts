// What an import from an original took, took in another form, and left out: why, how often, and the first few by name.

const NAMES_SHOWN = 5;

interface Entry {
  count: number;
  readonly names: string[];
}

export class ImportReport {
  readonly #changed = new Map<string, Entry>();
  readonly #leftOut = new Map<string, Entry>();

  /** `why`: a constant sentence about the record. */
  changed(name: string | number, why: string): void {
    note(this.#changed, why, name);
  }

  leftOut(name: string | number, why: string): void {
    note(this.#leftOut, why, name);
  }

  /** Lines for people; empty when everything was taken as it was. */
  lines(): readonly string[] {
    return [...linesOf('changed', this.#changed), ...linesOf('left out', this.#leftOut)];
  }
}

function note(entries: Map<string, Entry>, why: string, name: string | number): void {
  const entry = entries.get(why) ?? { count: 0, names: [] };
  entry.count++;
  if (entry.names.length < NAMES_SHOWN) entry.names.push(String(name));
  entries.set(why, entry);
}

const linesOf = (what: string, entries: ReadonlyMap<string, Entry>): readonly string[] =>
  [...entries].map(([why, { count, names }]) => {
    const more = count > names.length ? ` and ${count - names.length} more` : '';
    return `${what}: ${why} (${names.join(', ')}${more})`;
  });
