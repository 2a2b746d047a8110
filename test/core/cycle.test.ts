import fc from 'fast-check';
import t from 'tap';
import type { ClusterOffer } from '../../src/contracts/cluster.js';
import { Bug } from '../../src/core/assert.js';
import { type CycleInput, type Launch, type Plan, planCycle } from '../../src/core/cycle.js';
import { fairshare } from '../../src/core/fairshare.js';
import { type Bin, binsOf, type Offer } from '../../src/core/matching.js';
import { fifo, NO_STANDINGS, type Policy } from '../../src/core/policy.js';
import { PendingQueue, type QueueRow } from '../../src/core/queue.js';
import { instant, type JobId, jobId } from '../../src/core/units.js';
import { after, aNeed, anOffer, aRow, SEED, someFree } from './samples.js';

const NOW = after(100_000);
const LIMITS = { launchesMax: 1_000, shapesMax: 1_000 };

const queueOf = (rows: readonly QueueRow[]): PendingQueue => {
  const queue = new PendingQueue();
  for (const row of rows) queue.add(row);
  return queue;
};
const plan = (
  rows: readonly QueueRow[],
  offers: readonly Offer[],
  part: Partial<CycleInput> = {},
): Plan =>
  planCycle({ queue: queueOf(rows), offers, policy: fifo, at: NOW, limits: LIMITS, ...part });
const idsOf = ({ launches }: Plan): number[] => launches.map((launch) => launch.jobId);

t.test('an offer of the cluster contract needs only its executor named', async (t) => {
  const { executor: _executor, ...offer } = anOffer('o1');
  const told: ClusterOffer = offer;
  t.same(idsOf(plan([aRow(1)], [{ ...told, executor: 'mesos' }])), [1]);
});

t.test('jobs are placed in order until the room is used up', async (t) => {
  const made = plan(
    [aRow(3), aRow(1), aRow(2)],
    [anOffer('o1', { free: someFree({ cpuMilli: 2_000 }) })],
  );
  t.same(made.launches, [
    {
      jobId: 1,
      executor: 'mesos',
      agentId: 'a1',
      host: 'host-a1',
      role: '*',
      offerIds: ['o1'],
      ports: [],
    },
    { ...made.launches[0], jobId: 2 },
  ]);
  t.same(
    [...made.obstacles.values()],
    [[{ code: 'too-small', resource: 'cpuMilli', wanted: 1_000, agents: 1, best: 0 }]],
  );
  t.equal(made.isUnfinished, false);
  t.equal(made.cursor, null);
});

t.test('offers of one agent and role are one bin, and make one ACCEPT', async (t) => {
  const half = { agent: 'a1', free: someFree({ cpuMilli: 500, ports: [{ begin: 7, end: 7 }] }) };
  const offers = [
    anOffer('o2', half),
    anOffer('o1', { ...half, free: someFree({ cpuMilli: 1_500, ports: [{ begin: 9, end: 9 }] }) }),
    anOffer('o3', { ...half, role: 'other' }),
  ];
  const made = plan([aRow(1, { needs: aNeed({ ports: 2 }) }), aRow(2)], offers);
  t.match(made.launches, [
    { jobId: 1, role: '*', offerIds: ['o1', 'o2'], ports: [7, 9] },
    { jobId: 2, role: '*', offerIds: ['o1', 'o2'], ports: [] },
  ]);
  t.equal(made.launches[0]?.offerIds, made.launches[1]?.offerIds, 'the very same array');
  t.same(made.idleOffers, ['o3']);
});

t.test('bins that are alike have one order all the same', async (t) => {
  const offers = [
    anOffer('o1', { agent: 'a', role: 'x' }),
    anOffer('o2', { agent: 'a', role: 'b' }),
    anOffer('o3', { agent: 'a', role: 'b', executor: 'k8s' }),
  ];
  const order = (given: readonly Offer[]) => binsOf(given).flatMap(({ offerIds }) => offerIds);
  t.same(order(offers), ['o3', 'o2', 'o1']);
  t.same(order(offers.toReversed()), ['o3', 'o2', 'o1']);
});

