// The whole service with plugins of a site's own out of `plugins_dir`: one file each, no build.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../support/places.js';
import { run } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import { startService, temporaryHome } from '../support/service.js';

/** Accounts as they are kept here, but each has one password more, and those of some names do not get in. */
const AUTH = `import type { Host, OptionReader } from 'godocker/plugin';

interface Options { readonly shut: readonly string[] }

export default {
  kind: 'auth',
  name: 'site',
  options: (raw: OptionReader): Options => ({ shut: raw.words('shut', []) }),
  create: ({ shut }: Options, host: Host) => {
    const person = async (login: string) => {
      const user = await host.users.user(login);
      if (user === undefined || shut.includes(login)) return undefined;
      const key = { id: 'site', name: 'site', scopes: null, createdAt: 0, expiresAt: null, usedAt: null };
      return { ...user, keys: [key] };
    };
    return {
      name: 'site',
      user: person,
      bindCredentials: async (login: string, password: string) =>
        password === 'open sesame' ? person(login) : undefined,
      bindApi: async (login: string, key: string) => {
        const found = await person(login);
        return found === undefined || key === '' ? undefined : { person: found, keyId: 'site' };
      },
      volumes: async () => ({ granted: [], refused: [] }),
    };
  },
};
`;
/** The newest job first. */
const POLICY = `export default {
  kind: 'scheduler', name: 'newest', options: () => ({}),
  create: () => ({
    name: 'newest',
    begin: () => ({ score: (account, head) => -head.id, charged: () => {} }),
  }),
};
`;

const signIn = async (url: string, user: string, password: string): Promise<number> => {
  const body = JSON.stringify({ user, password });
  const headers = { 'content-type': 'application/json' };
  return (await fetch(`${url}/api/1.0/user/bind`, { method: 'POST', headers, body })).status;
};

t.test(
  "a site's own sign-in in TypeScript and order in JavaScript",
  { timeout: 180_000 },
  async (t) => {
    const plugins = temporaryFolder(t, 'plugins');
    chmodSync(plugins, 0o755);
    writeFileSync(join(plugins, 'auth-site.ts'), AUTH);
    writeFileSync(join(plugins, 'scheduler-newest.js'), POLICY);
    writeFileSync(join(plugins, 'package.json'), '{ "type": "module" }');
    const home = temporaryHome(t);
    const config = join(home, '..', 'godocker.yaml');
    writeFileSync(
      config,
      `plugins_dir: ${plugins}\nauth_policy: site\nscheduler_policy: newest\nplugins: { auth-site: { shut: [mallory] } }\n`,
    );
    const env = { GODOCKER_LOCAL_CPUS: '1' };
    const service = await startService(t, { home, env, args: ['--config', config] });
    t.equal(await signIn(service.url, service.admin.user, 'open sesame'), 200, 'its own password');
    t.equal(await signIn(service.url, service.admin.user, service.admin.password), 401, 'no other');
    const { client } = service;
    for (const project of ['first', 'second'])
      await client.post('/api/1.0/project', { id: project, members: [service.admin.user] });
    // One runs and holds the only cpu; of those behind it the later one, of another account, goes first.
    const holder = await client.submit('#!/bin/sh\nwhile [ ! -e go ]; do sleep 0.2; done\n', {
      cpu: 1,
      ram: 0.1,
    });
    await client.until(holder, ['running']);
    const script = '#!/bin/sh\ndate +%s%N\n';
    const ids: number[] = [];
    for (const project of ['first', 'second']) {
      const document = await client.document(script, { cpu: 1, ram: 0.1 });
      const asked = { ...document, user: { id: service.admin.user, project } };
      ids.push(((await client.post('/api/1.0/task', asked)) as { readonly id: number }).id);
    }
    await client.kill(holder);
    const [early, late] = await client.allOver(ids);
    t.equal(early?.status.exitcode, 0);
    t.ok(
      Number(await client.file(ids[0] ?? 0, 'god.log')) >
        Number(await client.file(ids[1] ?? 0, 'god.log')),
      'the newest first',
    );
    t.equal(late?.status.exitcode, 0);
  },
);

t.test('a broken plugin stops the start by its name', { timeout: 60_000 }, async (t) => {
  const plugins = temporaryFolder(t, 'plugins');
  writeFileSync(
    join(plugins, 'auth-half.ts'),
    AUTH.replace("'site'", "'half'").replace('bindApi:', 'bindApe:'),
  );
  const home = temporaryHome(t);
  const ended = await run(process.execPath, [projectFile('dist/bin/godocker.js'), 'up'], {
    env: {
      ...process.env,
      GODOCKER_HOME: home,
      GODOCKER_PORT: '0',
      GODOCKER_LOCAL_MESOS_PORT: '0',
      GODOCKER_CONTAINERIZER: 'process',
      GODOCKER_PLUGINS_DIR: plugins,
      GODOCKER_AUTH_POLICY: 'half',
    },
  });
  t.not(ended.code, 0);
  t.match(
    ended.stderr,
    /plugin auth-half \(.*auth-half\.ts\): what "create" returns has no function "bindApi"/,
  );
  t.notMatch(ended.stderr, /\n {4}at /, 'no stack');
});
