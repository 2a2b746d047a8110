// One line that changes when a source changes: names, sizes and times of all that the build reads.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const READ = [
  'src',
  'plugins',
  'bin',
  'proto',
  'web',
  'bench',
  'test',
  'package.json',
  'tsconfig.json',
];
const PASSED_OVER = new Set(['node_modules', 'dist', 'generated', 'transcripts']);

export function sourceStamp(root) {
  const hash = createHash('sha256');
  const visit = (path) => {
    const stat = statSync(path);
    if (!stat.isDirectory()) {
      hash.update(`${path.slice(root.length)} ${stat.size} ${Math.round(stat.mtimeMs)}\n`);
      return;
    }
    for (const name of readdirSync(path).sort())
      if (!PASSED_OVER.has(name)) visit(join(path, name));
  };
  for (const name of READ) if (existsSync(join(root, name))) visit(join(root, name));
  return hash.digest('hex');
}
