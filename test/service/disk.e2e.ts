// A quota of disk on real processes: a job that writes too much, the next one that is told, and room made by removing its directory.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startService, temporaryHome } from '../support/service.js';
import { waitFor } from '../support/waiting.js';

t.setTimeout(180_000);

interface User {
  readonly usage: { readonly disk: number; readonly quota_disk_in_force: number };
}
interface Task {
  readonly status: { readonly primary: string; readonly reason: string | null };
  readonly container: {
    readonly meta: { readonly disk_size?: number } | null;
    readonly volumes: readonly { readonly name: string; readonly path: string }[];
  };
}

t.test('job directories fill a quota, and removing one makes room', async (t) => {
  const home = temporaryHome(t);
  const settings = 'disk_default_quota: 8M\ndisk: { measure_every: 5s }\n';
  writeFileSync(join(home, 'godocker.yaml'), settings);
  const service = await startService(t, { home });
  const { client } = service;
  const used = async () => ((await client.get('/api/1.0/user/admin')) as User).usage.disk;
  const task = async (id: number) => (await client.get(`/api/1.0/task/${id}`)) as Task;
  const run = (script: string): Promise<number> => client.submit(`#!/bin/sh\n${script}\n`);

  const writes = 'dd if=/dev/zero of=big bs=1M count=10 conv=fsync 2>/dev/null';
  const big = await run(`${writes}; ln -s / way-out; while [ ! -e go ]; do sleep 0.2; done`);
  await waitFor('it is measured while it runs', 60_000, async () => (await used()) > 10e6);
  const next = await run('true');
  await waitFor('the next one waits for it', 60_000, async () =>
    /held by directories of jobs/.test((await task(next)).status.reason ?? ''),
  );
  const directory =
    (await task(big)).container.volumes.find(({ name }) => name === 'go-docker')?.path ?? '';
  writeFileSync(join(directory, 'go'), '');
  await client.allOver([big], 60_000);
  const size = await waitFor('it is measured at its end', 60_000, async () => {
    return (await task(big)).container.meta?.disk_size;
  });
  t.ok(size > 10e6 && size < 12e6, `${size} bytes, and nothing of what a link leads to`);
  const [ended] = await client.allOver([next], 60_000);
  t.match(ended?.status, {
    secondary: 'quota reached',
    reason:
      /^quota exceeded: quota_disk of user admin: 0\.01\d* of 0\.008 GB used by job directories/,
  });

  t.equal((await client.call('GET', `/api/1.0/task/${big}/archive`)).status, 200);
  t.notOk(existsSync(directory), 'the directory is gone');
  t.ok(existsSync('/etc/passwd'), 'and nothing else');
  t.equal((await task(big)).status.primary, 'archived');
  const [after] = await client.allOver([await run('true')], 60_000);
  t.match(after?.status, { primary: 'over', exitcode: 0 });
  await waitFor('what is left is small', 60_000, async () => (await used()) < 1e6);
  t.match((await client.get('/api/1.0/user/admin')) as User, {
    usage: { quota_disk_in_force: 0.008 },
  });
});
