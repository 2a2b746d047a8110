/** Live state through Redis, beside what the process hears without it: Redis makes it sooner and exact, never possible. */
import { randomUUID } from 'node:crypto';
import type { Random } from '../../contracts/clock.js';
import type { RedisConfig } from '../../contracts/config.js';
import type { Ears, Live, Tidings } from '../../contracts/live.js';
import type { Presence } from '../../contracts/presence.js';
import type { LocalLive } from '../live/local-live.js';
import { connectionsOf } from './connections.js';
import { keysOf, PROCESSES } from './keys.js';
import { Letter, readLetter, readOut } from './letter.js';
import { type LinkPorts, RedisLink } from './link.js';
import { RedisNews } from './news.js';
import { RedisPresence } from './presence.js';

export interface RedisLiveParts extends LinkPorts {
  readonly config: RedisConfig;
  readonly random: Random;
  /** Several installations may share a Redis. */
  readonly installation: string;
  readonly local: LocalLive;
}

export class RedisLive implements Live {
  readonly tell: Tidings;
  readonly news: RedisNews;
  readonly presence: Presence;
  readonly #local: LocalLive;
  readonly #link: RedisLink;
  readonly #log: LinkPorts['log'];
  readonly #channel: string;
  readonly #name = randomUUID();
  readonly #ears = new Set<Ears>();
  #letter: Letter | undefined;
  #isSending = false;

  /** Connects; nothing waits for that. @throws Error when a file of certificates cannot be read */
  constructor({ config, random, installation, local, ...ports }: RedisLiveParts) {
    const key = keysOf(config, installation);
    const newsChannel = key('news-told');
    this.#local = local;
    this.#log = ports.log;
    this.#channel = key('tidings');
    this.#link = new RedisLink(
      ports,
      {
        ...connectionsOf(config, random),
        channels: [this.#channel, newsChannel],
        beatChannel: key(`beat:${this.#name}`),
      },
      {
        opened: () => this.#opened(),
        closed: () => this.news.closed(),
        heard: (channel, text) =>
          channel === newsChannel ? this.news.heard(text) : this.#heard(text),
      },
    );
    this.news = new RedisNews({
      link: this.#link,
      log: ports.log,
      local: local.news,
      keys: { epoch: key('epoch'), log: key('news') },
      channel: newsChannel,
      newEpoch: () => randomUUID().slice(0, 8),
    });
    this.presence = new RedisPresence(this.#link, key(PROCESSES));
    this.tell = {
      submitted: (ids) => this.#tell((tell) => tell.submitted(ids)),
      killWanted: (id) => this.#tell((tell) => tell.killWanted(id)),
      holdChanged: (id) => this.#tell((tell) => tell.holdChanged(id)),
      wished: () => this.#tell((tell) => tell.wished()),
      agentsChanged: () => this.#tell((tell) => tell.agentsChanged()),
      bulletinChanged: () => this.#tell((tell) => tell.bulletinChanged()),
    };
    this.#link.start();
  }

  /** What is heard from Redis, and what without it: the same thing may be heard twice. */
  hear(ears: Ears): () => void {
    const own = { ...ears };
    const endLocal = this.#local.hear(own);
    this.#ears.add(own);
    return () => {
      this.#ears.delete(own);
      endLocal();
    };
  }

  /** Messages of ours come back. */
  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  warnings(): readonly string[] {
    const { trouble } = this.#link;
    if (trouble !== null)
      return [`Redis cannot be used (${trouble}): processes hear of each other a little later`];
    const { trouble: refusal } = this.news;
    return refusal === null ? [] : [`Redis does not pass on changes of jobs (${refusal})`];
  }

  async close(): Promise<void> {
    this.#link.stop();
    await this.#local.close();
  }

  /** Messages were missed, perhaps. */
  #opened(): void {
    this.news.opened();
    this.#local.changed();
    for (const ears of this.#ears) ears.bulletinChanged?.();
  }

  #heard(text: string): void {
    const letter = readLetter(text);
    if (letter === undefined || letter.from === this.#name) return;
    for (const ears of this.#ears) readOut(letter, ears);
  }

  /** Within this process at once; to the others in one letter at a time. Without Redis they hear it from the store. */
  #tell(say: (tell: Tidings) => void): void {
    say(this.#local.tell);
    if (!this.#link.isOpen) return;
    this.#letter ??= new Letter();
    say(this.#letter.tell);
    if (!this.#isSending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    // What is told in this turn goes together.
    await Promise.resolve();
    try {
      for (let letter = this.#letter; letter !== undefined; letter = this.#letter) {
        this.#letter = undefined;
        await this.#link.publish(this.#channel, letter.text(this.#name));
      }
    } catch (error) {
      this.#log.debug('other processes not told; they hear it from the store', { error });
    } finally {
      this.#isSending = false;
    }
  }
}
