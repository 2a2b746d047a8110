// Limits and quotas in the cycle: what is held back, what ends, and that no history passes any of them.
import fc from 'fast-check';
import t from 'tap';
import type { Allowance } from '../../src/core/allowance.js';
import { type CycleInput, type Plan, planCycle } from '../../src/core/cycle.js';
import { LimitBook, type LimitRules } from '../../src/core/limit-book.js';
import type { Offer } from '../../src/core/matching.js';
import { fifo } from '../../src/core/policy.js';
import { PendingQueue, type QueueRow } from '../../src/core/queue.js';
import { isPassed, QUOTA_NAMES, type Quotas } from '../../src/core/quota.js';
import { type Instant, instant, jobId, projectId, userId } from '../../src/core/units.js';
import {
  added,
  DAY_MS,
  type DayUse,
  dayOf,
  NO_USE,
  type Sums,
  sumsOf,
} from '../../src/core/usage.js';
import { aNeed, anOffer, aRow, SEED, someFree, T0 } from './samples.js';

const RULES: LimitRules = {
  running: { user: null, project: null, executor: null },
  queues: [],
  period: { kind: 'window', days: 2 },
  advanceMs: 600_000,
};
const NO_QUOTA: Quotas = { time: 0, cpu: 0, ram: 0 };
const bob = userId('bob');

const queueOf = (rows: readonly QueueRow[]): PendingQueue => {
  const queue = new PendingQueue();
  for (const row of rows) queue.add(row);
  return queue;
};
const plan = (
  queue: PendingQueue,
  allowance: Allowance | undefined,
  part: Partial<CycleInput> = {},
): Plan =>
  planCycle({
    queue,
    offers: [anOffer('o1', { free: someFree({ cpuMilli: 100_000, memMb: 100_000 }) })],
    policy: fifo,
    at: T0,
    limits: { launchesMax: 1_000, shapesMax: 1_000 },
    defaultExecutor: 'mesos',
    allowance,
    ...part,
  });
const ids = (made: Plan): number[] => made.launches.map((launch) => launch.jobId);
const holder = (id: number, part: { readonly project?: string; readonly queue?: string } = {}) => ({
  id: jobId(id),
  user: bob,
  project: projectId(part.project ?? 'default'),
  queue: part.queue ?? null,
  executor: 'mesos',
  needs: aNeed(),
  startedAt: T0,
});

t.test('a site that bounds nothing asks nothing', async (t) => {
  t.equal(new LimitBook(RULES).allowanceAt(T0), undefined);
});

t.test('what runs and what the cycle places count together', async (t) => {
  const book = new LimitBook({ ...RULES, running: { ...RULES.running, user: 3 } });
  book.hold(holder(1));
  book.hold(holder(1));
  const queue = queueOf([aRow(2), aRow(3), aRow(4), aRow(5, { owner: 'eve' })]);
  const made = plan(queue, book.allowanceAt(T0));
  t.same(ids(made), [2, 3, 5], 'the others of the queue get their turn');
  t.same(made.holds, [
    {
      account: queue.accountOf(jobId(4))?.index,
      ...{ user: 'bob', project: 'default', queue: null, shape: null },
      obstacle: { code: 'limit-reached', scope: 'user', name: 'bob', limit: 3, running: 3 },
    },
  ]);
  book.release(jobId(1));
  t.same(ids(plan(queueOf([aRow(2), aRow(3), aRow(4)]), book.allowanceAt(T0))), [2, 3, 4]);
});

