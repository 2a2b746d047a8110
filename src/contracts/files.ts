/** Reading what jobs left in their directories. The files are users' property: every name in them is hostile. */
import type { Readable } from 'node:stream';
import type { Job } from '../core/job.js';

export interface FileEntry {
  readonly name: string;
  /** Links count as files; they are listed and not followed. */
  readonly type: 'file' | 'dir';
  readonly size: number;
  readonly mtimeMs: number;
}

/** An open file, as it was when opened. The holder calls `stream` or `close`, once. */
export interface OpenFile {
  readonly size: number;
  readonly mtimeMs: number;
  /** Tells it from another file that took its name, as long as it exists; no spaces, no dots. */
  readonly identity: string;
  /** Bytes from `start` up to and including `end`; closes the file at its end. */
  stream(range: { readonly start: number; readonly end: number }): Readable;
  close(): Promise<void>;
}

export type FileFound =
  | { readonly kind: 'dir'; readonly entries: readonly FileEntry[] }
  | { readonly kind: 'file'; readonly file: OpenFile };

export interface JobFiles {
  /**
   * What stands at `path`, relative to the job's directory; the empty path is the directory itself.
   * @throws ServiceError `bad-path` when it would leave the directory, `file-not-found` when nothing (or no regular
   * file) is there.
   */
  find(job: Job, path: string): Promise<FileFound>;
}
