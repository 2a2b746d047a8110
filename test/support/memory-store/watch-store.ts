// The part of the store in memory for watchers and accounting.
import type {
  AccountingQuery,
  AccountingRecord,
  AccountingStore,
  AccountingSum,
} from '../../../src/contracts/accounting.js';
import type { Lease } from '../../../src/contracts/store.js';
import type {
  JobAftermath,
  LeaseStore,
  NamedLease,
  RunningVersion,
  SlotQuery,
  WatchedStore,
} from '../../../src/contracts/watching.js';
import { isLive, type KillWanted } from '../../../src/core/job.js';
import { slotOf } from '../../../src/core/slots.js';
import type { JobId } from '../../../src/core/units.js';
import { MemoryAuditStore } from './audit-store.js';
import { all } from './record.js';
import { compare, sumsByDay } from './sums.js';

export class MemoryWatchStore
  extends MemoryAuditStore
  implements AccountingStore, LeaseStore, WatchedStore
{
  account(records: readonly AccountingRecord[]): Promise<readonly AccountingRecord[]> {
    const sent = structuredClone(records);
    return this.do('account', ({ accounting }) =>
      sent.filter((record) => {
        const name = `${record.jobId}-${record.launch}`;
        if (accounting.has(name)) return false;
        accounting.set(name, record);
        return true;
      }),
    );
  }

  accountOf(id: JobId): Promise<readonly AccountingRecord[]> {
    return this.do('accountOf', ({ accounting }) =>
      [...accounting.values()]
        .filter(({ jobId }) => jobId === id)
        .sort((a, b) => a.launch - b.launch),
    );
  }

  accountSums(query: AccountingQuery): Promise<readonly AccountingSum[]> {
    return this.do('accountSums', ({ accounting }) => sumsByDay([...accounting.values()], query));
  }

  leases(): Promise<readonly NamedLease[]> {
    return this.do('leases', ({ leases }) => byName([...leases.values()]));
  }

  takeLeases(
    holder: string,
    wanted: readonly { readonly name: string; readonly seen: Lease | undefined }[],
  ): Promise<readonly NamedLease[]> {
    return this.do('takeLeases', ({ leases }) =>
      wanted.flatMap(({ name, seen }) => {
        if (!isAsSeen(leases.get(name), seen)) return [];
        const taken = { name, epoch: (seen?.epoch ?? 0) + 1, holder, beat: 0 };
        leases.set(name, taken);
        return [taken];
      }),
    );
  }

  beatLeases(holder: string): Promise<readonly NamedLease[]> {
    return this.do('beatLeases', ({ leases }) => {
      const mine = [...leases.values()].filter((lease) => lease.holder === holder);
      for (const lease of mine) leases.set(lease.name, { ...lease, beat: lease.beat + 1 });
      return byName(mine.map((lease) => ({ ...lease, beat: lease.beat + 1 })));
    });
  }

  freeLeases(holder: string, names: readonly string[]): Promise<void> {
    return this.do('freeLeases', ({ leases }) => {
      for (const name of names) {
        const lease = leases.get(name);
        if (lease?.holder === holder) leases.set(name, { ...lease, holder: '' });
      }
    });
  }

  dropLeases(seen: readonly NamedLease[]): Promise<void> {
    return this.do('dropLeases', ({ leases }) => {
      for (const lease of seen)
        if (isAsSeen(leases.get(lease.name), lease)) leases.delete(lease.name);
    });
  }

  running({ slots, after, limit }: SlotQuery): Promise<readonly RunningVersion[]> {
    return this.do('running', (record) =>
      all(record)
        .filter((job) => job.state === 'running' && slots.includes(slotOf(job.id)))
        .filter(({ id }) => id > (after ?? 0))
        .slice(0, limit)
        .map(({ id, version }) => ({ id, version })),
    );
  }

  wantKillOf(
    { id, launch }: { readonly id: JobId; readonly launch: number },
    wanted: KillWanted,
  ): Promise<'wanted' | 'already' | 'gone'> {
    return this.do('wantKillOf', (record) => {
      const job = record.jobs.get(id);
      if (job === undefined || !isLive(job) || job.launches !== launch) return 'gone';
      if (record.kills.has(id) || job.killWanted !== null) return 'already';
      record.kills.set(id, wanted);
      record.put({ ...job, killWanted: wanted, version: job.version + 1 });
      return 'wanted';
    });
  }

  aftermathDue({ slots, after, limit }: SlotQuery): Promise<readonly JobAftermath[]> {
    return this.do('aftermathDue', ({ aftermath }) =>
      [...aftermath]
        .filter(([id]) => slots.includes(slotOf(id)) && id > (after ?? 0))
        .sort(([a], [b]) => a - b)
        .slice(0, limit)
        .map(([id, due]) => ({ id, due })),
    );
  }

  aftermathDone(
    done: readonly { readonly id: JobId; readonly names: readonly string[] }[],
  ): Promise<void> {
    return this.do('aftermathDone', ({ aftermath }) => {
      for (const { id, names } of done) {
        const left = (aftermath.get(id) ?? []).filter(({ name }) => !names.includes(name));
        if (left.length === 0) aftermath.delete(id);
        else aftermath.set(id, left);
      }
    });
  }
}

const isAsSeen = (lease: Lease | undefined, seen: Lease | undefined): boolean =>
  lease?.epoch === seen?.epoch && lease?.holder === seen?.holder && lease?.beat === seen?.beat;

const byName = (leases: readonly NamedLease[]): readonly NamedLease[] =>
  [...leases].sort((a, b) => compare(a.name, b.name));
