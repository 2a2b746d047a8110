// Agents that take no new jobs: drained by an administrator, or set aside because of how jobs ended there.
import t from 'tap';
import { closureSetting } from '../../src/contracts/closures.js';
import type { Drain, SetAside } from '../../src/core/closure.js';
import { type Instant, instant, userId } from '../../src/core/units.js';
import {
  expectLaunched,
  expectNotLaunched,
  expectOutcome,
  expectRecord,
  expectState,
  offer,
  pass,
  report,
  restart,
  scenario,
  storeComesBack,
  storeGoesAway,
  submit,
  type Tick,
} from './ticks.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const node = (host: string) => ({ executor: 'mesos', host });

/** Through a web process; the leader hears of it unless told. */
const drain =
  (host: string, { fromMs = 0, untilMs = null as number | null, isNoticed = true } = {}): Tick =>
  async (stage) => {
    const at = stage.time.now();
    const inMs = (ms: number): Instant => instant(at + ms);
    const order: Drain = {
      kind: 'drained',
      ...node(host),
      from: inMs(fromMs),
      until: untilMs === null ? null : inMs(untilMs),
      reason: 'new disks',
      by: userId('root'),
      at,
    };
    await stage.web.putSetting(closureSetting('drained', order), JSON.stringify(order));
    if (isNoticed) stage.daemon?.notices.agentsChanged();
  };

const resume =
  (host: string, { isNoticed = true } = {}): Tick =>
  async (stage) => {
    await stage.web.dropSetting(closureSetting('drained', node(host)));
    await stage.web.dropSetting(closureSetting('set-aside', node(host)));
    if (isNoticed) stage.daemon?.notices.agentsChanged();
  };

const expectWhy =
  (name: string, ...obstacles: readonly object[]): Tick =>
  (stage, t) =>
    t.match(stage.daemon?.obstacles(stage.id(name)), obstacles, `why ${name} waits`);

/** What metrics and readiness tell administrators; none of it keeps work away. */
const expectTold =
  (agents: object, warnings: readonly RegExp[]): Tick =>
  (stage, t) => {
    const status = stage.daemon?.status();
    t.match(status?.agents, agents);
    t.equal(status?.warnings.length, warnings.length);
    t.match(status?.warnings, warnings);
    t.same(status?.trouble, []);
  };

t.test(
  'a drained agent ends its jobs, gets no new ones, and users see why; resumed, it does',
  scenario(
    submit('j1'),
    offer('a1', 2),
    expectLaunched('j1'),
    report('j1', 'running'),
    drain('a1'),
    submit('j2'),
    offer('a1'),
    expectNotLaunched('j2'),
    expectWhy('j2', { code: 'drained', agents: 1, until: null, reason: 'new disks' }),
    expectTold({ draining: 1, drained: 0 }, [/^1 node is drained, jobs still run there: a1$/]),
    report('j1', 'finished'),
    expectOutcome('j1', { kind: 'exited', exitCode: 0 }),
    expectTold({ draining: 0, drained: 1 }, [/^1 node is drained: a1$/]),
    offer('a2'),
    expectLaunched('j2'),
    submit('j3'),
    pass(1_000),
    expectNotLaunched('j3'),
    resume('a1'),
    expectLaunched('j3'),
    expectTold({ draining: 0, drained: 0 }, []),
  ),
);

t.test(
  'a drain that nobody told the leader of, and one before its term, hold all the same',
  scenario(
    drain('a1', { isNoticed: false }),
    pass(5_000),
    submit('j1'),
    offer('a1'),
    expectNotLaunched('j1'),
    restart(),
    offer('a1'),
    expectNotLaunched('j1'),
    resume('a1', { isNoticed: false }),
    pass(5_000),
    offer('a1'),
    expectLaunched('j1'),
  ),
);

t.test(
  'a planned drain lets in what ends in time; once past its end the agent is open',
  scenario(
    drain('a1', { fromMs: HOUR, untilMs: 2 * HOUR }),
    submit('short', { spec: { lifespanMs: 30 * MINUTE } }),
    submit('long', { spec: { lifespanMs: 90 * MINUTE } }),
    submit('endless'),
    offer('a1', 3),
    expectLaunched('short'),
    offer('a1', 2),
    expectNotLaunched('long'),
    expectNotLaunched('endless'),
    report('short', 'running'),
    pass(45 * MINUTE),
    report('short', 'finished'),
    submit('late', { spec: { lifespanMs: 30 * MINUTE } }),
    offer('a1', 3),
    expectNotLaunched('late'),
    pass(76 * MINUTE),
    offer('a1', 3),
    expectLaunched('late'),
    expectLaunched('long'),
    expectLaunched('endless'),
  ),
);

