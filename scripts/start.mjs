// `npm start`: builds first if a source changed since the last build, then hands over to the service.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { sourceStamp } from './stamp.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(root, 'dist/.stamp');
const built = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : undefined;
if (built !== sourceStamp(root)) {
  console.error(
    built === undefined
      ? 'Not built yet: building.'
      : 'Sources changed since the last build: building.',
  );
  const done = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], {
    stdio: 'inherit',
    cwd: root,
  });
  if (done.status !== 0) process.exit(done.status ?? 1);
}
await import(pathToFileURL(join(root, 'dist/bin/godocker.js')).href);
