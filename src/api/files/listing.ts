/** Pages of a directory: however many names it has, only those of the page stay in memory and are asked for their sizes. */
import type { Dirent, OpenDirOptions } from 'node:fs';
import { type FileHandle, lstat, opendir } from 'node:fs/promises';
import type { FileEntry, FilePage } from '../../contracts/files.js';
import { codeOf, inside } from './beneath.js';

/** Sizes asked side by side: enough to hide a file server's latency. */
const STATS_AT_ONCE = 32;
const NAMES_AT_ONCE = 1_000;

/** The names in an open directory, as the file system gives them. */
export async function* namesIn(handle: FileHandle): AsyncGenerator<Buffer> {
  // The types know of texts alone.
  const options = { encoding: 'buffer', bufferSize: NAMES_AT_ONCE } as unknown as OpenDirOptions;
  for await (const entry of await opendir(`/proc/self/fd/${handle.fd}`, options))
    yield (entry as unknown as Dirent<Buffer>).name;
}

/** @throws the system's error */
export async function listPage(
  handle: FileHandle,
  { after, limit }: { readonly after: Buffer | null; readonly limit: number },
): Promise<FilePage> {
  let kept: Buffer[] = [];
  let isCut = false;
  const cut = () => {
    kept.sort(Buffer.compare);
    if (kept.length > limit) isCut = true;
    kept = kept.slice(0, limit);
  };
  for await (const name of namesIn(handle)) {
    if (after !== null && Buffer.compare(name, after) <= 0) continue;
    kept.push(name);
    if (kept.length >= 2 * limit + NAMES_AT_ONCE) cut();
  }
  cut();
  return { entries: await entriesOf(handle, kept), isCut };
}

async function entriesOf(handle: FileHandle, names: readonly Buffer[]): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  for (let start = 0; start < names.length; start += STATS_AT_ONCE) {
    const some = names.slice(start, start + STATS_AT_ONCE);
    const found = await Promise.all(some.map((name) => entryOf(handle, name)));
    entries.push(...found.filter((entry) => entry !== undefined));
  }
  return entries;
}

async function entryOf(handle: FileHandle, name: Buffer): Promise<FileEntry | undefined> {
  try {
    const stat = await lstat(inside(handle, name));
    const type = stat.isDirectory() ? 'dir' : 'file';
    return { name, type, size: stat.size, mtimeMs: Math.floor(stat.mtimeMs) };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
