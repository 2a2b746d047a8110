// The test runner, on suites that are bad in one way each: none may pass, vanish or hang the run.
import t from 'tap';
import { importScript, projectRoot } from '../support/project.js';

interface Told {
  readonly suite: string;
  readonly name: string;
  readonly why?: string;
  readonly diagnostics?: string;
}

interface SuiteProcess {
  runSuites(
    root: string,
    suites: readonly string[],
    options: { limitMs: number; environment: object; listener: object },
  ): Promise<void>;
}

/** Runs suites of this folder, with a few seconds for each. */
async function run(...names: readonly string[]) {
  const { runSuites } = (await importScript('testing/suite-process.mjs')) as SuiteProcess;
  const told = {
    passed: [] as string[],
    failed: [] as Told[],
    skipped: [] as Told[],
    ended: [] as string[],
  };
  const short = (suite: string) => suite.replace('dist/test/tidy/suites/', '').replace('.js', '');
  await runSuites(
    projectRoot,
    names.map((name) => `dist/test/tidy/suites/${name}.js`),
    {
      limitMs: 4_000,
      environment: {},
      listener: {
        suiteStarted: () => {},
        suiteEnded: (suite: string) => told.ended.push(short(suite)),
        processEnded: () => {},
        passed: ({ suite, name }: Told) => told.passed.push(`${short(suite)}: ${name}`),
        failed: (fact: Told) => told.failed.push({ ...fact, suite: short(fact.suite) }),
        skipped: (fact: Told) => told.skipped.push({ ...fact, suite: short(fact.suite) }),
        wrote: () => {},
      },
    },
  );
  return told;
}

t.test('cases are counted, groups are not', async (t) => {
  const told = await run('passes', 'skips');
  t.same(told.passed, ['passes: a group > first', 'passes: a group > second']);
  t.same(told.skipped, [{ suite: 'skips', name: 'needs a moon', why: 'moon: it is daytime' }]);
  t.same(told.failed, []);
});

t.test('a failure is told once, with its reason', async (t) => {
  const told = await run('fails');
  t.same(
    told.failed.map(({ name }) => name),
    ['a group > wrong', 'throws'],
  );
  t.match(told.failed[0]?.diagnostics, /one is two/);
  t.match(told.failed[1]?.diagnostics, /thrown on purpose|throws/);
  t.same(told.passed, ['fails: a group > right']);
});

t.test('a suite that never finishes is killed and named; the next ones still run', async (t) => {
  const told = await run('hangs', 'passes');
  t.equal(told.failed.length, 1);
  t.equal(told.failed[0]?.suite, 'hangs');
  t.match(told.failed[0]?.name, /never finished/);
  t.match(told.failed[0]?.diagnostics, /waits for ever/);
  t.same(told.ended, ['passes']);
});

t.test('a suite that ends its process fails; the next ones still run', async (t) => {
  const told = await run('dies', 'passes');
  t.same(
    told.failed.map(({ suite, name }) => [suite, name]),
    [['dies', 'the process ended early: SIGKILL']],
  );
  t.same(told.ended, ['passes']);
});

t.test('a suite that cannot be loaded fails', async (t) => {
  const told = await run('does-not-load', 'passes');
  t.equal(told.failed[0]?.suite, 'does-not-load');
  t.match(told.failed[0]?.diagnostics, /cannot be loaded/);
  t.same(told.ended, ['does-not-load', 'passes']);
});

t.test('what a suite wants done at its end is done then, and ends nothing else', async (t) => {
  const told = await run('tears-down', 'loads-slowly');
  t.same(told.failed, []);
  t.same(told.passed, ['tears-down: before its end', 'loads-slowly: after the end of another']);
  const bad = await run('ends-badly', 'passes');
  t.match(bad.failed, [{ suite: 'ends-badly', name: 'at its end' }]);
  t.equal(bad.failed.length, 1);
  t.same(bad.ended, ['ends-badly', 'passes']);
});

t.test('a suite that leaves something open fails', async (t) => {
  const told = await run('stays-open');
  t.match(told.failed[0]?.name, /keeps the process alive: .*Timeout/);
});