t.test('a job that is told again counts once, as it was told last', async (t) => {
  const book = new LimitBook(RULES);
  const payer = { scope: 'user', name: bob, key: `user ${bob}` } as const;
  const heldAfter = (ms: number) => book.heldOf(payer, instant(T0 + ms));
  const HOUR_MS = 3_600_000;
  const planned = { ...holder(1), startedAt: null };
  book.hold(planned);
  book.hold({ ...planned, needs: aNeed() });
  t.match([book.running(`user ${bob}`), book.running('executor mesos')], [1, 1]);
  t.equal(heldAfter(HOUR_MS).timeMs, RULES.advanceMs, 'it has not started');
  book.hold(holder(1));
  t.match([book.running(`user ${bob}`), book.running('executor mesos')], [1, 1]);
  t.equal(heldAfter(HOUR_MS).timeMs, HOUR_MS);
  const grown = aNeed({ memMb: 2 * aNeed().memMb });
  book.hold({ ...holder(1), needs: grown });
  t.equal(heldAfter(HOUR_MS).memMb, grown.memMb);
  book.hold({ ...holder(1), executor: 'swarm' });
  t.match([book.running(`user ${bob}`), book.running('executor mesos')], [1, 0]);
  t.equal(book.running('executor swarm'), 1);
  t.same([...book.holders()], [1]);
  book.release(jobId(1));
  t.match([book.running(`user ${bob}`), book.running('executor swarm')], [0, 0]);
  t.same(heldAfter(HOUR_MS), NO_USE);
});

t.test('the project of all has neither limit nor quota', async (t) => {
  const book = new LimitBook({ ...RULES, running: { ...RULES.running, project: 1 } });
  book.setQuotas({
    users: new Map(),
    projects: new Map([[projectId('default'), { ...NO_QUOTA, cpu: 1 }]]),
  });
  t.same(ids(plan(queueOf([aRow(1), aRow(2)]), book.allowanceAt(T0))), [1, 2]);
  const rows = [aRow(1, { project: 'dna' }), aRow(2, { project: 'dna' })];
  t.same(ids(plan(queueOf(rows), book.allowanceAt(T0))), [1], 'others do');
});

t.test('an executor at its limit holds back only jobs that go there', async (t) => {
  const book = new LimitBook({ ...RULES, running: { ...RULES.running, executor: 1 } });
  const queue = queueOf([aRow(1), aRow(2), aRow(3, { executor: 'other' })]);
  const offers = [anOffer('o1'), anOffer('o2', { executor: 'other' })];
  const made = plan(queue, book.allowanceAt(T0), { offers });
  t.same(ids(made), [1, 3]);
  t.match(made.holds, [{ obstacle: { scope: 'executor', name: 'mesos', limit: 1 } }]);
});

t.test('queues: the higher priority first, each with its limits', async (t) => {
  const book = new LimitBook({
    ...RULES,
    queues: [
      { name: 'urgent', priority: 90, maxRunning: null, maxRunningPerUser: 1 },
      { name: 'idle', priority: 10, maxRunning: 1, maxRunningPerUser: null },
      { name: 'closed', priority: 99, maxRunning: 0, maxRunningPerUser: null },
    ],
  });
  const rows = [
    aRow(1, { queue: 'idle' }),
    aRow(2, { queue: 'idle', owner: 'eve' }),
    aRow(3),
    aRow(4, { queue: 'urgent' }),
    aRow(5, { queue: 'urgent' }),
    aRow(6, { queue: 'urgent', owner: 'eve' }),
    aRow(7, { queue: 'closed' }),
    aRow(8, { queue: 'gone' }),
  ];
  const made = plan(queueOf(rows), book.allowanceAt(T0), {
    priorityOf: (name) => book.priorityOf(name),
  });
  t.same(ids(made), [4, 6, 3, 8, 1], 'a queue that is no longer there is like none');
  t.same(made.holds.map(({ obstacle }) => 'scope' in obstacle && obstacle.scope).sort(), [
    'queue',
    'queue',
    'queue-user',
  ]);
});

