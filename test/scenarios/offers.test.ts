// Offers: held briefly, given back, never used twice; launches in doubt.
import t from 'tap';
import {
  acceptArrives,
  acceptIsAnswered,
  clusterComesBack,
  clusterGoesAway,
  directoryFails,
  directoryHangs,
  directoryIsFine,
  expectCalls,
  expectKills,
  expectLaunched,
  expectNotLaunched,
  expectRecord,
  expectState,
  expectWaiting,
  forgetCalls,
  kill,
  nextAccept,
  offer,
  pass,
  report,
  rescindAll,
  restart,
  scenario,
  submit,
} from './ticks.js';

t.test(
  'an unused offer is held for five seconds, then declined; an empty queue suppresses',
  scenario(
    offer('a1'),
    pass(4_900),
    expectCalls(/^decline/, 0),
    pass(200),
    expectCalls(/^decline o1 5000$/, 1),
    expectCalls(/^suppress$/, 1),
    submit('j1'),
    expectCalls(/^revive$/, 1),
  ),
);

t.test(
  'revived at most once a second, and the wish is kept',
  scenario(
    offer('a1'),
    pass(5_100),
    submit('j1', { cpus: 8 }),
    submit('j2', { cpus: 8 }),
    submit('j3', { cpus: 8 }),
    expectCalls(/^revive$/, 1),
    pass(2_000),
    expectCalls(/^revive$/, 2),
  ),
);

t.test(
  'a job that no held offer fits does not keep others waiting, and asks for more',
  scenario(
    submit('big', { cpus: 8 }),
    submit('j1'),
    offer('a1', 1),
    expectLaunched('j1'),
    expectNotLaunched('big'),
    offer('a2', 8),
    expectLaunched('big'),
  ),
);

t.test(
  'suppressed, and an offer that does not fit comes late: a waiting job still revives',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    pass(3_000),
    offer('a1'),
    pass(4_900),
    submit('tiny', { cpus: 2 }),
    kill('tiny'),
    // The offer goes back and the queue is empty: suppressed, less than a second after a revival.
    pass(200),
    submit('big', { cpus: 8 }),
    forgetCalls(),
    offer('a1'),
    pass(12_000),
    expectCalls(/^revive$/, 1),
  ),
);

t.test(
  'a rescinded offer is not used',
  scenario(
    offer('a1'),
    rescindAll(),
    submit('j1'),
    expectNotLaunched('j1'),
    expectState('j1', 'pending'),
  ),
);

t.test(
  'rescinded between plan and ACCEPT: the job waits again, uncharged, at its old place',
  scenario(
    submit('j1'),
    submit('j2'),
    directoryHangs('j1'),
    offer('a1'),
    rescindAll(),
    directoryIsFine('j1'),
    pass(100),
    expectNotLaunched('j1'),
    expectRecord('j1', { state: 'pending', launches: 1, faults: [] }),
    offer('a1'),
    expectLaunched('j1'),
    expectNotLaunched('j2'),
  ),
);

t.test(
  'a refused ACCEPT: the job waits again, uncharged, at its old place',
  scenario(
    submit('j1'),
    submit('j2'),
    nextAccept('refused'),
    offer('a1'),
    expectRecord('j1', { state: 'pending', launches: 1, faults: [] }),
    offer('a1'),
    expectLaunched('j1'),
    expectNotLaunched('j2'),
  ),
);

t.test(
  'a lost connection voids the offers held',
  scenario(
    offer('a1'),
    clusterGoesAway(),
    submit('j1'),
    pass(1_000),
    expectNotLaunched('j1'),
    clusterComesBack(),
    pass(1_000),
    expectNotLaunched('j1'),
    expectState('j1', 'pending'),
    offer('a1'),
    expectLaunched('j1'),
  ),
);

// ---- launches in doubt

t.test(
  'in doubt, and the tasks run: never repeated, the next update settles it',
  scenario(
    submit('j1'),
    nextAccept('taken'),
    offer('a1'),
    expectLaunched('j1'),
    offer('a2'),
    pass(5_000),
    expectNotLaunched('j1'),
    report('j1', 'running'),
    expectState('j1', 'running'),
    forgetCalls(),
    pass(60_000),
    expectCalls(/^resubscribe$/, 0),
  ),
);

