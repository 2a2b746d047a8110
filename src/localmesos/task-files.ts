/**
 * The two files that every process task has in the node's folder: `ID.run`, what its account executes, and `ID.life`,
 * what became of it. Making a file takes a file system longer than starting a process does, so files of tasks that are
 * over are used again: those of an account for the same account only, since it may hold them open still.
 */
import {
  chownSync,
  closeSync,
  constants,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Account } from './accounts.js';

/** Files that wait for another task, of each kind. */
const SPARES_MAX = 128;
const SPARE = 'spare-';
/** In the place of a process id: the task never ran and never will. */
const GIVEN_UP = '-';
const { O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;

/** What the files of a task tell. */
export interface Life {
  readonly process: { readonly pid: number; readonly startTime: string } | null;
  readonly exitCode: number | null;
}

export class TaskFiles {
  readonly #folder: string;
  /** Account of each task's file, and the names of unused ones by account. */
  readonly #accounts = new Map<string, string>();
  readonly #runs = new Map<string, string[]>();
  readonly #lives: string[] = [];
  #sparesMade = 0;
  #runsKept = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  path(id: string, suffix: '' | '.run' | '.life' = ''): string {
    return join(this.#folder, `${id}${suffix}`);
  }

  /** `account` null: the node's own. @throws Error of the file system. */
  make(id: string, text: string, account: Account | null): void {
    const key = account === null ? '' : `${account.uid}:${account.gid}`;
    const run = this.path(id, '.run');
    if (!this.#makeFromSpare(run, text, key)) {
      writeFileSync(run, text, { mode: 0o600, flag: 'wx' });
      if (account !== null) chownSync(run, account.uid, account.gid);
    }
    this.#accounts.set(id, key);
    const life = this.#lives.pop();
    if (life !== undefined) renameSync(life, this.path(id, '.life'));
  }

  #makeFromSpare(run: string, text: string, key: string): boolean {
    const spare = this.#runs.get(key)?.pop();
    if (spare === undefined) return false;
    this.#runsKept -= 1;
    try {
      const file = openSync(spare, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        writeFileSync(file, text);
        // Cut only now: ext4 writes a file that was empty in between to the disk when it is closed.
        ftruncateSync(file, Buffer.byteLength(text));
      } finally {
        closeSync(file);
      }
      renameSync(spare, run);
      return true;
    } catch (error) {
      // Its owner holds a lease on it: opening it would wait.
      if (!isCode(error, 'EAGAIN')) throw error;
      unlinkSync(spare);
      return false;
    }
  }

  /** The task is over and forgotten. @throws Error of the file system. */
  free(id: string): void {
    const key = this.#accounts.get(id);
    this.#accounts.delete(id);
    const run = this.path(id, '.run');
    if (key === undefined || this.#runsKept >= SPARES_MAX) rmSync(run, { force: true });
    else {
      this.#runsKept += 1;
      const spares = this.#runs.get(key);
      const name = this.#keep(run);
      if (spares === undefined) this.#runs.set(key, [name]);
      else spares.push(name);
    }
    const life = this.path(id, '.life');
    if (key === undefined || this.#lives.length >= SPARES_MAX) rmSync(life, { force: true });
    else if (existsSync(life)) {
      // One empty line stays, for the same reason as above.
      writeFileSync(life, '\n', { flag: 'r+' });
      truncateSync(life, 1);
      this.#lives.push(this.#keep(life));
    }
  }

  life(id: string): Life {
    const [first, ...others] = wholeLines(this.path(id, '.life'));
    // One that came too late for giving up stands between them.
    const code = others.find((line) => line !== GIVEN_UP);
    const [pid = '', startTime = ''] = first?.split(' ') ?? [];
    const isProcess = first !== undefined && first !== GIVEN_UP;
    return {
      process: isProcess ? { pid: Number(pid), startTime } : null,
      exitCode: !isProcess || code === undefined ? null : Number(code),
    };
  }

  /** True when the task has not begun and now never will: whose line is the first one decides. */
  giveUp(id: string): boolean {
    const path = this.path(id, '.life');
    // Somebody may still be about to write to it.
    this.#accounts.delete(id);
    if (wholeLines(path).length === 0)
      writeFileSync(path, `${GIVEN_UP}\n`, { flag: 'a', mode: 0o600 });
    return wholeLines(path)[0] === GIVEN_UP;
  }

  /** Ids of all tasks in the list of file names; what was only kept for later is removed. */
  sweep(names: readonly string[]): ReadonlySet<string> {
    const ids = new Set<string>();
    for (const name of names) {
      if (name.startsWith(SPARE)) unlinkSync(join(this.#folder, name));
      else ids.add(name.replace(/\.(run|life)$/, ''));
    }
    return ids;
  }

  #keep(path: string): string {
    this.#sparesMade += 1;
    const name = join(this.#folder, `${SPARE}${this.#sparesMade}`);
    renameSync(path, name);
    return name;
  }
}

/** The lines of a file that is written line by line, without empty ones and one that is not there entirely. */
function wholeLines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n').slice(0, -1).filter(Boolean);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

export const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
