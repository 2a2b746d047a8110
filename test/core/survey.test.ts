// Places in the queue against what cycles really launch, in that order.
import fc from 'fast-check';
import t from 'tap';
import { Bits } from '../../src/core/bits.js';
import { planCycle } from '../../src/core/cycle.js';
import { drf } from '../../src/core/drf.js';
import { fairshare } from '../../src/core/fairshare.js';
import { fairtree } from '../../src/core/fairtree.js';
import { fifo, type Policy, type Ranking } from '../../src/core/policy.js';
import { PendingQueue } from '../../src/core/queue.js';
import { Places, Survey, type Surveyed } from '../../src/core/survey.js';
import { type JobId, jobId, projectId, userId } from '../../src/core/units.js';
import { UsageBook } from '../../src/core/usage-book.js';
import { after, aNeed, anOffer, aRow, SEED, someFree } from './samples.js';

const NOW = after(3_600_000);
const POLICIES: readonly Policy[] = [fifo, fairshare(), fairtree(), drf];
const HUGE = someFree({ cpuMilli: 1e9, memMb: 1e9 });
const priorityOf = (queue: string | null) => (queue === 'urgent' ? 90 : 50);

/** One job, or one array, of a made-up queue. */
interface Asked {
  readonly user: number;
  readonly project: number;
  readonly cpus: number;
  readonly isUrgent: boolean;
  readonly members: number;
  readonly limit: number;
}

const asked = (hasQueues: boolean): fc.Arbitrary<Asked> =>
  fc.record({
    user: fc.nat(4),
    project: fc.nat(2),
    cpus: fc.integer({ min: 1, max: 3 }),
    isUrgent: hasQueues ? fc.boolean() : fc.constant(false),
    members: fc.constantFrom(0, 0, 0, 5),
    limit: fc.integer({ min: 0, max: 4 }),
  });

function queueOf(all: readonly Asked[]): PendingQueue {
  const queue = new PendingQueue();
  for (const [n, { user, project, cpus, isUrgent, members, limit }] of all.entries()) {
    const id = 1 + n * 10;
    const { notBefore, ...row } = aRow(id, {
      owner: `user${user}`,
      project: `project${project}`,
      needs: aNeed({ cpuMilli: cpus * 1_000 }),
      ...(isUrgent ? { queue: 'urgent' } : {}),
    });
    if (members === 0) queue.add({ ...row, notBefore });
    else queue.addArray({ ...row, limit: limit === 0 ? null : limit }, new Bits(members));
  }
  return queue;
}

function usage(): UsageBook {
  const book = new UsageBook({ kind: 'half-life', halfLifeMs: 86_400_000 }, 600_000);
  const use = (user: number, project: number, hours: number) =>
    book.settle({
      id: jobId(1_000_000 + user * 10 + project),
      owner: userId(`user${user}`),
      project: projectId(`project${project}`),
      needs: aNeed({ cpuMilli: 2_000 }),
      usedMs: hours * 3_600_000,
      endedAt: NOW,
    });
  book.load([], [], NOW);
  book.setCapacity(someFree({ cpuMilli: 64_000, memMb: 256_000 }));
  use(0, 0, 5);
  use(1, 1, 2);
  use(2, 0, 1);
  return book;
}

function survey(queue: PendingQueue, policy: Policy, { exactMax = 10_000, step = 7 } = {}) {
  const found = new Survey({
    queue,
    policy,
    standings: usage(),
    at: NOW,
    priorityOf,
    exactMax,
  });
  while (!found.go(step));
  return found.result();
}

t.test('the order is that of a cycle with room for all', async () => {
  fc.assert(
    fc.property(
      fc.array(asked(true), { maxLength: 40 }),
      fc.constantFrom(...POLICIES),
      (all, policy) => {
        const queue = queueOf(all);
        const { launches } = planCycle({
          queue,
          policy,
          standings: usage(),
          at: NOW,
          priorityOf,
          offers: [anOffer('o1', { free: HUGE })],
          limits: { launchesMax: 10_000, shapesMax: 10_000 },
        });
        const { first, inLine } = survey(queue, policy);
        const wanted = launches.map(({ jobId }) => jobId);
        return first.join() === wanted.join() && inLine === wanted.length;
      },
    ),
    { seed: SEED, numRuns: 300 },
  );
});

