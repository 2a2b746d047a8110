// What runs beside what: the declared needs hold, and are declared.
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import t from 'tap';
import { filesBelow, importScript, projectFile, readProjectFile } from '../support/project.js';

interface Need {
  readonly claims: readonly string[];
  readonly isAlone: boolean;
  readonly turn: number;
}

interface Work {
  readonly need: Need;
  readonly isYielding: boolean;
  run(): Promise<void>;
}

interface Plan {
  needOf(source: string): Need;
  namedSuites(): readonly string[];
  runAll(works: readonly Work[], places: number): Promise<void>;
}

const plan = (await importScript('testing/plan.mjs')) as Plan;

/** Whoever starts a daemon says where its own state lies. */
const DAEMON = '--exec-root';

/** What a source imports of test/, and what that imports, and so on. */
function importsOf(source: string, seen = new Set<string>()): ReadonlySet<string> {
  for (const [, path = ''] of readProjectFile(source).matchAll(/from '(\.[^']*)\.js'/g)) {
    const file = `${normalize(join(dirname(source), path))}.ts`;
    if (seen.has(file) || !file.startsWith('test/') || !existsSync(projectFile(file))) continue;
    seen.add(file);
    importsOf(file, seen);
  }
  return seen;
}

t.test('every suite that starts a Docker daemon claims it, and no other', async (t) => {
  const suites = filesBelow('test', (path) => /\.(e2e|contract|simulation)\.ts$/.test(path));
  for (const suite of suites) {
    const starts = [suite, ...importsOf(suite)].some((path) =>
      readProjectFile(path).includes(DAEMON),
    );
    t.equal(plan.needOf(suite).claims.includes('docker'), starts, suite);
  }
});

t.test('what the plan names is there', async (t) => {
  t.ok(plan.namedSuites().length > 0);
  for (const suite of plan.namedSuites()) t.ok(existsSync(projectFile(suite)), suite);
});

const NOTHING: Need = { claims: [], isAlone: false, turn: 0 };

/** Works that end when they are told, in a log of what began and ended. */
class Stage {
  readonly log: string[] = [];
  readonly #ends = new Map<string, () => void>();

  work(name: string, need: Partial<Need> = {}, isYielding = false): Work {
    const run = (): Promise<void> => {
      this.log.push(`${name}+`);
      return new Promise((resolve) => this.#ends.set(name, resolve));
    };
    return { need: { ...NOTHING, ...need }, isYielding, run };
  }

  async end(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.log.push(`${name}-`);
      this.#ends.get(name)?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

t.test('as many as there are places, in their turn', async (t) => {
  const stage = new Stage();
  const works = ['a', 'b', 'c', 'd'].map((name) =>
    stage.work(name, { turn: name === 'd' ? 0 : 1 }),
  );
  const done = plan.runAll(works, 2);
  await stage.end('a', 'd', 'b', 'c');
  await done;
  t.same(stage.log, ['d+', 'a+', 'a-', 'b+', 'd-', 'c+', 'b-', 'c-']);
});

t.test('two with one claim never meet; others pass by', async (t) => {
  const stage = new Stage();
  const docker = { claims: ['docker'] };
  const done = plan.runAll([stage.work('a', docker), stage.work('b', docker), stage.work('c')], 3);
  await stage.end('c', 'a', 'b');
  await done;
  t.same(stage.log, ['a+', 'c+', 'c-', 'a-', 'b+', 'b-']);
});

t.test('what wants to be alone comes last, one after the other', async (t) => {
  const stage = new Stage();
  const alone = { isAlone: true };
  const works = [
    stage.work('a', alone),
    stage.work('b', alone),
    stage.work('c'),
    stage.work('d', {}, true),
  ];
  const done = plan.runAll(works, 3);
  await stage.end('c', 'd', 'a', 'b');
  await done;
  t.same(stage.log, ['c+', 'd+', 'c-', 'd-', 'a+', 'a-', 'b+', 'b-']);
});

t.test('what yields takes no place, and has one of its own', async (t) => {
  const stage = new Stage();
  const works = [stage.work('a', {}, true), stage.work('b', {}, true), stage.work('c')];
  const done = plan.runAll(works, 1);
  await stage.end('a', 'b', 'c');
  await done;
  t.same(stage.log, ['c+', 'a+', 'a-', 'b+', 'b-', 'c-']);
});

t.test('a work that fails fails the run', async (t) => {
  const bad: Work = {
    need: NOTHING,
    isYielding: false,
    run: () => Promise.reject(new Error('broken')),
  };
  await t.rejects(plan.runAll([bad], 2), /broken/);
  await plan.runAll([], 2);
});
