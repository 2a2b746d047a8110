import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import t from 'tap';
import { filesBelow, projectFile, projectRoot, readProjectFile } from '../support/project.js';
import { longFunctions, machineFaults, nameFaults, textFaults } from './words.js';

const FOLDERS = ['src', 'bin', 'plugins', 'bench', 'test', 'web/src'];
const sources = FOLDERS.filter((folder) => existsSync(projectFile(folder))).flatMap((folder) =>
  filesBelow(folder, (path) => /\.tsx?$/.test(path)),
);
/** The rules are tried on bad examples in their own tests. */
const isAboutRules = (path: string) => path.startsWith('test/tidy/');

t.test('file names say what is inside', async (t) => {
  t.same(sources.flatMap(nameFaults), []);
  t.equal(nameFaults('src/core/utils.ts').length, 1);
  t.equal(nameFaults('src/api/error-handler.ts').length, 1);
  t.equal(nameFaults('src/core/jobQueue.ts').length, 1);
  t.same(nameFaults('test/core/job-queue.test.ts'), []);
});

t.test('files stay short and honest', async (t) => {
  t.same(
    sources
      .filter((path) => !isAboutRules(path))
      .flatMap((path) => textFaults(path, readProjectFile(path))),
    [],
  );
  t.equal(textFaults('a.ts', 'x\n'.repeat(401)).length, 1);
  t.equal(textFaults('a.ts', 'interface IStore {}').length, 1);
  t.equal(textFaults('a.ts', '// TODO later').length, 1);
  t.same(textFaults('a.ts', '// TODO wait for the leader, #12'), []);
  t.equal(textFaults('a.ts', '// @ts-ignore').length, 1);
});

t.test('functions over the ceiling are named', async (t) => {
  const long = `export function walk(a: number): void {\n${'  step();\n'.repeat(70)}}\n`;
  t.match(longFunctions('a.ts', long), ['a.ts: walk has 72 lines, better 60 at most']);
  t.same(longFunctions('a.ts', 'function short() {\n  step();\n}\n'), []);
  // A warning, not a failure: a table-like function may be longer than a screen with good reason.
  for (const warning of sources.flatMap((path) => longFunctions(path, readProjectFile(path))))
    t.comment(`long: ${warning}`);
});

t.test('no path of one machine is left in', async (t) => {
  const texts = filesBelow('.', (path) =>
    /\.(tsx?|mjs|json|ya?ml|md|sh|css|html|proto)$/.test(path),
  );
  t.same(
    texts
      .filter((path) => !isAboutRules(path) && path !== 'package-lock.json')
      .flatMap((path) => machineFaults(path, readProjectFile(path), [projectRoot, homedir()])),
    [],
  );
  t.equal(machineFaults('a.ts', "open('/Users/someone/file')", []).length, 1);
});
