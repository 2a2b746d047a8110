/** The maintenance schedule, told to frameworks as a real master tells it (recorded: offers rescinded, offered anew, asked). */
import { test } from 'tap';
import { BadSchedule } from '../../src/localmesos/machines.js';
import { aTask } from './support/driver.js';
import { Member, World } from './support/world.js';

const SMALL = { cpus: 1, memMb: 1_000 };
const window = (hostname: string, startNs = 5e15) => ({
  machine_ids: [{ hostname }],
  unavailability: { start: { nanoseconds: startNs }, duration: { nanoseconds: 6e10 } },
});

async function aWorld() {
  const world = await new World({ a1: SMALL, a2: SMALL }).start();
  const member = new Member(world).subscribe();
  const host = [...world.master.books.agents.values()][0]?.hostname ?? '';
  const asked = () =>
    member.stream.events.flatMap(({ inverse_offers }) => inverse_offers?.inverse_offers ?? []);
  const types = () => member.stream.events.map(({ type }) => type);
  return { world, member, host, asked, types };
}

test('offers tell the window; who holds something there is asked, and asked again', async (t) => {
  const { world, member, host, asked, types } = await aWorld();
  const before = member.newOffers().filter(({ hostname }) => hostname === host);
  world.master.maintenance.setSchedule({ windows: [window(host)] });
  world.pass(1_100);
  t.equal(types().filter((type) => type === 'RESCIND').length, before.length);
  const [offer] = member.newOffers();
  t.match(offer, { hostname: host, unavailability: window(host).unavailability });
  const [question] = asked();
  t.match(question, {
    agent_id: offer?.agent_id,
    framework_id: { value: member.id },
    unavailability: { start: { nanoseconds: 5e15 } },
  });
  t.equal(asked().length, 1, 'an open question is not repeated, and only one agent has a window');
  t.same(world.master.maintenance.schedule(), { windows: [window(host)] });
  t.same(world.master.maintenance.status(), { draining_machines: [{ id: { hostname: host } }] });

  const inverse_offer_ids = [question?.id ?? { value: '' }, { value: 'foreign' }];
  const decline_inverse_offers = { inverse_offer_ids, filters: { refuse_seconds: 10 } };
  t.equal(member.call({ type: 'DECLINE_INVERSE_OFFERS', decline_inverse_offers }).status, 202);
  t.match(world.master.maintenance.status(), {
    draining_machines: [
      {
        id: { hostname: host },
        statuses: [{ framework_id: { value: member.id }, status: 'DECLINE' }],
      },
    ],
  });
  world.pass(9_000);
  t.equal(asked().length, 1);
  world.pass(3_000);
  t.equal(asked().length, 2, 'the filter is over');
  member.disconnect();
  member.subscribe();
  world.pass(2_000);
  t.equal(asked().length, 1, 'on a new stream it is asked anew');
});

test('a window that is taken back takes the question back, and offers are plain again', async (t) => {
  const { world, member, host, asked, types } = await aWorld();
  world.master.maintenance.setSchedule({ windows: [window(host)] });
  world.pass(1_100);
  member.newOffers();
  world.master.maintenance.setSchedule({ windows: [] });
  world.pass(1_100);
  t.equal(types().filter((type) => type === 'RESCIND_INVERSE_OFFER').length, 1);
  const offers = member.newOffers().filter(({ hostname }) => hostname === host);
  t.equal(offers.length, 1);
  t.equal(offers[0]?.unavailability, undefined);
  t.equal(asked().length, 1);
  t.same(world.master.maintenance.schedule(), {}, 'as recorded');
});

test('who holds nothing there is not asked; a task is enough', async (t) => {
  const { world, member, host, asked } = await aWorld();
  const [offer] = member.newOffers().filter(({ hostname }) => hostname === host);
  if (offer === undefined) throw new Error('no offer');
  const idle = new Member(world).subscribe(['*']);
  member.accept(
    [offer],
    [aTask('t1', offer.agent_id.value, 'true', { cpus: 1, memMb: 1_000 })],
    60,
  );
  world.master.maintenance.setSchedule({ windows: [window(host)] });
  world.pass(3_000);
  t.equal(asked().length, 1);
  t.same(
    idle.stream.events.filter(({ type }) => type === 'INVERSE_OFFERS'),
    [],
  );
});

