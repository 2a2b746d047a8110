/** Writes files below a directory whose owner may swap names at any moment: see `beneath.ts`. What is made is the owner's. */
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises';
import { ServiceError } from '../../contracts/errors.js';
import { codeOf, findBeneath, foundIn, inside, openRoot, reopened } from './beneath.js';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
const READ_BYTES = 64 * 1024;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface PartFile {
  /** Bytes that are there. */
  readonly size: number;
  /** Writes behind them, as fast as the disk takes it. @returns the new size */
  append(bytes: AsyncIterable<Uint8Array>, sizeMax: number): Promise<number>;
  /** SHA-256 of all that is there. */
  sha256(): Promise<Buffer>;
  /** Gives it its name, over what has it now. @throws ServiceError `bad-path`: a directory has it */
  finish(): Promise<void>;
  remove(): Promise<void>;
  close(): Promise<void>;
}

/** A service that is root gives files away; any other keeps them. */
const givesAway = (): boolean => process.getuid?.() === 0;

/**
 * The part of a file that has come so far; it stands in the top directory, under a name of its own. The caller closes.
 * @throws ServiceError `bad-path`; or the system's error
 */
export async function openPart(
  directory: string,
  names: readonly Buffer[],
  owner: Owner,
  { isAnew }: { readonly isAnew: boolean },
): Promise<PartFile> {
  const path = Buffer.concat(names.flatMap((name) => [Buffer.from('/'), name]));
  const part = `.god-upload-${createHash('sha256').update(path).digest('hex').slice(0, 24)}`;
  const root = await openRoot(directory);
  try {
    // What came in a former try is dropped, whatever it is by now.
    if (isAnew) await unlink(inside(root, part)).catch(unlessGone);
    const file = await openOwn(root, part, owner);
    return await partOf({ root, file, part, names, owner });
  } catch (error) {
    await root.close();
    throw error;
  }
}

/** Goes on with the part that is there if it is nothing but that: one file, with one name, of the owner. */
async function openOwn(root: FileHandle, part: string, owner: Owner): Promise<FileHandle> {
  const path = inside(root, part);
  const flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK;
  for (;;) {
    try {
      const file = await open(path, flags | O_CREAT | O_EXCL, 0o600);
      if (givesAway()) await file.chown(owner.uid, owner.gid);
      return file;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const found = await foundIn(root, Buffer.from(part)).catch(() => undefined);
    if (found === undefined) continue;
    try {
      const { stat } = found;
      const uid = BigInt(givesAway() ? owner.uid : (process.getuid?.() ?? owner.uid));
      if (stat.isFile() && stat.nlink === 1n && stat.uid === uid)
        return await open(`/proc/self/fd/${found.handle.fd}`, O_RDWR | O_NONBLOCK);
      throw new ServiceError('bad-path', 'something is in the way of the upload', {
        field: 'path',
      });
    } finally {
      await found.handle.close();
    }
  }
}

function unlessGone(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}

interface Parts {
  readonly root: FileHandle;
  readonly file: FileHandle;
  readonly part: string;
  readonly names: readonly Buffer[];
  readonly owner: Owner;
}

async function partOf({ root, file, part, names, owner }: Parts): Promise<PartFile> {
  const { size } = await file.stat();
  return {
    size,
    append: (bytes, sizeMax) => append(file, { bytes, from: size, sizeMax }),
    sha256: () => hashOf(file),
    async finish() {
      await file.chmod(0o644);
      await file.sync();
      const parent = await makeAbove(root, names.slice(0, -1), owner);
      try {
        await rename(inside(root, part), inside(parent, names.at(-1) ?? Buffer.from('.')));
      } catch (cause) {
        if (!['EISDIR', 'ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(codeOf(cause))) throw cause;
        const says = 'a directory has that name';
        throw new ServiceError('bad-path', says, { field: 'path' }, { cause });
      } finally {
        await parent.close();
      }
    },
    remove: () => unlink(inside(root, part)),
    async close() {
      await file.close();
      await root.close();
    },
  };
}

async function append(
  file: FileHandle,
  {
    bytes,
    from,
    sizeMax,
  }: { readonly bytes: AsyncIterable<Uint8Array>; readonly from: number; readonly sizeMax: number },
): Promise<number> {
  let at = from;
  for await (const chunk of bytes) {
    if (at + chunk.length > sizeMax)
      throw new ServiceError(
        'too-large',
        `more than the ${sizeMax} bytes that were told or allowed`,
        {
          bytesMax: sizeMax,
        },
      );
    for (let done = 0; done < chunk.length; )
      done += (await file.write(chunk, done, chunk.length - done, at + done)).bytesWritten;
    at += chunk.length;
  }
  return at;
}

async function hashOf(file: FileHandle): Promise<Buffer> {
  const hash: Hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES, at);
    if (bytesRead === 0) return hash.digest();
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** Directories on the way to a file, made where they are missing. The caller closes the last. */
async function makeAbove(
  root: FileHandle,
  names: readonly Buffer[],
  owner: Owner,
): Promise<FileHandle> {
  let at = (await findBeneath(root, [])).handle;
  try {
    for (const name of names) {
      const isNew = await mkdir(inside(at, name), { mode: 0o700 }).then(
        () => true,
        (error: unknown) => {
          if (codeOf(error) === 'EEXIST') return false;
          throw error;
        },
      );
      const { handle } = await findBeneath(at, [name]);
      await at.close();
      at = handle;
      if (isNew && givesAway()) await give({ handle }, owner);
    }
    return at;
  } catch (error) {
    await at.close();
    throw error;
  }
}

/** By its descriptor, and only if it is still ours: whoever can reach it may have put another one there. */
async function give(found: { readonly handle: FileHandle }, owner: Owner): Promise<void> {
  const { mode, uid } = await found.handle.stat();
  if ((mode & 0o170000) !== 0o040000 || uid !== 0) return;
  const handle = await reopened(found);
  try {
    await handle.chown(owner.uid, owner.gid);
  } finally {
    await handle.close();
  }
}
