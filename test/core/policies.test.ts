// The policies beside the published formula: shares in a tree, plain dominant resource fairness; and what holds for all.
import t from 'tap';
import fairtreePlugin from '../../plugins/scheduler-fairtree.js';
import type { Host, OptionReader } from '../../src/contracts/plugin.js';
import { Reader } from '../../src/contracts/reader.js';
import { planCycle } from '../../src/core/cycle.js';
import { drf } from '../../src/core/drf.js';
import { fairshare } from '../../src/core/fairshare.js';
import { FAIRTREE_OPTIONS, fairtree } from '../../src/core/fairtree.js';
import { RESOURCE_WEIGHTS } from '../../src/core/measure.js';
import {
  type AccountView,
  fifo,
  NO_STANDINGS,
  NO_USE,
  type Policy,
  type Standing,
  type Standings,
} from '../../src/core/policy.js';
import { PendingQueue } from '../../src/core/queue.js';
import { NOTHING } from '../../src/core/resources.js';
import { jobId, projectId, userId } from '../../src/core/units.js';
import { sumsOf } from '../../src/core/usage.js';
import { after, aNeed, anOffer, aRow, someFree } from './samples.js';

const HOUR_MS = 3_600_000;
const CLUSTER = { ...NOTHING, cpuMilli: 100_000, memMb: 400_000, gpus: 4 };

/** Hours of one cpu (and GPUs) by `user/project`, priorities by user and project. */
interface Told {
  readonly hours?: Readonly<Record<string, number>>;
  readonly gpuHours?: Readonly<Record<string, number>>;
  readonly prios?: Readonly<Record<string, number>>;
  readonly heldCpus?: Readonly<Record<string, number>>;
  readonly heldGpus?: Readonly<Record<string, number>>;
}

function standingsOf({
  hours = {},
  gpuHours = {},
  prios = {},
  heldCpus = {},
  heldGpus = {},
}: Told): Standings {
  const sumOf = (table: Readonly<Record<string, number>>, isMeant: (name: string) => boolean) =>
    Object.entries(table).reduce((sum, [name, value]) => sum + (isMeant(name) ? value : 0), 0);
  const standing = (isMeant: (name: string) => boolean, prio = 50): Standing => {
    const cpu = sumsOf(aNeed({ cpuMilli: 1_000, memMb: 0 }), sumOf(hours, isMeant) * HOUR_MS);
    const gpuMs = sumOf(gpuHours, isMeant) * HOUR_MS;
    const held = {
      jobs: 1,
      memMb: 0,
      cpuMilli: 1_000 * sumOf(heldCpus, isMeant),
      gpus: sumOf(heldGpus, isMeant),
    };
    return { used: { ...NO_USE, ...cpu, gpuMs }, held, prio };
  };
  return {
    user: (id) => standing((name) => name.startsWith(`${id}/`), prios[id]),
    project: (id) => standing((name) => name.endsWith(`/${id}`), prios[id]),
    account: (user, project) => standing((name) => name === `${user}/${project}`, prios[user]),
    capacity: CLUSTER,
    advanceMs: HOUR_MS,
  };
}

/** Jobs of `user/project`, one each in turn, placed one by one: who goes next, and next, and next. */
function turns(policy: Policy, names: readonly string[], told: Told, count: number): string {
  const queue = new PendingQueue();
  let id = 0;
  for (let n = 0; n < count; n++)
    for (const name of names) {
      const [owner = '', project = ''] = name.split('/');
      queue.add(aRow(++id, { owner, project, needs: aNeed({ cpuMilli: 1_000, memMb: 1 }) }));
    }
  const { launches } = planCycle({
    queue,
    offers: [anOffer('o1', { free: someFree({ cpuMilli: count * 1_000, memMb: 100_000 }) })],
    policy,
    at: after(0),
    limits: { launchesMax: count, shapesMax: 10 },
    standings: standingsOf(told),
  });
  return launches.map(({ jobId }) => names[(jobId - 1) % names.length]?.split('/')[0]).join(' ');
}

