/** The master's own decisions, with a clock in the test's hand: who is offered what, what is repeated, who is removed. */
import { test } from 'tap';
import type { Offer } from '../../src/mesos/messages.js';
import { aTask } from './support/driver.js';
import { Member, World } from './support/world.js';

const SMALL = { cpus: 1, memMb: 1_000 };
const agentsOf = (offers: readonly Offer[]) => offers.map(({ agent_id }) => agent_id.value).sort();

test('a declined agent comes back when its filter is over, not before', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world).subscribe();
  member.decline(member.newOffers(), 2);
  world.pass(1_900);
  t.same(member.newOffers(), []);
  world.pass(200);
  t.same(agentsOf(member.newOffers()), ['a1']);
});

test('without a filter of its own a decline holds five seconds', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world).subscribe();
  member.decline(member.newOffers());
  world.pass(4_900);
  t.same(member.newOffers(), []);
  world.pass(300);
  t.same(agentsOf(member.newOffers()), ['a1']);
});

test('who declines with zero seconds does not spin', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world).subscribe();
  let rounds = 0;
  for (let n = 0; n < 100; n++) {
    const offers = member.newOffers();
    if (offers.length > 0) {
      rounds++;
      member.decline(offers, 0);
    }
    world.pass(10);
  }
  t.ok(rounds >= 3 && rounds <= 15, `${rounds} offers in 1.5 s`);
});

test('a refused offer is somebody else’s', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const first = new Member(world).subscribe();
  const second = new Member(world).subscribe();
  t.same(second.newOffers(), []);
  first.decline(first.newOffers(), 60);
  t.same(agentsOf(second.newOffers()), ['a1']);
});

test('revive clears filters at once, and what grew is offered in spite of one', async (t) => {
  const world = await new World({ a1: SMALL, a2: SMALL }).start();
  const member = new Member(world).subscribe();
  const [one] = member.newOffers().filter(({ agent_id }) => agent_id.value === 'a1');
  if (one === undefined) throw new Error('no offer');
  member.accept([one], [aTask('t1', 'a1', 'true', { cpus: 0.5, memMb: 100 })], 60);
  t.same(member.newOffers(), [], 'the rest of a1 is filtered');
  world.started('t1');
  world.ended('t1');
  world.pass(5);
  t.same(agentsOf(member.newOffers()), ['a1'], 'a1 holds more than was refused');
  const offers = [...(world.master.books.frameworks.get(member.id)?.offers.keys() ?? [])];
  member.call({
    type: 'DECLINE',
    decline: { offer_ids: offers.map((value) => ({ value })), filters: { refuse_seconds: 600 } },
  });
  t.same(member.newOffers(), []);
  member.call({ type: 'REVIVE' });
  t.same(agentsOf(member.newOffers()), ['a1', 'a2']);
});

test('suppressed roles get nothing until they are revived', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world, { roles: ['a', 'b'] }).subscribe(['a', 'b']);
  t.same(member.newOffers(), []);
  member.call({ type: 'REVIVE', revive: { roles: ['b'] } });
  const [offer] = member.newOffers();
  t.equal(offer?.allocation_info?.role, 'b');
});

test('frameworks share agents evenly, roles before frameworks', async (t) => {
  const agents = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`a${n + 10}`, SMALL]));
  const world = new World(agents);
  await world.start();
  const members = [
    new Member(world, { roles: ['x'] }),
    new Member(world, { roles: ['y'] }),
    new Member(world, { roles: ['y'] }),
  ];
  // All at once: suppressed first, so that none of them takes everything before the others are there.
  for (const member of members) member.subscribe(member.info.roles);
  for (const member of members) {
    const framework = world.master.books.frameworks.get(member.id);
    framework?.suppressed.clear();
  }
  members[0]?.call({ type: 'REVIVE' });
  t.same(
    members.map((member) => member.newOffers().length),
    [6, 3, 3],
  );
});

