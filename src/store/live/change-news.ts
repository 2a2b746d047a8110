/** Changes of jobs where only the store tells that something changed: listeners read again, now and then while it does. */
import type { Timer, Timers } from '../../contracts/clock.js';
import { NEWS_RESYNC_EACH_MS } from '../../contracts/limits.js';
import type { JobNews, News } from '../../contracts/live.js';
import type { ChangeFeed } from '../../contracts/store.js';

export class ChangeNews implements JobNews {
  readonly #changes: ChangeFeed;
  readonly #timers: Timers;
  readonly #epoch: string;
  readonly #listeners = new Set<(news: News) => void>();
  #endWatch: (() => void) | undefined;
  /** Runs for a while after listeners were told. */
  #pause: Timer | undefined;
  #isToldAgain = false;
  #told = 0;

  constructor(changes: ChangeFeed, timers: Timers, epoch: string) {
    this.#changes = changes;
    this.#timers = timers;
    this.#epoch = epoch;
  }

  /** Nothing is to be done: what is published was committed before, and the store tells of commits. */
  publish(): void {}

  follow(_after: string | null, listen: (news: News) => void): () => void {
    const listener = (news: News) => listen(news);
    listener(this.#next());
    this.#listeners.add(listener);
    this.#endWatch ??= this.#changes.watch(() => this.#changed());
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    this.#endWatch?.();
    this.#endWatch = undefined;
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#isToldAgain = false;
  }

  #changed(): void {
    if (this.#pause !== undefined) {
      this.#isToldAgain = true;
      return;
    }
    const news = this.#next();
    for (const listen of this.#listeners) listen(news);
    this.#pause = this.#timers.after(NEWS_RESYNC_EACH_MS, () => {
      this.#pause = undefined;
      const isToldAgain = this.#isToldAgain;
      this.#isToldAgain = false;
      if (isToldAgain) this.#changed();
    });
  }

  #next(): News {
    this.#told += 1;
    return { kind: 'resync', cursor: `${this.#epoch}.${this.#told}` };
  }
}
