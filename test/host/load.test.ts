// A zoo of bad plugins: each stops the boot with its file, its name and the way to mend it.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { RunningJob } from '../../src/core/job.js';
import { instant } from '../../src/core/units.js';
import { BadPlugins, type LoadInput, loadPlugin, loadPlugins } from '../../src/host/load.js';
import { hostOf, NOW } from '../api/a-service.js';

const ZOO = join(dirname(fileURLToPath(import.meta.url)), 'zoo');
const OURS = join(ZOO, '..', '..', '..', 'plugins');
const host = hostOf({ user: async () => undefined }, []);

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
