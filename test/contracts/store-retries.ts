// What stores keep of launches that failed by themselves: the record, the needs of the next launch, the use that counts.
import type { Test } from 'tap';
import type { OwnFailure, PendingJob, Retried } from '../../src/core/job.js';
import { instant, taskIdOf } from '../../src/core/units.js';
import {
  ALICE,
  AT,
  aSpec,
  ended,
  launched,
  leader,
  started,
  stepTo,
  submitted,
} from '../store/a-job.js';
import type { MakeStore } from './store.js';

const RULE = {
  exitCodes: [{ first: 75, last: 80 }],
  isForMemory: true,
  timesMax: 3,
  pauseMs: 90_000,
  growth: { factor: 2, memMbMax: 64_000 },
} as const;
const FAULT = {
  host: 'node-0',
  because: { code: 'agent-lost', facts: {} },
  at: AT,
} as const;

export async function retriesContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('a job that failed by itself waits again, with what it was granted', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const first = await submitted(store, { spec: aSpec({ retries: [RULE] }) });
    t.strictSame(first.spec.retries, [RULE]);
    t.strictSame(first.retried, { failures: [], memMbGranted: null, refusals: 0 });
    const running = started(launched(first));
    await store.advance(epoch, [stepTo(first, launched(first)), stepTo(launched(first), running)]);
    const failure: OwnFailure = {
      taskId: taskIdOf(first.id, 1),
      host: 'node-1',
      exitCode: 137,
      because: { code: 'out-of-memory', facts: { message: 'limit' } },
      rule: 0,
      memMb: 1_000,
      startedAt: AT,
      at: instant(AT + 5_000),
    };
    const retried: Retried = { failures: [failure], memMbGranted: 2_000, refusals: 0 };
    const { placement: _, startedAt: _at, container: _facts, ...asked } = running;
    const again: PendingJob = {
      ...asked,
      faults: [{ ...FAULT, taskId: taskIdOf(first.id, 9) }],
      retried,
      state: 'pending',
      notBefore: instant(AT + 95_000),
      pauseMs: 90_000,
    };
    await store.advance(epoch, [stepTo(running, again)]);
    t.strictSame(await store.job(first.id), { ...again, version: 4 });
    t.match(await store.pending({ after: null, limit: 9 }), [
      {
        needs: { ...first.spec.needs, memMb: 2_000 },
        notBefore: AT + 95_000,
        pauseMs: 90_000,
        failedOn: ['node-0'],
      },
    ]);
    const used = () => store.used({ since: AT, owner: ALICE });
    const once = { timeMs: 5_000, cpuMilli: 1_000, memMb: 1_000, memMbMs: 5_000_000 };
    t.match(await used(), [{ ...once, endedAt: AT + 5_000 }], 'while it waits');

    const last = started(launched(again));
    const over = { ...ended(last, 75), endedAt: instant(AT + 9_000) };
    await store.advance(epoch, [stepTo(again, launched(again))]);
    await store.advance(epoch, [stepTo(launched(again), last)]);
    await store.advance(epoch, [stepTo(last, over)]);
    t.strictSame(await store.job(first.id), { ...over, version: 7 });
    t.match(
      await used(),
      [{ timeMs: 14_000, cpuMilli: 2_000, memMb: 3_000, memMbMs: 5_000_000 + 18_000_000 }],
      'both launches, each with the memory it had, and each once',
    );
  });

  await t.test('launches in a row that the cluster refused are counted', async (t) => {
    const { store, another } = await make(t);
    const epoch = await leader(store);
    const first = await submitted(store);
    const launching = launched(first);
    const retried = { ...first.retried, refusals: 3 };
    const { placement: _, ...asked } = launching;
    const again = { ...asked, retried, state: 'pending', notBefore: AT, pauseMs: 1_000 } as const;
    await store.advance(epoch, [stepTo(first, launching), stepTo(launching, again)]);
    t.strictSame(await (await another()).job(first.id), { ...again, version: 3 });
  });

  await t.test('that a number was taken is kept while the job waits, and no longer', async (t) => {
    const { store, another } = await make(t);
    const epoch = await leader(store);
    const first = await submitted(store);
    const launching = launched(first);
    const { placement: _, ...asked } = launching;
    const waits = { ...asked, state: 'pending', notBefore: null, pauseMs: 0 } as const;
    const taken = { ...waits, isNumberTaken: true } as const;
    await store.advance(epoch, [stepTo(first, launching), stepTo(launching, taken)]);
    const read = await another();
    t.strictSame(await read.job(first.id), { ...taken, version: 3 });
    const next = launched(taken);
    await store.advance(epoch, [stepTo(taken, next)]);
    t.strictSame(await read.job(first.id), { ...next, version: 4 });
  });
}