t.test('the same agent id of two executors is two agents', async (t) => {
  const offers = [anOffer('o1', { agent: 'a' }), anOffer('o2', { agent: 'a', executor: 'swarm' })];
  const made = plan([aRow(1, { needs: aNeed({ cpuMilli: 5_000 }) })], offers);
  t.same(made.launches, []);
});

t.test('the tightest agent is tried first, those with GPUs last', async (t) => {
  const offers = [
    anOffer('o1', { free: someFree({ cpuMilli: 1_000, gpus: 1 }) }),
    anOffer('o2', { free: someFree({ cpuMilli: 8_000 }) }),
    anOffer('o3', { free: someFree({ cpuMilli: 2_000 }) }),
    anOffer('o4', { free: someFree({ cpuMilli: 1_000, custom: { fpga: 1 } }) }),
  ];
  t.same(
    binsOf(offers).map(({ agentId }) => agentId),
    ['a3', 'a2', 'a4', 'a1'],
  );
});

t.test('a job that does not fit stands in nobody’s way', async (t) => {
  const huge = aNeed({ cpuMilli: 64_000 });
  const rows = [
    aRow(1, { needs: huge }),
    aRow(2, { needs: huge, owner: 'anna' }),
    aRow(3),
    aRow(4, { owner: 'anna' }),
  ];
  t.same(idsOf(plan(rows, [anOffer('o1')])), [3, 4]);
});

t.test('a job that names no executor goes to the first that is configured', async (t) => {
  const offers = [anOffer('o1', { executor: 'swarm' }), anOffer('o2')];
  const rows = [aRow(1), aRow(2, { executor: 'swarm' })];
  const made = plan(rows, offers, { defaultExecutor: 'mesos' });
  t.same(
    made.launches.map(({ jobId, executor }) => `${jobId} ${executor}`),
    ['1 mesos', '2 swarm'],
  );
});

t.test('planning leaves the queue as it was', async (t) => {
  const queue = queueOf([aRow(1), aRow(2)]);
  const input = { queue, offers: [anOffer('o1')], policy: fifo, at: NOW, limits: LIMITS };
  t.same(planCycle(input), planCycle(input));
  t.equal(queue.size, 2);
});

t.test('a limit on launches leaves the rest to the next turn', async (t) => {
  const rows = [aRow(1), aRow(2), aRow(3)];
  const made = plan(rows, [anOffer('o1')], { limits: { launchesMax: 2, shapesMax: 10 } });
  t.same(idsOf(made), [1, 2]);
  t.equal(made.isUnfinished, true);
  t.equal(made.cursor, null, 'which begins at the front');
});

t.test('with too many shapes the next cycle goes on where this one stood', async (t) => {
  const rows: QueueRow[] = [];
  for (let n = 1; n <= 50; n++)
    rows.push(aRow(n, { owner: `user${n % 3}`, needs: aNeed({ cpuMilli: 100_000 + n }) }));
  rows.push(aRow(51, { owner: 'user1' }));
  const queue = queueOf(rows);
  const limits = { launchesMax: 10, shapesMax: 10 };
  const looked = new Set<number>();
  let cursor: Plan['cursor'] = null;
  const launched: number[] = [];
  for (let cycles = 1; cycles <= 6; cycles++) {
    const made: Plan = planCycle({
      queue,
      offers: [anOffer('o1')],
      policy: fifo,
      at: NOW,
      limits,
      cursor,
    });
    for (const shape of made.obstacles.keys()) {
      t.notOk(looked.has(shape), 'no shape is asked for twice in a round');
      looked.add(shape);
    }
    for (const id of idsOf(made)) {
      launched.push(id);
      queue.remove(jobId(id));
    }
    cursor = made.cursor;
    t.equal(made.isUnfinished, cycles < 6, `cycle ${cycles}`);
    t.equal(cursor === null, cycles === 6, `cycle ${cycles}`);
  }
  t.equal(looked.size, 50);
  t.same(launched, [51], 'the last job is found behind fifty shapes that do not fit');
});

