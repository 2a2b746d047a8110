// Lists, counts, the pending sweep: the reading part of the store contract.
import type { Test } from 'tap';
import { PAGE_ITEMS_MAX } from '../../src/contracts/limits.js';
import type { Store } from '../../src/contracts/store.js';
import { parseArray } from '../../src/core/array.js';
import type { OverJob } from '../../src/core/job.js';
import { instant, type JobId, jobId, projectId, taskIdOf } from '../../src/core/units.js';
import { DAY_MS } from '../../src/core/usage.js';
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

const DNA = projectId('dna');

/** Six jobs: 1–3 of alice (2 in dna), 4–6 of bob (5 in dna); 1 over, 2 running, 4 launching. */
async function six(store: Store): Promise<void> {
  for (const owner of [ALICE, BOB])
    for (const project of ['default', DNA, 'default'])
      await store.submit([aNewJob({ owner, project: projectId(project) })]);
  const epoch = await leader(store);
  for (const [id, target] of [
    [1, 'over'],
    [2, 'running'],
    [4, 'launching'],
  ] as const) {
    const pending = await pendingJob(store, jobId(id));
    const launching = launched(pending);
    const running = started(launching);
    const steps = [stepTo(pending, launching)];
    if (target !== 'launching') steps.push(stepTo(launching, running));
    if (target === 'over') steps.push(stepTo(running, ended(running)));
    await store.advance(epoch, steps);
  }
}

/**
 * Eight jobs, submitted in another order than that of their ids; all but the last two are over. By id: owner, project, tags,
 * date of submission less `AT`.
 */
const PAST = [
  [ALICE, 'default', ['x', 'y'], 50],
  [ALICE, DNA, ['x', 'x'], 10],
  [BOB, 'default', ['x'], 40],
  [ALICE, 'default', [], 40],
  [BOB, DNA, ['é/%'], 20],
  [ALICE, 'default', ['x'], 50],
  [ALICE, 'default', ['x'], 60],
  [ALICE, 'default', ['x'], 5],
] as const;

async function past(store: Store): Promise<void> {
  for (const [owner, project, tags, at] of PAST)
    await store.submit([
      aNewJob({
        ...{ owner, project: projectId(project), submittedAt: instant(AT + at) },
        spec: aSpec({ tags }),
      }),
    ]);
  const epoch = await leader(store);
  for (const id of [1, 2, 3, 4, 5, 6].map(jobId)) {
    const pending = await pendingJob(store, id);
    await store.advance(epoch, [stepTo(pending, givenUp(pending))]);
  }
}

async function historyContract(t: Test, make: MakeStore): Promise<void> {
  await t.test(
    'what is over is found by user, project, tag and date, the latest first',
    async (t) => {
      const { store } = await make(t);
      await past(store);
      const at = (ms: number) => instant(AT + ms);
      const cases: readonly (readonly [Parameters<Store['history']>[0], readonly number[]])[] = [
        [{}, [6, 1, 4, 3, 5, 2]],
        [{ limit: 0 }, []],
        [{ limit: 2 }, [6, 1]],
        [{ limit: 2, skip: 1 }, [1, 4]],
        [{ owner: ALICE }, [6, 1, 4, 2]],
        [{ project: DNA }, [5, 2]],
        [{ owner: ALICE, project: DNA }, [2]],
        [{ tag: 'x' }, [6, 1, 3, 2]],
        [{ owner: ALICE, tag: 'x' }, [6, 1, 2]],
        [{ owner: ALICE, tag: 'x', project: DNA }, [2]],
        [{ tag: 'é/%' }, [5]],
        [{ tag: 'X' }, []],
        [{ tag: 'y', owner: BOB }, []],
        [{ since: at(40), until: at(50) }, [4, 3]],
        [{ owner: ALICE, tag: 'x', since: at(11) }, [6, 1]],
        [{ owner: ALICE, tag: 'x', until: at(50) }, [2]],
        [{ after: { submittedAt: at(50), id: jobId(6) } }, [1, 4, 3, 5, 2]],
        [{ after: { submittedAt: at(40), id: jobId(4) }, limit: 1 }, [3]],
        [{ tag: 'x', after: { submittedAt: at(50), id: jobId(1) } }, [3, 2]],
      ];
      for (const [query, ids] of cases)
        t.strictSame(
          (await store.history(query)).map(({ id }) => id),
          ids,
          JSON.stringify(query),
        );
      t.strictSame(await store.history({ tag: 'y' }), [await store.job(jobId(1))]);
    },
  );

  await t.test('members are found by the tags of their array, once they are over', async (t) => {
    const { store } = await make(t);
    const array = parseArray('1:3');
    if (array.kind === 'wrong') throw new Error(array.because);
    await store.submit([aNewJob({ spec: aSpec({ array: array.spec, tags: ['many'] }) })]);
    const epoch = await leader(store);
    const member = await pendingJob(store, jobId(3));
    await store.advance(epoch, [stepTo(member, givenUp(member))]);
    const found = await store.history({ tag: 'many' });
    t.strictSame(
      found.map(({ id }) => id),
      [3],
    );
  });
}

