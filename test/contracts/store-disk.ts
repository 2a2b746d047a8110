// What job directories take: due at the end of each job, sums that follow every measurement, gone with the archive.
import type { Test } from 'tap';
import type { Store } from '../../src/contracts/store.js';
import {
  instant,
  type JobId,
  jobId,
  type ProjectId,
  projectId,
  type UserId,
} from '../../src/core/units.js';
import {
  ALICE,
  AT,
  BOB,
  DNA,
  ended,
  givenUp,
  launched,
  leader,
  started,
  stepTo,
  submitted,
} from '../store/a-job.js';
import type { MakeStore } from './store.js';

const DEFAULT = projectId('default');

async function jobOf(
  store: Store,
  to: 'running' | 'over',
  owner: UserId = ALICE,
  project: ProjectId = DEFAULT,
): Promise<JobId> {
  const epoch = (await store.lease())?.epoch ?? (await leader(store));
  const pending = await submitted(store, { owner, project });
  const launching = launched(pending);
  const running = started(launching);
  const steps = [stepTo(pending, launching), stepTo(launching, running)];
  if (to === 'over') steps.push(stepTo(running, ended(running)));
  for (const step of steps) await store.advance(epoch, [step]);
  return pending.id;
}
const size = (id: JobId, bytes: number, isOver: boolean, at = 0) => ({
  id,
  bytes,
  isOver,
  measuredAt: instant(AT + at),
});
const dueAfter = async (store: Store, after: JobId | null, limit = 10) =>
  (await store.diskDue({ after, limit })).map(({ id }) => id);
const due = (store: Store) => dueAfter(store, null);

export async function diskContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('a job is due when it ends with a directory, until it is measured', async (t) => {
    const { store, another } = await make(t);
    const first = await jobOf(store, 'over');
    const running = await jobOf(store, 'running');
    const second = await jobOf(store, 'over');
    const waiting = await submitted(store);
    await store.advance((await store.lease())?.epoch ?? 0, [stepTo(waiting, givenUp(waiting))]);
    t.strictSame(await due(store), [first, second], 'not what runs, nor what never had one');
    t.strictSame(await dueAfter(store, first), [second]);
    t.strictSame(await dueAfter(store, null, 1), [first]);
    const { directory = null } = (await store.job(first)) ?? {};
    t.type(directory, 'string');
    t.strictSame(await store.diskDue({ after: null, limit: 1 }), [{ id: first, directory }]);
    await store.putDisk([size(first, 0, true), size(running, 5, false)]);
    t.strictSame(await due(await another()), [second]);
    t.equal(await store.diskOf(first), 0);
    t.equal(await store.diskOf(second), undefined);
  });

  await t.test('sums follow each measurement, by account', async (t) => {
    const { store } = await make(t);
    const mine = await jobOf(store, 'over');
    const dna = await jobOf(store, 'over', ALICE, DNA);
    const his = await jobOf(store, 'over', BOB, DNA);
    const running = await jobOf(store, 'running');
    t.strictSame(await store.diskUse(), []);
    await store.putDisk([size(mine, 10, true), size(dna, 20, true), size(his, 40, true)]);
    await store.putDisk([size(running, 3, false), size(jobId(999), 7, true)]);
    const rows = [
      { owner: ALICE, project: DEFAULT, endedBytes: 10, heldBytes: 3, jobs: 2 },
      { owner: ALICE, project: DNA, endedBytes: 20, heldBytes: 0, jobs: 1 },
      { owner: BOB, project: DNA, endedBytes: 40, heldBytes: 0, jobs: 1 },
    ];
    t.strictSame(await store.diskUse(), rows);
    await store.putDisk([size(mine, 10, true)]);
    t.strictSame(await store.diskUse(), rows, 'the same again changes nothing');
    await store.putDisk([size(mine, 4, true, 1), size(running, 9, false, 1)]);
    t.match((await store.diskUse())[0], { endedBytes: 4, heldBytes: 9, jobs: 2 });
    await store.putDisk([size(mine, 99, true), size(running, 99, false)]);
    t.match((await store.diskUse())[0], { endedBytes: 4, heldBytes: 9 }, 'older ones say nothing');
    const again = await jobOf(store, 'over');
    await store.putDisk([size(again, 7, true, 2), size(mine, 5, true, 2), size(again, 6, true, 3)]);
    const together = { endedBytes: 11, heldBytes: 9, jobs: 3 };
    t.match((await store.diskUse())[0], together, 'several of one account, one of them twice');
  });

  await t.test('what was measured while a job ran says nothing of its end', async (t) => {
    const { store } = await make(t);
    const id = await jobOf(store, 'running');
    await store.putDisk([size(id, 5, true)]);
    t.strictSame(await store.diskUse(), [], 'it is not over');
    await store.putDisk([size(id, 5, false)]);
    const job = await store.job(id);
    if (job?.state !== 'running') throw new Error('it should run');
    await store.advance((await store.lease())?.epoch ?? 0, [stepTo(job, ended(job))]);
    t.match(await store.diskUse(), [{ endedBytes: 0, heldBytes: 5 }], 'until it is measured again');
    t.strictSame(await due(store), [id]);
    await store.putDisk([size(id, 6, false, 1)]);
    t.strictSame(await due(store), [id]);
    await store.putDisk([size(id, 8, true, 2)]);
    t.match(await store.diskUse(), [{ endedBytes: 8, heldBytes: 0 }]);
    await store.putDisk([size(id, 1, false, 3)]);
    t.match(await store.diskUse(), [{ endedBytes: 8, heldBytes: 0 }]);
  });

  await t.test('an archived job takes nothing, and is never due again', async (t) => {
    const { store, another } = await make(t);
    const [id, other] = [await jobOf(store, 'over'), await jobOf(store, 'over')];
    const running = await jobOf(store, 'running');
    await store.putDisk([size(id, 10, true), size(other, 1, true)]);
    t.equal(await store.archive(jobId(999), AT), 'unknown');
    t.equal(await store.archive(running, AT), 'not-over');
    t.equal(await store.archive(id, AT), 'archived');
    t.equal(await (await another()).archive(id, instant(AT + 5)), 'already');
    const job = await store.job(id);
    t.match(job, { state: 'over', archivedAt: AT, outcome: { kind: 'exited' } });
    t.equal(Object.hasOwn((await store.job(other)) ?? {}, 'archivedAt'), false);
    t.match(await store.diskUse(), [{ endedBytes: 1, jobs: 1 }]);
    await store.putDisk([size(id, 10, true, 9)]);
    t.match(await store.diskUse(), [{ endedBytes: 1, jobs: 1 }], 'a late measurement');
    t.equal(await store.recountDisk(), 1);
    t.strictSame(await due(store), [other]);
    t.match(await store.diskUse(), [{ endedBytes: 1, jobs: 1 }], 'known until it is counted anew');
  });
}
