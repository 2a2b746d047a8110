// Job arrays: members are jobs once they start; the parent follows them, and ends once, whatever crashes.
import t from 'tap';
import {
  answerIsLost,
  clusterGoesAway,
  crash,
  crashAt,
  directoryFails,
  directoryHangs,
  directoryIsFine,
  expectEnds,
  expectKilled,
  expectLaunched,
  expectMade,
  expectNotLaunched,
  expectOutcome,
  expectRecord,
  expectSeen,
  expectState,
  expectWaiting,
  formerGoesOn,
  kill,
  offer,
  pass,
  pauseAt,
  report,
  restart,
  scenario,
  standby,
  storeComesBack,
  storeGoesAway,
  storeGoesOn,
  storeHolds,
  submit,
  submitArray,
  type Tick,
} from './ticks.js';

const KILLED = { kind: 'killed', by: 'alice' };

/** From its launch to its end. */
const runs = (name: string, end: 'finished' | 'failed' = 'finished'): readonly Tick[] => [
  report(name, 'running'),
  report(name, end, end === 'failed' ? { message: 'Command exited with status 3' } : {}),
];

t.test(
  'members start as there is room; the parent follows them from pending to over',
  scenario(
    submitArray('a', '1:3'),
    expectWaiting(3),
    offer('a1', 2),
    expectLaunched('a.0'),
    expectLaunched('a.1'),
    expectNotLaunched('a.2'),
    expectMade('a.2', false),
    expectWaiting(1),
    expectRecord('a', { state: 'open', startedAt: null }),
    report('a.1', 'running'),
    expectRecord('a', { state: 'open', startedAt: Number, directory: /^.shared.\d+$/ }),
    report('a.1', 'finished'),
    ...runs('a.0'),
    expectState('a', 'open'),
    offer('a1', 2),
    expectLaunched('a.2'),
    ...runs('a.2'),
    expectOutcome('a', { kind: 'exited', exitCode: 0, because: null }),
    expectEnds('a', 1),
    expectEnds('a.1', 1),
    offer('a1', 2),
    expectNotLaunched('a.0'),
  ),
);

t.test(
  'the greatest code of its members is the code of the array',
  scenario(
    submitArray('a', '1:3'),
    offer('a1', 3),
    ...runs('a.1', 'failed'),
    ...runs('a.0'),
    ...runs('a.2'),
    expectOutcome('a', {
      kind: 'exited',
      exitCode: 3,
      because: { code: 'members-failed', facts: { failed: 1, members: 3 } },
    }),
    expectOutcome('a.1', { kind: 'exited', exitCode: 3 }),
  ),
);

t.test(
  'no more members run than the limit says, also after a takeover; others get their turn',
  scenario(
    submitArray('a', '1:5%2'),
    submit('other'),
    offer('a1', 4),
    expectLaunched('a.0'),
    expectLaunched('a.1'),
    expectLaunched('other'),
    expectNotLaunched('a.2'),
    restart(),
    offer('a2', 4),
    expectNotLaunched('a.2'),
    report('a.0', 'running'),
    report('a.0', 'finished'),
    offer('a2', 4),
    expectLaunched('a.2'),
    expectNotLaunched('a.3'),
    report('a.1', 'running'),
    // Its agent is lost: it waits again, and so another may run.
    report('a.1', 'lost', { reason: 'slave-removed' }),
    offer('a3', 4),
    expectLaunched('a.3'),
    expectNotLaunched('a.4'),
    pass(31_000),
    offer('a3', 4),
    expectNotLaunched('a.1'),
    ...runs('a.2'),
    offer('a3', 4),
    expectLaunched('a.1'),
    expectNotLaunched('a.4'),
  ),
);

t.test(
  'a member whose agent is lost runs again; its siblings do not wait for it',
  scenario(
    submitArray('a', '1:2'),
    offer('a1'),
    expectLaunched('a.0'),
    report('a.0', 'running'),
    report('a.0', 'lost', { reason: 'slave-removed' }),
    expectState('a.0', 'pending'),
    expectWaiting(2),
    offer('a2'),
    expectLaunched('a.1'),
    ...runs('a.1'),
    expectState('a', 'open'),
    restart(),
    pass(31_000),
    offer('a2'),
    expectLaunched('a.0'),
    ...runs('a.0'),
    expectOutcome('a', { kind: 'exited', exitCode: 0 }),
    expectEnds('a', 1),
  ),
);

/** The supervisor starts it again, and the agents repeat what nobody acknowledged. */
const goesOn: readonly Tick[] = [restart(), pass(40_000)];

