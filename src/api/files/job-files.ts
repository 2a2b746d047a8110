/** Reads job directories as this process. Users own what is in them and may change it at any moment: see `beneath.ts`. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { FileFound, JobFiles, OpenDirectory, OpenFile } from '../../contracts/files.js';
import type { Job } from '../../core/job.js';
import { tarOf } from './archive.js';
import { asFileError, findBeneath, notFound, openRoot, readPath, reopened } from './beneath.js';
import { FileRange } from './file-range.js';
import { listPage } from './listing.js';

export const localJobFiles: JobFiles = {
  async find(job: Job, path: string | Buffer): Promise<FileFound> {
    const names = readPath(path);
    if (job.directory === null) throw notFound(path, 'the job has no directory yet');
    try {
      return await findIn(job.directory, names, { path, isOurs: ownedBy(job) });
    } catch (cause) {
      throw asFileError(cause, path);
    }
  },
};

/** Whether a file may be read for the owner of the directory. */
export type IsOurs = (stat: Pick<BigIntStats, 'nlink' | 'uid'>) => boolean;

/**
 * A second name for a file of somebody else is no way to read it: the kernel lets everybody link where `protected_hardlinks`
 * is off. A service that is not root reads what its jobs could read anyway.
 */
const ownedBy =
  ({ identity, spec }: Pick<Job, 'identity' | 'spec'>): IsOurs =>
  ({ nlink, uid }) =>
    nlink <= 1n || spec.isRoot || process.getuid?.() !== 0 || uid === BigInt(identity.uid);

/** @throws ServiceError, or the system's error */
export async function findIn(
  directory: string,
  names: readonly Buffer[],
  { path, isOurs }: { readonly path: string | Buffer; readonly isOurs: IsOurs },
): Promise<FileFound> {
  const root = await openRoot(directory);
  try {
    const found = await findBeneath(root, names);
    try {
      if (found.stat.isDirectory())
        return { kind: 'dir', directory: openDirectory(await reopened(found), isOurs) };
      if (!found.stat.isFile() || !isOurs(found.stat))
        throw notFound(path, 'it is neither a file nor a directory of this job');
      return { kind: 'file', file: await openFile(await reopened(found)) };
    } finally {
      await found.handle.close();
    }
  } finally {
    await root.close();
  }
}

const openDirectory = (handle: FileHandle, isOurs: IsOurs): OpenDirectory => ({
  list: (asked) => listPage(handle, asked),
  archive: (asked) => tarOf(handle, { ...asked, isOurs }),
  close: () => handle.close(),
});

async function openFile(handle: FileHandle): Promise<OpenFile> {
  try {
    const { size, mtimeMs, mtimeNs, ino, dev } = await handle.stat({ bigint: true });
    return {
      size: Number(size),
      mtimeMs: Number(mtimeMs),
      identity: `${dev.toString(36)}-${ino.toString(36)}`,
      revision: [size, mtimeNs, ino].map((part) => part.toString(36)).join('-'),
      stream: (range) => new FileRange(handle, range),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
