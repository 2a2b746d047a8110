// A process that was stopped (SIGSTOP) inside a transaction keeps the write lock, and with it every other process of the
// machine from writing, for as long as it sleeps. It is ended: any process may be killed at any moment, none may
// hold up all others.
import { readFileSync, statSync } from 'node:fs';

/** What is known of processes: the kernel's files, or those of a test. */
export interface Kernel {
  /** The text of /proc/locks. */
  readonly locks: () => string;
  /** The state letter of a process, `T` when it is stopped; undefined when there is none. */
  readonly state: (pid: number) => string | undefined;
  readonly kill: (pid: number) => void;
  readonly monotonicMs: () => number;
}

/** Stopped for so long it would not lead any more, whoever it is: see the lease. */
const STOPPED_MS_MAX = 2_500;
/** Where SQLite's write lock lies in the file `-shm`. */
const WRITE_LOCK_BYTE = 120;

export class StoppedWriter {
  readonly #inode: () => number;
  readonly #kernel: Kernel;
  #seen: { readonly pid: number; readonly sinceMs: number } | undefined;

  /** @param inode of the `-shm` file of the database. */
  constructor(inode: () => number, kernel: Kernel = LINUX) {
    this.#inode = inode;
    this.#kernel = kernel;
  }

  /** Called while the lock is waited for. Ends its holder if that has been stopped all the while; answers its pid. */
  look(): number | undefined {
    const pid = this.#stoppedHolder();
    const nowMs = this.#kernel.monotonicMs();
    if (pid === undefined || pid !== this.#seen?.pid) {
      this.#seen = pid === undefined ? undefined : { pid, sinceMs: nowMs };
      return undefined;
    }
    if (nowMs - this.#seen.sinceMs < STOPPED_MS_MAX) return undefined;
    this.#seen = undefined;
    this.#kernel.kill(pid);
    return pid;
  }

  /** The lock is ours: whoever held it went on. */
  forget(): void {
    this.#seen = undefined;
  }

  #stoppedHolder(): number | undefined {
    const pid = holderOf(this.#kernel.locks(), this.#inode());
    return pid !== undefined && this.#kernel.state(pid) === 'T' ? pid : undefined;
  }
}

/** `1: POSIX  ADVISORY  WRITE 4711 08:01:1234 120 120`; a line with an arrow only waits. */
const LOCK = /^\d+: POSIX +\S+ +WRITE (\d+) \w+:\w+:(\d+) (\d+) (\d+)$/;

function holderOf(locks: string, inode: number): number | undefined {
  for (const line of locks.split('\n')) {
    const [, pid, file, first, last] = LOCK.exec(line)?.map(Number) ?? [];
    if (pid === undefined || first === undefined || last === undefined) continue;
    const isWriteLock = first <= WRITE_LOCK_BYTE && WRITE_LOCK_BYTE <= last;
    // Below 1: a process of another name space, out of our sight.
    if (file === inode && isWriteLock && pid > 0 && pid !== process.pid) return pid;
  }
  return undefined;
}

export const shmInode = (path: string) => (): number => statSync(`${path}-shm`).ino;

const LINUX: Kernel = {
  locks: () => unlessAbsent(() => readFileSync('/proc/locks', 'utf8')) ?? '',
  // The name stands in parentheses and may hold anything; the letter follows the last of them.
  state: (pid) =>
    unlessAbsent(() => /\) (\w)[^)]*$/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]),
  kill: (pid) => {
    unlessAbsent(() => process.kill(pid, 'SIGKILL'));
  },
  monotonicMs: () => performance.now(),
};

/** Undefined for what is gone, or not ours to look at or to end. */
function unlessAbsent<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EPERM' || code === 'EACCES')
      return undefined;
    throw error;
  }
}
