// What every registry of processes must do. `later` lets `PRESENCE_LASTS_MS` pass, by a fake clock where there is one.
import type { Test } from 'tap';
import {
  PRESENCE_LASTS_MS,
  type Presence,
  type ProcessCard,
} from '../../src/contracts/presence.js';
import { instant } from '../../src/core/units.js';

export const aCard = (part: Partial<ProcessCard> = {}): ProcessCard => ({
  name: 'web-host-1-a',
  role: 'web',
  host: 'host-1.example.org',
  pid: 4711,
  version: '2.0.0',
  startedAt: instant(1_700_000_000_000),
  url: 'http://127.0.0.1:6543',
  ...part,
});

export interface PresenceCase {
  /** Another process's view of the same registry. */
  open(): Promise<Presence>;
  later(ms: number): Promise<void>;
}

export async function presenceSuite(
  t: Test,
  make: (t: Test) => Promise<PresenceCase>,
): Promise<void> {
  const names = async (presence: Presence) =>
    (await presence.present()).map(({ name }) => name).sort();

  await t.test('what a process tells is what others hear', async (t) => {
    const { open } = await make(t);
    const [one, other] = [await open(), await open()];
    t.same(await other.present(), [], 'nobody yet');
    const scheduler = aCard({ name: 'scheduler-host-2', role: 'scheduler', url: null });
    await one.beat(aCard());
    await other.beat(scheduler);
    const heard = await one.present();
    t.match(
      heard.find(({ role }) => role === 'web'),
      aCard(),
    );
    t.match(
      heard.find(({ role }) => role === 'scheduler'),
      scheduler,
    );
    t.equal(heard.length, 2);
    t.ok(heard.every(({ seenAt }) => Number.isFinite(seenAt)));
  });

  await t.test('who leaves is forgotten at once, the others stay', async (t) => {
    const { open } = await make(t);
    const presence = await open();
    const other = await open();
    await presence.beat(aCard());
    await other.beat(aCard({ name: 'web-host-2' }));
    await presence.leave(aCard().name);
    t.same(await names(other), ['web-host-2']);
    await presence.leave('nobody');
    t.same(await names(presence), ['web-host-2'], 'leaving twice harms nobody');
  });

  await t.test('who is silent is forgotten, and comes back with the next beat', async (t) => {
    const { open, later } = await make(t);
    const [dead, alive] = [await open(), await open()];
    await dead.beat(aCard({ name: 'dead' }));
    await alive.beat(aCard({ name: 'alive' }));
    for (let ms = 0; ms < PRESENCE_LASTS_MS + 6_000; ms += 5_000) {
      await later(5_000);
      await alive.beat(aCard({ name: 'alive' }));
    }
    t.same(await names(alive), ['alive']);
    await dead.beat(aCard({ name: 'dead' }));
    t.same(await names(alive), ['alive', 'dead']);
  });
}
