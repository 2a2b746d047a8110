// Which running jobs are stopped for one that waits: the rules, and that they hold whatever runs.
import fc from 'fast-check';
import t from 'tap';
import {
  type PreemptionRules,
  type PreemptionView,
  preemptionFor,
  type Runner,
} from '../../src/core/preemption.js';
import type { AgentLoad } from '../../src/core/reservation.js';
import { agentId, instant, type JobId, jobId, userId } from '../../src/core/units.js';
import { aNeed, T0 } from './samples.js';

const RULES: PreemptionRules = { protectedShare: 1, differenceMin: 0.5, stopsMax: 10 };
const NOW = instant(T0 + 3_600_000);

interface Running {
  readonly id: number;
  readonly agent: string;
  readonly user: string;
  readonly cpus: number;
  /** Minutes ago. */
  readonly since?: number;
  readonly isLeaving?: boolean;
  readonly mayBeStopped?: boolean;
}

const needs = (cpus: number) => aNeed({ cpuMilli: cpus * 1_000, memMb: 1 });

/** A cluster with these agents and jobs; `waiting` are users who hold nothing. */
function aView(
  agents: Readonly<Record<string, number>>,
  running: readonly Running[],
  { waiting = [], prio = {} }: { waiting?: string[]; prio?: Readonly<Record<string, number>> } = {},
): PreemptionView {
  const loads = Object.entries(agents).map(
    ([agent, cpus]): AgentLoad => ({
      executor: 'mesos',
      host: agent,
      attributes: {},
      unavailableFrom: null,
      agentId: agentId(agent),
      total: { cpuMilli: cpus * 1_000, memMb: 64_000, gpus: 0, portsFree: 0, custom: {} },
      tasks: running
        .filter((job) => job.agent === agent)
        .map((job) => ({ jobId: jobId(job.id), needs: needs(job.cpus), endsAt: null })),
    }),
  );
  const runners = new Map<JobId, Runner>(
    running.map(({ id, user, cpus, since = 10, isLeaving = false, mayBeStopped = true }) => [
      jobId(id),
      {
        ...{ user: userId(user), needs: needs(cpus), isLeaving, mayBeStopped },
        startedAt: instant(NOW - since * 60_000),
      },
    ]),
  );
  const names = [...new Set([...waiting, ...running.map(({ user }) => user)])];
  const users = new Map(
    names.map((name) => {
      const own = running.filter(({ user, isLeaving }) => user === name && !isLeaving);
      const cpuMilli = own.reduce((sum, { cpus }) => sum + cpus * 1_000, 0);
      const held = { cpuMilli, memMb: own.length, gpus: 0 };
      return [userId(name), { held, prio: prio[name] ?? 50 }] as const;
    }),
  );
  return { loads, users, at: NOW, runner: (id) => runners.get(id) };
}

const winner = (user: string, cpus: number, notOn: string[] = []) => ({
  user: userId(user),
  notOn: new Set(notOn),
  demand: { needs: needs(cpus), constraints: [], executor: null },
});

const told = (found: ReturnType<typeof preemptionFor>) =>
  found === undefined ? undefined : [found.load.agentId, ...found.stops];

const fourOf = (user: string): Running[] =>
  [1, 2, 3, 4].map((id) => ({ id, agent: 'a1', user, cpus: 1, since: 100 - id }));

t.test('one who holds all gives up what the other is due, and what began last', async (t) => {
  const view = aView({ a1: 4 }, fourOf('anna'), { waiting: ['ben'] });
  t.same(told(preemptionFor(winner('ben', 1), view, RULES)), ['a1', 4]);
  t.same(told(preemptionFor(winner('anna', 1), view, RULES)), undefined, 'nobody for one’s own');
});

t.test('nobody is brought below the protected share', async (t) => {
  const view = aView({ a1: 4 }, fourOf('anna'), { waiting: ['ben'] });
  t.same(told(preemptionFor(winner('ben', 2), view, RULES)), undefined, 'both would have half');
  const kind = { ...RULES, differenceMin: 0 };
  t.same(told(preemptionFor(winner('ben', 2), view, kind)), ['a1', 4, 3]);
  t.same(told(preemptionFor(winner('ben', 3), view, kind)), undefined);
  t.same(
    told(preemptionFor(winner('ben', 1), view, { ...RULES, protectedShare: 1.6 })),
    undefined,
    'a site may protect more',
  );
});

t.test('what is due follows the priorities', async (t) => {
  const prio = { anna: 90, ben: 10 };
  const view = aView({ a1: 4 }, fourOf('anna'), { waiting: ['ben'], prio });
  t.same(told(preemptionFor(winner('ben', 1), view, RULES)), undefined);
  const other = aView({ a1: 4 }, fourOf('anna'), { waiting: ['ben'], prio: { ben: 90, anna: 0 } });
  t.same(told(preemptionFor(winner('ben', 1), other, RULES)), ['a1', 4]);
});

t.test(
  'one who has a share already gains nothing, nor one elsewhere than is free to',
  async (t) => {
    const ben = { id: 9, agent: 'a2', user: 'ben', cpus: 3 };
    const view = aView({ a1: 4, a2: 4 }, [...fourOf('anna'), ben], { waiting: ['carl', 'dora'] });
    t.same(told(preemptionFor(winner('ben', 1), view, { ...RULES, differenceMin: 0 })), undefined);
    t.same(told(preemptionFor(winner('carl', 1), view, RULES)), ['a2']);
    t.same(told(preemptionFor(winner('carl', 2), view, { ...RULES, differenceMin: 0 })), [
      'a1',
      4,
      3,
    ]);
    t.same(told(preemptionFor(winner('carl', 2, ['mesos']), view, RULES)), undefined);
  },
);

