// What watchers share, do and leave: leases, kills of single launches, work after the end, accounting.
import type { Test } from 'tap';
import type { AccountingRecord } from '../../src/contracts/accounting.js';
import type { Store } from '../../src/contracts/store.js';
import { accountingRecord } from '../../src/core/accounting.js';
import { aftermathOf } from '../../src/core/aftermath.js';
import type { Job, KillWanted, RunningJob } from '../../src/core/job.js';
import { SLOTS, slotOf } from '../../src/core/slots.js';
import { instant, type JobId, jobId, userId } from '../../src/core/units.js';
import { DAY_MS, dayOf } from '../../src/core/usage.js';
import {
  ALICE,
  AT,
  aSpec,
  BOB,
  DNA,
  ended,
  launched,
  leader,
  started,
  stepTo,
  submitted,
} from '../store/a-job.js';
import type { MakeStore } from './store.js';

const ALL = Array.from({ length: SLOTS }, (_, slot) => slot);
const EVERYTHING = { slots: ALL, after: null, limit: 100 };
const LATER = instant(AT + 5_000);
const WISH: KillWanted = {
  by: userId('watcher'),
  at: AT,
  because: { code: 'watcher', facts: { watcher: 'idle', because: 'it does nothing' } },
};

const step = (from: Job, to: Job) => {
  const aftermath = aftermathOf(from, to, LATER);
  return { ...stepTo(from, to), ...(aftermath.length === 0 ? {} : { aftermath }) };
};

async function take(store: Store, from: Job, to: Job): Promise<void> {
  const epoch = (await store.lease())?.epoch ?? (await leader(store));
  const [answer] = await store.advance(epoch, [step(from, to)]);
  if (answer?.kind !== 'stored') throw new Error('the step was refused');
}

async function runningJob(store: Store, over: object = {}): Promise<RunningJob> {
  const pending = await submitted(store, over);
  const launching = launched(pending);
  const running = started(launching);
  await take(store, pending, launching);
  await take(store, launching, running);
  return running;
}

/** Its end, five seconds after its start. */
const over = (job: RunningJob): Job => ({ ...ended(job), endedAt: LATER });
/** The same launch, taken back by the system. */
const again = (job: RunningJob): Job => {
  const { placement, startedAt: _s, container: _c, ...asked } = job;
  const { taskId, host } = placement;
  const because = { code: 'agent-lost', facts: {} } as const;
  const faults = [{ taskId, host, because, at: LATER }];
  return { ...asked, state: 'pending', faults, notBefore: null, pauseMs: 0 };
};

const due = (store: Store, query: object = {}) => store.aftermathDue({ ...EVERYTHING, ...query });

export async function watchingContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('leases', (t) => leaseContract(t, make));
  await t.test('kills of one launch', (t) => killContract(t, make));
  await t.test('work after the end', (t) => aftermathContract(t, make));
  await t.test('accounting', (t) => accountingContract(t, make));
}

async function leaseContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('each is taken by one, and only as it was seen', async (t) => {
    const { store, another } = await make(t);
    const other = await another();
    const both = ['slot-01', 'slot-00'].map((name) => ({ name, seen: undefined }));
    t.strictSame(await store.takeLeases('w1', both), [
      { name: 'slot-01', epoch: 1, holder: 'w1', beat: 0 },
      { name: 'slot-00', epoch: 1, holder: 'w1', beat: 0 },
    ]);
    t.strictSame(await other.takeLeases('w2', both), [], 'they are there already');
    const seen = await other.leases();
    t.strictSame(
      seen.map(({ name }) => name),
      ['slot-00', 'slot-01'],
    );
    t.match(await store.beatLeases('w1'), [
      { name: 'slot-00', beat: 1, holder: 'w1' },
      { name: 'slot-01', beat: 1 },
    ]);
    const stale = seen.map((lease) => ({ name: lease.name, seen: lease }));
    t.strictSame(await other.takeLeases('w2', stale), [], 'it has beaten since');
    const now = (await other.leases()).map((lease) => ({ name: lease.name, seen: lease }));
    t.match(await other.takeLeases('w2', now.slice(0, 1)), [{ name: 'slot-00', epoch: 2 }]);
    t.match(await store.beatLeases('w1'), [{ name: 'slot-01', beat: 2 }], 'what is left');
    t.strictSame(await store.beatLeases('nobody'), []);
  });

  await t.test('freed by its holder alone, and forgotten only as it was seen', async (t) => {
    const { store } = await make(t);
    await store.takeLeases('w1', [{ name: 'a', seen: undefined }]);
    const [before] = await store.leases();
    await store.freeLeases('w2', ['a']);
    t.match(await store.leases(), [{ holder: 'w1' }]);
    await store.freeLeases('w1', ['a', 'unknown']);
    t.match(await store.leases(), [{ holder: '', epoch: 1 }]);
    await store.dropLeases(before === undefined ? [] : [before]);
    t.match(await store.leases(), [{ name: 'a' }], 'it has changed since');
    await store.dropLeases(await store.leases());
    t.strictSame(await store.leases(), []);
  });
}

