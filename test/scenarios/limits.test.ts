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
