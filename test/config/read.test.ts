// The configuration: all mistakes at once, or one frozen value.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type ReadAnswer, type ReadInput, readConfig } from '../../src/config/read.js';
import { referencePage } from '../../src/config/reference.js';
import { NOT_IN_USE, SCHEMA, variableOf } from '../../src/config/schema.js';
import type { Config } from '../../src/contracts/config.js';
import { describeProblem, nearest } from '../../src/contracts/reader.js';

const read = (yaml: string, t: Test, input: Partial<ReadInput> = {}): ReadAnswer => {
  const directory = t.testdir({ 'godocker.yaml': yaml });
  return readConfig({ environment: {}, directory, ...input });
};

function configOf(answer: ReadAnswer): Config {
  if (answer.kind === 'read') return answer.config;
  throw new Error(answer.problems.map(describeProblem).join('\n'));
}

const problemsOf = (answer: ReadAnswer): readonly string[] =>
  answer.kind === 'read' ? [] : answer.problems.map(({ path }) => path);

t.test('nothing at all is a working configuration of one machine', async (t) => {
  const directory = t.testdir({});
  const answer = readConfig({ environment: {}, directory });
  t.match(answer, { kind: 'read', file: null, warnings: [] });
  const config = configOf(answer);
  t.equal(config.home, join(directory, '.godocker'));
  t.match(config.web, { listen: '127.0.0.1', port: 6543, sessionMs: 172_800_000, tls: null });
  t.match(config.jobs, { cpuMilliDefault: 1000, memMbDefault: 2000, isRootAllowed: false });
  t.match(config.plugins, { auth: 'local', scheduler: 'fairshare', executors: ['mesos'] });
  t.throws(() => Object.assign(config.web, { port: 1 }), 'it is frozen');
});

t.test('use fades by half-life, unless the site names the window of the original', async (t) => {
  const usageOf = (yaml: string) => configOf(read(yaml, t)).usage;
  t.strictSame(usageOf('port: 1'), { kind: 'half-life', halfLifeMs: 7 * 86_400_000 });
  t.strictSame(usageOf('fairshare: { half_life: 14d }'), {
    kind: 'half-life',
    halfLifeMs: 14 * 86_400_000,
  });
  t.strictSame(usageOf('user_reset_usage_duration: 10'), { kind: 'window', days: 10 });
  t.strictSame(usageOf('fairshare: { usage: window }'), { kind: 'window', days: 30 });
  const both = 'user_reset_usage_duration: 10\nfairshare: { usage: half-life }';
  t.equal(usageOf(both).kind, 'half-life', 'the newer key decides');
});

t.test('four mistakes are four problems, and nothing is read', async (t) => {
  const answer = read(
    `port: many
listen: 0.0.0.0
volumes:
  - { name: db, acl: rwx, path: /db }
fairshare_user_time_wieght: 1
`,
    t,
  );
  t.equal(answer.kind, 'refused');
  t.same(problemsOf(answer).toSorted(), [
    'fairshare_user_time_wieght',
    'listen',
    'port',
    'volumes[0].acl',
  ]);
  const lines = answer.kind === 'refused' ? answer.problems.map(describeProblem) : [];
  t.match(lines.join('\n'), /did you mean "fairshare_user_time_weight"/);
  t.match(lines.join('\n'), /port: wanted a whole number from 0 to 65535; found "many"/);
});

