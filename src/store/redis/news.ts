/**
 * Changes of jobs through Redis: a stream that remembers, a channel that tells. Each message names the entry before its own, so that who
 * missed one notices. While Redis is away listeners hear what the process knows without it, and are told to read again when it is back.
 */
import { NEWS_ENTRY_NOTES_MAX, NEWS_KEPT_MAX, NEWS_WAITING_MAX } from '../../contracts/limits.js';
import type { JobNews, JobNote, News } from '../../contracts/live.js';
import type { Log } from '../../contracts/log.js';
import { type NewsEntry, NewsRing } from '../../core/news-ring.js';
import { jobId, userId } from '../../core/units.js';
import type { RedisLink } from './link.js';
import { PUBLISH_NEWS, READ_NEWS } from './scripts.js';

export interface RedisNewsParts {
  readonly link: RedisLink;
  readonly log: Log;
  /** What is known without Redis. */
  readonly local: JobNews;
  readonly keys: { readonly epoch: string; readonly log: string };
  readonly channel: string;
  /** Never the same twice, anywhere. */
  readonly newEpoch: () => string;
}

interface Follower {
  readonly listen: (news: News) => void;
  /** Where it stands; null: nowhere that we know. */
  after: string | null;
  /** Ends what it hears while Redis is away. */
  endLocal: (() => void) | undefined;
}

/** What of the log is known here. */
interface Known {
  readonly epoch: string;
  readonly ring: NewsRing<JobNote>;
  lastId: string;
}

/** Before the first entry of an epoch. */
const FIRST_ID = '0-0';

export class RedisNews implements JobNews {
  readonly #parts: RedisNewsParts;
  readonly #followers = new Set<Follower>();
  #known: Known | undefined;
  #outgoing: JobNote[] = [];
  #isSending = false;
  /** Something could not be said: all must read again. */
  #isLost = false;
  #trouble: string | null = null;
  #isReading = false;
  #isReadAgain = false;

  constructor(parts: RedisNewsParts) {
    this.#parts = parts;
  }

  publish(notes: readonly JobNote[]): void {
    const { link, local } = this.#parts;
    local.publish(notes);
    const isTooMuch = this.#outgoing.length + notes.length > NEWS_WAITING_MAX;
    if (!link.isOpen || isTooMuch) this.#isLost = true;
    else this.#outgoing.push(...notes);
    void this.#send();
  }

  /** Why Redis, which is there, does not take or give changes, in its words; null: it does. */
  get trouble(): string | null {
    return this.#trouble;
  }

