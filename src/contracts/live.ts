/**
 * What processes of one installation tell each other while they live, beside the record: that something was written, that a
 * job changed. All of it is a hint that may be lost, doubled or late: whoever must miss nothing reads the record now and
 * then. Within one process, through the store's own feed of changes, and through Redis; one contract suite for all.
 */
import type { JobId, UserId } from '../core/units.js';
import type { Notices } from './notices.js';
import type { Presence } from './presence.js';

/** What a process tells all others. Each call returns at once and never throws. */
export interface Tidings extends Notices {
  /** The leader told anew how it stands: its bulletin in the store is another. */
  bulletinChanged(): void;
}

/** What a process wants to hear of, its own tidings among them. */
export interface Ears extends Partial<Tidings> {
  /** Something was written, or may have been: told by those who cannot say what. */
  changed?(): void;
}

/** A job whose record is another now. */
export interface JobNote {
  readonly jobId: JobId;
  /** Of its record; null: whoever tells of it does not know. */
  readonly version: number | null;
  /** Whose job it is; absent: whoever tells of it does not know. */
  readonly owner?: UserId;
}

/** `cursor`: where the listener stands after it; what comes later is told to whoever follows from there. */
export type News =
  | { readonly kind: 'notes'; readonly cursor: string; readonly notes: readonly JobNote[] }
  /** Something may have been missed: read again what is shown. */
  | { readonly kind: 'resync'; readonly cursor: string };

/** Changes of jobs for those who look at them, whichever process made them (decision 16 of the architecture). */
export interface JobNews {
  /** Returns at once and never throws. */
  publish(notes: readonly JobNote[]): void;
  /**
   * Tells what came after a cursor, then what comes. A cursor that is not known, or null, is answered with `resync` first; from then
   * on nothing is left out without another `resync`. Ends with the returned call.
   * @param after a cursor of any process of this installation; it has no spaces
   */
  follow(after: string | null, listen: (news: News) => void): () => void;
}

export interface Live {
  readonly tell: Tidings;
  /** Ends with the returned call. */
  hear(ears: Ears): () => void;
  readonly news: JobNews;
  /** Where processes tell that they live; null: nowhere but in the store. */
  readonly presence: Presence | null;
  /** Sentences for an administrator: what is slower than it could be; empty when all is well. */
  warnings(): readonly string[];
  close(): Promise<void>;
}
