// What jobs wait for besides resources: kept with the job, held against intents, and told in few words.
import type { Test } from 'tap';
import type { Store } from '../../src/contracts/store.js';
import type { Dependencies, HeldBack } from '../../src/core/dependency.js';
import type { Job, OpenJob } from '../../src/core/job.js';
import { instant, jobId, userId } from '../../src/core/units.js';
import {
  ALICE,
  AT,
  aNewJob,
  aSpec,
  BOB,
  ended,
  givenUp,
  launched,
  leader,
  pendingJob,
  started,
  stepTo,
  submitted,
} from '../store/a-job.js';
import type { MakeStore } from './store.js';
import { arrayOf } from './store-arrays.js';

const HELD: HeldBack = { by: ALICE, isAdmin: false, at: AT };
const BY_ADMIN: HeldBack = { by: userId('root'), isAdmin: true, at: instant(AT + 5) };
const ON_7: Dependencies = {
  on: [{ type: 'afterok', job: jobId(7) }],
  isAnyEnough: false,
  isSingleton: false,
};

async function anArray(store: Store, values: string): Promise<OpenJob> {
  const array = arrayOf(values);
  const [answer] = await store.submit([
    aNewJob({ spec: aSpec({ ...(array && { array }), name: 'many' }) }),
  ]);
  const job = answer === undefined ? undefined : await store.job(answer.id);
  if (job?.state !== 'open') throw new Error(`the array is ${job?.state}`);
  return job;
}

const rows = (store: Store) => store.pending({ after: null, limit: 99 });

