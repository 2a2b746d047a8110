// Builds everything that is compiled: proto/ → static code, TypeScript → dist/, web/ → web/dist. Leaves a stamp that
// `npm start` compares with the sources.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generate, protoFiles } from './proto.mjs';
import { sourceStamp } from './stamp.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const require = createRequire(import.meta.url);

/** Runs a program of node_modules; a failure ends the build with its output shown. */
function run(what, script, args) {
  const done = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit', cwd: root });
  if (done.status !== 0) {
    console.error(`build: ${what} failed`);
    process.exit(done.status ?? 1);
  }
}

const binOf = (name, bin) => {
  const manifest = require.resolve(`${name}/package.json`);
  const entry = require(manifest).bin;
  return join(dirname(manifest), typeof entry === 'string' ? entry : entry[bin ?? name]);
};

const stale = (target, sources) =>
  !existsSync(target) || sources.some((path) => statSync(path).mtimeMs > statSync(target).mtimeMs);

// Taken before anything is read: a source that changes during the build makes the next start build again.
const stamp = sourceStamp(root);
const protos = existsSync('proto') ? protoFiles('proto') : [];
const generated = 'src/mesos/generated';
if (protos.length > 0 && stale(`${generated}/v1.d.ts`, [...protos, 'scripts/proto.mjs']))
  generate(protos, generated);

const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');
run('TypeScript', tsc, ['-p', '.']);
// The loader takes what it finds: a plugin whose source has moved must not be found at its old place.
for (const name of readdirSync('dist/plugins')) {
  const [plugin = name] = name.split('.');
  if (name !== plugin && !existsSync(`plugins/${plugin}.ts`)) rmSync(join('dist/plugins', name));
}
if (existsSync(generated)) cpSync(generated, 'dist/src/mesos/generated', { recursive: true });
if (existsSync('web/vite.config.ts')) {
  run('types of the pages', tsc, ['-p', 'web']);
  run('pages', binOf('vite'), [
    'build',
    '--config',
    'web/vite.config.ts',
    '--logLevel',
    'warn',
    'web',
  ]);
}
// npm links the commands of dependencies, not those of the project itself: `npx --no god` finds ours through this.
const bins = 'node_modules/.bin';
for (const name of ['god', 'godocker']) {
  const entry = `dist/bin/${name}.js`;
  if (!existsSync(entry)) continue;
  chmodSync(entry, 0o755);
  if (!lstatSync('node_modules').isDirectory()) continue; // a link: not ours to change
  mkdirSync(bins, { recursive: true });
  rmSync(join(bins, name), { force: true });
  symlinkSync(join('../..', entry), join(bins, name));
}
rmSync('dist/.stamp', { force: true });
writeFileSync('dist/.stamp', stamp);
