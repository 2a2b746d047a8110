// Every secret may stand in a file of its own, and none is printed.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type ReadAnswer, readConfig } from '../../src/config/read.js';
import { SECRETS } from '../../src/config/schema.js';
import type { Config } from '../../src/contracts/config.js';

const HUSH = 'hush-hush-hush-hush';
/** What stands in the file, what else the configuration needs, and where it ends. */
const CASES: Readonly<
  Record<string, { text?: string; more?: object; of: (config: Config) => unknown }>
> = {
  secret_passphrase: { of: ({ web }) => web.secret },
  'mongo.url': {
    text: `mongodb://god:${HUSH}@db/`,
    of: ({ store }) => (store.kind === 'mongo' ? store.url : store.kind),
  },
  'redis.password': { more: { redis: { host: 'r1' } }, of: ({ redis }) => redis?.password },
  'redis.sentinel_password': {
    more: { redis: { host: 'r1', sentinel: 'a' } },
    of: ({ redis }) => redis?.sentinelPassword,
  },
  'mesos.secret': { more: { mesos: { principal: 'god' } }, of: ({ mesos }) => mesos.secret },
  'ldap.admin_password': {
    of: ({ pluginOptions }) => pluginOptions['auth-ldap']?.admin_password,
  },
  prometheus_key: { of: ({ monitoring }) => monitoring.prometheusKey },
  influxdb_password: {
    more: { influxdb_host: 'i1' },
    of: ({ monitoring }) => monitoring.influx?.password,
  },
};

function read(t: Test, tree: object, secret: string): ReadAnswer {
  // YAML reads JSON.
  const directory = t.testdir({ 'godocker.yaml': JSON.stringify(tree), secret });
  return readConfig({ environment: {}, directory });
}

/** `a.b` into its section. */
function put(tree: object, path: string, value: string): object {
  const [section = '', key] = path.split('.');
  if (key === undefined) return { ...tree, [path]: value };
  const before = (tree as Record<string, object>)[section];
  return { ...tree, [section]: { ...before, [key]: value } };
}

t.same(Object.keys(CASES).sort(), [...SECRETS].sort(), 'each secret has its case');

for (const [path, { text = HUSH, more = {}, of }] of Object.entries(CASES)) {
  t.test(path, async (t) => {
    const inFile = put(more, `${path}_file`, 'secret');
    const answer = read(t, inFile, `${text}\n`);
    t.equal(answer.kind === 'read' && of(answer.config), text, 'out of its file');
    t.match(answer, { warnings: [] }, 'godocker.yaml itself holds no secret');

    const plain = read(t, put(more, path, text), '');
    t.equal(plain.kind === 'read' && of(plain.config), text);
    const directory = t.testdir({ 'godocker.yaml': JSON.stringify(put(more, path, text)) });
    const file = join(directory, 'godocker.yaml');
    chmodSync(file, 0o644);
    t.match(readConfig({ environment: {}, directory }), { warnings: [/holds secrets/] });
    chmodSync(file, 0o600);
    t.match(readConfig({ environment: {}, directory }), { warnings: [] });

    const both = read(t, put(inFile, path, text), text);
    t.match(both, {
      problems: [{ path: `${path}_file`, wanted: `either ${path} or ${path}_file` }],
    });
    t.notMatch(JSON.stringify(both), HUSH, 'a problem does not tell it');
    t.match(read(t, put(more, `${path}_file`, 'nowhere'), ''), {
      problems: [{ path: `${path}_file`, wanted: 'a file that can be read', found: /ENOENT/ }],
    });
    t.match(read(t, inFile, '\n'), {
      problems: [{ path: `${path}_file`, wanted: 'a file with the secret' }],
    });
  });
}

t.test('named in the environment, as mounted secrets are', async (t) => {
  const directory = t.testdir({ password: HUSH });
  const environment = { GODOCKER_INFLUXDB_HOST: 'i1', GODOCKER_INFLUXDB_PASSWORD_FILE: 'password' };
  const answer = readConfig({ environment, directory });
  t.match(answer, { config: { monitoring: { influx: { password: HUSH } } } });
  const wrong = readConfig({ environment, directory: t.testdir({}) });
  t.match(wrong, { problems: [{ path: 'GODOCKER_INFLUXDB_PASSWORD_FILE' }] });
});