for (const point of [
  'before advance',
  'after advance',
  'before accept',
  'after accept',
  'before acknowledge',
  'after acknowledge',
])
  for (const when of ['at the launch', 'at the start', 'at the end', 'at the last end'] as const)
    t.test(
      `a crash ${point}, ${when}: each member runs and ends once, and so does the array`,
      scenario(
        submitArray('a', '1:2'),
        ...(when === 'at the launch' ? [crashAt(point)] : []),
        offer('a1'),
        ...(when === 'at the launch' ? goesOn : []),
        offer('a1'),
        offer('a2'),
        ...(when === 'at the start' ? [crashAt(point)] : []),
        report('a.0', 'running'),
        ...(when === 'at the start' ? goesOn : []),
        ...(when === 'at the end' ? [crashAt(point)] : []),
        report('a.0', 'finished'),
        ...(when === 'at the end' ? goesOn : []),
        offer('a1'),
        report('a.1', 'running'),
        ...(when === 'at the last end' ? [crashAt(point)] : []),
        report('a.1', 'finished'),
        ...(when === 'at the last end' ? goesOn : []),
        expectOutcome('a.0', { kind: 'exited', exitCode: 0 }),
        expectOutcome('a.1', { kind: 'exited', exitCode: 0 }),
        expectOutcome('a', { kind: 'exited', exitCode: 0 }),
        expectRecord('a', { startedAt: Number }),
        pass(60_000),
        expectWaiting(0),
      ),
    );

t.test(
  'a crash between the end of the last member and that of the array: recounted at takeover',
  scenario(
    submitArray('a', '1:2'),
    offer('a1', 2),
    ...runs('a.0', 'failed'),
    report('a.1', 'running'),
    // The member's end is stored; the word about the array is the next write.
    crashAt('after advance'),
    report('a.1', 'finished'),
    expectState('a.1', 'over'),
    expectState('a', 'open'),
    restart(),
    expectOutcome('a', { kind: 'exited', exitCode: 3 }),
    expectEnds('a', 1),
  ),
);

t.test(
  'an array is found without a notice, by the sweep and at takeover',
  scenario(
    submitArray('a', '1:2', { isNoticed: false }),
    expectWaiting(0),
    pass(5_000),
    expectWaiting(2),
    submitArray('b', '1:2', { isNoticed: false }),
    restart(),
    expectWaiting(4),
  ),
);

// ---- kills

t.test(
  'the kill of an array: what waits ends with it without records, what runs is killed',
  scenario(
    submitArray('a', '1:1000'),
    offer('a1', 2),
    report('a.0', 'running'),
    report('a.1', 'running'),
    kill('a'),
    expectWaiting(0),
    expectState('a.0', 'killing'),
    expectState('a', 'open'),
    report('a.0', 'killed'),
    expectState('a', 'open'),
    report('a.1', 'killed'),
    expectOutcome('a', KILLED),
    expectOutcome('a.0', KILLED),
    expectEnds('a', 1),
    expectMade('a.2', false),
    expectSeen('a.2', { state: 'over', outcome: KILLED }),
    offer('a1', 2),
    expectNotLaunched('a.2'),
  ),
);

t.test(
  'the kill of an array of which nothing runs: over at once',
  scenario(submitArray('a', '1:9'), kill('a'), expectOutcome('a', KILLED), expectEnds('a', 1)),
);

t.test(
  'its notice is lost: found by the sweep',
  scenario(
    submitArray('a', '1:9'),
    offer('a1'),
    report('a.0', 'running'),
    kill('a', { isNoticed: false }),
    pass(5_000),
    expectKilled('a.0'),
    report('a.0', 'killed'),
    expectOutcome('a', KILLED),
  ),
);

t.test(
  'a kill that was stored before a restart is carried out after it',
  scenario(
    submitArray('a', '1:9'),
    offer('a1'),
    report('a.0', 'running'),
    kill('a', { isNoticed: false }),
    restart(),
    expectWaiting(0),
    expectState('a.0', 'killing'),
    report('a.0', 'killed'),
    expectOutcome('a', KILLED),
    expectEnds('a', 1),
  ),
);

t.test(
  'a crash in the middle of a kill',
  scenario(
    submitArray('a', '1:9'),
    offer('a1', 2),
    report('a.0', 'running'),
    report('a.1', 'running'),
    crashAt('after advance'),
    kill('a'),
    restart(),
    expectWaiting(0),
    report('a.0', 'killed'),
    report('a.1', 'killed'),
    expectOutcome('a', KILLED),
    expectEnds('a', 1),
  ),
);

for (const isNoticed of [true, false])
  t.test(
    `a kill between plan and intent, ${isNoticed ? 'with' : 'without'} a notice: nothing starts`,
    scenario(
      submitArray('a', '1:3'),
      directoryHangs('a.0'),
      offer('a1'),
      kill('a', { isNoticed }),
      directoryIsFine('a.0'),
      pass(100),
      expectOutcome('a', KILLED),
      expectNotLaunched('a.0'),
      expectSeen('a.0', { state: 'over', outcome: KILLED }),
      expectEnds('a', 1),
    ),
  );