test('no two frameworks ever hold the same resources', async (t) => {
  const world = await new World({ a1: { cpus: 4, memMb: 4_000 } }).start();
  const first = new Member(world).subscribe();
  const second = new Member(world).subscribe();
  first.accept(first.newOffers(), [aTask('t1', 'a1', 'true', { cpus: 3 })], 60);
  const [rest] = second.newOffers();
  t.equal(rest?.resources?.find(({ name }) => name === 'cpus')?.scalar?.value, 1);
  second.accept(rest === undefined ? [] : [rest], [aTask('t2', 'a1', 'true', { cpus: 1.1 })]);
  t.match(second.updates.at(-1), { state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' });
});

test('an update is repeated until it is acknowledged, ever more rarely, and holds the next one back', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world).subscribe();
  member.accept(member.newOffers(), [aTask('t1', 'a1', 'true')]);
  world.started('t1');
  world.ended('t1', { kind: 'exited', code: 3 });
  t.same(member.statesOf('t1'), ['TASK_STARTING']);
  world.pass(9_000);
  t.equal(member.statesOf('t1').length, 1);
  world.pass(2_500);
  t.equal(member.statesOf('t1').length, 2, 'again after ten seconds');
  world.pass(15_000);
  t.equal(member.statesOf('t1').length, 2);
  world.pass(7_000);
  t.equal(member.statesOf('t1').length, 3, 'and after twenty more');
  t.equal(new Set(member.updates.map(({ uuid }) => uuid)).size, 1, 'the same update');
  member.acknowledge(member.updates[0]);
  t.equal(member.updates.at(-1)?.state, 'TASK_RUNNING');
  member.acknowledge(member.updates[0]);
  t.equal(member.updates.at(-1)?.state, 'TASK_RUNNING', 'a repeated acknowledgement moves nothing');
  member.acknowledge(member.updates.at(-1));
  t.match(member.updates.at(-1), { state: 'TASK_FAILED', message: 'Command exited with status 3' });
  t.same(world.forgotten, []);
  member.acknowledge(member.updates.at(-1));
  t.same(world.forgotten, ['t1']);
});

test('subscribing again takes over: old stream ended, offers void, open updates told at once', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world).subscribe();
  const offers = member.newOffers();
  member.accept(offers, [aTask('t1', 'a1', 'true', { cpus: 0.5 })]);
  const [held] = member.newOffers();
  const old = member.stream;
  member.subscribe();
  t.match(old.events.at(-1), { type: 'ERROR', error: { message: 'Framework failed over' } });
  t.ok(old.isEnded);
  t.same(member.statesOf('t1'), ['TASK_STARTING']);
  t.equal(member.newOffers().length, 1, 'its agent is offered anew');
  member.accept(held === undefined ? [] : [held], [aTask('t2', 'a1', 'true')]);
  t.match(member.updates.at(-1), {
    state: 'TASK_DROPPED',
    reason: 'REASON_INVALID_OFFERS',
    message: `Task launched with invalid offers: Offer ${held?.id.value} is no longer valid`,
  });
  member.stream = old;
  t.match(member.call({ type: 'REVIVE' }), { status: 400, text: /didn't match the stream ID/ });
});

test('a framework that stays away is removed with its tasks, and never comes back', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world, { failover_timeout: 60 }).subscribe();
  member.accept(member.newOffers(), [aTask('t1', 'a1', 'true')]);
  member.disconnect();
  t.equal(member.call({ type: 'REVIVE' }).text, 'Framework is not subscribed');
  world.pass(59_000);
  t.same(world.kills, []);
  world.pass(2_000);
  t.match(world.kills, [{ taskId: 't1' }]);
  member.subscribe();
  t.same(member.stream.events, [
    { type: 'ERROR', error: { message: 'Framework has been removed' } },
  ]);
  t.ok(member.stream.isEnded);
  world.ended('t1', { kind: 'signaled', signal: 15 });
  t.same(world.forgotten, ['t1'], 'nobody has to acknowledge');
  const other = new Member(world).subscribe();
  const [offer] = other.newOffers();
  t.equal(offer?.resources?.find(({ name }) => name === 'cpus')?.scalar?.value, 1, 'all is free');
});

