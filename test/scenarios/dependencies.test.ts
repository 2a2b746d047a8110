// Jobs that wait for other jobs: they start when the last of these comes true, or end when one never can; once, whatever crashes.
import t from 'tap';
import {
  crash,
  crashAt,
  directoryFails,
  directoryIsFine,
  expectEnds,
  expectLaunched,
  expectMade,
  expectNotLaunched,
  expectOutcome,
  expectSeen,
  expectState,
  expectWaiting,
  formerGoesOn,
  kill,
  offer,
  pass,
  pause,
  report,
  rescindAll,
  restart,
  scenario,
  standby,
  storeComesBack,
  storeGoesAway,
  submit,
  submitArray,
  type Tick,
} from './ticks.js';
import { hold, release, runs, submitAfter, submitInLine } from './wait-ticks.js';

const never = (facts: object) => ({ kind: 'gaveUp', because: { code: 'dependency-never', facts } });

t.test(
  'after: as soon as the other has started',
  scenario(
    submit('a'),
    submitAfter('b', [['after', 'a']]),
    offer('a1', 3),
    expectLaunched('a'),
    offer('a1', 2),
    expectNotLaunched('b'),
    report('a', 'running'),
    offer('a1', 2),
    expectLaunched('b'),
  ),
);

t.test(
  'afterok: after code 0 alone',
  scenario(
    submit('a'),
    submit('c'),
    submitAfter('b', [['afterok', 'a']]),
    submitAfter('d', [['afterok', 'c']]),
    expectWaiting(4),
    offer('a1', 4),
    expectLaunched('a'),
    expectLaunched('c'),
    offer('a2', 4),
    expectNotLaunched('b'),
    ...runs('a'),
    expectLaunched('b'),
    ...runs('c', 3),
    expectOutcome('d', never({ type: 'afterok', exitCode: 3 })),
    expectEnds('d', 1),
    expectNotLaunched('d'),
  ),
);

t.test(
  'afternotok and afterany',
  scenario(
    submit('good'),
    submit('bad'),
    submitAfter('n1', [['afternotok', 'good']]),
    submitAfter('n2', [['afternotok', 'bad']]),
    submitAfter('y1', [['afterany', 'good']]),
    submitAfter('y2', [['afterany', 'bad']]),
    offer('a1', 2),
    expectLaunched('good'),
    expectLaunched('bad'),
    offer('a2', 9),
    ...runs('good'),
    expectOutcome('n1', never({ type: 'afternotok', exitCode: 0 })),
    expectLaunched('y1'),
    ...runs('bad', 9),
    offer('a2', 9),
    expectLaunched('n2'),
    expectLaunched('y2'),
  ),
);

t.test(
  'all must come true; of a choice one is enough, and a choice without one left ends',
  scenario(
    submit('a'),
    submit('b'),
    submitAfter('all', [
      ['afterany', 'a'],
      ['afterany', 'b'],
    ]),
    submitAfter(
      'one',
      [
        ['afterok', 'a'],
        ['afterok', 'b'],
      ],
      { isAnyEnough: true },
    ),
    submitAfter(
      'none',
      [
        ['afternotok', 'b'],
        ['afterok', 'a'],
      ],
      { isAnyEnough: true },
    ),
    offer('a1', 2),
    expectLaunched('a'),
    expectLaunched('b'),
    ...runs('a', 1),
    offer('a2', 9),
    expectNotLaunched('all'),
    expectNotLaunched('one'),
    expectState('none', 'pending'),
    ...runs('b'),
    offer('a2', 9),
    expectLaunched('all'),
    expectLaunched('one'),
    expectOutcome('none', never({ type: 'afternotok', exitCode: 0 })),
  ),
);

t.test(
  'what can never come true ends all that wait for it in turn; those that wait for any end go on',
  scenario(
    submit('a'),
    submitAfter('b', [['afterok', 'a']]),
    submitAfter('c', [['afterok', 'b']]),
    submitAfter('d', [['afterok', 'c']]),
    submitAfter('e', [['afterany', 'c']]),
    kill('a'),
    expectOutcome('b', never({ exitCode: 137 })),
    expectOutcome('c', never({ exitCode: 1 })),
    expectOutcome('d', never({ exitCode: 1 })),
    ...['b', 'c', 'd'].map((name) => expectEnds(name, 1)),
    offer('a1', 9),
    expectLaunched('e'),
  ),
);

