// Job directories in a pair tree: job 1234 lives in <shared_dir>/tasks/pairtree_root/12/34/task, as clients expect.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { definePlugin } from '../../src/contracts/plugin.js';
import type { FileStorage } from '../../src/contracts/storage.js';
import { exitFile } from '../../src/core/wrapper.js';
import { Crew } from './crew.js';
import { Keeper } from './keeper.js';

export { pairtreePath } from './directory.js';

const EXIT_FILE_BYTES_MAX = 16;
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

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
  create: ({ sharedDir }): FileStorage => {
    const crew = new Crew(sharedDir);
    const keeper = new Keeper();
    return {
      prepare: (order) => crew.prepare(order),
      exitFile: readExitFile,
      measure: (directory, { entriesMax }) => keeper.measure(directory, entriesMax),
      remove: (directory) => keeper.remove(directory),
    };
  },
});
