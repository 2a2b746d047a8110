// Room for large jobs: small ones that would overtake for ever are held back, and offers of the agent stay.
import t from 'tap';
import {
  expectCalls,
  expectLaunched,
  expectNotLaunched,
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

/** One of an agent's four cpus is taken, and a job that needs all four has waited for ten minutes. */
const aLargeJobHasWaited: readonly Tick[] = [
  submit('first'),
  offer('a1'),
  expectLaunched('first'),
  report('first', 'running'),
  submit('large', { cpus: 4 }),
  pass(10 * MINUTE),
];

t.test(
  'a large job is not overtaken for ever',
  scenario(
    ...aLargeJobHasWaited,
    submit('small'),
    offer('a1', 3),
    expectNotLaunched('small'),
    // Held for as long as it takes, also beyond the five seconds of other offers.
    pass(MINUTE),
    expectCalls(/^decline/, 0),
    expectNotLaunched('small'),
    report('first', 'finished'),
    offer('a1', 1),
    expectLaunched('large'),
    offer('a2', 1),
    expectLaunched('small'),
  ),
);

t.test(
  'meanwhile others start on other agents, and in its shade',
  scenario(
    ...aLargeJobHasWaited,
    submit('small'),
    offer('a1', 5),
    // Two of six cpus are free beside it.
    submit('beside'),
    submit('late'),
    expectLaunched('small'),
    expectNotLaunched('late'),
    offer('a2', 1),
    expectLaunched('beside'),
  ),
);

t.test(
  'a large job that is killed gives its room back',
  scenario(
    ...aLargeJobHasWaited,
    submit('small'),
    offer('a1', 3),
    expectNotLaunched('small'),
    kill('large'),
    pass(100),
    expectLaunched('small'),
  ),
);

t.test(
  'offers that were kept grow old again with the room',
  scenario(
    ...aLargeJobHasWaited,
    submit('small'),
    offer('a1', 3),
    pass(MINUTE),
    kill('small'),
    expectCalls(/^decline /, 0),
    kill('large'),
    pass(100),
    expectCalls(/^decline /, 1),
  ),
);

t.test(
  'a new leader keeps room anew, out of what it reads',
  scenario(
    ...aLargeJobHasWaited,
    restart(),
    submit('small'),
    offer('a1', 3),
    expectNotLaunched('small'),
    report('first', 'finished'),
    offer('a1', 1),
    expectLaunched('large'),
  ),
);