t.test('each mistake by itself', async (t) => {
  const cases: Record<string, string> = {
    'port: 70000': 'port',
    'port: 1.5': 'port',
    'home: [a]': 'home',
    'behind_proxy: perhaps': 'behind_proxy',
    'session_timeout: soon': 'session_timeout',
    'fairshare: { half_life: 0 }': 'fairshare.half_life',
    'fairshare: { half_life: 23h }': 'fairshare.half_life',
    'fairshare: { half_life: long }': 'fairshare.half_life',
    'fairshare: { usage: never }': 'fairshare.usage',
    'fairshare: { advance: -1 }': 'fairshare.advance',
    'fairshare_user_gpu_weight: -0.1': 'fairshare_user_gpu_weight',
    ...Object.fromEntries(
      ['waiting_time', ...['time', 'cpu', 'ram'].map((one) => `user_${one}`), 'user', 'group'].map(
        (one) => [`fairshare_${one}_weight: -1`, `fairshare_${one}_weight`],
      ),
    ),
    'user_reset_usage_duration: 0': 'user_reset_usage_duration',
    'session_timeout: 5': 'session_timeout',
    'log_level: loud': 'log_level',
    'listen: example.org': 'listen',
    'listen: "::"': 'listen',
    'tls: { cert: a.pem }': 'tls.key',
    'tls: yes': 'tls',
    'web_prefix: "no slash"': 'web_prefix',
    'web_endpoint: nowhere': 'web_endpoint',
    'secret_passphrase: short': 'secret_passphrase',
    'mesos: { principal: god }': 'mesos.secret',
    'mesos: { encoding: xml }': 'mesos.encoding',
    'mesos: { master: "zk://" }': 'mesos.master',
    'mesos: { master: "zk://a:1,b:2/m//n" }': 'mesos.master',
    'mesos: { master: "ftp://a:5050" }': 'mesos.master',
    'mesos: { webui_url: here }': 'mesos.webui_url',
    'mesos: { labels: [plain] }': 'mesos.labels',
    'mesos: { tls: { cert: a.pem } }': 'mesos.tls.key',
    'mesos: { mastre: "m:5050" }': 'mesos.mastre',
    'executors: []': 'executors',
    'executors: { mesos: 1 }': 'executors',
    'defaults_cpu: 0': 'defaults_cpu',
    'maxlifespan: never': 'maxlifespan',
    'maxlifespan: 0': 'maxlifespan',
    '{ maxlifespan: 8d, maxlifespan_max: 7d }': 'maxlifespan',
    'use_private_registry: "https://registry.site"': 'use_private_registry',
    'network: { use_cni: true }': 'network.cni_public_network_name',
    'network: { cni_plugin: flannel }': 'network.cni_plugin',
    'network: { cni_user_network_name: "a b" }': 'network.cni_user_network_name',
    '{ network: { disabled: true }, mesos: { unified: true } }': 'network.cni_none_network_name',
    'network: { use_cnn: true }': 'network.use_cnn',
    'default_images: debian': 'default_images',
    'default_images: [debian]': 'default_images[0]',
    'default_images: [{ name: x }]': 'default_images[0].url',
    'default_images: [{ url: a, default: true }, { url: b, default: true }]': 'default_images',
    'default_images: [{ url: a, intractive: true }]': 'default_images[0].intractive',
    'volumes: [{ name: db }]': 'volumes[0].path',
    'volumes: [{ name: db, path: db }]': 'volumes[0].path',
    'volumes: [{ path: /db }]': 'volumes[0].name',
    'volumes: [{ name: go-docker, path: /x }]': 'volumes[0].name',
    'volumes: [{ name: a, path: /a }, { name: a, path: /b }]': 'volumes',
    'constraints: [{ name: storage }]': 'constraints[0].value',
    'constraints: [{ value: a }]': 'constraints[0].name',
    'plugins: { auth-local: 7 }': 'plugins.auth-local',
    'local: { cpus: -1 }': 'local.cpus',
    'nonsense: 1': 'nonsense',
  };
  for (const [yaml, path] of Object.entries(cases)) {
    const answer = readConfig({ environment: {}, ...fileOf(t, yaml) });
    t.ok(problemsOf(answer).includes(path), `${yaml}: ${problemsOf(answer).join(', ')}`);
  }
});

function fileOf(t: Test, yaml: string): { file: string; directory: string } {
  const directory = t.testdirName;
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'one.yaml');
  writeFileSync(file, yaml);
  return { file, directory };
}

