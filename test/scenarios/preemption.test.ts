// Jobs of one who holds all are stopped for another's, wait again uncharged, and never run twice at once.
import t from 'tap';
import {
  crashAt,
  expectEnds,
  expectKilled,
  expectLaunched,
  expectNotKilled,
  expectNotLaunched,
  expectOutcome,
  expectRecord,
  expectState,
  kill,
  offer,
  pass,
  report,
  restart,
  scenario,
  submit,
  type Tick,
} from './ticks.js';

const MINUTE = 60_000;

/** For daemons that start from now on, so also now. */
const preempts: Tick = (stage) => {
  stage.preemption = {
    ...{ afterMs: 10 * MINUTE, eachMs: MINUTE },
    ...{ protectedShare: 1, differenceMin: 0.5, stopsMax: 10 },
  };
  stage.crash();
  stage.start(true);
};

/** All four cpus are anna's, and one of ben's has waited for ten minutes. */
const annaHoldsAll = ({ retries = 2, isAllowed = true } = {}): readonly Tick[] => [
  ...(isAllowed ? [preempts] : []),
  ...['a', 'b', 'c', 'd'].map((name) => submit(name, { owner: 'anna', retries })),
  offer('a1', 4),
  ...['a', 'b', 'c', 'd'].flatMap((name) => [expectLaunched(name), report(name, 'running')]),
  submit('ben', { owner: 'ben' }),
  pass(9 * MINUTE),
  expectNotKilled('d'),
  pass(2 * MINUTE),
];

t.test(
  'what began last is stopped, the other starts, and it goes on when there is room',
  scenario(
    ...annaHoldsAll(),
    expectKilled('d'),
    ...['a', 'b', 'c'].map(expectNotKilled),
    expectState('d', 'running'),
    report('d', 'killed'),
    expectRecord('d', { state: 'pending', faults: [{ because: { code: 'preempted' } }] }),
    // Anna's job is the older one, and still the room is ben's.
    offer('a1', 1),
    expectLaunched('ben'),
    expectNotLaunched('d'),
    pass(5 * MINUTE),
    ...['a', 'b', 'c'].map(expectNotKilled),
    report('a', 'running'),
    report('a', 'finished'),
    offer('a1', 1),
    expectLaunched('d'),
    report('d', 'running'),
    report('d', 'finished'),
    expectEnds('d', 1),
  ),
);

t.test(
  'one that ends well before it is stopped has ended well',
  scenario(
    ...annaHoldsAll(),
    expectKilled('d'),
    report('d', 'finished'),
    expectOutcome('d', { kind: 'exited', exitCode: 0 }),
    expectEnds('d', 1),
  ),
);

t.test(
  'one that answers the signal with a code of its own waits again, whatever its rules say',
  scenario(
    ...annaHoldsAll(),
    expectKilled('d'),
    report('d', 'failed', { message: 'Command exited with status 143' }),
    expectRecord('d', { state: 'pending', faults: [{ because: { code: 'preempted' } }] }),
  ),
);

t.test(
  'a user’s kill of a job that is being stopped ends it',
  scenario(
    ...annaHoldsAll(),
    expectKilled('d'),
    kill('d'),
    report('d', 'killed'),
    expectOutcome('d', { kind: 'killed', by: 'alice' }),
    expectEnds('d', 1),
  ),
);

t.test(
  'jobs that must not run twice are left alone',
  scenario(...annaHoldsAll({ retries: 0 }), ...['a', 'b', 'c', 'd'].map(expectNotKilled)),
);

const crashesAt = (point: string): readonly Tick[] => [
  ...annaHoldsAll().slice(0, -1),
  crashAt(point),
  pass(2 * MINUTE),
  restart(),
  pass(3 * MINUTE),
];

t.test(
  'a crash before the mark is stored: nobody was stopped',
  scenario(...crashesAt('before advance'), ...['a', 'b', 'c', 'd'].map(expectNotKilled)),
);

t.test(
  'a crash once the mark is stored: the next leader stops it, and knows why',
  scenario(
    ...crashesAt('after advance'),
    expectKilled('d'),
    report('d', 'killed'),
    expectRecord('d', { state: 'pending', faults: [{ because: { code: 'preempted' } }] }),
  ),
);

t.test(
  'nobody is stopped unless the site says so',
  scenario(...annaHoldsAll({ isAllowed: false }), ...['a', 'b', 'c', 'd'].map(expectNotKilled)),
);