t.test('a quota that ended jobs fill ends the next job, with its numbers', async (t) => {
  const book = new LimitBook(RULES);
  book.setQuotas({ users: new Map([[bob, { ...NO_QUOTA, cpu: 3 }]]), projects: new Map() });
  const used = { user: bob, project: projectId('default'), needs: aNeed({ cpuMilli: 2_000 }) };
  book.settle(jobId(1), { ...used, usedMs: 1_000, endedAt: T0 });
  const queue = queueOf([aRow(2, { needs: aNeed({ cpuMilli: 2_000 }) }), aRow(3), aRow(4)]);
  const made = plan(queue, book.allowanceAt(T0));
  const facts = { scope: 'user', name: 'bob', quota: 'cpu', limit: 3, used: 2, held: 0, asked: 2 };
  const freesUpAt = (dayOf(T0) + 2) * DAY_MS;
  t.match(made.refusals, [
    {
      jobId: 2,
      because: { code: 'quota-exceeded', facts: { ...facts, freesUpAt } },
      claimant: { user: 'bob', project: 'default', queue: null },
      claim: { needs: { cpuMilli: 2_000 }, executor: 'mesos' },
    },
  ]);
  t.equal(made.refusals.length, 1);
  t.same(ids(made), [3], 'a smaller one that fits goes on');
  t.match(
    made.holds,
    [{ obstacle: { code: 'quota', used: 2, held: 1, asked: 1 } }],
    'what runs only holds back',
  );
  const later = instant(freesUpAt);
  t.same(plan(queue, book.allowanceAt(later), { at: later }).refusals, [], 'days pass by');
});

const GB = 1e9;
const taking = (endedGb: number, heldGb: number, project = 'default') => ({
  owner: bob,
  project: projectId(project),
  endedBytes: endedGb * GB,
  heldBytes: heldGb * GB,
});

t.test('directories of ended jobs end the next job; those of others make it wait', async (t) => {
  const book = new LimitBook({ ...RULES, diskGbUsual: 10 });
  const next = () => plan(queueOf([aRow(2)]), book.allowanceAt(T0));
  t.same(ids(next()), [2], 'nothing is known to take anything');
  book.setDisk([taking(4, 5)]);
  t.same(ids(next()), [2], '9 of 10');
  book.setDisk([taking(4, 5), taking(1, 0, 'dna')]);
  t.match(next(), {
    launches: [],
    refusals: [],
    holds: [{ obstacle: { code: 'quota', quota: 'disk', limit: 10, used: 5, held: 5, asked: 0 } }],
  });
  book.setDisk([taking(10, 0)]);
  const [refusal] = next().refusals;
  const facts = { scope: 'user', name: 'bob', quota: 'disk', limit: 10, used: 10, held: 0 };
  t.match(refusal?.because, { code: 'quota-exceeded', facts });
  t.notOk(Object.hasOwn(refusal?.because.facts ?? {}, 'freesUpAt'), 'no time frees it');
  book.setDisk([]);
  t.same(ids(next()), [2], 'they are gone');
});

t.test('a quota of disk of one’s own, and a project’s, beside the usual one', async (t) => {
  const book = new LimitBook({ ...RULES, diskGbUsual: 10 });
  const quotas = (users: number, projects: number) =>
    book.setQuotas({
      users: new Map([[bob, { ...NO_QUOTA, disk: users }]]),
      projects: new Map([[projectId('dna'), { ...NO_QUOTA, disk: projects }]]),
    });
  const next = (project = 'default') =>
    plan(queueOf([aRow(2, { project: projectId(project) })]), book.allowanceAt(T0));
  quotas(20, 0);
  book.setDisk([taking(15, 0), taking(1, 0, 'dna')]);
  t.same(ids(next()), [2], 'his own is larger');
  quotas(0, 0);
  t.match(next().refusals, [{ because: { facts: { limit: 10, used: 16 } } }], 'the usual one');
  quotas(20, 1);
  t.same(ids(next()), [2]);
  t.match(next('dna').refusals, [
    { because: { facts: { scope: 'project', name: 'dna', used: 1 } } },
  ]);
  quotas(20, 0);
  t.same(ids(next('dna')), [2], 'projects have no usual one');
});

