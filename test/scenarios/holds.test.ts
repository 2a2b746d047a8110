// Jobs that are held back, and jobs that do not start before a date.
import t from 'tap';
import {
  clockJumps,
  crash,
  expectLaunched,
  expectMade,
  expectNotLaunched,
  expectOutcome,
  expectState,
  expectWaiting,
  kill,
  offer,
  pass,
  report,
  rescindAll,
  restart,
  scenario,
  storeGoesOn,
  storeHolds,
  submit,
  submitArray,
} from './ticks.js';
import { hold, release, runs, submitAfter, submitLater } from './wait-ticks.js';

t.test(
  'a job that is held waits whatever is free, until it is released',
  scenario(
    submit('a'),
    hold('a'),
    expectWaiting(1),
    offer('a1', 9),
    expectNotLaunched('a'),
    restart(),
    rescindAll(),
    offer('a1', 9),
    expectNotLaunched('a'),
    release('a'),
    rescindAll(),
    offer('a1', 9),
    expectLaunched('a'),
  ),
);

t.test(
  'holds and releases of which no notice came are found',
  scenario(
    submit('a'),
    hold('a', { isNoticed: false }),
    pass(6_000),
    offer('a1', 9),
    expectNotLaunched('a'),
    release('a', { isNoticed: false }),
    pass(6_000),
    rescindAll(),
    offer('a1', 9),
    expectLaunched('a'),
  ),
);

t.test(
  'a hold that comes while the job is being placed keeps it from starting',
  scenario(
    submit('a'),
    storeHolds('advance'),
    offer('a1'),
    hold('a', { isNoticed: false }),
    storeGoesOn(),
    expectNotLaunched('a'),
    expectState('a', 'pending'),
    rescindAll(),
    offer('a1'),
    expectNotLaunched('a'),
    release('a'),
    rescindAll(),
    offer('a1'),
    expectLaunched('a'),
  ),
);

t.test(
  'a job that is held may be killed',
  scenario(
    submit('a'),
    hold('a'),
    kill('a'),
    expectOutcome('a', { kind: 'killed' }),
    expectWaiting(0),
  ),
);

t.test(
  'the members of an array that is held do not start; those that run go on',
  scenario(
    submitArray('a', '1:3'),
    offer('a1', 1),
    expectLaunched('a.0'),
    hold('a'),
    offer('a2', 9),
    expectNotLaunched('a.1'),
    ...runs('a.0'),
    restart(),
    rescindAll(),
    offer('a2', 9),
    expectNotLaunched('a.1'),
    release('a'),
    rescindAll(),
    offer('a2', 9),
    expectLaunched('a.1'),
    expectLaunched('a.2'),
    ...runs('a.1'),
    ...runs('a.2'),
    expectOutcome('a', { kind: 'exited', exitCode: 0 }),
  ),
);

t.test(
  'a member that waits again does so while its array is held',
  scenario(
    submitArray('a', '1:1'),
    offer('a1', 1),
    expectLaunched('a.0'),
    report('a.0', 'running'),
    hold('a'),
    report('a.0', 'gone-by-operator'),
    offer('a1', 9),
    expectNotLaunched('a.0'),
    restart(),
    rescindAll(),
    offer('a1', 9),
    expectNotLaunched('a.0'),
    release('a'),
    rescindAll(),
    offer('a1', 9),
    expectLaunched('a.0'),
  ),
);

t.test(
  'one member is held alone, and the array ends after it',
  scenario(
    submitArray('a', '1:2'),
    hold('a.0'),
    expectMade('a.0', true),
    offer('a1', 9),
    expectNotLaunched('a.0'),
    expectLaunched('a.1'),
    ...runs('a.1'),
    expectState('a', 'open'),
    release('a.0'),
    rescindAll(),
    offer('a1', 9),
    expectLaunched('a.0'),
    ...runs('a.0'),
    expectOutcome('a', { kind: 'exited', exitCode: 0 }),
  ),
);

t.test(
  'members of an array that is held while one is being placed',
  scenario(
    submitArray('a', '1:2'),
    storeHolds('advance'),
    offer('a1', 2),
    hold('a', { isNoticed: false }),
    storeGoesOn(),
    expectNotLaunched('a.0'),
    expectNotLaunched('a.1'),
    release('a'),
    rescindAll(),
    offer('a1', 2),
    expectLaunched('a.0'),
    expectLaunched('a.1'),
  ),
);

t.test(
  'a held member of an array is killed with it',
  scenario(
    submitArray('a', '1:2'),
    hold('a.1'),
    kill('a'),
    expectOutcome('a', { kind: 'killed' }),
    expectOutcome('a.1', { kind: 'killed' }),
  ),
);

t.test(
  'a hold and a dependency: both must go',
  scenario(
    submit('a'),
    submitAfter('b', [['afterok', 'a']]),
    hold('b'),
    offer('a1'),
    expectLaunched('a'),
    ...runs('a'),
    offer('a1'),
    expectNotLaunched('b'),
    release('b'),
    rescindAll(),
    offer('a1'),
    expectLaunched('b'),
  ),
);

// ---- dates

t.test(
  'not before a date; then at once',
  scenario(
    submitLater('a', 100_000),
    offer('a1'),
    expectNotLaunched('a'),
    pass(99_000),
    offer('a1'),
    expectNotLaunched('a'),
    pass(1_100),
    rescindAll(),
    offer('a1'),
    expectLaunched('a'),
  ),
);

t.test(
  'a date is kept over a takeover, to the moment',
  scenario(
    submitLater('a', 100_000),
    crash(),
    pass(98_000),
    restart(),
    offer('a1'),
    expectNotLaunched('a'),
    pass(2_500),
    rescindAll(),
    offer('a1'),
    expectLaunched('a'),
  ),
);

t.test(
  'a date is one of the wall clock: when that is set back, it is waited for anew',
  scenario(
    submitLater('a', 100_000),
    pass(90_000),
    clockJumps(-600_000),
    pass(20_000),
    offer('a1'),
    expectNotLaunched('a'),
    pass(600_000),
    rescindAll(),
    offer('a1'),
    expectLaunched('a'),
  ),
);

t.test(
  'and when it is set forward, the job starts within a minute',
  scenario(
    submitLater('a', 3_600_000),
    clockJumps(3_600_000),
    pass(61_000),
    offer('a1'),
    expectLaunched('a'),
  ),
);
