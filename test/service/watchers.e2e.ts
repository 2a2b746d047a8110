// Three watchers beside a web server, a scheduler and a local node, as processes of their own on one home: killed and stopped at random
// while jobs run. Every launch gets exactly one accounting record, and a verdict reaches its job through whichever watcher holds it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation } from '../support/processes.js';
import type { Background } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import { sleep, waitFor } from '../support/waiting.js';

const JOBS = Number(process.env.JOBS ?? 200);
const OVER_MS_MAX = 240_000;
const KILLS = 6;
/** Of so many jobs one is ended by the plugin. */
const DOOMED_EACH = 20;
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

  const ids: number[] = [];
  const asked = { cpu: 0.25, ram: 0.1 };
  for (let at = 0; at < JOBS; at++)
    ids.push(
      at % DOOMED_EACH === 0
        ? await client.submit('sleep 600', { name: 'doomed', ...asked })
        : await client.submit(`sleep 0.${at % 5}`, { name: 'sound', ...asked }),
    );

  for (let kill = 0; kill < KILLS; kill++) {
    const at = kill % watchers.length;
    const victim = watchers[at] as Background;
    if (kill === 2) {
      process.kill(victim.pid, 'SIGSTOP');
      await sleep(PAUSE_MS);
      process.kill(victim.pid, 'SIGCONT');
    } else {
      await victim.kill9();
      await sleep(500);
      watchers[at] = await site.watcher();
    }
  }
  const jobs = await client.allOver(ids, OVER_MS_MAX);
  const launches: Launch[] = [];
  for (const { id, status, meta } of jobs) {
    if (meta.name === 'doomed')
      t.match(status, {
        secondary: 'killed',
        reason: 'Ended by the watcher "named" of this site: its name says so',
      });
    launches.push(
      ...(await waitFor(`job ${id} is accounted`, 30_000, async () => {
        const found = await client.get(`/api/1.0/task/${id}/accounting`);
        return (found as readonly Launch[]).length > 0 ? (found as readonly Launch[]) : undefined;
      })),
    );
  }
  const names = new Set(launches.map(({ job, launch }) => `${job}-${launch}`));
  t.equal(names.size, launches.length, 'no launch has two');
  const ran = await site.tasks();
  t.strictSame([...names].sort(), [...ran.keys()].sort(), 'those are the launches of the node');
  const doomed = launches.filter(({ outcome }) => outcome.reason === 'watcher');
  t.equal(doomed.length, JOBS / DOOMED_EACH);

  const day = (ms: number) => new Date(Date.now() + ms).toISOString().slice(0, 10);
  const span = `from=${day(-86_400_000)}&until=${day(2 * 86_400_000)}`;
  const { sums } = (await client.get(`/api/1.0/accounting?${span}`)) as Sums;
  const total = (of: (sum: Sums['sums'][number]) => number) =>
    sums.reduce((sum, one) => sum + of(one), 0);
  const added = (of: (launch: Launch) => number) => launches.reduce((sum, one) => sum + of(one), 0);
  const near = (a: number, b: number) => Math.abs(a - b) < 0.000_5;
  t.equal(
    total((sum) => sum.launches),
    launches.length,
  );
  t.ok(
    near(
      total((sum) => sum.cpu_seconds),
      added(({ allocated }) => allocated.cpu_seconds),
    ),
  );
  t.ok(
    near(
      total((sum) => sum.run_seconds),
      added(({ run_seconds }) => run_seconds),
    ),
  );
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