test('what is no schedule is refused, and changes nothing', async (t) => {
  const { world, host } = await aWorld();
  world.master.maintenance.setSchedule({ windows: [window(host)] });
  const bad: readonly unknown[] = [
    7,
    [],
    { windows: 7 },
    { windows: [{}] },
    { windows: [{ machine_ids: [], unavailability: { start: { nanoseconds: 1 } } }] },
    { windows: [{ machine_ids: [{}], unavailability: { start: { nanoseconds: 1 } } }] },
    { windows: [{ machine_ids: [{ ip: '127.0.0.1' }] }] },
    { windows: [{ ...window('x'), unavailability: { start: { nanoseconds: 'soon' } } }] },
    {
      windows: [
        {
          ...window('x'),
          unavailability: { start: { nanoseconds: 1 }, duration: { nanoseconds: -1 } },
        },
      ],
    },
    { windows: [window('x'), window('x')] },
  ];
  for (const body of bad)
    t.throws(() => world.master.maintenance.setSchedule(body), BadSchedule, JSON.stringify(body));
  t.same(world.master.maintenance.schedule(), { windows: [window(host)] });
});

test('a machine is taken down and brought up: what ran there is lost, and its agent is a new one', async (t) => {
  const { world, member, host } = await aWorld();
  const [offer] = member.newOffers().filter(({ hostname }) => hostname === host);
  if (offer === undefined) throw new Error('no offer');
  const former = offer.agent_id.value;
  member.accept([offer], [aTask('t1', former, 'true', { cpus: 1, memMb: 1_000 })], 60);
  world.started('t1');
  const { maintenance } = world.master;
  const machine = { hostname: host };
  t.throws(() => maintenance.takeDown([machine]), {
    message: `Machine '${host}' is not part of a maintenance schedule`,
  });
  maintenance.setSchedule({ windows: [window(host)] });
  t.throws(() => maintenance.bringUp([machine]), { message: /is not in DOWN mode/ });
  maintenance.takeDown([machine]);
  t.match(world.kills, [{ taskId: 't1', graceMs: 5_000 }]);
  t.same(maintenance.status(), { down_machines: [machine] });
  world.ended('t1', { kind: 'signaled', signal: 15 });
  t.match(member.updates.at(-1), {
    state: 'TASK_LOST',
    reason: 'REASON_AGENT_REMOVED',
    message: /operator initiated 'Machine DOWN'/,
  });
  world.pass(5_000);
  t.same(
    member.newOffers().filter(({ hostname }) => hostname === host),
    [],
    'nothing of it is offered',
  );
  t.throws(() => maintenance.takeDown([machine]), { message: /is not in DRAINING mode/ });
  t.throws(() => maintenance.setSchedule({ windows: [] }), {
    message: /is deactivated and cannot be removed from the schedule/,
  });
  maintenance.bringUp([machine]);
  world.pass(2_000);
  const back = member.newOffers().filter(({ hostname }) => hostname === host);
  t.equal(back.length, 1);
  t.not(back[0]?.agent_id.value, former);
  t.equal(back[0]?.unavailability, undefined, 'its window is over');
  t.same([maintenance.schedule(), maintenance.status()], [{}, {}]);
});

test('machines that are none are refused, and all stay as they are', async (t) => {
  const { world, host } = await aWorld();
  const { maintenance } = world.master;
  maintenance.setSchedule({ windows: [window(host)] });
  for (const body of [7, {}, [], [{}], [{ hostname: host }, { hostname: 'unknown' }]])
    t.throws(() => maintenance.takeDown(body), BadSchedule, JSON.stringify(body));
  t.same(maintenance.status(), { draining_machines: [{ id: { hostname: host } }] });
});
