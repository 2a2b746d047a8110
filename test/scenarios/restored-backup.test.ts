// The record is set back to an older one while tasks go on: what runs is taken back, or held against, never doubled.
import t from 'tap';
import { instant, taskId } from '../../src/core/units.js';
import type { OrphanPolicy } from '../../src/daemon/orphans.js';
import { aNewJob } from '../store/a-job.js';
import {
  acceptArrives,
  backUp,
  crash,
  expectKills,
  expectOutcome,
  expectRecord,
  expectState,
  kill,
  labelsOnPage,
  nextAccept,
  offer,
  pageIsAway,
  pass,
  report,
  resend,
  restart,
  restoreBackup,
  scenario,
  submit,
  type Tick,
} from './ticks.js';

const policy =
  (orphans: OrphanPolicy['orphans'], killsMax = 100): Tick =>
  (stage) => {
    stage.orphanPolicy = { orphans, killsMax };
  };

/** Tasks of the job that live now. */
const expectAlive =
  (name: string, ...launches: readonly number[]): Tick =>
  (stage, t) => {
    const alive = stage.master.tasksOf(stage.taskId(name, 1)).filter(({ isAlive }) => isAlive);
    const wanted = launches.map((launch) => stage.taskId(name, launch));
    t.same(alive.map(({ taskId: id }) => id).sort(), wanted, `what lives of ${name}`);
  };

/** The agent tells again that it runs. */
const reportAlive =
  (name: string, launch: number): Tick =>
  (stage) =>
    stage.master.report(stage.taskId(name, launch), 'running');

/** A job that was backed up while it waited, and runs since. */
const forgottenLaunch = (orphans: OrphanPolicy['orphans'], killsMax?: number): readonly Tick[] => [
  policy(orphans, killsMax),
  labelsOnPage(),
  restart(),
  submit('blast'),
  backUp(),
  offer('a1'),
  report('blast', 'running'),
];

t.test('adopt: a launch that the record forgot is the job’s again, and its end counts', (t) =>
  scenario(
    ...forgottenLaunch('adopt'),
    restoreBackup(),
    pass(1_000),
    expectRecord('blast', {
      state: 'running',
      launches: 1,
      directory: /^\/shared\//,
      placement: { taskId: /-1$/, agentId: 'a1', host: 'a1', executor: 'mesos' },
    }),
    offer('a2'),
    pass(60_000),
    expectAlive('blast', 1),
    expectKills('blast', 0, 1),
    report('blast', 'finished', { launch: 1 }),
    expectOutcome('blast', { kind: 'exited', exitCode: 0 }),
  )(t),
);

t.test('adopt: an offer that comes before anything is known makes no second task', (t) =>
  scenario(
    ...forgottenLaunch('adopt'),
    (stage) => stage.master.says.set(stage.taskId('blast', 1), 'silence'),
    restoreBackup(),
    offer('a2'),
    pass(20),
    (stage) => stage.master.says.clear(),
    pass(30_000),
    expectAlive('blast', 1),
    expectRecord('blast', { state: 'running', launches: 1, placement: { agentId: 'a1' } }),
    expectKills('blast', 0, 1),
    report('blast', 'finished', { launch: 1 }),
    expectOutcome('blast', { kind: 'exited', exitCode: 0 }),
  )(t),
);

t.test('a number in use ends no process: the next one is taken when its task is gone', (t) =>
  scenario(
    ...forgottenLaunch('kill'),
    (stage) => stage.master.says.set(stage.taskId('blast', 1), 'silence'),
    restoreBackup(),
    offer('a2'),
    expectRecord('blast', { state: 'pending', launches: 1, isNumberTaken: true }),
    (stage) => stage.master.says.clear(),
    pass(20_000),
    (stage, t) =>
      t.ok((stage.master.tasks.get(stage.taskId('blast', 1))?.kills ?? 0) > 0, 'killed'),
    offer('a2'),
    expectAlive('blast', 1),
    (stage) => stage.master.report(stage.taskId('blast', 1), 'killed'),
    pass(20_000),
    offer('a2'),
    expectAlive('blast', 2),
    expectRecord('blast', { state: 'launching', launches: 2 }),
    report('blast', 'running'),
    report('blast', 'finished'),
    expectOutcome('blast', { kind: 'exited', exitCode: 0 }),
  )(t),
);

