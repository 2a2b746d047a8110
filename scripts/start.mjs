// `npm start`: builds first if a source changed since the last build, then hands over to the service.
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ensureBuilt } from './stamp.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
if (!ensureBuilt(root)) process.exit(1);
await import(pathToFileURL(join(root, 'dist/bin/godocker.js')).href);
