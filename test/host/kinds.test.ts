// A site's own plugin of each kind lies in `plugins_dir` as one file, TypeScript or JavaScript, and works without a build; one
// that does not do what its kind asks for is refused by name before anything starts.
import t from 'tap';
import type { ClusterListener } from '../../src/contracts/cluster.js';
import { type Contracts, PLUGIN_KINDS, type PluginKind } from '../../src/contracts/plugin.js';
import { projectId, userId } from '../../src/core/units.js';
import { BadPlugins, loadPlugin } from '../../src/host/load.js';
import { hostOf, NOW } from '../api/a-service.js';
import { aRunning, JOBS } from '../core/samples.js';

/** What is between the braces of the object that `create` returns; `options.word` is the plugin's own option. */
const BODIES: Readonly<Record<PluginKind, string>> = {
  auth: `name: options.word,
    user: async () => undefined,
    bindApi: async () => undefined,
    bindCredentials: async (login: string, password: string) =>
      password === options.word ? { id: login } : undefined,
    volumes: async () => ({ granted: [], refused: [] }),`,
  scheduler: `name: options.word,
    begin: (accounts) => ({
      score: (account: number): number => (accounts[account].user === options.word ? 0 : 1),
      charged: () => {},
    }),`,
  executor: `name: options.word,
    features: ['kill'],
    start: async (listener) => listener.connected({ frameworkId: options.word, isNew: true }),
    stop: async () => {},
    launch: async (batches: readonly unknown[]) => batches.map(() => 'refused'),
    decline() {}, suppress() {}, revive() {}, kill() {}, reconcile() {}, acknowledge() {},
    resubscribe() {},`,
  watcher: `whileRunning: (job) =>
      job.owner === options.word ? { verdict: 'kill', because: 'told to' } : { verdict: 'keep' },`,
  storage: `prepare: async ({ id }: { id: number }) => \`/\${options.word}/\${id}\`,
    exitFile: async () => undefined,`,
  status: `beat: async () => {},
    leave: async () => {},
    present: async () => [{ name: options.word, seenAt: host.clock.now() }],`,
  network: "nameOf: (asked: string, user: string) => [options.word, asked, user].join('-'),",
};

const typescript = (kind: PluginKind, body: string): string => `
import type { Host, OptionReader } from 'godocker/plugin';

interface Options { readonly word: string }

export default {
  kind: '${kind}',
  name: 'NAME',
  options: (raw: OptionReader): Options => ({ word: raw.text('word', 'usual') }),
  create: (options: Options, host: Host) => ({
    ${body}
  }),
};
`;

const javascript = (kind: PluginKind, body: string): string =>
  typescript(kind, body)
    .replace(/import type.*\n/, '')
    .replace(/interface.*\n/, '')
    .replaceAll(
      /: (OptionReader|Options|Host|string|number|readonly unknown\[\]|\{ id: number \})(?=[,);]| =>)/g,
      '',
    )
    .replaceAll(') : ', ') ');

/** Asks the plugin for what its kind is for; the option it was given was `anna`. */
const WORKS: { readonly [Kind in PluginKind]: (made: Contracts[Kind], t: Tap) => unknown } = {
  auth: async (auth, t) => {
    t.match(await auth.bindCredentials('bob', 'anna'), { id: 'bob' });
    t.equal(await auth.bindCredentials('bob', 'bob'), undefined);
  },
  scheduler: (policy, t) => {
    const views = ['bob', 'anna'].map((user) => ({
      user: userId(user),
      project: projectId('p'),
      head: { id: JOBS.pending.id, submittedAt: NOW },
      newestAt: NOW,
    }));
    const ranking = policy.begin(views, { user: () => undefined, project: () => undefined }, NOW);
    const [bob, anna] = views.map(({ head }, index) => ranking.score(index, head));
    t.same([bob, anna], [1, 0]);
  },
  executor: async (cluster, t) => {
    const told: unknown[] = [];
    const connected = (facts: unknown) => told.push(facts);
    await cluster.start({ connected } as unknown as ClusterListener);
    t.same(told, [{ frameworkId: 'anna', isNew: true }]);
    t.same(await cluster.launch([{ offerIds: [], orders: [] }]), ['refused']);
  },
  watcher: async (watcher, t) => {
    const asked = (owner: string) => watcher.whileRunning(aRunning({ owner: userId(owner) }), NOW);
    t.same(await asked('anna'), { verdict: 'kill', because: 'told to' });
    t.same(await asked('bob'), { verdict: 'keep' });
  },
  storage: async (storage, t) => {
    const { id, identity } = JOBS.pending;
    t.equal(await storage.prepare({ id, launch: 1, identity, files: [] }), `/anna/${id}`);
  },
  status: async (presence, t) => {
    t.same(await presence.present(), [{ name: 'anna', seenAt: NOW }]);
  },
  network: (network, t) => {
    t.equal(network.nameOf('public', 'bob'), 'anna-public-bob');
  },
};

