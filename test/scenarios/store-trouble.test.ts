// The store goes away, loses answers, or belongs to another leader: nothing is launched twice or acknowledged too
// early, and all of it heals by itself.
import t from 'tap';
import {
  anotherLeads,
  answerIsLost,
  damage,
  expectCalls,
  expectLaunched,
  expectLeading,
  expectNotLaunched,
  expectOutcome,
  expectRecord,
  expectState,
  expectUnacknowledged,
  expectWaiting,
  forgetCalls,
  kill,
  offer,
  pass,
  report,
  restart,
  scenario,
  storeComesBack,
  storeGoesAway,
  storeGoesOn,
  storeHolds,
  storeHoldsAnswers,
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
  'away before the intent: no ACCEPT; launched when it is back',
  scenario(
    submit('j1'),
    storeGoesAway(),
    offer('a1'),
    pass(2_000),
    expectCalls(/^accept/, 0),
    storeComesBack(),
    pass(6_000),
    offer('a2'),
    pass(6_000),
    expectLaunched('j1'),
  ),
);

t.test(
  'writes fail, reads do not, as on a full disk: no ACCEPT, no hot loop, healed when there is room',
  scenario(
    submit('j1'),
    storeGoesAway('advance'),
    offer('a1'),
    pass(60_000),
    expectCalls(/^accept/, 0),
    expectWrites(40),
    storeComesBack(),
    pass(10_000),
    offer('a1'),
    pass(10_000),
    expectLaunched('j1'),
  ),
);

t.test(
  'away during an update: not acknowledged, taken in when it is back',
  scenario(
    ...runs,
    storeGoesAway('advance', 'job'),
    report('j1', 'failed', { message: 'Command exited with status 4' }),
    pass(60_000),
    expectUnacknowledged('j1', 1),
    expectState('j1', 'running'),
    storeComesBack(),
    pass(6_000),
    expectOutcome('j1', { kind: 'exited', exitCode: 4 }),
    expectUnacknowledged('j1', 0),
  ),
);

t.test(
  'away for longer than the lease: the term ends, the next one takes everything up',
  scenario(
    ...runs,
    submit('j2'),
    storeGoesAway(),
    report('j1', 'finished'),
    offer('a2'),
    pass(60_000),
    expectLeading(false),
    expectUnacknowledged('j1', 1),
    storeComesBack(),
    pass(6_000),
    expectLeading(true),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
    expectUnacknowledged('j1', 0),
    offer('a2'),
    expectLaunched('j2'),
  ),
);

t.test(
  'away while a term begins: it begins anew',
  scenario(
    ...runs,
    storeGoesAway('used'),
    restart(),
    pass(10_000),
    expectLeading(false),
    storeComesBack(),
    pass(10_000),
    expectLeading(true),
    report('j1', 'finished'),
    expectState('j1', 'over'),
  ),
);

// ---- answers lost: the write happened

t.test(
  'the answer to an intent is lost: launched once it was read again',
  scenario(
    submit('j1'),
    answerIsLost('advance'),
    offer('a1'),
    pass(1_000),
    expectRecord('j1', { state: 'launching', launches: 1 }),
    expectLaunched('j1'),
    report('j1', 'running'),
    report('j1', 'finished'),
    expectState('j1', 'over'),
  ),
);

t.test(
  'the answer to an end is lost: it ends once, and is acknowledged',
  scenario(
    ...runs,
    answerIsLost('advance'),
    report('j1', 'finished'),
    pass(1_000),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
    expectUnacknowledged('j1', 0),
    expectEnded('j1'),
  ),
);

t.test(
  'the answer to a requeue is lost: the job waits in the queue',
  scenario(
    ...runs,
    // Too old for the sweeps.
    pass(100_000),
    answerIsLost('advance'),
    report('j1', 'failed', { reason: 'executor-terminated' }),
    pass(120_000),
    expectState('j1', 'pending'),
    expectWaiting(1),
    offer('a2'),
    expectLaunched('j1'),
  ),
);

t.test(
  'the answer to a kill is lost: the task is killed',
  scenario(
    ...runs,
    answerIsLost('advance'),
    forgetCalls(),
    kill('j1'),
    pass(1_000),
    expectState('j1', 'killing'),
    expectCalls(/^kill 1-1$/, 1),
  ),
);

