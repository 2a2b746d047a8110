// Makes one job's directory. Synchronous: it runs in threads of its own, where each call costs a tenth of an asynchronous one.
import {
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { JobDirectoryOrder, PlacedFile } from '../../src/contracts/storage.js';
import type { Identity } from '../../src/core/job.js';
import { ERROR_FILE, formerOutput, LOG_FILE } from '../../src/core/wrapper.js';

const NOT_KEPT: ReadonlySet<string> = new Set(['ENOENT', 'EISDIR', 'ENOTDIR', 'ENOTEMPTY']);
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/** Digits in pieces of two: 72 → 72/task, 123 → 12/3/task. */
export const pairtreePath = (root: string, id: number): string =>
  join(root, 'tasks', 'pairtree_root', ...(String(id).match(/\d{1,2}/g) ?? []), 'task');

/** A service that is root gives files away; any other runs every job as itself. */
const givesAway = (): boolean => process.getuid?.() === 0;

/** Harmless twice. @throws Error with the system's message */
export function prepareDirectory(root: string, order: JobDirectoryOrder): string {
  const directory = directoryOf(root, order);
  makeAbove(root, order);
  if (isNew(directory)) {
    // Nobody else can reach into it yet, so its files are simply made; it is given away when it is complete.
    for (const file of order.files) makeFile(join(directory, file.name), file, order.identity);
    if (givesAway()) chownSync(directory, order.identity.uid, order.identity.gid);
    return directory;
  }
  takeOver(directory, order.identity);
  if (order.launch > 1)
    for (const name of [LOG_FILE, ERROR_FILE])
      keepOutput(directory, name, formerOutput(name, order.launch - 1));
  for (const file of order.files) replaceFile(directory, file, order.identity);
  return directory;
}

/**
 * Members of an array stand in its directory. That one stays ours: whoever owns it could put another directory in a
 * member's place while we write there.
 */
function directoryOf(root: string, { id, inArray }: JobDirectoryOrder): string {
  if (inArray === undefined) return pairtreePath(root, id);
  return join(pairtreePath(root, inArray.array), inArray.name);
}

function makeAbove(root: string, { id, inArray }: JobDirectoryOrder): void {
  const top = pairtreePath(root, inArray?.array ?? id);
  mkdirSync(dirname(top), { recursive: true, mode: 0o711 });
  // Names in it are mere numbers: whoever owns the members may list them.
  if (inArray !== undefined) mkdirSync(top, { recursive: true, mode: 0o755 });
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

function isNew(directory: string): boolean {
  try {
    mkdirSync(directory, { mode: 0o700 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Takes the directory of a former launch if it really is the job's own. */
function takeOver(directory: string, identity: Identity): void {
  const found = lstatSync(directory);
  if (!found.isDirectory()) throw new Error(`${directory} is in the way: not a directory`);
  if (!givesAway()) return;
  // A crash before it was given away leaves it with us: that is repaired; anybody else's is refused.
  if (found.uid === process.getuid?.()) chownSync(directory, identity.uid, identity.gid);
  else if (found.uid !== identity.uid) throw new Error(`${directory} belongs to uid ${found.uid}`);
}

/**
 * Renames, so that nothing is copied and no link followed. Processes of a lost agent that still live go on writing into
 * what is theirs.
 */
function keepOutput(directory: string, name: string, kept: string): void {
  try {
    renameSync(join(directory, name), join(directory, kept));
  } catch (error) {
    // Nothing was written; or the job has made a directory of one of these names, and does without.
    if (!NOT_KEPT.has(codeOf(error) ?? '')) throw error;
  }
}

/** Writes beside and renames: a link that the job left under that name is replaced, never followed. */
function replaceFile(directory: string, file: PlacedFile, identity: Identity): void {
  const fresh = join(directory, `.${file.name}.new`);
  try {
    unlinkSync(fresh);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  makeFile(fresh, file, identity);
  renameSync(fresh, join(directory, file.name));
}

function makeFile(path: string, file: PlacedFile, identity: Identity): void {
  const handle = openSync(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, file.mode);
  try {
    writeFileSync(handle, file.content);
    fchmodSync(handle, file.mode);
    if (givesAway()) fchownSync(handle, identity.uid, identity.gid);
  } finally {
    closeSync(handle);
  }
}
