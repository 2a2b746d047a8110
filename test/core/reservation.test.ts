import fc from 'fast-check';
import t from 'tap';
import type { Allowance } from '../../src/core/allowance.js';
import { type CycleInput, type Plan, planCycle } from '../../src/core/cycle.js';
import { fairshare } from '../../src/core/fairshare.js';
import type { Offer } from '../../src/core/matching.js';
import { fifo, type Policy } from '../../src/core/policy.js';
import { PendingQueue, type QueueRow } from '../../src/core/queue.js';
import {
  type AgentLoad,
  type AgentTask,
  earliest,
  forecast,
  type Reservation,
} from '../../src/core/reservation.js';
import { agentId, type Instant, instant, jobId } from '../../src/core/units.js';
import { DAY_MS } from '../../src/core/usage.js';
import { UsageBook } from '../../src/core/usage-book.js';
import { after, aNeed, anOffer, aRow, SEED, someFree } from './samples.js';

const AFTER_MS = 600_000;
/** The samples' jobs were submitted in the first seconds, so that all of them have waited long enough. */
const NOW = after(2 * AFTER_MS);
const later = (ms: number): Instant => instant(NOW + ms);
const LIMITS = { launchesMax: 1_000, shapesMax: 1_000 };
const cpus = (count: number) => aNeed({ cpuMilli: count * 1_000 });

const aTask = (id: number, count: number, endsAt: Instant | null = null): AgentTask => ({
  jobId: jobId(id),
  needs: cpus(count),
  endsAt,
});

const aLoad = (agent: string, count: number, tasks: readonly AgentTask[] = []): AgentLoad => ({
  executor: 'mesos',
  host: `host-${agent}`,
  attributes: {},
  unavailableFrom: null,
  agentId: agentId(agent),
  total: { cpuMilli: count * 1_000, memMb: 64_000, gpus: 0, portsFree: 0, custom: {} },
  tasks,
});

/** What is free of an agent as its offer. */
const offerOf = (load: AgentLoad): Offer => {
  const used = load.tasks.reduce((sum, { needs }) => sum + needs.cpuMilli, 0);
  const free = someFree({ cpuMilli: load.total.cpuMilli - used, memMb: 32_000 });
  return anOffer(`o-${load.agentId}`, { agent: load.agentId, free });
};

interface Given {
  readonly made?: readonly Reservation[];
  readonly policy?: Policy;
  readonly at?: Instant;
  readonly allowance?: Allowance;
  /** Those of which something is offered; absent: all with something free. */
  readonly offers?: readonly Offer[];
}

function plan(
  rows: readonly QueueRow[],
  loads: readonly AgentLoad[],
  { made = [], policy = fifo, at = NOW, offers, allowance }: Given = {},
): Plan {
  const queue = new PendingQueue();
  for (const row of rows) queue.add(row);
  const input: CycleInput = {
    queue,
    offers: offers ?? loads.map(offerOf).filter(({ free }) => free.cpuMilli > 0),
    policy,
    at,
    limits: LIMITS,
    allowance,
    reserving: {
      afterMs: AFTER_MS,
      made,
      agent: (_executor, id) => loads.find((load) => load.agentId === id),
      agents: () => loads,
    },
  };
  return planCycle(input);
}

const idsOf = ({ launches }: Plan): number[] => launches.map((launch) => launch.jobId);

t.test('a job starts where the tasks in its way end first', async (t) => {
  const loads = [
    aLoad('a1', 8, [aTask(1, 8, later(9_000))]),
    aLoad('a2', 8, [aTask(2, 4, later(5_000)), aTask(3, 4, later(7_000))]),
    aLoad('a3', 4),
  ];
  const found = (count: number) => {
    const choice = earliest({ needs: cpus(count), constraints: [], executor: null }, loads, NOW);
    return choice && [choice.load.agentId, choice.forecast.startsAt];
  };
  t.same(found(2), ['a3', NOW]);
  t.same(found(5), ['a2', later(7_000)]);
  t.equal(found(9), undefined, 'no agent is so large');
});

