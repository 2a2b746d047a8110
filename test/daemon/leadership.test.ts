import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import type { Lease } from '../../src/contracts/store.js';
import { Leadership } from '../../src/daemon/leadership.js';
import { FakeTime } from '../support/fake-time.js';

/** The one lease record, as any store keeps it. */
class LeaseRecord {
  record: Lease | undefined;
  isAway = false;

  #reach(): void {
    if (this.isAway) throw new Error('away');
  }

  async lease(): Promise<Lease | undefined> {
    this.#reach();
    return this.record;
  }

  async takeLease(holder: string, seen: Lease | undefined): Promise<Lease | undefined> {
    this.#reach();
    if (this.record?.epoch !== seen?.epoch || this.record?.beat !== seen?.beat) return undefined;
    this.record = { epoch: (seen?.epoch ?? 0) + 1, holder, beat: 0 };
    return this.record;
  }

  async beatLease(lease: Lease): Promise<Lease | undefined> {
    this.#reach();
    if (this.record?.epoch !== lease.epoch || this.record.holder !== lease.holder) return undefined;
    this.record = { ...lease, beat: lease.beat + 1 };
    return this.record;
  }

  async freeLease(lease: Lease): Promise<void> {
    this.#reach();
    if (this.record?.epoch === lease.epoch) this.record = { ...this.record, holder: '' };
  }
}

function daemon(store: LeaseRecord, time: FakeTime, holder: string, isAlone = false) {
  const terms: string[] = [];
  const leadership = new Leadership(
    { store, clock: time, timers: time, log: SILENT },
    { holder, isAlone },
    {
      taken: (lease) => terms.push(`epoch ${lease.epoch}`),
      lost: (because) => terms.push(`lost: ${because}`),
    },
  );
  return { leadership, terms };
}

t.test('the first daemon leads at once', async (t) => {
  const time = new FakeTime();
  const one = daemon(new LeaseRecord(), time, 'one');
  one.leadership.start();
  await time.pass(10);
  t.same(one.terms, ['epoch 1']);
});

t.test('a standby waits while the leader beats, and takes over when it falls silent', async (t) => {
  const time = new FakeTime();
  const store = new LeaseRecord();
  const one = daemon(store, time, 'one');
  const two = daemon(store, time, 'two');
  one.leadership.start();
  await time.pass(10);
  two.leadership.start();
  await time.pass(30_000);
  t.same(two.terms, [], 'the leader beats');

  // As a process that was stopped: it neither beats nor frees the lease.
  store.beatLease = () => new Promise(() => {});
  await time.pass(3_500);
  t.same(one.terms, ['epoch 1', 'lost: the lease could not be renewed in time']);
  t.same(two.terms, [], 'not before the lease is stale');
  await time.pass(3_000);
  t.same(two.terms, ['epoch 2']);
});

t.test('a clean stop hands over without waiting for the lease to go stale', async (t) => {
  const time = new FakeTime();
  const store = new LeaseRecord();
  const one = daemon(store, time, 'one');
  const two = daemon(store, time, 'two');
  one.leadership.start();
  await time.pass(10);
  two.leadership.start();
  await time.pass(2_000);
  await one.leadership.stop();
  await time.pass(600);
  t.same(two.terms, ['epoch 2']);
});

t.test('a daemon that is alone takes the lease of its killed self at once', async (t) => {
  const time = new FakeTime();
  const store = new LeaseRecord();
  store.record = { epoch: 7, holder: 'dead', beat: 99 };
  const one = daemon(store, time, 'one', true);
  one.leadership.start();
  await time.pass(10);
  t.same(one.terms, ['epoch 8']);
});

t.test('a leader whose lease is taken learns it from its next beat', async (t) => {
  const time = new FakeTime();
  const store = new LeaseRecord();
  const one = daemon(store, time, 'one');
  one.leadership.start();
  await time.pass(10);
  store.record = { epoch: 2, holder: 'two', beat: 0 };
  await time.pass(1_000);
  t.same(one.terms.slice(0, 2), ['epoch 1', 'lost: the lease is another’s']);
});

t.test(
  'a store that is away for longer than the lease ends the term; it heals by itself',
  async (t) => {
    const time = new FakeTime();
    const store = new LeaseRecord();
    const one = daemon(store, time, 'one');
    one.leadership.start();
    await time.pass(10);
    store.isAway = true;
    await time.pass(10_000);
    t.same(one.terms, ['epoch 1', 'lost: the lease could not be renewed in time']);
    store.isAway = false;
    await time.pass(6_000);
    t.same(one.terms.at(-1), 'epoch 2');
  },
);

t.test('a process that wakes up after its lease knows it before any timer ran', async (t) => {
  const time = new FakeTime();
  const one = daemon(new LeaseRecord(), time, 'one');
  t.notOk(one.leadership.isCurrent(), 'not before it was taken');
  one.leadership.start();
  await time.pass(2_000);
  t.ok(one.leadership.isCurrent());
  time.sleep(2_900);
  t.ok(one.leadership.isCurrent(), 'a short sleep changes nothing');
  time.sleep(200);
  t.notOk(one.leadership.isCurrent());
  t.same(one.terms, ['epoch 1', 'lost: the lease could not be renewed in time'], 'told at once');
});

t.test('a lease that is being taken when the daemon stops is freed all the same', async (t) => {
  const time = new FakeTime();
  const store = new LeaseRecord();
  const take = store.takeLease.bind(store);
  let answer: () => void = () => {};
  store.takeLease = async (holder, seen) => {
    const taken = await take(holder, seen);
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    return taken;
  };
  const one = daemon(store, time, 'one');
  one.leadership.start();
  await time.pass(10);
  t.match(store.record, { holder: 'one' }, 'the store has written, the answer is on its way');
  const stopped = one.leadership.stop();
  answer();
  await stopped;
  t.match(store.record, { epoch: 1, holder: '' });
  t.same(one.terms, [], 'no term begins');
});
