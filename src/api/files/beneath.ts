/**
 * Opens what lies below a directory whose owner may swap names for links, pipes and devices at any moment. One name after the
 * other is opened relative to the descriptor before it (`/proc/self/fd/N/name`), which no rename can change, without following
 * links, and with O_PATH: nothing is read, waited for or woken before it is known to be a file or a directory.
 */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { ServiceError } from '../../contracts/errors.js';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
/** Linux: a descriptor that allows nothing but to be named and asked what it is. */
export const O_PATH = 0o10000000;
const PATH_BYTES_MAX = 4_096;

const SLASH = 0x2f;

/** Path of a name in an open directory; the empty name is the directory itself. */
export const inside = (handle: FileHandle, name: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${handle.fd}/`), Buffer.from(name)]);

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** The names on the way, without empty ones. @throws ServiceError `bad-path` */
export function readPath(
  path: string | Buffer,
  what = 'the job directory',
  field = 'path',
): readonly Buffer[] {
  const bytes = Buffer.from(path);
  const names: Buffer[] = [];
  for (let start = 0; start <= bytes.length; ) {
    const slash = bytes.indexOf(SLASH, start);
    const end = slash < 0 ? bytes.length : slash;
    const name = bytes.subarray(start, end);
    if (name.length > 0 && !name.equals(Buffer.from('.'))) names.push(name);
    start = end + 1;
  }
  const isBad =
    names.some((name) => name.equals(Buffer.from('..'))) ||
    bytes.includes(0) ||
    bytes.length > PATH_BYTES_MAX;
  if (isBad) throw new ServiceError('bad-path', `the path must stay inside ${what}`, { field });
  return names;
}

/** What was found, opened for nothing but its name. */
export interface Found {
  readonly handle: FileHandle;
  readonly stat: BigIntStats;
}

/** The directory that everything is below. The caller closes. @throws the system's error */
export const openRoot = (directory: string): Promise<FileHandle> =>
  open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW);

/** What has that name in an open directory, a link itself included. The caller closes. @throws the system's error */
export async function foundIn(directory: FileHandle, name: Buffer): Promise<Found> {
  const handle = await open(inside(directory, name), O_PATH | O_NOFOLLOW);
  try {
    return { handle, stat: await handle.stat({ bigint: true }) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Finds what stands at `names` below an open directory, which stays open. The caller closes what it gets.
 * @throws ServiceError `bad-path`: a link is on the way; or the system's error
 */
export async function findBeneath(root: FileHandle, names: readonly Buffer[]): Promise<Found> {
  let at = await open(inside(root, ''), O_PATH | O_DIRECTORY);
  try {
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      const next = await step(at, name, isLast);
      await at.close();
      at = next;
    }
    const stat = await at.stat({ bigint: true });
    if (stat.isSymbolicLink()) throw isLink();
    return { handle: at, stat };
  } catch (error) {
    await at.close();
    throw error;
  }
}

async function step(at: FileHandle, name: Buffer, isLast: boolean): Promise<FileHandle> {
  const path = inside(at, name);
  try {
    return await open(path, O_PATH | O_NOFOLLOW | (isLast ? 0 : O_DIRECTORY));
  } catch (error) {
    // Without following, a link in the middle is "not a directory".
    const isSwapped = codeOf(error) === 'ENOTDIR' && (await lstat(path)).isSymbolicLink();
    throw isSwapped ? isLink() : error;
  }
}

const isLink = (): ServiceError =>
  new ServiceError('bad-path', 'links are not followed', { field: 'path' });

/** Opens for reading what was found to be a file or a directory: it cannot become anything else. */
export const reopened = ({ handle }: Pick<Found, 'handle'>): Promise<FileHandle> =>
  open(`/proc/self/fd/${handle.fd}`, O_RDONLY | O_NONBLOCK);

/** What a caller is told of a failure of the system. @returns ServiceError, or the cause where it is no answer to anybody */
export function asFileError(cause: unknown, path: string | Buffer): unknown {
  if (cause instanceof ServiceError) return cause;
  const code = codeOf(cause);
  if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ENXIO', 'ESTALE'].includes(code))
    return notFound(path, code);
  if (['EACCES', 'EPERM'].includes(code))
    return new ServiceError('forbidden', 'the file may not be read', { field: 'path' }, { cause });
  return cause;
}

export const notFound = (path: string | Buffer, why: string): ServiceError =>
  new ServiceError('file-not-found', `no file "${path.toString().slice(0, 200)}" (${why})`, {
    field: 'path',
  });
