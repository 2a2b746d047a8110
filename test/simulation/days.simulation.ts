// Random histories of the whole scheduler: seeds 1 to 1,000, or SEEDS=10000 of them, or SEED=17 alone.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { FAULTS } from './faults.js';
import { report, type Summary, summary } from './summary.js';
import { simulate } from './world.js';

const { SEED, SEEDS } = process.env;
/** The same ones on every machine: a suite that passes here passes elsewhere. */
const SEEDS_USUAL = 1_000;
const THREADS_MAX = 8;

t.setTimeout(3_600_000);

/** Plays histories on all cores; tells of each as it ends. */
async function playAll(
  next: () => number | undefined,
  tell: (one: Summary) => void,
): Promise<void> {
  const thread = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL('./seed-worker.js', import.meta.url));
      const go = () => {
        const seed = next();
        if (seed === undefined) void worker.terminate().then(() => resolve());
        else worker.postMessage(seed);
      };
      worker.on('message', (one: Summary) => {
        tell(one);
        go();
      });
      worker.on('error', reject);
      go();
    });
  const threads = Math.min(THREADS_MAX, availableParallelism());
  await Promise.all(Array.from({ length: threads }, thread));
}

function figures(all: readonly Summary[], wallMs: number): string[] {
  const sum = (of: (one: Summary) => number) => all.reduce((total, one) => total + of(one), 0);
  const agentHours = sum((one) => one.agentHours);
  const faults = FAULTS.map(({ name }) => {
    const times = sum((one) => one.faults.find(([fault]) => fault === name)?.[1] ?? 0);
    return `${name}: ${times} times`;
  });
  const perSecond = Math.round((10_000 * agentHours) / wallMs) / 10;
  return [
    `${all.length} histories, ${sum((one) => one.jobs)} jobs, ${sum((one) => one.launches)} launches, ${sum((one) => one.stops)} stopped for other jobs`,
    `${Math.round(agentHours)} agent-hours in ${Math.round(wallMs / 1_000)} s: ${perSecond} a second`,
    ...faults,
  ];
}

/** Shown by name, below the test itself. */
const told: string[] = [];

if (SEED !== undefined)
  await t.test(`the history of seed ${SEED}`, async (test) => {
    const one = summary(await simulate({ seed: Number(SEED) }));
    test.same(
      one.breaches,
      [],
      one.breaches.length > 0 ? report(one) : 'nothing is lost or doubled',
    );
  });
else
  await t.test(
    'whatever happens, each job runs once and ends once',
    { timeout: 3_600_000 },
    async (test) => {
      const startedMs = performance.now();
      const all: Summary[] = [];
      let last = 0;
      const seeds = SEEDS === undefined ? SEEDS_USUAL : Number(SEEDS);
      await playAll(
        () => {
          if (last >= seeds) return undefined;
          last += 1;
          return last;
        },
        (one) => {
          all.push(one);
          if (one.breaches.length > 0) test.fail(report(one));
        },
      );
      told.push(...figures(all, performance.now() - startedMs));
      test.same(
        all.filter(({ breaches }) => breaches.length > 0).map(({ seed }) => seed),
        [],
        'no seed shows a breach',
      );
    },
  );

for (const line of told) t.pass(line);
