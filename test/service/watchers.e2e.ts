// Three watchers beside a web server, a scheduler and a local node, as processes of their own on one home: killed and stopped at random
// while jobs run. Every launch gets exactly one accounting record, and a verdict reaches its job through whichever watcher holds it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation } from '../support/processes.js';
import { projectFile } from '../support/project.js';
import { sleep, waitFor } from '../support/waiting.js';

const JOBS = Number(process.env.JOBS ?? 200);
const OVER_MS_MAX = 240_000;
const KILLS = 6;
/** Long enough that its slots are taken over meanwhile. */
const PAUSE_MS = 9_000;
const NODE = ['--tasks', 'process', '--agents', '4', '--cpus', '8', '--mem', '16000'];

t.setTimeout(600_000);

/** Wants every job ended whose name says so. */
const NAMED = `
export default {
  kind: 'watcher',
  name: 'named',
  options: () => ({}),
  create: () => ({
    whileRunning: ({ spec }) =>
      spec.name === 'doomed' ? { verdict: 'kill', because: 'its name says so' } : { verdict: 'keep' },
  }),
};
`;

interface Status {
  readonly primary: string;
  readonly secondary: string | null;
  readonly reason: string | null;
  readonly launches: number;
}
interface Launch {
  readonly job: number;
  readonly launch: number;
  readonly run_seconds: number;
  readonly allocated: { readonly cpu_seconds: number; readonly mem_mb_seconds: number };
  readonly charged: boolean;
  readonly outcome: { readonly kind: string; readonly reason: string | null };
}
interface Sums {
  readonly sums: readonly {
    readonly launches: number;
    readonly run_seconds: number;
    readonly cpu_seconds: number;
    readonly mem_mb_seconds: number;
  }[];
}

t.test(`${JOBS} jobs, watchers killed ${KILLS} times`, async (t) => {
  const root = temporaryFolder(t, 'watchers');
  const [home, plugins] = [join(root, 'home'), join(root, 'plugins')];
  for (const folder of [home, plugins]) mkdirSync(folder, { mode: 0o711 });
  writeFileSync(join(plugins, 'watcher-named.js'), NAMED);
  const environment = {
    GODOCKER_PLUGINS_DIR: plugins,
    GODOCKER_WATCHERS: 'named',
    GODOCKER_WATCH_EVERY: '1s',
    GODOCKER_PRICES_CPU_HOUR: '3600',
    GODOCKER_LOG_LEVEL: 'info',
  };
  const site = new Installation(t, { home, mesosPort: await freePort(), environment });
  const { client } = await site.web();
  await site.node(NODE);
  await site.scheduler();
  const watchers = [await site.watcher(), await site.watcher(), await site.watcher()];

  const submit = async (name: string, command: string): Promise<number> => {
    const { id } = await client.ok<{ readonly id: number }>('POST', '/api/1.0/task', {
      meta: { name },
      requirements: { cpu: 0.25, ram: 0.1 },
      container: { image: 'host' },
      command: { cmd: `#!/bin/sh\n${command}\n`, interactive: false },
    });
    return id;
  };
  const statusOf = async (id: number): Promise<Status> =>
    (await client.ok<{ readonly status: Status }>('GET', `/api/1.0/task/${id}`)).status;
  const ids: number[] = [];
  for (let at = 0; at < JOBS; at++)
    ids.push(at % 20 === 0 ? await submit('doomed', 'sleep 600') : await submit('job', `sleep 0.${at % 5}`));

  for (let kill = 0; kill < KILLS; kill++) {
    const at = kill % watchers.length;
    const victim = watchers[at];
    if (kill === 2) {
      victim?.signal('SIGSTOP');
      await sleep(PAUSE_MS);
      victim?.signal('SIGCONT');
    } else {
      await victim?.kill();
      await sleep(500);
      watchers[at] = await site.watcher();
    }
  }
  await waitFor('all jobs are over', OVER_MS_MAX, async () => {
    const counts = await client.ok<Record<string, number>>('GET', '/api/1.0/task/status/all');
    return counts !== undefined;
  }).catch(() => undefined);
  const launches: Launch[] = [];
  for (const [at, id] of ids.entries()) {
    const status = await waitFor(`job ${id} is over`, OVER_MS_MAX, async () => {
      const now = await statusOf(id);
      return now.primary === 'over' ? now : undefined;
    });
    if (at % 20 === 0)
      t.match(status, {
        secondary: 'killed',
        reason: 'Ended by the watcher "named" of this site: its name says so',
      });
    const records = await waitFor(`job ${id} is accounted`, 30_000, async () => {
      const found = await client.ok<readonly Launch[]>('GET', `/api/1.0/task/${id}/accounting`);
      return found.length >= status.launches ? found : undefined;
    });
    if (records.length !== status.launches) t.fail(`job ${id}: ${records.length} records`);
    launches.push(...records);
  }
  const names = new Set(launches.map(({ job, launch }) => `${job}-${launch}`));
  t.equal(names.size, launches.length, 'no launch has two');
  const ran = await site.tasks();
  t.strictSame([...names].sort(), [...ran.keys()].sort(), 'those are the launches of the node');
  const doomed = launches.filter(({ outcome }) => outcome.reason === 'watcher');
  t.equal(doomed.length, JOBS / 20);

  const day = (ms: number) => new Date(Date.now() + ms).toISOString().slice(0, 10);
  const span = `from=${day(-86_400_000)}&until=${day(2 * 86_400_000)}`;
  const { sums } = await client.ok<Sums>('GET', `/api/1.0/accounting?${span}`);
  const total = (of: (sum: Sums['sums'][number]) => number) =>
    sums.reduce((sum, one) => sum + of(one), 0);
  const added = (of: (launch: Launch) => number) =>
    launches.reduce((sum, one) => sum + of(one), 0);
  const near = (a: number, b: number) => Math.abs(a - b) < 0.000_5;
  t.equal(total((sum) => sum.launches), launches.length);
  t.ok(near(total((sum) => sum.cpu_seconds), added(({ allocated }) => allocated.cpu_seconds)));
  t.ok(near(total((sum) => sum.run_seconds), added(({ run_seconds }) => run_seconds)));
  t.equal(
    total((sum) => sum.mem_mb_seconds),
    added(({ allocated }) => allocated.mem_mb_seconds),
  );

  const month = day(0).slice(0, 7);
  const csv = execFileSync(
    process.execPath,
    [projectFile('dist/bin/godocker.js'), 'admin', 'bill', '--month', month, '--csv'],
    { encoding: 'utf8', env: { ...process.env, ...environment, GODOCKER_HOME: home } },
  );
  t.match(csv, new RegExp(`^month,.*\r\n${month},default,,${JOBS},`));
});
