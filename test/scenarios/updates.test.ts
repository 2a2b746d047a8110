// What clusters say of tasks, repeated, late, out of order, or wrong: states never go back, jobs end once.
import t from 'tap';
import { taskId } from '../../src/core/units.js';
import {
  clockJumps,
  damage,
  exitFile,
  expectCalls,
  expectKills,
  expectLaunched,
  expectNotLaunched,
  expectOutcome,
  expectRecord,
  expectState,
  expectStrayKills,
  expectUnacknowledged,
  expectWaiting,
  forgetCalls,
  mend,
  nextAccept,
  offer,
  pass,
  reconciliationSays,
  report,
  resend,
  restart,
  scenario,
  storeGoesOn,
  storeHolds,
  strayTask,
  submit,
  type Tick,
} from './ticks.js';

const runs: readonly Tick[] = [
  submit('j1'),
  offer('a1'),
  expectLaunched('j1'),
  report('j1', 'running'),
  expectState('j1', 'running'),
];

t.test(
  'repeats change nothing and are acknowledged, not before the first is stored',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    storeHolds('advance'),
    report('j1', 'running'),
    resend(),
    resend(),
    expectUnacknowledged('j1', 1),
    storeGoesOn(),
    expectUnacknowledged('j1', 0),
    storeHolds('advance'),
    report('j1', 'finished'),
    resend(),
    resend(),
    expectUnacknowledged('j1', 1),
    storeGoesOn(),
    expectUnacknowledged('j1', 0),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
  ),
);

t.test(
  'out of order: an end before its start',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'finished'),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
    report('j1', 'starting'),
    expectState('j1', 'over'),
    expectUnacknowledged('j1', 0),
  ),
);

t.test(
  'RUNNING after FINISHED: the job stays over, the task that came back is killed',
  scenario(
    ...runs,
    report('j1', 'finished'),
    report('j1', 'running'),
    expectState('j1', 'over'),
    expectKills('j1', 1),
    expectUnacknowledged('j1', 0),
  ),
);

t.test(
  'an agent is lost: the job is launched again after the grace; the old task comes back and is killed',
  scenario(
    ...runs,
    report('j1', 'lost'),
    expectState('j1', 'pending'),
    offer('a2'),
    expectNotLaunched('j1'),
    pass(30_000),
    offer('a2'),
    expectLaunched('j1'),
    expectRecord('j1', { launches: 2, faults: [{ because: { code: 'agent-lost' } }] }),
    report('j1', 'running'),
    report('j1', 'running', { launch: 1 }),
    expectKills('j1', 1, 1),
    expectKills('j1', 0, 2),
    report('j1', 'killed', { launch: 1 }),
    expectState('j1', 'running'),
    report('j1', 'finished'),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
  ),
);

t.test(
  'faults of the system are granted up to a cap',
  scenario(
    submit('j1', { retries: 1 }),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'lost'),
    pass(30_000),
    offer('a2'),
    expectLaunched('j1'),
    report('j1', 'running'),
    report('j1', 'lost'),
    expectOutcome('j1', { kind: 'gaveUp', because: { code: 'agent-lost' } }),
    pass(60_000),
    offer('a3'),
    expectNotLaunched('j1'),
  ),
);

t.test(
  'UNREACHABLE, and back: one launch',
  scenario(
    ...runs,
    report('j1', 'unreachable'),
    expectState('j1', 'unreachable'),
    offer('a2'),
    pass(600_000),
    expectNotLaunched('j1'),
    report('j1', 'running'),
    expectState('j1', 'running'),
    report('j1', 'finished'),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
  ),
);

t.test(
  'UNREACHABLE, then GONE: launched again',
  scenario(
    ...runs,
    report('j1', 'unreachable'),
    report('j1', 'gone'),
    expectState('j1', 'pending'),
    pass(30_000),
    offer('a2'),
    expectLaunched('j1'),
    report('j1', 'finished'),
  ),
);

t.test(
  'DROPPED: pending again at its old place, uncharged',
  scenario(
    submit('j1'),
    submit('j2'),
    nextAccept('dropped'),
    offer('a1'),
    expectNotLaunched('j1'),
    expectRecord('j1', { state: 'pending', launches: 1, faults: [] }),
    offer('a1'),
    expectLaunched('j1'),
    expectNotLaunched('j2'),
  ),
);

t.test(
  'DROPPED overtakes the answer to its ACCEPT: the job waits again all the same',
  scenario(
    submit('j1'),
    nextAccept('held'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'dropped', { reason: 'invalid-offers' }),
    expectState('j1', 'pending'),
    expectWaiting(1),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    expectState('j1', 'running'),
  ),
);

t.test(
  'UNKNOWN is believed after three answers over a minute',
  scenario(
    ...runs,
    reconciliationSays('j1', 'unknown'),
    report('j1', 'unknown', { reason: 'reconciliation' }),
    expectState('j1', 'running'),
    pass(50_000),
    expectState('j1', 'running'),
    pass(15_000),
    expectState('j1', 'pending'),
    pass(30_000),
    offer('a2'),
    expectLaunched('j1'),
  ),
);

t.test(
  'UNKNOWN with another answer between counts anew',
  scenario(
    ...runs,
    report('j1', 'unknown', { reason: 'reconciliation' }),
    report('j1', 'running'),
    pass(100_000),
    reconciliationSays('j1', 'silence'),
    report('j1', 'unknown', { reason: 'reconciliation' }),
    report('j1', 'unknown', { reason: 'reconciliation' }),
    expectState('j1', 'running'),
  ),
);

