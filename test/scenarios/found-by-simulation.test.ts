// What seeds of test/simulation found, told as short stories. Each was seen to fail before its cure.
import t from 'tap';
import {
  clockJumps,
  clusterComesBack,
  clusterGoesAway,
  expectCalls,
  expectLaunched,
  expectNotLaunched,
  expectOutcome,
  expectState,
  forgetCalls,
  offer,
  pass,
  reconciliationSays,
  report,
  restart,
  scenario,
  storeComesBack,
  storeGoesAway,
  submit,
} from './ticks.js';
import { submitAfter } from './wait-ticks.js';

const HOUR_MS = 3_600_000;

t.test(
  'seed 12: a clock that is set back does not hold a lost job back for an hour',
  scenario(
    submit('j1'),
    offer('a1'),
    pass(100),
    expectLaunched('j1'),
    report('j1', 'running'),
    clockJumps(HOUR_MS),
    report('j1', 'failed', { reason: 'executor-terminated' }),
    pass(100),
    expectState('j1', 'pending'),
    clockJumps(-HOUR_MS),
    pass(29_000),
    offer('a1'),
    expectNotLaunched('j1'),
    pass(2_000),
    expectLaunched('j1'),
  ),
);

t.test(
  'a clock that is set forward does not start a job beside its dying processes, nor does a restart',
  scenario(
    submit('j1'),
    offer('a1'),
    pass(100),
    expectLaunched('j1'),
    report('j1', 'running'),
    report('j1', 'lost'),
    pass(100),
    clockJumps(HOUR_MS),
    offer('a1'),
    pass(4_000),
    expectNotLaunched('j1'),
    restart(),
    pass(100),
    offer('a1'),
    pass(4_000),
    expectNotLaunched('j1'),
    pass(26_000),
    offer('a1'),
    pass(1_000),
    expectLaunched('j1'),
  ),
);

t.test(
  'seed 16: a job whose notice was lost is found whatever the clock says',
  scenario(
    clockJumps(HOUR_MS),
    submit('j1', { isNoticed: false, behindMs: HOUR_MS }),
    offer('a1'),
    pass(4_900),
    offer('a1'),
    pass(1_000),
    expectLaunched('j1'),
  ),
);

t.test(
  'seed 119: FAILED by reconciliation waits for the agent, which alone knows the code',
  scenario(
    submit('j1'),
    offer('a1'),
    pass(100),
    expectLaunched('j1'),
    report('j1', 'running'),
    reconciliationSays('j1', 'failed'),
    clusterGoesAway(),
    clusterComesBack(),
    pass(120_000),
    expectState('j1', 'running'),
    report('j1', 'failed', { message: 'Command exited with status 7' }),
    pass(100),
    expectOutcome('j1', { kind: 'exited', exitCode: 7 }),
  ),
);

t.test(
  'seed 81: offers that come one after the other do not keep an idle framework from its rest',
  scenario(
    offer('a1'),
    pass(3_000),
    offer('a2'),
    pass(2_100),
    expectCalls(/^suppress$/, 1),
    pass(3_000),
    expectCalls(/^decline/, 2),
  ),
);

t.test(
  'seed 47: a SUPPRESS or REVIVE that the master did not hear is said again',
  scenario(
    offer('a1'),
    pass(5_100),
    expectCalls(/^suppress$/, 1),
    pass(10_000),
    offer('a1'),
    pass(5_100),
    expectCalls(/^suppress$/, 2),
    submit('j1'),
    pass(100),
    expectCalls(/^revive$/, 1),
    forgetCalls(),
    pass(21_000),
    expectCalls(/^revive$/, 1),
  ),
);

t.test(
  'seed 78: an array that waits for a job is taken in though the store went away while its members were read',
  scenario(
    submit('j1'),
    offer('a1'),
    pass(100),
    expectLaunched('j1'),
    report('j1', 'running'),
    storeGoesAway('made'),
    submitAfter('a', [['afterany', 'j1']], { values: '1:2' }),
    pass(100),
    storeComesBack(),
    // Behind what a sweep looks back.
    pass(120_000),
    report('j1', 'finished'),
    pass(100),
    offer('a1', 2),
    expectLaunched('a.0'),
    expectLaunched('a.1'),
  ),
);
