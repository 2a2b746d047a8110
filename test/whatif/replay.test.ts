import t from 'tap';
import { drf } from '../../src/core/drf.js';
import { fairshare } from '../../src/core/fairshare.js';
import { fifo } from '../../src/core/policy.js';
import { NO_NEEDS } from '../../src/core/resources.js';
import { figuresOf, quantile } from '../../src/whatif/figures.js';
import { htmlOf } from '../../src/whatif/html.js';
import { evenParts, jain } from '../../src/whatif/observer.js';
import { type ReplayRules, replay } from '../../src/whatif/replay.js';
import { span, tableOf } from '../../src/whatif/table.js';
import { type TraceJob, traceOf } from '../../src/whatif/trace.js';

const MINUTE = 60_000;
const CLUSTER = { agents: 2, cpuMilli: 4_000, memMb: 8_000, gpus: 0 };
const RULES: ReplayRules = {
  policy: fifo,
  usage: { kind: 'half-life', halfLifeMs: 86_400_000 },
  advanceMs: MINUTE,
  reservationAfterMs: 10 * MINUTE,
};

const aJob = (user: string, submittedMs: number, cpus: number, runMs = MINUTE) => ({
  user,
  project: 'default',
  submittedMs,
  runMs,
  needs: { ...NO_NEEDS, cpuMilli: cpus * 1_000 },
  lifespanMs: null,
});

const run = (jobs: readonly Omit<TraceJob, 'id'>[], rules: Partial<ReplayRules> = {}) =>
  replay(traceOf(jobs, 0), CLUSTER, { ...RULES, ...rules });

t.test('jobs wait for room, and their figures are those of a calculation by hand', async (t) => {
  const made = run([aJob('a', 0, 4), aJob('b', 0, 4), aJob('a', 0, 4), aJob('b', 0, 9)]);
  t.match(
    made.jobs.map(({ job, waitedMs, endedMs }) => [job.id, waitedMs, endedMs]),
    [
      [1, 0, MINUTE],
      [2, 0, MINUTE],
      [3, MINUTE, 2 * MINUTE],
    ],
  );
  t.match(figuresOf(made, CLUSTER), {
    jobs: 3,
    impossible: 1,
    waitMs: { median: 0, p95: MINUTE, max: MINUTE },
    utilisation: 0.75,
    makespanMs: 2 * MINUTE,
    largest: { cpuMilli: 4_000, waitedMs: MINUTE },
  });
});

t.test(
  'one user submits a hundred jobs, then another one: who is next is the policy’s',
  async (t) => {
    const jobs = [...Array.from({ length: 100 }, () => aJob('a', 0, 1)), aJob('b', 1_000, 1)];
    const waitOfB = (policy: ReplayRules['policy']) =>
      run(jobs, { policy }).jobs.find(({ job }) => job.user === 'b')?.waitedMs;
    t.equal(waitOfB(fairshare()), MINUTE - 1_000);
    t.equal(waitOfB(drf), MINUTE - 1_000);
    t.equal(waitOfB(fifo), 12 * MINUTE - 1_000);
  },
);

t.test('a large job does not starve, and without reservations it does', async (t) => {
  const small = Array.from({ length: 600 }, (_, n) => aJob('small', n * 15_000, 2, 80_000));
  const jobs = [...small, aJob('large', 5 * MINUTE, 4)];
  const waited = (reservationAfterMs: number | null) =>
    run(jobs, { policy: fairshare(), reservationAfterMs }).jobs.find(
      ({ job }) => job.user === 'large',
    )?.waitedMs ?? 0;
  t.ok(waited(10 * MINUTE) <= 12 * MINUTE, `${waited(10 * MINUTE)} ms`);
  t.ok(waited(null) > 100 * MINUTE, `${waited(null)} ms`);
});

t.test('the same trace gives the same replay', async (t) => {
  const jobs = Array.from({ length: 60 }, (_, n) => aJob(`u${n % 3}`, n * 999, 1 + (n % 4)));
  t.strictSame(run(jobs, { policy: fairshare() }), run(jobs, { policy: fairshare() }));
});

t.test('what users are due of a whole: even, to nobody more than wanted', async (t) => {
  t.same(evenParts([5, 1, 5], 7), [3, 1, 3]);
  t.same(evenParts([5, 1], 100), [5, 1]);
  t.same(evenParts([], 3), []);
});

t.test('Jain’s index', async (t) => {
  t.equal(jain([2, 2, 2]), 1);
  t.equal(jain([1, 0, 0, 0]), 0.25);
  t.equal(jain([0, 0]), 1);
});

t.test('quantiles and spans for people', async (t) => {
  t.equal(quantile([1, 2, 3, 4], 0.5), 2);
  t.equal(quantile([], 0.5), 0);
  t.same([12_000, 250_000, 3_900_000, 183_600_000].map(span), ['12s', '4m10s', '1h05m', '2d03h']);
});

t.test('a table and a page, in which names are only text', async (t) => {
  const made = run([...Array.from({ length: 90 }, (_, n) => aJob('<script>', n * 1_000, 2))]);
  const figures = figuresOf(made, CLUSTER);
  t.match(tableOf([figures]), /^policy .*\nfifo +90 /);
  const page = htmlOf({ title: 'a & b', cpuMilli: 8_000, replays: [{ replay: made, figures }] });
  t.match(page, /<svg .*<polygon .*<\/svg>/s);
  t.notMatch(page, /<script|https?:/, 'nothing runs, nothing is loaded');
  t.match(page, '<h1>a &#38; b</h1>');
});