export async function queryContract(t: Test, make: MakeStore): Promise<void> {
  await historyContract(t, make);
  await t.test('lists are newest first and filtered', async (t) => {
    const { store } = await make(t);
    await six(store);
    const cases: readonly (readonly [Parameters<Store['list']>[0], readonly number[]])[] = [
      [{}, [6, 5, 4, 3, 2, 1]],
      [{ limit: 2 }, [6, 5]],
      [{ limit: 2, skip: 1 }, [5, 4]],
      [{ skip: 5 }, [1]],
      [{ skip: 6 }, []],
      [{ limit: 0 }, []],
      [{ before: jobId(3) }, [2, 1]],
      [{ owner: ALICE }, [3, 2, 1]],
      [{ owner: ALICE, limit: 1, skip: 1 }, [2]],
      [{ owner: BOB, before: jobId(6), limit: 1 }, [5]],
      [{ project: DNA }, [5, 2]],
      [{ project: DNA, owner: BOB }, [5]],
      [{ states: ['running'] }, [2]],
      [{ states: ['over', 'launching', 'running'] }, [4, 2, 1]],
      [{ states: ['over', 'launching', 'running'], limit: 1, skip: 1 }, [2]],
      [{ states: ['pending'], owner: ALICE }, [3]],
      [{ states: ['pending'], owner: BOB, project: DNA }, [5]],
      [{ states: ['over', 'running', 'over'], limit: 2 }, [2, 1]],
      [{ states: ['unreachable', 'killing'] }, []],
      [{ states: [] }, []],
      [{ owner: ALICE, states: ['over', 'pending'], before: jobId(3) }, [1]],
    ];
    for (const [query, ids] of cases)
      t.strictSame(
        (await store.list(query)).map(({ id }) => id),
        ids,
        JSON.stringify(query),
      );
    t.strictSame((await store.list({ limit: 1 }))[0], await store.job(jobId(6)), 'whole records');
  });

  await t.test('a page is bounded', async (t) => {
    const { store } = await make(t);
    await store.submit(Array.from({ length: PAGE_ITEMS_MAX + 5 }, () => aNewJob()));
    t.equal((await store.list({})).length, PAGE_ITEMS_MAX);
    t.equal((await store.list({ limit: PAGE_ITEMS_MAX * 2 })).length, PAGE_ITEMS_MAX);
  });

  await t.test('counts name every state', async (t) => {
    const { store } = await make(t);
    const none = {
      pending: 0,
      launching: 0,
      running: 0,
      killing: 0,
      unreachable: 0,
      open: 0,
      over: 0,
    };
    t.strictSame(await store.counts(), none);
    await six(store);
    t.strictSame(await store.counts(), { ...none, pending: 3, launching: 1, running: 1, over: 1 });
    t.strictSame(await store.counts(ALICE), { ...none, pending: 1, running: 1, over: 1 });
    t.strictSame(await store.counts(BOB), { ...none, pending: 2, launching: 1 });
  });

  await t.test('jobs are found by id, unknown ones are left out', async (t) => {
    const { store } = await make(t);
    await six(store);
    const found = await store.jobs([jobId(2), jobId(77), jobId(6), jobId(2)]);
    t.strictSame([...found.keys()].sort(), [2, 6]);
    t.strictSame(found.get(jobId(2)), await store.job(jobId(2)));
    t.equal((await store.jobs([])).size, 0);
    t.equal(await store.job(jobId(77)), undefined);
  });

  await t.test('pending rows hold what the queue needs', async (t) => {
    const { store } = await make(t);
    const spec = aSpec({
      executor: 'swarm',
      constraints: [{ name: 'rack', value: 'r1' }],
      needs: { cpuMilli: 500, memMb: 64, gpus: 2, ports: 1, custom: { fpga: 1 } },
    });
    const job = await submitted(store, { spec, owner: BOB, project: DNA });
    await store.wantKill(job.id, ALICE, AT);
    t.strictSame(await store.pending({ after: null, limit: 10 }), [
      {
        id: job.id,
        owner: BOB,
        project: DNA,
        submittedAt: AT,
        needs: spec.needs,
        constraints: spec.constraints,
        executor: 'swarm',
        notBefore: null,
        pauseMs: 0,
        isKillWanted: true,
        failedOn: [],
        lifespanMs: null,
      },
    ]);
  });

  await t.test('a requeued job is pending again, with its earliest instant', async (t) => {
    const { store } = await make(t);
    const pending = await submitted(store);
    const launching = launched(pending);
    const epoch = await leader(store);
    await store.advance(epoch, [stepTo(pending, launching)]);
    t.strictSame(await store.pending({ after: null, limit: 10 }), []);
    const fault = {
      taskId: taskIdOf(pending.id, 1),
      host: 'node9',
      because: { code: 'agent-lost', facts: {} },
      at: AT,
    } as const;
    // No host is to blame for what a registry refused.
    const refused = {
      ...fault,
      host: 'node8',
      because: { code: 'registry-trouble', facts: {} },
    } as const;
    const faults = [refused, fault];
    const again = { ...pending, launches: 1, notBefore: instant(AT + 30_000), faults };
    await store.advance(epoch, [stepTo(launching, again)]);
    const rows = await store.pending({ after: null, limit: 10 });
    t.strictSame(
      rows.map(({ id, notBefore, submittedAt, failedOn }) => [
        id,
        notBefore,
        submittedAt,
        failedOn,
      ]),
      [[pending.id, AT + 30_000, AT, ['node9']]],
    );
  });

  await t.test('pending comes in pages in order of id', async (t) => {
    const { store } = await make(t);
    const total = 12_001;
    await store.submit(
      Array.from({ length: total }, (_, n) => aNewJob({ submittedAt: instant(AT - n) })),
    );
    const all = await store.pending({ after: null, limit: 20_000 });
    t.equal(all.length, total);
    t.ok(
      all.every(({ id }, n) => id === n + 1),
      'rising, none twice',
    );
    const page = await store.pending({ after: jobId(10), limit: 5_500 });
    t.equal(page.length, 5_500);
    t.equal(page[0]?.id, 11);
    t.equal(page.at(-1)?.id, 5_510);
    t.strictSame(await store.pending({ after: jobId(total), limit: 5 }), []);
    t.strictSame(await store.pending({ after: null, limit: 0 }), []);
  });

  await t.test('the sweep sees only what was submitted since', async (t) => {
    const { store } = await make(t);
    for (const at of [30, 10, 20, 20])
      await store.submit([aNewJob({ submittedAt: instant(AT + at) })]);
    const since = (ms: number, after: number | null = null) =>
      store
        .pending({
          after: after === null ? null : jobId(after),
          limit: 10,
          submittedSince: instant(AT + ms),
        })
        .then((rows) => rows.map(({ id }) => id));
    t.strictSame(await since(20), [1, 3, 4], 'ids rising, the instant included');
    t.strictSame(await since(20, 1), [3, 4]);
    t.strictSame(await since(31), []);
    const page = { after: null, limit: 2, submittedSince: instant(AT + 20) };
    t.strictSame(
      (await store.pending(page)).map(({ id }) => id),
      [1, 3],
      'cut at the limit',
    );
  });

  await t.test('live jobs are those that may hold a task', async (t) => {
    const { store } = await make(t);
    await six(store);
    const live = await store.live();
    t.strictSame(
      live.map(({ id, state }) => [id, state]),
      [
        [2, 'running'],
        [4, 'launching'],
      ],
    );
    t.strictSame(live[0], await store.job(jobId(2)));
  });

  await t.test('live holds thousands', async (t) => {
    const { store } = await make(t);
    const total = 1_203;
    const answers = await store.submit(Array.from({ length: total }, () => aNewJob()));
    const jobs = await store.jobs(answers.map(({ id }) => id));
    const epoch = await leader(store);
    const steps = [...jobs.values()].flatMap((job) =>
      job.state === 'pending' ? [stepTo(job, launched(job))] : [],
    );
    await store.advance(epoch, steps);
    const live = await store.live();
    t.strictSame(
      live.map(({ id }) => id),
      answers.map(({ id }) => id),
    );
  });

  await t.test('use is summed by account and day, from the day given', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const spec = aSpec({ needs: { cpuMilli: 1_500, memMb: 64, gpus: 2, ports: 0, custom: {} } });
    const finish = async (owner: typeof ALICE, endsAfterMs: number) => {
      const pending = await submitted(store, { owner, spec });
      const running = started(launched(pending));
      await store.advance(epoch, [
        stepTo(pending, launched(pending)),
        stepTo(launched(pending), running),
        stepTo(running, { ...ended(running), endedAt: instant(AT + endsAfterMs) }),
      ]);
    };
    for (const ms of [1_000, 3_000]) await finish(ALICE, ms);
    await finish(BOB, 500);
    await finish(BOB, 0);
    const broken = await submitted(store, { owner: BOB, spec });
    const lost = started(launched(broken));
    await store.advance(epoch, [
      stepTo(broken, launched(broken)),
      stepTo(launched(broken), lost),
      stepTo(lost, {
        ...ended(lost),
        endedAt: instant(AT + 700),
        outcome: { kind: 'gaveUp', because: { code: 'agent-lost', facts: {} } },
      }),
    ]);
    const neverStarted = await submitted(store, { owner: BOB });
    await store.advance(epoch, [stepTo(neverStarted, givenUp(neverStarted))]);
    await submitted(store);

    const day = instant(AT - (AT % DAY_MS));
    const noon = instant(day + DAY_MS + DAY_MS / 2);
    await finish(ALICE, noon - AT);
    const project = projectId('default');
    const dayUse = (owner: typeof ALICE, jobs: number, timeMs: number, endedAt: number) => ({
      owner,
      project,
      endedAt: instant(endedAt),
      timeMs,
      cpuMilli: 1_500 * jobs,
      memMb: 64 * jobs,
      gpus: 2 * jobs,
      cpuMilliMs: 1_500 * timeMs,
      memMbMs: 64 * timeMs,
      gpuMs: 2 * timeMs,
    });
    // The mean of both ends, by duration: (1 s × 1 + 3 s × 3) / 4.
    const alice = dayUse(ALICE, 2, 4_000, AT + 2_500);
    const bob = dayUse(BOB, 1, 500, AT + 500);
    const next = dayUse(ALICE, 1, noon - AT, noon);
    t.strictSame(await store.used({ since: instant(0) }), [alice, bob, next]);
    t.strictSame(await store.used({ since: AT }), [alice, bob, next], 'days are whole');
    t.strictSame(await store.used({ since: instant(day + DAY_MS) }), [next]);
    t.strictSame(await store.used({ since: instant(day + 2 * DAY_MS) }), []);
    t.strictSame(await store.used({ since: AT, owner: BOB }), [bob]);
    t.strictSame(await store.used({ since: AT, project }), [alice, bob, next]);
    t.strictSame(await store.used({ since: AT, owner: ALICE, project: projectId('dna') }), []);
  });

  await t.test(
    'jobs that ended in a period, page by page, in the order of their ends',
    async (t) => {
      const { store } = await make(t);
      const epoch = await leader(store);
      const ends = [30, 10, 20, 10, 40];
      const ids: JobId[] = [];
      for (const end of ends) {
        const pending = await submitted(store);
        const launching = launched(pending);
        const running = started(launching);
        const over = { ...ended(running), endedAt: instant(AT + end) };
        for (const step of [
          stepTo(pending, launching),
          stepTo(launching, running),
          stepTo(running, over),
        ])
          await store.advance(epoch, [step]);
        ids.push(pending.id);
      }
      await submitted(store);
      const inOrder = [ids[1], ids[3], ids[2], ids[0]];
      const period = { since: instant(AT + 10), until: instant(AT + 40) };
      const found: JobId[] = [];
      for (let after: OverJob | null = null; ; ) {
        const page: readonly OverJob[] = await store.ended({ ...period, after, limit: 2 });
        found.push(...page.map(({ id }) => id));
        after = page.at(-1) ?? null;
        if (after === null) break;
      }
      t.strictSame(found, inOrder);
      const none = { since: instant(AT + 41), until: instant(AT + 99), after: null, limit: 9 };
      t.strictSame(await store.ended(none), []);
    },
  );
}