type Tap = Pick<typeof t, 'same' | 'equal' | 'match' | 'testdir'>;
const FORMS = { ts: typescript, js: javascript } as const;

const loadingFrom = (
  folder: string,
  options: Readonly<Record<string, unknown>>,
  plugin: string,
) => ({
  folders: [folder],
  options: { [plugin]: options },
  hostFor: () => hostOf({ user: async () => undefined, changeUser: async () => undefined }, []),
});

async function tried<Kind extends PluginKind>(
  kind: Kind,
  form: keyof typeof FORMS,
  t: Tap,
): Promise<void> {
  const name = `own-${form}`;
  const plugin = `${kind}-${name}`;
  const text = FORMS[form](kind, BODIES[kind]).replaceAll('NAME', name);
  const folder = t.testdir({ [`${plugin}.${form}`]: text, 'package.json': '{ "type": "module" }' });
  const made = await loadPlugin({ kind, name }, loadingFrom(folder, { word: 'anna' }, plugin));
  await WORKS[kind](made, t);
  const refused = await problemOf(kind, name, loadingFrom(folder, { wrod: 'anna' }, plugin));
  t.match(refused.because, new RegExp(`plugins\\.${plugin}\\.wrod.*did you mean "word"`));
}

async function problemOf(kind: PluginKind, name: string, input: ReturnType<typeof loadingFrom>) {
  const failure: unknown = await loadPlugin({ kind, name }, input).then(
    () => new Error(`${kind}-${name} was taken`),
    (error: unknown) => error,
  );
  if (!(failure instanceof BadPlugins)) throw failure;
  const [problem] = failure.problems;
  if (problem === undefined) throw new Error('no problem is told');
  return problem;
}

for (const kind of PLUGIN_KINDS) {
  for (const form of ['ts', 'js'] as const)
    t.test(`a plugin of kind ${kind} in one .${form} file works as it lies there`, (t) =>
      tried(kind, form, t),
    );

  t.test(`a plugin of kind ${kind} that does not do its duty is refused by name`, async (t) => {
    const folder = t.testdir({
      [`${kind}-idle.ts`]: typescript(kind, '').replaceAll('NAME', 'idle'),
      [`${kind}-void.js`]: `export default { kind: '${kind}', name: 'void', options: () => ({}), create: () => {} };`,
      'package.json': '{ "type": "module" }',
    });
    for (const name of ['idle', 'void']) {
      const problem = await problemOf(kind, name, loadingFrom(folder, {}, `${kind}-${name}`));
      t.equal(problem.plugin, `${kind}-${name}`);
      t.match(problem.file, new RegExp(`${kind}-${name}\\.[jt]s$`));
      t.match(problem.because, /^what "create" returns has no function "/);
      t.match(problem.fix, new RegExp(`kind ${kind} asks for`));
    }
  });
}

t.test('every function that is missing is named', async (t) => {
  const body = BODIES.executor.replace('revive() {}, kill() {},', '');
  const folder = t.testdir({
    'executor-half.ts': typescript('executor', body).replaceAll('NAME', 'half'),
  });
  const { because } = await problemOf('executor', 'half', loadingFrom(folder, {}, 'executor-half'));
  t.match(because, /no function "revive", "kill"$/);
});
