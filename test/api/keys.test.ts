// API keys: made, limited, used, revoked; and what else one signs in with.
import t, { type Test } from 'tap';
import { createTokens } from '../../src/api/tokens.js';
import { userId } from '../../src/core/units.js';
import { type AService, type Asked, aService, aTask, NOW, PASSWORD } from './a-service.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ALICE = userId('alice');
const KEYS = '/api/1.0/user/alice/keys';

interface Made {
  readonly id: string;
  readonly apikey: string;
}

async function made(service: AService, body: object, asked: Asked = {}): Promise<Made> {
  const answer = await service.ask(KEYS, { body, ...asked });
  if (answer.statusCode !== 200) throw new Error(answer.body);
  return answer.json<Made>();
}

const signIn = (service: AService, apikey: string, user = 'alice') =>
  service.ask('/api/1.0/authenticate', { token: null, body: { user, apikey } });

async function tokenWith(service: AService, apikey: string, user?: string): Promise<string> {
  const answer = await signIn(service, apikey, user);
  if (answer.statusCode !== 200) throw new Error(answer.body);
  return answer.json<{ token: string }>().token;
}

/** A session with alice's password. */
async function session(service: AService): Promise<string> {
  const body = { uid: 'alice', password: PASSWORD };
  const answer = await service.ask('/api/1.0/user/bind', { token: null, body });
  return answer.json<{ token: string }>().token;
}

t.test('a user has several keys, each with a name and an end of its own', async (t) => {
  const service = await aService(t);
  const laptop = await made(service, { name: 'laptop', expires_in: '30d' });
  const cluster = await made(service, { name: 'cluster' });
  t.match(laptop, {
    name: 'laptop',
    scopes: null,
    created: NOW / 1000,
    expires: (NOW + 30 * DAY_MS) / 1000,
  });
  const listed = await service.ask(KEYS);
  t.notMatch(listed.body, laptop.apikey, 'it is shown once');
  t.same(
    listed.json<{ name: string }[]>().map(({ name }) => name),
    ['first', 'laptop', 'cluster'],
  );
  const stored = JSON.stringify(await service.store.user(ALICE));
  t.notMatch(stored, laptop.apikey, 'only its hash is kept');

  const tokens = [
    await tokenWith(service, laptop.apikey),
    await tokenWith(service, cluster.apikey),
  ];
  service.later(31 * DAY_MS);
  const [ended, going] = await Promise.all(tokens.map((token) => service.ask(KEYS, { token })));
  t.equal(ended?.statusCode, 401, 'a token ends with its key');
  t.equal(going?.statusCode, 200);
  t.equal((await signIn(service, laptop.apikey)).statusCode, 401);
  t.same(
    going?.json<{ name: string }[]>().map(({ name }) => name),
    ['first', 'cluster'],
    'what has expired is not shown',
  );
  t.equal(
    (await service.ask(KEYS, { body: { name: 'laptop' } })).statusCode,
    200,
    'its name is free',
  );
});

t.test('a key that is revoked takes its tokens along', async (t) => {
  const service = await aService(t);
  const { id, apikey } = await made(service, { name: 'laptop' });
  const token = await tokenWith(service, apikey);
  t.equal((await service.ask(KEYS, { token })).statusCode, 200);
  const answer = await service.ask(`${KEYS}/laptop`, { method: 'DELETE' });
  t.match(answer.json(), { msg: 'Key revoked', id });
  t.equal((await service.ask(KEYS, { token })).statusCode, 401);
  t.equal((await signIn(service, apikey)).statusCode, 401);
  t.equal((await service.ask(`${KEYS}/laptop`, { method: 'DELETE' })).statusCode, 404);
  const other = await made(service, { name: 'other' });
  const byId = await service.ask(`${KEYS}/${other.id}`, { method: 'DELETE' });
  t.equal(byId.statusCode, 200, 'an id does as well');
});

