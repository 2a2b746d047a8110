// Who waits for whom, decided without clock or store.
import t from 'tap';
import { Dependants } from '../../src/core/dependants.js';
import {
  DEPENDENCY_TYPES,
  type Dependency,
  type DependencyType,
  type JobStanding,
  type Verdict,
  verdictOf,
} from '../../src/core/dependency.js';
import { NameLines } from '../../src/core/name-lines.js';
import { type JobId, jobId } from '../../src/core/units.js';

const PENDING: JobStanding = { state: 'pending', exitCode: null, hasStarted: false };
const RUNNING: JobStanding = { state: 'running', exitCode: null, hasStarted: true };
const over = (exitCode: number): JobStanding => ({ state: 'over', exitCode, hasStarted: true });

/** Written down by hand: pending, launched but not started, running, over with 0, over with 7, on record no more. */
const VERDICTS: Record<DependencyType, readonly Verdict[]> = {
  after: ['waits', 'waits', 'true', 'true', 'true', 'true'],
  afterok: ['waits', 'waits', 'waits', 'true', 'never', 'never'],
  afternotok: ['waits', 'waits', 'waits', 'never', 'true', 'never'],
  afterany: ['waits', 'waits', 'waits', 'true', 'true', 'true'],
  aftercorr: ['waits', 'waits', 'waits', 'true', 'never', 'never'],
};

t.test('each kind of dependency on each standing', async (t) => {
  const standings = [
    PENDING,
    { ...PENDING, state: 'launching' } as const,
    RUNNING,
    over(0),
    over(7),
    undefined,
  ];
  for (const type of DEPENDENCY_TYPES)
    t.strictSame(
      standings.map((standing) => verdictOf(type, standing)),
      VERDICTS[type],
      type,
    );
});

const on = (type: DependencyType, ...jobs: number[]): Dependency[] =>
  jobs.map((job) => ({ type, job: jobId(job) }));
const all = (...dependencies: Dependency[]) => ({ on: dependencies, isAnyEnough: false });
const any = (...dependencies: Dependency[]) => ({ on: dependencies, isAnyEnough: true });

t.test('a job becomes ready by the last of its dependencies, once', async (t) => {
  const dependants = new Dependants();
  t.ok(dependants.add(jobId(9), all(...on('afterok', 1, 2), ...on('after', 2))));
  t.notOk(dependants.add(jobId(9), all(...on('afterok', 3))), 'known already');
  t.notOk(dependants.add(jobId(8), all()), 'waits for nobody');
  t.strictSame(dependants.settle(jobId(1), over(0)), { ready: [], never: [] });
  t.strictSame(dependants.settle(jobId(2), RUNNING), { ready: [], never: [] });
  t.strictSame(dependants.settle(jobId(2), over(0)), { ready: [9], never: [] });
  t.strictSame(dependants.settle(jobId(2), over(0)), { ready: [], never: [] });
  t.equal(dependants.size, 0);
  t.strictSame([...dependants.targets()], []);
});

t.test('contradictory dependencies on one job end it, whichever comes', async (t) => {
  for (const code of [0, 1]) {
    const dependants = new Dependants();
    dependants.add(jobId(9), all(...on('afterok', 1), ...on('afternotok', 1)));
    const { ready, never } = dependants.settle(jobId(1), over(code));
    t.strictSame(ready, []);
    t.match(never, [{ id: 9, because: { facts: { job: 1, exitCode: code } } }]);
  }
});

t.test('of a choice the last one that is left decides', async (t) => {
  const dependants = new Dependants();
  dependants.add(jobId(9), any(...on('afterok', 1, 2, 3)));
  t.strictSame(dependants.settle(jobId(1), over(1)), { ready: [], never: [] });
  t.strictSame(dependants.settle(jobId(2), over(2)), { ready: [], never: [] });
  t.match(dependants.settle(jobId(3), over(3)), {
    ready: [],
    never: [{ id: 9, because: { facts: { type: 'afterok', job: 3, exitCode: 3 } } }],
  });
  dependants.add(jobId(10), any(...on('afterok', 1, 2)));
  t.strictSame(dependants.settle(jobId(1), over(0)), { ready: [10], never: [] });
  t.strictSame(dependants.settle(jobId(2), over(0)), { ready: [], never: [] });
});

