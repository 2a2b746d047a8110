/**
 * Measures and removes job directories. Their owners may swap names for links at any moment, so nothing is reached by a
 * path: each directory is opened without following links, and what is in it is named relative to the open descriptor
 * (`/proc/self/fd/N/name`), which no rename can change. Names are bytes: they need not be text.
 */
import {
  chmodSync,
  closeSync,
  constants,
  type Dirent,
  fchmodSync,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import type { MeasuredDirectory } from '../../src/contracts/storage.js';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const OPEN = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK;
/** Linux: a descriptor that allows nothing but to be named. */
const O_PATH = 0o10000000;
/** As `stat` counts blocks, whatever the file system's own. */
const BLOCK_BYTES = 512;
const READ_AT_ONCE = 256;
/** Names of one file that are remembered; beyond, a file with several names may count more than once. */
const LINKS_MAX = 100_000;
/** Reaching what lies deep costs one for each level. */
const OPENS_PER_ENTRY_MAX = 20;
/** Directories open at once while removing; what lies deeper is moved up first. */
const DEPTH_MAX = 40;
/** Somebody who goes on writing into a directory may keep us so often. */
const PASSES_MAX = 10;

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

const inside = (fd: number, name: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), name]);

/** The names in an open directory, a few at a time. */
function* namesIn(fd: number): Generator<Buffer> {
  // The types know of texts alone.
  const options = { encoding: 'buffer', bufferSize: READ_AT_ONCE } as unknown as {
    encoding: 'utf8';
    bufferSize: number;
  };
  const directory = opendirSync(`/proc/self/fd/${fd}`, options);
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync())
      yield (entry as unknown as Dirent<Buffer>).name;
  } finally {
    directory.closeSync();
  }
}

/** A directory still to be looked at: its name in another one; null: the first. */
interface Place {
  readonly parent: Place | null;
  readonly name: Buffer;
}

/** Opens a directory in an open one; null: it is not there, or none. The caller closes. */
function openedIn(fd: number, name: Buffer): number | null {
  try {
    return openSync(inside(fd, name), OPEN);
  } catch (error) {
    if (GONE.has(codeOf(error))) return null;
    throw error;
  }
}

/**
 * @param pause called now and then: whoever measures should leave the machine to others
 * @throws Error with the system's message
 */
export function measured(
  directory: string,
  entriesMax: number,
  pause: () => void,
): MeasuredDirectory {
  let root: number;
  try {
    root = openSync(directory, OPEN);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { bytes: 0, entries: 0, isWhole: true };
    throw error;
  }
  try {
    const walk = new Measurement(root, entriesMax, pause);
    return walk.result();
  } finally {
    closeSync(root);
  }
}

class Measurement {
  readonly #root: number;
  readonly #entriesMax: number;
  readonly #pause: () => void;
  readonly #device: number;
  readonly #todo: (Place | null)[] = [null];
  /** The directory looked at last: the next one mostly lies in it. */
  #last: { readonly place: Place | null; readonly fd: number };
  readonly #linked = new Set<string>();
  #opens = 0;
  #bytes = 0;
  #entries = 0;
  #isWhole = true;

  constructor(root: number, entriesMax: number, pause: () => void) {
    this.#root = root;
    this.#entriesMax = entriesMax;
    this.#pause = pause;
    this.#last = { place: null, fd: root };
    const stat = fstatSync(root);
    this.#device = stat.dev;
    this.#bytes = stat.blocks * BLOCK_BYTES;
  }

