/** What one process tells the others in one message: all that gathered while the former was on its way. */
import { LETTER_IDS_MAX } from '../../contracts/limits.js';
import type { Ears, Tidings } from '../../contracts/live.js';
import { type JobId, jobId } from '../../core/units.js';

/** Being written. */
export class Letter {
  readonly #submitted = new Set<JobId>();
  readonly #kills = new Set<JobId>();
  readonly #holds = new Set<JobId>();
  #agents = false;
  #wishes = false;
  #bulletin = false;

  readonly tell: Tidings = {
    submitted: (ids) => {
      // One more than may be named is enough to say that there were too many.
      for (const id of ids.slice(0, LETTER_IDS_MAX + 1)) this.#submitted.add(id);
    },
    killWanted: (id) => void this.#kills.add(id),
    holdChanged: (id) => void this.#holds.add(id),
    wished: () => {
      this.#wishes = true;
    },
    agentsChanged: () => {
      this.#agents = true;
    },
    bulletinChanged: () => {
      this.#bulletin = true;
    },
  };

  /** As it is sent. @param from tells a process its own letters */
  text(from: string): string {
    const lists = { submitted: this.#submitted, kills: this.#kills, holds: this.#holds };
    const whole = Object.entries(lists).filter(
      ([, ids]) => ids.size > 0 && ids.size <= LETTER_IDS_MAX,
    );
    const isCut = Object.values(lists).some((ids) => ids.size > LETTER_IDS_MAX);
    return JSON.stringify({
      from,
      ...Object.fromEntries(whole.map(([name, ids]) => [name, [...ids]])),
      ...(this.#agents ? { agents: true } : {}),
      ...(this.#wishes ? { wishes: true } : {}),
      ...(this.#bulletin ? { bulletin: true } : {}),
      ...(isCut ? { changed: true } : {}),
    });
  }
}

/** What was written by whatever version of us. Lists that are no lists of ids are empty; what is not known is passed over. */
export interface ReadLetter {
  readonly from: string;
  readonly submitted: readonly JobId[];
  readonly kills: readonly JobId[];
  readonly holds: readonly JobId[];
  readonly agents: boolean;
  readonly wishes: boolean;
  readonly bulletin: boolean;
  readonly changed: boolean;
}

/** Undefined: no letter of ours. */
export function readLetter(text: string): ReadLetter | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  const letter = read as Partial<Record<keyof ReadLetter, unknown>> | null;
  if (typeof letter?.from !== 'string') return undefined;
  return {
    from: letter.from,
    submitted: idsIn(letter.submitted),
    kills: idsIn(letter.kills),
    holds: idsIn(letter.holds),
    agents: letter.agents === true,
    wishes: letter.wishes === true,
    bulletin: letter.bulletin === true,
    changed: letter.changed === true,
  };
}

const idsIn = (list: unknown): readonly JobId[] =>
  Array.isArray(list) ? list.filter((id) => Number.isSafeInteger(id) && id > 0).map(jobId) : [];

/** Tells ears what a letter says. */
export function readOut(letter: ReadLetter, ears: Ears): void {
  if (letter.submitted.length > 0) ears.submitted?.(letter.submitted);
  for (const id of letter.kills) ears.killWanted?.(id);
  for (const id of letter.holds) ears.holdChanged?.(id);
  if (letter.agents) ears.agentsChanged?.();
  if (letter.wishes) ears.wished?.();
  if (letter.bulletin) ears.bulletinChanged?.();
  if (letter.changed) ears.changed?.();
}