t.test(
  'a job that is told of a drain while its launch is under way stays where it is',
  scenario(
    submit('j1'),
    offer('a1'),
    expectLaunched('j1'),
    drain('a1'),
    report('j1', 'running'),
    expectState('j1', 'running'),
    report('j1', 'finished'),
    expectState('j1', 'over'),
  ),
);

/** The cluster has these agents; what is offered of them is another matter. */
const clusterHas =
  (...agents: readonly (readonly [host: string, cpus: number])[]): Tick =>
  (stage) => {
    stage.agents = agents.map(([host, cpus]) => {
      const total = { cpuMilli: cpus * 1_000, memMb: cpus * 1_000, gpus: 0, ports: 0, custom: {} };
      const used = { ...total, cpuMilli: 0, memMb: 0 };
      return { executor: 'mesos', host, total, used, attributes: {}, isActive: true };
    });
  };

const expectWhyExactly =
  (name: string, obstacles: readonly object[]): Tick =>
  (stage, t) => {
    const found = stage.daemon?.obstacles(stage.id(name));
    t.equal(found?.length, obstacles.length, `reasons of ${name}`);
    t.match(found, obstacles);
  };

t.test(
  'a drained agent of which nothing is offered is a reason all the same, where the job would fit',
  scenario(
    clusterHas(['full', 4], ['small', 1], ['a1', 4], ['open', 4]),
    restart(),
    drain('full'),
    drain('small'),
    drain('a1'),
    submit('j1', { cpus: 4 }),
    pass(1_000),
    // Nothing was offered at all: two drained agents would do, the small one would not.
    expectWhyExactly('j1', [
      { code: 'drained', agents: 2, reason: 'new disks', by: 'root', until: null },
      { code: 'no-offers' },
    ]),
    // One of them is: it is not counted twice.
    offer('a1', 4),
    offer('open', 2),
    pass(100),
    expectWhyExactly('j1', [
      { code: 'drained', agents: 2 },
      { code: 'too-small', resource: 'cpuMilli', agents: 1 },
    ]),
    resume('full'),
    resume('small'),
    resume('a1'),
    pass(100),
    expectLaunched('j1'),
  ),
);

// ---- agents that swallow jobs

const settingAside: Tick = (stage) => {
  stage.setsAgentsAside = true;
};

/** Submitted by that user, launched on that agent, failed a second after it began. */
const failsAtOnce = (name: string, owner: string, host: string): readonly Tick[] => [
  submit(name, { owner }),
  offer(host),
  expectLaunched(name),
  report(name, 'running'),
  pass(1_000),
  report(name, 'failed', { message: 'Command exited with status 1' }),
];

const expectSetAside =
  (host: string, part: Partial<SetAside> | null): Tick =>
  async (stage, t) => {
    const text = await stage.web.setting(closureSetting('set-aside', node(host)));
    if (part === null) t.equal(text, undefined, `${host} is not set aside`);
    else t.match(JSON.parse(text ?? 'null'), part, `${host} is set aside`);
  };

const OVER_BY_1 = { kind: 'exited', exitCode: 1 };
/** Two agents are known, and nothing fails on the other. */
const twoAgents = [settingAside, restart(), submit('well'), offer('good'), expectLaunched('well')];

const badNode: readonly Tick[] = [
  ...twoAgents,
  report('well', 'running'),
  ...failsAtOnce('j1', 'anna', 'bad'),
  ...failsAtOnce('j2', 'anna', 'bad'),
  ...failsAtOnce('j3', 'bob', 'bad'),
  ...failsAtOnce('j4', 'carl', 'bad'),
  expectSetAside('bad', null),
  ...failsAtOnce('j5', 'anna', 'bad'),
];

t.test(
  'an agent on which jobs of several users fail within seconds is set aside, and those jobs run elsewhere',
  scenario(
    ...badNode,
    expectSetAside('bad', { strikes: 1 }),
    expectTold({ 'set-aside': 1 }, [/^1 node is set aside, because jobs of several users.*: bad$/]),
    expectOutcome('j1', OVER_BY_1),
    expectOutcome('j2', OVER_BY_1),
    expectRecord('j3', { state: 'pending', faults: [{ because: { code: 'suspect-agent' } }] }),
    expectState('j4', 'pending'),
    expectState('j5', 'pending'),
    offer('bad', 4),
    expectNotLaunched('j3'),
    offer('good', 3),
    expectLaunched('j3'),
    expectLaunched('j4'),
    expectLaunched('j5'),
    report('j3', 'running'),
    report('j3', 'finished'),
    expectOutcome('j3', { kind: 'exited', exitCode: 0 }),
  ),
);

