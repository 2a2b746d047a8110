// Jobs that are taken off the record: nothing of them is found any more, and everything that they used still counts.
import type { Test } from 'tap';
import type { Store } from '../../src/contracts/store.js';
import { aftermathOf } from '../../src/core/aftermath.js';
import { parseArray } from '../../src/core/array.js';
import { type Job, NO_CONTAINER, type OverJob } from '../../src/core/job.js';
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

/** It ran for a minute. */
async function overJob(store: Store, tags: readonly string[] = []): Promise<OverJob> {
  const epoch = (await store.lease())?.epoch ?? (await leader(store));
  const pending = await submitted(store, { spec: aSpec({ tags }) });
  const running = started(launched(pending));
  const over = { ...ended(running), endedAt: instant(AT + 60_000) };
  await store.advance(epoch, [
    stepTo(pending, launched(pending)),
    stepTo(launched(pending), running),
    stepTo(running, over),
  ]);
  return over;
}

export async function purgeContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('a job that is archived goes; its use stays', async (t) => {
    const { store, another } = await make(t);
    const { id } = await overJob(store, ['dna', 'rna']);
    const other = await overJob(store, ['dna']);
    const used = await store.used({ since: AT });
    t.equal(used.length, 1);
    t.equal(await store.purge(id), 'not-archived');
    await store.archive(id, AT);
    t.equal(await (await another()).purge(id), 'purged');
    t.equal(await store.purge(id), 'unknown', 'once');
    t.equal(await store.job(id), undefined);
    t.strictSame(await store.jobs([id]), new Map());
    t.strictSame(await store.scripts([id]), new Map());
    t.strictSame(
      (await store.list({ owner: ALICE })).map((job) => job.id),
      [other.id],
    );
    t.strictSame(
      (await store.history({ tag: 'dna' })).map((job) => job.id),
      [other.id],
    );
    t.strictSame(await store.history({ tag: 'rna' }), []);
    t.strictSame(await store.standings([id]), new Map());
    t.equal((await store.counts(ALICE)).over, 1);
    t.strictSame(await store.used({ since: AT }), used, 'of both jobs');
    t.strictSame(
      (await store.diskDue({ after: null, limit: 9 })).map((due) => due.id),
      [other.id],
    );
    t.ok((await submitted(store)).id > other.id, 'no number is used again');
  });

  await t.test('nobody purges what waits or runs, or is not there', async (t) => {
    const { store } = await make(t);
    const waiting = await submitted(store);
    t.equal(await store.purge(waiting.id), 'not-archived');
    t.equal(await store.purge(jobId(99)), 'unknown');
    t.equal((await store.job(waiting.id))?.state, 'pending');
  });

  await t.test('its key may be used again', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const again = aNewJob({ idempotencyKey: 'k' });
    const first = await submitted(store, again);
    await store.advance(epoch, [stepTo(first, givenUp(first))]);
    t.match(await store.submit([again]), [{ kind: 'known', id: first.id }]);
    await store.archive(first.id, AT);
    t.equal(await store.purge(first.id), 'purged');
    t.match(await store.submit([again]), [{ kind: 'stored' }]);
  });

  await t.test('work that its end left comes first', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const pending = await submitted(store);
    const running = started(launched(pending));
    const over = ended(running);
    const aftermath = aftermathOf(running, over, AT);
    await store.advance(epoch, [
      stepTo(pending, launched(pending)),
      stepTo(launched(pending), running),
      { ...stepTo(running, over), aftermath },
    ]);
    await store.archive(over.id, AT);
    t.equal(await store.purge(over.id), 'busy');
    await store.aftermathDone([{ id: over.id, names: aftermath.map(({ name }) => name) }]);
    t.equal(await store.purge(over.id), 'purged');
  });

  await t.test('an array goes with all its members, and they with it alone', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const before = await overJob(store);
    const parsed = parseArray('1:3');
    if (parsed.kind === 'wrong') throw new Error(parsed.because);
    const [answer] = await store.submit([
      aNewJob({ owner: BOB, spec: aSpec({ array: parsed.spec, tags: ['many'] }) }),
    ]);
    const array = await store.job(answer?.id as JobId);
    if (array?.state !== 'open') throw new Error(`the array is ${array?.state}`);
    const first = await pendingJob(store, jobId(array.id + 1));
    const none = { placement: null, container: NO_CONTAINER };
    const outcome = { kind: 'killed', by: BOB } as const;
    const over: Job = { ...array, ...none, state: 'over', outcome, endedAt: AT };
    await store.advance(epoch, [stepTo(first, givenUp(first)), stepTo(array, over)]);
    for (const id of [array.id, first.id]) await store.archive(id, AT);
    t.equal(await store.purge(first.id), 'unknown');
    t.equal(await store.purge(array.id), 'purged');
    const ids = [0, 1, 2, 3].map((place) => jobId(array.id + place));
    t.strictSame(await store.jobs(ids), new Map(), 'those without records as well');
    t.strictSame(await store.history({ tag: 'many' }), []);
    t.equal((await store.job(before.id))?.state, 'over');
  });
}
