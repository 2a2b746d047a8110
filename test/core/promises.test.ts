// What holds for every site and every history: no limit or quota is ever passed, nobody starves, and what is decided depends on
// nothing but what is. Arrays, limits, quotas, queues, reservations and failures all at once, under each policy.
import fc from 'fast-check';
import t from 'tap';
import { drf } from '../../src/core/drf.js';
import { fairshare } from '../../src/core/fairshare.js';
import { fairtree } from '../../src/core/fairtree.js';
import type { Plan } from '../../src/core/plan.js';
import { fifo } from '../../src/core/policy.js';
import {
  AGENT_CPUS,
  type CentreRules,
  type Handed,
  LittleCentre,
  type Mix,
  PROJECTS,
  RESERVATION_AFTER_MS,
  STEP_MS,
  USERS,
} from './little-centre.js';
import { SEED } from './samples.js';

const RUNS_STEPS_MAX = 12;
const policies = [fifo, fairshare(), fairtree(), drf];

const someHanded: fc.Arbitrary<Handed> = fc
  .record({
    user: fc.constantFrom(...USERS),
    project: fc.constantFrom(...PROJECTS),
    cpus: fc.constantFrom(1, 1, 2, 3, AGENT_CPUS),
    runsMs: fc.integer({ min: 1, max: RUNS_STEPS_MAX }).map((steps) => steps * STEP_MS),
    hasLifespan: fc.boolean(),
    isQueued: fc.boolean(),
    size: fc.constantFrom(null, null, 1, 3, 7),
    limit: fc.option(fc.integer({ min: 1, max: 3 }), { nil: null }),
  })
  .map((one) => (one.size === null ? { ...one, limit: null } : one));

const maybe = (max: number) => fc.option(fc.integer({ min: 1, max }), { nil: null });
const bound = (max: number) => fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat({ max }));
const someQuotas = fc.option(
  fc.record({ time: bound(4_000), cpu: bound(60), ram: bound(10), cpuHours: bound(3) }),
  { nil: null },
);
const someRules = (quotas: fc.Arbitrary<CentreRules['quotas']>): fc.Arbitrary<CentreRules> =>
  fc.record({
    agents: fc.integer({ min: 1, max: 3 }),
    policy: fc.constantFrom(...policies),
    limits: fc.record({
      running: fc.record({ user: maybe(5), project: maybe(6), executor: maybe(9) }),
      queues: fc
        .tuple(maybe(3), maybe(2), fc.constantFrom(0, 50, 100))
        .map(([maxRunning, maxRunningPerUser, priority]) => [
          { name: 'q', priority, maxRunning, maxRunningPerUser },
        ]),
    }),
    quotas,
  });

/** What happens in one step: something is handed in, some job fails, somebody else takes the lead. */
const someStep = fc.record({
  handed: fc.array(someHanded, { maxLength: 2 }),
  fails: fc.option(fc.nat({ max: 30 }), { nil: null, freq: 4 }),
  takesOver: fc.constantFrom(false, false, false, true),
});
const someSteps = fc.array(someStep, { minLength: 15, maxLength: 40, size: 'max' });

function step(
  centre: LittleCentre,
  one: typeof someStep extends fc.Arbitrary<infer S> ? S : never,
) {
  for (const handed of one.handed) centre.hand(handed);
  if (one.takesOver) centre.takeOver();
}

/** Plans, checks, carries out, lets time go by. */
function goOn(centre: LittleCentre, fails: number | null = null): Plan {
  const plan = centre.plan();
  const passed = centre.passedQuotas(plan);
  centre.carryOut(plan);
  const breaches = [...passed, ...centre.breaches()];
  if (breaches.length > 0) throw new Error(`at ${centre.at}: ${breaches.join('; ')}`);
  const ids = [...centre.live.keys()];
  const failing = fails === null ? undefined : ids[fails % Math.max(1, ids.length)];
  centre.pass((id) => id === failing);
  return plan;
}

t.test('no history passes a limit of an array, of running jobs, or a quota', async (t) => {
  const seen = { launches: 0, refusals: 0, holds: 0 };
  const check = fc.property(someRules(someQuotas), someSteps, (rules, steps) => {
    const centre = new LittleCentre(rules);
    for (const one of steps) {
      step(centre, one);
      const { launches, refusals, holds } = goOn(centre, one.fails);
      seen.launches += launches.length;
      seen.refusals += refusals.length;
      seen.holds += holds.length;
    }
  });
  fc.assert(check, { seed: SEED, numRuns: 40 });
  t.comment(JSON.stringify(seen));
  t.ok(seen.launches > 500 && seen.refusals > 30 && seen.holds > 300, 'it was tried');
});

