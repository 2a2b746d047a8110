// What `npm run test:setup` made once for all runs: a folder for each tool, named after what it was made from.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { projectFile } from './project.js';

export const cacheFolder = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
  'godocker-test',
);

/**
 * The folder of a tool made from `source`, a file or folder below test/; undefined when it was not made, or was made
 * from something older.
 */
export function cachedTool(name: string, source: string): string | undefined {
  const folder = join(cacheFolder, `${name}-${fingerprint(projectFile(source))}`);
  return existsSync(join(folder, '.ready')) ? folder : undefined;
}

/** The same as in scripts/test-setup.sh: the files one after the other, in order of name. */
function fingerprint(path: string): string {
  const hash = createHash('sha256');
  for (const file of filesOf(path)) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}

const filesOf = (path: string): readonly string[] =>
  path.endsWith('.txt') || path.endsWith('.json')
    ? [path]
    : readdirSync(path)
        .sort()
        .map((name) => join(path, name));
