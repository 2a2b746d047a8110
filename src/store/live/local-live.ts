/** Live state without a server for it: function calls within the process, and between processes the store's own feed of changes. */
import type { Timers } from '../../contracts/clock.js';
import type { Ears, JobNews, Live, Tidings } from '../../contracts/live.js';
import type { ChangeFeed } from '../../contracts/store.js';
import { ChangeNews } from './change-news.js';
import { OwnNews } from './own-news.js';

export interface LocalLiveParts {
  /** What other processes wrote; null: there are none. */
  readonly changes: ChangeFeed | null;
  readonly timers: Timers;
  /** Unique among all processes that ever were: no spaces. */
  readonly epoch: string;
}

export class LocalLive implements Live {
  readonly tell: Tidings;
  readonly news: JobNews;
  readonly presence = null;
  readonly #changes: ChangeFeed | null;
  readonly #ears = new Set<Ears>();
  readonly #watches = new Set<() => void>();

  constructor({ changes, timers, epoch }: LocalLiveParts) {
    this.#changes = changes;
    this.news = changes === null ? new OwnNews(epoch) : new ChangeNews(changes, timers, epoch);
    const each = (tell: (ears: Ears) => void) => {
      for (const ears of this.#ears) tell(ears);
    };
    this.tell = {
      submitted: (ids) => each((ears) => ears.submitted?.(ids)),
      killWanted: (id) => each((ears) => ears.killWanted?.(id)),
      holdChanged: (id) => each((ears) => ears.holdChanged?.(id)),
      wished: () => each((ears) => ears.wished?.()),
      agentsChanged: () => each((ears) => ears.agentsChanged?.()),
      bulletinChanged: () => each((ears) => ears.bulletinChanged?.()),
    };
  }

  hear(ears: Ears): () => void {
    // The same ears may hear twice.
    const own = { ...ears };
    this.#ears.add(own);
    const endWatch = this.#watch(own);
    return () => {
      this.#ears.delete(own);
      endWatch();
    };
  }

  /** Asks everybody here to look at the record. */
  changed(): void {
    for (const ears of this.#ears) ears.changed?.();
  }

  warnings(): readonly string[] {
    return [];
  }

  async close(): Promise<void> {
    for (const end of this.#watches) end();
    this.#watches.clear();
    this.#ears.clear();
  }

  #watch({ changed }: Ears): () => void {
    if (changed === undefined || this.#changes === null) return () => {};
    const end = this.#changes.watch(changed);
    this.#watches.add(end);
    return () => {
      this.#watches.delete(end);
      end();
    };
  }
}