t.test('where no end is known it is the agent that lacks least', async (t) => {
  const loads = [
    aLoad('a1', 8, [aTask(1, 6)]),
    aLoad('a2', 8, [aTask(2, 1), aTask(3, 1)]),
    aLoad('a3', 8, [aTask(4, 8, later(10 ** 9))]),
  ];
  const choose = (among: readonly AgentLoad[]) =>
    earliest({ needs: cpus(8), constraints: [], executor: null }, among, NOW);
  t.equal(choose(loads)?.load.agentId, 'a3', 'a known end is sooner than an unknown one');
  t.equal(choose(loads.slice(0, 2))?.load.agentId, 'a2');
  t.equal(choose(loads.slice(0, 2))?.forecast.startsAt, null);
});

t.test('beside a job is free what the tasks that may stay leave over', async (t) => {
  const load = aLoad('a1', 8, [aTask(1, 2, later(1_000)), aTask(2, 4), aTask(3, 1)]);
  t.match(forecast(load, cpus(3), NOW), { startsAt: later(1_000), beside: { cpuMilli: 0 } });
  t.match(forecast(load, cpus(6), NOW), { startsAt: null, beside: { cpuMilli: 1_000 } });
  t.match(forecast(load, cpus(1), NOW), { startsAt: NOW, beside: { cpuMilli: 0 } });
});

t.test('an agent before a window is none for a job that would overlap it', async (t) => {
  const busy = { ...aLoad('a1', 8, [aTask(1, 8, later(60_000))]) };
  const shut = { ...busy, unavailableFrom: later(600_000) };
  const demand = { needs: cpus(8), constraints: [], executor: null, lifespanMs: 540_000 };
  t.equal(earliest(demand, [busy], NOW)?.load.agentId, 'a1');
  t.equal(
    earliest(demand, [shut], NOW),
    undefined,
    'it would end a minute after the window begins',
  );
  t.equal(earliest({ ...demand, lifespanMs: 400_000 }, [shut], NOW)?.load.agentId, 'a1');
});

t.test('small jobs overtake a large one until it has waited long enough', async (t) => {
  const loads = [aLoad('a1', 8, [aTask(90, 7)])];
  const rows = [aRow(1, { needs: cpus(8) }), aRow(2, { owner: 'anna' })];
  const early = plan(rows, loads, { at: after(AFTER_MS) });
  t.same(idsOf(early), [2]);
  t.same(early.reservations, []);
  const late = plan(rows, loads);
  t.same(idsOf(late), []);
  t.match(late.reservations, [
    { jobId: 1, agentId: 'a1', executor: 'mesos', startsAt: null, hasRefused: true },
  ]);
  const told = [...late.obstacles.values()];
  t.same(told[1], [{ code: 'reserved-for', agents: 1, until: null }]);
  t.notMatch(JSON.stringify(told), /jobId/, 'whose job it is, is nobody’s business');
});

t.test(
  'in its shade run those that are surely over before, and those that fit beside',
  async (t) => {
    const loads = [aLoad('a1', 16, [aTask(90, 8, later(3_600_000))])];
    const rows = [
      aRow(1, { needs: cpus(12) }),
      aRow(2, { needs: cpus(2), owner: 'ends', lifespanMs: 3_000_000 }),
      aRow(3, { needs: cpus(2), owner: 'ends-late', lifespanMs: 3_600_000 }),
      aRow(4, { needs: cpus(3), owner: 'beside' }),
      aRow(5, { needs: cpus(3), owner: 'beside-too' }),
    ];
    const made = plan(rows, loads);
    // 16 - 12 = 4 cpus are free beside it: two are the third job's, and then three are too many.
    t.same(idsOf(made), [2, 3]);
    t.match(made.reservations, [{ jobId: 1, startsAt: later(3_600_000) }]);
  },
);

t.test('a reservation that was in nobody’s way is not settled', async (t) => {
  const loads = [aLoad('a1', 8, [aTask(90, 7)]), aLoad('a2', 4)];
  const made = plan([aRow(1, { needs: cpus(8) }), aRow(2)], loads, {
    offers: [offerOf(loads[1] as AgentLoad)],
  });
  t.same(idsOf(made), [2]);
  t.match(made.reservations, [{ jobId: 1, agentId: 'a1', hasRefused: false }]);
  const sooner = aLoad('a0', 8, [aTask(91, 8, later(1_000))]);
  const next = plan([aRow(1, { needs: cpus(8) })], [...loads, sooner], {
    made: made.reservations,
  });
  t.match(next.reservations, [{ jobId: 1, agentId: 'a0' }]);
});

