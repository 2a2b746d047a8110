/**
 * Changes of jobs for those who may hear of them. One follower of the news for all streams of a process: each change is looked up by its
 * owner once, and the cost grows with changes and with what is told, not with their product. What is told together is told at most
 * four times a second. Whose a job is stands in most notes; the store is asked for the others, many at a time.
 */
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import {
  EVENT_OWNERS_KEPT_MAX,
  EVENTS_EACH_MS,
  EVENTS_WAITING_MAX,
  NEWS_KEPT_MAX,
} from '../contracts/limits.js';
import type { JobNews, JobNote, News } from '../contracts/live.js';
import type { Log } from '../contracts/log.js';
import type { JobStore } from '../contracts/store.js';
import { type NewsEntry, NewsRing } from '../core/news-ring.js';
import type { JobId, UserId } from '../core/units.js';

export interface FeedPorts {
  readonly news: JobNews;
  readonly store: Pick<JobStore, 'jobs'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

/** Whose jobs somebody hears of; null: everybody's. */
export type Whose = UserId | null;

interface Listener {
  readonly whose: Whose;
  readonly after: string | null;
  readonly listen: (news: News) => void;
}

/** Before anything was heard. */
const NOWHERE = '-';

export class JobFeed {
  readonly #ports: FeedPorts;
  readonly #listeners = new Map<Whose, Set<Listener>>();
  /** Not told anything yet: they are brought up to the others first. */
  readonly #joining = new Set<Listener>();
  readonly #owners = new Map<JobId, UserId>();
  /** What was told. */
  #ring = new NewsRing<JobNote>(NOWHERE, NEWS_KEPT_MAX);
  /** What was heard and not told. */
  #waiting: NewsEntry<JobNote>[] = [];
  #waitingNotes = 0;
  /** Cursor of the last news that told of something missed. */
  #missed: string | null = null;
  #toldMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #isTelling = false;
  #endNews: (() => void) | undefined;

  constructor(ports: FeedPorts) {
    this.#ports = ports;
  }

  /** Listeners, those included that were told nothing yet. */
  get size(): number {
    let size = this.#joining.size;
    for (const { size: some } of this.#listeners.values()) size += some;
    return size;
  }

  /** Where everybody stands who was told all. */
  get head(): string {
    return this.#ring.head;
  }

  start(): void {
    this.#endNews ??= this.#ports.news.follow(null, (news) => this.#hear(news));
  }

  stop(): void {
    this.#endNews?.();
    this.#endNews = undefined;
    this.#timer?.cancel();
    this.#listeners.clear();
    this.#joining.clear();
  }

  /**
   * As `JobNews.follow`, but nothing is told before the call returns, and then at once what was missed, though it be nothing: notes
   * without any. Ends with the returned call.
   * @param whose the jobs that are told of, and no others
   */
  follow(whose: Whose, after: string | null, listen: (news: News) => void): () => void {
    const listener = { whose, after, listen };
    this.#joining.add(listener);
    this.#soon(0);
    return () => {
      this.#joining.delete(listener);
      const same = this.#listeners.get(whose);
      same?.delete(listener);
      if (same?.size === 0) this.#listeners.delete(whose);
    };
  }

  #hear(news: News): void {
    if (news.kind === 'notes') {
      this.#waiting.push(news);
      this.#waitingNotes += news.notes.length;
      if (this.#waitingNotes > EVENTS_WAITING_MAX) this.#miss(news.cursor);
    } else this.#miss(news.cursor);
    this.#soon(this.#restMs());
  }

  /** What comes later is told after it. */
  #miss(cursor: string): void {
    this.#missed = cursor;
    this.#waiting = [];
    this.#waitingNotes = 0;
  }

