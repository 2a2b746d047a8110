/**
 * Reads job directories as this process. Users own what is in them and may swap names for links at any moment, so
 * everything is opened first and checked after: by the descriptor, which no rename can change.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '../contracts/errors.js';
import type { FileEntry, FileFound, JobFiles, OpenFile } from '../contracts/files.js';
import type { Job } from '../core/job.js';

/** Sizes asked side by side: enough to hide a file server's latency. */
const STATS_AT_ONCE = 32;
const PATH_CHARS_MAX = 4096;

export const localJobFiles: JobFiles = {
  async find(job: Job, path: string): Promise<FileFound> {
    const parts = readPath(path);
    if (job.directory === null) throw notFound(path, 'the job has no directory yet');
    const handle = await openInside(job.directory, parts, path);
    try {
      const stat = await handle.stat();
      if (stat.isDirectory()) {
        const entries = await listEntries(`/proc/self/fd/${handle.fd}`);
        await handle.close();
        return { kind: 'dir', entries };
      }
      if (!stat.isFile()) throw notFound(path, 'it is neither a file nor a directory');
      return { kind: 'file', file: openFile(handle, stat) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  },
};

/** The names on the way, without empty ones. @throws ServiceError `bad-path` */
function readPath(path: string): readonly string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const isBad = parts.includes('..') || path.includes('\0') || path.length > PATH_CHARS_MAX;
  if (isBad)
    throw new ServiceError('bad-path', 'the path must stay inside the job directory', {
      field: 'path',
    });
  return parts;
}

async function openInside(
  directory: string,
  parts: readonly string[],
  path: string,
): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let handle: FileHandle;
  let root: string;
  try {
    root = await realpath(directory);
    handle = await open(join(root, ...parts), flags);
  } catch (cause) {
    throw asFileError(cause, path);
  }
  const real = await readlink(`/proc/self/fd/${handle.fd}`).catch(() => undefined);
  if (real === root || real?.startsWith(`${root}/`) === true) return handle;
  await handle.close();
  throw new ServiceError('bad-path', 'the path leads out of the job directory', { field: 'path' });
}

function asFileError(cause: unknown, path: string): ServiceError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  if (code === 'ELOOP')
    return new ServiceError('bad-path', 'links are not followed', { field: 'path' }, { cause });
  if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ENXIO'].includes(code)) return notFound(path, code);
  if (['EACCES', 'EPERM'].includes(code))
    return new ServiceError('forbidden', 'the file may not be read', { field: 'path' }, { cause });
  throw cause;
}

const notFound = (path: string, why: string): ServiceError =>
  new ServiceError('file-not-found', `no file "${path.slice(0, 200)}" (${why})`, { field: 'path' });

/** Names in byte order. An entry that vanishes meanwhile is left out. */
async function listEntries(directory: string): Promise<readonly FileEntry[]> {
  const names = (await readdir(directory)).sort();
  const entries: FileEntry[] = [];
  for (let start = 0; start < names.length; start += STATS_AT_ONCE) {
    const some = names.slice(start, start + STATS_AT_ONCE);
    const found = await Promise.all(some.map((name) => entryOf(directory, name)));
    entries.push(...found.filter((entry) => entry !== undefined));
  }
  return entries;
}

async function entryOf(directory: string, name: string): Promise<FileEntry | undefined> {
  try {
    const stat = await lstat(join(directory, name));
    const type = stat.isDirectory() ? 'dir' : 'file';
    return { name, type, size: stat.size, mtimeMs: Math.floor(stat.mtimeMs) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function openFile(handle: FileHandle, { size, mtimeMs, dev, ino }: Stats): OpenFile {
  return {
    size,
    mtimeMs: Math.floor(mtimeMs),
    identity: `${dev.toString(36)}-${ino.toString(36)}`,
    stream: ({ start, end }) => handle.createReadStream({ start, end, autoClose: true }),
    close: () => handle.close(),
  };
}