t.test('offers that come within a round meet the shapes before the cursor after it', async (t) => {
  const rows = [1, 2, 3].map((n) => aRow(n, { needs: aNeed({ cpuMilli: 8_000 + n }) }));
  const limits = { launchesMax: 10, shapesMax: 2 };
  const small = anOffer('o1');
  const large = anOffer('o2', { free: someFree({ cpuMilli: 8_001 }) });
  const first = plan(rows, [small], { limits });
  t.equal(first.isUnfinished, true);
  const second = plan(rows, [small, large], { limits, cursor: first.cursor });
  t.match(second, { launches: [], isUnfinished: true, cursor: null });
  t.same(idsOf(plan(rows, [small, large], { limits, cursor: second.cursor })), [1]);
  const quiet = plan(rows, [small], { limits, cursor: first.cursor });
  t.equal(quiet.isUnfinished, false, 'without new offers the round is through');
});

t.test('one shape in many accounts is passed over within the limits', async (t) => {
  const rows = Array.from({ length: 100 }, (_, n) =>
    aRow(n + 1, { owner: `user${n}`, needs: aNeed({ cpuMilli: 99_000 }) }),
  );
  const last = aRow(101, { owner: 'anna' });
  const limits = { launchesMax: 10, shapesMax: 2 };
  let made = plan([...rows, last], [anOffer('o1')], { limits });
  let cycles = 1;
  while (made.launches.length === 0 && made.isUnfinished && cycles++ < 10)
    made = plan([...rows, last], [anOffer('o1')], { limits, cursor: made.cursor });
  t.same(idsOf(made), [101]);
  t.equal(cycles, 3, 'forty steps a cycle');
});

t.test('a policy that scores nonsense is our own mistake', async (t) => {
  const broken: Policy = {
    name: 'broken',
    begin: () => ({ score: () => Number.NaN, charged: () => {} }),
  };
  t.throws(() => plan([aRow(1)], [anOffer('o1')], { policy: broken }), Bug);
});

const anyNeeds = fc.record({
  cpuMilli: fc.integer({ min: 1, max: 8 }).map((n) => n * 500),
  memMb: fc.integer({ min: 1, max: 40 }).map((n) => n * 100),
  gpus: fc.integer({ min: -6, max: 2 }).map((n) => Math.max(0, n)),
  ports: fc.integer({ min: -3, max: 3 }).map((n) => Math.max(0, n)),
  custom: fc.constantFrom({}, {}, {}, { fpga: 1 }),
});
const anyRows: fc.Arbitrary<QueueRow[]> = fc
  .array(
    fc.record({
      owner: fc.constantFrom('anna', 'bob', 'carl'),
      project: fc.constantFrom('default', 'genomes'),
      needs: fc.oneof(fc.constant(aNeed()), anyNeeds),
      constraints: fc.constantFrom([], [], [{ name: 'rack', value: 'r1' }]),
      executor: fc.constantFrom(null, null, 'mesos', 'swarm'),
    }),
    { maxLength: 40, size: 'max' },
  )
  .map((parts) => parts.map((part, n) => aRow(n + 1, part)));
