/** A whole directory as one stream, read while it is sent: nothing is gathered, whatever its size and however slow the reader. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { DIRECTORY_DEPTH_MAX } from '../../contracts/limits.js';
import { codeOf, type Found, findBeneath, foundIn, reopened } from './beneath.js';
import type { IsOurs } from './job-files.js';
import { namesIn } from './listing.js';
import { TAR_END, tarHeader, tarPadding } from './tar.js';

/** Last in an archive that is not complete. */
export const LEFT_OUT_FILE = 'GODOCKER-LEFT-OUT.txt';
const READ_BYTES = 64 * 1024;
/** Lines of that file; of more only the number is told. */
const LEFT_OUT_MAX = 1_000;

interface Asked {
  readonly top: string;
  readonly fileBytesMax: number | null;
  readonly isOurs: IsOurs;
}

/** Closes `root` at its end. */
export function tarOf(root: FileHandle, asked: Asked): Readable {
  const stream = Readable.from(new Archive(root, asked).blocks(), {
    objectMode: false,
    highWaterMark: READ_BYTES,
  });
  // Also when nobody has read anything of it.
  stream.once('close', () => void root.close().catch(() => {}));
  return stream;
}

/** A directory still to be read: its names from the top, and a chain costs no copies. */
interface Place {
  readonly parent: Place | null;
  readonly name: Buffer;
  readonly depth: number;
}

const SKIPPED: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR']);
const TOLD: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EIO', 'ESTALE']);

class Archive {
  readonly #root: FileHandle;
  readonly #asked: Asked;
  readonly #left: string[] = [];
  #leftCount = 0;
  #device = 0n;
  /** The directory opened last: the next one mostly lies in it. */
  #last: { readonly place: Place | null; readonly handle: FileHandle } | undefined;

  constructor(root: FileHandle, asked: Asked) {
    this.#root = root;
    this.#asked = asked;
  }

