// What an administrator sees when the service cannot start: one sentence, an exit code, nothing left running.
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../support/places.js';
import { run } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import { startService } from '../support/service.js';

const SERVICE = projectFile('dist/bin/godocker.js');
const FREE = {
  GODOCKER_PORT: '0',
  GODOCKER_LOCAL_MESOS_PORT: '0',
  GODOCKER_CONTAINERIZER: 'process',
};

t.test('a configuration with four mistakes names all four and starts nothing', async (t) => {
  const folder = temporaryFolder(t, 'config');
  const file = join(folder, 'godocker.yaml');
  writeFileSync(
    file,
    'executers: [mesos]\ndefaults_cpu: lots\nfairshare_user_weight: -3\nweb_endpoint: 12\n',
  );
  const home = join(folder, 'home');
  const ended = await run(process.execPath, [SERVICE, 'up', '--config', file], {
    env: { ...process.env, ...FREE, GODOCKER_HOME: home },
  });
  t.equal(ended.code, 78);
  for (const key of ['executers', 'defaults_cpu', 'fairshare_user_weight', 'web_endpoint'])
    t.match(ended.stderr, key);
  t.match(ended.stderr, '4 mistakes');
});

t.test('a second service on a home is told who holds it', async (t) => {
  const first = await startService(t);
  const ended = await run(process.execPath, [SERVICE, 'up'], {
    env: { ...process.env, ...FREE, GODOCKER_HOME: first.home },
  });
  t.equal(ended.code, 69);
  t.match(ended.stderr, `pid ${first.process.pid}`);
  t.equal((await first.client.call('GET', '/healthz')).status, 200, 'the first one goes on');
});

t.test('a port that is taken is named, with what to do', async (t) => {
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
  t.teardown(() => taken.close());
  const port = String((taken.address() as AddressInfo).port);
  for (const variable of ['GODOCKER_PORT', 'GODOCKER_LOCAL_MESOS_PORT']) {
    const home = join(temporaryFolder(t, 'home'), 'home');
    const ended = await run(process.execPath, [SERVICE, 'up'], {
      env: { ...process.env, ...FREE, GODOCKER_HOME: home, [variable]: port },
    });
    t.equal(ended.code, 69, variable);
    t.match(ended.stderr, `port ${port} of 127.0.0.1 is taken`, variable);
    t.match(ended.stderr, variable);
    t.notMatch(ended.stderr, /\n {4}at /, 'no stack');
  }
});