t.test('fairtree: the project that used less goes first, whoever in it used more', async (t) => {
  const names = ['anna/dna', 'bob/rna'];
  const told = { hours: { 'anna/dna': 5, 'carl/dna': 5, 'bob/rna': 8 } };
  t.equal(turns(fairtree(), names, told, 5), 'bob bob anna bob anna');
  t.equal(
    turns(fairtree(), names, { ...told, hours: { ...told.hours, 'carl/dna': 0 } }, 3),
    'anna anna anna',
  );
});

t.test(
  'fairtree: inside a project its users take turns by their use in it, not elsewhere',
  async (t) => {
    const told = { hours: { 'anna/dna': 3, 'bob/dna': 1, 'bob/rna': 100 } };
    t.equal(turns(fairtree(), ['anna/dna', 'bob/dna'], told, 5), 'bob bob anna bob anna');
  },
);

t.test('fairtree: two jobs for one where a project, or a user, is due twice as much', async (t) => {
  const prios = { dna: 80, rna: 40 };
  const served = turns(fairtree(), ['anna/dna', 'bob/rna'], { prios }, 30).split(' ');
  t.equal(served.filter((name) => name === 'anna').length, 20);
  const inside = turns(fairtree(), ['anna/dna', 'bob/dna'], { prios: { anna: 60, bob: 30 } }, 30);
  t.equal(inside.split(' ').filter((name) => name === 'anna').length, 20);
});

t.test(
  'fairtree: the share of a sibling that waits for nothing goes to the others by their weights',
  async (t) => {
    // dna would be due nine tenths, but has no job.
    const prios = { dna: 90, rna: 10, cells: 5 };
    const served = turns(fairtree(), ['bob/rna', 'carl/cells'], { prios }, 30).split(' ');
    t.equal(served.filter((name) => name === 'bob').length, 20);
  },
);

t.test(
  'fairtree: who is due nothing goes last, and is served when nobody else waits',
  async (t) => {
    const told = { prios: { bob: 0 }, hours: { 'anna/dna': 1_000 } };
    t.equal(turns(fairtree(), ['anna/dna', 'bob/dna'], told, 3), 'anna anna anna');
    t.equal(turns(fairtree(), ['bob/dna'], told, 2), 'bob bob');
    const none = { prios: { dna: 0 } };
    t.equal(turns(fairtree(), ['anna/dna', 'bob/rna'], none, 3), 'bob bob bob');
  },
);

t.test('fairtree: GPUs count: the resource of which one used most, or all by weight', async (t) => {
  // 4 of 100 cpus for an hour, or 1 of 4 GPUs.
  const told = { hours: { 'anna/dna': 4 }, gpuHours: { 'bob/rna': 1 } };
  t.equal(turns(fairtree(), ['anna/dna', 'bob/rna'], told, 1), 'anna');
  const weights = { ...RESOURCE_WEIGHTS, gpu: 2 };
  const byWeight = fairtree({ measure: { kind: 'weights', weights } });
  t.equal(turns(byWeight, ['anna/dna', 'bob/rna'], told, 1), 'bob', '4 cpus against 2');
});

t.test('fairtree tells its terms: the project decides, then the user', async (t) => {
  const views: AccountView[] = ['anna/dna', 'bob/dna', 'carl/rna'].map((name, index) => ({
    user: userId(name.split('/')[0] ?? ''),
    project: projectId(name.split('/')[1] ?? ''),
    head: { id: jobId(index + 1), submittedAt: after(0) },
    newestAt: after(0),
  }));
  const told = { hours: { 'anna/dna': 3, 'bob/dna': 1, 'carl/rna': 4 }, prios: { dna: 100 } };
  const ranking = fairtree().begin(views, standingsOf(told), after(0));
  const head = { id: jobId(1), submittedAt: after(0) };
  const [project, user] = ranking.terms?.(0, head) ?? [];
  t.match(project, {
    name: 'project',
    normalised: 0.5,
    weight: 100,
    value: ranking.groups?.score(0),
  });
  t.match(user, { name: 'user', normalised: 0.75, weight: 50, value: ranking.score(0, head) });
});

