/**
 * Jobs of one user and name that asked to run one at a time: each waits for those submitted before it, whether these asked for
 * it or not, and for every one that has begun.
 */
import { SortedIds } from './sorted-ids.js';
import type { JobId, UserId } from './units.js';

/** A job that is not over, and of that name. */
export interface Namesake {
  readonly id: JobId;
  /** It was launched, or could have been at any moment. */
  readonly hasBegun: boolean;
}

interface Line {
  readonly key: string;
  /** Not over. */
  readonly ids: SortedIds;
  /** Of these, those that wait for their turn. */
  readonly waiting: SortedIds;
  /** Of these, those that have begun. */
  readonly begun: Set<JobId>;
}

export const nameKey = (owner: UserId, name: string): string => JSON.stringify([owner, name]);

export class NameLines {
  readonly #lines = new Map<string, Line>();
  readonly #lineOf = new Map<JobId, Line>();

  /** Whether the job stands in the line of that name already. */
  knows(id: JobId, key: string): boolean {
    return this.#lineOf.get(id)?.key === key;
  }

  /** The greatest id in the line; null: there is no such line. Lower ones are known but for those that came late. */
  highest(key: string): JobId | null {
    return (this.#lines.get(key)?.ids.last ?? null) as JobId | null;
  }

  /** A job waits for its turn among those `namesakes`, as the record has them; the jobs whose turn it is, itself perhaps. */
  enter(id: JobId, key: string, namesakes: readonly Namesake[]): readonly JobId[] {
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = { key, ids: new SortedIds(), waiting: new SortedIds(), begun: new Set() };
      this.#lines.set(key, line);
    }
    // Let go before, and back without having been launched: the turn is still its own.
    if (line.begun.has(id)) return [id];
    for (const other of [...namesakes, { id, hasBegun: false }]) {
      line.ids.add(other.id);
      this.#lineOf.set(other.id, line);
      if (other.hasBegun && !line.waiting.has(other.id)) line.begun.add(other.id);
    }
    line.waiting.add(id);
    return this.#turns(line);
  }

  /** A job is over, whichever; the jobs whose turn has come by that. */
  left(id: JobId): readonly JobId[] {
    const line = this.#lineOf.get(id);
    if (line === undefined) return [];
    this.#lineOf.delete(id);
    line.ids.delete(id);
    line.waiting.delete(id);
    line.begun.delete(id);
    if (line.ids.size === 0) this.#lines.delete(line.key);
    return this.#turns(line);
  }

  /** At most one: its turn makes it one that has begun. */
  #turns(line: Line): readonly JobId[] {
    const next = line.waiting.first as JobId | undefined;
    if (next === undefined || line.begun.size > 0 || line.ids.first !== next) return [];
    line.waiting.delete(next);
    line.begun.add(next);
    return [next];
  }
}
