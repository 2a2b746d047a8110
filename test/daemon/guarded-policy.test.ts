import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { Bug } from '../../src/core/assert.js';
import { fifo, NO_STANDINGS, type Policy, type Ranking } from '../../src/core/policy.js';
import { instant, jobId } from '../../src/core/units.js';
import { GuardedPolicy } from '../../src/daemon/guarded-policy.js';
import { FakeTime } from '../support/fake-time.js';

const HEAD = { id: jobId(7), submittedAt: instant(0) };
const ranking = (part: Partial<Ranking>): Policy => ({
  name: 'own',
  begin: () => ({ score: () => 1, charged: () => {}, ...part }),
});
const begin = (policy: Policy): Ranking => policy.begin([], NO_STANDINGS, instant(0));
const guard = (policy: Policy) => new GuardedPolicy(policy, { clock: new FakeTime(), log: SILENT });
const boom = (): never => {
  throw new Error('boom');
};

const FAILURES: Readonly<Record<string, readonly [Policy, RegExp]>> = {
  'that throws when a cycle begins': [{ name: 'own', begin: boom }, /begin: boom$/],
  'that throws for a score': [ranking({ score: boom }), /score: boom$/],
  'without a score': [ranking({ score: () => Number.NaN }), /score gave NaN/],
  'that throws when a job was placed': [ranking({ charged: boom }), /charged: boom$/],
  'with a group of no account': [
    ranking({ groups: { of: () => Number.POSITIVE_INFINITY, score: () => 0 } }),
    /groups.of gave Infinity/,
  ],
};

for (const [what, [policy, because]] of Object.entries(FAILURES))
  t.test(`a policy ${what}: the cycle goes by order of submission, and it is told`, async (t) => {
    const guarded = guard(policy);
    t.equal(guarded.trouble(), null);
    const used = guarded.decide((policy) => {
      const one = begin(policy);
      one.groups?.of(0);
      one.score(0, HEAD);
      one.charged(0, { cpuMilli: 1, memMb: 1, gpus: 0, ports: 0, custom: {} });
      return policy;
    });
    t.equal(used, fifo);
    t.match(guarded.trouble(), because);
    t.match(guarded.trouble(), /^scheduler policy own fails/);
  });

t.test('once a cycle succeeds there is no trouble', async (t) => {
  let isBad = true;
  const guarded = guard(ranking({ score: () => (isBad ? Number.NaN : 5) }));
  const score = () => guarded.decide((policy) => begin(policy).score(0, HEAD));
  t.equal(score(), 7, 'the id, as fifo has it');
  isBad = false;
  t.equal(score(), 5);
  t.equal(guarded.trouble(), null);
});

t.test('a bug of ours in a cycle is no fault of the policy', async (t) => {
  t.throws(
    () =>
      guard(fifo).decide(() => {
        throw new Bug('ours');
      }),
    Bug,
  );
});
