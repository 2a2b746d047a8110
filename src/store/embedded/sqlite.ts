// The only file that knows libsql: opens databases, types its statements, tells its failures apart.
import { closeSync, openSync } from 'node:fs';
import Libsql from 'libsql';

/** What a statement takes. Never booleans: libsql 0.5 aborts the whole process on one. */
export type Value = string | number | null;
/** A row as SQLite gives it, columns in the order of the query. */
export type Row = readonly unknown[];

/** A prepared statement. */
export interface Statement {
  /** Executes; tells how many rows changed. */
  run(...values: Value[]): number;
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): readonly Row[];
}

/** Why the database could not serve: the closed list behind `facts.because` of `store-unavailable`. */
export type Trouble =
  | 'closed'
  | 'disk-full'
  | 'locked'
  | 'corrupt'
  | 'not-a-store'
  | 'newer-schema'
  | 'cannot-open'
  | 'input-output'
  | 'read-only'
  | 'thread-died';

/** The database cannot serve now: nothing is wrong with the request. */
export class DatabaseTrouble extends Error {
  override readonly name = 'DatabaseTrouble';
  readonly because: Trouble;

  constructor(because: Trouble, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.because = because;
  }
}

/** Kinds of SQLite's result codes that mean trouble of the world; any other failure is a bug of ours. */
const TROUBLES: readonly (readonly [prefix: string, because: Trouble])[] = [
  ['SQLITE_FULL', 'disk-full'],
  ['SQLITE_BUSY', 'locked'],
  ['SQLITE_LOCKED', 'locked'],
  ['SQLITE_PROTOCOL', 'locked'],
  ['SQLITE_CORRUPT', 'corrupt'],
  ['SQLITE_NOTADB', 'corrupt'],
  ['SQLITE_CANTOPEN', 'cannot-open'],
  ['SQLITE_IOERR', 'input-output'],
  ['SQLITE_READONLY', 'read-only'],
  ['SQLITE_NOMEM', 'input-output'],
];

/** Gives failures of the world their class; others stay as they are. */
export function troubleOf(failure: unknown): unknown {
  if (!(failure instanceof Error) || failure instanceof DatabaseTrouble) return failure;
  const code = 'code' in failure && typeof failure.code === 'string' ? failure.code : '';
  const found = TROUBLES.find(([prefix]) => code.startsWith(prefix));
  if (found !== undefined)
    return new DatabaseTrouble(found[1], failure.message, { cause: failure });
  if (failure.message.includes('connection is not open'))
    return new DatabaseTrouble('closed', 'the store is closed', { cause: failure });
  return failure;
}

/** How long a thread of ours waits for another process that holds the write lock. */
export const BUSY_TIMEOUT_MS = 5_000;

/** Pause between two tries to get the write lock, and a cell to sleep on. */
const BEGIN_AGAIN_MS = 0.5;
const SLEEP = new Int32Array(new SharedArrayBuffer(4));

/** Told while the write lock is waited for. */
export interface Waiting {
  /** Each half second of one wait. */
  goesOn(): void;
  over(): void;
}
const LOOK_EACH_MS = 500;

/** One connection. Synchronous: it belongs into a thread, but for point reads. */
export class Database {
  readonly #libsql: Libsql.Database;
  #beginMsMax = 0;
  #waiting: Waiting | undefined;

  private constructor(libsql: Libsql.Database) {
    this.#libsql = libsql;
  }

  /**
   * Opens the file, making it (readable by its owner only: it holds password hashes) if `create`.
   * @throws DatabaseTrouble
   */
  static open(path: string, options: { create: boolean; busyTimeoutMs: number }): Database {
    try {
      // SQLite gives the log and its index the mode of the main file.
      if (options.create) closeSync(openSync(path, 'a', 0o600));
      const libsql = new Libsql(path);
      const database = new Database(libsql);
      libsql.pragma(`busy_timeout = ${options.busyTimeoutMs}`);
      libsql.pragma('synchronous = FULL');
      libsql.pragma('cache_size = -16384');
      return database;
    } catch (failure) {
      const trouble = troubleOf(failure);
      if (trouble instanceof DatabaseTrouble) throw trouble;
      const detail = failure instanceof Error ? failure.message : String(failure);
      throw new DatabaseTrouble('cannot-open', detail, { cause: failure });
    }
  }

  prepare(sql: string): Statement {
    const statement = this.#guard(() => this.#libsql.prepare<[Value[]]>(sql));
    // `raw` is a mere switch; statements without columns refuse it and have no rows to shape.
    const rows = statement.reader ? statement.raw() : statement;
    return {
      // Values as one list: the library would make one of them itself.
      run: (...values) => this.#guard(() => rows.run(values).changes),
      get: (...values) => this.#guard(() => rows.get(values) as Row | undefined),
      all: (...values) => this.#guard(() => rows.all(values) as Row[]),
    };
  }

  exec(sql: string): void {
    this.#guard(() => this.#libsql.exec(sql));
  }

  pragma(text: string): unknown {
    return this.prepare(`PRAGMA ${text}`).get()?.[0];
  }

  /**
   * From now on a transaction tries for the write lock every half millisecond, for so long. SQLite's own wait grows to
   * 100 ms between tries: beside a process that writes without pause it would miss nearly every gap, and a leader
   * its beats. `waiting` is told meanwhile.
   */
  tryOftenFor(beginMsMax: number, waiting: Waiting): void {
    this.pragma('busy_timeout = 0');
    this.#beginMsMax = beginMsMax;
    this.#waiting = waiting;
  }

  /** Runs `work` in a write transaction; durable when it returns. Rolls back when anything throws. */
  write<T>(work: () => T): T {
    this.#begin();
    try {
      const answer = work();
      this.exec('COMMIT');
      return answer;
    } catch (failure) {
      // After some failures, a full disk for one, SQLite has rolled back already.
      if (this.#libsql.inTransaction) this.exec('ROLLBACK');
      throw failure;
    }
  }

  #begin(): void {
    const endMs = performance.now() + this.#beginMsMax;
    for (let lookMs = performance.now() + LOOK_EACH_MS; ; ) {
      try {
        this.exec('BEGIN IMMEDIATE');
        this.#waiting?.over();
        return;
      } catch (failure) {
        const isLocked = failure instanceof DatabaseTrouble && failure.because === 'locked';
        if (!isLocked || performance.now() >= endMs) throw failure;
      }
      Atomics.wait(SLEEP, 0, 0, BEGIN_AGAIN_MS);
      if (performance.now() < lookMs) continue;
      lookMs += LOOK_EACH_MS;
      this.#waiting?.goesOn();
    }
  }

  close(): void {
    this.#guard(() => this.#libsql.close());
  }

  #guard<T>(call: () => T): T {
    try {
      return call();
    } catch (failure) {
      throw troubleOf(failure);
    }
  }
}