test('a failover timeout longer than timers reach is waited for', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world, { failover_timeout: 3_600_000 }).subscribe();
  member.disconnect();
  world.pass(3_500_000_000);
  member.subscribe();
  t.equal(member.stream.events[0]?.type, 'SUBSCRIBED');
});

test('a second kill may shorten the grace; TASK_KILLING comes once', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world).subscribe();
  member.accept(member.newOffers(), [aTask('t1', 'a1', 'true')]);
  world.started('t1');
  member.acknowledge(member.updates.at(-1));
  member.acknowledge(member.updates.at(-1));
  const kill = (nanoseconds: number) =>
    member.call({
      type: 'KILL',
      kill: { task_id: { value: 't1' }, kill_policy: { grace_period: { nanoseconds } } },
    });
  kill(30e9);
  kill(1e9);
  t.same(
    world.kills.map(({ graceMs }) => graceMs),
    [30_000, 1_000],
  );
  member.acknowledge(member.updates.at(-1));
  world.ended('t1', { kind: 'signaled', signal: 9 });
  t.same(member.statesOf('t1'), ['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_KILLED']);
  t.equal(member.updates.at(-1)?.message, 'Command terminated with signal Killed');
});

test('a task that ends well in spite of a kill has finished', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world, { capabilities: [], roles: [] }).subscribe();
  member.accept(member.newOffers(), [aTask('t1', 'a1', 'true')]);
  world.started('t1');
  member.acknowledge(member.updates.at(-1));
  member.acknowledge(member.updates.at(-1));
  member.call({ type: 'KILL', kill: { task_id: { value: 't1' } } });
  world.ended('t1');
  t.same(member.statesOf('t1'), ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
});

test('a task group ends together', async (t) => {
  const world = await new World({ a1: { cpus: 4, memMb: 4_000 } }).start();
  const member = new Member(world).subscribe();
  const [offer] = member.newOffers();
  const tasks = [aTask('g1', 'a1', 'true'), aTask('g2', 'a1', 'true')];
  member.call({
    type: 'ACCEPT',
    accept: {
      offer_ids: offer === undefined ? [] : [offer.id],
      operations: [
        {
          type: 'LAUNCH_GROUP',
          launch_group: {
            executor: { executor_id: { value: 'pod' }, type: 'DEFAULT' },
            task_group: { tasks },
          },
        },
      ],
    },
  });
  for (const id of ['g1', 'g2']) world.started(id);
  world.ended('g1', { kind: 'exited', code: 1 });
  t.match(world.kills, [{ taskId: 'g2' }], 'one that fails takes the others with it');
  world.ended('g2', { kind: 'signaled', signal: 15 });
  t.match(member.stream.events.at(-1), {
    type: 'FAILURE',
    failure: { executor_id: { value: 'pod' }, agent_id: { value: 'a1' }, status: 0 },
  });
});

test('the time that a task may take goes on while the node is away', async (t) => {
  const world = await new World({ a1: SMALL }).start();
  const member = new Member(world).subscribe();
  const more = { cpus: 0.1, memMb: 10, max_completion_time: { nanoseconds: 60e9 } };
  const tasks = ['new', 'found', 'late'].map((id) => aTask(id, 'a1', 'true', more));
  member.accept(member.newOffers(), tasks);
  world.started('new');
  world.started('found', 50_000);
  world.started('late', 90_000);
  const killed = () => world.kills.map(({ taskId }) => taskId);
  world.pass(1);
  t.same(killed(), ['late']);
  world.pass(9_998);
  t.same(killed(), ['late']);
  world.pass(1);
  t.same(killed(), ['late', 'found']);
  world.pass(50_000);
  t.same(killed(), ['late', 'found', 'new']);
});
