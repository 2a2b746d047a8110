// A zoo of bad plugins: each stops the boot with its file, its name and the way to mend it.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { planCycle } from '../../src/core/cycle.js';
import type { RunningJob } from '../../src/core/job.js';
import { PendingQueue } from '../../src/core/queue.js';
import { instant } from '../../src/core/units.js';
import { BadPlugins, type LoadInput, loadPlugin, loadPlugins } from '../../src/host/load.js';
import { hostOf, NOW } from '../api/a-service.js';
import { anOffer, aRow, someFree } from '../core/samples.js';

const ZOO = join(dirname(fileURLToPath(import.meta.url)), 'zoo');
const OURS = join(ZOO, '..', '..', '..', 'plugins');
const host = hostOf({ user: async () => undefined, changeUser: async () => undefined }, []);

const input = (options: LoadInput['options'] = {}): LoadInput => ({
  folders: [OURS, ZOO],
  options,
  hostFor: () => host,
});

async function problemsOf(
  names: readonly string[],
  options?: LoadInput['options'],
): Promise<BadPlugins> {
  try {
    await loadPlugins(
      names.map((name) => ({ kind: 'watcher' as const, name })),
      input(options),
    );
  } catch (error) {
    if (error instanceof BadPlugins) return error;
    throw error;
  }
  throw new Error('nothing was wrong');
}

t.test('a good plugin gets its options and its host', async (t) => {
  const loading = input({ 'watcher-good': { max: '1h' } });
  const watcher = await loadPlugin({ kind: 'watcher', name: 'good' }, loading);
  const ranMs = (ms: number) => ({ startedAt: instant(NOW - ms) }) as RunningJob;
  t.same(watcher.whileRunning(ranMs(3_600_001), NOW), {
    verdict: 'kill',
    because: 'it ran too long',
  });
  t.same(watcher.whileRunning(ranMs(3_599_999), NOW), { verdict: 'keep' });
  const [large, good] = await loadPlugins(
    [
      { kind: 'watcher', name: 'large' },
      { kind: 'watcher', name: 'good' },
    ],
    input(),
  );
  t.ok(large !== undefined && good !== undefined, 'a folder with an index is one too');
});

t.test('our own plugins load', async (t) => {
  const auth = await loadPlugin({ kind: 'auth', name: 'local' }, input());
  t.equal(auth.name, 'local');
});

t.test('each bad plugin names file, plugin and fix', async (t) => {
  const cases: Record<string, [RegExp, RegExp]> = {
    'no-default': [/no default export/, /export default definePlugin/],
    'wrong-kind': [/kind is "wacher"/, /Set kind: 'watcher'/],
    'wrong-name': [/name is "good"/, /Set name: 'wrong-name'/],
    'no-create': [/no function "create"/, /Add create/],
    'throws-on-load': [/fails to load: Error: no such library/, /Mend the file/],
    'throws-on-create': [/fails to start: TypeError: directory is not there/, /Mend/],
  };
  for (const [name, [because, fix]] of Object.entries(cases)) {
    const { problems, message } = await problemsOf([name]);
    t.match(
      problems,
      [{ plugin: `watcher-${name}`, file: join(ZOO, `watcher-${name}.js`), because, fix }],
      name,
    );
    t.match(message, new RegExp(`watcher-${name}.*${name}\\.js`));
  }
});

// ---- a policy of the site's own, in a folder of its own, without a build

const GOOD = `import type { Plugin } from 'godocker/plugin';

interface Options { readonly first: string }

const plugin: Plugin<'scheduler', Options> = {
  kind: 'scheduler',
  name: 'FILENAME',
  options: (raw) => ({ first: raw.text('first', 'anna') }),
  create: ({ first }: Options) => ({
    name: 'FILENAME',
    begin: (accounts) => ({
      score: (account: number): number => (accounts[account]?.user === first ? 0 : 1),
      charged: (): void => {},
    }),
  }),
};

export default plugin;
`;
const AS_JAVASCRIPT = GOOD.replace(/^import.*\n/, '')
  .replace(/interface.*\n/, '')
  .replace(/: Plugin<[^=]*=/, ' =')
  .replaceAll(': Options', '')
  .replaceAll(': number', '')
  .replaceAll(': void', '');