t.test('a round stops no more jobs than it may', async (t) => {
  const view = aView({ a1: 4 }, fourOf('anna'), { waiting: ['ben'] });
  const rules = { ...RULES, differenceMin: 0 };
  t.same(told(preemptionFor(winner('ben', 2), view, { ...rules, stopsMax: 1 })), undefined);
});

t.test('the agent where least work is lost', async (t) => {
  const running = [
    { id: 1, agent: 'a1', user: 'anna', cpus: 4, since: 600 },
    { id: 2, agent: 'a2', user: 'anna', cpus: 4, since: 5 },
    { id: 3, agent: 'a3', user: 'anna', cpus: 2, since: 200 },
    { id: 4, agent: 'a3', user: 'anna', cpus: 2, since: 1 },
  ];
  const view = aView({ a1: 4, a2: 4, a3: 4 }, running, { waiting: ['ben'] });
  t.same(told(preemptionFor(winner('ben', 4), view, RULES)), ['a2', 2]);
  t.same(told(preemptionFor(winner('ben', 2), view, RULES)), ['a3', 4]);
});

t.test('nobody is stopped where the large job alone would do', async (t) => {
  const running = [
    { id: 1, agent: 'a1', user: 'anna', cpus: 3, since: 60 },
    { id: 2, agent: 'a1', user: 'anna', cpus: 1, since: 1 },
  ];
  const view = aView(
    { a1: 4, a2: 8 },
    [...running, { id: 3, agent: 'a2', user: 'anna', cpus: 8 }],
    {
      waiting: ['ben'],
    },
  );
  t.same(told(preemptionFor(winner('ben', 3), view, RULES)), ['a1', 1]);
});

t.test('those who leave make room already; those who may not be stopped stay', async (t) => {
  const leaving = fourOf('anna').map((job) => ({ ...job, isLeaving: job.id === 2 }));
  t.same(
    told(preemptionFor(winner('ben', 1), aView({ a1: 4 }, leaving, { waiting: ['ben'] }), RULES)),
    ['a1'],
  );
  const firm = fourOf('anna').map((job) => ({ ...job, mayBeStopped: job.id < 3 }));
  t.same(
    told(preemptionFor(winner('ben', 1), aView({ a1: 4 }, firm, { waiting: ['ben'] }), RULES)),
    ['a1', 2],
  );
});

t.test('whatever runs: it then fits, nobody is stopped for nothing or below a bound', async (t) => {
  const aJob = fc.record({
    agent: fc.constantFrom('a1', 'a2', 'a3'),
    user: fc.constantFrom('anna', 'carl', 'dora'),
    cpus: fc.integer({ min: 1, max: 4 }),
    since: fc.integer({ min: 0, max: 500 }),
    mayBeStopped: fc.boolean(),
  });
  const sizes = { a1: 4, a2: 8, a3: 16 };
  let stopped = 0;
  fc.assert(
    fc.property(
      fc.array(aJob, { minLength: 12, maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom(0, 0.5, 1),
      fc.constantFrom(0, 0.25, 1),
      (drawn, cpus, protectedShare, differenceMin) => {
        const used = { a1: 0, a2: 0, a3: 0 };
        const running: Running[] = [];
        for (const job of drawn) {
          const agent = job.agent as keyof typeof used;
          if (used[agent] + job.cpus > sizes[agent]) continue;
          used[agent] += job.cpus;
          running.push({ ...job, id: running.length + 1 });
        }
        const view = aView(sizes, running, { waiting: ['ben'] });
        const rules = { protectedShare, differenceMin, stopsMax: 5 };
        const found = preemptionFor(winner('ben', cpus), view, rules);
        const shuffled = aView({ a3: 16, a1: 4, a2: 8 }, [...running].reverse(), {
          waiting: ['ben'],
        });
        const again = preemptionFor(winner('ben', cpus), shuffled, rules);
        if (JSON.stringify(told(found)) !== JSON.stringify(told(again))) return false;
        if (found === undefined || found.stops.length === 0) return true;
        stopped += 1;
        const agent = found.load.agentId as unknown as keyof typeof used;
        const stops = running.filter(({ id }) => found.stops.includes(jobId(id)));
        const free = sizes[agent] - used[agent];
        const freed = stops.reduce((sum, job) => sum + job.cpus, 0);
        const due = 28 / view.users.size;
        const bound = Math.max(protectedShare, cpus / due + differenceMin);
        const isAbove = stops.every(({ user }) => {
          const left = running.filter((job) => job.user === user && !stops.includes(job));
          return left.reduce((sum, job) => sum + job.cpus, 0) / due >= bound - 1e-9;
        });
        return (
          stops.length <= 5 &&
          stops.every((job) => job.agent === found.load.agentId && job.mayBeStopped === true) &&
          free + freed >= cpus &&
          stops.every((job) => free + freed - job.cpus < cpus) &&
          isAbove
        );
      },
    ),
    { numRuns: 2_000 },
  );
  t.ok(stopped > 50, `${stopped} draws in which somebody is stopped`);
});
