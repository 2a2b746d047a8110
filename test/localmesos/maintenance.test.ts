/** The maintenance schedule, told to frameworks as a real master tells it (recorded: offers rescinded, offered anew, asked). */
import { test } from 'tap';
import { BadSchedule } from '../../src/localmesos/maintenance.js';
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