t.test('containers: registry, networks, the unified containerizer', async (t) => {
  const plain = configOf(read('', t));
  t.match(plain.containers, { registry: null, network: { isDisabled: false, isNamed: false } });
  t.match(plain.mesos, { unified: null, hasGpus: true, user: 'root', isCheckpointed: true });
  const site = read(
    `use_private_registry: registry.site:5000/
network: { use_cni: true, cni_plugin: weave, cni_user_network_name: god-$USERID }
mesos: { master: 'm:5050', unified: true, native_gpu: true, image_credentials: config.json }
`,
    t,
  );
  const { containers, mesos } = configOf(site);
  t.match(containers, {
    registry: 'registry.site:5000',
    network: { isNamed: true, names: { public: 'weave', user: 'god-$USERID', project: null } },
  });
  t.match(mesos, { hasGpus: true, unified: { taskUser: '$USERID', noNetworkName: null } });
  t.match(mesos.unified?.imageCredentialsFile, /^\/.*config\.json$/, 'beside the file');
});

t.test('GPUs of a real cluster need its own containerizer: forced off, and said', async (t) => {
  const answer = read(
    "{ network_disabled: true, mesos: { master: 'm:5050', native_gpu: true } }",
    t,
  );
  const config = configOf(answer);
  t.equal(config.mesos.hasGpus, false);
  t.equal(config.containers.network.isDisabled, true, 'the older spelling');
  t.match(answer.kind === 'read' && answer.warnings.join(), /mesos\.native_gpu: off/);
});

t.test('files that are not YAML, not there, not keys', async (t) => {
  t.equal(read('a: [1', t).kind, 'refused');
  t.equal(read('- a\n- b\n', t).kind, 'refused');
  t.equal(read('port: 1\nport: 2\n', t).kind, 'refused', 'a key given twice');
  t.equal(read('', t).kind, 'read', 'an empty file');
  const missing = read('', t, { file: 'none.yaml' });
  t.match(missing, { kind: 'refused', problems: [{ found: 'ENOENT' }] });
});

t.test('the command line wins over the environment, that over the file', async (t) => {
  const yaml = 'port: 1\nlocal: { cpus: 2 }\nlog_level: warn\n';
  const environment = { GODOCKER_PORT: '2', GODOCKER_LOCAL_CPUS: '64', GODOCKER_JID: '7' };
  const answer = read(yaml, t, { environment, overrides: { port: 3 } });
  const config = configOf(answer);
  t.equal(config.web.port, 3);
  t.equal(config.local.cpus, 64);
  t.equal(config.logLevel, 'warn');
  t.same(answer.kind === 'read' && answer.warnings, []);
});

t.test('the fixed names of the environment', async (t) => {
  const environment = {
    GODOCKER_HOME: 'data',
    GODOCKER_PORT: '0',
    GODOCKER_LOCAL_MESOS_PORT: '0',
    GODOCKER_LOCAL_CPUS: '16',
    GODOCKER_LOCAL_MEM_MB: '4000',
    GODOCKER_LOCAL_GPUS: '0',
    GODOCKER_LOCAL_ATTRIBUTES: 'storage:ssd',
    GODOCKER_MESOS_MASTER: 'zk://a:2181/mesos',
    GODOCKER_CONTAINERIZER: 'process',
    GODOCKER_ALLOW_ROOT: '1',
    GODOCKER_EXECUTORS: 'mesos, kubernetes',
    GODOCKER_SCHEDULER_POLICY: 'FiFo',
  };
  const directory = t.testdir({});
  const config = configOf(readConfig({ environment, directory }));
  t.equal(config.home, join(directory, 'data'));
  t.equal(config.web.port, 0);
  t.same(config.local, {
    containerizer: 'process',
    mesosPort: 0,
    cpus: 16,
    memMb: 4000,
    gpus: 0,
    attributes: 'storage:ssd',
  });
  t.equal(config.mesos.master, 'zk://a:2181/mesos');
  t.equal(config.jobs.isRootAllowed, true);
  t.same(config.plugins.executors, ['mesos', 'kubernetes']);
  t.equal(config.plugins.scheduler, 'fifo');
  const wrong = readConfig({ environment: { GODOCKER_PORT: 'x' }, directory });
  t.same(problemsOf(wrong), ['GODOCKER_PORT'], 'a problem names the variable');
  const typo = readConfig({ environment: { GODOCKER_PROT: '1' }, directory });
  t.match(typo, { kind: 'read', warnings: [/GODOCKER_PROT.*GODOCKER_PORT/] });
});

