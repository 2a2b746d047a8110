// Administrators, and portals with a key for it, ask in the name of users: with the rights of those and no more.
import t from 'tap';
import { ServiceError } from '../../src/contracts/errors.js';
import { WISH_PREFIX, wishSetting } from '../../src/contracts/wishes.js';
import { readAudit } from '../../src/core/audit.js';
import { isDamaged } from '../../src/core/audit-chain.js';
import { jobId, userId } from '../../src/core/units.js';
import { type AService, type Asked, aService, aTask, lead } from './a-service.js';

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

const named = async (service: AService) =>
  (await service.store.auditPage({ after: 0, limit: 500 }))
    .flatMap((one) => (isDamaged(one) ? [] : [readAudit(one)]))
    .filter(({ act }) => act.startsWith('job.'))
    .map(({ act, actor, actingFor, subject, facts }) => ({
      ...{ act, actor, actingFor, subject: subject?.id, facts },
    }));

t.test('whoever acts for a user stands on the act by name', async (t) => {
  const service = await aService(t);
  const token = await tokenOf(service, 'bob', ['submit', 'act-for']);
  const ask = (path: string, asked: Asked = {}) =>
    service.ask(`/api/1.0/${path}`, { token, ...asked, headers: { [FOR]: 'alice' } });
  const [changed, running, held] = [
    await service.submit(),
    await service.submit(),
    jobId((await ask('task', { body: aTask({ requirements: { hold: true } }) })).json().id),
  ];
  t.match(await service.store.job(held), { heldBack: { by: 'bob', isAdmin: false } });
  const wishes: unknown[] = [];
  const { firstSetting } = service.store;
  service.store.firstSetting = (name, text) => {
    if (name.startsWith(WISH_PREFIX)) wishes.push(JSON.parse(text));
    return firstSetting.call(service.store, name, text);
  };
  const body = { name: 'ram', value: '1' };
  t.equal((await ask(`task/${changed}`, { method: 'PUT', body })).statusCode, 200);
  await lead(service, running, 'running');
  const reschedule = `task/${running}/reschedule`;
  t.equal((await ask(reschedule, { method: 'POST' })).statusCode, 200);
  t.match(wishes, [
    { kind: 'amend', by: 'bob' },
    { kind: 'reschedule', by: 'bob', isOwners: true },
  ]);
  const heard: string[] = [];
  service.deps.events.on('job:kill-wanted', ({ by }) => heard.push(by));
  t.match((await ask('user/alice/task', { method: 'DELETE' })).json(), { killed: 3 });
  t.same(heard, ['bob', 'bob', 'bob']);
  t.match(await service.store.job(changed), { killWanted: { by: 'bob' } });
  const told = await named(service);
  t.same(
    told.map(({ act }) => act),
    ['job.submit-for', 'job.change', 'job.reschedule', 'job.kill-all'],
  );
  for (const one of told) t.match(one, { actor: 'bob', actingFor: 'alice' }, one.act);
});

t.test('an administrator who reschedules is no owner', async (t) => {
  const service = await aService(t);
  const id = await service.submit();
  await lead(service, id, 'running');
  const token = await service.tokenOf('root');
  await service.ask(`/api/1.0/task/${id}/reschedule`, { method: 'POST', token });
  const wish = JSON.parse((await service.store.setting(wishSetting('reschedule', id))) ?? '');
  t.equal(wish.by, 'root');
  t.notOk('isOwners' in wish);
});

t.test('many jobs for others: an entry for each user, before any is stored', async (t) => {
  const service = await aService(t);
  const token = await service.tokenOf('root');
  const forBob = { user: { id: 'bob', project: 'default' } };
  const forRoot = { user: { id: 'root', project: 'default' } };
  const body = [forAlice, forBob, forRoot, forAlice].map((more) => aTask({ more }));
  const answer = await service.ask('/api/1.0/tasks', { token, body });
  t.match(answer.json(), { msg: 'Tasks added', added: 4 });
  const act = { act: 'job.submit-for', actor: 'root' };
  t.match(await named(service), [
    { ...act, subject: 'alice', facts: { jobs: 2 } },
    { ...act, subject: 'bob', facts: { jobs: 1 } },
  ]);
  service.deps.audit.write = async () => {
    throw new ServiceError('store-unavailable', 'away');
  };
  const refused = await service.ask('/api/1.0/tasks', { token, body });
  t.equal(refused.statusCode, 503, 'no entry, no jobs');
  t.equal((await service.store.counts(userId('alice'))).pending, 2);
});