t.test('bad keys name their field', async (t) => {
  const service = await aService(t);
  for (const [field, body] of [
    ['name', {}],
    ['name', { name: '' }],
    ['name', { name: 'a\nb' }],
    ['name', { name: 'a/b' }],
    ['name', { name: 'x'.repeat(65) }],
    ['scopes', { name: 'k', scopes: [] }],
    ['scopes', { name: 'k', scopes: 'read' }],
    ['scopes', { name: 'k', scopes: ['read', 'everything'] }],
    ['expires_in', { name: 'k', expires_in: 'soon' }],
    ['expires_in', { name: 'k', expires_in: 0 }],
    ['expires_in', { name: 'k', expires_in: { $gt: 0 } }],
  ] as const) {
    const answer = await service.ask(KEYS, { body });
    t.match(answer.json(), { code: 'bad-field', field }, JSON.stringify(body));
  }
  const twice = await service.ask(KEYS, { body: { name: 'first' } });
  t.match(twice.json(), { code: 'name-taken', field: 'name' });
  for (let n = 1; n < 50; n++) await made(service, { name: `k${n}` });
  t.equal((await service.ask(KEYS, { body: { name: 'one more' } })).json().code, 'wrong-state');
});

t.test('nobody sees or changes the keys of others', async (t) => {
  const service = await aService(t);
  const token = await service.tokenOf('bob');
  for (const asked of [
    { token },
    { token, body: { name: 'mine' } },
    { token, method: 'DELETE' },
  ] as const)
    t.equal((await service.ask(KEYS, asked)).statusCode, asked.method === 'DELETE' ? 405 : 404);
  const revoke = { token, method: 'DELETE' } as const;
  t.equal((await service.ask(`${KEYS}/first`, revoke)).json().code, 'user-not-found');
  const root = await service.tokenOf('root');
  const given = await made(service, { name: 'robot', scopes: ['act-for'] }, { token: root });
  t.equal(
    (await signIn(service, given.apikey)).statusCode,
    200,
    'administrators make keys for all',
  );
});

t.test('a limited key does what its scopes say and no more', async (t) => {
  const service = await aService(t);
  const id = await service.submit();
  const reads = await made(service, { name: 'reads', scopes: ['read'] });
  const submits = await made(service, { name: 'submits', scopes: ['submit'] });
  const reader = await tokenWith(service, reads.apikey);
  const worker = await tokenWith(service, submits.apikey);
  const status = async (token: string, path: string, asked: Asked = {}) =>
    (await service.ask(`/api/1.0/${path}`, { token, ...asked })).statusCode;

  for (const token of [reader, worker]) {
    t.equal(await status(token, `task/${id}`), 200);
    t.equal(await status(token, 'task/over/0/10', { method: 'POST' }), 200, 'a list by POST');
    t.equal(await status(token, 'user/alice/keys'), 403, 'no limited key sees or makes keys');
    t.equal(await status(token, 'user/alice/apikey', { method: 'PUT' }), 403);
    t.equal(await status(token, 'user/alice/session', { method: 'DELETE' }), 403);
  }
  t.equal(await status(reader, 'task', { body: aTask() }), 403);
  t.equal(await status(reader, `task/${id}`, { method: 'DELETE' }), 403);
  t.equal(await status(reader, `task/${id}/archive`), 403, 'GET with an effect');
  t.equal(await status(worker, 'task', { body: aTask() }), 200);
  t.equal(await status(worker, `task/${id}`, { method: 'DELETE' }), 200);
  const refused = await service.ask('/api/1.0/task', { token: reader, body: aTask() });
  t.match(refused.json(), { code: 'forbidden', scope: 'submit' });
  t.match(refused.json().msg, /"reads" lacks the scope "submit"/);
});

t.test('a key of an administrator without the scope is that of a plain user', async (t) => {
  const service = await aService(t);
  const root = await service.tokenOf('root');
  const login = 'root';
  const at = `/api/1.0/user/${login}/keys`;
  const make = async (scopes: readonly string[]) => {
    const body = { name: scopes.join('-'), scopes };
    const { apikey } = (await service.ask(at, { token: root, body })).json<Made>();
    return tokenWith(service, apikey, 'root');
  };
  const submits = await make(['submit']);
  const administers = await make(['admin']);
  t.equal((await service.ask('/api/1.0/user', { token: submits })).statusCode, 403);
  t.equal((await service.ask('/api/1.0/user/alice', { token: submits })).statusCode, 404);
  t.equal((await service.ask('/api/1.0/user', { token: administers })).statusCode, 200);
  const submission = await service.ask('/api/1.0/task', { token: administers, body: aTask() });
  t.equal(submission.statusCode, 403, 'and it submits nothing');
  for (const scope of ['admin', 'act-for']) {
    const answer = await service.ask(KEYS, { body: { name: scope, scopes: [scope] } });
    t.match(answer.json(), { code: 'forbidden', field: 'scopes' }, `no ${scope} for plain users`);
  }
});