t.test(
  'a scheduler in plugins_dir, one file of TypeScript or JavaScript, orders the queue',
  async (t) => {
    const folder = t.testdir({
      'scheduler-vip.ts': GOOD.replaceAll('FILENAME', 'vip'),
      'scheduler-plain.js': AS_JAVASCRIPT.replaceAll('FILENAME', 'plain'),
    });
    for (const name of ['vip', 'plain']) {
      const loading = {
        ...input({ [`scheduler-${name}`]: { first: 'bob' } }),
        folders: [OURS, folder],
      };
      const policy = await loadPlugin({ kind: 'scheduler', name }, loading);
      const queue = new PendingQueue();
      for (const [id, owner] of ['anna', 'bob', 'carl'].entries())
        queue.add(aRow(id + 1, { owner }));
      const { launches } = planCycle({
        queue,
        offers: [anOffer('o1', { free: someFree({ cpuMilli: 3_000 }) })],
        policy,
        at: NOW,
        limits: { launchesMax: 3, shapesMax: 1 },
      });
      t.strictSame(
        launches.map(({ jobId }) => Number(jobId)),
        [2, 1, 3],
        name,
      );
    }
  },
);

t.test('a broken scheduler is refused by file, name and fix', async (t) => {
  const folder = t.testdir({
    'scheduler-syntax.ts': 'const a: = 1;\nexport default a;\n',
    'scheduler-throws.ts': "throw new Error('no such solver');\n",
    'scheduler-other.js': GOOD.replace(/^import.*\n/, '').replaceAll('FILENAME', 'other'),
    'scheduler-lacks.js':
      "export default { kind: 'scheduler', name: 'lacks', options: () => ({}) };\n",
  });
  const cases: Record<string, RegExp> = {
    syntax: /fails to load: SyntaxError: line 1: Type expected/,
    throws: /fails to load: Error: no such solver/,
    other: /fails to load: SyntaxError/,
    lacks: /no function "create"/,
  };
  for (const [name, because] of Object.entries(cases)) {
    const loading = { ...input(), folders: [OURS, folder] };
    const failure = await loadPlugin({ kind: 'scheduler', name }, loading).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(failure instanceof BadPlugins)) throw new Error(`${name} was taken`);
    const [problem] = failure.problems;
    t.match(problem?.because, because, name);
    t.match(problem, { plugin: `scheduler-${name}`, fix: /./ });
    t.match(problem?.file, /scheduler-[a-z]+\.[jt]s$/);
  }
});

t.test('one that is not there, or whose name is a path', async (t) => {
  for (const name of ['nowhere', '../zoo/watcher-good', 'a/b', '', '..']) {
    const { problems } = await problemsOf([name]);
    t.match(problems, [{ file: null, because: /no such plugin/, fix: /watcher-/ }], name);
  }
});

t.test('wrong options name the key of the configuration, all at once', async (t) => {
  const options = { 'watcher-wants-much': { max: 0, mode: 'medium', naems: ['a'] } };
  const { message } = await problemsOf(['wants-much'], options);
  t.match(message, /plugins\.watcher-wants-much\.max: wanted a whole number of at least 1/);
  t.match(message, /plugins\.watcher-wants-much\.mode: wanted one of soft, hard/);
  t.match(message, /plugins\.watcher-wants-much\.naems.*did you mean "names"/);
});

t.test('several bad plugins are told together', async (t) => {
  const { problems } = await problemsOf(['no-default', 'good', 'nowhere', 'no-create']);
  t.same(
    problems.map(({ plugin }) => plugin),
    ['watcher-no-default', 'watcher-nowhere', 'watcher-no-create'],
  );
});
