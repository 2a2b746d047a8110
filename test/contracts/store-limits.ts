// Rate limits are counted where jobs are stored, so that several web processes cannot pass them together; quotas.
import type { Test } from 'tap';
import type { Limited, SubmitAnswer } from '../../src/contracts/store.js';
import { instant, type ProjectId, projectId, type UserId } from '../../src/core/units.js';
import { dayOf } from '../../src/core/usage.js';
import {
  ALICE,
  AT,
  aNewJob,
  aProject,
  aSpec,
  aUser,
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

const kinds = (answers: readonly (SubmitAnswer | Limited)[]): string[] =>
  answers.map(({ kind }) => kind);
const NONE = { user: null, all: null };
const some = (count: number, part: Parameters<typeof aNewJob>[0] = {}) =>
  Array.from({ length: count }, () => aNewJob(part));

export async function limitContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('one user has so many jobs, waiting and running together', async (t) => {
    const { store } = await make(t);
    const limits = { user: 3, all: null };
    t.strictSame(kinds(await store.submit(some(2), limits)), ['stored', 'stored']);
    t.strictSame(await store.submit(some(2), limits), [
      { kind: 'limited', scope: 'user', limit: 3, now: 2, asked: 2 },
      { kind: 'limited', scope: 'user', limit: 3, now: 2, asked: 2 },
    ]);
    t.equal((await store.counts()).pending, 2, 'nothing of it is stored');
    t.strictSame(kinds(await store.submit(some(1, { owner: BOB }), limits)), ['stored']);
    t.strictSame(kinds(await store.submit(some(1), limits)), ['stored']);
    const [no] = await store.submit(some(1), limits);
    t.strictSame(no, { kind: 'limited', scope: 'user', limit: 3, now: 3, asked: 1 });
    t.strictSame(kinds(await store.submit(some(5), NONE)), Array(5).fill('stored'));
  });

  await t.test(
    'running jobs count for their user, waiting ones for all; over is over',
    async (t) => {
      const { store } = await make(t);
      const first = await submitted(store);
      const second = await submitted(store);
      const epoch = await leader(store);
      await store.advance(epoch, [stepTo(first, launched(first))]);
      t.match(await store.submit(some(1), { user: 2, all: null }), [{ kind: 'limited', now: 2 }]);
      t.match(await store.submit(some(2), { user: null, all: 2 }), [
        { kind: 'limited', scope: 'all', limit: 2, now: 1, asked: 2 },
        { kind: 'limited' },
      ]);
      await store.advance(epoch, [stepTo(second, givenUp(second))]);
      t.match(await store.submit(some(1), { user: 2, all: null }), [{ kind: 'stored' }]);
    },
  );

  await t.test('a repeated submission is no new one', async (t) => {
    const { store } = await make(t);
    const limits = { user: 2, all: 2 };
    const keyed = aNewJob({ idempotencyKey: 'k' });
    t.strictSame(kinds(await store.submit([keyed, keyed, aNewJob()], limits)), [
      'stored',
      'known',
      'stored',
    ]);
    t.strictSame(kinds(await store.submit([keyed], limits)), ['known'], 'also at the limit');
    const mixed = await store.submit([keyed, aNewJob()], limits);
    t.match(mixed, [{ kind: 'known' }, { kind: 'limited', now: 2, asked: 1 }]);
  });

  await t.test('processes that race cannot pass a limit together', async (t) => {
    const { store, another } = await make(t);
    const handles = [store, await another()];
    const limits = { user: 20, all: 30 };
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, n) => {
        const owner = n % 4 < 2 ? ALICE : BOB;
        return handles[n % 2]?.submit([aNewJob({ owner })], limits) ?? [];
      }),
    );
    t.equal(answers.flat().filter(({ kind }) => kind === 'stored').length, 30);
    t.equal((await store.counts()).pending, 30);
    for (const owner of [ALICE, BOB])
      t.ok((await store.counts(owner)).pending <= 20, `${owner} has at most 20`);
    t.ok(answers.flat().every((one) => one.kind !== 'limited' || one.now <= one.limit));
  });

  await t.test('the queue of a job is told to the scheduler', async (t) => {
    const { store } = await make(t);
    await store.submit([aNewJob(), aNewJob({ spec: aSpec({ queue: 'long' }) })]);
    const rows = await store.pending({ after: null, limit: 10 });
    t.strictSame(
      rows.map((row) => row.queue),
      [undefined, 'long'],
    );
  });

  await t.test('quotas are told of those who have any', async (t) => {
    const { store, another } = await make(t);
    const none = { time: 0, cpu: 0, ram: 0 };
    await store.putUser(aUser({ quotas: { ...none, cpuHours: 2.5, gpuHours: 0 } }));
    await store.putUser(aUser({ id: BOB, quotas: none }));
    await store.putProject(aProject({ quotas: { ...none, time: 3_600 } }));
    await store.putProject(aProject({ id: projectId('rna'), quotas: none }));
    const { users, projects } = await (await another()).quotas();
    t.strictSame([...users], [[ALICE, { ...none, cpuHours: 2.5, gpuHours: 0 }]]);
    t.strictSame([...projects], [[DNA, { ...none, time: 3_600 }]]);
  });

  await t.test(
    'a reset remembers what was used on its day, of one user or one project',
    async (t) => {
      const { store, another } = await make(t);
      const use = async (owner: UserId, project: ProjectId, seconds: number) => {
        const epoch = (await store.lease())?.epoch ?? (await leader(store));
        const pending = await submitted(store, { owner, project });
        const launching = launched(pending);
        const running = { ...started(launching), startedAt: instant(AT - seconds * 1_000) };
        const steps = [stepTo(pending, launching), stepTo(launching, running)];
        for (const step of [...steps, stepTo(running, ended(running))])
          await store.advance(epoch, [step]);
      };
      await use(ALICE, DNA, 10);
      await use(BOB, DNA, 5);
      await use(ALICE, projectId('default'), 1);
      t.equal((await store.quotas()).resets?.users.size, 0);
      await store.resetQuota({ user: ALICE }, AT);
      await store.resetQuota({ project: DNA }, AT);
      const { resets } = await (await another()).quotas();
      t.match(resets?.users.get(ALICE), {
        day: dayOf(AT),
        used: { timeMs: 11_000, cpuMilli: 2_000 },
      });
      t.match(resets?.projects.get(DNA), { day: dayOf(AT), used: { timeMs: 15_000 } });
      t.equal(resets?.users.get(BOB), undefined);
      await use(ALICE, DNA, 2);
      await store.resetQuota({ user: ALICE }, instant(AT + 86_400_000));
      t.match((await store.quotas()).resets?.users.get(ALICE), {
        day: dayOf(AT) + 1,
        used: { timeMs: 0 },
      });
      const sum = (await store.used({ since: AT, owner: ALICE })).reduce((a, b) => a + b.timeMs, 0);
      t.equal(sum, 13_000, 'the history stays');
    },
  );
}
