/** Reading what jobs left in their directories. The files are users' property: every name in them is hostile. */
import type { Readable } from 'node:stream';
import type { Job } from '../core/job.js';

export interface FileEntry {
  /** As bytes: names of a file system need not be text. */
  readonly name: Buffer;
  /** Links count as files; they are listed and not followed. */
  readonly type: 'file' | 'dir';
  /** Bytes. */
  readonly size: number;
  readonly mtimeMs: number;
}

/** An open file, as it was when opened. The holder calls `stream` or `close`, once. */
export interface OpenFile {
  readonly size: number;
  readonly mtimeMs: number;
  /** Tells it from another file that took its name, as long as it exists; no spaces, no dots. */
  readonly identity: string;
  /** Another one after each change that the file system can tell: for entity tags. */
  readonly revision: string;
  /**
   * Bytes from `start` up to and including `end`; closes the file at its end. It fails with
   * `BecameShorter` where the file did so meanwhile: less is never sent as if it were all.
   */
  stream(range: { readonly start: number; readonly end: number }): Readable;
  close(): Promise<void>;
}

/** A file lost its end between being opened and being read. */
export class BecameShorter extends Error {
  override readonly name = 'BecameShorter';
}

export interface FilePage {
  /** In order of the bytes of their names. */
  readonly entries: readonly FileEntry[];
  /** There are more after the last one. */
  readonly isCut: boolean;
}

/** An open directory. The holder calls `archive` or `close`, once. */
export interface OpenDirectory {
  /** Entries whose names come after `after` (null: from the first), at most `limit`. An entry that vanishes meanwhile is left out. */
  list(asked: { readonly after: Buffer | null; readonly limit: number }): Promise<FilePage>;
  /**
   * All that is in it as a tar archive, below a directory `top`; closes this one at its end. Links are not followed; what
   * is left out is told in a last file of the archive.
   */
  archive(asked: { readonly top: string; readonly fileBytesMax: number | null }): Readable;
  close(): Promise<void>;
}

export type FileFound =
  | { readonly kind: 'dir'; readonly directory: OpenDirectory }
  | { readonly kind: 'file'; readonly file: OpenFile };

export interface JobFiles {
  /**
   * What stands at `path`, relative to the job's directory; the empty path is the directory itself. Bytes are for names
   * that are no text.
   * @throws ServiceError `bad-path` when it would leave the directory, `file-not-found` when nothing (or no regular
   * file) is there.
   */
  find(job: Job, path: string | Buffer): Promise<FileFound>;
}