t.test('what is certain goes before what only waits', async (t) => {
  const book = new LimitBook(RULES);
  book.setQuotas({
    users: new Map([[bob, { ...NO_QUOTA, disk: 5, cpu: 1 }]]),
    projects: new Map(),
  });
  book.setDisk([taking(1, 9)]);
  const used = { user: bob, project: projectId('default'), needs: aNeed({ cpuMilli: 1_000 }) };
  book.settle(jobId(1), { ...used, usedMs: 1_000, endedAt: T0 });
  const made = plan(queueOf([aRow(2)]), book.allowanceAt(T0));
  t.match(made.refusals, [{ because: { facts: { quota: 'cpu' } } }]);
});

t.test('a job above the whole quota is told so', async (t) => {
  const book = new LimitBook(RULES);
  book.setQuotas({ users: new Map([[bob, { ...NO_QUOTA, ram: 1 }]]), projects: new Map() });
  const queue = queueOf([aRow(2, { needs: aNeed({ memMb: 1_001 }) })]);
  const [refusal] = plan(queue, book.allowanceAt(T0)).refusals;
  t.match(refusal?.because.facts, { quota: 'ram', limit: 1, asked: 1.001, used: 0 });
  t.notOk(Object.hasOwn(refusal?.because.facts ?? {}, 'freesUpAt'));
});

t.test('jobs without GPUs are no matter of gpu-hours', async (t) => {
  const book = new LimitBook(RULES);
  book.setQuotas({ users: new Map([[bob, { ...NO_QUOTA, gpuHours: 1 }]]), projects: new Map() });
  const gpu = aNeed({ gpus: 2 });
  const used = { user: bob, project: projectId('default'), needs: gpu, endedAt: T0 };
  book.settle(jobId(1), { ...used, usedMs: 1_800_000 });
  const made = plan(queueOf([aRow(2), aRow(3, { needs: gpu })]), book.allowanceAt(T0));
  t.same(ids(made), [2]);
  t.match(made.refusals, [{ jobId: 3, because: { facts: { quota: 'gpuHours', used: 1 } } }]);
});

t.test('refusals are bounded in a cycle, and leave no trace in the plan', async (t) => {
  const book = new LimitBook(RULES);
  book.setQuotas({ users: new Map([[bob, { ...NO_QUOTA, cpu: 0.5 }]]), projects: new Map() });
  const queue = queueOf(Array.from({ length: 30 }, (_, n) => aRow(n + 1)));
  const limits = { launchesMax: 10, shapesMax: 10 };
  const made = plan(queue, book.allowanceAt(T0), { limits });
  t.equal(made.refusals.length, 10);
  t.equal(made.isUnfinished, true);
});

// ---- histories

interface Ran {
  readonly row: QueueRow;
  readonly startedAt: Instant;
}

/** Keeps its own count of everything, the slow way. */
class World {
  at = T0;
  nextId = 1;
  readonly queue = new PendingQueue();
  readonly rows = new Map<number, QueueRow>();
  readonly live = new Map<number, Ran>();
  readonly ended: DayUse[] = [];
  book: LimitBook;

  readonly rules: LimitRules;
  readonly quotas: Quotas;

  constructor(rules: LimitRules, quotas: Quotas) {
    this.rules = rules;
    this.quotas = quotas;
    this.book = this.#fresh();
  }

  /** Another leader reads the record. */
  takeOver(): void {
    this.book = this.#fresh();
  }

  #fresh(): LimitBook {
    const book = new LimitBook(this.rules);
    const names = ['u0', 'u1', 'u2'];
    book.setQuotas({
      users: new Map(names.map((name) => [userId(name), this.quotas])),
      projects: new Map([[projectId('p1'), this.quotas]]),
    });
    book.load(
      this.ended,
      [...this.live.values()].map(({ row, startedAt }) => ({ ...held(row), startedAt })),
    );
    return book;
  }

  submit(row: QueueRow): void {
    this.rows.set(row.id, row);
    this.queue.add(row);
  }

  end(row: QueueRow, usedMs: number): void {
    this.live.delete(row.id);
    const { owner, project, needs } = row;
    this.book.settle(row.id, { user: owner, project, needs, usedMs, endedAt: this.at });
    if (usedMs > 0) this.ended.push({ owner, project, endedAt: this.at, ...sumsOf(needs, usedMs) });
  }

  sums(of: (row: Pick<QueueRow, 'owner' | 'project'>) => boolean): { settled: Sums; held: Sums } {
    const first = dayOf(this.at) - 1;
    const counts = this.ended.filter((use) => of(use) && dayOf(use.endedAt) >= first);
    let settled = NO_USE;
    for (const { owner: _, project: __, endedAt: ___, ...sums } of counts)
      settled = added(settled, sums);
    let held = NO_USE;
    for (const { row, startedAt } of this.live.values())
      if (of(row))
        held = added(held, sumsOf(row.needs, Math.max(this.at - startedAt, this.rules.advanceMs)));
    return { settled, held };
  }
}