t.test('the one key of old clients is renewed', async (t) => {
  const service = await aService(t);
  const old = await service.tokenOf('alice');
  const laptop = await tokenWith(service, (await made(service, { name: 'laptop' })).apikey);
  const path = '/api/1.0/user/alice/apikey';
  const answer = await service.ask(path, { method: 'PUT', raw: '', token: laptop });
  t.equal(answer.statusCode, 200, 'an empty body will do');
  t.equal((await service.ask(KEYS, { token: old })).statusCode, 401, 'what it opened is closed');
  t.equal((await service.ask(KEYS, { token: laptop })).statusCode, 200, 'other keys go on');
  t.equal((await signIn(service, answer.json().apikey)).statusCode, 200);
  t.equal((await signIn(service, service.keys.alice)).statusCode, 401);
});

t.test('the SSH key is set and taken away', async (t) => {
  const service = await aService(t);
  const path = '/api/1.0/user/alice/sshkey';
  const key =
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0dXr8pX5Wm2sWQkAFzRzBvXO3oT3kzq1n0iP2gQm5D alice@laptop';
  const put = (body: unknown) => service.ask(path, { method: 'PUT', body });
  t.equal((await put({ public: `${key}\n` })).statusCode, 200);
  t.equal((await service.ask('/api/1.0/user/alice')).json().credentials.public, key);
  for (const bad of [
    'ssh-ed25519',
    `command="sh" ${key}`,
    `${key}\n${key}`,
    key.replace('ed25519 ', 'rsa '),
    7,
  ])
    t.match((await put({ public: bad })).json(), { code: 'bad-field', field: 'public' });
  t.equal((await put({ public: '' })).statusCode, 200);
  t.equal((await service.ask('/api/1.0/user/alice')).json().credentials.public, '');
});

t.test('the last use is noted by the hour, not by the request', async (t) => {
  let writes = 0;
  const service = await aService(t);
  const { store } = service;
  const changeUser = store.changeUser.bind(store);
  store.changeUser = (id, change) =>
    changeUser(id, (user) => {
      const after = change(user);
      if (after !== undefined) writes += 1;
      return after;
    });
  const token = await service.tokenOf('alice');
  const ask = () => service.ask(KEYS, { token });
  for (let n = 0; n < 5; n++) await ask();
  t.equal(writes, 1);
  const [first] = (await ask()).json();
  t.equal(first.used, Math.floor(NOW / HOUR_MS) * 3600);
  service.later(HOUR_MS);
  for (let n = 0; n < 5; n++) await ask();
  t.equal(writes, 2);
});

async function ended(t: Test, settings = {}) {
  const service = await aService(t, { hasPassword: true, settings });
  const tokens = [await session(service), await session(service)];
  const works = async () => {
    const answers = await Promise.all(tokens.map((token) => service.ask(KEYS, { token })));
    return answers.map(({ statusCode }) => statusCode === 200);
  };
  return { service, tokens, works };
}

t.test('signing out ends one session', async (t) => {
  const { service, tokens, works } = await ended(t);
  const [first = ''] = tokens;
  const answer = await service.ask('/api/1.0/session', { method: 'DELETE', token: first });
  t.equal(answer.statusCode, 200);
  t.same(await works(), [false, true]);
  const refused = await service.ask(KEYS, { token: first });
  t.match(refused.json(), { code: 'bad-token', msg: /ended/ });
  const key = await service.ask('/api/1.0/session', { method: 'DELETE' });
  t.equal(key.json().code, 'not-supported', 'a token of a key ends with the key');
});

t.test('an account made anew under a login knows no session of the former one', async (t) => {
  const { service, works } = await ended(t);
  const { store } = service;
  const record = await store.user(ALICE);
  if (record === undefined) throw new Error('alice is gone');
  await store.deleteUser(ALICE);
  service.later(3_600_000);
  await store.putUser({ ...record, createdAt: service.deps.clock.now() });
  t.same(await works(), [false, false]);
  t.equal((await service.ask(KEYS, { token: await session(service) })).statusCode, 200);
});