async function killContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('jobs that run are told by slot, with their versions', async (t) => {
    const { store } = await make(t);
    const [first, second] = [await runningJob(store), await runningJob(store)];
    await submitted(store);
    const told = await store.running(EVERYTHING);
    t.strictSame(
      told.map(({ id }) => id),
      [first.id, second.id],
    );
    const slots = [slotOf(second.id)];
    t.match(await store.running({ ...EVERYTHING, slots }), [{ id: second.id }]);
    t.match(await store.running({ ...EVERYTHING, after: first.id }), [{ id: second.id }]);
    t.match(await store.running({ ...EVERYTHING, limit: 1 }), [{ id: first.id }]);
    t.strictSame(await store.running({ ...EVERYTHING, slots: [] }), []);
    await store.wantKill(first.id, ALICE, AT);
    const [changed] = await store.running(EVERYTHING);
    t.equal(changed?.version, Number(told[0]?.version) + 1);
  });

  await t.test('a wish with its reason, for that launch alone', async (t) => {
    const { store } = await make(t);
    const running = await runningJob(store);
    const { id } = running;
    t.equal(await store.wantKillOf({ id, launch: 2 }, WISH), 'gone', 'another launch');
    t.equal(await store.wantKillOf({ id: jobId(999), launch: 1 }, WISH), 'gone');
    t.equal(await store.wantKillOf({ id, launch: 1 }, WISH), 'wanted');
    t.equal(await store.wantKillOf({ id, launch: 1 }, { ...WISH, by: BOB }), 'already');
    t.strictSame((await store.job(id))?.killWanted, WISH);
    t.strictSame(await store.killsWanted(), [id]);
    await take(store, running, over(running));
    t.equal(await store.wantKillOf({ id, launch: 1 }, WISH), 'gone');
  });

  await t.test('a launch that has ended is gone, though its job waits again', async (t) => {
    const { store } = await make(t);
    const running = await runningJob(store);
    await take(store, running, again(running));
    t.equal(await store.wantKillOf({ id: running.id, launch: 1 }, WISH), 'gone');
    t.equal((await store.job(running.id))?.killWanted, null);
  });
}

async function aftermathContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('left by the step that ends a launch, until it is done', async (t) => {
    const { store, another } = await make(t);
    const running = await runningJob(store);
    const { id } = running;
    t.strictSame(await due(store), [], 'nothing while it runs');
    await take(store, running, over(running));
    const left = aftermathOf(running, over(running), LATER);
    t.strictSame(await due(await another()), [{ id, due: left }]);
    t.strictSame(await due(store, { slots: [slotOf(id) + 1] }), []);
    t.strictSame(await due(store, { after: id }), []);
    await store.aftermathDone([{ id, names: ['another'] }]);
    t.equal((await due(store)).length, 1);
    await store.aftermathDone([
      { id, names: ['account-1'] },
      { id: jobId(999), names: ['account-1'] },
    ]);
    t.strictSame(await due(store), []);
    await store.aftermathDone([{ id, names: ['account-1'] }]);
  });

  await t.test('a refused step leaves nothing', async (t) => {
    const { store } = await make(t);
    const running = await runningJob(store);
    await take(store, running, over(running));
    const epoch = (await store.lease())?.epoch ?? 0;
    const [answer] = await store.advance(epoch, [step(running, over(running))]);
    t.equal(answer?.kind, 'refused');
    t.equal((await due(store))[0]?.due.length, 1);
  });

  await t.test('of several launches of a job, each has its own', async (t) => {
    const { store } = await make(t);
    const running = await runningJob(store);
    const { id } = running;
    await take(store, running, again(running));
    const waiting = await store.job(id);
    if (waiting?.state !== 'pending') throw new Error('it should wait');
    t.equal((await due(store)).length, 1, 'though the job is not over');
    const next = launched(waiting);
    await take(store, waiting, next);
    await take(store, next, started(next));
    await take(store, started(next), over(started(next)));
    const names = async () => (await due(store))[0]?.due.map(({ name }) => name);
    t.strictSame(await names(), ['account-1', 'account-2']);
    await store.aftermathDone([{ id, names: ['account-1'] }]);
    t.strictSame(await names(), ['account-2']);
  });
}