t.test(
  'what is doomed dooms those behind it, but lets nobody start before it is over',
  async (t) => {
    const dependants = new Dependants();
    dependants.add(jobId(2), all(...on('afterok', 1)));
    dependants.add(jobId(3), all(...on('afterok', 2)));
    dependants.add(jobId(4), all(...on('afterany', 2)));
    dependants.add(jobId(5), any(...on('afterok', 3), ...on('afternotok', 3)));
    const { ready, never } = dependants.settle(jobId(1), over(5));
    t.strictSame(ready, []);
    t.strictSame(
      never.map(({ id }) => id),
      [2, 3],
    );
    t.strictSame(dependants.settle(jobId(2), over(1)), { ready: [4], never: [] });
    t.strictSame(dependants.settle(jobId(3), over(1)), { ready: [5], never: [] });
  },
);

t.test(
  'a circle, which no submission can make, does not keep the rest from going on',
  async (t) => {
    const dependants = new Dependants();
    dependants.add(jobId(1), all(...on('afterok', 2)));
    dependants.add(jobId(2), all(...on('afterok', 1)));
    dependants.add(jobId(3), all(...on('afterok', 3)));
    t.strictSame(dependants.settle(jobId(4), over(0)), { ready: [], never: [] });
    t.match(dependants.settle(jobId(1), over(1)), { never: [{ id: 2 }] }, 'it ends, too');
  },
);

t.test('a dropped job is told of no more', async (t) => {
  const dependants = new Dependants();
  dependants.add(jobId(2), all(...on('afterany', 1)));
  dependants.drop(jobId(2));
  t.strictSame(dependants.settle(jobId(1), over(0)), { ready: [], never: [] });
});

const MANY = 100_000;

t.test('a hundred thousand that wait for one job', async (t) => {
  const dependants = new Dependants();
  for (let n = 2; n < MANY + 2; n++) {
    dependants.add(jobId(n), all(...on('afterok', 1)));
    // It starts again and again: that concerns nobody.
    dependants.settle(jobId(1), RUNNING);
  }
  t.equal(dependants.settle(jobId(1), over(0)).ready.length, MANY);
});

t.test('a chain of a hundred thousand, doomed from its first end', async (t) => {
  const dependants = new Dependants();
  for (let n = 2; n < MANY + 2; n++) dependants.add(jobId(n), all(...on('afterok', n - 1)));
  const { never } = dependants.settle(jobId(1), over(1));
  t.equal(never.length, MANY);
  t.equal(never.at(-1)?.id, MANY + 1);
  t.equal(dependants.size, 0);
});

t.test('jobs of one name take turns', async (t) => {
  const lines = new NameLines();
  const key = 'ann line';
  const named = (id: number, hasBegun = false) => ({ id: jobId(id), hasBegun });
  t.strictSame(lines.enter(jobId(5), key, [named(3), named(5)]), [], 'one before it');
  t.strictSame(lines.enter(jobId(6), key, [named(3), named(5), named(6)]), []);
  t.strictSame(lines.enter(jobId(7), 'ann other', []), [7], 'another name');
  t.strictSame(lines.left(jobId(3)), [5]);
  t.strictSame(lines.enter(jobId(5), key, []), [5], 'it comes back, and it is still its turn');
  t.strictSame(lines.enter(jobId(4), key, [named(4), named(5)]), [], 'an id that came late');
  t.strictSame(lines.left(jobId(5)), [4]);
  t.strictSame(lines.left(jobId(5)), [], 'twice');
  t.strictSame(lines.left(jobId(4)), [6]);
  t.strictSame(lines.left(jobId(6)), []);
  t.strictSame(lines.enter(jobId(8), key, [named(8), named(9, true)]), [], 'a later one has begun');
  t.strictSame(lines.left(jobId(9)), [8]);
});

t.test('a hundred thousand of one name', async (t) => {
  const lines = new NameLines();
  const ready: JobId[] = [];
  for (let n = 1; n <= MANY; n++) ready.push(...lines.enter(jobId(n), 'one', []));
  for (let n = 1; n <= MANY; n++) ready.push(...lines.left(jobId(n)));
  t.equal(ready.length, MANY);
});
