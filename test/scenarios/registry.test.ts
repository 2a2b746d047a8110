// A registry that refuses, or is away: asked again later, by a rule of its own, whatever happens to us meanwhile.
import t from 'tap';
import {
  clockJumps,
  expectLaunched,
  expectNotLaunched,
  expectOutcome,
  expectRecord,
  expectState,
  offer,
  pass,
  report,
  restart,
  scenario,
  submit,
  type Tick,
} from './ticks.js';

const reason = 'container-launch-failed';
const refused = (name: string): Tick =>
  report(name, 'failed', {
    reason,
    message:
      "Failed to launch container: Failed to run 'docker pull x': exited with status 1; stderr='toomanyrequests: slow down'",
  });
/** Launched on a fresh offer, and refused by the registry. */
const refusedAgain = (name: string): readonly Tick[] => [
  offer('a1'),
  expectLaunched(name),
  refused(name),
  expectState(name, 'pending'),
];

t.test(
  'the job waits, longer each time, and runs when the registry serves; no other relaunch is used up',
  scenario(
    submit('j1', { retries: 0 }),
    ...refusedAgain('j1'),
    offer('a1'),
    pass(9_000),
    expectNotLaunched('j1'),
    pass(2_000),
    ...refusedAgain('j1'),
    pass(18_000),
    offer('a1'),
    expectNotLaunched('j1'),
    pass(5_000),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    expectRecord('j1', { launches: 3, faults: [{ because: { code: 'registry-trouble' } }, {}] }),
    report('j1', 'finished'),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
  ),
);

t.test(
  'the pause outlives a restart of the scheduler, and a clock that is set back',
  scenario(
    submit('j1'),
    ...refusedAgain('j1'),
    pass(11_000),
    ...refusedAgain('j1'),
    pass(21_000),
    ...refusedAgain('j1'),
    pass(41_000),
    ...refusedAgain('j1'),
    restart(),
    pass(40_000),
    offer('a1'),
    expectNotLaunched('j1'),
    pass(50_000),
    offer('a1'),
    expectLaunched('j1'),
    refused('j1'),
    clockJumps(-3_600_000),
    restart(),
    pass(601_000),
    offer('a1'),
    expectLaunched('j1'),
  ),
);

t.test(
  'a registry that never serves is given up in the end',
  scenario(
    submit('j1'),
    ...Array.from({ length: 12 }, () => [...refusedAgain('j1'), pass(601_000)]).flat(),
    offer('a1'),
    expectLaunched('j1'),
    refused('j1'),
    expectOutcome('j1', { kind: 'gaveUp', because: { code: 'registry-trouble' } }),
  ),
);

t.test(
  'no host is passed over for what the registry did',
  scenario(
    (stage) => {
      stage.skipsFailedNodes = true;
    },
    restart(),
    submit('j1'),
    ...refusedAgain('j1'),
    pass(11_000),
    ...refusedAgain('j1'),
    restart(),
    pass(31_000),
    offer('a1'),
    expectLaunched('j1'),
  ),
);

t.test(
  'an image that is not there ends the job at once',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'failed', {
      reason,
      message: 'Failed to launch container: Failed to pull the image x: manifest unknown',
    }),
    expectOutcome('j1', { kind: 'gaveUp', because: { code: 'no-such-image' } }),
  ),
);
