// Runs groups of test suites on the compiled code; a group is told by how a file's name ends.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);

const files = readdirSync('dist/test', { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(test|contract|e2e)\.js$/.test(name))
  .map((name) => join('dist/test', name))
  .sort();
const done = spawnSync(
  process.execPath,
  ['node_modules/tap/dist/esm/run.mjs', 'run', '-j1', ...files],
  { stdio: 'inherit' },
);
process.exit(done.status ?? 1);
