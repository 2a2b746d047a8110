// Where jobs stand and when they would start, as the daemon tells; in its own process and through the store.
import t from 'tap';
import { OUTLOOK_FRESH_MS } from '../../src/contracts/limits.js';
import type { OutlookFacts } from '../../src/contracts/outlook.js';
import { Places } from '../../src/core/survey.js';
import { projectId, userId } from '../../src/core/units.js';
import { OutlookAsker } from '../../src/daemon/outlook-asker.js';
import { OutlookDesk } from '../../src/daemon/outlook-desk.js';
import { FakeTime } from '../support/fake-time.js';
import { MemoryStore } from '../support/memory-store.js';
import type { Stage } from './stage.js';
import {
  expectLaunched,
  expectNotLaunched,
  offer,
  pass,
  report,
  restart,
  scenario,
  submit,
  submitArray,
  type Tick,
} from './ticks.js';

const account = { user: userId('alice'), project: projectId('default'), queue: null };
const lasts = (minutes: number) => ({ spec: { lifespanMs: minutes * 60_000 } });

/** Asks the daemon, lets it work, and looks at its answer. */
const expectOutlook =
  (look: (facts: OutlookFacts, stage: Stage, t: Tap) => void): Tick =>
  async (stage, t) => {
    const asked = stage.daemon?.outlook();
    await stage.time.pass(3_000);
    const facts = await asked;
    if (facts === undefined) t.fail('nothing is told');
    else look(facts, stage, t);
  };
type Tap = Parameters<Tick>[1];

/** Seconds from the look until the job is likely to start. */
const startOf = ({ foreseen }: OutlookFacts, stage: Stage, name: string) =>
  foreseen?.starts.find(([id]) => id === stage.id(name))?.[1];

t.test(
  'places and starts of what waits behind a task that runs',
  scenario(
    submit('j1', lasts(10)),
    offer('a1', 1),
    expectLaunched('j1'),
    report('j1', 'running'),
    submit('j2', lasts(5)),
    submit('j3', lasts(5)),
    expectOutlook((facts, stage, t) => {
      const places = new Places(facts.survey);
      t.same(places.of(stage.id('j2'), account), { from: 1, to: 1 });
      t.same(places.of(stage.id('j3'), account), { from: 2, to: 2 });
      t.equal(facts.survey.inLine, 2);
      const [two, three] = [startOf(facts, stage, 'j2'), startOf(facts, stage, 'j3')];
      t.ok(two != null && two > 590 && two <= 600, `j2 starts after ${two} s`);
      t.ok(three != null && three - (two ?? 0) === 300, `j3 after ${three} s`);
      t.same(facts.foreseen?.bases, { like: 0, lifespan: 3, site: 0, unknown: 0 });
    }),
  ),
);

t.test(
  'how long like jobs took counts, also under the next leader',
  scenario(
    ...['j1', 'j2', 'j3'].flatMap((name) => [
      submit(name, lasts(60)),
      offer(`a-${name}`, 1),
      expectLaunched(name),
      report(name, 'running'),
      pass(120_000),
      report(name, 'finished'),
    ]),
    restart(),
    submit('j4', lasts(60)),
    offer('a1', 1),
    expectLaunched('j4'),
    report('j4', 'running'),
    submit('j5', lasts(60)),
    expectNotLaunched('j5'),
    expectOutlook((facts, stage, t) => {
      const start = startOf(facts, stage, 'j5');
      t.ok(start != null && start > 110 && start <= 120, `j5 starts after ${start} s`);
      t.same(facts.foreseen?.bases, { like: 2, lifespan: 0, site: 0, unknown: 0 });
    }),
  ),
);

t.test(
  'without lifespans and without ends nothing is told of starts, but places are',
  scenario(
    submit('j1'),
    offer('a1', 1),
    expectLaunched('j1'),
    report('j1', 'running'),
    submitArray('arr', '3'),
    expectOutlook((facts, stage, t) => {
      t.equal(facts.survey.inLine, 3);
      t.equal(startOf(facts, stage, 'arr.0'), null);
      t.equal(facts.foreseen?.end, 'stuck');
      t.ok((facts.foreseen?.bases.unknown ?? 0) > 0);
    }),
  ),
);

t.test(
  'what is young is told again; what is old is made anew',
  scenario(submit('j1'), async (stage, t) => {
    const ask = async () => {
      const asked = stage.daemon?.outlook();
      await stage.time.pass(3_000);
      return asked;
    };
    const first = await ask();
    t.equal(await ask(), first);
    await stage.time.pass(OUTLOOK_FRESH_MS);
    t.not(await ask(), first);
  }),
);

t.test('web processes ask through the store, part by part', async (t) => {
  const time = new FakeTime();
  const store = new MemoryStore();
  const ports = { store, clock: time, timers: time, log: { ...console, with: () => ports.log } };
  let made = 0;
  const facts = (isWhole: boolean): OutlookFacts => ({
    survey: { at: time.now(), inLine: made, isWhole, first: [], accounts: [], marks: [] },
    foreseen: isWhole ? { ...NOTHING_FORESEEN, at: time.now() } : null,
  });
  const desk = new OutlookDesk(ports, async () => {
    made++;
    return facts(made % 2 === 0);
  });
  const looks = async (): Promise<void> => {
    for (;;) await desk.look();
  };
  void looks();
  await time.pass(0);
  const asker = new OutlookAsker(ports);
  const ask = async () => {
    const asked = asker.ask();
    await time.pass(1_000);
    return asked;
  };
  t.match(await ask(), { survey: { isWhole: true, inLine: 2 } });
  t.match(await ask(), { survey: { inLine: 2 } }, 'young enough');
  await time.pass(OUTLOOK_FRESH_MS);
  t.match(await ask(), { survey: { inLine: 4 } });
  t.equal(made, 4, 'nothing was made that nobody asked for');
});

t.test('nobody leads: the last word is told, or nothing', async (t) => {
  const time = new FakeTime();
  const asker = new OutlookAsker({ store: new MemoryStore(), clock: time, timers: time });
  const asked = asker.ask();
  await time.pass(4_000);
  t.equal(await asked, undefined);
});

const NOTHING_FORESEEN = {
  starts: [],
  end: 'started',
  until: 0,
  bases: { like: 0, lifespan: 0, site: 0, unknown: 0 },
  agents: 1,
} as unknown as NonNullable<OutlookFacts['foreseen']>;
