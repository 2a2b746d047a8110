/** What a listener has not been sent yet: of each job its newest version; beyond a bound only that something was missed. */
import type { JobId } from './units.js';

export type Told =
  | { readonly kind: 'nothing' }
  /** Something was missed: all is to be read again. */
  | { readonly kind: 'missed'; readonly cursor: string }
  | {
      readonly kind: 'jobs';
      readonly cursor: string;
      readonly versions: ReadonlyMap<JobId, number | null>;
    };

interface HeldNote {
  readonly jobId: JobId;
  readonly version: number | null;
}

export class HeldNotes {
  readonly #max: number;
  #versions = new Map<JobId, number | null>();
  #cursor: string | null = null;
  #isMissed = false;

  /** @param max jobs that are held at most */
  constructor(max: number) {
    this.#max = max;
  }

  /** `cursor`: where the listener stands after these. */
  add(notes: Iterable<HeldNote>, cursor: string): void {
    this.#cursor = cursor;
    if (this.#isMissed) return;
    for (const { jobId, version } of notes)
      this.#versions.set(jobId, newer(this.#versions.get(jobId), version));
    if (this.#versions.size > this.#max) this.miss(cursor);
  }

  miss(cursor: string): void {
    this.#cursor = cursor;
    this.#isMissed = true;
    this.#versions.clear();
  }

  /** All of it; then nothing is held any more. */
  take(): Told {
    const [cursor, versions, isMissed] = [this.#cursor, this.#versions, this.#isMissed];
    if (cursor === null || (!isMissed && versions.size === 0)) return { kind: 'nothing' };
    this.#versions = new Map();
    this.#isMissed = false;
    this.#cursor = null;
    return isMissed ? { kind: 'missed', cursor } : { kind: 'jobs', cursor, versions };
  }
}

/** Notes may come late or twice. Null, a version that is not known, says that there may be a newer one than any. */
const newer = (known: number | null | undefined, told: number | null): number | null =>
  known === undefined ? told : known === null || told === null ? null : Math.max(known, told);
