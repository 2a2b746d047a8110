// A kill, wherever it meets the job: it ends as killed exactly once, and no task of it starts afterwards.
import t from 'tap';
import {
  acceptIsAnswered,
  clusterComesBack,
  clusterGoesAway,
  directoryHangs,
  directoryIsFine,
  expectKilled,
  expectKills,
  expectLaunched,
  expectNotLaunched,
  expectOutcome,
  expectState,
  expectUnacknowledged,
  expectWaiting,
  kill,
  nextAccept,
  offer,
  pass,
  report,
  restart,
  scenario,
  storeGoesOn,
  storeHolds,
  submit,
} from './ticks.js';

const KILLED = { kind: 'killed', by: 'alice' };

t.test(
  'while pending: it ends at once and leaves the queue',
  scenario(
    submit('j1'),
    kill('j1'),
    expectOutcome('j1', KILLED),
    expectWaiting(0),
    offer('a1'),
    expectNotLaunched('j1'),
  ),
);

t.test(
  'while pending, and the notice is lost: the next sweep finds it',
  scenario(
    submit('j1'),
    kill('j1', { isNoticed: false }),
    expectState('j1', 'pending'),
    pass(5_000),
    expectOutcome('j1', KILLED),
  ),
);

t.test(
  'between plan and intent: the intent is refused, nothing starts',
  scenario(
    submit('j1'),
    directoryHangs('j1'),
    offer('a1'),
    kill('j1'),
    directoryIsFine('j1'),
    pass(100),
    expectOutcome('j1', KILLED),
    expectNotLaunched('j1'),
  ),
);

t.test(
  'between plan and intent, without a notice: the intent is refused and the job ends',
  scenario(
    submit('j1'),
    directoryHangs('j1'),
    offer('a1'),
    kill('j1', { isNoticed: false }),
    directoryIsFine('j1'),
    pass(100),
    expectOutcome('j1', KILLED),
    expectNotLaunched('j1'),
  ),
);

t.test(
  'while the intent is being stored: its task is killed',
  scenario(
    submit('j1'),
    storeHolds('advance'),
    offer('a1'),
    kill('j1'),
    storeGoesOn(),
    pass(5_000),
    report('j1', 'killed'),
    expectState('j1', 'over'),
    expectOutcome('j1', KILLED),
  ),
);

t.test(
  'after the intent, before the ACCEPT: the command is not sent at all',
  scenario(
    submit('slow'),
    submit('j1'),
    // One offer for both, so one ACCEPT: it waits for the directory of the other.
    directoryHangs('slow'),
    offer('a1', 2),
    expectState('j1', 'launching'),
    kill('j1'),
    pass(100),
    directoryIsFine('slow'),
    pass(100),
    expectLaunched('slow'),
    expectNotLaunched('j1'),
    expectOutcome('j1', KILLED),
  ),
);

t.test(
  'while launching: the task is killed and may end as it likes',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    kill('j1'),
    expectState('j1', 'killing'),
    expectKills('j1', 1),
    report('j1', 'finished'),
    expectOutcome('j1', KILLED),
  ),
);

t.test(
  'before the ACCEPT was answered: it ends as killed',
  scenario(
    submit('j1'),
    nextAccept('held'),
    offer('a1'),
    expectLaunched('j1'),
    kill('j1'),
    expectState('j1', 'killing'),
    acceptIsAnswered('sent'),
    report('j1', 'killed'),
    expectOutcome('j1', KILLED),
  ),
);

t.test(
  'a kill that the launch overtakes is sent again when the task runs',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    kill('j1'),
    report('j1', 'running'),
    expectState('j1', 'killing'),
    expectKills('j1', 2),
    expectUnacknowledged('j1', 0),
    report('j1', 'killed'),
    expectOutcome('j1', KILLED),
  ),
);

t.test(
  'while running: sent again until the end is known',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    kill('j1'),
    expectKills('j1', 1),
    pass(16_000),
    expectKills('j1', 2),
    pass(10_000),
    expectKills('j1', 3),
    report('j1', 'killed'),
    expectOutcome('j1', KILLED),
    pass(20_000),
    expectKills('j1', 3),
  ),
);

t.test(
  'while the cluster is away: killed when it is back',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    clusterGoesAway(),
    kill('j1'),
    expectState('j1', 'killing'),
    expectKills('j1', 0),
    pass(60_000),
    clusterComesBack(),
    expectKilled('j1'),
    report('j1', 'killed'),
    expectOutcome('j1', KILLED),
  ),
);

t.test(
  'a kill stored before a restart is carried out after it',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    kill('j1', { isNoticed: false }),
    restart(),
    expectState('j1', 'killing'),
    expectKilled('j1'),
    restart(),
    expectKilled('j1'),
    report('j1', 'killed'),
    expectOutcome('j1', KILLED),
  ),
);

t.test(
  'a job that ends while its kill is on the way ends once',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    storeHolds('advance'),
    kill('j1'),
    report('j1', 'finished'),
    storeGoesOn(),
    expectState('j1', 'over'),
    expectUnacknowledged('j1', 0),
  ),
);

t.test(
  'a kill of a job whose agent is lost does not launch it again',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    report('j1', 'running'),
    kill('j1'),
    report('j1', 'lost'),
    expectOutcome('j1', KILLED),
    offer('a2'),
    pass(60_000),
    expectNotLaunched('j1'),
  ),
);
