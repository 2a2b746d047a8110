/**
 * The data directory of `up`: entered by everybody, read by nobody else. One service at a time; secrets are random,
 * made at the first start, mode 0600.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'libsql';

/** Another service already runs on this home. */
export class HomeTaken extends Error {
  override readonly name = 'HomeTaken';
}

const SECRET_BYTES = 32;

export class Home {
  readonly path: string;
  readonly #lock: { close(): void };

  private constructor(path: string, lock: { close(): void }) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the directory (0711) if it is missing and locks it for this process.
   * @throws HomeTaken with the pid of the service that holds it.
   */
  static open(directory: string): Home {
    const path = resolve(directory);
    mkdirSync(path, { recursive: true, mode: 0o711 });
    const lock = lockHome(path);
    chmodSync(path, 0o711);
    const home = new Home(path, lock);
    home.writeSecret('pid', `${process.pid}\n`);
    return home;
  }

  close(): void {
    this.remove('pid');
    this.#lock.close();
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
    const fresh = this.at(`.${name}.new`);
    rmSync(fresh, { force: true });
    writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' });
    renameSync(fresh, this.at(name));
  }

  /** The secret of that name, made at its first use. */
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
}

/** A lock that the kernel takes back when the process dies, however it dies: SQLite's, on a file of its own. */
function lockHome(path: string): { close(): void } {
  const lock = new Database(join(path, 'lock'), { timeout: 0 });
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (!(error as Error).message.includes('locked')) throw error;
    let holder = 'unknown';
    try {
      holder = readFileSync(join(path, 'pid'), 'utf8').trim();
    } catch (unreadable) {
      if ((unreadable as NodeJS.ErrnoException).code !== 'ENOENT') throw unreadable;
    }
    throw new HomeTaken(`${path} is in use by the service with pid ${holder}`, { cause: error });
  }
}