const anyOffers: fc.Arbitrary<Offer[]> = fc
  .array(
    fc.record({
      agent: fc.constantFrom('a1', 'a2', 'a3', 'a4'),
      role: fc.constantFrom('*', 'bio'),
      rack: fc.constantFrom('r1', 'r2'),
      free: fc.record({
        cpuMilli: fc.integer({ min: 0, max: 16 }).map((n) => n * 500),
        memMb: fc.integer({ min: 0, max: 80 }).map((n) => n * 100),
        gpus: fc.integer({ min: -3, max: 2 }).map((n) => Math.max(0, n)),
        custom: fc.constantFrom({}, {}, { fpga: 2 }),
      }),
    }),
    { maxLength: 10, size: 'max' },
  )
  .map((parts) =>
    parts.map(({ agent, role, free, rack }, n) =>
      anOffer(`o${n}`, {
        agent,
        role,
        executor: agent === 'a4' ? 'swarm' : 'mesos',
        attributes: { rack: agent === 'a1' ? 'r1' : rack },
        free: { ...free, ports: [{ begin: 100 + 2 * n, end: 101 + 2 * n }] },
      }),
    ),
  );
const anyPolicy = fc.constantFrom(fifo, fairshare());
const runs = { seed: SEED, numRuns: 300 };
/** Within properties, where a tap assertion for each run would cost more than the run. */
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What is wrong with a plan, told from the rows and offers alone. */
function faults(rows: readonly QueueRow[], offers: readonly Offer[], made: Plan): string[] {
  const found: string[] = [];
  const rowOf = new Map(rows.map((row) => [row.id, row]));
  const offerOf = new Map(offers.map((offer) => [offer.id, offer]));
  const started = new Set<JobId>();
  const bins = new Map<readonly string[], Launch[]>();
  for (const launch of made.launches) {
    if (started.has(launch.jobId)) found.push(`job ${launch.jobId} is placed twice`);
    started.add(launch.jobId);
    bins.set(launch.offerIds, [...(bins.get(launch.offerIds) ?? []), launch]);
  }
  const used = [...bins.keys()].flat();
  const told = [...used, ...made.idleOffers];
  if (new Set(told).size !== told.length) found.push('an offer is told twice');
  if (told.length !== offers.length) found.push('an offer is forgotten');
  for (const [offerIds, launches] of bins) {
    const held = offerIds.map((id) => offerOf.get(id as Offer['id']));
    const wanted = launches.map(({ jobId }) => rowOf.get(jobId)?.needs);
    const sum = (values: readonly (number | undefined)[]) =>
      values.reduce<number>((total, value) => total + (value ?? 0), 0);
    for (const name of ['cpuMilli', 'memMb', 'gpus'] as const)
      if (sum(wanted.map((needs) => needs?.[name])) > sum(held.map((offer) => offer?.free[name])))
        found.push(`${name} of ${offerIds} is overbooked`);
    if (
      sum(wanted.map((needs) => needs?.custom.fpga)) >
      sum(held.map((offer) => offer?.free.custom.fpga))
    )
      found.push(`fpga of ${offerIds} is overbooked`);
    const ports = launches.flatMap((launch) => launch.ports);
    if (new Set(ports).size !== ports.length) found.push('a port is given twice');
    for (const port of ports)
      if (!held.some((offer) => offer?.free.ports.some((r) => r.begin <= port && port <= r.end)))
        found.push(`port ${port} was not offered`);
    for (const { jobId, ...at } of launches) {
      const row = rowOf.get(jobId);
      const place = launches[0];
      if (at.ports.length !== row?.needs.ports) found.push(`job ${jobId} lacks ports`);
      if (row?.executor != null && row.executor !== at.executor) found.push('wrong executor');
      for (const offer of held)
        if (offer?.agentId !== place?.agentId || offer?.role !== place?.role)
          found.push('offers of several agents or roles in one ACCEPT');
    }
  }
  return found;
}

t.test('no plan overbooks an agent or uses an offer twice', async (t) => {
  let placed = 0;
  const check = fc.property(anyRows, anyOffers, anyPolicy, (rows, offers, policy) => {
    const made = plan(rows, offers, { policy });
    if (offers.length === 0) return made.launches.length === 0;
    placed += made.launches.length;
    return same(faults(rows, offers, made), []);
  });
  fc.assert(check, runs);
  t.ok(placed > 2_000, `${placed} jobs were placed`);
});

