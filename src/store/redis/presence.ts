/** Which processes say that they live, in Redis: forgotten by themselves, by one clock. */
import type { Random } from '../../contracts/clock.js';
import type { RedisConfig } from '../../contracts/config.js';
import {
  PRESENCE_LASTS_MS,
  type Presence,
  type ProcessCard,
  type ProcessSeen,
} from '../../contracts/presence.js';
import { instant } from '../../core/units.js';
import { type Connection, connectionOf } from './connections.js';
import { keysOf, PROCESSES } from './keys.js';
import type { RedisLink } from './link.js';
import { BEAT, LEAVE, PRESENT } from './scripts.js';

/** What of a connection is needed. */
type Scripts = Pick<RedisLink, 'run'>;

export class RedisPresence implements Presence {
  readonly #link: Scripts;
  readonly #key: string;

  constructor(link: Scripts, key: string) {
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

export interface RedisLookParts {
  readonly config: RedisConfig;
  readonly installation: string;
  readonly random: Random;
}

/** For a command that asks and ends: a connection for one question. */
export class RedisLook implements Pick<Presence, 'present'> {
  readonly #parts: RedisLookParts;

  constructor(parts: RedisLookParts) {
    this.#parts = parts;
  }

  /** @throws Error in the words of the server or the system, when Redis is away or refuses */
  async present(): Promise<readonly ProcessSeen[]> {
    const { config, installation, random } = this.#parts;
    const connection = connectionOf(config, random);
    try {
      await untilReady(connection);
      const link: Scripts = {
        run: (script, keys, args) => connection.eval(script, keys.length, ...keys, ...args),
      };
      return await new RedisPresence(link, keysOf(config, installation)(PROCESSES)).present();
    } finally {
      connection.disconnect();
    }
  }
}

/** The first trouble is the answer: nobody waits for a second try. */
const untilReady = (connection: Connection): Promise<void> =>
  new Promise((resolve, reject) => {
    connection.on('error', reject);
    connection.on('ready', resolve);
    // What goes wrong is told by `error`.
    connection.connect().catch(() => undefined);
  });

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
