// Accounts made beside a service that runs, and keys made with `god`: with real programs, as an administrator types them.
import { join } from 'node:path';
import t from 'tap';
import { run } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import { startService, temporaryHome } from '../support/service.js';

t.setTimeout(240_000);

const PASSWORD = 'a password of some length';

t.test('accounts and keys from the command line', async (t) => {
  const home = temporaryHome(t);
  const program = (
    name: string,
    args: readonly string[],
    input = '',
    env: NodeJS.ProcessEnv = {},
  ) =>
    run(process.execPath, [projectFile(`dist/bin/${name}.js`), ...args], {
      cwd: join(home, '..'),
      env: { ...process.env, GODOCKER_HOME: home, ...env },
      input,
    });
  const user = (args: readonly string[], input?: string) =>
    program('godocker', ['admin', 'user', ...args], input);
  t.equal((await user(['list'])).code, 69, 'nothing was started here');
  const service = await startService(t, { home });
  const bind = async (uid: string, password: string) => {
    const body = JSON.stringify({ uid, password });
    const headers = { 'content-type': 'application/json' };
    return fetch(`${service.url}/api/1.0/user/bind`, { method: 'POST', body, headers });
  };

  t.equal((await user(['add', 'ada'], `${PASSWORD}\n`)).code, 67, 'no such system account');
  const ids = ['--uid', '4001', '--gid', '4001', '--email', 'ada@example.org'];
  t.match((await user(['add', 'ada', ...ids], 'short\n')).stderr, /at least 10/);
  t.equal((await user(['add', 'ada', '--uid', '0', '--gid', '1'])).code, 64, 'never root');
  t.equal((await user(['add', 'root'], `${PASSWORD}\n`)).code, 67, 'nor by its name');
  t.equal((await user(['add', '../x', ...ids], `${PASSWORD}\n`)).code, 67);
  const made = await user(['add', 'ada', ...ids], `${PASSWORD}\n`);
  t.equal(made.code, 0, made.stderr);
  t.equal((await user(['add', 'ada', ...ids], `${PASSWORD}\n`)).code, 67, 'one account is enough');
  const nobody = await user(['add', 'nobody', '--no-password', '--key']);
  t.equal(nobody.code, 0, nobody.stderr);
  const env = { GOD_SERVER: service.url, GOD_USER: 'nobody', GOD_APIKEY: nobody.stdout.trim() };
  const god = (...args: readonly string[]) => program('god', args, '', env);
  const shown = JSON.parse((await god('user', 'show', '--json')).stdout);
  t.match(shown, { id: 'nobody', uid: 65_534, admin: false }, 'as the system knows it');

  const signedIn = await bind('ada', PASSWORD);
  t.equal(signedIn.status, 200);
  const { token } = (await signedIn.json()) as { token: string };
  const works = async () => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${service.url}/api/1.0/user/ada`, { headers })).status;
  };
  t.equal(await works(), 200);
  t.equal((await user(['password', 'ada'], 'another password\n')).code, 0);
  t.equal((await bind('ada', PASSWORD)).status, 401);
  t.equal((await bind('ada', 'another password')).status, 200);
  await t.resolves(
    until(async () => (await works()) === 401),
    'the session is over within seconds',
  );

  const key = await god('key', 'create', 'robot', '--scope', 'read', '--expires-in', '7d');
  t.equal(key.code, 0, key.stderr);
  const robot = { ...env, GOD_APIKEY: key.stdout.trim() };
  t.equal((await program('god', ['list'], '', robot)).code, 0);
  const refused = await program('god', ['submit', '--', 'true'], '', robot);
  t.match(refused.stderr, /lacks the scope "submit"/);
  t.match((await god('key', 'list')).stdout, /robot +read/);
  t.equal((await god('key', 'revoke', 'robot')).code, 0);
  t.not((await program('god', ['list'], '', robot)).code, 0);

  t.equal((await user(['edit', 'ada', '--admin', '--home', '/srv/ada'])).code, 0);
  const listed = JSON.parse((await user(['list', '--json'])).stdout);
  t.match(
    listed.find(({ id }: { id: string }) => id === 'ada'),
    { uid: 4001, home: '/srv/ada', admin: true, from: 'local', active: true },
  );
  const job = await god('submit', '--', 'sleep', '600');
  t.equal((await user(['remove', 'nobody'])).code, 67, 'there is a job');
  await god('kill', job.stdout.trim());
  await god('wait', job.stdout.trim());
  t.equal((await user(['remove', 'nobody'])).code, 0);
  t.equal((await user(['remove', 'nobody'])).code, 67);
  t.not((await god('list')).code, 0, 'and its key is nobody’s');
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 100; n++) {
    if (await holds()) return;
    await new Promise((go) => setTimeout(go, 200));
  }
  throw new Error('it never held');
}