/** The same order in the plainest way: all that wait are looked at for each place. */
function plainOrder(all: readonly Asked[], policy: Policy): number[] {
  const ofAccount = new Map<string, { id: number; cpus: number; array: Asked | null }[]>();
  for (const [n, one] of all.entries()) {
    const id = 1 + n * 10;
    const key = [`user${one.user}`, `project${one.project}`, one.isUrgent ? 'urgent' : ''].join();
    const jobs = ofAccount.get(key) ?? [];
    ofAccount.set(key, jobs);
    if (one.members === 0) jobs.push({ id, cpus: one.cpus, array: null });
    for (let k = 1; k <= one.members; k++) jobs.push({ id: id + k, cpus: one.cpus, array: one });
  }
  const accounts = [...ofAccount].map(([key, jobs], index) => {
    const [user = '', project = '', name = ''] = key.split(',');
    return { index, user: userId(user), project: projectId(project), name, jobs };
  });
  // As the queue knows it: an array was submitted with its parent, the id before its first member's.
  const submittedAt = (id: number) => after((id - ((id - 1) % 10)) * 1_000);
  const headOf = (id: number) => ({ id: jobId(id), submittedAt: submittedAt(id) });
  const views = accounts.map(({ user, project, jobs }) => {
    const newestAt = submittedAt(jobs.at(-1)?.id ?? 0);
    return { user, project, head: headOf(jobs[0]?.id ?? 0), newestAt };
  });
  const ranking = policy.begin(views, usage(), NOW);
  const placed = new Map<Asked, number>();
  const order: number[] = [];
  for (;;) {
    const heads = accounts.flatMap(({ index, jobs, name }) => {
      const head = jobs.find(
        ({ array }) =>
          array === null || array.limit === 0 || (placed.get(array) ?? 0) < array.limit,
      );
      if (head === undefined) return [];
      const group = ranking.groups?.score(ranking.groups.of(index)) ?? 0;
      const score = ranking.score(index, headOf(head.id));
      return [{ index, head, jobs, keys: [-priorityOf(name), group, score, head.id] }];
    });
    const first = heads.sort((a, b) => byKeys(a.keys, b.keys))[0];
    if (first === undefined) return order;
    const { head, jobs, index } = first;
    order.push(head.id);
    jobs.splice(jobs.indexOf(head), 1);
    if (head.array !== null) placed.set(head.array, (placed.get(head.array) ?? 0) + 1);
    ranking.charged(index, aNeed({ cpuMilli: head.cpus * 1_000 }));
  }
}