t.test('the room goes to the job it is kept for, whoever stands before it', async (t) => {
  const loads = [aLoad('a1', 8)];
  const rows = [aRow(1, { needs: cpus(8), owner: 'anna' }), aRow(2, { needs: cpus(8) })];
  const made = [
    { jobId: jobId(2), tenant: { user: rows[1]?.owner, project: rows[1]?.project } },
  ].map((one) => ({
    ...one,
    executor: 'mesos',
    agentId: agentId('a1'),
    startsAt: null,
    hasRefused: true,
  }));
  const next = plan(rows, loads, { made: made as Reservation[] });
  t.same(idsOf(next), [2]);
  t.same(next.reservations, []);
});

t.test('of one account’s equal jobs the first gets the room, if it comes back late', async (t) => {
  const { owner: user, project } = aRow(2);
  const made: Reservation[] = [
    {
      jobId: jobId(2),
      tenant: { user, project },
      executor: 'mesos',
      agentId: agentId('a1'),
      startsAt: null,
      hasRefused: true,
    },
  ];
  const rows = [aRow(1, { needs: cpus(8) }), aRow(2, { needs: cpus(8) })];
  const blocked = plan(rows, [aLoad('a1', 8, [aTask(90, 1)])], { made });
  t.same(idsOf(blocked), []);
  t.match(blocked.reservations, [{ jobId: 1, hasRefused: true }]);
  t.same(idsOf(plan(rows, [aLoad('a1', 8)], { made })), [1]);
});

t.test('a reservation ends with its job, and moves when its agent has gone', async (t) => {
  const tenant = { user: aRow(1).owner, project: aRow(1).project };
  const made: Reservation[] = [
    {
      jobId: jobId(1),
      tenant,
      executor: 'mesos',
      agentId: agentId('a1'),
      startsAt: null,
      hasRefused: true,
    },
  ];
  const busy = aLoad('a2', 8, [aTask(90, 7)]);
  t.same(plan([aRow(2)], [busy], { made }).reservations, []);
  const rows = [aRow(1, { needs: cpus(8) }), aRow(2, { owner: 'anna' })];
  t.match(plan(rows, [busy], { made }).reservations, [{ jobId: 1, agentId: 'a2' }]);
  t.same(plan(rows, [busy], { made, offers: [] }).reservations, made, 'without offers all stays');
});

t.test('each executor keeps room for one job at most', async (t) => {
  const loads = [aLoad('a1', 8, [aTask(90, 7)]), aLoad('a2', 8, [aTask(91, 7)])];
  const rows = [
    aRow(1, { needs: cpus(8) }),
    aRow(2, { needs: cpus(7), owner: 'carl' }),
    aRow(3, { owner: 'anna' }),
    aRow(4, { owner: 'dora' }),
  ];
  const made = plan(rows, loads);
  t.match(made.reservations, [{ jobId: 1 }]);
  t.equal(made.reservations.length, 1);
  t.same(idsOf(made), [3]);
});

t.test('a job that a limit holds keeps no room from others', async (t) => {
  const loads = [aLoad('a1', 8, [aTask(90, 7)])];
  const rows = [aRow(1, { needs: cpus(8) }), aRow(2, { owner: 'anna' })];
  const before = plan(rows, loads);
  t.same(idsOf(before), []);
  const held = plan(rows, loads, {
    made: before.reservations,
    allowance: {
      denial: ({ user }) =>
        user === 'bob' ? { kind: 'wait', obstacle: { code: 'no-offers' }, isForAll: true } : null,
      taken: () => {},
    },
  });
  t.same(idsOf(held), [2]);
  t.same(held.reservations, []);
});

// ---- no starvation

interface Small {
  readonly cpus: number;
  readonly runsMs: number;
  readonly hasLifespan: boolean;
}

const STEP_MS = 10_000;
const RUNS_MS_MAX = 300_000;

const backlogOf = (agents: number): number => 8 * agents + 10;

