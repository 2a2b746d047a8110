/** Which processes say that they live, in Redis: forgotten by themselves, by one clock. */
import {
  PRESENCE_LASTS_MS,
  type Presence,
  type ProcessCard,
  type ProcessSeen,
} from '../../contracts/presence.js';
import { instant } from '../../core/units.js';
import type { RedisLink } from './link.js';
import { BEAT, LEAVE, PRESENT } from './scripts.js';

export class RedisPresence implements Presence {
  readonly #link: RedisLink;
  readonly #key: string;

  constructor(link: RedisLink, key: string) {
    this.#link = link;
    this.#key = key;
  }

  async beat(card: ProcessCard): Promise<void> {
    await this.#link.run(BEAT, [this.#key], [card.name, JSON.stringify(card), PRESENCE_LASTS_MS]);
  }

  async present(): Promise<readonly ProcessSeen[]> {
    const answer = await this.#link.run(PRESENT, [this.#key], [PRESENCE_LASTS_MS]);
    const lines = Array.isArray(answer) ? answer.map(String) : [];
    return lines.map(seenIn).filter((seen) => seen !== undefined);
  }

  async leave(name: string): Promise<void> {
    await this.#link.run(LEAVE, [this.#key], [name]);
  }
}

/** A line that another version wrote, or nobody of ours, is passed over. */
function seenIn(line: string): ProcessSeen | undefined {
  const space = line.indexOf(' ');
  let read: unknown;
  try {
    read = JSON.parse(line.slice(space + 1));
  } catch {
    return undefined;
  }
  const card = read as Partial<ProcessCard> | null;
  const isCard = typeof card?.name === 'string' && typeof card.role === 'string';
  return isCard
    ? { ...(card as ProcessCard), seenAt: instant(Number(line.slice(0, space))) }
    : undefined;
}
