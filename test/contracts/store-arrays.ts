// Job arrays: one record until members start, ids that resolve all the same, and members that are made once.
import type { Test } from 'tap';
import { FencedOut, type JobStep, type Store } from '../../src/contracts/store.js';
import { parseArray } from '../../src/core/array.js';
import { unmadeMember } from '../../src/core/array-life.js';
import {
  type Job,
  type JobSpec,
  type LaunchingJob,
  NO_CONTAINER,
  type OpenJob,
  type PendingJob,
} from '../../src/core/job.js';
import { instant, type JobId, jobId } from '../../src/core/units.js';
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

export function arrayOf(values: string): JobSpec['array'] {
  const parsed = parseArray(values);
  if (parsed.kind === 'wrong') throw new Error(parsed.because);
  return parsed.spec;
}

async function anArray(store: Store, values: string, script = 'echo member'): Promise<OpenJob> {
  const array = arrayOf(values);
  const spec = aSpec(array === undefined ? {} : { array });
  const [answer] = await store.submit([aNewJob({ spec, script })]);
  const job = answer === undefined ? undefined : await store.job(answer.id);
  if (job?.state !== 'open') throw new Error(`the array is ${job?.state}`);
  return job;
}

const member = (store: Store, array: Pick<Job, 'id'>, place: number): Promise<PendingJob> =>
  pendingJob(store, jobId(array.id + 1 + place));

const over = (array: OpenJob): Job => ({
  ...array,
  state: 'over',
  outcome: { kind: 'killed', by: BOB },
  endedAt: AT,
  placement: null,
  container: NO_CONTAINER,
});

