// What users want of single jobs: another launch, a change of what was asked. Wishes survive crashes and lost notices.
import t from 'tap';
import { type Wish, wishSetting } from '../../src/contracts/wishes.js';
import type { JobSpec } from '../../src/core/job.js';
import { userId } from '../../src/core/units.js';
import {
  expectKilled,
  expectLaunched,
  expectNotKilled,
  expectNotLaunched,
  expectRecord,
  expectState,
  kill,
  offer,
  pass,
  report,
  scenario,
  submit,
  type Tick,
} from './ticks.js';

interface Way {
  readonly isNoticed?: boolean;
}

interface Whose {
  readonly by?: string;
  /** Somebody acted for the owner. */
  readonly isOwners?: true;
}

const reschedule =
  (name: string, { by = 'alice', isNoticed = true, ...whose }: Way & Whose = {}): Tick =>
  async (stage) => {
    const id = stage.id(name);
    const launch = (await stage.web.job(id))?.launches ?? 0;
    const wish: Wish = {
      ...{ kind: 'reschedule', id, launch, by: userId(by), at: stage.time.now() },
      ...whose,
    };
    await stage.web.putSetting(wishSetting('reschedule', id), JSON.stringify(wish));
    if (isNoticed) stage.daemon?.notices.wished();
  };

const amend =
  (
    name: string,
    part: Partial<JobSpec>,
    { isNoticed = true, older = 0 }: Way & { readonly older?: number } = {},
  ): Tick =>
  async (stage) => {
    const id = stage.id(name);
    const job = await stage.web.job(id);
    if (job === undefined) throw new Error('there is no such job');
    const spec = { ...job.spec, ...part };
    const wish: Wish = {
      ...{ kind: 'amend', id, by: userId('alice'), at: stage.time.now() },
      ...{ version: job.version - older, spec },
    };
    await stage.web.putSetting(wishSetting('amend', id), JSON.stringify(wish));
    if (isNoticed) stage.daemon?.notices.wished();
  };

const needs = (cpus: number) => ({
  needs: { cpuMilli: cpus * 1_000, memMb: cpus * 1_000, gpus: 0, ports: 0, custom: {} },
});

const expectNoWish: Tick = async (stage, t) =>
  t.same(await stage.web.settings('wish.'), new Map(), 'every wish is dealt with');

const crash: Tick = (stage) => {
  stage.crash();
  stage.start(true);
};

const running = (name: string): readonly Tick[] => [
  submit(name),
  offer('a1', 1),
  expectLaunched(name),
  report(name, 'running'),
];

t.test(
  'a job that runs is launched anew, and its owner pays for what it ran',
  scenario(
    ...running('job'),
    pass(60_000),
    reschedule('job'),
    expectKilled('job'),
    expectState('job', 'running'),
    report('job', 'killed'),
    expectRecord('job', {
      state: 'pending',
      faults: [],
      retried: { failures: [{ because: { code: 'rescheduled' }, exitCode: 137, rule: -1 }] },
    }),
    expectNoWish,
    offer('a1', 1),
    expectLaunched('job'),
    report('job', 'running'),
    expectRecord('job', { state: 'running', launches: 2 }),
  ),
);

t.test(
  'nobody pays for what an administrator wanted, and it does not count against the job',
  scenario(
    submit('job', { retries: 0 }),
    offer('a1', 1),
    report('job', 'running'),
    reschedule('job', { by: 'root' }),
    report('job', 'killed'),
    expectRecord('job', {
      state: 'pending',
      faults: [{ because: { code: 'rescheduled', facts: { by: 'root' } } }],
      retried: { failures: [] },
    }),
  ),
);

t.test(
  'whoever acts for the owner lets the owner pay, by whatever name',
  scenario(
    ...running('job'),
    pass(60_000),
    reschedule('job', { by: 'portal', isOwners: true }),
    report('job', 'killed'),
    expectRecord('job', {
      state: 'pending',
      faults: [],
      retried: { failures: [{ because: { code: 'rescheduled', facts: { by: 'portal' } } }] },
    }),
  ),
);