t.test('the answer to the launch is lost with the process: where the task runs tells', (t) =>
  scenario(
    ...forgottenLaunch('adopt'),
    (stage) => stage.master.says.set(stage.taskId('blast', 1), 'silence'),
    restoreBackup(),
    // The master’s ERROR has no receipt: it is never said again.
    (stage) => {
      stage.crashPoint = 'after accept';
    },
    offer('a2'),
    restart(),
    (stage) => stage.master.says.clear(),
    pass(20_000),
    expectRecord('blast', { state: 'launching', placement: { agentId: 'a2' } }),
    pass(90_000),
    expectAlive('blast', 1),
    expectRecord('blast', { state: 'running', launches: 1, placement: { agentId: 'a1' } }),
    expectKills('blast', 0, 1),
  )(t),
);

t.test('keep: the job waits for the end of what it has forgotten', (t) =>
  scenario(
    ...forgottenLaunch('keep'),
    restoreBackup(),
    pass(1_000),
    offer('a2'),
    pass(60_000),
    offer('a2'),
    expectAlive('blast', 1),
    expectKills('blast', 0, 1),
    report('blast', 'finished', { launch: 1 }),
    pass(20_000),
    offer('a2'),
    expectAlive('blast', 2),
  )(t),
);

t.test('a bound on kills holds for launches that met a number in use, in each term', (t) =>
  scenario(
    ...forgottenLaunch('kill', 0),
    (stage) => stage.master.says.set(stage.taskId('blast', 1), 'silence'),
    restoreBackup(),
    offer('a2'),
    expectRecord('blast', { state: 'pending', launches: 1, isNumberTaken: true }),
    (stage) => stage.master.says.clear(),
    restart(),
    pass(60_000),
    offer('a2'),
    expectAlive('blast', 1),
    expectKills('blast', 0, 1),
    (stage, t) => t.match(stage.daemon?.status().trouble, [/^1 tasks that no job holds run on/]),
  )(t),
);

t.test('adopt: of a job that the record believes on an older launch', (t) =>
  scenario(
    policy('adopt'),
    labelsOnPage(),
    restart(),
    submit('blast'),
    offer('a1'),
    report('blast', 'running'),
    backUp(),
    report('blast', 'lost'),
    (stage) => stage.master.report(stage.taskId('blast', 1), 'killed'),
    pass(31_000),
    offer('a2'),
    report('blast', 'running'),
    expectRecord('blast', { state: 'running', launches: 2 }),
    restoreBackup(),
    pass(120_000),
    offer('a3'),
    expectAlive('blast', 2),
    expectRecord('blast', { state: 'running', launches: 2, placement: { agentId: 'a2' } }),
    expectKills('blast', 0, 2),
  )(t),
);

t.test('adopt: an end that comes while it is asked whose the task is, is not lost', (t) => {
  let pageAnswers = () => {};
  return scenario(
    ...forgottenLaunch('adopt'),
    (stage) => {
      stage.pageGate = new Promise((resolve) => {
        pageAnswers = resolve;
      });
    },
    restoreBackup(),
    pass(1_000),
    report('blast', 'finished', { launch: 1 }),
    pass(1_000),
    expectState('blast', 'pending'),
    () => pageAnswers(),
    pass(1_000),
    expectOutcome('blast', { kind: 'exited', exitCode: 0 }),
    offer('a2'),
    expectAlive('blast'),
  )(t);
});

t.test('adopt: a launch that ended before anybody looked counts', (t) =>
  scenario(
    ...forgottenLaunch('adopt'),
    crash(),
    report('blast', 'failed', { launch: 1, message: 'Command exited with status 3' }),
    restoreBackup(),
    pass(1_000),
    expectOutcome('blast', { kind: 'exited', exitCode: 3 }),
    expectRecord('blast', { launches: 1, faults: [] }),
    offer('a2'),
    expectAlive('blast'),
  )(t),
);