/** The same decisions by brute force: looks at every job for each launch, keeps nothing. */
function naive(rows: readonly QueueRow[], offers: readonly Offer[], policy: Policy): string[] {
  const waiting = [...rows].sort((a, b) => a.id - b.id);
  const accountOf = (row: QueueRow) => `${row.owner}/${row.project}`;
  const accounts = [...new Set(waiting.map(accountOf))];
  const views = accounts.map((account) => {
    const mine = waiting.filter((row) => accountOf(row) === account);
    const head = mine[0] ?? aRow(0);
    const newestAt = instant(Math.max(...mine.map((row) => row.submittedAt)));
    return { user: head.owner, project: head.project, head, newestAt };
  });
  const ranking = policy.begin(views, NO_STANDINGS, NOW);
  const bins = binsOf(offers);
  const said: string[] = [];
  for (;;) {
    const heads = accounts.flatMap((account, index) => {
      const head = waiting.find((row) => accountOf(row) === account && binOf(row, bins));
      return head === undefined ? [] : [{ head, index, score: ranking.score(index, head) }];
    });
    const [best] = heads.sort((a, b) => a.score - b.score || a.head.id - b.head.id);
    const bin = best === undefined ? undefined : binOf(best.head, bins);
    if (best === undefined || bin === undefined) return said;
    const ports = bin.take(best.head.needs);
    ranking.charged(best.index, best.head.needs);
    waiting.splice(waiting.indexOf(best.head), 1);
    said.push(`${best.head.id} ${bin.agentId} ${bin.role} ${ports}`);
  }
}

const binOf = (row: QueueRow, bins: readonly Bin[]): Bin | undefined =>
  bins.find(
    (bin) =>
      (row.executor === null || row.executor === bin.executor) &&
      row.constraints.every(({ name, value }) => bin.attributes[name] === value) &&
      row.needs.cpuMilli <= bin.cpuMilli &&
      row.needs.memMb <= bin.memMb &&
      row.needs.gpus <= bin.gpus &&
      row.needs.ports <= bin.portsFree &&
      (row.needs.custom.fpga ?? 0) <= (bin.custom.fpga ?? 0),
  );

t.test('the plan is the one that brute force makes', async () => {
  const check = fc.property(anyRows, anyOffers, anyPolicy, (rows, offers, policy) => {
    const lazy = plan(rows, offers, { policy }).launches.map(
      ({ jobId, agentId, role, ports }) => `${jobId} ${agentId} ${role} ${ports}`,
    );
    return same(lazy, naive(rows, offers, policy));
  });
  fc.assert(check, runs);
});

t.test('the order in which rows and offers are listed does not matter', async () => {
  const shuffled = <T>(items: readonly T[]) =>
    fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });
  const pair = fc
    .tuple(anyRows, anyOffers, anyPolicy)
    .chain(([rows, offers, policy]) =>
      fc.tuple(fc.constant({ rows, offers, policy }), shuffled(rows), shuffled(offers)),
    );
  const said = ({ obstacles, ...rest }: Plan) => ({
    ...rest,
    obstacles: [...obstacles.values()].map((list) => JSON.stringify(list)).sort(),
  });
  const check = fc.property(pair, ([{ rows, offers, policy }, mixedRows, mixedOffers]) => {
    const mixed = plan(mixedRows, mixedOffers, { policy });
    return same(said(mixed), said(plan(rows, offers, { policy })));
  });
  fc.assert(check, runs);
});

t.test('a limited cycle makes the first launches of an unlimited one', async () => {
  const check = fc.property(anyRows, anyOffers, anyPolicy, (rows, offers, policy) => {
    const limits = { launchesMax: 3, shapesMax: 1_000 };
    const few = plan(rows, offers, { policy, limits }).launches;
    return same(few, plan(rows, offers, { policy }).launches.slice(0, 3));
  });
  fc.assert(check, runs);
});