  follow(after: string | null, listen: (news: News) => void): () => void {
    const follower: Follower = { listen, after, endLocal: undefined };
    this.#followers.add(follower);
    if (!this.#parts.link.isOpen) this.#goLocal(follower);
    else if (this.#known === undefined) void this.#read();
    else this.#bringUp(follower, this.#known);
    return () => {
      this.#followers.delete(follower);
      follower.endLocal?.();
      // Nobody keeps it up to date from now on.
      if (this.#followers.size === 0) this.#known = undefined;
    };
  }

  // ---- what becomes of the link

  opened(): void {
    void this.#send();
    if (this.#followers.size > 0) void this.#read();
  }

  closed(): void {
    for (const follower of this.#followers) this.#goLocal(follower);
  }

  heard(text: string): void {
    const known = this.#known;
    if (this.#followers.size === 0) return;
    const [epoch = '', before = '', id = '', ...rest] = text.split(' ');
    if (
      known === undefined ||
      this.#isReading ||
      epoch !== known.epoch ||
      before !== known.lastId
    ) {
      void this.#read();
      return;
    }
    this.#append(known, id, rest.join(' '));
  }

  // ---- telling

  /** One call at a time; what is published meanwhile goes with the next. */
  async #send(): Promise<void> {
    const { link, keys, channel, newEpoch } = this.#parts;
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (link.isOpen && (this.#outgoing.length > 0 || this.#isLost)) {
        const notes = this.#outgoing;
        const isLost = this.#isLost;
        this.#outgoing = [];
        this.#isLost = false;
        try {
          await link.run(
            PUBLISH_NEWS,
            [keys.epoch, keys.log],
            [newEpoch(), channel, NEWS_KEPT_MAX, isLost ? 1 : 0, ...textsOf(notes)],
          );
          this.#trouble = null;
        } catch (error) {
          this.#isLost = true;
          this.#failed(error);
          return;
        }
      }
    } finally {
      this.#isSending = false;
    }
  }

  // ---- hearing

  /** Reads what came after what is known here, and brings everybody up to it. */
  async #read(): Promise<void> {
    if (this.#isReading) {
      this.#isReadAgain = true;
      return;
    }
    this.#isReading = true;
    try {
      do {
        this.#isReadAgain = false;
        await this.#readOnce();
      } while (this.#isReadAgain && this.#parts.link.isOpen);
    } catch (error) {
      this.#failed(error);
      for (const follower of this.#followers) this.#goLocal(follower);
    } finally {
      this.#isReading = false;
    }
  }

  async #readOnce(): Promise<void> {
    const { link, keys, newEpoch } = this.#parts;
    const before = this.#known;
    const answer = await link.run(
      READ_NEWS,
      [keys.epoch, keys.log],
      [newEpoch(), before?.epoch ?? '', before?.lastId ?? FIRST_ID],
    );
    const [epoch = '', ...entries] = (Array.isArray(answer) ? answer : []).map(String);
    // The last one may have left meanwhile.
    if (this.#followers.size === 0) return;
    const known = before?.epoch === epoch ? before : beginning(epoch, entries.length / 2);
    this.#known = known;
    for (let at = 0; at + 1 < entries.length; at += 2)
      this.#append(known, entries[at] ?? '', entries[at + 1] ?? '');
    for (const follower of this.#followers) this.#bringUp(follower, known);
  }

  #append(known: Known, id: string, text: string): void {
    known.lastId = id;
    const entry = { cursor: `${known.epoch}.${id}`, notes: notesIn(text) };
    const { head } = known.ring;
    known.ring.append(entry);
    for (const follower of this.#followers)
      if (follower.after === head) this.#tell(follower, entry);
  }

  /** To the head of what is known: by entries if it stands in them, else by reading again. */
  #bringUp(follower: Follower, { ring }: Known): void {
    follower.endLocal?.();
    follower.endLocal = undefined;
    const missed = follower.after === null ? undefined : ring.after(follower.after);
    if (missed === undefined) {
      follower.after = ring.head;
      follower.listen({ kind: 'resync', cursor: ring.head });
    }
    for (const entry of missed ?? []) this.#tell(follower, entry);
  }

  #tell(follower: Follower, entry: NewsEntry<JobNote>): void {
    follower.after = entry.cursor;
    // An entry without notes only tells that another epoch began.
    if (entry.notes.length > 0) follower.listen({ kind: 'notes', ...entry });
  }

  /** A server that went away has been told of already; one that refuses needs somebody. */
  #failed(error: unknown): void {
    const because = (error as Error).message;
    if (!this.#parts.link.isOpen || because === this.#trouble) return;
    this.#trouble = because;
    this.#parts.log.warn('Redis does not pass on changes of jobs; listeners read again', {
      because,
    });
  }

  /** Where it stands in Redis' log is kept: it may go on from there. */
  #goLocal(follower: Follower): void {
    follower.endLocal ??= this.#parts.local.follow(null, follower.listen);
  }
}

/** In an epoch whose first entries are gone its very beginning is not known. */
const beginning = (epoch: string, entries: number): Known => ({
  epoch,
  ring: new NewsRing(
    entries < NEWS_KEPT_MAX ? `${epoch}.${FIRST_ID}` : `${epoch}.forgotten`,
    NEWS_KEPT_MAX,
  ),
  lastId: FIRST_ID,
});

/**
 * Entries of `[id, version, owner]` of each; null: not known, and left out at the end. At least one, though it be empty: it tells
 * that another epoch began.
 */
function textsOf(notes: readonly JobNote[]): readonly string[] {
  const pairs = notes.map(({ jobId: id, version, owner }) =>
    owner !== undefined ? [id, version, owner] : version !== null ? [id, version] : [id],
  );
  const texts: string[] = [];
  for (let at = 0; at === 0 || at < pairs.length; at += NEWS_ENTRY_NOTES_MAX)
    texts.push(JSON.stringify(pairs.slice(at, at + NEWS_ENTRY_NOTES_MAX)));
  return texts;
}

/** What was written by whatever version of us; what cannot be read tells of no job. */
function notesIn(text: string): readonly JobNote[] {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return [];
  }
  return (Array.isArray(read) ? read : [])
    .filter((note): note is readonly [number, unknown, unknown] => Number.isSafeInteger(note?.[0]))
    .map(([id, version, owner]) => ({
      jobId: jobId(id),
      version: typeof version === 'number' ? version : null,
      ...(typeof owner === 'string' ? { owner: userId(owner) } : {}),
    }));
}
