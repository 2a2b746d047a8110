// A site's own policy that never comes back, in real processes: the scheduler ends with its name, and after some such ends goes on
// without it.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { POLICY_STUCK_ENDS_MAX } from '../../src/contracts/limits.js';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation, leaderAmong, type Scheduler } from '../support/processes.js';
import { waitFor } from '../support/waiting.js';

const POLICY = `export default {
  kind: 'scheduler', name: 'endless', options: () => ({}),
  create: () => ({ name: 'endless', begin() { for (;;) {} } }),
};
`;

t.test('a policy in an endless loop', { timeout: 240_000 }, async (t) => {
  const folder = temporaryFolder(t, 'stuck');
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  const plugins = join(folder, 'plugins');
  mkdirSync(home, { mode: 0o711 });
  mkdirSync(plugins);
  writeFileSync(join(plugins, 'scheduler-endless.js'), POLICY);
  writeFileSync(join(plugins, 'package.json'), '{ "type": "module" }');
  const installation = new Installation(t, {
    home,
    mesosPort: await freePort(),
    environment: { GODOCKER_PLUGINS_DIR: plugins, GODOCKER_SCHEDULER_POLICY: 'endless' },
  });
  const { client, url } = await installation.web();
  await installation.node(['--tasks', 'simulate', '--cpus', '4', '--mem', '4000']);
  const id = await client.submit('#!/bin/sh\ntrue\n', { cpu: 1, ram: 0.1 });
  const file = join(home, 'policy-stuck.json');
  for (let times = 1; times <= POLICY_STUCK_ENDS_MAX; times++) {
    const { process } = await installation.scheduler();
    await waitFor('the scheduler ends', 60_000, () => !process.isRunning());
    const said = readFileSync(process.logFile, 'utf8');
    t.match(said, new RegExp(`"policy":"endless".*"times":${times}.*does not come back`));
    t.match(JSON.parse(readFileSync(file, 'utf8')), { policy: 'endless', times });
    t.equal((await client.job(id)).status.primary, 'pending', 'nothing was launched');
  }
  const last: Scheduler = await installation.scheduler();
  await leaderAmong([last]);
  t.equal((await client.over(id)).status.exitcode, 0, 'by order of submission');
  t.match(readFileSync(last.process.logFile, 'utf8'), /did not come back within 10 s, 2 times/);
  const told = await waitFor('readiness says so', 20_000, async () => {
    const answer = await fetch(`${url}/readyz`);
    const text = await answer.text();
    return /policy endless did not come back.*Mend it, remove/.test(text) ? answer : undefined;
  });
  t.equal(told.status, 503);
  t.ok(existsSync(file), 'kept until somebody has looked');
});