t.test(
  'on jobs that are over already, or were when the leader took over',
  scenario(
    submit('a'),
    offer('a1'),
    expectLaunched('a'),
    ...runs('a', 2),
    submitAfter('b', [['afterok', 'a']]),
    expectOutcome('b', never({ exitCode: 2 })),
    crash(),
    submitAfter('c', [['afternotok', 'a']], { isNoticed: false }),
    submitAfter('d', [['afterok', 'b']], { isNoticed: false }),
    restart(),
    offer('a1', 9),
    expectLaunched('c'),
    expectOutcome('d', never({ exitCode: 1 })),
  ),
);

t.test(
  'a dependant that is killed ends, and those behind it learn of it',
  scenario(
    submit('a'),
    submitAfter('b', [['afterok', 'a']]),
    submitAfter('c', [['afternotok', 'b']]),
    kill('b'),
    expectOutcome('b', { kind: 'killed' }),
    offer('a1', 9),
    expectLaunched('c'),
    expectWaiting(0),
  ),
);

t.test(
  'a job that the system launches again is awaited to its end, and waits for nobody itself',
  scenario(
    submit('a'),
    submitAfter('b', [['afterok', 'a']]),
    offer('a1'),
    expectLaunched('a'),
    report('a', 'running'),
    report('a', 'gone-by-operator'),
    offer('a1', 9),
    expectLaunched('a'),
    expectNotLaunched('b'),
    ...runs('a'),
    offer('a1', 9),
    expectLaunched('b'),
    report('b', 'gone-by-operator'),
    offer('a1', 9),
    expectLaunched('b'),
  ),
);

// ---- arrays

t.test(
  'a whole array is waited for, or one member of it',
  scenario(
    submitArray('a', '1:2'),
    submitAfter('whole', [['afterok', 'a']]),
    submitAfter('one', [['afterok', 'a.1']]),
    submitAfter('begun', [['after', 'a']]),
    offer('a1', 2),
    expectLaunched('a.0'),
    expectLaunched('a.1'),
    report('a.1', 'running'),
    offer('a2', 9),
    expectLaunched('begun'),
    report('a.1', 'finished'),
    offer('a2', 9),
    expectLaunched('one'),
    expectNotLaunched('whole'),
    ...runs('a.0'),
    offer('a2', 9),
    expectLaunched('whole'),
  ),
);

t.test(
  'members that end with their array, without records, are ends as well',
  scenario(
    submitArray('a', '1:3'),
    submitAfter('b', [['afterok', 'a.2']]),
    submitAfter('c', [['afterany', 'a.0']]),
    kill('a'),
    expectMade('a.2', false),
    expectOutcome('b', never({ exitCode: 137 })),
    offer('a1', 9),
    expectLaunched('c'),
  ),
);

t.test(
  'an array waits as a whole, and none of its members gets a record',
  scenario(
    submit('a'),
    submitAfter('m', [['afterok', 'a']], { values: '1:2' }),
    offer('a1', 1),
    expectLaunched('a'),
    offer('a1', 9),
    expectNotLaunched('m.0'),
    restart(),
    offer('a1', 9),
    expectNotLaunched('m.0'),
    expectMade('m.0', false),
    ...runs('a'),
    offer('a1', 9),
    expectLaunched('m.0'),
    expectLaunched('m.1'),
    ...runs('m.0'),
    ...runs('m.1'),
    expectOutcome('m', { kind: 'exited', exitCode: 0 }),
  ),
);

t.test(
  'an array whose dependency never comes true ends with all its members',
  scenario(
    submit('a'),
    submitAfter('m', [['afterok', 'a']], { values: '1:3' }),
    kill('m.1'),
    expectOutcome('m.1', { kind: 'killed' }),
    submitAfter('b', [['afternotok', 'm']]),
    kill('a'),
    expectOutcome('m', never({ exitCode: 137 })),
    expectEnds('m', 1),
    expectMade('m.0', false),
    expectSeen('m.0', { state: 'over', outcome: { kind: 'gaveUp' } }),
    offer('a1', 9),
    expectNotLaunched('m.0'),
    expectLaunched('b'),
  ),
);

t.test(
  'an array that waits is killed at once',
  scenario(
    submit('a'),
    submitAfter('m', [['afterok', 'a']], { values: '1:3' }),
    kill('m'),
    expectOutcome('m', { kind: 'killed' }),
    expectMade('m.0', false),
    offer('a1'),
    ...runs('a'),
    expectEnds('m', 1),
  ),
);

