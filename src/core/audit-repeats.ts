/**
 * What comes again and again, as wrong passwords do: the first of its kind is told at once, what follows within the same minute together
 * with its count, and of callers whom nobody knows so many kinds a minute at most, the others as one. A million wrong passwords are some twenty
 * entries a minute, and hide nobody who did sign in.
 */
import { type AuditNote, canonical } from './audit.js';
import type { Instant } from './units.js';

export interface RepeatLimits {
  readonly windowMs: number;
  /** Kinds of unknown callers that are told one by one in a window. */
  readonly kindsMax: number;
}

interface Kind {
  /** Counts what is not told yet. */
  note: AuditNote;
  firstAt: Instant;
  isFresh: boolean;
}

export class AuditRepeats {
  readonly #limits: RepeatLimits;
  readonly #kinds = new Map<string, Kind>();
  #sinceMs: number | undefined;
  /** Kinds of unknown callers in this window. */
  #unknown = 0;

  constructor(limits: RepeatLimits) {
    this.#limits = limits;
  }

  /** Whether it is of a new kind, to be told at once. `nowMs`: monotonic. */
  add(note: AuditNote, nowMs: number): boolean {
    this.#sinceMs ??= nowMs;
    const own = kindOf(note);
    const isUnknown = note.actor === null;
    const isRest = isUnknown && !this.#kinds.has(own) && this.#unknown >= this.#limits.kindsMax;
    const name = isRest ? `${note.act} ${note.outcome}` : own;
    const known = this.#kinds.get(name);
    if (known === undefined) {
      // The rest is told at the end of the window, once.
      const first = isRest ? anonymous(note) : note;
      this.#kinds.set(name, { note: first, firstAt: note.at, isFresh: !isRest });
      if (isUnknown) this.#unknown++;
      return !isRest;
    }
    const before = known.note.count;
    if (before === 0) known.firstAt = note.at;
    known.note = { ...known.note, at: note.at, count: before + note.count };
    return false;
  }

  /** What is to be written now. Whatever cannot be written is given back with `add`. */
  due(nowMs: number): readonly AuditNote[] {
    const isOver = this.#sinceMs !== undefined && nowMs - this.#sinceMs >= this.#limits.windowMs;
    return isOver ? this.takeAll() : this.#taken(({ isFresh }) => isFresh);
  }

  /** Everything, however young: the process stops. */
  takeAll(): readonly AuditNote[] {
    const notes = this.#taken(() => true);
    this.#kinds.clear();
    this.#sinceMs = undefined;
    this.#unknown = 0;
    return notes;
  }

  /** Nothing waits, told or not. */
  get isEmpty(): boolean {
    return this.#kinds.size === 0;
  }

  #taken(isDue: (kind: Kind) => boolean): readonly AuditNote[] {
    const notes: AuditNote[] = [];
    for (const kind of this.#kinds.values()) {
      const { note, firstAt } = kind;
      if (note.count === 0 || !isDue(kind)) continue;
      const since = note.count === 1 ? {} : { since: new Date(firstAt).toISOString() };
      notes.push({ ...note, facts: { ...note.facts, ...since } });
      kind.note = { ...note, count: 0 };
      kind.isFresh = false;
    }
    return notes;
  }
}

/** Those that differ in time and request alone are of one kind. */
function kindOf({ act, outcome, actor, via, keyId, remote, subject, facts }: AuditNote): string {
  const { since: _, ...others } = facts;
  const id = subject === null ? null : `${subject.kind}:${subject.id}`;
  return canonical([act, outcome, actor, via, keyId, remote, id, others]);
}

/** Of the rest only the number is kept. */
const anonymous = (note: AuditNote): AuditNote => ({
  ...note,
  ...{ keyId: null, requestId: null, remote: null, subject: null },
  facts: { others: 'more kinds than are told one by one' },
});