t.test(
  'after a pause one job at a time tries it; one that fails makes the pause longer, one that does not lets it back',
  scenario(
    ...badNode,
    offer('good', 3),
    pass(4 * MINUTE),
    submit('p1'),
    submit('p2'),
    offer('bad', 2),
    expectNotLaunched('p1'),
    expectWhy('p1', { code: 'set-aside', agents: 1 }),
    pass(70_000),
    offer('bad', 2),
    expectLaunched('p1'),
    offer('bad'),
    expectNotLaunched('p2'),
    report('p1', 'running'),
    report('p1', 'failed', { message: 'Command exited with status 1' }),
    expectState('p1', 'pending'),
    expectSetAside('bad', { strikes: 2 }),
    pass(9 * MINUTE),
    offer('bad', 2),
    expectNotLaunched('p1'),
    expectNotLaunched('p2'),
    pass(2 * MINUTE),
    offer('bad', 2),
    expectLaunched('p1'),
    offer('bad', 2),
    expectNotLaunched('p2'),
    report('p1', 'running'),
    report('p1', 'finished'),
    expectSetAside('bad', null),
    offer('bad', 2),
    expectLaunched('p2'),
  ),
);

t.test(
  'an administrator lets it back at once, and what was said against it is forgotten',
  scenario(
    ...badNode,
    offer('good', 3),
    resume('bad'),
    submit('j6', { owner: 'dora' }),
    submit('j7', { owner: 'dora' }),
    offer('bad', 2),
    expectLaunched('j6'),
    expectLaunched('j7'),
    report('j6', 'running'),
    report('j6', 'failed', { message: 'Command exited with status 1' }),
    expectOutcome('j6', OVER_BY_1),
    expectSetAside('bad', null),
  ),
);

t.test(
  'a new leader knows what was set aside',
  scenario(
    ...badNode,
    offer('good', 3),
    restart(),
    submit('j6'),
    offer('bad'),
    expectNotLaunched('j6'),
    offer('good'),
    expectLaunched('j6'),
  ),
);

t.test(
  'while the store takes no settings it is set aside all the same, and written down later',
  scenario(
    ...badNode.slice(0, -1),
    storeGoesAway('putSetting'),
    ...badNode.slice(-1),
    offer('good', 3),
    submit('j6'),
    offer('bad'),
    expectNotLaunched('j6'),
    storeComesBack(),
    expectSetAside('bad', null),
    pass(10_000),
    expectSetAside('bad', { strikes: 1 }),
  ),
);

t.test(
  'a job that fails elsewhere too was bad itself: it is over then, and nobody is set aside',
  scenario(
    ...twoAgents,
    ...failsAtOnce('j1', 'anna', 'bad'),
    ...failsAtOnce('j2', 'bob', 'bad'),
    expectState('j2', 'pending'),
    offer('good'),
    expectLaunched('j2'),
    report('j2', 'running'),
    report('j2', 'failed', { message: 'Command exited with status 1' }),
    expectOutcome('j2', OVER_BY_1),
    ...failsAtOnce('j3', 'anna', 'bad'),
    expectOutcome('j3', OVER_BY_1),
  ),
);

t.test(
  'one user alone sets nothing aside, and all of those jobs are over',
  scenario(
    ...twoAgents,
    ...Array.from({ length: 12 }, (_, n) => [
      ...failsAtOnce(`j${n}`, 'mallory', 'bad'),
      expectOutcome(`j${n}`, OVER_BY_1),
    ]).flat(),
    expectSetAside('bad', null),
  ),
);

t.test(
  'launches that are taken back do not count against the job',
  scenario(
    ...twoAgents,
    ...failsAtOnce('j1', 'anna', 'bad'),
    submit('j2', { owner: 'bob', retries: 1 }),
    offer('bad'),
    expectLaunched('j2'),
    report('j2', 'running'),
    report('j2', 'failed', { message: 'Command exited with status 1' }),
    expectState('j2', 'pending'),
    offer('good'),
    expectLaunched('j2'),
    report('j2', 'running'),
    report('j2', 'lost'),
    expectState('j2', 'pending'),
  ),
);

t.test(
  'a job that only the agent suits which failed it goes back there after a while',
  scenario(
    ...twoAgents,
    ...failsAtOnce('j1', 'anna', 'bad'),
    submit('j2', { owner: 'bob', spec: { constraints: [{ name: 'hostname', value: 'bad' }] } }),
    offer('bad'),
    expectLaunched('j2'),
    report('j2', 'running'),
    report('j2', 'failed', { message: 'Command exited with status 1' }),
    offer('bad'),
    expectNotLaunched('j2'),
    expectWhy('j2', { code: 'failed-before' }),
    pass(11 * MINUTE),
    offer('bad'),
    expectLaunched('j2'),
  ),
);