t.test(
  'arrays that correspond: each member waits for its counterpart alone',
  scenario(
    submitArray('a', '1:3'),
    submitAfter('b', [['aftercorr', 'a']], { values: '1:3' }),
    expectWaiting(3),
    offer('a1', 3),
    expectLaunched('a.0'),
    expectLaunched('a.1'),
    expectLaunched('a.2'),
    offer('a2', 9),
    expectNotLaunched('b.0'),
    ...runs('a.1'),
    offer('a2', 9),
    expectLaunched('b.1'),
    expectNotLaunched('b.0'),
    ...runs('a.0', 4),
    expectOutcome('b.0', never({ type: 'aftercorr', exitCode: 4 })),
    expectEnds('b.0', 1),
    restart(),
    pass(1_000),
    ...runs('a.2'),
    rescindAll(),
    offer('a2', 9),
    expectLaunched('b.2'),
    ...runs('b.1'),
    ...runs('b.2'),
    expectOutcome('b', { kind: 'exited', exitCode: 1 }),
    expectEnds('b', 1),
    expectWaiting(0),
  ),
);

t.test(
  'members whose counterparts were over before, or end with their array',
  scenario(
    submitArray('a', '1:3'),
    offer('a1', 2),
    ...runs('a.0'),
    ...runs('a.1', 2),
    submitAfter('b', [['aftercorr', 'a']], { values: '1:3' }),
    kill('a'),
    expectMade('a.2', false),
    expectOutcome('b.1', never({ exitCode: 2 })),
    expectOutcome('b.2', never({ exitCode: 137 })),
    rescindAll(),
    offer('a1', 9),
    expectLaunched('b.0'),
    ...runs('b.0'),
    expectOutcome('b', { kind: 'exited', exitCode: 1 }),
  ),
);

t.test(
  'a corresponding array keeps to its limit, and is killed whole',
  scenario(
    submitArray('a', '1:4'),
    submitAfter('b', [['aftercorr', 'a']], { values: '1:4%1' }),
    offer('a1', 4),
    ...['a.0', 'a.1', 'a.2'].flatMap((name) => runs(name)),
    rescindAll(),
    offer('a2', 9),
    expectLaunched('b.0'),
    expectNotLaunched('b.1'),
    report('b.0', 'running'),
    kill('b'),
    report('b.0', 'killed'),
    expectOutcome('b', { kind: 'killed' }),
    expectMade('b.1', false),
    expectMade('b.3', false),
    ...runs('a.3'),
    rescindAll(),
    offer('a2', 9),
    expectNotLaunched('b.3'),
    expectWaiting(0),
  ),
);

t.test(
  'a member that was held and released still waits for its counterpart',
  scenario(
    submitArray('a', '1:2'),
    submitAfter('b', [['aftercorr', 'a']], { values: '1:2' }),
    hold('b.0'),
    release('b.0'),
    offer('a1', 2),
    expectLaunched('a.0'),
    offer('a2', 9),
    expectNotLaunched('b.0'),
    restart(),
    rescindAll(),
    offer('a2', 9),
    expectNotLaunched('b.0'),
    ...runs('a.0'),
    rescindAll(),
    offer('a2', 9),
    expectLaunched('b.0'),
    expectNotLaunched('b.1'),
  ),
);

t.test(
  'a corresponding array that also waits as a whole',
  scenario(
    submitArray('a', '1:1'),
    submit('c'),
    submitAfter(
      'b',
      [
        ['aftercorr', 'a'],
        ['afterok', 'c'],
      ],
      { values: '1:1' },
    ),
    offer('a1', 2),
    ...runs('a.0'),
    rescindAll(),
    offer('a2', 9),
    expectNotLaunched('b.0'),
    ...runs('c'),
    rescindAll(),
    offer('a2', 9),
    expectLaunched('b.0'),
  ),
);

// ---- one at a time

const twoOf = (name: string): readonly Tick[] => [offer('a1', 9), expectLaunched(name)];

t.test(
  'jobs of one name take turns, in the order of their submission',
  scenario(
    submitInLine('first', 'line', { isSingleton: false }),
    submitInLine('second', 'line'),
    submitInLine('third', 'line'),
    submitInLine('other', 'elsewhere'),
    ...twoOf('first'),
    expectLaunched('other'),
    expectNotLaunched('second'),
    ...runs('first', 1),
    ...twoOf('second'),
    expectNotLaunched('third'),
    restart(),
    offer('a1', 9),
    expectNotLaunched('third'),
    ...runs('second'),
    ...twoOf('third'),
  ),
);

