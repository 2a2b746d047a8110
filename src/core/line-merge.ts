/** The jobs of one account in order of id, merged from its lines. */
import { Heap } from './heap.js';
import type { AccountQueue, Line } from './queue.js';
import type { Instant, JobId } from './units.js';

/** A line that has had its turn; `id`: its next job. */
interface Begun {
  id: JobId;
  readonly line: Line;
}

/** After so many jobs in a row it is worth looking ahead: cycles seldom take so many of one account. */
const AHEAD_AFTER = 8;
/** Jobs looked ahead: one account's lines are then read while they are near, not a thousand accounts' in turn. */
const AHEAD_MAX = 32;

/**
 * Stands at a job until it is told to go on. The queue may change meanwhile, as it does under a survey that goes in
 * portions: what enters or leaves is seen or missed, and no job has two turns.
 */
export class LineMerge {
  readonly #account: AccountQueue;
  /** Heads of lines from here on were not looked at; the first of them, when that was asked last. */
  #from: JobId;
  #fresh: JobId | undefined;
  /** By line: those whose jobs have a turn still, and those that have come to their end. */
  readonly #begun = new Map<Line, Begun>();
  /** Of `#begun`, those that have a job. */
  #heap = new Heap<Begun>(isBefore);
  /** The line, if it is begun: the first of the heap. */
  #current: Begun | undefined;
  #inRow = 0;
  /** What was looked ahead; `#place` is where it stands. */
  readonly #ids: JobId[] = [];
  readonly #submitted: Instant[] = [];
  readonly #lines: (Line | undefined)[] = [];
  #count = 0;
  #place = 0;
  /** Where it stands; no line: it is over. */
  id = 0 as JobId;
  submittedAt = 0 as Instant;
  line: Line | undefined;

  constructor(account: AccountQueue, from: JobId) {
    this.#account = account;
    this.#from = from;
    this.#fresh = account.headAtLeast(from);
    this.#next();
  }

  /** Where heads of lines were not looked at begins here. */
  get from(): JobId {
    return this.#from;
  }

  /** The line goes on behind `last`, which is this job or a later one. */
  passTo(last: JobId): void {
    const isNext = last === this.id;
    if (isNext && this.#isAhead) {
      this.#take();
      return;
    }
    this.#goBack();
    this.#goOn(this.line?.atLeast((last + 1) as JobId));
    this.#inRow = isNext ? this.#inRow + 1 : 0;
    if (this.#inRow >= AHEAD_AFTER) this.#lookAhead();
  }

  /** The line leaves. */
  passLine(): void {
    this.#goBack();
    const { line } = this;
    this.#goOn(undefined);
    if (line !== undefined) this.#begun.delete(line);
    this.#inRow = 0;
  }

  /** All leave. */
  passAll(): void {
    this.line = undefined;
    // Heads before this job had their turn; of those behind none had, whatever was looked ahead.
    this.#from = (this.id + 1) as JobId;
  }

  /** @param next of this line; undefined: none */
  #goOn(next: JobId | undefined): void {
    const current = this.#current;
    if (this.line === undefined) return;
    if (current === undefined) this.#begin(this.line, next);
    else if (next === undefined) this.#heap.pop();
    else {
      current.id = next;
      this.#heap.settleTop();
    }
    this.#next();
  }

  #begin(line: Line, next: JobId | undefined): void {
    const begun = { id: next ?? (0 as JobId), line };
    this.#begun.set(line, begun);
    if (next !== undefined) this.#heap.push(begun);
  }

  #next(): void {
    const begun = this.#heap.peek();
    if (begun !== undefined && (this.#fresh === undefined || begun.id < this.#fresh)) {
      this.#current = begun;
      this.#standAt(begun.line, begun.id);
    } else this.#nextFresh();
  }

  #nextFresh(): void {
    const fresh = this.#account.headAtLeast(this.#from);
    const isAsKnown = fresh === this.#fresh;
    this.#fresh = fresh;
    if (!isAsKnown) {
      this.#next();
      return;
    }
    this.#current = undefined;
    this.line = undefined;
    if (fresh === undefined) return;
    this.#from = (fresh + 1) as JobId;
    this.#fresh = this.#account.headAtLeast(this.#from);
    const line = this.#account.lineFrom(fresh);
    // A line that is begun has lost its first jobs meanwhile: this one has had its turn, or will have it.
    if (line === undefined || this.#begun.has(line)) this.#next();
    else this.#standAt(line, fresh);
  }

  #standAt(line: Line, id: JobId): void {
    this.id = id;
    this.line = line;
    this.submittedAt = line.submittedAt(id) ?? (0 as Instant);
  }

  get #isAhead(): boolean {
    return this.#place + 1 < this.#count;
  }

  /** Goes on, and remembers where it stood, so that it stands here again. */
  #lookAhead(): void {
    this.#count = 0;
    while (this.#count < AHEAD_MAX) {
      this.#ids[this.#count] = this.id;
      this.#submitted[this.#count] = this.submittedAt;
      this.#lines[this.#count] = this.line;
      this.#count++;
      if (this.line === undefined) break;
      if (this.#count < AHEAD_MAX) this.#goOn(this.line.atLeast((this.id + 1) as JobId));
    }
    this.#place = -1;
    this.#take();
  }

  #take(): void {
    this.#place++;
    this.id = this.#ids[this.#place] as JobId;
    this.submittedAt = this.#submitted[this.#place] as Instant;
    this.line = this.#lines[this.#place];
  }

  /** What was looked ahead is forgotten: the lines stand behind this job again, and its own at it. */
  #goBack(): void {
    if (!this.#isAhead) return;
    const last = this.#lines[this.#count - 1];
    if (this.#current === undefined && last !== undefined) this.#begin(last, undefined);
    this.#count = 0;
    const those: Begun[] = [];
    for (const begun of this.#begun.values()) {
      const isOwn = begun.line === this.line;
      const id = isOwn ? this.id : begun.line.atLeast((this.id + 1) as JobId);
      if (id === undefined) continue;
      begun.id = id;
      those.push(begun);
    }
    this.#heap = new Heap<Begun>(isBefore, those);
    this.#current = this.#heap.peek();
  }
}

const isBefore = (a: Begun, b: Begun): boolean => a.id < b.id;
