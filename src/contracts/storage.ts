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

export interface MeasuredDirectory {
  /** Room that is taken on the disk, as `du` counts it: blocks, not lengths; each file once, however many names it has. */
  readonly bytes: number;
  /** Files, directories and whatever else has a name. */
  readonly entries: number;
  /** False: there is more than was looked at, or some of it could not be read. */
  readonly isWhole: boolean;
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
  /**
   * What a job's directory takes; nothing, where there is none. Follows no link and leaves no file system; takes its time,
   * so that jobs and launches do not notice; a few are asked for at once and may be done one after the other. Absent: sizes are not known, and nobody has a quota of them.
   * @throws Error with the system's message when it cannot.
   */
  measure?(directory: string, bounds: { readonly entriesMax: number }): Promise<MeasuredDirectory>;
  /**
   * Removes a job's directory with all that is in it. Harmless twice; removes nothing outside it, whatever its owner does
   * meanwhile. Absent: directories stay.
   * @throws Error with the system's message when it cannot.
   */
  remove?(directory: string): Promise<void>;
}