t.test('adopt: an end on another agent waits until our launch is known to be refused', (t) =>
  scenario(
    ...forgottenLaunch('adopt'),
    (stage) => stage.master.says.set(stage.taskId('blast', 1), 'silence'),
    nextAccept('late'),
    restoreBackup(),
    offer('a2'),
    pass(20),
    expectRecord('blast', { state: 'launching', placement: { agentId: 'a2' } }),
    report('blast', 'finished', { launch: 1 }),
    expectRecord('blast', { state: 'launching', placement: { agentId: 'a2' } }),
    acceptArrives(),
    (stage) => stage.master.says.clear(),
    pass(1_000),
    resend(),
    pass(10_000),
    expectOutcome('blast', { kind: 'exited', exitCode: 0 }),
    expectAlive('blast'),
  )(t),
);

t.test('adopt: a kill that was wanted reaches the task', (t) =>
  scenario(
    ...forgottenLaunch('adopt'),
    pageIsAway(true),
    restoreBackup(),
    pass(1_000),
    kill('blast', { isNoticed: false }),
    pageIsAway(false),
    pass(30_000),
    (stage, t) =>
      t.ok((stage.master.tasks.get(stage.taskId('blast', 1))?.kills ?? 0) > 0, 'killed'),
    (stage) => stage.master.report(stage.taskId('blast', 1), 'killed'),
    expectOutcome('blast', { kind: 'killed' }),
  )(t),
);

t.test(
  'adopt: a page that does not answer is asked again; beside the task nothing is launched',
  (t) =>
    scenario(
      ...forgottenLaunch('adopt'),
      pageIsAway(true),
      restoreBackup(),
      pass(1_000),
      offer('a2'),
      pass(60_000),
      expectAlive('blast', 1),
      expectKills('blast', 0, 1),
      expectState('blast', 'pending'),
      pageIsAway(false),
      pass(20_000),
      expectRecord('blast', { state: 'running', launches: 1 }),
      expectAlive('blast', 1),
    )(t),
);

t.test('adopt: an ended job is not raised; its task is an orphan', (t) =>
  scenario(
    ...forgottenLaunch('adopt'),
    (stage) => stage.master.says.set(stage.taskId('blast', 1), 'silence'),
    restoreBackup(),
    kill('blast'),
    expectOutcome('blast', { kind: 'killed' }),
    (stage) => stage.master.says.clear(),
    pass(20_000),
    reportAlive('blast', 1),
    (stage, t) =>
      t.ok((stage.master.tasks.get(stage.taskId('blast', 1))?.kills ?? 0) > 0, 'killed'),
    expectOutcome('blast', { kind: 'killed' }),
    expectRecord('blast', { state: 'over', launches: 0 }),
  )(t),
);

t.test('an id that was given to another job since is neither taken back nor held against it', (t) =>
  scenario(
    policy('adopt', 0),
    labelsOnPage(),
    restart(),
    backUp(),
    submit('lost', { owner: 'alice' }),
    offer('a1'),
    report('lost', 'running'),
    restoreBackup(),
    // The counter of ids was in the record as well.
    async (stage) => {
      const [answer] = await stage.web.submit([
        aNewJob({ submittedAt: instant(stage.time.now() + 5) }),
      ]);
      const id = stage.id('lost');
      const record = answer === undefined ? undefined : stage.record.jobs.get(answer.id);
      if (record === undefined || record.state !== 'pending') throw new Error('it waits');
      stage.record.jobs.delete(record.id);
      stage.record.put({ ...record, id });
      stage.names.set('new', id);
      // Another job's: beside it this one may run.
      const former = stage.master.tasks.get(taskId(`${id}-1`));
      if (former !== undefined) former.isExcused = true;
    },
    restart(),
    pass(2_000),
    offer('a2'),
    pass(20_000),
    offer('a2'),
    expectRecord('new', { state: 'launching', launches: 2, placement: { agentId: 'a2' } }),
    expectAlive('new', 1, 2),
    expectKills('new', 0, 1),
    report('new', 'running', { launch: 2 }),
    // At the next question about all that runs: its number is below, and still it is no former launch of that job.
    pass(16 * 60_000),
    expectKills('new', 0, 1),
    (stage) => stage.master.report(taskId(`${stage.id('new')}-1`), 'finished'),
    expectState('new', 'running'),
  )(t),
);
