// What one process writes, others that share the store hear of: a hint that comes soon.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { STORE_WATCH_EACH_MS } from '../../src/contracts/limits.js';
import { ALICE, AT, submitted } from '../store/a-job.js';
import { waitFor } from '../support/waiting.js';
import type { MakeStore } from './store.js';

/** Far more than it takes: a busy machine may take its time. */
const SOON_MS = 5_000;

export async function changesContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('a submission and a kill of another handle are heard of', async (t) => {
    const { store, another } = await make(t);
    const other = await another();
    let heard = 0;
    store.watch(() => {
      heard += 1;
    });
    const job = await submitted(other);
    await waitFor('the submission is heard of', SOON_MS, () => heard > 0);
    t.ok(await store.job(job.id), 'and is there');
    const before = heard;
    await other.wantKill(job.id, ALICE, AT);
    await waitFor('the kill is heard of', SOON_MS, () => heard > before);
    t.same(await store.killsWanted(), [job.id], 'and is there');
  });

  await t.test('nothing is told without a change, nor after the end of a watch', async (t) => {
    const { store, another } = await make(t);
    const other = await another();
    let heard = 0;
    let heardByOther = 0;
    const end = store.watch(() => {
      heard += 1;
    });
    other.watch(() => {
      heardByOther += 1;
    });
    await store.lease();
    await other.counts();
    await sleep(5 * STORE_WATCH_EACH_MS);
    t.equal(heard, 0, 'reading is no change');
    end();
    end();
    await submitted(other);
    await waitFor('the other watch hears of it', SOON_MS, () => heardByOther > 0);
    t.equal(heard, 0);
  });
}
