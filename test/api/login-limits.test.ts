// Guessing is bounded: by login, by address, in time and in memory.
import t from 'tap';
import { LoginLimits, networkOf } from '../../src/api/login-limits.js';
import { aService, PASSWORD } from './a-service.js';

const BIND = '/api/1.0/user/bind';
const settings = { login_failures: { login: 3, address: 6, window: '1m' } };

t.test('a login that was guessed at has to wait, whether it is there or not', async (t) => {
  const service = await aService(t, { settings, hasPassword: true });
  const bind = (uid: string, password: string) =>
    service.ask(BIND, { token: null, body: { uid, password }, headers: { 'x-request-id': 'r' } });
  for (const [login, password] of [
    ['alice', PASSWORD],
    ['nobody', PASSWORD],
  ] as const) {
    for (let n = 0; n < 3; n++) t.equal((await bind(login, 'guessed')).statusCode, 401);
    const answer = await bind(login, password);
    t.equal(answer.statusCode, 429, `${login}: also the right one`);
    t.match(answer.json(), { code: 'rate-limited', retry_after: 60 });
    t.equal(answer.headers['retry-after'], '60');
  }
  const key = { user: 'alice', apikey: service.keys.alice };
  const byKey = await service.ask('/api/1.0/authenticate', { token: null, body: key });
  t.equal(byKey.statusCode, 429, 'by now the address has guessed too often');
  service.later(60_000);
  t.equal((await bind('alice', PASSWORD)).statusCode, 200);
});

t.test('a key that is wrong does not keep anybody from signing in with the password', async (t) => {
  const service = await aService(t, { settings, hasPassword: true });
  const wrong = { token: null, body: { user: 'alice', apikey: 'wrong' } };
  for (let n = 0; n < 3; n++) await service.ask('/api/1.0/authenticate', wrong);
  t.equal((await service.ask('/api/1.0/authenticate', wrong)).statusCode, 429);
  const body = { uid: 'alice', password: PASSWORD };
  t.equal((await service.ask(BIND, { token: null, body })).statusCode, 200);
});

t.test('what succeeds, and what fails because of us, is no guess', async (t) => {
  let nowMs = 0;
  const clock = { now: () => 0 as never, monotonicMs: () => nowMs };
  const limits = new LoginLimits({ perLogin: 2, perAddress: 4, windowMs: 1_000 }, clock);
  const attempt = { way: 'password', login: 'alice', address: '10.0.0.1' } as const;
  for (let n = 0; n < 10; n++) t.equal(await limits.within(attempt, async () => 'in'), 'in');
  for (let n = 0; n < 10; n++)
    await t.rejects(
      limits.within(attempt, async () => {
        throw new Error('the directory is away');
      }),
    );
  const fail = () => limits.within(attempt, async () => undefined);
  const all = await Promise.allSettled(Array.from({ length: 10 }, fail));
  t.equal(all.filter(({ status }) => status === 'fulfilled').length, 2, 'at once as in turn');
  await t.rejects(limits.within({ ...attempt, login: 'ALICE' }, async () => 'in'));
  nowMs += 999;
  await t.rejects(fail(), { code: 'rate-limited', facts: { retry_after: 1 } });
  nowMs += 1;
  t.equal(await fail(), undefined);
});

t.test('addresses that one client has are one', async (t) => {
  t.equal(networkOf('::ffff:10.1.2.3'), '10.1.2.3');
  t.equal(networkOf('10.1.2.3'), '10.1.2.3');
  t.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  t.equal(networkOf('2001:DB8:1:2::9'), networkOf('2001:db8:1:2:ffff::1'));
  t.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
  t.not(networkOf('2001:db8:1:2::1'), networkOf('2001:db8:1:3::1'));
});