t.test(
  'silence is no answer: asked again for as long as it takes',
  scenario(
    ...runs,
    reconciliationSays('j1', 'silence'),
    restart(),
    forgetCalls(),
    pass(600_000),
    expectState('j1', 'running'),
    expectCalls(/^reconcile 1-1$/, 43),
    reconciliationSays('j1', 'the truth'),
    pass(15_000),
    forgetCalls(),
    pass(120_000),
    expectCalls(/^reconcile 1-1$/, 0),
  ),
);

t.test(
  'a launch without a word for 30 s is asked about, and not more often than that',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    forgetCalls(),
    pass(29_000),
    expectCalls(/^reconcile 1-1$/, 0),
    pass(7_000),
    expectCalls(/^reconcile 1-1$/, 1),
    pass(28_000),
    expectCalls(/^reconcile 1-1$/, 1),
    expectState('j1', 'launching'),
  ),
);

for (const [where, jumpMs] of Object.entries({ back: -3_600_000, forward: 3_600_000 }))
  t.test(
    `how long a launch is without a word is not read from the wall clock: it is set ${where}`,
    scenario(
      submit('j1'),
      offer('a1'),
      expectLaunched('j1'),
      forgetCalls(),
      clockJumps(jumpMs),
      pass(20_000),
      expectCalls(/^reconcile 1-1$/, 0),
      pass(16_000),
      expectCalls(/^reconcile 1-1$/, 1),
    ),
  );

// ---- orphans

t.test(
  'a task that no job holds is killed',
  scenario(
    strayTask('77-1'),
    strayTask('78-1', { 'godocker.installation': 'installation-1' }),
    expectStrayKills('77-1', 1),
    expectStrayKills('78-1', 1),
  ),
);

t.test(
  'an orphan whose kill is lost is killed again',
  scenario(
    (stage) => {
      stage.master.isDeaf = true;
    },
    strayTask('77-1'),
    (stage) => stage.master.resend(),
    (stage) => {
      stage.master.isDeaf = false;
    },
    expectStrayKills('77-1', 0),
    pass(11_000),
    expectStrayKills('77-1', 1),
    (stage) => stage.master.report(taskId('77-1'), 'killed'),
    pass(60_000),
    expectStrayKills('77-1', 1),
  ),
);

t.test(
  'a task of another installation, or with an id that is not ours, is left alone',
  scenario(
    strayTask('77-1', { 'godocker.installation': 'installation-2' }),
    strayTask('somebody-elses', { 'godocker.installation': 'installation-1' }),
    restart(),
    expectStrayKills('77-1', 0),
    expectStrayKills('somebody-elses', 0),
  ),
);

t.test(
  'orphans are killed up to a bound, however often they are told of',
  scenario(
    ...Array.from({ length: 101 }, (_, n) => strayTask(`${1_000 + n}-1`)),
    expectStrayKills('1000-1', 1),
    expectStrayKills('1099-1', 1),
    expectStrayKills('1100-1', 0),
    // Who was to die still is.
    pass(11_000),
    expectStrayKills('1000-1', 2),
    expectStrayKills('1100-1', 0),
  ),
);

t.test(
  'superseded tasks of our own jobs do not count against the bound',
  scenario(
    ...runs,
    report('j1', 'lost'),
    pass(30_000),
    offer('a2'),
    expectLaunched('j1'),
    ...Array.from({ length: 100 }, (_, n) => strayTask(`${1_000 + n}-1`)),
    report('j1', 'running', { launch: 1 }),
    expectKills('j1', 1, 1),
  ),
);

t.test(
  'a damaged record: its task is neither killed nor its end acknowledged until it can be read',
  scenario(
    ...runs,
    damage('j1'),
    restart(),
    expectKills('j1', 0),
    report('j1', 'finished'),
    resend(),
    expectKills('j1', 0),
    expectUnacknowledged('j1', 1),
    mend('j1'),
    restart(),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
    expectUnacknowledged('j1', 0),
  ),
);

t.test(
  'a damaged record that can be read again is taken up with the next update',
  scenario(
    ...runs,
    damage('j1'),
    restart(),
    report('j1', 'finished'),
    expectUnacknowledged('j1', 1),
    mend('j1'),
    resend(),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
    expectUnacknowledged('j1', 0),
  ),
);

// ---- exit codes

t.test(
  'the code is read from the job directory where the message does not tell it',
  scenario(
    ...runs,
    exitFile('j1', '42\n'),
    report('j1', 'failed', { message: 'Abnormal executor termination' }),
    expectOutcome('j1', { kind: 'exited', exitCode: 42 }),
    expectUnacknowledged('j1', 0),
  ),
);

t.test(
  'the code is waited for, unacknowledged, and others do not wait',
  scenario(
    ...runs,
    submit('j2'),
    offer('a2'),
    report('j1', 'failed'),
    pass(20_000),
    expectState('j1', 'running'),
    expectUnacknowledged('j1', 1),
    report('j2', 'finished'),
    expectState('j2', 'over'),
    resend(),
    exitFile('j1', '5'),
    pass(1_000),
    expectOutcome('j1', { kind: 'exited', exitCode: 5 }),
    expectUnacknowledged('j1', 0),
  ),
);

t.test(
  'a code that does not come within a minute is unknown',
  scenario(
    ...runs,
    report('j1', 'failed'),
    pass(59_000),
    expectState('j1', 'running'),
    pass(2_000),
    expectOutcome('j1', { kind: 'unknown', because: { code: 'exit-code-unknown' } }),
    expectUnacknowledged('j1', 0),
  ),
);