t.test('nobody starves: all that could run on an empty cluster has run in the end', async (t) => {
  let large = 0;
  const check = fc.property(someRules(fc.constant(null)), someSteps, (rules, steps) => {
    const centre = new LittleCentre(rules);
    for (const one of steps) {
      step(centre, one);
      goOn(centre, one.fails);
    }
    // From here on nothing is handed in and nothing fails. Something runs at any time, or is about to: at worst one job after the
    // other, each as long as it may; and room is kept at most once for a while before each of them.
    const left = [...centre.waiting.values()];
    large += left.filter(({ needs }) => needs.cpuMilli === AGENT_CPUS * 1_000).length;
    const stepsMax = (left.length + centre.live.size + 1) * (RUNS_STEPS_MAX + 1);
    for (let n = 0; n < stepsMax && centre.waiting.size > 0; n++) goOn(centre);
    if (centre.waiting.size > 0)
      throw new Error(`${[...centre.waiting.keys()]} still wait after ${stepsMax} steps`);
  });
  fc.assert(check, { seed: SEED, numRuns: 40 });
  t.ok(large > 30, `${large} jobs needed a whole agent`);
});

t.test('nobody starves in a stream of others: a bounded wait under each policy', async () => {
  const arrays = fc.record({ size: fc.constantFrom(null, 4), limit: maybe(3) });
  const small = fc
    .tuple(someHanded, arrays)
    .map(([one, array]) => ({ ...one, ...array, cpus: Math.min(one.cpus, 3), isQueued: false }))
    .map((one) => (one.size === null ? { ...one, limit: null } : one));
  const check = fc.property(
    fc.array(small, { minLength: 2, maxLength: 8 }),
    fc.integer({ min: 1, max: 2 }),
    fc.constantFrom(...policies),
    (smalls, agents, policy) => {
      const running = { user: null, project: null, executor: null };
      const centre = new LittleCentre({
        agents,
        policy,
        limits: { running, queues: [] },
        quotas: null,
      });
      const backlog = 4 * AGENT_CPUS * agents;
      let handed = 0;
      const feed = (): void => {
        while (centre.waiting.size < backlog) {
          const one = smalls[handed++ % smalls.length];
          if (one !== undefined) centre.hand(one);
        }
      };
      const large = { ...(smalls[0] as Handed), user: 'large', project: 'large', size: null };
      for (let n = 0; n < 5; n++) {
        feed();
        goOn(centre);
      }
      const before = new Set(centre.waiting.keys());
      centre.hand({ ...large, limit: null, cpus: AGENT_CPUS });
      const id = [...centre.waiting.keys()].find((one) => !before.has(one));
      // By fifo those that were there before have their turn before; each has room kept for it at most once, for at most
      // two rounds of what ran there.
      const turns = 2 + (policy === fifo ? before.size : 0);
      const stepsMax = RESERVATION_AFTER_MS / STEP_MS + turns * (RUNS_STEPS_MAX + 2);
      for (let n = 0; n < stepsMax; n++) {
        feed();
        goOn(centre);
        if (id !== undefined && !centre.waiting.has(id)) return;
      }
      throw new Error(`under ${policy.name} the large job waits after ${stepsMax} steps`);
    },
  );
  fc.assert(check, { seed: SEED, numRuns: 40 });
});

t.test('the same snapshot gives the same plan, in whatever order it is listed', async (t) => {
  let kept = 0;
  const check = fc.property(
    someRules(someQuotas),
    someSteps,
    fc.infiniteStream(fc.nat({ max: 1_000_000 })),
    (rules, steps, numbers) => {
      const mix: Mix = (items) =>
        items
          .map((item) => ({ item, at: numbers.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ item }) => item);
      const centre = new LittleCentre(rules);
      for (const one of steps) {
        step(centre, one);
        const [plan, mixed] = [said(centre.plan()), said(centre.plan(mix))];
        if (plan !== mixed) throw new Error(`${plan}\nis not\n${mixed}`);
        kept += goOn(centre, one.fails).reservations.length;
      }
    },
  );
  fc.assert(check, { seed: SEED, numRuns: 40 });
  t.ok(kept > 30, `room was kept ${kept} times`);
});

/** All of a plan but what names things by the order in which they were met. */
function said({ launches, obstacles, refusals, holds, reservations, idleOffers }: Plan): string {
  return JSON.stringify({
    launches,
    refusals,
    reservations,
    idleOffers,
    obstacles: [...obstacles.values()].map((list) => JSON.stringify(list)).sort(),
    holds: holds
      .map(({ account: _, shape, ...rest }) => JSON.stringify({ ...rest, needs: shape?.needs }))
      .sort(),
  });
}