  async *blocks(): AsyncGenerator<Buffer> {
    const stat = await this.#root.stat({ bigint: true });
    this.#device = stat.dev;
    yield tarHeader({ ...factsOf(stat), path: this.#pathOf(null), type: 'dir', size: 0 });
    const todo: (Place | null)[] = [null];
    try {
      for (let place = todo.pop(); place !== undefined; place = todo.pop())
        yield* this.#directory(place, todo);
    } finally {
      await this.#last?.handle.close();
    }
    yield* this.#told();
    yield TAR_END;
  }

  async *#directory(place: Place | null, todo: (Place | null)[]): AsyncGenerator<Buffer> {
    let handle: FileHandle | undefined;
    try {
      handle = await this.#opened(place);
      for await (const name of namesIn(handle)) {
        const here = { parent: place, name, depth: (place?.depth ?? 0) + 1 };
        if (yield* this.#entry(handle, here)) todo.push(here);
      }
    } catch (error) {
      this.#failed(place, error);
    } finally {
      await handle?.close();
    }
  }

  /** Directories that wait cost no descriptors, however deep they lie: the next one is reached from the last, or from the top. */
  async #opened(place: Place | null): Promise<FileHandle> {
    const last = this.#last;
    const found =
      place !== null && last !== undefined && last.place === place.parent
        ? await findBeneath(last.handle, [place.name])
        : await findBeneath(this.#root, namesOf(place));
    this.#last = { place, handle: found.handle };
    await last?.handle.close();
    return reopened(found);
  }

  /** Whether it is a directory to be read, too. */
  async *#entry(parent: FileHandle, place: Place): AsyncGenerator<Buffer, boolean> {
    let found: Found | undefined;
    try {
      found = await foundIn(parent, place.name);
      const { stat } = found;
      if (stat.isSymbolicLink()) return this.#leave(place, 'a link');
      if (stat.dev !== this.#device) return this.#leave(place, 'on another file system');
      if (stat.isDirectory()) return yield* this.#folder(place, stat);
      if (!stat.isFile() || !this.#asked.isOurs(stat))
        return this.#leave(place, 'neither a file nor a directory of this job');
      yield* this.#file(place, found);
      return false;
    } catch (error) {
      this.#failed(place, error);
      return false;
    } finally {
      await found?.handle.close();
    }
  }

  *#folder(place: Place, stat: BigIntStats): Generator<Buffer, boolean> {
    if (place.depth > DIRECTORY_DEPTH_MAX) return this.#leave(place, 'too deep');
    yield tarHeader({ ...factsOf(stat), path: this.#pathOf(place), type: 'dir', size: 0 });
    return true;
  }

  async *#file(place: Place, found: Found): AsyncGenerator<Buffer> {
    const handle = await reopened(found);
    try {
      const stat = await handle.stat({ bigint: true });
      const size = Number(stat.size);
      const { fileBytesMax } = this.#asked;
      if (fileBytesMax !== null && size > fileBytesMax) {
        this.#leave(place, `larger than the ${fileBytesMax} bytes that this site sends`);
        return;
      }
      yield tarHeader({ ...factsOf(stat), path: this.#pathOf(place), type: 'file', size });
      yield* this.#content(place, handle, size);
      yield tarPadding(size);
    } finally {
      await handle.close();
    }
  }

  /** Exactly `size` bytes, since the header has said so: of a file that grew the beginning, of one that shrank zeros at its end. */
  async *#content(place: Place, handle: FileHandle, size: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < size; ) {
      const length = Math.min(READ_BYTES, size - at);
      const buffer = Buffer.allocUnsafe(length);
      let bytesRead = 0;
      try {
        ({ bytesRead } = await handle.read(buffer, 0, length, at));
      } catch (error) {
        this.#leave(place, `not read to its end (${codeOf(error)}): zeros from byte ${at}`);
      }
      if (bytesRead === 0) {
        this.#leave(place, `became shorter while it was read: zeros from byte ${at}`);
        for (; at < size; at += READ_BYTES) yield Buffer.alloc(Math.min(READ_BYTES, size - at));
        return;
      }
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  #failed(place: Place | null, error: unknown): void {
    const code = codeOf(error);
    // It vanished, or became a link, since its name was read.
    if (SKIPPED.has(code)) return;
    const isLink = error instanceof Error && error.name === 'ServiceError';
    if (!isLink && !TOLD.has(code)) throw error;
    this.#leave(place, isLink ? 'a link' : `may not be read (${code})`);
  }

  #leave(place: Place | null, why: string): false {
    this.#leftCount += 1;
    if (this.#left.length < LEFT_OUT_MAX)
      this.#left.push(`${JSON.stringify(this.#pathOf(place).toString())}: ${why}`);
    return false;
  }

  *#told(): Generator<Buffer> {
    if (this.#leftCount === 0) return;
    const more = this.#leftCount - this.#left.length;
    const lines = [...this.#left, ...(more > 0 ? [`and ${more} more`] : [])];
    const content = Buffer.from(`Not in this archive, or not as it was:\n${lines.join('\n')}\n`);
    const facts = { mode: 0o644, uid: 0, gid: 0, mtimeMs: 0, size: content.length };
    const path = Buffer.from(`${this.#asked.top}/${LEFT_OUT_FILE}`);
    yield tarHeader({ ...facts, path, type: 'file' });
    yield content;
    yield tarPadding(content.length);
  }

  #pathOf(place: Place | null): Buffer {
    const slash = Buffer.from('/');
    return Buffer.concat([
      Buffer.from(this.#asked.top),
      ...namesOf(place).flatMap((name) => [slash, name]),
    ]);
  }
}

function namesOf(place: Place | null): readonly Buffer[] {
  const names: Buffer[] = [];
  for (let at = place; at !== null; at = at.parent) names.push(at.name);
  return names.reverse();
}

const factsOf = ({ mode, uid, gid, mtimeMs }: BigIntStats) => ({
  // A set-uid bit of a job's file means nothing elsewhere.
  mode: Number(mode) & 0o777,
  uid: Number(uid),
  gid: Number(gid),
  mtimeMs: Number(mtimeMs),
});