// ---- another leader

t.test(
  'fenced out while an intent is stored: the term ends at once, nothing is sent',
  scenario(
    submit('j1'),
    storeHolds('advance'),
    offer('a1'),
    anotherLeads(),
    storeGoesOn(),
    expectLeading(false),
    expectNotLaunched('j1'),
    expectState('j1', 'pending'),
    expectCalls(/^accept/, 0),
  ),
);

t.test(
  'fenced out while an end is stored: not acknowledged, nothing more is sent',
  scenario(
    ...runs,
    kill('j1'),
    anotherLeads(),
    forgetCalls(),
    report('j1', 'killed'),
    expectLeading(false),
    expectUnacknowledged('j1', 1),
    expectState('j1', 'killing'),
    expectCalls(/./, 0),
  ),
);

t.test(
  'the lease is lost while the record is read: the term never begins',
  scenario(
    submit('j1'),
    storeHolds('live'),
    restart({ isAlone: false }),
    pass(5_500),
    forgetCalls(),
    anotherLeads(),
    pass(1_500),
    storeGoesOn(),
    pass(100),
    expectLeading(false),
    expectCalls(/./, 0),
  ),
);

t.test(
  'fenced out by the first write of a term: it does not go on',
  scenario(
    ...runs,
    kill('j1', { isNoticed: false }),
    storeHolds('advance'),
    restart(),
    anotherLeads(),
    forgetCalls(),
    storeGoesOn(),
    expectLeading(false),
    expectCalls(/./, 0),
  ),
);

t.test(
  'stopped while the record is read: the term never begins',
  scenario(
    submit('j1'),
    storeHolds('live'),
    restart(),
    forgetCalls(),
    async (stage) => {
      void stage.stop();
    },
    storeGoesOn(),
    pass(100),
    expectCalls(/./, 0),
  ),
);

// ---- notices and sweeps

t.test(
  'a submission whose notice was lost is found by the sweep',
  scenario(
    offer('a1'),
    submit('j1', { isNoticed: false }),
    expectWaiting(0),
    pass(4_000),
    offer('a1'),
    pass(1_500),
    expectLaunched('j1'),
  ),
);

t.test(
  'sweeps that failed are made up for by the next',
  scenario(
    storeGoesAway('pending'),
    submit('j1', { isNoticed: false }),
    pass(200_000),
    storeComesBack(),
    pass(5_000),
    expectWaiting(1),
    offer('a1'),
    expectLaunched('j1'),
  ),
);

t.test(
  'a job without notice, from a web server whose clock is far behind, is found by the next sweep',
  scenario(
    submit('j1', { isNoticed: false, behindMs: 600_000 }),
    expectWaiting(0),
    pass(5_000),
    expectWaiting(1),
  ),
);

t.test(
  'a record that could not be read again leaves what was known in force',
  scenario(
    submit('j1'),
    storeGoesAway('used'),
    pass(3_700_000),
    storeComesBack(),
    expectWaiting(1),
    offer('a1'),
    expectLaunched('j1'),
  ),
);

t.test(
  'a row that was read before its job ran and ended launches nothing',
  scenario(
    submit('j1'),
    storeHoldsAnswers('pending'),
    pass(5_000),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'finished'),
    expectState('j1', 'over'),
    storeGoesOn(),
    offer('a2'),
    expectWaiting(0),
    expectNotLaunched('j1'),
    (stage, t) => t.equal(stage.prepared.length, 1, 'its directory is left alone'),
  ),
);

t.test(
  'a damaged record hides no other',
  scenario(
    submit('j1'),
    submit('j2'),
    damage('j1'),
    restart(),
    offer('a1', 2),
    expectLaunched('j2'),
    expectNotLaunched('j1'),
  ),
);

/** At most so many writes were tried since the scenario began. */
function expectWrites(max: number): Tick {
  return (stage, t) => {
    t.ok(stage.attempts('advance') <= max, `${stage.attempts('advance')} writes, at most ${max}`);
  };
}

/** Listeners were told of the job's end, once. */
function expectEnded(name: string): Tick {
  return (stage, t) =>
    t.equal(
      stage.ended.filter((id) => id === stage.id(name)).length,
      1,
      `${name} ended, told once`,
    );
}
