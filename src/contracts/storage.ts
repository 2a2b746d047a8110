/** Where job directories live. A storage plugin decides paths, owners and modes; the scheduler decides when. */
import type { Identity } from '../core/job.js';
import type { JobId } from '../core/units.js';

/** A file that we put into a job directory: small text, owned by the job's user. */
export interface PlacedFile {
  /** A plain name, no slash. */
  readonly name: string;
  readonly content: string;
  /** Permission bits, for example 0o755. */
  readonly mode: number;
}

export interface JobDirectoryOrder {
  readonly id: JobId;
  /** Of a member of an array: its directory stands in that of the array, under this name. Absent: an ordinary job. */
  readonly inArray?: { readonly array: JobId; readonly name: string };
  /** Which launch it is for, from 1. */
  readonly launch: number;
  /** Who owns the directory; ignored by a service that may not give files away. */
  readonly identity: Identity;
  readonly files: readonly PlacedFile[];
}

export interface FileStorage {
  /**
   * Makes the job's directory (0700, owned by the job's user) if it is missing, puts the files there anew, and
   * returns its absolute path. What the former launch wrote to `god.log` and `god.err` is kept under the names of
   * `formerOutput`. Harmless twice; never follows links that a former launch may have left.
   * @throws Error with the system's message when it cannot.
   */
  prepare(order: JobDirectoryOrder): Promise<string>;
  /**
   * The text that launch number `launch` left in its exit file, or undefined when there is none (yet). Opens without
   * following links and without blocking; only a regular file of at most 16 bytes counts.
   */
  exitFile(directory: string, launch: number): Promise<string | undefined>;
}
