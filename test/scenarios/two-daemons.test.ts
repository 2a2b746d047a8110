// Two scheduler daemons on one store: the standby waits, takes over, and a leader that wakes up late does no harm.
import t from 'tap';
import {
  crash,
  expectCalls,
  expectFormerLeading,
  expectKills,
  expectLaunched,
  expectLeading,
  expectNotLaunched,
  expectOutcome,
  expectRecord,
  expectState,
  expectUnacknowledged,
  forgetCalls,
  formerGoesOn,
  kill,
  offer,
  pass,
  pause,
  pauseAt,
  report,
  scenario,
  standby,
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
  'a standby does nothing while the leader beats',
  scenario(
    standby(),
    forgetCalls(),
    pass(60_000),
    expectFormerLeading(true),
    expectLeading(false),
    expectCalls(/./, 0),
  ),
);

t.test(
  'a killed leader is replaced; running jobs go on',
  scenario(
    ...runs,
    crash(),
    standby(),
    pass(3_500),
    expectLeading(false),
    pass(2_000),
    expectLeading(true),
    expectState('j1', 'running'),
    report('j1', 'finished'),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
    expectUnacknowledged('j1', 0),
  ),
);

t.test(
  'a leader that was stopped for a minute wakes up: it launches nothing and follows',
  scenario(
    ...runs,
    submit('j2'),
    pause(),
    standby(),
    pass(60_000),
    expectLeading(true),
    offer('a2'),
    // The notice went to the stopped one: found at takeover.
    expectLaunched('j2'),
    forgetCalls(),
    formerGoesOn(),
    pass(100),
    expectFormerLeading(false),
    expectCalls(/./, 0),
    pass(60_000),
    expectFormerLeading(false),
    expectLeading(true),
    report('j1', 'finished'),
    report('j2', 'finished'),
    expectState('j1', 'over'),
    expectState('j2', 'over'),
  ),
);

for (const point of ['before advance', 'after advance', 'after jobs', 'before accept'])
  t.test(
    `stopped ${point} of a launch, and woken when another leads: one run`,
    scenario(
      submit('j1'),
      pauseAt(point),
      offer('a1'),
      expectNotLaunched('j1'),
      standby(),
      pass(6_000),
      expectLeading(true),
      offer('a2'),
      expectLaunched('j1'),
      report('j1', 'running'),
      formerGoesOn(),
      pass(1_000),
      expectFormerLeading(false),
      expectNotLaunched('j1'),
      expectState('j1', 'running'),
      expectKills('j1', 0),
      report('j1', 'finished'),
      expectState('j1', 'over'),
    ),
  );

for (const point of ['before advance', 'after advance'])
  t.test(
    `stopped ${point} of an end, and woken when another leads: one end`,
    scenario(
      ...runs,
      pauseAt(point),
      report('j1', 'failed', { message: 'Command exited with status 6' }),
      standby(),
      pass(6_000),
      expectOutcome('j1', { kind: 'exited', exitCode: 6 }),
      expectUnacknowledged('j1', 0),
      formerGoesOn(),
      pass(1_000),
      expectFormerLeading(false),
      expectOutcome('j1', { kind: 'exited', exitCode: 6 }),
    ),
  );

t.test(
  'a kill asked of the stopped leader is carried out by the next',
  scenario(
    ...runs,
    pause(),
    kill('j1'),
    standby(),
    pass(6_000),
    expectRecord('j1', { state: 'killing' }),
    formerGoesOn(),
    report('j1', 'killed'),
    expectOutcome('j1', { kind: 'killed' }),
  ),
);
