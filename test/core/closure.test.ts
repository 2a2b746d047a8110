import t from 'tap';
import {
  type Drain,
  isInForce,
  mayRunAt,
  type SetAside,
  standingOf,
  stateOf,
} from '../../src/core/closure.js';
import { planCycle } from '../../src/core/cycle.js';
import type { Offer } from '../../src/core/matching.js';
import { fifo } from '../../src/core/policy.js';
import { PendingQueue, type QueueRow } from '../../src/core/queue.js';
import { instant, jobId, userId } from '../../src/core/units.js';
import { after, aKilling, aLaunching, anOffer, anUnreachable, aRow, aRunning } from './samples.js';

const HOUR = 3_600_000;
const limits = { launchesMax: 100, shapesMax: 100 };

/** What becomes of jobs 1, 2, … on these offers, at instant 0. */
function cycle(rows: readonly Partial<QueueRow>[], offers: readonly Offer[]) {
  const queue = new PendingQueue();
  rows.forEach((row, at) => void queue.add(aRow(at + 1, row)));
  const plan = planCycle({ queue, offers, policy: fifo, at: after(0), limits });
  const why = (id: number) => plan.obstacles.get(queue.shapeOf(jobId(id))?.id ?? -1);
  return { launched: plan.launches.map((launch) => [launch.jobId, launch.agentId]), why };
}

t.test('before a maintenance window only what surely ends in time is started', async (t) => {
  const from = after(HOUR);
  const { launched, why } = cycle(
    [{ lifespanMs: HOUR / 2 }, { lifespanMs: HOUR }, {}, { lifespanMs: null }],
    [anOffer('o1', { unavailableFrom: from })],
  );
  t.same(launched, [[1, 'a1']]);
  const maintenance = [{ code: 'maintenance', agents: 1, from }];
  t.same(why(2), maintenance, 'it would end when the window begins, and ending takes a moment');
  t.same(why(3), maintenance, 'it may run for ever');
  t.same(why(4), maintenance);
  t.same(cycle([{ lifespanMs: 1 }], [anOffer('o1', { unavailableFrom: after(-1) })]).launched, []);
});

t.test('the earliest window of an agent counts, whichever of its offers tells it', async (t) => {
  const offers = [
    anOffer('o1', { agent: 'a1', unavailableFrom: after(10 * HOUR) }),
    anOffer('o2', { agent: 'a1', unavailableFrom: after(HOUR) }),
  ];
  t.same(cycle([{ lifespanMs: 2 * HOUR }], offers).launched, []);
});

t.test('a drain is a window as well, and its reason is told', async (t) => {
  const drain = { code: 'drained', until: null, reason: 'new disks' } as const;
  const planned = anOffer('o1', { shut: { ...drain, from: after(HOUR) } });
  const now = anOffer('o2', { shut: { ...drain, from: after(-HOUR) } });
  t.same(cycle([{ lifespanMs: HOUR / 2 }], [planned, now]).launched, [[1, 'a1']]);
  t.same(cycle([{}], [planned, now]).why(1), [
    { ...drain, from: after(HOUR), agents: 1 },
    { ...drain, from: after(-HOUR), agents: 1 },
  ]);
});

t.test('many different drains are told as a few, and every agent is counted', async (t) => {
  const offers = Array.from({ length: 40 }, (_, n) =>
    anOffer(`o${n}`, {
      shut: { code: 'drained', from: after(0), until: null, reason: `reason ${n}` },
    }),
  );
  const why = cycle([{}], offers).why(1) ?? [];
  t.equal(why.length, 3);
  t.equal(
    why.reduce((sum, one) => sum + ('agents' in one ? one.agents : 0), 0),
    40,
  );
});

t.test('an agent on probation gets one job, one that is set aside none', async (t) => {
  const tried = cycle([{}, {}, {}], [anOffer('o1', { launchesMax: 1 })]);
  t.same(tried.launched, [[1, 'a1']]);
  t.same(tried.why(2), [{ code: 'set-aside', agents: 1 }]);
  const none = cycle([{}], [anOffer('o1', { shut: { code: 'set-aside' } })]);
  t.same(none.launched, []);
  t.same(none.why(1), [{ code: 'set-aside', agents: 1 }]);
});