t.test('drf: the least dominant share of what is held goes first; history is none', async (t) => {
  const told = { heldCpus: { 'anna/dna': 10 }, hours: { 'bob/rna': 1_000 } };
  t.equal(turns(drf, ['anna/dna', 'bob/rna'], told, 3), 'bob bob bob');
  const gpu = { heldCpus: { 'anna/dna': 10 }, heldGpus: { 'bob/rna': 1 } };
  t.equal(turns(drf, ['anna/dna', 'bob/rna'], gpu, 3), 'anna anna anna', '10 % against 25 %');
  t.equal(
    turns(drf, ['anna/dna', 'anna/rna', 'bob/rna'], {}, 4),
    'anna bob anna bob',
    'users, not accounts',
  );
});

t.test('a cluster that is not known yet is measured by the usual machine', async (t) => {
  const view = (user: string, id: number): AccountView => ({
    user: userId(user),
    project: projectId('default'),
    head: { id: jobId(id), submittedAt: after(0) },
    newestAt: after(0),
  });
  const views = [view('anna', 1), view('bob', 2)];
  const ranking = fairtree().begin(views, NO_STANDINGS, after(0));
  ranking.charged(0, aNeed({ cpuMilli: 1_000, memMb: 0 }));
  ranking.charged(1, aNeed({ cpuMilli: 0, memMb: 3_000 }));
  const head = { id: jobId(1), submittedAt: after(0) };
  t.ok(ranking.score(0, head) > ranking.score(1, head), 'a cpu weighs as 4 GB');
});

t.test('the plugin: dominant shares unless told; negative weights are named', async (t) => {
  const options = (raw: Record<string, unknown>) => {
    const reader = new Reader(raw);
    return { options: fairtreePlugin.options(reader as OptionReader), problems: reader.problems };
  };
  t.strictSame(options({}), { options: FAIRTREE_OPTIONS, problems: [] });
  t.strictSame(options({ measure: 'weights', gpu_weight: 3 }).options, {
    measure: { kind: 'weights', weights: { ...RESOURCE_WEIGHTS, gpu: 3 } },
  });
  t.strictSame(
    options({ measure: 'size', cpu_weight: -1, gpu_weight: 'x' }).problems.map(({ path }) => path),
    ['measure', 'cpu_weight', 'gpu_weight'],
  );
  t.equal(fairtreePlugin.create(FAIRTREE_OPTIONS, {} as Host).name, 'fairtree');
});

/** Repeatable numbers in [0, 1). */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const POLICIES: readonly Policy[] = [fifo, fairshare(), fairtree(), drf];

for (const policy of POLICIES)
  t.test(
    `${policy.name}: the same snapshot gives the same plan, in whatever order it is listed`,
    async (t) => {
      for (let seed = 1; seed <= 12; seed++) {
        const pick = numbers(seed);
        const rows = Array.from({ length: 120 }, (_, n) => {
          const needs = aNeed({
            cpuMilli: 500 * (1 + pick(3)),
            memMb: 100 * (1 + pick(4)),
            gpus: pick(5) === 0 ? 1 : 0,
          });
          const owner = `user${pick(6)}`;
          return aRow(n + 1, {
            owner,
            project: `project${pick(3)}`,
            submittedAt: after(pick(9)),
            needs,
          });
        });
        const told: Told = {
          // Many ties: they must not depend on the order either.
          hours: Object.fromEntries(
            rows.map(({ owner, project }) => [`${owner}/${project}`, pick(2)]),
          ),
          prios: { user1: 0, user2: 100, project1: 25 },
        };
        const offers = Array.from({ length: 4 }, (_, n) =>
          anOffer(`o${n}`, { free: someFree({ cpuMilli: 9_000, memMb: 4_000, gpus: 2 }) }),
        );
        const planOf = (listed: readonly (typeof rows)[number][]) => {
          const queue = new PendingQueue();
          for (const row of listed) queue.add(row);
          return planCycle({
            queue,
            offers,
            policy,
            at: after(HOUR_MS),
            limits: { launchesMax: 50, shapesMax: 50 },
            standings: standingsOf(told),
          }).launches;
        };
        const shuffled = rows.map((row) => [pick(1_000), row] as const).sort(([a], [b]) => a - b);
        const first = planOf(rows);
        t.ok(first.length > 0);
        t.strictSame(planOf([...rows].reverse()), first, `seed ${seed}, backwards`);
        t.strictSame(planOf(shuffled.map(([, row]) => row)), first, `seed ${seed}, shuffled`);
      }
    },
  );
