import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { PRESENCE_BEAT_MS, type Presence, type ProcessSeen } from '../../src/contracts/presence.js';
import { instant } from '../../src/core/units.js';
import { Herald } from '../../src/daemon/herald.js';
import { PRESENCE_SETTING, readSeen, StorePresence } from '../../src/daemon/store-presence.js';
import {
  heardOf,
  leaderNow,
  missingOf,
  readNeeds,
  reportText,
} from '../../src/service/status-command.js';
import { aCard, presenceSuite } from '../contracts/presence.js';
import { FakeTime } from '../support/fake-time.js';
import { MemoryRecord, MemoryStore } from '../support/memory-store.js';

t.test('presence in the store', (t) =>
  presenceSuite(t, async () => {
    const clock = new FakeTime();
    const record = new MemoryRecord();
    return {
      open: async () => new StorePresence({ store: new MemoryStore(record), clock }),
      later: (ms) => clock.pass(ms),
    };
  }),
);

t.test('what nobody wrote tells nothing, and is cleared away with those long dead', async (t) => {
  const clock = new FakeTime();
  const store = new MemoryStore();
  const dead = new StorePresence({ store, clock });
  await dead.beat(aCard({ name: 'dead' }));
  for (const [name, text] of [
    ['broken', '{'],
    ['empty', 'null'],
    ['foreign', JSON.stringify({ ...aCard(), role: 'emperor', seenAt: clock.now() })],
  ])
    await store.putSetting(PRESENCE_SETTING + name, text ?? '');
  t.same(
    (await dead.present()).map(({ name }) => name),
    ['dead'],
  );
  t.equal(readSeen(JSON.stringify({ ...aCard(), seenAt: 5 }))?.seenAt, 5);
  await clock.pass(3_700_000);
  await new StorePresence({ store, clock }).beat(aCard({ name: 'new' }));
  t.same([...(await store.settings(PRESENCE_SETTING)).keys()], [`${PRESENCE_SETTING}new`]);
});

/** A registry whose calls a test answers. */
class Desk implements Presence {
  readonly said: string[] = [];
  isAway = false;
  held: Promise<void> = Promise.resolve();

  async beat(): Promise<void> {
    this.said.push('beat');
    await this.held;
    if (this.isAway) throw new Error('away');
  }

  async present(): Promise<readonly ProcessSeen[]> {
    if (this.isAway) throw new Error('away');
    return [];
  }

  async leave(name: string): Promise<void> {
    this.said.push(`leave ${name}`);
  }
}

t.test('a herald beats on, whatever a registry does, and says once that it is away', async (t) => {
  const time = new FakeTime();
  const [good, slow] = [new Desk(), new Desk()];
  let release = () => {};
  slow.held = new Promise((resolve) => {
    release = resolve;
  });
  const warned: string[] = [];
  const told: string[] = [];
  const log = {
    ...SILENT,
    warn: (message: string, { registry }: Record<string, unknown> = {}) =>
      void warned.push(`${registry}: ${message}`),
    info: (message: string) => void told.push(message),
  };
  const herald = new Herald({ timers: time, log }, aCard(), { good, slow });
  herald.start();
  await time.pass(3 * PRESENCE_BEAT_MS);
  t.equal(good.said.length, 4, 'at once, then each so often');
  t.equal(slow.said.length, 1, 'calls to a slow one never pile up');
  good.isAway = true;
  await time.pass(3 * PRESENCE_BEAT_MS);
  t.same(warned, ['good: registry of processes does not take our sign of life']);
  good.isAway = false;
  await time.pass(PRESENCE_BEAT_MS);
  t.same(told, ['registry of processes answers again']);
  const stopped = herald.stop();
  release();
  await time.pass(10);
  await stopped;
  t.equal(good.said.at(-1), `leave ${aCard().name}`);
  t.same(slow.said, ['beat', `leave ${aCard().name}`], 'after the beat under way');
  const before = good.said.length;
  await time.pass(5 * PRESENCE_BEAT_MS);
  t.equal(good.said.length, before, 'silent from then on');
});

t.test('a stop does not wait for a registry that hangs', async (t) => {
  const time = new FakeTime();
  const desk = new Desk();
  desk.held = new Promise(() => {});
  const herald = new Herald({ timers: time, log: SILENT }, aCard(), { desk });
  herald.start();
  let isStopped = false;
  const stopped = herald.stop().then(() => {
    isStopped = true;
  });
  await time.pass(900);
  t.notOk(isStopped);
  await time.pass(200);
  await stopped;
});

t.test('what is needed is counted; up is everything', (t) => {
  const seen = (role: 'up' | 'web' | 'scheduler', name: string) => ({
    ...aCard({ role, name }),
    seenAt: instant(0),
  });
  const needs = readNeeds('web=2, scheduler');
  t.same(
    [...needs],
    [
      ['web', 2],
      ['scheduler', 1],
    ],
  );
  t.same(missingOf([seen('web', 'a'), seen('scheduler', 'b')], true, needs), ['web: 1 of 2 alive']);
  t.same(missingOf([seen('up', 'a')], true, readNeeds('web,scheduler,watcher')), []);
  t.same(missingOf([seen('web', 'a')], false, readNeeds('web,scheduler')), [
    'scheduler: 0 of 1 alive',
    'no scheduler leads',
  ]);
  t.same(missingOf([seen('web', 'a')], false, readNeeds('web')), [], 'nobody asked for a leader');
  for (const wrong of ['emperor', 'web=', 'web=-1', 'web=x'])
    t.throws(() => readNeeds(wrong), { code: 'bad-field', message: /^--need: / }, wrong);
  t.end();
});

t.test('of a process that several registries know the latest word counts', async (t) => {
  const registry = (seenAt: number): Presence =>
    Object.assign(new Desk(), { present: async () => [{ ...aCard(), seenAt: instant(seenAt) }] });
  const away = new Desk();
  away.isAway = true;
  const heard = await heardOf({ store: registry(1), etcd: registry(2), consul: away });
  t.equal(heard.processes.length, 1);
  t.equal(heard.processes[0]?.seenAt, 2);
  t.same(heard.silent, ['consul: away']);
  const text = reportText({ ...heard, leader: null, missing: ['web: 1 of 2 alive'] }, 5_000);
  t.match(text, /^web +host-1\.example\.org +4711 +2\.0\.0 /m);
  t.match(text, /^leader: none\nsilent: consul: away\nmissing: web: 1 of 2 alive\n$/m);
});

t.test('a leader is who beats while we look', async (t) => {
  const store = new MemoryStore();
  const pause = async () => {};
  t.equal(await leaderNow(store, pause), null, 'nobody ever led');
  const lease = await store.takeLease('one', undefined);
  t.equal(await leaderNow(store, pause), null, 'a lease without a beat is a dead one');
  if (lease === undefined) throw new Error('no lease');
  const beats = async () => void (await store.beatLease(lease));
  t.same(await leaderNow(store, beats), { holder: 'one', epoch: 1 });
  await store.freeLease(lease);
  t.equal(await leaderNow(store, pause), null, 'given back');
});
