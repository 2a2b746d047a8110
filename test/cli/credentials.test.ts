import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  credentialsFile,
  findLogin,
  forgetLogin,
  isPlainOverNetwork,
  requireLogin,
  saveLogin,
  serverUrl,
} from '../../src/cli/credentials.js';
import { EXIT } from '../../src/cli/exit-codes.js';

const uid = process.getuid?.() ?? null;

function place(home: string, env: Record<string, string> = {}) {
  return { env, home: join(home, 'home'), directory: join(home, 'project'), uid };
}

function service(folder: string, { isRunning = true } = {}) {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, doc: object) =>
    writeFileSync(join(folder, name), JSON.stringify(doc), { mode: 0o600 });
  write('admin.json', { server: 'http://old', user: 'admin', password: 'p', apikey: 'k' });
  if (isRunning) write('endpoints.json', { web: 'http://127.0.0.1:6543', mesos: 'http://x' });
}

t.test('with nothing anywhere there is no login, and the message says what to do', async (t) => {
  const here = place(t.testdir());
  t.equal(findLogin(here), undefined);
  t.throws(() => requireLogin(here), {
    name: 'Failure',
    exitCode: EXIT.notAllowed,
    message: /god login/,
  });
});

t.test('the service of this folder is used without a login', async (t) => {
  const here = place(t.testdir());
  service(join(here.directory, '.godocker'));
  t.match(findLogin(here), {
    server: 'http://127.0.0.1:6543',
    user: 'admin',
    secret: { kind: 'apikey', apikey: 'k' },
  });
});

t.test('a service that is not running is told', async (t) => {
  const here = place(t.testdir());
  service(join(here.directory, '.godocker'), { isRunning: false });
  t.throws(() => findLogin(here), {
    name: 'Failure',
    exitCode: EXIT.unreachable,
    message: /not running/,
  });
});

t.test('files that others may write are not trusted', async (t) => {
  const here = place(t.testdir());
  const folder = join(here.directory, '.godocker');
  service(folder);
  chmodSync(join(folder, 'endpoints.json'), 0o666);
  t.throws(
    () => findLogin(here),
    { name: 'Failure', exitCode: EXIT.notAllowed },
    'writable by all',
  );
  chmodSync(join(folder, 'endpoints.json'), 0o600);
  t.throws(
    () => findLogin({ ...here, uid: 4242 }),
    { name: 'Failure', exitCode: EXIT.notAllowed },
    'of another',
  );
  const linked = place(t.testdir({ project: { '.godocker': {} } }));
  symlinkSync(join(folder, 'admin.json'), join(linked.directory, '.godocker', 'admin.json'));
  t.throws(() => findLogin(linked), { name: 'Failure', exitCode: EXIT.notAllowed }, 'a link');
});

t.test('an explicit choice wins: environment, GODOCKER_HOME, saved login, folder', async (t) => {
  const here = place(t.testdir());
  service(join(here.directory, '.godocker'));
  t.equal(findLogin(here)?.user, 'admin');
  saveLogin(here, {
    server: 'https://centre',
    user: 'ada',
    secret: { kind: 'apikey', apikey: 'x' },
  });
  t.equal(findLogin(here)?.user, 'ada');
  const withHome = { ...here, env: { GODOCKER_HOME: '.godocker' } };
  t.equal(findLogin(withHome)?.user, 'admin');
  const env = { ...withHome.env, GOD_SERVER: 'https://e', GOD_USER: 'eve', GOD_APIKEY: 'k' };
  t.equal(findLogin({ ...here, env })?.user, 'eve');
  t.throws(() => findLogin({ ...here, env: { GOD_USER: 'eve' } }), {
    name: 'Failure',
    exitCode: EXIT.usage,
  });
});

t.test('GODOCKER_HOME of a job, a home directory, is no service', async (t) => {
  const dir = t.testdir({ elsewhere: {} });
  t.equal(findLogin(place(dir, { GODOCKER_HOME: join(dir, 'elsewhere') })), undefined);
});

t.test('a saved login is for its owner only, and can be forgotten', async (t) => {
  const here = place(t.testdir());
  const secret = { kind: 'apikey', apikey: 'k' } as const;
  const file = saveLogin(here, { server: 'https://centre', user: 'ada', secret });
  t.equal(file, credentialsFile(here));
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.same(JSON.parse(readFileSync(file, 'utf8')), {
    server: 'https://centre',
    user: 'ada',
    apikey: 'k',
  });
  writeFileSync(file, '{"server":"https://centre"}');
  t.throws(() => findLogin(here), { message: /incomplete/ });
  writeFileSync(file, '{');
  t.throws(() => findLogin(here), { name: 'Failure', exitCode: EXIT.localFile });
  t.equal(forgetLogin(here), true);
  t.equal(forgetLogin(here), false);
});

t.test('addresses as people type them', async (t) => {
  t.equal(serverUrl('http://localhost:6543/'), 'http://localhost:6543');
  t.equal(serverUrl('http://localhost:6543/app/'), 'http://localhost:6543');
  t.equal(serverUrl('centre.example.org/prefix/'), 'https://centre.example.org/prefix');
  for (const bad of ['', 'ftp://x', 'http://', 'a b'])
    t.throws(() => serverUrl(bad), { name: 'Failure', exitCode: EXIT.usage }, bad);
  t.equal(isPlainOverNetwork('http://centre'), true);
  for (const fine of [
    'https://centre',
    'http://localhost:1',
    'http://127.0.0.1:1',
    'http://[::1]:1',
  ])
    t.equal(isPlainOverNetwork(fine), false, fine);
});
