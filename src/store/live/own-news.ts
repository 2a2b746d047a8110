/** Changes of jobs within one process: all that make them are here. */

import { NEWS_KEPT_MAX } from '../../contracts/limits.js';
import type { JobNews, JobNote, News } from '../../contracts/live.js';
import { NewsRing } from '../../core/news-ring.js';

export class OwnNews implements JobNews {
  readonly #epoch: string;
  readonly #ring: NewsRing<JobNote>;
  readonly #listeners = new Set<(news: News) => void>();
  #published = 0;

  /** @param epoch tells cursors of this process from those of a former one */
  constructor(epoch: string) {
    this.#epoch = epoch;
    this.#ring = new NewsRing(`${epoch}.0`, NEWS_KEPT_MAX);
  }

  publish(notes: readonly JobNote[]): void {
    this.#published += 1;
    const entry = { cursor: `${this.#epoch}.${this.#published}`, notes };
    this.#ring.append(entry);
    for (const listen of this.#listeners) listen({ kind: 'notes', ...entry });
  }

  follow(after: string | null, listen: (news: News) => void): () => void {
    // The same function may follow twice.
    const listener = (news: News) => listen(news);
    const missed = after === null ? undefined : this.#ring.after(after);
    if (missed === undefined) listener({ kind: 'resync', cursor: this.#ring.head });
    for (const entry of missed ?? []) listener({ kind: 'notes', ...entry });
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
