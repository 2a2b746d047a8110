import t from 'tap';
import fairsharePlugin from '../../plugins/scheduler-fairshare.js';
import fifoPlugin from '../../plugins/scheduler-fifo.js';
import type { Host, OptionReader } from '../../src/contracts/plugin.js';
import { planCycle } from '../../src/core/cycle.js';
import { FAIRSHARE_OPTIONS, FAIRSHARE_WEIGHTS, fairshare } from '../../src/core/fairshare.js';
import {
  type AccountView,
  ADVANCE_MS,
  fifo,
  NO_STANDINGS,
  NO_USE,
  type Policy,
  type Standings,
  type Sums,
} from '../../src/core/policy.js';
import { PendingQueue } from '../../src/core/queue.js';
import { instant, jobId, projectId, userId } from '../../src/core/units.js';
import { after, aNeed, anOffer, aRow, someFree } from './samples.js';

const HOUR_MS = 3_600_000;
const account = (user: string, project: string, submittedMs: number): AccountView => ({
  user: userId(user),
  project: projectId(project),
  head: { id: jobId(1), submittedAt: after(submittedMs) },
  newestAt: after(submittedMs),
});
const sums = (hours: number, cpus: number, gb: number): Sums => ({
  ...NO_USE,
  timeMs: hours * HOUR_MS,
  cpuMilli: cpus * 1_000,
  memMb: gb * 1_000,
});
const standings = (
  users: Record<string, [Sums, number]>,
  projects: Record<string, [Sums, number]> = {},
): Standings => {
  const of = (table: Record<string, [Sums, number]>, name: string) => {
    const row = table[name];
    return row === undefined ? undefined : { used: row[0], prio: row[1] };
  };
  return { user: (id) => of(users, id), project: (id) => of(projects, id) };
};
const near = (value: number) => Math.round(value * 1e9) / 1e9;

t.test('the published formula, by hand', async (t) => {
  const views: [AccountView, ...AccountView[]] = [
    account('anna', 'genomes', 0),
    account('bob', 'default', 60_000),
    account('carl', 'proteins', 100_000),
  ];
  const at = after(100_000);
  const used = standings(
    { anna: [sums(10, 4, 8), 50], bob: [sums(0, 0, 0), 80], carl: [sums(5, 1, 2), 50] },
    { genomes: [sums(20, 10, 10), 60], proteins: [sums(5, 5, 2.5), 0] },
  );
  const ranking = fairshare().begin(views, used, at);
  const score = (index: number) => near(ranking.score(index, (views[index] ?? views[0]).head));
  // anna: waited longest 0 · used most 1 + 0.2 + 0.2 · project most 0.1 + 0.01 + 0.01 · prios 0.5 + 0.4
  t.equal(score(0), near(0 + 1.4 + 0.12 + 0.9));
  // bob: waited 40 of 100 s · used least · default counts as most · prios 0.2 + 0.5
  t.equal(score(1), near(0.06 + 0 + 0.12 + 0.7));
  // carl: waited 0 · 5/10 h, 1/4 cpu, 2/8 GB · 5/20 h, 5/10, 2.5/10 of the projects (default: 0) · 0.5 + 1
  t.equal(score(2), near(0.1 + 0.5 + 0.05 + 0.05 + 0.025 + 0.005 + 0.0025 + 1.5));
});

t.test('who differ by less than one second, cpu and GB are equal', async (t) => {
  const anna = account('anna', 'default', 0);
  const bob = account('bob', 'default', 900);
  const used = standings({ anna: [{ ...NO_USE, timeMs: 900, cpuMilli: 900, memMb: 900 }, 50] });
  const ranking = fairshare().begin([anna, bob], used, after(1_000));
  t.equal(ranking.score(0, anna.head), ranking.score(1, bob.head));
});

t.test('a placed job is charged to its account alone, in the measure of the cycle', async (t) => {
  const views = [account('anna', 'genomes', 0), account('bob', 'genomes', 0)];
  const used = standings({ anna: [sums(10, 10, 10), 50] }, { genomes: [sums(9, 9, 9), 50] });
  const ranking = fairshare().begin(views, { ...used, advanceMs: HOUR_MS }, after(0));
  const head = account('bob', 'genomes', 0).head;
  const before = ranking.score(1, head);
  const other = ranking.score(0, head);
  ranking.charged(1, aNeed({ cpuMilli: 2_000, memMb: 1_000 }));
  // 1 of 10 h, 2 of 10 cpus, 1 of 10 GB; the projects do not differ, so there each unit counts.
  const byUser = 0.1 * 1 + 0.2 * 0.2 + 0.1 * 0.2;
  const byProject = 3_600 * 0.1 + 2 * 0.01 + 1 * 0.01;
  t.equal(near(ranking.score(1, head) - before), near(byUser + byProject));
  t.equal(ranking.score(0, head), other);
});

