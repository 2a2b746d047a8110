// Signing in, how long it lasts, and who may see whom.
import t from 'tap';
import { newKey } from '../../src/api/accounts.js';
import { userId } from '../../src/core/units.js';
import { aService, configOf, NOW, PASSWORD } from './a-service.js';

const AUTHENTICATE = '/api/1.0/authenticate';
const BIND = '/api/1.0/user/bind';
const DAY_MS = 86_400_000;

t.test('a key opens a session that lives as long as the key', async (t) => {
  const service = await aService(t);
  const token = await service.tokenOf('alice');
  service.later(400 * DAY_MS);
  t.equal((await service.ask('/api/1.0/user/alice', { token })).statusCode, 200);

  const record = await service.store.user(userId('alice'));
  if (record === undefined) throw new Error('alice is gone');
  const other = newKey('laptop', { randomBytes: service.deps.randomBytes, now: NOW });
  await service.store.putUser({ ...record, keys: [...record.keys, other.stored] });
  const second = await service.ask(AUTHENTICATE, {
    token: null,
    body: { user: 'alice', apikey: other.key },
  });
  await service.store.putUser({ ...record, keys: [other.stored] });
  const answer = await service.ask('/api/1.0/user/alice', { token });
  t.equal(answer.statusCode, 401);
  t.equal(answer.json().code, 'bad-token');
  t.equal(answer.headers['www-authenticate'], 'Bearer');
  const kept = await service.ask('/api/1.0/user/alice', { token: second.json().token });
  t.equal(kept.statusCode, 200, 'the other key goes on');
  await service.store.deleteUser(userId('alice'));
  const gone = await service.ask('/api/1.0/user/alice', { token: second.json().token });
  t.equal(gone.statusCode, 401);
});

t.test('a password opens a session that ends', async (t) => {
  const service = await aService(t, { hasPassword: true, settings: { session_timeout: '1h' } });
  const answer = await service.ask(BIND, {
    token: null,
    body: { uid: 'alice', password: PASSWORD },
  });
  t.equal(answer.statusCode, 200);
  const { token, user } = answer.json();
  t.equal(user.id, 'alice');
  service.later(3_590_000);
  t.equal((await service.ask('/api/1.0/task/active', { token })).statusCode, 200);
  service.later(20_000);
  const late = await service.ask('/api/1.0/task/active', { token });
  t.equal(late.statusCode, 401);
  t.match(late.json().msg, /session is over/);
});

t.test('wrong and unknown look alike', async (t) => {
  const service = await aService(t, { hasPassword: true });
  // Each answer has an id of its own unless the caller brings one.
  const headers = { 'x-request-id': 'r1' };
  const refusals = [];
  const opened: unknown[] = [];
  service.deps.events.on('session:refused', (event) => opened.push(event));
  for (const body of [
    { user: 'alice', apikey: 'wrong' },
    { user: 'alice', apikey: service.keys.bob },
    { user: 'nobody', apikey: 'wrong' },
  ])
    refusals.push(await service.ask(AUTHENTICATE, { token: null, body, headers }));
  for (const answer of refusals) {
    t.equal(answer.statusCode, 401);
    t.same(answer.json(), refusals[0]?.json());
  }
  const passwords = [];
  for (const body of [
    { uid: 'alice', password: 'wrong' },
    { uid: 'nobody', password: PASSWORD },
    { uid: 'bob', password: PASSWORD },
  ])
    passwords.push(await service.ask(BIND, { token: null, body, headers }));
  for (const answer of passwords) {
    t.equal(answer.statusCode, 401);
    t.same(answer.json(), passwords[0]?.json());
  }
  t.equal(opened.length, 6, 'each is an event');
});

t.test('a body that cannot be a login names its field', async (t) => {
  const service = await aService(t);
  const cases = [
    [AUTHENTICATE, { apikey: 'x' }, 'user'],
    [AUTHENTICATE, { user: 'alice' }, 'apikey'],
    [AUTHENTICATE, { user: 'alice', apikey: '' }, 'apikey'],
    [AUTHENTICATE, { user: { $ne: 1 }, apikey: 'x' }, 'user'],
    [BIND, { uid: 'alice', password: 7 }, 'password'],
  ] as const;
  for (const [path, body, field] of cases) {
    const answer = await service.ask(path, { token: null, body });
    t.equal(answer.statusCode, 400, path);
    t.equal(answer.json().field, field);
  }
});

t.test('users: oneself, or anybody for administrators', async (t) => {
  const service = await aService(t);
  const own = await service.ask('/api/1.0/user/alice');
  t.same(own.json(), {
    id: 'alice',
    uid: 1001,
    gid: 1001,
    sgids: [100],
    email: 'alice@example.org',
    admin: false,
    homeDirectory: `${service.directory}/home`,
    credentials: { apikey: '', public: '' },
    usage: {
      prio: 50,
      ...{ quota_time: 0, quota_cpu: 0, quota_ram: 0 },
      ...{ quota_cpu_hours: 0, quota_gpu_hours: 0, quota_memory_hours: 0 },
      ...{ quota_disk: 0, disk: 0, quota_disk_in_force: 0 },
    },
  });
  const others = await service.ask('/api/1.0/user/bob');
  t.equal(others.statusCode, 404);
  t.equal(others.json().code, 'user-not-found');
  const projects = await service.ask('/api/1.0/user/alice/project');
  t.match(projects.json(), [{ id: 'default', prio: 50, volumes: [] }]);
  const token = await service.tokenOf('root');
  t.equal((await service.ask('/api/1.0/user/bob', { token })).json().id, 'bob');
  const all = (await service.ask('/api/1.0/user', { token })).json<{ id: string }[]>();
  t.same(all.map(({ id }) => id).sort(), ['alice', 'bob', 'root']);
  t.notMatch(JSON.stringify(all), /passwordHash|sha256|argon2/);
});

t.test('tokens of another secret, audience or algorithm are not ours', async (t) => {
  const service = await aService(t);
  const other = await aService(t, { deps: { config: configOf() } });
  const foreign = await other.tokenOf('alice');
  t.equal((await service.ask('/api/1.0/task/active', { token: foreign })).statusCode, 401);
  const [head = '', claims = ''] = (await service.tokenOf('alice')).split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  for (const token of [`${none}.${claims}.`, `${head}.${claims}.`])
    t.equal((await service.ask('/api/1.0/task/active', { token })).statusCode, 401);
});

t.test(
  'a token is believed again and again, its end and its key are asked each time',
  async (t) => {
    const service = await aService(t, { hasPassword: true, settings: { session_timeout: '1h' } });
    const body = { uid: 'alice', password: PASSWORD };
    const { token } = (await service.ask(BIND, { token: null, body })).json();
    for (let n = 0; n < 3; n++)
      t.equal((await service.ask('/api/1.0/task/active', { token })).statusCode, 200);
    service.later(3_600_000);
    t.equal((await service.ask('/api/1.0/task/active', { token })).statusCode, 401);
  },
);

t.test('a flood of wrong passwords is turned away, not queued for ever', async (t) => {
  const service = await aService(t, {
    hasPassword: true,
    settings: { login_failures: { login: 1_000, address: 1_000 } },
  });
  const body = { uid: 'alice', password: 'wrong' };
  const answers = await Promise.all(
    Array.from({ length: 80 }, () => service.ask(BIND, { token: null, body })),
  );
  const codes = new Set(answers.map(({ statusCode }) => statusCode));
  t.same([...codes].sort(), [401, 429]);
  const later = await service.ask(BIND, { token: null, body: { ...body, password: PASSWORD } });
  t.equal(later.statusCode, 200);
});
