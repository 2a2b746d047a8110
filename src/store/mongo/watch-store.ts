// The part of the store for watchers and accounting.
import type {
  AccountingQuery,
  AccountingRecord,
  AccountingStore,
  AccountingSum,
} from '../../contracts/accounting.js';
import type {
  AftermathDone,
  JobAftermath,
  KillOfLaunch,
  LaunchOfJob,
  LeaseStore,
  NamedLease,
  RunningVersion,
  SlotQuery,
  WantedLease,
  WatchedStore,
} from '../../contracts/watching.js';
import type { KillWanted } from '../../core/job.js';
import type { JobId } from '../../core/units.js';
import type { MongoParts } from './account-store.js';
import { AccountingBook } from './accounting.js';
import { MongoAuditStore } from './audit-store.js';
import { NamedLeases } from './named-leases.js';
import { Watched } from './watched.js';

export class MongoWatchStore
  extends MongoAuditStore
  implements AccountingStore, LeaseStore, WatchedStore
{
  readonly #accounting: AccountingBook;
  readonly #leases: NamedLeases;
  readonly #watched: Watched;

  constructor(parts: MongoParts) {
    super(parts);
    this.#accounting = new AccountingBook(parts.collections, parts.log);
    this.#leases = new NamedLeases(parts.collections);
    this.#watched = new Watched(parts.collections);
  }

  account(records: readonly AccountingRecord[]): Promise<readonly AccountingRecord[]> {
    return this.do(() => this.#accounting.add(records));
  }

  accountOf(id: JobId): Promise<readonly AccountingRecord[]> {
    return this.do(() => this.#accounting.of(id));
  }

  accountSums(query: AccountingQuery): Promise<readonly AccountingSum[]> {
    return this.do(() => this.#accounting.sums(query));
  }

  leases(): Promise<readonly NamedLease[]> {
    return this.do(() => this.#leases.all());
  }

  takeLeases(holder: string, wanted: readonly WantedLease[]): Promise<readonly NamedLease[]> {
    return this.do(() => this.#leases.take(holder, wanted));
  }

  beatLeases(holder: string): Promise<readonly NamedLease[]> {
    return this.do(() => this.#leases.beat(holder));
  }

  freeLeases(holder: string, names: readonly string[]): Promise<void> {
    return this.do(() => this.#leases.free(holder, names));
  }

  dropLeases(seen: readonly NamedLease[]): Promise<void> {
    return this.do(() => this.#leases.drop(seen));
  }

  running(query: SlotQuery): Promise<readonly RunningVersion[]> {
    return this.do(() => this.#watched.running(query));
  }

  wantKillOf(launch: LaunchOfJob, wanted: KillWanted): Promise<KillOfLaunch> {
    return this.write(
      () => this.#watched.wantKillOf(launch, wanted),
      (answer) => answer === 'wanted',
    );
  }

  aftermathDue(query: SlotQuery): Promise<readonly JobAftermath[]> {
    return this.do(() => this.#watched.aftermathDue(query));
  }

  aftermathDone(done: readonly AftermathDone[]): Promise<void> {
    return this.do(() => this.#watched.aftermathDone(done));
  }
}