t.test('the default project is charged nothing: it counts as the one that used most', async (t) => {
  const views = [account('anna', 'default', 0), account('bob', 'genomes', 0)];
  const weights = { ...FAIRSHARE_WEIGHTS, userTime: 0, userCpu: 0, userRam: 0 };
  const ranking = fairshare({ weights }).begin(views, NO_STANDINGS, after(0));
  const { head } = account('anna', 'default', 0);
  const before = [ranking.score(0, head), ranking.score(1, head)] as const;
  ranking.charged(0, aNeed());
  ranking.charged(1, aNeed());
  t.equal(ranking.score(0, head), before[0]);
  t.ok(ranking.score(1, head) > before[1]);
});

/** The paper's example: 100 slots; anna submits 1,000 jobs, then bob one. Who starts when a slot frees up? */
function nextAfterBurst(policy: Policy): string {
  const queue = new PendingQueue();
  for (let id = 1; id <= 1_000; id++) queue.add(aRow(id, { owner: 'anna', submittedAt: after(0) }));
  const limits = { launchesMax: 1_000, shapesMax: 100 };
  const cycle = (cpus: number, ms: number, used: Standings) =>
    planCycle({
      queue,
      offers: [anOffer('o1', { free: someFree({ cpuMilli: cpus * 1_000, memMb: 100_000 }) })],
      policy,
      at: after(ms),
      limits,
      standings: used,
    });
  const first = cycle(100, 1_000, NO_STANDINGS);
  for (const { jobId } of first.launches) queue.remove(jobId);
  queue.add(aRow(1_001, { owner: 'bob', submittedAt: after(60_000) }));
  // Charged at launch: a hundred jobs of one cpu and 0.1 GB, with their advance.
  const charged = { ...NO_USE, timeMs: 100 * ADVANCE_MS, cpuMilli: 100_000, memMb: 10_000 };
  const second = cycle(1, 61_000, standings({ anna: [charged, 50] }));
  return `${first.launches.length}, then job ${second.launches.map(({ jobId }) => jobId)}`;
}

t.test('fair share starts the newcomer next, fifo lets him wait', async (t) => {
  t.equal(nextAfterBurst(fairshare()), '100, then job 1001');
  t.equal(nextAfterBurst(fifo), '100, then job 101');
});

t.test('two bursts on an idle cluster take turns', async (t) => {
  const queue = new PendingQueue();
  for (let id = 1; id <= 100; id++) queue.add(aRow(id, { owner: 'anna' }));
  for (let id = 101; id <= 200; id++) queue.add(aRow(id, { owner: 'bob' }));
  const { launches } = planCycle({
    queue,
    offers: [anOffer('o1', { free: someFree({ cpuMilli: 10_000 }) })],
    policy: fairshare(),
    at: after(HOUR_MS),
    limits: { launchesMax: 100, shapesMax: 100 },
  });
  t.same(
    launches.map(({ jobId }) => Number(jobId)).sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 101, 102, 103, 104, 105],
  );
});

t.test('the plugins give the policies of the core, with weights of the site', async (t) => {
  const asked = new Map<string, number>();
  const reader = (given: Record<string, number>): OptionReader => ({
    text: (_key, fallback) => fallback,
    optionalText: () => null,
    problem: () => {},
    secret: () => null,
    choice: (_key, _words, fallback) => fallback,
    flag: (_key, fallback) => fallback,
    integer: (_key, fallback) => fallback,
    number: (key, fallback) => {
      asked.set(key, fallback);
      return given[key] ?? fallback;
    },
    duration: (_key, fallback) => fallback,
    words: (_key, fallback) => fallback,
  });
  t.same(fairsharePlugin.options(reader({})), FAIRSHARE_OPTIONS);
  t.equal(asked.size, 11);
  t.match(fairsharePlugin.options(reader({ group_time_weight: 7 })), {
    weights: { projectTime: 7, userTime: 1 },
  });
  const host = {} as Host;
  t.equal(fairsharePlugin.create(FAIRSHARE_OPTIONS, host).name, 'fairshare');
  t.equal(fifoPlugin.create(fifoPlugin.options(reader({})), host), fifo);
  t.equal(
    fifo.begin([], NO_STANDINGS, instant(0)).score(0, { id: jobId(9), submittedAt: instant(0) }),
    9,
  );
});
