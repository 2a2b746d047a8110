// Job directories in a pair tree: job 1234 lives in <shared_dir>/tasks/pairtree_root/12/34/task, as clients expect.
import { constants } from 'node:fs';
import { chown, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { definePlugin } from '../src/contracts/plugin.js';
import type { FileStorage, JobDirectoryOrder, PlacedFile } from '../src/contracts/storage.js';
import type { Identity } from '../src/core/job.js';
import { ERROR_FILE, exitFile, formerOutput, LOG_FILE } from '../src/core/wrapper.js';

const EXIT_FILE_BYTES_MAX = 16;
const NOT_KEPT: ReadonlySet<string> = new Set(['ENOENT', 'EISDIR', 'ENOTDIR', 'ENOTEMPTY']);
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Digits in pieces of two: 72 → 72/task, 123 → 12/3/task. */
export const pairtreePath = (root: string, id: number): string =>
  join(root, 'tasks', 'pairtree_root', ...(String(id).match(/\d{1,2}/g) ?? []), 'task');

/** A service that is root gives files away; any other runs every job as itself. */
const givesAway = (): boolean => process.getuid?.() === 0;

async function prepare(root: string, order: JobDirectoryOrder): Promise<string> {
  const directory = pairtreePath(root, order.id);
  await mkdir(dirname(directory), { recursive: true, mode: 0o711 });
  if (await isNew(directory)) {
    // Nobody else can reach into it yet, so its files are simply made; it is given away when it is complete.
    await Promise.all(
      order.files.map((file) => makeFile(join(directory, file.name), file, order.identity)),
    );
    if (givesAway()) await chown(directory, order.identity.uid, order.identity.gid);
    return directory;
  }
  await takeOver(directory, order.identity);
  if (order.launch > 1)
    for (const name of [LOG_FILE, ERROR_FILE])
      await keepOutput(directory, name, formerOutput(name, order.launch - 1));
  for (const file of order.files) await replaceFile(directory, file, order.identity);
  return directory;
}

async function isNew(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes the directory of a former launch if it really is the job's own. */
async function takeOver(directory: string, identity: Identity): Promise<void> {
  const found = await lstat(directory);
  if (!found.isDirectory()) throw new Error(`${directory} is in the way: not a directory`);
  if (!givesAway()) return;
  // A crash before it was given away leaves it with us: that is repaired; anybody else's is refused.
  if (found.uid === process.getuid?.()) await chown(directory, identity.uid, identity.gid);
  else if (found.uid !== identity.uid) throw new Error(`${directory} belongs to uid ${found.uid}`);
}

/**
 * Renames, so that nothing is copied and no link followed. Processes of a lost agent that still live go on writing into
 * what is theirs.
 */
async function keepOutput(directory: string, name: string, kept: string): Promise<void> {
  try {
    await rename(join(directory, name), join(directory, kept));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Nothing was written; or the job has made a directory of one of these names, and does without.
    if (code === undefined || !NOT_KEPT.has(code)) throw error;
  }
}

/** Writes beside and renames: a link that the job left under that name is replaced, never followed. */
async function replaceFile(directory: string, file: PlacedFile, identity: Identity): Promise<void> {
  const fresh = join(directory, `.${file.name}.new`);
  await unlink(fresh).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await makeFile(fresh, file, identity);
  await rename(fresh, join(directory, file.name));
}

async function makeFile(path: string, file: PlacedFile, identity: Identity): Promise<void> {
  const handle = await open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, file.mode);
  try {
    await handle.writeFile(file.content);
    await handle.chmod(file.mode);
    if (givesAway()) await handle.chown(identity.uid, identity.gid);
  } finally {
    await handle.close();
  }
}

async function readExitFile(directory: string, launch: number): Promise<string | undefined> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(join(directory, exitFile(launch)), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not there (yet), or something the job put there to mislead us: no code.
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO' || code === 'EACCES') return;
    throw error;
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > EXIT_FILE_BYTES_MAX) return;
    const content = await handle.readFile('latin1');
    // Without its line end it is only just being written.
    return content.endsWith('\n') ? content : undefined;
  } finally {
    await handle.close();
  }
}

export default definePlugin({
  kind: 'storage',
  name: 'pairtree',
  options: (raw) => ({ sharedDir: raw.text('shared_dir', '') }),
  create: ({ sharedDir }): FileStorage => ({
    prepare: (order) => prepare(sharedDir, order),
    exitFile: readExitFile,
  }),
});