t.test(
  'the turn of a job that is killed goes to the next, and a job launched again keeps its own',
  scenario(
    submitInLine('first', 'line'),
    submitInLine('second', 'line'),
    submitInLine('third', 'line'),
    ...twoOf('first'),
    kill('second'),
    report('first', 'gone-by-operator'),
    expectState('first', 'pending'),
    restart(),
    ...twoOf('first'),
    expectNotLaunched('third'),
    ...runs('first'),
    ...twoOf('third'),
  ),
);

t.test(
  'a job whose turn has come and whose directory cannot be made yet keeps its turn (found by seed 3)',
  scenario(
    submitInLine('first', 'line'),
    directoryFails('first'),
    offer('a1'),
    expectNotLaunched('first'),
    pass(4_990),
    directoryIsFine('first'),
    pass(10_000),
    rescindAll(),
    offer('a1'),
    expectLaunched('first'),
  ),
);

// ---- crashes, lost notices, two leaders

for (const point of ['before advance', 'after advance'])
  t.test(
    `a crash ${point} of the end of a job that others wait for`,
    scenario(
      submit('a'),
      submitAfter('b', [['afterok', 'a']]),
      submitAfter('c', [['afternotok', 'a']]),
      submitAfter('d', [['afterok', 'c']]),
      offer('a1'),
      expectLaunched('a'),
      report('a', 'running'),
      crashAt(point),
      report('a', 'finished'),
      restart(),
      pass(1_000),
      offer('a1', 9),
      expectLaunched('b'),
      ...runs('b'),
      expectOutcome('c', never({ type: 'afternotok' })),
      expectOutcome('d', never({ type: 'afterok' })),
    ),
  );

for (const point of ['before jobs', 'after jobs', 'before pending', 'after standings'])
  t.test(
    `a crash ${point} while dependants are dealt with`,
    scenario(
      submit('a'),
      submitAfter('b', [['afterok', 'a']]),
      submitAfter('c', [['afternotok', 'a']]),
      offer('a1'),
      expectLaunched('a'),
      report('a', 'running'),
      crashAt(point),
      report('a', 'finished'),
      pass(100),
      restart(),
      pass(1_000),
      rescindAll(),
      offer('a1', 9),
      expectLaunched('b'),
      expectOutcome('c', never({ type: 'afternotok' })),
    ),
  );

t.test(
  'a crash between the ends of a chain: the next leader ends the rest, each once',
  scenario(
    submit('a'),
    submitAfter('b', [['afterok', 'a']]),
    submitAfter('c', [['afterok', 'b']]),
    kill('a', { isNoticed: false }),
    crashAt('after advance'),
    pass(6_000),
    restart(),
    pass(1_000),
    expectOutcome('b', never({ exitCode: 137 })),
    expectOutcome('c', never({ exitCode: 1 })),
  ),
);

t.test(
  'a dependant of which no notice came is found by the sweep',
  scenario(
    submit('a'),
    offer('a1'),
    expectLaunched('a'),
    ...runs('a'),
    submitAfter('b', [['afterok', 'a']], { isNoticed: false }),
    pass(6_000),
    offer('a1', 9),
    expectLaunched('b'),
  ),
);

t.test(
  'a leader that slept ends nobody: its successor did',
  scenario(
    submit('a'),
    submitAfter('b', [['afterok', 'a']]),
    pause(),
    standby(),
    pass(10_000),
    kill('a'),
    pass(6_000),
    expectOutcome('b', never({ exitCode: 137 })),
    formerGoesOn(),
    pass(6_000),
    expectEnds('b', 1),
  ),
);

t.test(
  'while the store is away nobody starts or ends; then all goes on',
  scenario(
    submit('a'),
    offer('a1'),
    expectLaunched('a'),
    ...runs('a'),
    storeGoesAway('standings', 'jobs'),
    submitAfter('b', [['afterok', 'a']]),
    submitAfter('c', [['afternotok', 'a']]),
    pass(3_000),
    expectState('c', 'pending'),
    offer('a1', 9),
    expectNotLaunched('b'),
    storeComesBack(),
    pass(6_000),
    rescindAll(),
    offer('a1', 9),
    expectLaunched('b'),
    expectOutcome('c', never({ exitCode: 0 })),
  ),
);