export async function waitContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('dependencies and dates stand with the job and in its row', async (t) => {
    const { store } = await make(t);
    const beginAt = instant(AT + 60_000);
    const plain = await submitted(store);
    const waiting = await submitted(store, {
      spec: aSpec({ name: 'turn', dependencies: { ...ON_7, isSingleton: true }, beginAt }),
    });
    t.strictSame(waiting.spec.dependencies, { ...ON_7, isSingleton: true });
    t.equal(waiting.spec.beginAt, beginAt);
    const [first, second] = await rows(store);
    t.notOk(first !== undefined && 'waits' in first, 'nothing where there is nothing');
    const waits = { dependencies: { ...ON_7, isSingleton: true }, name: 'turn', beginAt };
    t.strictSame(second?.waits, waits);
    const among = await store.pending({
      after: null,
      limit: 9,
      among: [waiting.id, plain.id, jobId(99)],
    });
    t.strictSame(
      among.map(({ id }) => id),
      [plain.id, waiting.id],
    );
    t.strictSame(await store.pending({ after: null, limit: 9, among: [] }), []);
    const swept = await store.pending({ after: plain.id, limit: 9, submittedSince: AT });
    t.strictSame(swept[0]?.waits, waits, 'the sweep tells them, too');
  });

  await t.test('a job that was launched once waits for no other job', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const job = await submitted(store, { spec: aSpec({ dependencies: ON_7 }) });
    const gone = launched(job);
    const again = { ...job, launches: 1, directory: gone.directory };
    await store.advance(epoch, [stepTo(job, gone), stepTo(gone, again)]);
    const [row] = await rows(store);
    t.equal(row?.id, job.id);
    t.notOk(row !== undefined && 'waits' in row);
  });

  await t.test('how jobs stand', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const waits = await submitted(store);
    const [runs, good, bad, killed] = [
      await submitted(store),
      await submitted(store),
      await submitted(store),
      await submitted(store),
    ];
    for (const job of [runs, good, bad])
      await store.advance(epoch, [
        stepTo(job, launched(job)),
        stepTo(launched(job), started(launched(job))),
      ]);
    await store.advance(epoch, [
      stepTo(started(launched(good)), ended(started(launched(good)))),
      stepTo(started(launched(bad)), ended(started(launched(bad)), 3)),
      stepTo(killed, givenUp(killed)),
    ]);
    const ids = [waits, runs, good, bad, killed].map(({ id }) => id);
    const found = await store.standings([...ids, jobId(99)]);
    t.strictSame(
      ids.map((id) => found.get(id)),
      [
        { state: 'pending', exitCode: null, hasStarted: false, owner: ALICE },
        { state: 'running', exitCode: null, hasStarted: true, owner: ALICE },
        { state: 'over', exitCode: 0, hasStarted: true, owner: ALICE },
        { state: 'over', exitCode: 3, hasStarted: true, owner: ALICE },
        { state: 'over', exitCode: 137, hasStarted: false, owner: ALICE },
      ],
    );
    t.equal(found.size, 5, 'who is not on record is left out');
  });

  await t.test('how members of arrays stand, with and without records', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const array = await anArray(store, '3');
    const member = await pendingJob(store, jobId(array.id + 2));
    const running = started(launched(member));
    await store.advance(epoch, [
      stepTo(member, launched(member)),
      stepTo(launched(member), running),
      stepTo(running, ended(running, 2)),
    ]);
    const ids = [array.id, jobId(array.id + 1), member.id, jobId(array.id + 4)];
    const before = await store.standings(ids);
    t.match(before.get(array.id), { state: 'open', hasStarted: false });
    t.match(before.get(jobId(array.id + 1)), { state: 'pending', exitCode: null });
    t.match(before.get(member.id), { state: 'over', exitCode: 2, hasStarted: true });
    t.equal(before.get(jobId(array.id + 4)), undefined, 'one too many');
    const over: Job = {
      ...array,
      state: 'over',
      outcome: { kind: 'killed', by: BOB },
      endedAt: AT,
      placement: null,
      container: { containerId: null, ipAddress: null },
    };
    await store.advance(epoch, [stepTo(array, over)]);
    const after = await store.standings(ids);
    t.match(after.get(jobId(array.id + 1)), { state: 'over', exitCode: 137, hasStarted: false });
    t.match(after.get(member.id), { state: 'over', exitCode: 2 }, 'its own end');
  });

  await t.test('namesakes are those of the same user that are not over', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const named = (name: string, owner = ALICE) =>
      submitted(store, { owner, spec: aSpec({ name }) });
    const first = await named('turn');
    await named('other');
    await named('turn', BOB);
    const over = await named('turn');
    const live = await named('turn');
    await store.advance(epoch, [stepTo(over, givenUp(over)), stepTo(live, launched(live))]);
    t.strictSame(await store.namesakes({ owner: ALICE, name: 'turn' }, null), [
      { id: first.id, hasBegun: false },
      { id: live.id, hasBegun: true },
    ]);
    t.strictSame(await store.namesakes({ owner: ALICE, name: 'turn' }, first.id), [
      { id: live.id, hasBegun: true },
    ]);
    const array = await anArray(store, '3');
    await store.wantKill(jobId(array.id + 1), BOB, AT);
    t.strictSame(
      await store.namesakes({ owner: ALICE, name: 'many' }, null),
      [{ id: array.id, hasBegun: false }],
      'the parent stands for its members',
    );
    t.strictSame(await store.namesakes({ owner: ALICE, name: "many' OR 1=1 --" }, null), []);
  });

  await t.test('a job that is held back gets no intent until it is released', async (t) => {
    const { store, another } = await make(t);
    const web = await another();
    const epoch = await leader(store);
    const job = await submitted(store);
    t.equal(await web.holdBack(job.id, HELD), 'held');
    t.equal(await web.holdBack(job.id, { ...HELD, by: BOB }), 'already');
    const held = { ...job, heldBack: HELD, version: 2 };
    t.strictSame(await store.job(job.id), held);
    t.strictSame(await store.heldBack(), [job.id]);
    t.strictSame((await rows(store))[0]?.waits, { heldBack: HELD });
    t.strictSame(await store.advance(epoch, [stepTo(job, launched(job))]), [
      { kind: 'refused', job: held },
    ]);
    t.equal(await web.release(job.id, { isAdmin: false }), 'released');
    t.equal(await web.release(job.id, { isAdmin: false }), 'not-held');
    t.strictSame(await store.job(job.id), { ...job, version: 3 });
    t.strictSame(await store.heldBack(), []);
    t.match(await store.advance(epoch, [stepTo(job, launched(job))]), [{ kind: 'stored' }]);
    t.equal(await web.holdBack(job.id, HELD), 'too-late', 'it holds a task');
    t.equal(await web.release(job.id, { isAdmin: true }), 'not-held');
    t.equal(await web.holdBack(jobId(99), HELD), 'unknown');
    t.equal(await web.release(jobId(99), { isAdmin: true }), 'unknown');
  });

  await t.test('jobs and arrays may be held from the start', async (t) => {
    const { store } = await make(t);
    const job = await submitted(store, { heldBack: HELD });
    t.strictSame(job.heldBack, HELD);
    const array = arrayOf('2');
    const spec = aSpec(array === undefined ? {} : { array });
    const [answer] = await store.submit([aNewJob({ spec, heldBack: HELD })]);
    t.strictSame(await store.heldBack(), [job.id, answer?.id]);
    t.match(await rows(store), [{ waits: { heldBack: HELD } }, { waits: { heldBack: HELD } }]);
  });

  await t.test("an administrator's hold is not its user's to release", async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const job = await submitted(store);
    await store.holdBack(job.id, HELD);
    t.equal(await store.holdBack(job.id, BY_ADMIN), 'held', "it takes the place of the user's");
    t.equal(await store.holdBack(job.id, HELD), 'already');
    t.equal(await store.release(job.id, { isAdmin: false }), 'forbidden');
    t.match(await store.job(job.id), { heldBack: BY_ADMIN });
    t.equal(await store.wantKill(job.id, ALICE, AT), 'wanted', 'it may be killed all the same');
    const wanted = await pendingJob(store, job.id);
    const [end] = await store.advance(epoch, [stepTo(wanted, givenUp(wanted))]);
    t.equal(end?.kind, 'stored', 'and ends');
    t.strictSame(await store.heldBack(), []);
    t.equal(await store.release(job.id, { isAdmin: true }), 'not-held');
    t.equal(await store.holdBack(job.id, BY_ADMIN), 'too-late');
    const last = await store.job(job.id);
    t.notOk(last !== undefined && 'heldBack' in last, 'what is over is held by nobody');
  });

  await t.test('steps of the leader leave a hold as it is', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const array = await anArray(store, '2');
    const member = await pendingJob(store, jobId(array.id + 1));
    await store.advance(epoch, [stepTo(member, launched(member))]);
    await store.holdBack(array.id, HELD);
    const begun: OpenJob = { ...array, startedAt: AT, directory: '/shared/arrays' };
    t.match(await store.advance(epoch, [stepTo(array, begun)]), [{ kind: 'stored' }]);
    t.match(await store.job(array.id), { heldBack: HELD, startedAt: AT });
  });

  await t.test('members of an array that is held back, and one of them alone', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const array = await anArray(store, '3');
    const [first, second] = [
      await pendingJob(store, jobId(array.id + 1)),
      await pendingJob(store, jobId(array.id + 2)),
    ];
    t.equal(await store.holdBack(second.id, HELD), 'held', 'it gets a record by that');
    t.match(await store.job(second.id), { heldBack: HELD, state: 'pending' });
    t.match(await store.advance(epoch, [stepTo(second, launched(second))]), [{ kind: 'refused' }]);
    t.equal(await store.holdBack(array.id, BY_ADMIN), 'held');
    t.match(await store.job(first.id), { version: 0, heldBack: BY_ADMIN }, 'it says so as well');
    t.match(await store.advance(epoch, [stepTo(first, launched(first))]), [{ kind: 'refused' }]);
    t.strictSame(await store.heldBack(), [array.id, second.id]);
    t.equal(await store.release(first.id, { isAdmin: true }), 'not-held', 'its array is');
    t.equal(await store.release(second.id, { isAdmin: false }), 'released');
    t.match(
      await store.advance(epoch, [stepTo(second, launched(second))]),
      [{ kind: 'refused' }],
      'its array is held still',
    );
    t.equal(await store.release(array.id, { isAdmin: true }), 'released');
    t.match(
      await store.advance(epoch, [
        stepTo(first, launched(first)),
        stepTo(second, launched(second)),
      ]),
      [{ kind: 'stored' }, { kind: 'stored' }],
    );
  });

  await t.test('a hold races an intent: one of both, never both', async (t) => {
    const { store, another } = await make(t);
    const web = await another();
    const epoch = await leader(store);
    for (let n = 0; n < 20; n++) {
      const job = await submitted(store);
      const [[intent], hold] = await Promise.all([
        store.advance(epoch, [stepTo(job, launched(job))]),
        web.holdBack(job.id, HELD),
      ]);
      t.equal(intent?.kind === 'stored', hold === 'too-late');
    }
  });
}