t.test(
  'a kill while an intent is being stored: its task is killed',
  scenario(
    submitArray('a', '1:3'),
    storeHolds('advance'),
    offer('a1'),
    kill('a'),
    storeGoesOn(),
    pass(5_000),
    report('a.0', 'killed'),
    expectOutcome('a', KILLED),
    expectSeen('a.0', { state: 'over', outcome: KILLED }),
  ),
);

t.test(
  'a member that waits again is killed with its array',
  scenario(
    submitArray('a', '1:2'),
    offer('a1'),
    report('a.0', 'running'),
    report('a.0', 'lost', { reason: 'slave-removed' }),
    kill('a'),
    expectOutcome('a', KILLED),
    expectOutcome('a.0', KILLED),
    pass(31_000),
    offer('a2', 2),
    expectNotLaunched('a.1'),
  ),
);

t.test(
  'an array that is killed while its member is lost does not launch it again',
  scenario(
    submitArray('a', '1:2'),
    offer('a1'),
    expectLaunched('a.0'),
    report('a.0', 'running'),
    kill('a'),
    report('a.0', 'lost', { reason: 'slave-removed' }),
    expectOutcome('a', KILLED),
    pass(31_000),
    offer('a2', 2),
    expectNotLaunched('a.0'),
  ),
);

t.test(
  'the kill of one waiting member: the others run, and the array ends with its code',
  scenario(
    submitArray('a', '1:3'),
    kill('a.1'),
    expectOutcome('a.1', KILLED),
    expectWaiting(2),
    offer('a1', 3),
    expectLaunched('a.0'),
    expectLaunched('a.2'),
    ...runs('a.0'),
    ...runs('a.2'),
    expectOutcome('a', { kind: 'exited', exitCode: 137 }),
    expectEnds('a', 1),
  ),
);

t.test(
  'the kill of a member that was not heard of before that of its array: both end',
  scenario(
    submitArray('a', '1:3'),
    kill('a.1', { isNoticed: false }),
    kill('a'),
    expectOutcome('a.1', KILLED),
    expectOutcome('a', KILLED),
    expectEnds('a', 1),
  ),
);

t.test(
  'the kill of one running member',
  scenario(
    submitArray('a', '1:2'),
    offer('a1', 2),
    report('a.1', 'running'),
    kill('a.1'),
    expectKilled('a.1'),
    report('a.1', 'killed'),
    expectOutcome('a.1', KILLED),
    ...runs('a.0'),
    expectOutcome('a', { kind: 'exited', exitCode: 137 }),
  ),
);

// ---- trouble

t.test(
  'the answer to the end of the array is lost: it ends once all the same',
  scenario(
    submitArray('a', '1'),
    offer('a1'),
    report('a.0', 'running'),
    answerIsLost('advance'),
    report('a.0', 'finished'),
    pass(1_000),
    answerIsLost('advance'),
    pass(20_000),
    expectOutcome('a', { kind: 'exited', exitCode: 0 }),
    expectEnds('a', 1),
  ),
);

t.test(
  'the store is away while the members end: all is told when it is back',
  scenario(
    submitArray('a', '1:2'),
    offer('a1', 2),
    report('a.0', 'running'),
    report('a.1', 'running'),
    storeGoesAway(),
    report('a.0', 'finished'),
    report('a.1', 'failed', { message: 'Command exited with status 3' }),
    pass(10_000),
    storeComesBack(),
    pass(10_000),
    expectOutcome('a', { kind: 'exited', exitCode: 3 }),
    expectEnds('a', 1),
  ),
);

t.test(
  'a directory that cannot be made postpones its member alone, and gives its room to another',
  scenario(
    submitArray('a', '1:3%1'),
    directoryFails('a.0'),
    offer('a1'),
    expectNotLaunched('a.0'),
    offer('a1'),
    expectLaunched('a.1'),
    directoryIsFine('a.0'),
    pass(5_000),
    ...runs('a.1'),
    offer('a1'),
    expectLaunched('a.0'),
    ...runs('a.0'),
    offer('a1'),
    expectLaunched('a.2'),
    ...runs('a.2'),
    expectOutcome('a', { kind: 'exited', exitCode: 0 }),
  ),
);

t.test(
  'two daemons: the stale one makes no member',
  scenario(
    submitArray('a', '1:2'),
    pauseAt('before advance'),
    offer('a1'),
    standby(),
    pass(10_000),
    offer('a2', 2),
    expectLaunched('a.0'),
    expectLaunched('a.1'),
    formerGoesOn(),
    pass(1_000),
    expectNotLaunched('a.0'),
    ...runs('a.0'),
    ...runs('a.1'),
    expectOutcome('a', { kind: 'exited', exitCode: 0 }),
    expectEnds('a', 1),
  ),
);

t.test(
  'the cluster goes away between the members',
  scenario(
    submitArray('a', '1:2'),
    offer('a1'),
    ...runs('a.0'),
    clusterGoesAway(),
    crash(),
    restart(),
    expectWaiting(1),
    expectState('a', 'open'),
  ),
);
