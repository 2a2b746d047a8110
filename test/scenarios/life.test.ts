// The ordinary life of a job, and the order of its arrows: intent, ACCEPT, update, record, acknowledgement.
import t from 'tap';
import {
  expectCalls,
  expectLaunched,
  expectNotLaunched,
  expectOutcome,
  expectState,
  expectUnacknowledged,
  offer,
  report,
  scenario,
  storeGoesOn,
  storeHolds,
  submit,
} from './ticks.js';

t.test(
  'a job is submitted, launched, runs and ends',
  scenario(
    submit('j1'),
    expectState('j1', 'pending'),
    offer('a1'),
    expectLaunched('j1'),
    expectState('j1', 'launching'),
    report('j1', 'starting'),
    expectUnacknowledged('j1', 0),
    report('j1', 'running'),
    expectState('j1', 'running'),
    expectUnacknowledged('j1', 0),
    report('j1', 'finished'),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
    expectUnacknowledged('j1', 0),
  ),
);

t.test(
  'an offer that waits takes a new job at once',
  scenario(offer('a1'), submit('j1'), expectLaunched('j1')),
);

t.test(
  'an update is acknowledged only when it is stored',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    storeHolds('advance'),
    report('j1', 'running'),
    expectState('j1', 'launching'),
    expectUnacknowledged('j1', 1),
    storeGoesOn(),
    expectState('j1', 'running'),
    expectUnacknowledged('j1', 0),
    storeHolds('advance'),
    report('j1', 'failed', { message: 'Command exited with status 7' }),
    expectUnacknowledged('j1', 1),
    storeGoesOn(),
    expectOutcome('j1', { kind: 'exited', exitCode: 7 }),
    expectUnacknowledged('j1', 0),
  ),
);

t.test(
  'nothing is launched before its intent is stored',
  scenario(
    submit('j1'),
    storeHolds('advance'),
    offer('a1'),
    expectNotLaunched('j1'),
    expectState('j1', 'pending'),
    expectCalls(/^accept/, 0),
    storeGoesOn(),
    expectState('j1', 'launching'),
    expectLaunched('j1'),
  ),
);
