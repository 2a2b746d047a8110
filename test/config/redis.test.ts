// Which Redis a configuration names, and what is wrong with one.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readConfig } from '../../src/config/read.js';

const read = (t: Test, text: string, environment: Record<string, string> = {}) => {
  const directory = t.testdir({ 'godocker.yaml': text, secret: 'hush\n', 'ca.pem': 'x' });
  chmodSync(join(directory, 'godocker.yaml'), 0o644);
  return readConfig({ environment, directory });
};

const redisIn = (answer: ReturnType<typeof readConfig>): unknown =>
  answer.kind === 'read' ? answer.config.redis : answer.problems;

t.test('none, unless it is named', async (t) => {
  t.equal(redisIn(read(t, '')), null);
  t.equal(redisIn(read(t, 'redis: { port: 7000, password: x }')), null);
  const plain = { kind: 'single', addresses: [{ host: 'r1', port: 6379 }], database: 0 };
  t.match(redisIn(read(t, 'redis: { host: r1 }')), { ...plain, prefix: 'god', tls: null });
  t.match(redisIn(read(t, '', { GODOCKER_REDIS_HOST: 'r1' })), plain);
  const port = { addresses: [{ host: 'r1', port: 7000 }] };
  t.match(redisIn(read(t, '', { GODOCKER_REDIS_HOST: 'r1', GODOCKER_REDIS_PORT: '7000' })), port);
  t.match(redisIn(read(t, 'redis: { host: "[::1]:7000" }')), {
    addresses: [{ host: '::1', port: 7000 }],
  });
});

t.test("the original's keys", async (t) => {
  const old = 'redis_host: r1\nredis_port: 7000\nredis_db: 3\nredis_prefix: site';
  const answer = read(t, old);
  t.match(redisIn(answer), {
    addresses: [{ host: 'r1', port: 7000 }],
    database: 3,
    prefix: 'site',
  });
  const warning = /^redis_\w+: now called redis\.\w+$/;
  t.match(answer, { warnings: [warning, warning, warning, warning] });
});

t.test('Sentinels, Clusters, passwords in files, TLS', async (t) => {
  t.match(redisIn(read(t, 'redis: { host: "s1,s2:5000", sentinel: ours, port: 26379 }')), {
    kind: 'sentinel',
    masterName: 'ours',
    addresses: [
      { host: 's1', port: 26379 },
      { host: 's2', port: 5000 },
    ],
  });
  t.match(redisIn(read(t, 'redis: { host: [n1, n2], cluster: true }')), { kind: 'cluster' });
  const secret = read(t, 'redis: { host: r1, user: god, password_file: secret }');
  t.match(redisIn(secret), { user: 'god', password: 'hush' });
  const tls = read(t, 'redis: { host: r1, tls: { enabled: true, ca: ca.pem } }');
  t.match(redisIn(tls), { tls: { ca: /\/ca\.pem$/, client: null } });
  const open = read(t, 'redis: { host: r1, password: hush }');
  t.match(open, { warnings: [/holds secrets and everybody may read it/] });
});

t.test('what cannot be, is told by its key; passwords are not told', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['redis: { host: "redis://r1" }', 'redis.host'],
    ['redis: { host: "redis://me:hush-hush@r1" }', 'redis.host'],
    ['redis: { host: ":hush-hush@r1" }', 'redis.host'],
    ['redis: { host: "r1:99999" }', 'redis.host'],
    ['redis: { host: "r1,r2" }', 'redis.host'],
    ['redis: { host: r1, port: 0 }', 'redis.port'],
    ['redis: { host: r1, sentinel: a, cluster: true }', 'redis.sentinel'],
    ['redis: { host: r1, cluster: true, db: 2 }', 'redis.db'],
    ['redis: { host: r1, prefix: "a b" }', 'redis.prefix'],
    ['redis: { host: r1, prefix: "{a}" }', 'redis.prefix'],
    ['redis: { host: r1, password: hush-hush, password_file: secret }', 'redis.password_file'],
    ['redis: { host: r1, password_file: nowhere }', 'redis.password_file'],
    [
      'redis: { host: r1, sentinel: a, sentinel_password_file: no }',
      'redis.sentinel_password_file',
    ],
    ['redis: { host: r1, tls: { enabled: true, cert: ca.pem } }', 'redis.tls.key'],
    ['redis: { host: r1, tls: { enabled: true, ca: nowhere } }', 'redis.tls.ca'],
  ];
  for (const [text, path] of cases) {
    const answer = read(t, text);
    t.match(answer, { kind: 'refused', problems: [{ path }] }, text);
    t.notMatch(JSON.stringify(answer), /hush-hush/);
  }
});
