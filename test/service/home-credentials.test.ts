// Which file of a home is handed to agents that read it with rights of their own.
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Log, SILENT } from '../../src/contracts/log.js';
import { homeCredentials } from '../../src/service/home-credentials.js';
import { aPending, aSpec } from '../core/samples.js';

t.test('a small plain file of the user, in a home that the job mounts', async (t) => {
  const said: string[] = [];
  const log: Log = { ...SILENT, warn: (message) => said.push(message), with: () => log };
  const path = t.testdir({});
  const file = join(path, 'docker.tar.gz');
  const uid = process.getuid?.() ?? 0;
  const identity = { ...aPending().identity, uid };
  const volume = { name: 'home', path, mount: '/mnt/home', acl: 'ro' } as const;
  const find = (name = 'home', owner = identity) =>
    homeCredentials(log)(
      aPending({ identity: owner, spec: aSpec({ volumes: [{ ...volume, name }] }) }),
    );
  t.equal(await find(), null, 'there is none');
  writeFileSync(file, 'x');
  t.equal(await find(), file);
  t.equal(await find('db'), null, 'the home is not mounted');
  t.same(said, [], 'nothing of this is odd');
  t.equal(await find('home', { ...identity, uid: uid + 1 }), null, "somebody else's file");
  truncateSync(file, 2 * 1024 * 1024);
  t.equal(await find(), null, 'too large');
  t.equal(said.length, 2, 'both are told');
});

t.test('a link is passed over, wherever it leads', async (t) => {
  const path = t.testdir({ mine: 'x' });
  symlinkSync(join(path, 'mine'), join(path, 'docker.tar.gz'));
  const uid = process.getuid?.() ?? 0;
  const volumes = [{ name: 'home', path, mount: '/mnt/home', acl: 'ro' }] as const;
  const job = aPending({
    identity: { ...aPending().identity, uid },
    spec: aSpec({ volumes }),
  });
  t.equal(await homeCredentials(SILENT)(job), null);
});