t.test('lifespans that differ a little share a shape, and are never rounded down', async (t) => {
  const queue = new PendingQueue();
  const shapes = new Set<number>();
  for (let seconds = 1; seconds <= 7 * 86_400; seconds += 7) {
    const lifespanMs = seconds * 1_000;
    queue.add(aRow(seconds, { lifespanMs }));
    const shape = queue.shapeOf(jobId(seconds));
    shapes.add(shape?.id ?? -1);
    if ((shape?.lifespanMs ?? 0) < lifespanMs) t.fail(`${lifespanMs} ms became less`);
  }
  t.ok(shapes.size < 500, `${shapes.size} shapes`);
});

const agent = { executor: 'mesos', host: 'node1' };
const aDrain = (part: Partial<Drain> = {}): Drain => ({
  kind: 'drained',
  ...agent,
  from: after(0),
  until: null,
  reason: 'new disks',
  by: userId('root'),
  at: after(0),
  ...part,
});
const aSetAside = (part: Partial<SetAside> = {}): SetAside => ({
  kind: 'set-aside',
  ...agent,
  at: after(0),
  probeFrom: after(HOUR),
  strikes: 1,
  evidence: [],
  ...part,
});

t.test('how an agent stands', async (t) => {
  const state = (drain: Drain | null, setAside: SetAside | null, atMs: number, jobs = 0) =>
    stateOf({ drain, setAside }, { jobs, at: after(atMs) });
  t.equal(state(null, null, 0), 'open');
  t.equal(state(aDrain({ from: after(HOUR) }), null, 0), 'drain-planned');
  t.equal(state(aDrain(), null, 0, 2), 'draining');
  t.equal(state(aDrain(), null, 0, 0), 'drained');
  t.equal(state(aDrain({ until: after(HOUR) }), null, HOUR), 'open', 'it passes by itself');
  t.equal(state(null, aSetAside(), 0), 'set-aside');
  t.equal(state(null, aSetAside(), HOUR), 'probation');
  t.equal(state(aDrain(), aSetAside(), HOUR), 'drained', 'the word of an administrator first');
  t.equal(isInForce(aDrain({ until: after(HOUR) }), after(HOUR - 1)), true);
});

t.test('what a cycle is told of an agent', async (t) => {
  const standing = (
    closed: { drain?: Drain; setAside?: SetAside },
    { atMs = 0, hasTask = false } = {},
  ) =>
    standingOf(
      { drain: closed.drain ?? null, setAside: closed.setAside ?? null },
      { hasTask, at: instant(after(0) + atMs) },
    );
  t.same(standing({}), { shut: null, launchesMax: null });
  t.same(standing({ setAside: aSetAside() }).shut, { code: 'set-aside' });
  const later = { atMs: HOUR };
  t.same(standing({ setAside: aSetAside() }, later), { shut: null, launchesMax: 1 });
  t.same(
    standing({ setAside: aSetAside() }, { ...later, hasTask: true }).shut,
    { code: 'set-aside' },
    'one at a time',
  );
  const drain = aDrain();
  t.match(standing({ drain, setAside: aSetAside() }).shut, { code: 'drained' });
  t.match(standing({ drain, setAside: aSetAside() }, later), {
    shut: { code: 'drained' },
    launchesMax: 1,
  });
  t.same(standing({ drain: aDrain({ until: after(HOUR) }) }, later).shut, null);
});

t.test('whether a job may still run at an instant', async (t) => {
  const from = after(HOUR);
  const at = (job: Parameters<typeof mayRunAt>[0], lifespanMs: number | null, nowMs = 0) =>
    mayRunAt({ ...job, spec: { ...job.spec, lifespanMs } }, from, after(nowMs));
  t.equal(at(aRunning(), null), true, 'for ever');
  t.equal(at(aRunning(), HOUR / 2), false);
  t.equal(at(aRunning(), HOUR / 2, HOUR), false, 'its start counts, not when we ask');
  t.equal(at(aLaunching(), HOUR / 2), false);
  t.equal(at(aLaunching(), HOUR / 2, (3 * HOUR) / 4), true, 'it may start only now');
  t.equal(at(aKilling(), null), true);
  t.equal(at(anUnreachable(), HOUR), true);
});
