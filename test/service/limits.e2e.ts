// Limits on real processes: two web servers that race for one rate limit, a running limit, a quota, and a queue.
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation } from '../support/processes.js';
import { waitFor } from '../support/waiting.js';

const RATE = 12;
const RUNNING = 2;
const QUOTA = 8;
const SUBMISSIONS = 40;
const CONFIG = `
rate_limit: ${RATE}
max_running: { user: ${RUNNING} }
queues:
  - { name: short, priority: 80, default_lifespan: 5m, max_lifespan: 10m }
`;

t.setTimeout(240_000);

t.test('limits hold with several processes, and are told by each of them', async (t) => {
  const folder = temporaryFolder(t, 'limits');
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  const marks = join(folder, 'marks');
  mkdirSync(home, { mode: 0o711 });
  mkdirSync(marks);
  chmodSync(marks, 0o777);
  writeFileSync(join(folder, 'godocker.yaml'), CONFIG);
  const installation = new Installation(t, { home, mesosPort: await freePort() });
  const [one, two] = await Promise.all([installation.web(), installation.web()]);

  const admin = (await one.client.get('/api/1.0/user/admin')) as { readonly usage: object };
  const usage = { ...admin.usage, quota_cpu: QUOTA };
  await one.client.call('PUT', '/api/1.0/user/admin', { ...admin, usage });
  await installation.scheduler();
  await installation.node([
    '--tasks',
    'process',
    '--agents',
    '1',
    '--cpus',
    '16',
    '--mem',
    '16000',
  ]);

  const script = `#!/bin/sh\ns=$(date +%s%N); sleep 1\necho "$s $(date +%s%N)" > ${marks}/ran.$GODOCKER_JID\n`;
  const document = await one.client.document(script, { cpu: 1, label: ['queue==short'] });
  const answers = await Promise.all(
    Array.from({ length: SUBMISSIONS }, (_, n) =>
      (n % 2 === 0 ? one : two).client.call('POST', '/api/1.0/task', document),
    ),
  );
  const taken = answers.filter(({ status }) => status === 200);
  t.equal(taken.length, RATE, 'so many are taken, by both together');
  const refused = answers.filter(({ status }) => status === 429);
  t.equal(refused.length, SUBMISSIONS - RATE);
  t.match(JSON.parse(refused[0]?.text ?? '{}'), { code: 'rate-limited', max: RATE, now: RATE });

  const ids = taken.map(({ text }) => (JSON.parse(text) as { readonly id: number }).id);
  await waitFor('a web server tells for what limit a job waits', 60_000, async () => {
    const jobs = await Promise.all(ids.map((id) => two.client.job(id)));
    return jobs.some(({ status }) => /^Limit reached: user admin: 2 of/.test(status.reason ?? ''));
  });

  const over = await two.client.allOver(ids, 120_000);
  const ended = over.filter(({ status }) => status.secondary === 'quota reached');
  t.equal(ended.length, RATE - QUOTA, 'what the quota has no room for ends');
  t.match(
    ended[0]?.status.reason,
    /^quota exceeded: quota_cpu of user admin: 8 of 8 cpus used, 1 asked; frees up 20/,
  );

  const spans = readdirSync(marks).map((name) =>
    readFileSync(join(marks, name), 'utf8').trim().split(' ').map(Number),
  );
  t.equal(spans.length, QUOTA, 'what it has room for ran');
  const beside = spans.map(
    ([start = 0]) => spans.filter(([from = 0, to = 0]) => from <= start && start < to).length,
  );
  t.ok(Math.max(...beside) <= RUNNING, `at most ${RUNNING} at once, seen ${Math.max(...beside)}`);
  const [queue] = (await one.client.get('/api/1.0/queues')) as readonly object[];
  t.match(queue, { name: 'short', priority: 80, max_lifespan: '10m', open_to: ['default'] });
});