async function recordOf(store: Store, over_: object = {}): Promise<AccountingRecord> {
  const running = await runningJob(store, over_);
  const [left] = aftermathOf(running, over(running), LATER);
  if (left?.kind !== 'account') throw new Error('an end leaves something');
  return accountingRecord(running, left.end);
}

async function accountingContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('a launch is kept once, as it was told first', async (t) => {
    const { store, another } = await make(t);
    const record = await recordOf(store);
    const second = { ...record, launch: 2 };
    t.strictSame(await store.account([record]), [record]);
    t.strictSame(await store.account([{ ...record, host: 'elsewhere' }, second]), [second]);
    t.strictSame(await (await another()).accountOf(record.jobId), [record, second]);
    t.strictSame(await store.accountOf(jobId(999)), []);
    t.strictSame(await store.account([]), []);
  });

  await t.test('of two that keep the same, one hears that it is new', async (t) => {
    const { store, another } = await make(t);
    const record = await recordOf(store);
    const many = Array.from({ length: 20 }, (_, at) => ({ ...record, launch: at + 1 }));
    const other = await another();
    const answers = await Promise.all([store.account(many), other.account(many)]);
    t.equal(answers.flat().length, 20);
    const [sum] = await store.accountSums({ from: 0, until: 99_999 });
    t.equal(sum?.launches, 20);
  });

  await t.test('summed by day, project, owner, queue and executor', async (t) => {
    const { store } = await make(t);
    const mine = await recordOf(store);
    const dna = await recordOf(store, { project: DNA, spec: aSpec({ queue: 'fast' }) });
    const next = instant(mine.endedAt + DAY_MS);
    const day = dayOf(mine.endedAt);
    await store.account([
      mine,
      { ...mine, launch: 2 },
      { ...mine, launch: 3, isCharged: false },
      { ...dna, endedAt: next },
    ]);
    const account = { owner: ALICE, executor: 'mesos' };
    const usual = { ...account, day, project: 'default', queue: null };
    const once = { waitedMs: 0, ranMs: 5_000, cpuMs: 5_000, gpuMs: 0, memMbSeconds: 5_000 };
    const twice = { waitedMs: 0, ranMs: 10_000, cpuMs: 10_000, gpuMs: 0, memMbSeconds: 10_000 };
    const wanted = [
      { ...usual, isCharged: true, launches: 2, ...twice },
      { ...usual, isCharged: false, launches: 1, ...once },
      {
        ...{ ...account, day: day + 1, project: 'dna', queue: 'fast' },
        ...{ isCharged: true, launches: 1, ...once },
      },
    ];
    t.strictSame(await store.accountSums({ from: day, until: day + 2 }), wanted);
    t.strictSame(await store.accountSums({ from: day, until: day + 1 }), wanted.slice(0, 2));
    t.strictSame(await store.accountSums({ from: day, until: day + 2, project: DNA }), [wanted[2]]);
  });

  await t.test('kept when the job is archived', async (t) => {
    const { store } = await make(t);
    const running = await runningJob(store);
    await take(store, running, over(running));
    const [left] = await due(store);
    const piece = left?.due[0];
    if (piece?.kind !== 'account') throw new Error('an end leaves something');
    await store.account([accountingRecord(running, piece.end)]);
    await store.archive(running.id as JobId, LATER);
    t.match(await store.accountOf(running.id), [
      {
        ...{ jobId: running.id, launch: 1, host: 'node-1', image: 'debian:12', ranMs: 5_000 },
        outcome: { kind: 'exited', exitCode: 0, because: null },
      },
    ]);
  });
}
