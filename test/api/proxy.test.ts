// A proxy of the site signs people in; whom nobody knows may become a guest; some are administrators by configuration.
import t from 'tap';
import { isAmong } from '../../src/api/proxy.js';
import { withAdmins } from '../../src/api/site-auth.js';
import { userId } from '../../src/core/units.js';
import { aService, aTask, type ServiceOptions } from './a-service.js';

const GUEST = { uid: 4000, gid: 4000, sgids: [], home: '', email: null };
const HEADER = 'x-remote-user';
const settings = { auth: { proxy_header: 'X-Remote-User' } };

const signIn = async (
  t: Parameters<typeof aService>[0],
  login: string,
  options: ServiceOptions,
) => {
  const service = await aService(t, options);
  const headers = { [HEADER]: login };
  return {
    service,
    ask: () => service.ask('/api/1.0/session', { token: null, raw: '', method: 'POST', headers }),
  };
};

t.test('whom the proxy names has a session', async (t) => {
  const { service, ask } = await signIn(t, 'alice', { settings });
  const answer = await ask();
  t.equal(answer.statusCode, 200, answer.body);
  const { token, user } = answer.json();
  t.equal(user.id, 'alice');
  t.equal((await service.ask('/api/1.0/task/active', { token })).statusCode, 200);
  service.later(3 * 86_400_000);
  t.equal((await service.ask('/api/1.0/task/active', { token })).statusCode, 401);
});

t.test('the header counts from the proxy, at that route and where it is configured', async (t) => {
  const elsewhere = { auth: { proxy_header: 'X-Remote-User', proxy_addresses: ['10.0.0.0/8'] } };
  t.equal((await (await signIn(t, 'alice', { settings: elsewhere })).ask()).statusCode, 401);
  const { service, ask } = await signIn(t, 'alice', {});
  t.equal((await ask()).statusCode, 401, 'not configured');
  const other = await signIn(t, 'alice', { settings });
  const headers = { [HEADER]: 'alice', 'x-forwarded-for': '127.0.0.1' };
  const jobs = await other.service.ask('/api/1.0/task/active', { token: null, headers });
  t.equal(jobs.statusCode, 401, 'every other route wants a token: sites of others cannot make it');
  t.equal((await service.ask('/api/1.0/task/active', { token: null, headers })).statusCode, 401);
  const odd = await signIn(t, '../root', { settings });
  t.equal((await odd.ask()).statusCode, 401);
  const old = await signIn(t, 'bob', { settings: { allow_proxy_remote_user: true } });
  t.equal((await old.ask()).statusCode, 200, "the original's key");
});

t.test('somebody unknown becomes a guest whom an administrator lets in', async (t) => {
  const guests = { ...settings, guest_allow: true, guest_bind: 'nobody' };
  const none = await signIn(t, 'visitor', { settings });
  t.equal((await none.ask()).statusCode, 401);
  t.equal(await none.service.store.user(userId('visitor')), undefined);

  const guestIdentity = () => GUEST;
  const volumes = [{ name: 'home', acl: 'rw', path: null, mount: null, isChecked: false }] as const;
  const options = { settings: guests, deps: { guestIdentity }, volumes };
  const { service, ask } = await signIn(t, 'visitor', options);
  const first = await ask();
  t.match(first.json(), { code: 'forbidden', msg: /let you in/ });
  t.equal((await ask()).statusCode, 403, 'still');
  await service.store.changeUser(userId('visitor'), (user) => user && { ...user, isActive: true });
  const { token, user } = (await ask()).json();
  t.match(user, { id: 'visitor', uid: 4000, admin: false });
  const submit = (task: unknown) => service.ask('/api/1.0/task', { token, body: task });
  const mine = (parts: Parameters<typeof aTask>[0]) =>
    aTask({ ...parts, more: { user: { id: 'visitor', project: 'default' } } });
  t.equal((await submit(mine({}))).statusCode, 200);
  t.match((await submit(mine({ container: { root: true } }))).json(), { field: 'container.root' });
  const home = mine({ container: { volumes: [{ name: 'home' }] } });
  t.match((await submit(home)).json(), { code: 'unknown-volume' }, 'no home, no mount');
});

t.test('networks are told apart', async (t) => {
  t.ok(isAmong('10.1.2.3', ['10.0.0.0/8']));
  t.ok(isAmong('::ffff:10.1.2.3', ['10.0.0.0/8']));
  t.notOk(isAmong('11.1.2.3', ['10.0.0.0/8', '::1']));
  t.ok(isAmong('::1', ['127.0.0.1', '::1']));
  t.notOk(isAmong('', ['127.0.0.1']));
  t.notOk(isAmong('unix', ['127.0.0.1']));
});

t.test('administrators by configuration', async (t) => {
  const service = await aService(t);
  const auth = withAdmins(service.deps.auth, ['bob']);
  t.equal((await auth.user('bob'))?.isAdmin, true);
  t.equal((await auth.user('alice'))?.isAdmin, false);
  t.equal((await auth.bindApi('bob', service.keys.bob))?.person.isAdmin, true);
  t.equal(await auth.bindApi('bob', service.keys.alice), undefined);
});