t.test('all sessions of a user are ended by an administrator, keys stay', async (t) => {
  const { service, works } = await ended(t);
  const path = '/api/1.0/user/alice/session';
  const bob = await service.tokenOf('bob');
  t.equal((await service.ask(path, { method: 'DELETE', token: bob })).statusCode, 404);
  t.same(await works(), [true, true]);
  service.later(1);
  const root = await service.tokenOf('root');
  t.equal((await service.ask(path, { method: 'DELETE', token: root })).statusCode, 200);
  t.same(await works(), [false, false]);
  t.equal((await service.ask(KEYS)).statusCode, 200, 'the key');
  t.equal(
    (await service.ask(KEYS, { token: await session(service) })).statusCode,
    200,
    'a new one',
  );
});

t.test('another web process hears of it within seconds, and forgets it in time', async (t) => {
  const { service, tokens } = await ended(t);
  const other = await aService(t, { deps: { store: service.store, ...same(service) } });
  const [token = ''] = tokens;
  t.equal((await other.ask(KEYS, { token })).statusCode, 200);
  await service.ask('/api/1.0/session', { method: 'DELETE', token });
  t.equal((await other.ask(KEYS, { token })).statusCode, 200, 'not yet');
  service.later(2_000);
  t.equal((await other.ask(KEYS, { token })).statusCode, 401);
  t.equal((await service.store.settings('revoked.')).size, 1);
  service.later(3 * DAY_MS);
  await service.ask(KEYS, { token: await session(service) });
  t.equal((await service.store.settings('revoked.')).size, 0, 'it would have ended by now');
});

/** What two web processes of one installation share. */
const same = ({ deps: { auth, secret, clock } }: AService) => ({ auth, secret, clock });

t.test('who signs out more often than anybody does ends all sessions', async (t) => {
  const { service, works } = await ended(t);
  const { auth, clock, randomBytes, secret, store } = service.deps;
  const person = await auth.user('alice');
  if (person === undefined) throw new Error('alice is gone');
  const revocations = { isRevoked: async () => false, end: async () => {}, endAll: async () => {} };
  const noteUse = async () => {};
  const more = { auth, clock, randomBytes, secret, revocations, noteUse };
  const maker = createTokens({ ...more, sessionMs: DAY_MS, keyTokenMs: null });
  for (let n = 0; n < 100; n++) {
    const token = await maker.forPassword(person);
    await service.ask('/api/1.0/session', { method: 'DELETE', token });
  }
  t.same(await works(), [true, true]);
  t.equal((await store.settings('revoked.session.')).size, 100);
  service.later(1);
  const token = await maker.forPassword(person);
  await service.ask('/api/1.0/session', { method: 'DELETE', token });
  t.equal((await store.settings('revoked.session.')).size, 100, 'the record does not grow');
  t.same(await works(), [false, false]);
});

t.test('a new password needs the old one, and ends all sessions', async (t) => {
  const { service, works, tokens } = await ended(t);
  const [token = ''] = tokens;
  const put = (body: object) =>
    service.ask('/api/1.0/user/alice/password', { method: 'PUT', body, token });
  const password = 'battery horse staple';
  t.equal((await put({ current: 'wrong', password })).statusCode, 401);
  t.match((await put({ current: PASSWORD, password: 'short' })).json(), { field: 'password' });
  t.same(await works(), [true, true]);
  service.later(1);
  t.equal((await put({ current: PASSWORD, password })).statusCode, 200);
  t.same(await works(), [false, false]);
  const body = { uid: 'alice', password };
  const again = await service.ask('/api/1.0/user/bind', { token: null, body });
  t.equal(again.statusCode, 200);
});

t.test('tokens of keys end earlier where the site says so', async (t) => {
  const service = await aService(t, { settings: { key_token_timeout: '1h' } });
  const token = await service.tokenOf('alice');
  service.later(HOUR_MS - 1_000);
  t.equal((await service.ask(KEYS, { token })).statusCode, 200);
  service.later(2_000);
  t.equal((await service.ask(KEYS, { token })).statusCode, 401);
});
