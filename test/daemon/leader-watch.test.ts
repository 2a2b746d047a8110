import t from 'tap';
import { BULLETIN_SETTING, type Bulletin, readBulletin } from '../../src/contracts/bulletin.js';
import { SILENT } from '../../src/contracts/log.js';
import { shapeKey } from '../../src/core/queue.js';
import { projectId, userId } from '../../src/core/units.js';
import { Bulletins } from '../../src/daemon/bulletins.js';
import { LeaderWatch } from '../../src/daemon/leader-watch.js';
import { FakeTime } from '../support/fake-time.js';
import { MemoryStore } from '../support/memory-store.js';

const NEEDS = { cpuMilli: 64_000, memMb: 100, gpus: 0, ports: 0, custom: {} };
const WAITS = [
  { code: 'too-small', resource: 'cpuMilli', agents: 3, wanted: 64_000, best: 8_000 },
] as const;

const bulletin = (over: Partial<Bulletin> = {}): string =>
  JSON.stringify({
    epoch: 1,
    isReady: true,
    trouble: [],
    inventory: null,
    waiting: [['64000 100 0 0', WAITS]],
    ...over,
  } satisfies Bulletin);

/** A store, a leader that beats each second until it is silenced, and a web process that watches. */
async function stage() {
  const time = new FakeTime();
  const store = new MemoryStore();
  const watch = new LeaderWatch({ store, clock: time, timers: time, log: SILENT });
  let lease = await store.takeLease('one', undefined);
  const seconds = async (count: number, isBeating = true): Promise<void> => {
    for (let n = 0; n < count; n++) {
      if (isBeating && lease !== undefined) lease = await store.beatLease(lease);
      await time.pass(1_000);
    }
  };
  return { time, store, watch, seconds, free: () => lease && store.freeLease(lease) };
}

t.test('ready while the leader beats and says so', async (t) => {
  const { store, watch, seconds } = await stage();
  watch.start();
  await seconds(0);
  t.match(watch.notReady(), [/no scheduler leads/], 'one look tells nothing yet');
  await seconds(2);
  t.same(watch.notReady(), ['the scheduler is starting']);
  await store.putSetting(BULLETIN_SETTING, bulletin());
  await seconds(1);
  t.same(watch.notReady(), []);
  await store.putSetting(BULLETIN_SETTING, bulletin({ trouble: ['executor mesos is away'] }));
  await seconds(1);
  t.same(watch.notReady(), ['executor mesos is away']);
  t.same(watch.warnings(), [], 'as from a version that knew none');
  await store.putSetting(BULLETIN_SETTING, bulletin({ warnings: ['1 node is drained: node1'] }));
  await seconds(1);
  t.same(watch.notReady(), [], 'a warning is no reason not to be ready');
  t.same(watch.warnings(), ['1 node is drained: node1']);
  await seconds(5, false);
  t.match(watch.notReady(), [/no scheduler leads/], 'it fell silent');
  watch.stop();
});

t.test('told that there is something new it looks at once, also while it looks', async (t) => {
  const { store, watch, seconds, time } = await stage();
  watch.start();
  await seconds(2);
  t.same(watch.notReady(), ['the scheduler is starting']);
  await store.putSetting(BULLETIN_SETTING, bulletin());
  watch.lookNow();
  await time.pass(0);
  t.same(watch.notReady(), []);
  await store.putSetting(BULLETIN_SETTING, bulletin({ trouble: ['one'] }));
  watch.lookNow();
  await store.putSetting(BULLETIN_SETTING, bulletin({ trouble: ['two'] }));
  watch.lookNow();
  await time.pass(0);
  t.same(watch.notReady(), ['two']);
  watch.stop();
  await store.putSetting(BULLETIN_SETTING, bulletin());
  watch.lookNow();
  await time.pass(0);
  t.same(watch.notReady(), ['two'], 'not after its end');
});

t.test('the bulletin is told of once it is stored, and only if it is another', async (t) => {
  const { store, time } = await stage();
  const told: (string | undefined)[] = [];
  let trouble = ['one'];
  const tell = async () => told.push(await store.setting(BULLETIN_SETTING));
  const ports = { store, timers: time, log: SILENT, told: () => void tell() };
  const bulletins = new Bulletins(ports, () => ({ trouble }));
  bulletins.start();
  await time.pass(5_000);
  trouble = ['two'];
  await time.pass(5_000);
  bulletins.close();
  t.same(told, ['{"trouble":["one"]}', '{"trouble":["two"]}']);
});

