// What a process of ours loads before it knows what it is to be: most of what a start costs is loading code.
import { dirname, join, normalize } from 'node:path';
import t from 'tap';
import { readProjectFile } from '../support/project.js';

/** Packages that an entry loads at once, by itself or through others; what is imported in a call does not count. */
function loadedBy(entry: string): ReadonlyMap<string, string> {
  const packages = new Map<string, string>();
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file) || file.includes('/generated/')) return;
    seen.add(file);
    const imports = /^(?:import|export) (?!type\b)(?:[^;']*? from )?'([^']+)'/gm;
    for (const [, name = ''] of readProjectFile(file).matchAll(imports)) {
      if (name.startsWith('.')) visit(normalize(join(dirname(file), name)).replace(/\.js$/, '.ts'));
      else if (!name.startsWith('node:') && !packages.has(name)) packages.set(name, file);
    }
  };
  visit(entry);
  return packages;
}

const DRIVERS = ['mongodb', 'ioredis', 'influx'];
const WEB = ['koa', '@koa/router', 'zod', 'jose'];

const HEAVY: Readonly<Record<string, readonly string[]>> = {
  'src/main.ts': [...DRIVERS, ...WEB, 'undici', 'protobufjs/light.js'],
  'src/service.ts': [...DRIVERS, ...WEB],
  'src/service/scheduler.ts': [...DRIVERS, ...WEB],
  'src/localmesos/index.ts': [...DRIVERS, ...WEB],
};

for (const [entry, heavy] of Object.entries(HEAVY))
  t.test(`${entry} leaves to others what it may not need`, async (t) => {
    const loaded = loadedBy(entry);
    t.ok(loaded.size > 0, `it loads ${[...loaded.keys()].join(', ')}`);
    for (const name of heavy) t.equal(loaded.get(name), undefined, `${name} comes by that file`);
  });

t.test('and what is needed is seen', async (t) => {
  const loaded = loadedBy('src/service/web.ts');
  for (const name of WEB) t.ok(loaded.has(name), name);
  t.ok(loadedBy('src/store/mongo/store.ts').has('mongodb'));
});
