// Administrators, and portals with a key for it, ask in the name of users: with the rights of those and no more.
import t from 'tap';
import { userId } from '../../src/core/units.js';
import { type AService, type Asked, aService, aTask } from './a-service.js';

const FOR = 'X-GoDocker-Act-For';
const forAlice = { user: { id: 'alice', project: 'default' } };

/** A token of a key with these scopes, made by the administrator. */
async function tokenOf(service: AService, user: string, scopes: readonly string[]) {
  const root = await service.tokenOf('root');
  const body = { name: 'portal', scopes };
  const made = await service.ask(`/api/1.0/user/${user}/keys`, { token: root, body });
  const { apikey } = made.json<{ apikey: string }>();
  const signIn = { token: null, body: { user, apikey } };
  const answer = await service.ask('/api/1.0/authenticate', signIn);
  return answer.json<{ token: string }>().token;
}

t.test('an administrator submits for a user, and both names are on record', async (t) => {
  const service = await aService(t);
  const acted: unknown[] = [];
  service.deps.events.on('user:acted-for', (event) => acted.push(event));
  const token = await service.tokenOf('root');
  const answer = await service.ask('/api/1.0/task', { token, body: aTask({ more: forAlice }) });
  t.equal(answer.statusCode, 200, answer.body);
  const { id } = answer.json();
  const job = (await service.ask(`/api/1.0/task/${id}`)).json();
  t.match(job.user, { id: 'alice', submitted_by: 'root' });
  t.same(acted, [{ user: 'alice', by: 'root' }]);
  const own = await service.submit();
  t.notOk('submitted_by' in (await service.ask(`/api/1.0/task/${own}`)).json().user);
});

t.test('a portal acts for users with a key that is made for it', async (t) => {
  const service = await aService(t);
  const token = await tokenOf(service, 'bob', ['submit', 'act-for']);
  const ask = (path: string, login: string, asked: Asked = {}) =>
    service.ask(`/api/1.0/${path}`, { token, ...asked, headers: { [FOR]: login } });
  const answer = await ask('task', 'alice', { body: aTask() });
  t.equal(answer.statusCode, 200, answer.body);
  const { id } = answer.json();
  t.equal((await service.store.job(id))?.owner, 'alice');
  t.same(
    (await ask('task/active', 'alice')).json().map((job: { id: number }) => job.id),
    [id],
    'it sees what alice sees',
  );
  const without = await service.ask(`/api/1.0/task/${id}`, { token });
  t.equal(without.statusCode, 404, 'by itself it sees nothing of hers');
  t.equal((await ask(`task/${id}`, 'alice', { method: 'DELETE' })).statusCode, 200);
  t.match(await service.store.job(id), { killWanted: { by: 'bob' } });

  t.match((await ask('task/active', 'nobody')).json(), { code: 'user-not-found' });
  t.match((await ask('task/active', 'root')).json(), { code: 'forbidden' }, 'no administrator');
  t.match((await ask('user/alice/keys', 'alice')).json(), { code: 'forbidden' }, 'no keys');
  t.equal((await ask('task/active/all', 'alice')).statusCode, 403);
});

t.test('nobody else acts for others', async (t) => {
  const service = await aService(t);
  const bob = await service.tokenOf('bob');
  const limited = await tokenOf(service, 'root', ['submit', 'admin']);
  for (const token of [bob, limited]) {
    const headers = { [FOR]: 'alice' };
    for (const asked of [{ body: aTask(), headers }, { body: aTask({ more: forAlice }) }]) {
      const answer = await service.ask('/api/1.0/task', { token, ...asked });
      t.match(answer.json(), { code: 'forbidden' });
    }
    t.equal((await service.ask('/api/1.0/task/active', { token, headers })).statusCode, 403);
  }
  t.equal((await service.store.counts(userId('alice'))).pending, 0);
});

t.test('an administrator who acts for a user has the rights of that user alone', async (t) => {
  const service = await aService(t, { settings: { rate_limit: 1 } });
  const token = await service.tokenOf('root');
  const headers = { [FOR]: 'alice' };
  const ask = (path: string, asked: Asked = {}) =>
    service.ask(`/api/1.0/${path}`, { token, headers, ...asked });
  t.equal((await ask('user')).statusCode, 403);
  t.equal((await ask('user/bob')).statusCode, 404);
  t.equal((await ask('task', { body: aTask() })).statusCode, 200);
  const second = await ask('task', { body: aTask() });
  t.match(second.json(), { code: 'rate-limited' }, 'limits are those of the user');
});
