/**
 * The local node answers as a real master did: recorded requests are sent to it byte by byte as they were, with only
 * the ids replaced that each master makes up itself, and its answers and events are compared with the recorded ones.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { type LocalNodeOptions, startLocalNode } from '../../src/localmesos/index.js';
import type { Event, Offer } from '../../src/mesos/messages.js';
import { Player, recorded, until } from './support/recorded-player.js';

/** An offer without what differs between two masters. */
function offerGist({ resources = [], attributes, allocation_info }: Offer): unknown {
  return { resources, attributes, allocation_info };
}

interface Setting {
  readonly port: number;
}

async function aNode(t: Test, more: Partial<LocalNodeOptions> = {}): Promise<Setting> {
  const folder = mkdtempSync(join(tmpdir(), 'godocker-recorded-'));
  const node = await startLocalNode({
    port: 0,
    containerizer: 'process',
    stateDir: join(folder, 'state'),
    credential: null,
    agents: 2,
    cpus: 4,
    memMb: 4_096,
    diskMb: 10_000,
    hostname: '127.0.0.1',
    attributes: ['rack:r1;zone:z1;num:1', 'rack:r2;zone:z1;num:2'],
    ...more,
  });
  t.teardown(async () => {
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { port: node.port };
}

test('calls that a master refuses, and launches that it refuses', async (t) => {
  const player = new Player(t, await aNode(t));
  for (const step of recorded('errors')) await player.play(step);
  const first = player.listener?.events.slice(0, 3).map(({ type }) => type);
  t.same(first, ['SUBSCRIBED', 'HEARTBEAT', 'OFFERS']);
  await player.sameStories();
});

test('the life of a framework and its tasks', { timeout: 60_000 }, async (t) => {
  const player = new Player(t, await aNode(t, { agents: 1 }));
  // The recorder acknowledged this task's updates by requests of their own.
  player.byHand.add('finish-1');
  const steps = recorded('basic');
  for (const step of steps.slice(0, -1)) await player.play(step);
  await player.sameStories();
  const last = steps.at(-1);
  t.ok(last?.name.includes('removed-framework-id'));
  if (last !== undefined) await player.play(last);
  t.same(player.listener?.events, last?.events, 'the removed framework does not come back');
  const { listener } = player;
  await until(() => listener?.isOver, 'the end of the answer');
});

test('a framework of the old kind', async (t) => {
  const player = new Player(t, await aNode(t));
  const steps = recorded('legacy');
  for (const step of steps.slice(0, 4)) await player.play(step);
  const offers = (events: readonly Event[]) =>
    events.flatMap((event) => event.offers?.offers ?? []);
  const byRack = (list: readonly Offer[]) =>
    [...list]
      .map(offerGist)
      .map((gist) => JSON.stringify(gist))
      .sort();
  const theirs = offers(steps[0]?.events ?? []).slice(0, 2);
  t.same(
    byRack(offers(player.listener?.events ?? []).slice(0, 2)),
    byRack(theirs),
    'offers of the old form',
  );
});

test('several roles', async (t) => {
  const player = new Player(t, await aNode(t));
  const steps = recorded('multirole');
  for (const step of steps.slice(0, -1)) await player.play(step);
  await player.sameStories();
  const events = () => player.listener?.events ?? [];
  const roles = (list: readonly Event[]) =>
    list.map(({ offers }) =>
      offers?.offers?.map(({ allocation_info }) => allocation_info?.role).sort(),
    );
  const afterRescind = (list: readonly Event[]) =>
    list.slice(list.findLastIndex(({ type }) => type === 'RESCIND') + 1);
  await until(() => afterRescind(events()).length > 0, 'offers after the change of roles');
  const theirs = steps[0]?.events ?? [];
  t.same(
    roles(afterRescind(events()))[0],
    roles(afterRescind(theirs))[0],
    'offered for the new roles',
  );
  // How many pieces of an agent were on offer depends on time; which agents were does not.
  const rescinded = (list: readonly Event[]) => {
    const offers = list.flatMap((event) => event.offers?.offers ?? []);
    const agentOf = (id: string | undefined) =>
      offers.find((offer) => offer.id.value === id)?.agent_id.value.slice(-2);
    const agents = list.flatMap(({ rescind }) =>
      rescind === undefined ? [] : [agentOf(rescind.offer_id.value)],
    );
    return [...new Set(agents)].sort();
  };
  t.same(rescinded(events()), rescinded(theirs));
});

test('with a credential', async (t) => {
  const credential = { principal: 'fw', secret: 's3cret' };
  const player = new Player(t, await aNode(t, { credential }));
  // The recorded master knew a second principal; this node has one.
  for (const step of recorded('auth').filter(
    ({ name }) => !name.startsWith('05-') && !name.startsWith('08-'),
  )) {
    await player.play(step);
  }
});
