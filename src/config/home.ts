/**
 * The data directory of one machine: entered by everybody, read by nobody else. `up` has it alone; `web` and `scheduler`
 * processes share it. Secrets are random, made at the first start, mode 0600.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'libsql';

/** Another process has this home in a way that does not go with ours. */
export class HomeTaken extends Error {
  override readonly name = 'HomeTaken';
}

/** `alone`: nobody else may be there (`up`). `shared`: others of the same kind may (`web`, `scheduler`). */
export type Tenancy = 'alone' | 'shared';

interface Lock {
  close(): void;
}

const SECRET_BYTES = 32;
/** Processes that start together wait for each other's first steps this long. */
const FIRST_STEPS_MS_MAX = 60_000;
const ASK_EACH_MS = 20;
/** One file for each process of the home; what is left of a killed one is taken away by the next. */
const PID_FILE = /^pid\.(\d+)$/;

export class Home {
  readonly path: string;
  readonly tenancy: Tenancy;
  readonly #lock: Lock;

  private constructor(path: string, tenancy: Tenancy, lock: Lock) {
    this.path = path;
    this.tenancy = tenancy;
    this.#lock = lock;
  }

  /**
   * Makes the directory (0711) if it is missing and locks it for this process, until it ends however it ends.
   * @throws HomeTaken with the pids of those that hold it.
   */
  static open(directory: string, tenancy: Tenancy = 'alone'): Home {
    const path = resolve(directory);
    mkdirSync(path, { recursive: true, mode: 0o711 });
    const lock = lockFile(join(path, 'lock'), tenancy);
    if (lock === undefined)
      throw new HomeTaken(`${path} is in use by the service with pid ${holders(path)}`);
    chmodSync(path, 0o711);
    const home = new Home(path, tenancy, lock);
    home.#forgetTheDead();
    home.writeSecret(`pid.${process.pid}`, '');
    return home;
  }

  close(): void {
    this.remove(`pid.${process.pid}`);
    this.#lock.close();
  }

  /**
   * Runs what must happen once although several processes start together, such as making the first account.
   * @throws HomeTaken when another has been at it for a minute.
   */
  async firstSteps<T>(work: () => Promise<T>): Promise<T> {
    const lock = await this.#turn();
    try {
      return await work();
    } finally {
      lock.close();
    }
  }

  async #turn(): Promise<Lock> {
    for (let waitedMs = 0; waitedMs < FIRST_STEPS_MS_MAX; waitedMs += ASK_EACH_MS) {
      const lock = lockFile(this.at('first-steps'), 'alone');
      if (lock !== undefined) return lock;
      await new Promise((go) => setTimeout(go, ASK_EACH_MS));
    }
    throw new HomeTaken(`${this.path}: another process has not finished its first steps`);
  }

  at(name: string): string {
    return join(this.path, name);
  }

  /** The file's text, or undefined when it is missing. */
  read(name: string): string | undefined {
    try {
      return readFileSync(this.at(name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Whole or not at all, mode 0600. */
  writeSecret(name: string, text: string): void {
    const fresh = this.at(`.${name}.${process.pid}.new`);
    rmSync(fresh, { force: true });
    writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' });
    renameSync(fresh, this.at(name));
  }

  /** The secret of that name, made at its first use; in a shared home that belongs into the first steps. */
  secret(name: string): string {
    const known = this.read(name)?.trim();
    if (known !== undefined && known !== '') return known;
    const made = randomBytes(SECRET_BYTES).toString('base64url');
    this.writeSecret(name, `${made}\n`);
    return made;
  }

  remove(name: string): void {
    rmSync(this.at(name), { force: true });
  }

  #forgetTheDead(): void {
    for (const pid of pidsIn(this.path)) if (!isAlive(pid)) this.remove(`pid.${pid}`);
  }
}

/** A lock that the kernel takes back when the process dies, however it dies: SQLite's, on a file of its own. */
function lockFile(path: string, tenancy: Tenancy): Lock | undefined {
  const lock = new Database(path, { timeout: 0 });
  try {
    if (tenancy === 'alone') lock.exec('BEGIN EXCLUSIVE');
    else {
      lock.exec('BEGIN');
      // The lock comes with the first read.
      lock.prepare('SELECT count(*) FROM sqlite_master').all();
    }
  } catch (error) {
    lock.close();
    if ((error as Error).message.includes('locked')) return undefined;
    throw error;
  }
  return {
    close: () => {
      // Closing alone would leave the lock until the statements are collected.
      lock.exec('COMMIT');
      lock.close();
    },
  };
}

const holders = (path: string): string => pidsIn(path).filter(isAlive).join(', ') || 'unknown';

const pidsIn = (path: string): readonly number[] =>
  readdirSync(path).flatMap((name) => Number(PID_FILE.exec(name)?.[1] ?? Number.NaN) || []);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