t.test(
  'in doubt, and nobody got it: launched again only after a new subscription has answered',
  scenario(
    submit('j1'),
    nextAccept('lost'),
    offer('a1'),
    offer('a2'),
    pass(29_500),
    offer('a2'),
    expectState('j1', 'launching'),
    expectNotLaunched('j1'),
    expectCalls(/^resubscribe$/, 0),
    pass(1_000),
    expectCalls(/^resubscribe$/, 1),
    expectRecord('j1', { state: 'pending', launches: 1, faults: [] }),
    offer('a2'),
    expectLaunched('j1'),
  ),
);

t.test(
  'in doubt, and the command arrives late: still one run',
  scenario(
    submit('j1'),
    nextAccept('late'),
    offer('a1'),
    pass(25_000),
    acceptArrives(),
    expectLaunched('j1'),
    pass(30_000),
    offer('a2'),
    expectNotLaunched('j1'),
    report('j1', 'running'),
    expectState('j1', 'running'),
  ),
);

t.test(
  'in doubt, and the cluster stays silent: nothing is repeated however long it takes',
  scenario(
    submit('j1'),
    nextAccept('taken'),
    offer('a1'),
    expectLaunched('j1'),
    clusterGoesAway(),
    pass(600_000),
    clusterComesBack(),
    offer('a2'),
    expectNotLaunched('j1'),
    report('j1', 'finished'),
    expectState('j1', 'over'),
  ),
);

t.test(
  'many launches in doubt renew the subscription once',
  scenario(
    ...Array.from({ length: 5 }, (_, n) => submit(`j${n}`)),
    nextAccept('lost'),
    offer('a1', 5),
    pass(31_000),
    expectCalls(/^resubscribe$/, 1),
    expectWaiting(5),
  ),
);

t.test(
  'in doubt, and a restart: the new term reconciles first',
  scenario(
    submit('j1'),
    nextAccept('late'),
    offer('a1'),
    restart(),
    acceptArrives(),
    expectRecord('j1', { state: 'pending', launches: 1 }),
    offer('a2'),
    expectLaunched('j1'),
    expectRecord('j1', { launches: 2 }),
  ),
);

t.test(
  'in doubt only after an update has told: nothing is renewed',
  scenario(
    submit('j1'),
    nextAccept('held'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    acceptIsAnswered('doubt'),
    pass(60_000),
    expectCalls(/^resubscribe$/, 0),
    expectState('j1', 'running'),
  ),
);

for (const isHeld of [true, false])
  t.test(
    `in doubt, told of ${isHeld ? 'before' : 'after'} that: a kill is not kept back`,
    scenario(
      submit('j1'),
      nextAccept(isHeld ? 'held' : 'taken'),
      offer('a1'),
      expectLaunched('j1'),
      report('j1', 'running'),
      acceptIsAnswered('doubt'),
      kill('j1'),
      expectKills('j1', 1),
      report('j1', 'killed'),
      expectState('j1', 'over'),
    ),
  );

t.test(
  'a reconciliation while the ACCEPT waits for a slow directory does not make two tasks',
  scenario(
    submit('slow'),
    submit('j1'),
    directoryHangs('slow'),
    offer('a1', 2),
    expectState('j1', 'launching'),
    // No word for long: the cluster is asked, and does not know the task that was not sent yet.
    pass(40_000),
    offer('a2'),
    pass(100),
    directoryIsFine('slow'),
    pass(1_000),
    expectLaunched('j1'),
    expectLaunched('slow'),
  ),
);

// ---- directories

t.test(
  'a directory that cannot be made postpones the launch, and only that one',
  scenario(
    submit('j1'),
    submit('j2'),
    directoryFails('j1'),
    offer('a1', 2),
    expectLaunched('j2'),
    expectRecord('j1', { state: 'pending', launches: 0 }),
    offer('a2'),
    pass(5_000),
    directoryIsFine('j1'),
    pass(6_000),
    offer('a2'),
    pass(100),
    expectLaunched('j1'),
  ),
);

t.test(
  'a job passes over the hosts on which it failed, where the site wants so, after a takeover too',
  scenario(
    (stage) => {
      stage.skipsFailedNodes = true;
    },
    restart(),
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    report('j1', 'lost'),
    expectState('j1', 'pending'),
    pass(30_000),
    offer('a1'),
    expectNotLaunched('j1'),
    restart(),
    // A new leader keeps a pause it finds in the record whole.
    pass(30_000),
    offer('a1'),
    expectNotLaunched('j1'),
    submit('j2'),
    expectLaunched('j2'),
    offer('a2'),
    expectLaunched('j1'),
  ),
);
