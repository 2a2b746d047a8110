import { existsSync } from 'node:fs';
import t from 'tap';
import { filesBelow, projectFile, readProjectFile } from '../support/project.js';
import { importsOf, layerFaults, MAY_IMPORT } from './layers.js';

t.test('every source keeps to its layer', async (t) => {
  const sources = ['src', 'bin', 'plugins']
    .filter((folder) => existsSync(projectFile(folder)))
    .flatMap((folder) => filesBelow(folder, (path) => path.endsWith('.ts')));
  t.ok(sources.length > 0, 'there are sources');
  t.same(
    sources.flatMap((path) => layerFaults(path, readProjectFile(path))),
    [],
  );
});

t.test('an import that goes the wrong way is told', async (t) => {
  const wrong = (path: string, text: string) => t.same(layerFaults(path, text).length, 1, text);
  wrong('src/core/bad.ts', "import { x } from '../daemon/scheduler.js';");
  wrong('src/core/bad.ts', "import type { X } from '../contracts/store.js';");
  wrong('src/core/bad.ts', "export * from '../store/embedded/store.js';");
  wrong('src/core/bad.ts', "type X = import('../daemon/scheduler.js').X;");
  wrong('src/core/bad.ts', "import 'node:fs';");
  wrong('src/core/bad.ts', "import { z } from 'zod';");
  wrong('src/core/deep/bad.ts', "import { x } from '../../api/app.js';");
  wrong('src/cli/bad.ts', "const m = await import('../service.js');");
  wrong('src/mesos/bad.ts', "import { x } from '../localmesos/master.js';");
  wrong('src/api/bad.ts', "import {\n  a,\n  b,\n} from '../store/embedded/store.js';");
  wrong('src/daemon/bad.ts', "import { x } from '../../test/support/skip.js';");
  wrong('plugins/auth-bad.ts', "import { x } from '../src/api/wire.js';");
  wrong('bin/god.ts', "import '../src/service.js';");
  wrong('src/misc/bad.ts', 'export const x = 1;');
});

t.test('an import that goes the right way is not', async (t) => {
  const right = (path: string, text: string) => t.same(layerFaults(path, text), [], text);
  right('src/core/good.ts', "import { x } from './units.js';");
  right('src/core/deep/good.ts', "import { x } from '../units.js';");
  right('src/contracts/good.ts', "import { x } from '../core/units.js';");
  right('src/localmesos/good.ts', "import { x } from '../mesos/codec.js';");
  right('src/service.ts', "import { x } from './store/embedded/store.js';");
  right('bin/god.ts', "import { main } from '../src/cli/main.js';");
  right('bin/godocker.ts', "import { main } from '../src/service.js';");
  right('plugins/auth-good.ts', "import { definePlugin } from '../src/contracts/plugin.js';");
  right('src/core/good.ts', "const ACTS = { 'store.import': 'the record was filled' };");
  right('src/core/good.ts', '// Date.now is banned here\nexport const x = 1;');
});

t.test('the core has no clock, chance or waiting of its own', async (t) => {
  for (const text of [
    'const now = Date.now();',
    'const now = new Date();',
    'const luck = Math.random();',
    'export async function f() {}',
    'setTimeout(f, 1);',
    'const x = process.env.X;',
  ])
    t.equal(layerFaults('src/core/bad.ts', text).length, 1, text);
});

t.test('every form of import is seen', async (t) => {
  const text = `
    import a from 'a';
    import 'b';
    import type { C } from "c";
    export { d } from 'd';
    const e = await import('e');
    const f = require('f');
    let g: import('g').G;
    // import h from 'h';
  `;
  t.same([...importsOf(text)].sort(), ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
});

t.test('the table names only folders of src', async (t) => {
  for (const [layer, targets] of Object.entries(MAY_IMPORT))
    for (const target of targets) t.ok(target in MAY_IMPORT, `${layer} may import ${target}`);
});
