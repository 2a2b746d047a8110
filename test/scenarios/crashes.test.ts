// kill -9 at each arrow of a job's way, and a restart: exactly one run, one end.
import t from 'tap';
import {
  crash,
  crashAt,
  expectCalls,
  expectLaunched,
  expectNotLaunched,
  expectOutcome,
  expectRecord,
  expectState,
  expectUnacknowledged,
  forgetCalls,
  kill,
  offer,
  pass,
  report,
  restart,
  scenario,
  submit,
  type Tick,
} from './ticks.js';

/** From a fresh task to a good end. */
const runsAndEnds: readonly Tick[] = [
  report('j1', 'running'),
  expectState('j1', 'running'),
  report('j1', 'finished'),
  expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
  expectUnacknowledged('j1', 0),
  offer('a1'),
  expectNotLaunched('j1'),
];

t.test(
  'before its notice: jobs are found at takeover',
  scenario(
    crash(),
    submit('j1', { isNoticed: false }),
    restart(),
    offer('a1'),
    expectLaunched('j1'),
    ...runsAndEnds,
  ),
);

t.test(
  'before the intent is stored',
  scenario(
    submit('j1'),
    crashAt('before advance'),
    offer('a1'),
    expectState('j1', 'pending'),
    restart(),
    offer('a1'),
    expectLaunched('j1'),
    ...runsAndEnds,
  ),
);

for (const point of ['after advance', 'before accept'])
  t.test(
    `intent stored, ACCEPT not sent (${point})`,
    scenario(
      submit('j1'),
      crashAt(point),
      offer('a1'),
      expectState('j1', 'launching'),
      expectNotLaunched('j1'),
      restart(),
      // The master does not know the task: it never ran, and costs no retry.
      expectState('j1', 'pending'),
      expectRecord('j1', { launches: 1, faults: [] }),
      offer('a1'),
      expectLaunched('j1'),
      expectRecord('j1', { launches: 2 }),
      ...runsAndEnds,
    ),
  );

t.test(
  'ACCEPT sent, no update yet',
  scenario(
    submit('j1'),
    crashAt('after accept'),
    offer('a1'),
    expectLaunched('j1'),
    restart(),
    expectState('j1', 'launching'),
    offer('a1'),
    expectNotLaunched('j1'),
    ...runsAndEnds,
  ),
);

t.test(
  'the task ran to its end meanwhile',
  scenario(
    submit('j1'),
    crashAt('after accept'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    report('j1', 'failed', { message: 'Command exited with status 3' }),
    restart(),
    expectOutcome('j1', { kind: 'exited', exitCode: 3 }),
    expectUnacknowledged('j1', 0),
  ),
);

for (const point of ['before advance', 'after advance', 'before acknowledge', 'after acknowledge'])
  t.test(
    `while an end is taken in: ${point}`,
    scenario(
      submit('j1'),
      offer('a1'),
      expectLaunched('j1'),
      report('j1', 'running'),
      crashAt(point),
      report('j1', 'failed', { message: 'Command exited with status 9' }),
      restart(),
      expectOutcome('j1', { kind: 'exited', exitCode: 9 }),
      expectUnacknowledged('j1', 0),
      offer('a1'),
      expectNotLaunched('j1'),
    ),
  );

t.test(
  'while a requeue is stored: the job waits again after the restart',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    crashAt('after advance'),
    report('j1', 'failed', { reason: 'executor-terminated' }),
    expectState('j1', 'pending'),
    restart(),
    pass(30_000),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    report('j1', 'finished'),
    expectState('j1', 'over'),
  ),
);

t.test(
  'running jobs are taken over untouched',
  scenario(
    submit('j1'),
    submit('j2'),
    offer('a1', 2),
    expectLaunched('j1'),
    expectLaunched('j2'),
    report('j1', 'running'),
    forgetCalls(),
    restart(),
    expectState('j1', 'running'),
    expectCalls(/^kill/, 0),
    expectCalls(/^reconcile 1-1,2-1$/, 1),
    expectCalls(/^reconcile all$/, 1),
    kill('j1'),
    report('j1', 'killed'),
    expectOutcome('j1', { kind: 'killed' }),
    report('j2', 'finished'),
    expectOutcome('j2', { kind: 'exited', exitCode: 0 }),
  ),
);

t.test(
  'three crashes in a row while launching',
  scenario(
    submit('j1'),
    crashAt('before accept'),
    offer('a1'),
    restart(),
    crashAt('before accept'),
    offer('a1'),
    restart(),
    // Refused twice in a row: the third launch pauses.
    pass(500),
    crashAt('after accept'),
    offer('a1'),
    expectLaunched('j1'),
    expectRecord('j1', { launches: 3, faults: [] }),
    restart(),
    report('j1', 'finished'),
    expectState('j1', 'over'),
  ),
);