t.test('older spellings, keys that wait for their turn', async (t) => {
  const answer = read(
    'executor: mesos\nmesos_master: "m:5050"\nclean_old: 30\nldap: { ssl: true }\nmongo_db: x\n',
    t,
  );
  const config = configOf(answer);
  t.same(config.plugins.executors, ['mesos']);
  t.equal(config.mesos.master, 'm:5050');
  t.same(answer.kind === 'read' && [...answer.warnings].sort(), [
    'clean_old: not in use yet',
    'executor: now called executors',
    'mesos_master: now called mesos.master',
    'mongo_db: not in use yet',
  ]);
});

t.test('paths start at the file, in the environment at the working directory', async (t) => {
  const directory = t.testdir({ etc: { 'god.yaml': 'shared_dir: ../shared\nhome: home\n' } });
  const environment = { GOD_CONFIG: 'etc/god.yaml', GODOCKER_PLUGINS_DIR: 'mine' };
  const config = configOf(readConfig({ environment, directory }));
  t.equal(config.sharedDir, join(directory, 'shared'));
  t.equal(config.home, join(directory, 'etc', 'home'));
  t.equal(config.pluginsDir, join(directory, 'mine'));
});

t.test('beyond loopback only with TLS or a proxy', async (t) => {
  t.equal(read('listen: 0.0.0.0\nbehind_proxy: true', t).kind, 'read');
  t.equal(read('listen: 10.0.0.1\ntls: { cert: a.pem, key: b.pem }', t).kind, 'read');
  t.equal(read('listen: 127.0.0.9', t).kind, 'read');
});

t.test('secrets that everybody may read are told', async (t) => {
  const yaml = 'secret_passphrase: sixteen or more letters\n';
  t.match(read(yaml, t), { kind: 'read', warnings: [/chmod 600/] });
  const directory = t.testdir({ 'godocker.yaml': yaml });
  chmodSync(join(directory, 'godocker.yaml'), 0o600);
  t.match(readConfig({ environment: {}, directory }), { kind: 'read', warnings: [] });
});

t.test('shares and pulls: good and bad words', async (t) => {
  const image = (pull: string) => `default_images: [{ url: "tool:1"${pull} }]`;
  const pullOf = (pull: string) => configOf(read(image(pull), t)).images.catalogue[0]?.pull;
  t.equal(pullOf(''), null, 'as the site does');
  t.equal(pullOf(', pull: always'), 'always');
  t.equal(configOf(read('cpu_limit: cap', t)).jobs.cpuLimit, 'cap');
  t.equal(configOf(read('', t)).jobs.cpuLimit, 'share');
  for (const [yaml, path] of [
    [image(', pull: often'), 'default_images[0].pull'],
    ['cpu_limit: half', 'cpu_limit'],
  ] as const)
    t.match(read(yaml, t), { kind: 'refused', problems: [{ path }] }, yaml);
});

t.test('lists and options of plugins arrive as written', async (t) => {
  const config = configOf(
    read(
      `default_images: [{ name: Debian, url: "debian:12", default: true }]
volumes: [{ name: home, acl: rw }, { name: db, path: /db, mount: /mnt/db }]
volumes_check: false
constraints: [{ name: storage, value: "ssd, disk" }, { name: rack, value: [a, b] }]
plugins: { watcher-maxlifespan: { max: 7d } }
`,
      t,
    ),
  );
  t.match(config.images.catalogue, [{ name: 'Debian', url: 'debian:12', isDefault: true }]);
  t.same(config.volumes, [
    { name: 'home', acl: 'rw', path: null, mount: null, isChecked: false },
    { name: 'db', acl: 'ro', path: '/db', mount: '/mnt/db', isChecked: false },
  ]);
  t.same(config.constraints, [
    { name: 'storage', values: ['ssd', 'disk'] },
    { name: 'rack', values: ['a', 'b'] },
  ]);
  t.same(config.pluginOptions, { 'watcher-maxlifespan': { max: '7d' } });
});

