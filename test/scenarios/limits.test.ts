// Limits and quotas as the leader keeps them: between two cycles, over takeovers, and whatever becomes of a launch.
import t from 'tap';
import type { LimitRules } from '../../src/core/limit-book.js';
import type { Quotas } from '../../src/core/quota.js';
import { NO_LIMITS } from '../../src/daemon/limits.js';
import { aUser } from '../store/a-job.js';
import {
  crashAt,
  directoryFails,
  directoryHangs,
  directoryIsFine,
  expectLaunched,
  expectNotLaunched,
  expectOutcome,
  expectState,
  kill,
  nextAccept,
  offer,
  pass,
  report,
  restart,
  scenario,
  storeComesBack,
  storeGoesAway,
  submit,
  type Tick,
} from './ticks.js';

/** For daemons that start from now on, so also now. */
const limited =
  (limits: Partial<Omit<LimitRules, 'advanceMs'>>): Tick =>
  async (stage) => {
    stage.limits = { ...NO_LIMITS, ...limits };
    stage.crash();
    stage.start(true);
  };
const ONE_A_USER = limited({ running: { user: 1, project: null, executor: null } });

const quota =
  (quotas: Partial<Quotas>): Tick =>
  (stage) =>
    stage.web.putUser(aUser({ quotas: { time: 0, cpu: 0, ram: 0, ...quotas } }));

const runs = (name: string, ms: number): readonly Tick[] => [
  report(name, 'running'),
  pass(ms),
  report(name, 'finished'),
];

const reached = (facts: object) => ({
  kind: 'gaveUp',
  because: { code: 'quota-exceeded', facts: { scope: 'user', name: 'alice', ...facts } },
});

t.test(
  'one job of a user runs at once, also when another leader takes over',
  scenario(
    ONE_A_USER,
    submit('j1'),
    submit('j2'),
    offer('a1', 4),
    expectLaunched('j1'),
    expectNotLaunched('j2'),
    restart(),
    offer('a2', 4),
    expectNotLaunched('j2'),
    report('j1', 'running'),
    restart(),
    offer('a3', 4),
    expectNotLaunched('j2'),
    report('j1', 'finished'),
    offer('a4', 4),
    expectLaunched('j2'),
  ),
);

t.test(
  'a job that is planned and not yet stored counts',
  scenario(
    ONE_A_USER,
    submit('j1'),
    directoryHangs('j1'),
    offer('a1'),
    submit('j2'),
    offer('a2'),
    expectNotLaunched('j1'),
    expectNotLaunched('j2'),
    directoryIsFine('j1'),
    expectLaunched('j1'),
    expectNotLaunched('j2'),
  ),
);

t.test(
  'a launch that the cluster refused, or a killed job, makes room',
  scenario(
    ONE_A_USER,
    submit('j1'),
    submit('j2'),
    nextAccept('refused'),
    offer('a1'),
    kill('j1'),
    offer('a2', 4),
    expectLaunched('j2'),
  ),
);

t.test(
  'who waited for a limit goes on an offer that is held, without a new one',
  scenario(
    ONE_A_USER,
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    submit('j2'),
    offer('a2'),
    expectNotLaunched('j2'),
    report('j1', 'running'),
    report('j1', 'finished'),
    expectLaunched('j2'),
  ),
);

t.test(
  'a plan that came to nothing makes room',
  scenario(
    ONE_A_USER,
    submit('j1'),
    directoryFails('j1'),
    offer('a1'),
    expectNotLaunched('j1'),
    submit('j2'),
    offer('a2'),
    expectLaunched('j2'),
    directoryIsFine('j1'),
    pass(10_000),
    offer('a3'),
    expectNotLaunched('j1'),
    ...runs('j2', 1_000),
    offer('a4'),
    expectLaunched('j1'),
  ),
);

t.test(
  'a job that is killed before its intent makes room',
  scenario(
    ONE_A_USER,
    submit('j1'),
    directoryHangs('j1'),
    offer('a1'),
    kill('j1', { isNoticed: false }),
    directoryIsFine('j1'),
    submit('j2'),
    offer('a2'),
    expectLaunched('j2'),
    expectNotLaunched('j1'),
  ),
);

t.test(
  'a used-up quota ends what waits, with its numbers, by whichever leader',
  scenario(
    quota({ time: 60 }),
    restart(),
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    submit('j2'),
    offer('a2'),
    expectNotLaunched('j2'),
    expectState('j2', 'pending'),
    ...runs('j1', 60_000),
    restart(),
    offer('a3'),
    expectOutcome('j2', reached({ quota: 'time', limit: 60, asked: 0 })),
    submit('j3'),
    offer('a4'),
    expectOutcome('j3', reached({ quota: 'time', limit: 60 })),
    expectNotLaunched('j3'),
  ),
);

t.test(
  'what runs keeps others waiting, and lets them go when it used less than was charged',
  scenario(
    quota({ time: 700 }),
    restart(),
    submit('j1'),
    submit('j2'),
    submit('j3'),
    offer('a1', 4),
    expectLaunched('j1'),
    expectLaunched('j2'),
    expectNotLaunched('j3'),
    ...runs('j1', 1_000),
    offer('a2', 4),
    expectLaunched('j3'),
  ),
);

t.test(
  'a system fault costs no quota',
  scenario(
    quota({ cpu: 1 }),
    restart(),
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    pass(60_000),
    report('j1', 'gone'),
    pass(60_000),
    offer('a2'),
    expectLaunched('j1'),
    ...runs('j1', 1_000),
    submit('j2'),
    offer('a3'),
    expectOutcome('j2', reached({ quota: 'cpu', limit: 1, used: 1, asked: 1 })),
  ),
);