t.test(
  'a leader that dies before it hears of the wish leaves it to the next',
  scenario(
    ...running('job'),
    reschedule('job', { isNoticed: false }),
    expectNotKilled('job'),
    crash,
    pass(2_000),
    expectKilled('job'),
    crash,
    report('job', 'killed'),
    expectRecord('job', { state: 'pending', retried: { failures: [{ rule: -1 }] } }),
    expectNoWish,
  ),
);

t.test(
  'a kill has the last word, and work done in time counts',
  scenario(
    ...running('killed'),
    reschedule('killed'),
    kill('killed'),
    report('killed', 'killed'),
    expectRecord('killed', { state: 'over', outcome: { kind: 'killed' } }),
    ...running('done'),
    reschedule('done'),
    report('done', 'finished'),
    expectRecord('done', { state: 'over', outcome: { kind: 'exited', exitCode: 0 } }),
  ),
);

t.test(
  'a wish for a former launch changes nothing',
  scenario(
    ...running('job'),
    reschedule('job'),
    report('job', 'killed'),
    async (stage) => {
      const id = stage.id('job');
      const wish: Wish = {
        ...{ kind: 'reschedule', id, launch: 1, by: userId('alice'), at: stage.time.now() },
      };
      await stage.web.putSetting(wishSetting('reschedule', id), JSON.stringify(wish));
    },
    offer('a1', 1),
    report('job', 'running'),
    pass(6_000),
    expectRecord('job', { state: 'running', launches: 2 }),
    expectNoWish,
  ),
);

t.test(
  'a job that waits takes what it asks for now',
  scenario(
    submit('job', { cpus: 4 }),
    offer('a1', 1),
    expectNotLaunched('job'),
    amend('job', needs(1)),
    expectNoWish,
    offer('a2', 1),
    expectLaunched('job'),
    expectRecord('job', { spec: needs(1) }),
  ),
);

t.test(
  'a change is found by the sweep, and after a crash',
  scenario(
    submit('job', { cpus: 4 }),
    amend('job', { ...needs(1), name: 'smaller' }, { isNoticed: false }),
    crash,
    pass(6_000),
    expectNoWish,
    offer('a2', 1),
    expectLaunched('job'),
    expectRecord('job', { spec: { name: 'smaller' } }),
  ),
);

t.test(
  'a change of a record that is another by now is dropped',
  scenario(
    submit('job', { cpus: 4 }),
    amend('job', needs(1), { older: 1 }),
    expectNoWish,
    offer('a1', 1),
    expectNotLaunched('job'),
    expectRecord('job', { state: 'pending', spec: needs(4) }),
  ),
);

t.test(
  'a job that waits for another goes on waiting when it is changed',
  scenario(
    submit('first'),
    async (stage, t) =>
      submit('second', {
        spec: {
          dependencies: {
            on: [{ type: 'afterok', job: stage.id('first') }],
            ...{ isAnyEnough: false, isSingleton: false },
          },
        },
      })(stage, t),
    amend('second', { lifespanMs: 60_000 }),
    expectNoWish,
    offer('a1', 2),
    expectLaunched('first'),
    expectNotLaunched('second'),
    report('first', 'running'),
    report('first', 'finished'),
    offer('a1', 2),
    expectLaunched('second'),
  ),
);

t.test(
  'the lifespan of a job that runs is another',
  scenario(
    ...running('job'),
    amend('job', { lifespanMs: 90_000 }),
    expectRecord('job', { state: 'running', spec: { lifespanMs: 90_000 } }),
    expectNotKilled('job'),
  ),
);

const maintain =
  (isOn: boolean, { isNoticed = true }: Way = {}): Tick =>
  async (stage) => {
    const text = JSON.stringify({ by: 'root', at: 0, reason: '' });
    if (isOn) await stage.web.putSetting('maintenance', text);
    else await stage.web.dropSetting('maintenance');
    if (isNoticed) stage.daemon?.notices.wished();
  };

t.test(
  'in maintenance nothing is launched, what runs goes on, and afterwards jobs start',
  scenario(
    ...running('before'),
    maintain(true),
    submit('during'),
    offer('a1', 2),
    expectNotLaunched('during'),
    report('before', 'finished'),
    expectState('before', 'over'),
    crash,
    offer('a1', 2),
    pass(2_000),
    expectNotLaunched('during'),
    maintain(false, { isNoticed: false }),
    pass(6_000),
    offer('a2', 2),
    expectLaunched('during'),
  ),
);