/** Agents of eight cpus, always more small jobs than fit, and one job that needs a whole agent. When does that start? */
function startOfLarge(
  smalls: readonly Small[],
  { agents, policy, isReserving }: { agents: number; policy: Policy; isReserving: boolean },
): number | null {
  const queue = new PendingQueue();
  const ends = new Map<number, { readonly load: number; readonly at: number; task: AgentTask }>();
  let made: readonly Reservation[] = [];
  let at = after(0);
  const usage = new UsageBook({ kind: 'half-life', halfLifeMs: DAY_MS }, 60_000);
  usage.load([], [], at);
  let submitted = 0;
  const spans = new Map<number, Small>();
  const rows = new Map<number, QueueRow>();
  const submit = (): void => {
    const small = smalls[submitted % smalls.length] as Small;
    submitted++;
    const id = 1_000 + submitted;
    spans.set(id, small);
    const lifespanMs = small.hasLifespan ? small.runsMs : null;
    const part = { needs: cpus(small.cpus), lifespanMs, owner: `user${submitted % 3}` };
    const row = { ...aRow(id, part), submittedAt: at };
    rows.set(id, row);
    queue.add(row);
  };
  const loads = (): AgentLoad[] =>
    Array.from({ length: agents }, (_, n) =>
      aLoad(
        `a${n}`,
        8,
        [...ends.values()].filter(({ load }) => load === n).map(({ task }) => task),
      ),
    );
  for (let step = 0; step < 1_000; step++, at = instant(at + STEP_MS)) {
    usage.moveTo(at);
    for (const [id, end] of ends)
      if (end.at <= at) {
        ends.delete(id);
        const { runsMs: usedMs } = spans.get(id) as Small;
        usage.settle({ ...(rows.get(id) as QueueRow), usedMs, endedAt: at });
      }
    while (queue.size < backlogOf(agents)) submit();
    if (step === 30) queue.add({ ...aRow(1, { needs: cpus(8), owner: 'large' }), submittedAt: at });
    const now = loads();
    const planned = planCycle({
      queue,
      offers: now.map(offerOf).filter(({ free }) => free.cpuMilli > 0),
      policy,
      standings: usage,
      at,
      limits: LIMITS,
      ...(isReserving
        ? {
            reserving: {
              afterMs: AFTER_MS,
              made,
              agent: (_executor: string, id: string) => now.find((load) => load.agentId === id),
              agents: () => now,
            },
          }
        : {}),
    });
    made = planned.reservations;
    for (const launch of planned.launches) {
      queue.remove(launch.jobId);
      if (launch.jobId === 1) return (step - 30) * STEP_MS;
      const small = spans.get(launch.jobId) as Small;
      usage.charge({ ...(rows.get(launch.jobId) as QueueRow), startedAt: at });
      const endsAt = small.hasLifespan ? instant(at + small.runsMs) : null;
      ends.set(launch.jobId, {
        load: Number(launch.agentId.slice(1)),
        at: at + small.runsMs,
        task: { jobId: launch.jobId, needs: cpus(small.cpus), endsAt },
      });
    }
  }
  return null;
}

const STEADY: readonly Small[] = [20, 50, 90, 140].map((seconds) => ({
  cpus: 1,
  runsMs: seconds * 1_000,
  hasLifespan: false,
}));

t.test(
  'without reservations a large job waits for ever behind a stream of small ones',
  async (t) => {
    t.equal(startOfLarge(STEADY, { agents: 3, policy: fairshare(), isReserving: false }), null);
  },
);

t.test(
  'nobody starves: a large job starts once those that ran when it got its agent are over',
  async (_t) => {
    const small = fc.record({
      cpus: fc.integer({ min: 1, max: 4 }),
      runsMs: fc.integer({ min: 1, max: RUNS_MS_MAX / STEP_MS }).map((steps) => steps * STEP_MS),
      hasLifespan: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(small, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(fifo, fairshare()),
        (smalls, agents, policy) => {
          const waitedMs = startOfLarge(smalls, { agents, policy, isReserving: true });
          // A reservation that is in force when its turn comes, and its own; by fifo also those of jobs before it.
          const turns = 2 + (policy === fifo ? backlogOf(agents) : 0);
          return waitedMs !== null && waitedMs <= AFTER_MS + turns * (RUNS_MS_MAX + 2 * STEP_MS);
        },
      ),
      { seed: SEED, numRuns: 40 },
    );
  },
);