  result(): MeasuredDirectory {
    try {
      for (let place = this.#todo.pop(); place !== undefined; place = this.#todo.pop()) {
        if (this.#isEnough()) break;
        this.#look(place);
      }
    } finally {
      this.#keep(null, this.#root);
    }
    return { bytes: this.#bytes, entries: this.#entries, isWhole: this.#isWhole };
  }

  #isEnough(): boolean {
    const isEnough =
      this.#entries >= this.#entriesMax || this.#opens >= this.#entriesMax * OPENS_PER_ENTRY_MAX;
    if (isEnough) this.#isWhole = false;
    return isEnough;
  }

  #look(place: Place | null): void {
    try {
      const fd = this.#opened(place);
      if (fd === null) return;
      for (const name of namesIn(fd)) {
        if (this.#isEnough()) return;
        this.#count(fd, name, place);
      }
    } catch (error) {
      // A directory that its owner has closed to us: the rest counts all the same.
      if (!['EACCES', 'EPERM'].includes(codeOf(error))) throw error;
      this.#isWhole = false;
    }
  }

  /** Stays open until the next one is asked for. */
  #opened(place: Place | null): number | null {
    if (place === null) return this.#root;
    const names: Buffer[] = [];
    let from = place;
    for (let at: Place | null = place; at !== null; at = at.parent) {
      if (at === this.#last.place) break;
      names.push(at.name);
      from = at;
    }
    // Either below the last one, or from the top.
    let fd = from.parent === this.#last.place ? this.#last.fd : this.#root;
    const kept = this.#last.fd;
    for (const name of names.reverse()) {
      this.#opens += 1;
      let next: number | null;
      try {
        next = openedIn(fd, name);
      } finally {
        if (fd !== this.#root && fd !== kept) closeSync(fd);
      }
      if (next === null) return null;
      fd = next;
    }
    this.#keep(place, fd);
    return fd;
  }

  #keep(place: Place | null, fd: number): void {
    if (this.#last.fd !== this.#root) closeSync(this.#last.fd);
    this.#last = { place, fd };
  }

  #count(fd: number, name: Buffer, parent: Place | null): void {
    let stat: Stats;
    try {
      stat = lstatSync(inside(fd, name));
    } catch (error) {
      if (GONE.has(codeOf(error))) return;
      throw error;
    }
    this.#entries += 1;
    if (this.#entries % READ_AT_ONCE === 0) this.#pause();
    // Something mounted there belongs to somebody else.
    if (stat.dev !== this.#device) return;
    if (stat.isDirectory()) this.#todo.push({ parent, name });
    else if (stat.nlink > 1 && !this.#isNew(stat)) return;
    this.#bytes += stat.blocks * BLOCK_BYTES;
  }

  #isNew({ ino }: Stats): boolean {
    const key = String(ino);
    if (this.#linked.has(key)) return false;
    if (this.#linked.size < LINKS_MAX) this.#linked.add(key);
    return true;
  }
}

/** @throws Error with the system's message */
export function removeDirectory(directory: string): void {
  let root: number;
  try {
    root = openMine(Buffer.from(directory));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    new Removal(root).clearAll(directory);
  } finally {
    closeSync(root);
  }
  rmdirSync(directory);
}

/** Opens a directory whose mode may forbid it, and makes it writable: its owner may be who we are. */
function openMine(path: Buffer): number {
  let fd: number;
  try {
    fd = openSync(path, OPEN);
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
    const named = openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    try {
      chmodSync(`/proc/self/fd/${named}`, 0o700);
    } finally {
      closeSync(named);
    }
    fd = openSync(path, OPEN);
  }
  try {
    const { mode, uid } = fstatSync(fd);
    if ((mode & 0o700) !== 0o700 && uid === process.getuid?.()) fchmodSync(fd, 0o700);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

class Removal {
  readonly #root: number;
  #moved = 0;

  constructor(root: number) {
    this.#root = root;
  }

  /** @throws Error when it does not become empty */
  clearAll(directory: string): void {
    for (let passes = 0; ; ) {
      const movedBefore = this.#moved;
      if (this.clear(this.#root, 1)) return;
      // Whatever was deep is nearer now: that is progress.
      if (this.#moved === movedBefore) passes += 1;
      if (passes > PASSES_MAX)
        throw new Error(`${directory} does not become empty: somebody writes into it`);
    }
  }

  /** Whether it found the directory empty: what was seen is gone, but names may have come meanwhile. */
  clear(fd: number, depth: number): boolean {
    let isEmpty = true;
    for (const name of namesIn(fd)) {
      isEmpty = false;
      this.#drop(fd, name, depth);
    }
    return isEmpty;
  }

  #drop(fd: number, name: Buffer, depth: number): void {
    const path = inside(fd, name);
    try {
      unlinkSync(path);
      return;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT') return;
      // A directory, says Linux, or POSIX.
      if (code !== 'EISDIR' && code !== 'EPERM') throw error;
      if (code === 'EPERM' && !lstatSync(path).isDirectory()) throw error;
    }
    if (depth >= DEPTH_MAX) this.#moveUp(path);
    else this.#dropDirectory(path, depth);
  }

  #dropDirectory(path: Buffer, depth: number): void {
    let fd: number;
    try {
      fd = openMine(path);
    } catch (error) {
      // Swapped for something else meanwhile: the next pass finds it.
      if (GONE.has(codeOf(error))) return;
      throw error;
    }
    try {
      this.clear(fd, depth + 1);
    } finally {
      closeSync(fd);
    }
    try {
      rmdirSync(path);
    } catch (error) {
      if (!GONE.has(codeOf(error)) && codeOf(error) !== 'ENOTEMPTY') throw error;
    }
  }

  /** However deep it goes, few directories are open at once. */
  #moveUp(path: Buffer): void {
    for (;;) {
      const name = Buffer.from(`.god-removed-${process.pid}-${this.#moved++}`);
      try {
        renameSync(path, inside(this.#root, name));
        return;
      } catch (error) {
        const code = codeOf(error);
        if (code === 'ENOENT') return;
        if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
      }
    }
  }
}
