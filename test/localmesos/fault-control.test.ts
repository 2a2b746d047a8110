/** What operators and networks do to a cluster, at a test's word: the master tells it as a real one does. */
import { test } from 'tap';
import type { ContainerEvent, Launch } from '../../src/localmesos/containerizer.js';
import { NoSuchFault } from '../../src/localmesos/fault-control.js';
import { SimulatingContainerizer } from '../../src/localmesos/simulate.js';
import { FakeTime } from '../support/fake-time.js';
import { aTask } from './support/driver.js';
import { Member, World } from './support/world.js';

const SMALL = { cpus: 2, memMb: 2_000 };

async function running() {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world).subscribe();
  member.accept(member.newOffers(), [aTask('t1', 'a1', 'true', { cpus: 1, memMb: 100 })]);
  world.started('t1');
  member.acknowledge(member.updates.at(-1));
  member.acknowledge(member.updates.at(-1));
  const fault = (name: string) => {
    world.master.faults.carryOut({ fault: name, agent: 'a1' });
    world.pass(200);
  };
  return { world, member, fault };
}

const reconcile = (member: Member) =>
  member.call({
    type: 'RECONCILE',
    reconcile: { tasks: [{ task_id: { value: 't1' }, agent_id: { value: 'a1' } }] },
  });

test('an agent goes away and comes back: its task is unreachable, then runs on', async (t) => {
  const { world, member, fault } = await running();
  t.equal(member.newOffers().length, 1, 'what is left of the agent is on offer');
  fault('agent-away');
  t.match(member.updates.at(-1), { state: 'TASK_UNREACHABLE', reason: 'REASON_AGENT_REMOVED' });
  t.ok(
    member.stream.events.some(({ type }) => type === 'RESCIND'),
    'its offer is void',
  );
  world.pass(10_000);
  t.equal(member.newOffers().length, 0);
  reconcile(member);
  t.match(member.updates.at(-1), { state: 'TASK_UNREACHABLE', reason: 'REASON_RECONCILIATION' });
  fault('agent-back');
  t.match(member.updates.at(-1), { state: 'TASK_RUNNING', reason: 'REASON_AGENT_REREGISTERED' });
  t.equal(member.newOffers().length, 1);
});

test('what ends while its agent is away is told when it is back', async (t) => {
  const { world, member, fault } = await running();
  fault('agent-away');
  world.ended('t1');
  world.pass(60_000);
  t.notOk(member.statesOf('t1').includes('TASK_FINISHED'), 'nobody hears of it');
  fault('agent-back');
  const end = member.updates.at(-1);
  t.match(end, { state: 'TASK_FINISHED' });
  member.acknowledge(end);
  t.same(world.forgotten, ['t1']);
});

test('a kill for a task of an agent that is away does nothing but tell', async (t) => {
  const { world, member, fault } = await running();
  fault('agent-away');
  member.call({ type: 'KILL', kill: { task_id: { value: 't1' } } });
  t.same(world.kills, []);
  t.match(member.updates.at(-1), { state: 'TASK_UNREACHABLE' });
});

test('an agent given up ends its tasks first, and never comes back', async (t) => {
  const { world, member, fault } = await running();
  fault('agent-away');
  fault('agent-gone');
  t.match(world.kills, [{ taskId: 't1', graceMs: 0 }]);
  t.notOk(member.statesOf('t1').includes('TASK_GONE_BY_OPERATOR'), 'not before it is dead');
  world.ended('t1', { kind: 'signaled', signal: 9 });
  t.match(member.updates.at(-1), { state: 'TASK_GONE_BY_OPERATOR' });
  fault('agent-back');
  t.equal(
    member.newOffers().filter(({ agent_id }) => agent_id.value === 'a1').length,
    1,
    'the old offer only',
  );
  reconcile(member);
  t.match(member.updates.at(-1), { state: 'TASK_GONE_BY_OPERATOR' });
});

test('a reboot ends what ran, and the agent is back under its id with nothing', async (t) => {
  const { world, member, fault } = await running();
  fault('agent-reboot');
  t.match(world.kills, [{ taskId: 't1', graceMs: 0 }]);
  member.newOffers();
  world.ended('t1', { kind: 'signaled', signal: 9 });
  t.match(member.updates.at(-1), { state: 'TASK_GONE', reason: 'REASON_RECONCILIATION' });
  world.pass(2_000);
  t.match(
    member.newOffers().map(({ agent_id }) => agent_id.value),
    ['a1'],
    'whole',
  );
  reconcile(member);
  t.match(member.updates.at(-1), { state: 'TASK_GONE' });
});

test('a machine that comes back as another agent has lost what it ran', async (t) => {
  const { world, member, fault } = await running();
  member.newOffers();
  fault('agent-replaced');
  world.ended('t1', { kind: 'signaled', signal: 9 });
  t.match(member.updates.at(-1), {
    state: 'TASK_LOST',
    reason: 'REASON_AGENT_REMOVED',
    message: /a new agent registered at the same address/,
  });
  world.pass(2_000);
  const [offer, ...others] = member.newOffers();
  t.same(others, []);
  t.not(offer?.agent_id.value, 'a1');
  reconcile(member);
  t.match(member.updates.at(-1), { state: 'TASK_GONE' });
  fault('agent-back');
  t.same(member.newOffers(), [], 'the former one never comes back');
});

test('rescinded offers cannot be used any more, and come again', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world).subscribe();
  const offers = member.newOffers();
  world.master.faults.carryOut({ fault: 'rescind' });
  member.accept(offers, [aTask('t1', 'a1', 'true')]);
  t.match(member.updates, [{ state: 'TASK_DROPPED', reason: 'REASON_INVALID_OFFERS' }]);
  t.equal(member.newOffers().length, 1);
});

test('a fault that is none is refused by the name of its field', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const { faults } = world.master;
  t.throws(() => faults.carryOut({ fault: 'earthquake' }), new NoSuchFault(), 'fault');
  t.throws(() => faults.carryOut({ fault: 'agent-away', agent: 'a9' }), { message: /^agent must/ });
  t.throws(() => faults.carryOut(null), { message: /^fault must be one of agent-away/ });
});

test('simulated tasks end when they are told, each with its own code; real ones are not for that', async (t) => {
  const { world } = await running();
  const [launch] = world.launches as [Launch];
  t.throws(() => world.master.faults.carryOut({ fault: 'tasks-end' }), {
    message: 'fault: tasks of simulate end by themselves',
  });
  const time = new FakeTime();
  const simulating = new SimulatingContainerizer(time, 3_600_000);
  const seen: ContainerEvent[] = [];
  await simulating.start((event) => seen.push(event));
  simulating.launch(launch);
  const labels = { labels: [{ key: 'simulate.exit', value: '3' }] };
  simulating.launch({ ...launch, containerId: 'c2', info: { ...launch.info, labels } });
  const ends = () => seen.flatMap((event) => (event.kind === 'ended' ? [event.end] : []));
  t.same(ends(), []);
  simulating.endAll();
  t.same(ends(), [
    { kind: 'exited', code: 0 },
    { kind: 'exited', code: 3 },
  ]);
  simulating.endAll();
  t.equal(ends().length, 2, 'once');
});