function byKeys(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((key, n) => key !== b[n]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

t.test('the order is that of the plainest way to find it', async () => {
  fc.assert(
    fc.property(
      // Few accounts, so that many jobs of one are looked ahead.
      fc.array(asked(true), { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(...POLICIES),
      fc.integer({ min: 1, max: 30 }),
      (some, times, policy, step) => {
        const all = Array.from({ length: times }, () => some.map((one) => ({ ...one }))).flat();
        const { first, inLine } = survey(queueOf(all), policy, { step });
        const wanted = plainOrder(all, policy);
        return first.join() === wanted.join() && inLine === wanted.length;
      },
    ),
    { seed: SEED, numRuns: 300 },
  );
});

t.test('jobs that leave while it goes on give none of the others a second turn', async (t) => {
  fc.assert(
    fc.property(
      fc.array(asked(false), { minLength: 20, maxLength: 60 }),
      fc.constantFrom(...POLICIES),
      fc.integer({ min: 1, max: 9 }),
      (all, policy, step) => {
        const queue = queueOf(all);
        const found = new Survey({
          queue,
          policy,
          standings: usage(),
          at: NOW,
          priorityOf,
          exactMax: 10_000,
        });
        // What has had its turn starts to run.
        for (let gone = 0; !found.go(step); ) {
          const { first } = found.result();
          for (const id of first.slice(gone)) queue.remove(id);
          gone = first.length;
        }
        const { first } = found.result();
        return (
          new Set(first).size === first.length && first.join() === plainOrder(all, policy).join()
        );
      },
    ),
    { seed: SEED, numRuns: 300 },
  );
  t.pass();
});

/** Scores as one cycle sees them, over many: what a launch does to bounds is no matter of the order now. */
function frozen(policy: Policy): Policy {
  let ranking: Ranking | undefined;
  const places = new Map<string, number>();
  return {
    name: policy.name,
    begin(accounts, standings, at) {
      const key = ({ user, project }: { user: string; project: string }) => `${user}/${project}`;
      if (ranking === undefined) {
        ranking = policy.begin(accounts, standings, at);
        for (const [n, account] of accounts.entries()) places.set(key(account), n);
      }
      const known = ranking;
      const index = accounts.map((account) => places.get(key(account)) ?? -1);
      const of = (n: number) => index[n] ?? -1;
      const { groups } = known;
      return {
        score: (n, head) => known.score(of(n), head),
        charged: (n, needs) => known.charged(of(n), needs),
        ...(groups === undefined
          ? {}
          : { groups: { of: (n) => groups.of(of(n)), score: (group) => groups.score(group) } }),
      };
    },
  };
}

t.test('the order is that of cycles with one slot at a time', async () => {
  fc.assert(
    fc.property(
      fc.array(asked(false), { maxLength: 25 }),
      fc.constantFrom(...POLICIES),
      (all, policy) => {
        const { first } = survey(queueOf(all), policy);
        const queue = queueOf(all);
        const standings = usage();
        const oneByOne = frozen(policy);
        const running = new Map<JobId, number>();
        for (const [n, id] of first.entries()) {
          const { launches } = planCycle({
            queue,
            standings,
            policy: oneByOne,
            at: NOW,
            priorityOf,
            offers: [anOffer(`o${n}`, { free: someFree({ cpuMilli: 3_000 }) })],
            limits: { launchesMax: 1, shapesMax: 10_000 },
          });
          if (launches.length !== 1 || launches[0]?.jobId !== id) return false;
          const parent = queue.arrayOf(id)?.parent;
          queue.remove(id);
          if (parent === undefined) continue;
          running.set(parent, (running.get(parent) ?? 0) + 1);
          queue.setRunning(parent, running.get(parent) ?? 0);
        }
        return true;
      },
    ),
    { seed: SEED, numRuns: 300 },
  );
});

const account = (user: number, project: number, isUrgent: boolean) => ({
  user: userId(`user${user}`),
  project: projectId(`project${project}`),
  queue: isUrgent ? 'urgent' : null,
});

t.test('behind the exact places ranges hold the true one', async () => {
  fc.assert(
    fc.property(
      fc.array(asked(true), { minLength: 1, maxLength: 60 }),
      fc.constantFrom(...POLICIES),
      fc.integer({ min: 1, max: 20 }),
      (all, policy, exactMax) => {
        const queue = queueOf(all);
        const { first: order } = survey(queue, policy);
        const places = new Places(survey(queue, policy, { exactMax }));
        return order.every((id, n) => {
          const { user, project, isUrgent } = all[Math.floor((id - 1) / 10)] as Asked;
          const place = places.of(id, account(user, project, isUrgent));
          if (place === undefined) return false;
          const { from, to } = place;
          const isExact = n < exactMax;
          return from <= n + 1 && n + 1 <= to && (!isExact || from === to) && to <= from * 1.25 + 2;
        });
      },
    ),
    { seed: SEED, numRuns: 300 },
  );
});

t.test('an array stands where its first waiting member stands', async (t) => {
  const one = { user: 0, project: 0, cpus: 1, isUrgent: false, members: 0, limit: 0 };
  const queue = queueOf([one, { ...one, user: 1, members: 5 }, one, { ...one, members: 5 }]);
  queue.remove(jobId(12));
  const whole = new Places(survey(queue, fifo));
  const member = (surveyed: Places, parent: number, user: number) =>
    surveyed.ofArray(jobId(parent), jobId(parent + 5), account(user, 0, false));
  t.same(member(whole, 11, 1), { place: { from: 2, to: 2 }, memberId: 13 });
  t.same(member(whole, 31, 0), { place: { from: 7, to: 7 }, memberId: 32 });
  const short = new Places(survey(queue, fifo, { exactMax: 2 }));
  t.match(
    member(short, 31, 0),
    { place: { from: 6, to: 7 }, memberId: null },
    'a range, without the id',
  );
  t.same(member(whole, 51, 0), undefined, 'no such array');
});

t.test('what is held by the limit of its array, or set aside, is not in line', async (t) => {
  const one = { user: 0, project: 0, cpus: 1, isUrgent: false, members: 0, limit: 0 };
  const queue = queueOf([{ ...one, members: 5, limit: 2 }, one]);
  queue.add({ ...aRow(99, { owner: 'user0', project: 'project0' }), notBefore: after(9e9) });
  const surveyed = survey(queue, fifo);
  t.same(surveyed.first, [2, 3, 11]);
  t.equal(surveyed.inLine, 3);
  t.equal(new Places(surveyed).of(jobId(5), account(0, 0, false)), undefined);
});

t.test('a survey under way tells the first places, and says that there is more', async (t) => {
  const one = { user: 0, project: 0, cpus: 1, isUrgent: false, members: 0, limit: 0 };
  const queue = queueOf(Array.from({ length: 20 }, () => one));
  const found = new Survey({ queue, policy: fifo, at: NOW, exactMax: 4 });
  t.notOk(found.go(5));
  t.ok(found.hasFirst);
  const { isWhole, inLine, first }: Surveyed = found.result();
  t.same({ isWhole, inLine, first }, { isWhole: false, inLine: 20, first: [1, 11, 21, 31] });
  // Others come and go meanwhile.
  queue.remove(jobId(51));
  queue.remove(jobId(61));
  t.ok(found.go(1_000));
  t.ok(found.result().inLine >= 18);
});
