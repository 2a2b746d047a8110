// Which store a configuration names, and what is wrong with addresses of MongoDB.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readConfig } from '../../src/config/read.js';

const URL = 'mongodb://db1:27017,db2:27017/?replicaSet=rs0';

const read = (
  t: Test,
  text: string,
  environment: Record<string, string> = {},
): ReturnType<typeof readConfig> => {
  const directory = t.testdir({ 'godocker.yaml': text });
  chmodSync(join(directory, 'godocker.yaml'), 0o644);
  return readConfig({ environment, directory });
};

const storeIn = (answer: ReturnType<typeof readConfig>): unknown =>
  answer.kind === 'read' ? answer.config.store : answer.problems;

t.test('an address means MongoDB, none a file', async (t) => {
  t.strictSame(storeIn(read(t, '')), { kind: 'embedded' });
  const mongo = { kind: 'mongo', url: URL, database: 'godocker' };
  t.strictSame(storeIn(read(t, `mongo: { url: "${URL}" }`)), mongo);
  t.strictSame(storeIn(read(t, '', { GODOCKER_MONGO_URL: URL })), mongo);
  t.strictSame(storeIn(read(t, `mongo_url: "${URL}"`)), mongo, "the original's key");
  const named = read(t, `store: mongo\nmongo: { url: "${URL}", database: dna }`);
  t.strictSame(storeIn(named), { ...mongo, database: 'dna' });
});

t.test('an embedded store that is asked for wins over an address, and it is said', async (t) => {
  const answer = read(t, `store: embedded\nmongo: { url: "${URL}" }`);
  t.strictSame(storeIn(answer), { kind: 'embedded' });
  t.match(answer, { warnings: ['mongo.url: not used, because of store: embedded'] });
});

t.test('an address may stand in a file of its own', async (t) => {
  const directory = t.testdir({
    'godocker.yaml': 'mongo: { url_file: secret }',
    secret: `${URL}\n`,
  });
  t.match(storeIn(readConfig({ environment: {}, directory })), { kind: 'mongo', url: URL });
  writeFileSync(join(directory, 'secret'), 'http://elsewhere');
  t.match(storeIn(readConfig({ environment: {}, directory })), [{ path: 'mongo.url_file' }]);
  const missing = read(t, 'mongo: { url_file: nowhere }');
  t.match(storeIn(missing), [{ path: 'mongo.url_file', wanted: 'a file that can be read' }]);
});

t.test('what cannot be, is told by its key; passwords are not told', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['store: mongo', 'mongo.url'],
    ['store: redis', 'store'],
    ['mongo: { url: "http://user:secret@db/" }', 'mongo.url'],
    [`mongo: { url: "${URL}", url_file: x }`, 'mongo.url_file'],
    [`mongo: { url: "${URL}", database: "a.b" }`, 'mongo.database'],
    [`mongo: { url: "${URL}", database: "${'x'.repeat(64)}" }`, 'mongo.database'],
  ];
  for (const [text, path] of cases) {
    const answer = read(t, text);
    t.equal(answer.kind, 'refused', text);
    t.match(storeIn(answer), [{ path }], text);
    t.notMatch(JSON.stringify(answer), 'secret', text);
  }
});

t.test('a password that everybody may read is warned of', async (t) => {
  const open = read(t, 'mongo: { url: "mongodb://god:secret@db/" }');
  t.match(open, { warnings: [/holds secrets/] });
  t.match(read(t, `mongo: { url: "${URL}" }`), { warnings: [] });
});