const held = (row: QueueRow) => ({
  id: row.id,
  user: row.owner,
  project: row.project,
  queue: row.queue ?? null,
  executor: 'mesos',
  needs: row.needs,
});

/** Whose quota a job counts for. */
const payers = (row: QueueRow) => {
  const ofUser = (one: Pick<QueueRow, 'owner'>) => one.owner === row.owner;
  const ofProject = (one: Pick<QueueRow, 'project'>) => one.project === row.project;
  return row.project === projectId('default') ? [ofUser] : [ofUser, ofProject];
};

function cycle(world: World): string[] {
  const breaches: string[] = [];
  const made = plan(world.queue, world.book.allowanceAt(world.at), {
    at: world.at,
    priorityOf: (queue) => world.book.priorityOf(queue),
  });
  for (const { jobId: id, because } of made.refusals) {
    const row = world.rows.get(id);
    if (row === undefined) throw new Error('a refused job was submitted');
    const name = because.facts.quota as (typeof QUOTA_NAMES)[number];
    const isUsedUp = payers(row).some((of) =>
      isPassed(name, world.quotas[name] ?? 0, world.sums(of).settled, row.needs),
    );
    if (!isUsedUp) breaches.push(`job ${id} was refused though ${name} has room`);
    world.queue.remove(id);
  }
  for (const { jobId: id } of made.launches) {
    const row = world.rows.get(id);
    if (row === undefined) throw new Error('a launched job was submitted');
    for (const of of payers(row)) {
      const { settled, held } = world.sums(of);
      for (const name of QUOTA_NAMES) {
        const limit = world.quotas[name] ?? 0;
        if (limit > 0 && isPassed(name, limit, added(settled, held), row.needs))
          if (name !== 'gpuHours' || row.needs.gpus > 0)
            breaches.push(`job ${id} passes ${name} ${limit}`);
      }
    }
    world.queue.remove(id);
    world.live.set(id, { row, startedAt: world.at });
    world.book.hold({ ...held(row), startedAt: world.at });
  }
  return [...breaches, ...passedLimits(world)];
}

function passedLimits({ rules, live }: World): string[] {
  const rows = [...live.values()].map(({ row }) => row);
  const passed: string[] = [];
  const check = (what: string, of: (row: QueueRow) => boolean, limit: number | null) => {
    const count = rows.filter(of).length;
    if (limit !== null && count > limit) passed.push(`${what}: ${count} of ${limit}`);
  };
  for (const row of rows) {
    check('user', ({ owner }) => owner === row.owner, rules.running.user);
    if (row.project !== projectId('default'))
      check('project', ({ project }) => project === row.project, rules.running.project);
    const rule = rules.queues.find(({ name }) => name === row.queue);
    if (rule === undefined) continue;
    check('queue', ({ queue }) => queue === row.queue, rule.maxRunning);
    const isMine = ({ queue, owner }: QueueRow) => queue === row.queue && owner === row.owner;
    check('queue-user', isMine, rule.maxRunningPerUser);
  }
  check('executor', () => true, rules.running.executor);
  return passed;
}

