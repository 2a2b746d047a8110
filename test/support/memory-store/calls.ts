// What every call of the store in memory goes through: troubles before and after it, and the watches of changes.
import { ServiceError } from '../../../src/contracts/errors.js';
import type { ChangeFeed, Store } from '../../../src/contracts/store.js';
import { MemoryRecord } from './record.js';

export type StoreMethod = Exclude<keyof Store, 'close' | 'watch'>;

const WRITES = new Set<StoreMethod>([
  ...(['holdBack', 'release'] as const),
  ...(['submit', 'advance', 'wantKill', 'takeLease', 'beatLease', 'freeLease'] as const),
  ...([
    'putSetting',
    'firstSetting',
    'dropSetting',
    'putUser',
    'changeUser',
    'deleteUser',
  ] as const),
  ...(['putProject', 'deleteProject', 'resetQuota'] as const),
  ...(['putDisk', 'recountDisk', 'archive', 'purge'] as const),
  'appendAudit',
  ...(['account', 'aftermathDone', 'wantKillOf'] as const),
  ...(['takeLeases', 'beatLeases', 'freeLeases', 'dropLeases'] as const),
]);

/** Called around each call; throws, waits, or does nothing. What `after` throws or holds happened all the same. */
export interface StoreTrouble {
  before?: ((method: StoreMethod) => void | Promise<void>) | undefined;
  after?: ((method: StoreMethod) => void | Promise<void>) | undefined;
}

export const storeAway = (): ServiceError =>
  new ServiceError('store-unavailable', 'the store is away', { because: 'test' });

export class MemoryCalls implements ChangeFeed {
  readonly #record: MemoryRecord;
  readonly #trouble: StoreTrouble;
  #isClosed = false;

  constructor(record: MemoryRecord = new MemoryRecord(), trouble: StoreTrouble = {}) {
    this.#record = record;
    this.#trouble = trouble;
  }

  protected async do<T>(method: StoreMethod, work: (record: MemoryRecord) => T): Promise<T> {
    if (this.#isClosed) throw storeAway();
    await this.#trouble.before?.(method);
    const answer = work(this.#record);
    if (WRITES.has(method)) for (const changed of this.#record.watches) queueMicrotask(changed);
    await this.#trouble.after?.(method);
    return answer;
  }

  watch(changed: () => void): () => void {
    // Handles of several processes share the record: each has watches of its own.
    const mine = () => {
      if (this.#record.watches.has(mine) && !this.#isClosed) changed();
    };
    this.#record.watches.add(mine);
    return () => this.#record.watches.delete(mine);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}