export async function arrayContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('an array is one record, and takes the ids of all its members', async (t) => {
    const { store, another } = await make(t);
    const before = await submitted(store);
    const array = await anArray(store, '3:9:3%2');
    t.equal(array.id, before.id + 1);
    t.equal(array.startedAt, null);
    const after = await submitted(store);
    t.equal(after.id, array.id + 4, 'three ids are taken');
    const web = await another();
    for (const place of [0, 1, 2]) {
      const id = jobId(array.id + 1 + place);
      t.strictSame(await web.job(id), unmadeMember(array, id), 'made up from its array');
    }
    t.strictSame(
      (await web.list({})).map(({ id }) => id),
      [after.id, array.id, before.id],
    );
    t.strictSame(await web.made(array.id, { after: null, limit: 10 }), []);
    t.strictSame(await web.madeCounts([array.id, before.id]), new Map());
    const ids = [
      before.id,
      array.id,
      jobId(array.id + 1),
      jobId(array.id + 3),
      after.id,
      jobId(99),
    ];
    const found = await web.jobs(ids);
    t.strictSame(
      [...found.keys()].sort((a, b) => a - b),
      ids.slice(0, 5),
    );
    t.strictSame(found.get(jobId(array.id + 3)), unmadeMember(array, jobId(array.id + 3)));
    const scripts = await web.scripts(ids);
    t.equal(scripts.get(jobId(array.id + 3)), 'echo member', 'the script of the array');
    t.equal(scripts.size, 5);
    t.equal((await web.counts()).open, 1);
    t.strictSame(await web.live(), []);
  });

  await t.test('the scheduler learns of an array as one row', async (t) => {
    const { store } = await make(t);
    const first = await submitted(store);
    const array = await anArray(store, '1:1000%7');
    const unlimited = await anArray(store, '2');
    const late = await submitted(store, { submittedAt: instant(AT + 5) });
    const rows = await store.pending({ after: null, limit: 10 });
    t.strictSame(
      rows.map(({ id }) => id),
      [first.id, array.id, unlimited.id, late.id],
    );
    t.strictSame(
      rows.map((row) => row.array),
      [undefined, { size: 1_000, concurrencyMax: 7 }, { size: 2, concurrencyMax: null }, undefined],
    );
    t.notOk('array' in (rows[0] ?? {}));
    const page = await store.pending({ after: first.id, limit: 2 });
    t.strictSame(
      page.map(({ id }) => id),
      [array.id, unlimited.id],
      'in order of id, page by page',
    );
    const swept = await store.pending({ after: null, limit: 10, submittedSince: AT });
    t.equal(swept.length, 4);
    const none = await store.pending({ after: null, limit: 10, submittedSince: instant(AT + 1) });
    t.strictSame(
      none.map(({ id }) => id),
      [late.id],
    );
  });

  await t.test('a member gets its record by its intent, once', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const array = await anArray(store, '1:5');
    const second = await member(store, array, 1);
    const launching = launched(second);
    const intent = stepTo(second, launching);
    t.strictSame(await store.advance(epoch, [intent, intent]), [
      { kind: 'stored', version: 1 },
      { kind: 'refused', job: { ...launching, version: 1 } },
    ]);
    t.strictSame(await store.job(second.id), { ...launching, version: 1 });
    t.strictSame(await store.live(), [{ ...launching, version: 1 }]);
    t.strictSame(
      (await store.list({})).map(({ id }) => id),
      [second.id, array.id],
    );
    const running = started(launching);
    await store.advance(epoch, [stepTo(launching, running)]);
    const end = ended(running, 3);
    await store.advance(epoch, [stepTo(running, end)]);
    t.strictSame(await store.job(second.id), { ...end, version: 3 });
    t.strictSame(await store.made(array.id, { after: null, limit: 9 }), [
      { id: second.id, state: 'over', exitCode: 3 },
    ]);
    t.equal((await store.job(jobId(second.id + 1)))?.state, 'pending', 'its sibling waits');
    const again = await store.pending({ after: null, limit: 9 });
    t.strictSame(
      again.map(({ id }) => id),
      [array.id],
      'made members that do not wait are no rows',
    );
  });

  await t.test('no record for what is no member, nor under an array that is over', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const array = await anArray(store, '3');
    const last = await member(store, array, 2);
    const beyond: LaunchingJob = { ...launched(last), id: jobId(array.id + 4) };
    t.strictSame(await store.advance(epoch, [stepTo({ ...last, id: beyond.id }, beyond)]), [
      { kind: 'refused', job: undefined },
    ]);
    const wrongLaunch = stepTo(last, launched(last));
    const notFirst = { ...wrongLaunch, from: { state: 'pending', launches: 1 } } as const;
    t.strictSame(await store.advance(epoch, [notFirst]), [{ kind: 'refused', job: last }]);
    await t.rejects(store.advance(epoch - 1, [wrongLaunch]), FencedOut);
    t.strictSame(await store.advance(epoch, [stepTo(array, over(array)), wrongLaunch]), [
      { kind: 'stored', version: 2 },
      { kind: 'refused', job: unmadeMember({ ...over(array), version: 2 }, last.id) },
    ]);
    const now = await store.job(last.id);
    t.match(now, { state: 'over', outcome: { kind: 'killed' }, endedAt: AT, version: 0 });
    t.strictSame((await store.jobs([last.id])).get(last.id), now);
    t.equal(await store.wantKill(last.id, BOB, AT), 'over');
    t.strictSame(
      (await store.list({})).map(({ id }) => id),
      [array.id],
      'still one record',
    );
  });

  await t.test('the kill of an array forbids the intents of its members', async (t) => {
    const { store, another } = await make(t);
    const epoch = await leader(store);
    const array = await anArray(store, '1:3');
    const waiting = await member(store, array, 0);
    const failed = await member(store, array, 1);
    const running = await member(store, array, 2);
    const [gone, live] = [launched(failed), launched(running)];
    const again: PendingJob = { ...failed, launches: 1, directory: gone.directory };
    await store.advance(epoch, [stepTo(failed, gone), stepTo(running, live), stepTo(gone, again)]);
    t.equal(await (await another()).wantKill(array.id, BOB, AT), 'wanted');
    t.equal(await store.wantKill(array.id, ALICE, AT), 'already');
    t.strictSame(await store.killsWanted(), [array.id]);
    const asked = await member(store, array, 0);
    t.strictSame(asked.killWanted, { by: BOB, at: AT }, 'a member without a record says so too');
    t.equal(await store.wantKill(asked.id, ALICE, AT), 'already');
    const [unmade, retried] = await store.advance(epoch, [
      stepTo(waiting, launched(waiting)),
      stepTo(again, { ...launched(again), launches: 2 }),
    ]);
    t.strictSame(unmade, { kind: 'refused', job: asked });
    t.equal(retried?.kind, 'refused', 'one that has a record and waits, too');
    const [end] = await store.advance(epoch, [stepTo(live, started(live))]);
    t.equal(end?.kind, 'stored', 'other steps go on');
  });

  await t.test('the kill of a waiting member makes its record', async (t) => {
    const { store, another } = await make(t);
    const web = await another();
    const epoch = await leader(store);
    const array = await anArray(store, '1:3');
    const middle = await member(store, array, 1);
    t.equal(await web.wantKill(middle.id, BOB, AT), 'wanted');
    t.equal(await web.wantKill(middle.id, ALICE, AT), 'already');
    const wanted = { ...middle, killWanted: { by: BOB, at: AT }, version: 1 };
    t.strictSame(await store.job(middle.id), wanted);
    t.strictSame(await store.killsWanted(), [middle.id]);
    t.strictSame(await store.advance(epoch, [stepTo(middle, launched(middle))]), [
      { kind: 'refused', job: wanted },
    ]);
    const rows = await store.pending({ after: null, limit: 9 });
    t.match(rows, [{ id: array.id }, { id: middle.id, isKillWanted: true }]);
    t.equal((await store.advance(epoch, [stepTo(wanted, givenUp(wanted))]))[0]?.kind, 'stored');
    t.equal(await web.wantKill(jobId(array.id + 4), BOB, AT), 'unknown', 'no member any more');
  });

  await t.test(
    'a kill of a member races its intent: one of both orders, never neither',
    async (t) => {
      const { store, another } = await make(t);
      const web = await another();
      const epoch = await leader(store);
      const array = await anArray(store, '20');
      for (let place = 0; place < 20; place++) {
        const pending = await member(store, array, place);
        const target = place % 2 === 0 ? pending.id : array.id;
        if (target === array.id) continue;
        const [[intent], kill] = await Promise.all([
          store.advance(epoch, [stepTo(pending, launched(pending))]),
          web.wantKill(pending.id, BOB, AT),
        ]);
        t.equal(kill, 'wanted');
        const job = await store.job(pending.id);
        t.ok(job?.killWanted, 'the kill is never lost');
        t.equal(job?.state, intent?.kind === 'stored' ? 'launching' : 'pending');
      }
    },
  );

  await t.test('members are counted by state and code', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const [a, b] = [await anArray(store, '1:6'), await anArray(store, '1:2')];
    const codes = [0, 2, 0, null];
    for (const [place, code] of codes.entries()) {
      const job = await member(store, a, place);
      const running = started(launched(job));
      const steps: JobStep[] = [stepTo(job, launched(job)), stepTo(launched(job), running)];
      if (code !== null) steps.push(stepTo(running, ended(running, code)));
      await store.advance(epoch, steps);
    }
    const killed = await member(store, b, 1);
    await store.advance(epoch, [stepTo(killed, givenUp(killed))]);
    const counts = await store.madeCounts([b.id, a.id, jobId(99)]);
    const sorted = [...(counts.get(a.id) ?? [])].sort(
      (x, y) => (x.exitCode ?? -1) - (y.exitCode ?? -1),
    );
    t.strictSame(sorted, [
      { state: 'running', exitCode: null, members: 1 },
      { state: 'over', exitCode: 0, members: 2 },
      { state: 'over', exitCode: 2, members: 1 },
    ]);
    t.strictSame(counts.get(b.id), [{ state: 'over', exitCode: 137, members: 1 }]);
    t.equal(counts.size, 2);
    const page = await store.made(a.id, { after: jobId(a.id + 1), limit: 2 });
    t.strictSame(page, [
      { id: jobId(a.id + 2), state: 'over', exitCode: 2 },
      { id: jobId(a.id + 3), state: 'over', exitCode: 0 },
    ]);
    t.strictSame(await store.made(a.id, { after: jobId(a.id + 4), limit: 2 }), []);
  });

  await t.test('the use of an array is that of its members', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const array = await anArray(store, '1:2');
    const begun: OpenJob = { ...array, startedAt: AT, directory: '/shared/arrays' };
    t.strictSame(await store.advance(epoch, [stepTo(array, begun)]), [
      { kind: 'stored', version: 2 },
    ]);
    t.strictSame(await store.job(array.id), { ...begun, version: 2 });
    const end = { ...over(begun), endedAt: instant(AT + 9_000) };
    const job = await member(store, array, 0);
    const running = started(launched(job));
    await store.advance(epoch, [
      stepTo(job, launched(job)),
      stepTo(launched(job), running),
      stepTo(running, { ...ended(running), endedAt: instant(AT + 4_000) }),
      stepTo(begun, end),
    ]);
    t.match(await store.used({ since: AT }), [{ timeMs: 4_000, cpuMilli: 1_000 }]);
    t.strictSame(await store.job(array.id), { ...end, version: 3 });
    t.strictSame(await store.pending({ after: null, limit: 9 }), []);
  });

  await t.test('rate limits count members, made or not', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const array = arrayOf('1:6');
    const sent = aNewJob({ spec: aSpec(array === undefined ? {} : { array }) });
    const limits = { user: 10, all: null };
    const [first] = await store.submit([sent], limits);
    if (first?.kind !== 'stored') return t.fail('the first is below the limit');
    const job = await member(store, first, 2);
    const running = started(launched(job));
    await store.advance(epoch, [stepTo(job, launched(job)), stepTo(launched(job), running)]);
    t.strictSame(await store.submit([sent], limits), [
      { kind: 'limited', scope: 'user', limit: 10, now: 6, asked: 6 },
    ]);
    t.strictSame(await store.submit([sent], { user: null, all: 10 }), [
      { kind: 'limited', scope: 'all', limit: 10, now: 5, asked: 6 },
    ]);
    await store.advance(epoch, [stepTo(running, ended(running))]);
    t.match(await store.submit([sent], limits), [{ kind: 'limited', now: 5 }]);
    t.match(await store.submit([sent], { user: 11, all: 11 }), [{ kind: 'stored' }]);
    t.match(await store.submit([sent, sent], { user: 100, all: 20 }), [
      { kind: 'limited', scope: 'all', now: 11, asked: 12 },
      { kind: 'limited' },
    ]);
    return undefined;
  });

  await t.test('a million members are stored as fast as one job', async (t) => {
    const { store } = await make(t);
    const array = await anArray(store, '1000000');
    const last = jobId(array.id + 1_000_000) as JobId;
    t.strictSame(await store.job(last), unmadeMember(array, last));
    t.equal((await submitted(store)).id, last + 1);
  });
}
