// The order of accounts is a strict total one under every policy, and does not depend on how they are listed.
import fc from 'fast-check';
import t from 'tap';
import { drf } from '../../src/core/drf.js';
import { fairshare } from '../../src/core/fairshare.js';
import { fairtree } from '../../src/core/fairtree.js';
import { AccountOrder, type Ranked } from '../../src/core/order.js';
import { fifo, type Groups, type Standing } from '../../src/core/policy.js';
import { instant, type JobId, jobId, projectId, userId } from '../../src/core/units.js';
import { NO_USE, sumsOf } from '../../src/core/usage.js';
import { after, aNeed, SEED } from './samples.js';

const HOUR_MS = 3_600_000;
const NOW = after(24 * HOUR_MS);

/** Few different values, so that ties are common. */
const someAccount = fc.record({
  user: fc.constantFrom('anna', 'bob', 'carl', 'dora'),
  project: fc.constantFrom('default', 'genomes', 'atlas'),
  priority: fc.constantFrom(50, 50, 50, 80),
  hours: fc.nat({ max: 2 }),
  prio: fc.constantFrom(0, 50, 50, 100),
  waitedHours: fc.nat({ max: 3 }),
});
type SomeAccount = typeof someAccount extends fc.Arbitrary<infer One> ? One : never;

const policies = [fifo, fairshare(), fairtree(), drf];
const runs = { seed: SEED, numRuns: 200 };

/** Accounts as a cycle stands them in line; account n is at place n, its head has an id of its own. */
function lined(accounts: readonly SomeAccount[], policy: (typeof policies)[number]) {
  const standing = (isMeant: (one: SomeAccount) => boolean, prio: number): Standing => {
    const hours = accounts.filter(isMeant).reduce((sum, one) => sum + one.hours, 0);
    const used = hours === 0 ? NO_USE : sumsOf(aNeed(), hours * HOUR_MS);
    return { used, held: { jobs: 1, cpuMilli: 1_000 * hours, memMb: 0, gpus: 0 }, prio };
  };
  const prioOf = (user: string) => accounts.find((one) => one.user === user)?.prio ?? 50;
  const ids = accounts.map((_, n) => jobId(100 - ((n * 37) % 97)));
  const views = accounts.map(({ user, project, waitedHours }, n) => {
    const submittedAt = instant(NOW - waitedHours * HOUR_MS);
    const head = { id: ids[n] as JobId, submittedAt };
    return { user: userId(user), project: projectId(project), head, newestAt: submittedAt };
  });
  const ranking = policy.begin(
    views,
    {
      user: (id) => standing(({ user }) => user === id, prioOf(id)),
      project: (id) => standing(({ project }) => project === id, 50),
      account: (user, project) =>
        standing((one) => one.user === user && one.project === project, prioOf(user)),
    },
    NOW,
  );
  const ranked: Ranked[] = views.map(({ head }, index) => ({
    index,
    priority: accounts[index]?.priority ?? 50,
    head,
    score: ranking.score(index, head),
  }));
  return { ranked, groups: ranking.groups };
}

const drained = (ranked: readonly Ranked[], groups: Groups | undefined): number[] => {
  const order = new AccountOrder([...ranked], groups);
  const indices: number[] = [];
  for (let one = order.peek(); one !== undefined; one = order.peek()) {
    indices.push(one.index);
    order.pop();
  }
  return indices;
};

for (const policy of policies) {
  t.test(`${policy.name}: of any two accounts one goes first, and of any three`, async (t) => {
    let ties = 0;
    const check = fc.property(fc.array(someAccount, { minLength: 3, maxLength: 8 }), (accounts) => {
      const { ranked, groups } = lined(accounts, policy);
      const isBefore = (a: Ranked, b: Ranked) => drained([a, b], groups)[0] === a.index;
      for (const a of ranked)
        for (const b of ranked) {
          if (a === b) continue;
          if (a.score === b.score) ties++;
          if (isBefore(a, b) === isBefore(b, a)) throw new Error('both or neither is first');
          for (const c of ranked)
            if (c !== a && c !== b && isBefore(a, b) && isBefore(b, c) && !isBefore(a, c))
              throw new Error(`${a.index} < ${b.index} < ${c.index} < ${a.index}`);
        }
      const all = drained(ranked, groups).map((index) => ranked[index] as Ranked);
      for (const [n, one] of all.entries())
        for (const later of all.slice(n + 1))
          if (!isBefore(one, later)) throw new Error('the whole order is another one');
    });
    fc.assert(check, runs);
    if (policy !== fifo && policy !== drf) t.ok(ties > 100, `${ties} ties were met`);
  });

  t.test(`${policy.name}: the order is the same however the accounts are listed`, async () => {
    const listed = fc.array(someAccount, { minLength: 2, maxLength: 12 }).chain((accounts) =>
      fc.tuple(
        fc.constant(accounts),
        fc.shuffledSubarray(
          accounts.map((_, n) => n),
          { minLength: accounts.length, maxLength: accounts.length },
        ),
      ),
    );
    const check = fc.property(listed, ([accounts, shuffle]) => {
      const { ranked, groups } = lined(accounts, policy);
      const mixed = shuffle.map((n) => ranked[n] as Ranked);
      return String(drained(ranked, groups)) === String(drained(mixed, groups));
    });
    fc.assert(check, runs);
  });
}