const maybe = (max: number) => fc.option(fc.integer({ min: 1, max }), { nil: null });
const someRules = fc.record({
  running: fc.record({ user: maybe(5), project: maybe(6), executor: maybe(9) }),
  queues: fc
    .tuple(maybe(4), maybe(3), fc.integer({ min: 0, max: 100 }))
    .map(([maxRunning, maxRunningPerUser, priority]) => [
      { name: 'q', priority, maxRunning, maxRunningPerUser },
    ]),
  period: fc.constant(RULES.period),
  advanceMs: fc.constantFrom(0, 60_000, 3_600_000),
});
const bound = (max: number) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max }));
const someQuotas = fc.record({
  time: bound(20_000),
  cpu: bound(30),
  ram: bound(10),
  cpuHours: bound(10),
  gpuHours: bound(4),
  memoryHours: bound(4),
});
const someMove = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      user: fc.integer({ min: 0, max: 2 }),
      project: fc.constantFrom('default', 'p1'),
      cpus: fc.integer({ min: 1, max: 4 }),
      memMb: fc.integer({ min: 1, max: 2_000 }),
      gpus: fc.integer({ min: 0, max: 1 }),
      isQueued: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), which: fc.nat(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.constantFrom(1_000, 900_000, 7_200_000, DAY_MS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('takeOver' as const) }) },
);

const totals = { launches: 0, refusals: 0, held: 0 };

t.test('no history passes a quota or a running limit, whoever leads', async (t) => {
  fc.assert(
    fc.property(
      someRules,
      someQuotas,
      fc.array(someMove, { minLength: 20, maxLength: 60, size: 'max' }),
      (rules, quotas, moves) => {
        const world = new World(rules, quotas);
        for (const move of moves) {
          const running = [...world.live.values()];
          if (move.kind === 'submit') {
            const { cpus, memMb, gpus, user, project, isQueued } = move;
            const needs = aNeed({ cpuMilli: cpus * 1_000, memMb, gpus });
            const queue = isQueued ? { queue: 'q' } : {};
            world.submit(aRow(world.nextId++, { needs, owner: `u${user}`, project, ...queue }));
          } else if (move.kind === 'pass') world.at = instant(world.at + move.ms);
          else if (move.kind === 'takeOver') world.takeOver();
          else {
            const one = running[move.which % Math.max(1, running.length)];
            if (one === undefined) continue;
            world.end(one.row, move.kind === 'fail' ? 0 : world.at - one.startedAt);
            // What the system broke waits again.
            if (move.kind === 'fail') world.submit(one.row);
          }
          const before = world.live.size;
          const waiting = world.queue.size;
          const breaches = cycle(world);
          if (breaches.length > 0) throw new Error(breaches.join('; '));
          totals.launches += world.live.size - before;
          totals.refusals += waiting - world.queue.size - (world.live.size - before);
          totals.held += world.queue.size;
        }
      },
    ),
    { seed: SEED, numRuns: 400 },
  );
  t.comment(JSON.stringify(totals));
  t.ok(totals.launches > 1_000 && totals.refusals > 300 && totals.held > 1_000, 'it was tried');
});

t.test('where nothing bounds it a job always starts', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 20 }), (cpus) => {
      const book = new LimitBook({ ...RULES, running: { ...RULES.running, user: 1_000 } });
      const rows = cpus.map((count, n) => aRow(n + 1, { needs: aNeed({ cpuMilli: count }) }));
      t.equal(plan(queueOf(rows), book.allowanceAt(T0)).launches.length, rows.length);
    }),
    { seed: SEED, numRuns: 50 },
  );
});

const OFFERS: readonly Offer[] = [anOffer('o1')];
t.test('without offers nobody is refused either', async (t) => {
  const book = new LimitBook(RULES);
  book.setQuotas({ users: new Map([[bob, { ...NO_QUOTA, cpu: 0.5 }]]), projects: new Map() });
  t.same(plan(queueOf([aRow(1)]), book.allowanceAt(T0), { offers: [] }).refusals, []);
  t.equal(plan(queueOf([aRow(1)]), book.allowanceAt(T0), { offers: OFFERS }).refusals.length, 1);
});