t.test('what a former leader said is not taken for the present one', async (t) => {
  const { store, watch, seconds } = await stage();
  await store.putSetting(BULLETIN_SETTING, bulletin({ epoch: 0 }));
  watch.start();
  await seconds(3);
  t.same(watch.notReady(), ['the scheduler is starting']);
  t.equal(watch.obstacles({ needs: NEEDS, constraints: [], executor: null }), undefined);
  watch.stop();
});

t.test('a leader that stopped cleanly leads no more at once', async (t) => {
  const { store, watch, seconds, time, free } = await stage();
  await store.putSetting(BULLETIN_SETTING, bulletin());
  watch.start();
  await seconds(2);
  t.same(watch.notReady(), []);
  await free();
  await time.pass(600);
  t.match(watch.notReady(), [/no scheduler leads/]);
  watch.stop();
});

t.test('why a job waits, by its shape', async (t) => {
  const { store, watch, seconds } = await stage();
  await store.putSetting(BULLETIN_SETTING, bulletin());
  watch.start();
  await seconds(2);
  t.same(watch.obstacles({ needs: NEEDS, constraints: [], executor: null }), WAITS);
  const other = { ...NEEDS, memMb: 101 };
  t.equal(watch.obstacles({ needs: other, constraints: [], executor: null }), undefined);
  watch.stop();
});

t.test('why jobs of an account wait, whatever is free', async (t) => {
  const { store, watch, seconds } = await stage();
  const limit = { code: 'limit-reached', scope: 'user', name: 'bob', limit: 1, running: 1 };
  const full = { ...limit, scope: 'executor', name: 'mesos' };
  const note = { user: 'bob', project: 'default', queue: null };
  const demand = { needs: NEEDS, constraints: [], executor: null };
  const told = {
    ...JSON.parse(bulletin()),
    holds: [
      { ...note, shapeKey: null, obstacle: limit },
      { ...note, user: 'eve', shapeKey: shapeKey(demand), obstacle: full },
    ],
  };
  await store.putSetting(BULLETIN_SETTING, JSON.stringify(told));
  watch.start();
  await seconds(2);
  const of = (user: string, queue: string | null = null) =>
    watch.obstacles(demand, { user: userId(user), project: projectId('default'), queue });
  t.same(of('bob'), [limit]);
  t.same(of('bob', 'short'), WAITS, 'another queue is another account');
  t.same(of('eve'), [full]);
  t.same(of('anna'), WAITS);
  const other = { ...demand, needs: { ...NEEDS, memMb: 101 } };
  const eve = { user: userId('eve'), project: projectId('default'), queue: null };
  t.equal(watch.obstacles(other, eve), undefined, 'another shape');
  watch.stop();
});

t.test('a store that is away is no readiness, and heals', async (t) => {
  const time = new FakeTime();
  const trouble: { before?: () => void } = {};
  const store = new MemoryStore(undefined, trouble);
  const watch = new LeaderWatch({ store, clock: time, timers: time, log: SILENT });
  trouble.before = () => {
    throw new Error('away');
  };
  watch.start();
  await time.pass(1_000);
  t.same(watch.notReady(), ['the store cannot be read']);
  trouble.before = () => {};
  await time.pass(1_000);
  t.match(watch.notReady(), [/no scheduler leads/]);
  watch.stop();
});

t.test('a bulletin that is none tells nothing', async (t) => {
  for (const text of ['', 'null', '7', '{}', '{"epoch":1}', bulletin().slice(0, -1)])
    t.equal(readBulletin(text), undefined, text);
  t.match(readBulletin(bulletin()), { epoch: 1, isReady: true });
});

t.test(
  'a bulletin is stored at once, then only when it has changed, and never after its end',
  async (t) => {
    const time = new FakeTime();
    const written: string[] = [];
    let isAway = false;
    const putSetting = async (_: string, text: string): Promise<void> => {
      if (isAway) throw new Error('away');
      written.push(text);
    };
    let says: Bulletin | undefined = readBulletin(bulletin());
    const bulletins = new Bulletins(
      { store: { putSetting }, timers: time, log: SILENT },
      () => says,
    );
    bulletins.start();
    await time.pass(5_000);
    t.equal(written.length, 1);
    says = readBulletin(bulletin({ isReady: false }));
    isAway = true;
    await time.pass(3_000);
    isAway = false;
    await time.pass(1_000);
    t.equal(written.length, 2, 'what could not be stored is tried again');
    says = undefined;
    await time.pass(3_000);
    t.equal(written.length, 2, 'nothing to say');
    bulletins.close();
    says = readBulletin(bulletin());
    await time.pass(3_000);
    t.equal(written.length, 2);
  },
);
