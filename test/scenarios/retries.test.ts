// Launches after ends of a job's own: rules, pauses, memory; through crashes and changes of the leader.
import t from 'tap';
import type { RetryRule } from '../../src/core/job.js';
import {
  answerIsLost,
  crashAt,
  expectLaunched,
  expectNotLaunched,
  expectOutcome,
  expectRecord,
  expectState,
  kill,
  nextAccept,
  offer,
  pass,
  report,
  resend,
  restart,
  scenario,
  submit,
  type Tick,
} from './ticks.js';

const RULE: RetryRule = {
  exitCodes: [{ first: 75, last: 75 }],
  isForMemory: false,
  timesMax: 1,
  pauseMs: 0,
  growth: null,
};
const exits = (code: number): Tick =>
  report('j1', 'failed', { message: `Command exited with status ${code}` });
const submitted = (rule: Partial<RetryRule>): Tick =>
  submit('j1', { spec: { retries: [{ ...RULE, ...rule }] } });
const launched: readonly Tick[] = [offer('a1', 8), expectLaunched('j1'), report('j1', 'running')];

t.test(
  'an exit code of a rule: launched again, then its last code and how often it ran',
  scenario(
    submitted({}),
    ...launched,
    exits(75),
    expectState('j1', 'pending'),
    resend(),
    ...launched,
    exits(75),
    expectOutcome('j1', {
      kind: 'exited',
      exitCode: 75,
      because: { code: 'retries-used-up', facts: { launches: 2 } },
    }),
    offer('a1', 8),
    expectNotLaunched('j1'),
  ),
);

t.test(
  'the pause of a rule is kept',
  scenario(
    submitted({ pauseMs: 600_000 }),
    ...launched,
    exits(75),
    pass(599_000),
    offer('a1', 8),
    expectNotLaunched('j1'),
    pass(1_000),
    offer('a1', 8),
    expectLaunched('j1'),
  ),
);

t.test(
  'a pause goes on under another leader, and is not begun anew',
  scenario(
    submitted({ pauseMs: 600_000 }),
    ...launched,
    exits(75),
    pass(300_000),
    restart(),
    pass(299_000),
    offer('a1', 8),
    expectNotLaunched('j1'),
    pass(1_000),
    offer('a1', 8),
    expectLaunched('j1'),
  ),
);

t.test(
  'memory grows, and the next launch is matched with it',
  scenario(
    submitted({
      exitCodes: [],
      isForMemory: true,
      timesMax: 3,
      growth: { factor: 3, memMbMax: null },
    }),
    offer('a1', 1),
    expectLaunched('j1'),
    report('j1', 'running'),
    report('j1', 'failed', { reason: 'container-limitation-memory' }),
    expectRecord('j1', { state: 'pending', retried: { memMbGranted: 3_000 } }),
    offer('a1', 2),
    expectNotLaunched('j1'),
    offer('a2', 3),
    expectLaunched('j1'),
    report('j1', 'finished'),
    expectOutcome('j1', { kind: 'exited', exitCode: 0, because: null }),
  ),
);

t.test(
  'another leader knows what was granted',
  scenario(
    submitted({ growth: { factor: 3, memMbMax: null } }),
    ...launched,
    exits(75),
    expectRecord('j1', { retried: { memMbGranted: 3_000 } }),
    restart(),
    offer('a1', 2),
    expectNotLaunched('j1'),
    offer('a2', 3),
    expectLaunched('j1'),
  ),
);

for (const point of ['before advance', 'after advance'])
  t.test(
    `a crash ${point} of the relaunch loses and doubles nothing`,
    scenario(
      submitted({}),
      ...launched,
      crashAt(point),
      exits(75),
      restart(),
      resend(),
      expectRecord('j1', { state: 'pending', retried: { failures: [{ exitCode: 75 }] } }),
      ...launched,
      exits(75),
      expectOutcome('j1', { kind: 'exited', exitCode: 75 }),
    ),
  );

t.test(
  'the answer of the store to the relaunch is lost: one launch is granted, not two',
  scenario(
    submitted({ timesMax: 2 }),
    ...launched,
    answerIsLost('advance'),
    exits(75),
    pass(1_000),
    expectRecord('j1', { state: 'pending', retried: { failures: { length: 1 } } }),
    ...launched,
  ),
);

t.test(
  'a job that waits for its next launch can be killed',
  scenario(
    submitted({ pauseMs: 600_000 }),
    ...launched,
    exits(75),
    kill('j1'),
    expectOutcome('j1', { kind: 'killed' }),
    pass(600_000),
    offer('a1', 8),
    expectNotLaunched('j1'),
  ),
);

t.test(
  'faults of the system and own failures are counted apart',
  scenario(
    submit('j1', { retries: 1, spec: { retries: [RULE] } }),
    ...launched,
    report('j1', 'lost'),
    pass(30_000),
    ...launched,
    exits(75),
    ...launched,
    report('j1', 'lost'),
    expectOutcome('j1', {
      kind: 'gaveUp',
      because: { code: 'agent-lost', facts: { launches: 3 } },
    }),
  ),
);

t.test(
  'a cluster that refuses again and again is asked ever more slowly',
  scenario(
    submit('j1'),
    nextAccept(...(Array(12).fill('refused') as 'refused'[])),
    async (stage, t) => {
      let offered = 0;
      for (; offered < 600 && stage.master.fates.length > 0; offered++) {
        stage.master.offer('a1', 1);
        await stage.time.pass(1_000);
      }
      t.ok(offered > 120, `${offered} seconds of offers for 12 launches`);
    },
    pass(60_000),
    expectRecord('j1', { state: 'pending', launches: 12, faults: [] }),
    ...launched,
    report('j1', 'finished'),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
  ),
);