  #soon(delayMs: number): void {
    if (this.#isTelling || this.#endNews === undefined) return;
    if (delayMs === 0) this.#timer?.cancel();
    else if (this.#timer !== undefined) return;
    this.#timer = this.#ports.timers.after(delayMs, () => void this.#tell());
  }

  async #tell(): Promise<void> {
    this.#timer = undefined;
    this.#isTelling = true;
    // Who joins does not wait for the others' time.
    if (this.#restMs() === 0) await this.#tellWaiting();
    for (const listener of [...this.#joining]) await this.#join(listener);
    this.#isTelling = false;
    if (this.#joining.size > 0) this.#soon(0);
    else if (this.#waiting.length > 0 || this.#missed !== null) this.#soon(this.#restMs());
  }

  /** Until the next changes may be told. */
  #restMs(): number {
    const sinceMs = this.#ports.clock.monotonicMs() - this.#toldMs;
    return Math.max(0, EVENTS_EACH_MS - sinceMs);
  }

  async #tellWaiting(): Promise<void> {
    const [missed, entries] = [this.#missed, this.#waiting];
    if (missed === null && entries.length === 0) return;
    this.#toldMs = this.#ports.clock.monotonicMs();
    this.#missed = null;
    this.#waiting = [];
    this.#waitingNotes = 0;
    const isKnown = this.size === 0 || (await this.#learnOwners(entries));
    const cursor = entries.at(-1)?.cursor ?? missed ?? NOWHERE;
    if (missed !== null || !isKnown) {
      this.#ring = new NewsRing(cursor, NEWS_KEPT_MAX);
      for (const same of this.#listeners.values())
        for (const { listen } of same) listen({ kind: 'resync', cursor });
      return;
    }
    for (const entry of entries) this.#ring.append(entry);
    for (const [whose, notes] of this.#byListener(entries))
      for (const { listen } of this.#listeners.get(whose) ?? [])
        listen({ kind: 'notes', cursor, notes });
  }

  /** Looks at each note once. */
  #byListener(entries: readonly NewsEntry<JobNote>[]): ReadonlyMap<Whose, readonly JobNote[]> {
    const found = new Map<Whose, JobNote[]>();
    const put = (whose: Whose, note: JobNote): void => {
      if (!this.#listeners.has(whose)) return;
      const notes = found.get(whose);
      if (notes === undefined) found.set(whose, [note]);
      else notes.push(note);
    };
    for (const { notes } of entries)
      for (const note of notes) {
        const owner = this.#ownerOf(note);
        if (owner !== undefined) put(owner, note);
        put(null, note);
      }
    return found;
  }

  /** All that was told after the listener's cursor; nothing is told to others meanwhile. */
  async #join(listener: Listener): Promise<void> {
    const { whose, after, listen } = listener;
    const missed = after === null ? undefined : this.#ring.after(after);
    const isKnown = missed !== undefined && (whose === null || (await this.#learnOwners(missed)));
    // It may have left meanwhile.
    if (!this.#joining.delete(listener)) return;
    const same = this.#listeners.get(whose);
    if (same === undefined) this.#listeners.set(whose, new Set([listener]));
    else same.add(listener);
    const cursor = this.#ring.head;
    if (missed === undefined || !isKnown) return listen({ kind: 'resync', cursor });
    const mine = (note: JobNote): boolean => whose === null || this.#ownerOf(note) === whose;
    listen({ kind: 'notes', cursor, notes: missed.flatMap(({ notes }) => notes.filter(mine)) });
  }

  #ownerOf({ jobId, owner }: JobNote): UserId | undefined {
    return owner ?? this.#owners.get(jobId);
  }

  /** Of all jobs of the entries that are on record. False: the store could not be asked. */
  async #learnOwners(entries: readonly NewsEntry<JobNote>[]): Promise<boolean> {
    // Before it is looked who is needed: nobody that is needed is forgotten.
    if (this.#owners.size > EVENT_OWNERS_KEPT_MAX) this.#owners.clear();
    const unknown = new Set<JobId>();
    for (const { notes } of entries)
      for (const note of notes) if (this.#ownerOf(note) === undefined) unknown.add(note.jobId);
    if (unknown.size === 0) return true;
    try {
      for (const [id, { owner }] of await this.#ports.store.jobs([...unknown]))
        this.#owners.set(id, owner);
    } catch (error) {
      this.#ports.log.warn('whose jobs changed is not known; listeners read again', { error });
      return false;
    }
    return true;
  }
}