t.test(
  'a crash before or after the end is stored makes it end once',
  scenario(
    quota({ cpu: 0.5 }),
    restart(),
    submit('j1'),
    crashAt('before advance'),
    offer('a1'),
    expectState('j1', 'pending'),
    restart(),
    crashAt('after advance'),
    offer('a2'),
    expectOutcome('j1', reached({ quota: 'cpu' })),
    restart(),
    offer('a3'),
    expectOutcome('j1', reached({ quota: 'cpu' })),
  ),
);

t.test(
  'quotas that an administrator sets are heeded without a new leader',
  scenario(
    submit('j1'),
    quota({ cpu: 0.5 }),
    pass(31_000),
    offer('a1'),
    expectOutcome('j1', reached({ quota: 'cpu', limit: 0.5 })),
  ),
);

t.test(
  'a job that was submitted after a quota was raised is not told of the one before',
  scenario(
    quota({ cpu: 0.5 }),
    pass(31_000),
    quota({ cpu: 5 }),
    submit('j1'),
    offer('a1'),
    expectState('j1', 'pending'),
    pass(5_000),
    offer('a2'),
    expectLaunched('j1'),
  ),
);

t.test(
  'nobody is told of a quota while the store is away; nor forgotten',
  scenario(
    quota({ cpu: 0.5 }),
    restart(),
    submit('j1'),
    storeGoesAway('quotas'),
    offer('a1'),
    expectState('j1', 'pending'),
    storeComesBack(),
    pass(5_000),
    offer('a2'),
    expectOutcome('j1', reached({ quota: 'cpu', limit: 0.5 })),
  ),
);

const GB = 1e9;
/** For daemons that start from now on, so also now. */
const usualDisk =
  (diskGbUsual: number | null): Tick =>
  (stage) => {
    stage.limits = { ...NO_LIMITS, diskGbUsual };
    stage.sizes ??= new Map();
    stage.crash();
    stage.start(true);
  };
/** What a job's directory takes from now on; -1: it cannot be measured. */
const takes =
  (name: string, gb: number): Tick =>
  (stage) =>
    stage.sizes?.set(stage.id(name), gb * GB);
const archived =
  (name: string): Tick =>
  async (stage, t) => {
    t.equal(await stage.web.archive(stage.id(name), stage.time.now()), 'archived');
  };
const expectTaken =
  (endedGb: number, heldGb: number): Tick =>
  async (stage, t) => {
    const [use] = await stage.web.diskUse();
    const taken = { ended: use?.endedBytes ?? 0, held: use?.heldBytes ?? 0 };
    t.same(taken, { ended: endedGb * GB, held: heldGb * GB });
  };

t.test(
  'job directories at the quota end the next job, until one is removed',
  scenario(
    usualDisk(3),
    submit('j1'),
    takes('j1', 3),
    offer('a1'),
    expectLaunched('j1'),
    ...runs('j1', 1_000),
    expectTaken(0, 0),
    pass(5_000),
    expectTaken(3, 0),
    submit('j2'),
    offer('a2'),
    expectOutcome('j2', reached({ quota: 'disk', limit: 3, used: 3, held: 0, asked: 0 })),
    restart(),
    submit('j3'),
    offer('a3'),
    expectOutcome('j3', reached({ quota: 'disk', used: 3 })),
    archived('j1'),
    expectTaken(0, 0),
    submit('j4'),
    offer('a4'),
    expectState('j4', 'pending'),
    pass(5_000),
    offer('a5'),
    expectLaunched('j4'),
  ),
);

t.test(
  'a directory that grows while its job runs makes others wait, and its end settles it',
  scenario(
    usualDisk(3),
    submit('j1'),
    takes('j1', 8),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    pass(590_000),
    expectTaken(0, 0),
    pass(20_000),
    expectTaken(0, 8),
    submit('j2'),
    offer('a2'),
    expectNotLaunched('j2'),
    expectState('j2', 'pending'),
    takes('j1', 1),
    report('j1', 'finished'),
    pass(5_000),
    expectTaken(1, 0),
    offer('a3'),
    expectLaunched('j2'),
  ),
);

t.test(
  'what cannot be measured is tried again, and holds up no other',
  scenario(
    usualDisk(null),
    submit('j1'),
    submit('j2'),
    takes('j1', -1),
    takes('j2', 2),
    offer('a1', 4),
    expectLaunched('j1'),
    expectLaunched('j2'),
    ...runs('j1', 1_000),
    ...runs('j2', 1_000),
    pass(5_000),
    expectTaken(2, 0),
    takes('j1', 1),
    pass(5_000),
    expectTaken(3, 0),
  ),
);

t.test(
  'a directory is measured by the next leader, if the former one did not come to it',
  scenario(
    usualDisk(null),
    submit('j1'),
    takes('j1', 2),
    offer('a1'),
    expectLaunched('j1'),
    ...runs('j1', 1_000),
    restart(),
    pass(6_000),
    expectTaken(2, 0),
  ),
);

t.test(
  'the queue of higher priority goes first',
  scenario(
    limited({
      queues: [{ name: 'urgent', priority: 80, maxRunning: 1, maxRunningPerUser: null }],
    }),
    submit('j1'),
    submit('j2', { spec: { queue: 'urgent' } }),
    submit('j3', { spec: { queue: 'urgent' } }),
    restart(),
    offer('a1'),
    expectLaunched('j2'),
    expectNotLaunched('j1'),
    offer('a2', 3),
    expectLaunched('j1'),
    expectNotLaunched('j3'),
  ),
);
