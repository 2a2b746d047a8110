// What every store must do, whatever it is made of. An implementation calls `storeContract` in two lines.
import t, { type Test } from 'tap';
import type { Store } from '../../src/contracts/store.js';
import { amendContract } from './store-amends.js';
import { arrayContract } from './store-arrays.js';
import { auditContract } from './store-audit.js';
import { changesContract } from './store-changes.js';
import { diskContract } from './store-disk.js';
import { historyContract } from './store-history.js';
import { leaderContract } from './store-leader.js';
import { limitContract } from './store-limits.js';
import { purgeContract } from './store-purge.js';
import { queryContract } from './store-queries.js';
import { retriesContract } from './store-retries.js';
import { submissionContract } from './store-submissions.js';
import { waitContract } from './store-waits.js';
import { watchingContract } from './store-watching.js';

/** One empty database, and handles on it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** A further handle on the same data, as another process would have. */
  another(): Promise<Store>;
}
/** Makes an empty store; all handles are closed at the test's end. */
export type MakeStore = (t: Test) => Promise<StoreUnderTest>;

/** Some sixty stores are opened; a busy machine may take its time. */
const SUITE_MS_MAX = 290_000;

export function storeContract(name: string, make: MakeStore): void {
  t.setTimeout(SUITE_MS_MAX);
  t.test(`${name} store`, { timeout: SUITE_MS_MAX }, async (t) => {
    await t.test('submissions', (t) => submissionContract(t, make));
    await t.test('limits', (t) => limitContract(t, make));
    await t.test('disk', (t) => diskContract(t, make));
    await t.test('amended jobs', (t) => amendContract(t, make));
    await t.test('purges', (t) => purgeContract(t, make));
    await t.test('queries', (t) => queryContract(t, make));
    await t.test('the leader', (t) => leaderContract(t, make));
    await t.test('arrays', (t) => arrayContract(t, make));
    await t.test('what jobs wait for', (t) => waitContract(t, make));
    await t.test('watchers and accounting', (t) => watchingContract(t, make));
    await t.test('retries', (t) => retriesContract(t, make));
    await t.test('changes', (t) => changesContract(t, make));
    await t.test('the audit log', (t) => auditContract(t, make));
    await t.test('histories', (t) => historyContract(t, make));
  });
}