t.test('no key twice, no variable twice', async (t) => {
  const paths = [...Object.keys(SCHEMA), ...NOT_IN_USE];
  t.equal(new Set(paths).size, paths.length);
  t.equal(new Set(paths.map(variableOf)).size, paths.length);
});

t.test('whatever the file holds, it is read or refused, never thrown', async (t) => {
  const keys = fc.constantFrom(...Object.keys(SCHEMA).map((path) => path.split('.')[0] ?? path));
  const tree = fc.dictionary(keys, fc.jsonValue());
  const seed = 20_26;
  fc.assert(
    fc.property(tree, (overrides) => {
      const answer = readConfig({ environment: {}, overrides, directory: '/nowhere' });
      return answer.kind === 'read' || answer.problems.length > 0;
    }),
    { seed, numRuns: 300 },
  );
  t.pass(`seed ${seed}`);
});

t.test('slips find the key that was meant', async (t) => {
  t.equal(nearest('mesos.mastre', Object.keys(SCHEMA)), 'mesos.master');
  t.equal(nearest('defualts_cpu', Object.keys(SCHEMA)), 'defaults_cpu');
  t.equal(nearest('zzzzzz', Object.keys(SCHEMA)), undefined);
});

t.test('docs/configuration.md is what the schema says', async (t) => {
  const page = readFileSync('docs/configuration.md', 'utf8');
  t.equal(page, referencePage(), 'run: node dist/src/config/print.js');
});

t.test('the framework and TLS to its masters', async (t) => {
  const yaml = `mesos:
  master: https://m1:5050, m2:5050
  hostname: god.example.org
  webui_url: https://god.example.org/app
  labels: [site=north, note=a=b]
  tls: { enabled: true, ca: ca.pem, cert: our.pem, key: our.key }
`;
  const directory = t.testdir({ 'godocker.yaml': yaml });
  const { mesos } = configOf(readConfig({ environment: {}, directory }));
  t.match(mesos, {
    hostname: 'god.example.org',
    webuiUrl: 'https://god.example.org/app',
    labels: { site: 'north', note: 'a=b' },
    tls: { isOn: true, ca: join(directory, 'ca.pem') },
  });
  t.same(mesos.tls.client, {
    certFile: join(directory, 'our.pem'),
    keyFile: join(directory, 'our.key'),
  });
  for (const master of [
    'zk://a',
    'zk://u:p@a:1,[::1]:2/x/y/',
    'm:5050',
    '[::1]:5050,https://m:5050/',
  ])
    t.match(read(`mesos: { master: "${master}" }`, t), { kind: 'read' }, master);
  const refused = read('mesos: { master: "zk://u:hush@a b/m" }', t);
  t.same(problemsOf(refused), ['mesos.master']);
  t.notMatch(JSON.stringify(refused), /hush/);
});

t.test("the original's keys of its directory, and what they become", async (t) => {
  const lines = [
    'auth_policy: goauth',
    'ldap_host: ldap.site.org',
    'ldap_port: 1389',
    "ldap_dn: 'dc=site,dc=org'",
    'ldap_base_dn_filter: ou=Users',
    'ldap_admin_dn: null',
    'ldap: { ssl: true, fields: { homeDirectory: unixHome }, refresh: 1m }',
  ];
  const answer = read(lines.join('\n'), t);
  const config = configOf(answer);
  t.equal(config.plugins.auth, 'ldap');
  t.same(config.pluginOptions['auth-ldap'], {
    host: ['ldap.site.org'],
    port: 1389,
    ssl: true,
    dn: 'dc=site,dc=org',
    base_dn_filter: 'ou=Users',
    refresh: '60s',
    fields: { homeDirectory: 'unixHome' },
  });
  t.match(answer, { kind: 'read', warnings: [/^ldap_host: now called ldap.host$/] });
});
