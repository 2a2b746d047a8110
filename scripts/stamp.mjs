// One line that changes when a source changes: names, sizes and times of all that the build reads.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
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

/** Builds if a source changed since the last build. Answers false when the build failed; it has said why. */
export function ensureBuilt(root) {
  const stampFile = join(root, 'dist/.stamp');
  const built = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : undefined;
  if (built === sourceStamp(root)) return true;
  console.error(
    built === undefined
      ? 'Not built yet: building.'
      : 'Sources changed since the last build: building.',
  );
  const done = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], {
    stdio: 'inherit',
    cwd: root,
  });
  return done.status === 0;
}
