// An authentication plugin that does not answer: requests are refused in time, and say whose fault it is.
import t from 'tap';
import { timedAuth } from '../../src/api/timed-auth.js';
import type { Authenticator, Person } from '../../src/contracts/auth.js';
import { FakeTime } from '../support/fake-time.js';
import { aService } from './a-service.js';

const person = {} as Person;

/** Answers each call when it is told to. */
function slowAuth() {
  const waiting: { readonly answer: () => void; readonly fail: (error: Error) => void }[] = [];
  const later = <T>(value: T): Promise<T> =>
    new Promise((resolve, reject) => {
      waiting.push({ answer: () => resolve(value), fail: reject });
    });
  const auth: Authenticator = {
    name: 'directory',
    bindCredentials: () => later(undefined),
    bindApi: () => later({ person, keyId: 'k' }),
    user: () => later(person),
    volumes: () => later({ granted: [], refused: [] }),
  };
  return { auth, waiting };
}

const CALLS: Readonly<Record<string, (auth: Authenticator) => Promise<unknown>>> = {
  bindCredentials: (auth) => auth.bindCredentials('anna', 'secret'),
  bindApi: (auth) => auth.bindApi('anna', 'key'),
  user: (auth) => auth.user('anna'),
  volumes: (auth) => auth.volumes(person, [], false),
};

for (const [name, call] of Object.entries(CALLS))
  t.test(`${name}: in time its answer or its failure, late neither`, async (t) => {
    const time = new FakeTime();
    const { auth, waiting } = slowAuth();
    const timed = timedAuth(auth, time);
    const inTime = call(timed);
    await time.pass(1_900);
    waiting[0]?.answer();
    await t.resolves(inTime);
    const failed = t.rejects(call(timed), { message: 'no directory' });
    waiting[1]?.fail(new Error('no directory'));
    await failed;
    const late = t.rejects(call(timed), {
      code: 'auth-unavailable',
      status: 503,
      message: /plugin directory did not answer within 2 s/,
      facts: { plugin: 'directory', call: name },
    });
    await time.pass(2_100);
    await late;
    // Nobody waits for it any more, and nobody is hurt by it.
    waiting[2]?.fail(new Error('at last'));
  });

t.test('a sign-in that the plugin does not answer is a 503 that says so', async (t) => {
  const time = new FakeTime();
  const { auth } = slowAuth();
  const service = await aService(t, { deps: { auth: timedAuth(auth, time) } });
  let isAnswered = false;
  const asked = Promise.all([
    service.ask('/api/1.0/user/bind', { body: { uid: 'anna', password: 'secret' }, token: null }),
    service.ask('/api/1.0/authenticate', { body: { user: 'anna', apikey: 'key' }, token: null }),
  ]).finally(() => {
    isAnswered = true;
  });
  while (!isAnswered) {
    await time.pass(100);
    // Requests go by real turns of the loop.
    await new Promise<void>((go) => setImmediate(go));
  }
  for (const answer of await asked) {
    t.equal(answer.statusCode, 503);
    t.equal(answer.headers['retry-after'], '2');
    t.match(answer.json(), { code: 'auth-unavailable', msg: /plugin directory did not answer/ });
  }
});
