// Use as the scheduler counts it: while jobs run, when they end, and after another daemon took over.
import t from 'tap';
import type { ShareFacts } from '../../src/contracts/shares.js';
import { userId } from '../../src/core/units.js';
import { aProject, aUser } from '../store/a-job.js';
import type { Stage } from './stage.js';
import { expectState, offer, pass, report, restart, scenario, submit, type Tick } from './ticks.js';

const HOUR_MS = 3_600_000;

const sharesOf = (stage: Stage): ShareFacts => {
  const facts = stage.daemon?.shares();
  if (facts === undefined) throw new Error('nobody leads');
  return facts;
};
/** Minutes, of the only user there is. */
const expectUsed =
  (minutes: number, running: number): Tick =>
  (stage, t) => {
    const [[, standing] = [undefined, undefined]] = sharesOf(stage).users;
    t.equal(Math.round((standing?.used.timeMs ?? 0) / 60_000), minutes, 'minutes used');
    t.equal(standing?.held.jobs ?? 0, running, 'jobs held');
  };

t.test(
  'a job counts from its launch, for longer and longer, and in full when it is over',
  scenario(
    submit('j1'),
    expectUsed(0, 0),
    offer('a1'),
    expectState('j1', 'launching'),
    expectUsed(10, 1),
    report('j1', 'running'),
    pass(HOUR_MS / 2),
    expectUsed(30, 1),
    pass(HOUR_MS / 2),
    expectUsed(60, 1),
    report('j1', 'finished'),
    expectUsed(60, 0),
  ),
);

t.test(
  'what the system ended counts for nothing',
  scenario(
    submit('j1'),
    offer('a1'),
    report('j1', 'running'),
    pass(HOUR_MS),
    expectUsed(60, 1),
    report('j1', 'gone'),
    expectUsed(0, 0),
  ),
);

t.test(
  'who takes over counts as the former one did',
  scenario(
    submit('j1'),
    submit('j2'),
    offer('a1', 4),
    report('j1', 'running'),
    report('j2', 'running'),
    pass(HOUR_MS),
    report('j1', 'finished'),
    expectUsed(120, 1),
    restart(),
    pass(60_000),
    expectUsed(121, 1),
  ),
);

t.test(
  'a priority that is set takes effect without a restart',
  scenario(
    submit('j1'),
    async (stage, t) => {
      const [user] = sharesOf(stage).users;
      t.equal(user?.[1].prio, 50);
      const id = user?.[0] ?? userId('');
      await stage.web.putUser(aUser({ id, prio: 80 }));
      await stage.web.putProject(aProject({ prio: 20 }));
    },
    pass(31_000),
    (stage, t) => t.equal(sharesOf(stage).users[0]?.[1].prio, 80),
  ),
);
