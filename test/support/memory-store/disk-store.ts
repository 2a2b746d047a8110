// The part of the store in memory about the disks: sizes of directories, and archived jobs.

import { PURGED_AT_ONCE_MAX } from '../../../src/contracts/limits.js';
import type {
  DirectorySize,
  DiskStore,
  DiskUse,
  DueDirectory,
  PurgeAnswer,
} from '../../../src/contracts/store.js';
import type { Instant, JobId } from '../../../src/core/units.js';
import { MemoryAccountStore } from './account-store.js';
import { all, frozen, type MemoryRecord } from './record.js';
import { diskUseIn } from './sums.js';

export class MemoryDiskStore extends MemoryAccountStore implements DiskStore {
  diskDue(query: {
    readonly after: JobId | null;
    readonly limit: number;
  }): Promise<readonly DueDirectory[]> {
    return this.do('diskDue', ({ diskDue, jobs }) =>
      [...diskDue]
        .filter((id) => id > (query.after ?? 0))
        .sort((a, b) => a - b)
        .slice(0, query.limit)
        .map((id) => ({ id, directory: jobs.get(id)?.directory ?? null })),
    );
  }

  putDisk(sizes: readonly DirectorySize[]): Promise<void> {
    return this.do('putDisk', (record) => {
      for (const size of sizes) putSize(record, size);
    });
  }

  diskUse(): Promise<readonly DiskUse[]> {
    return this.do('diskUse', diskUseIn);
  }

  diskOf(id: JobId): Promise<number | undefined> {
    return this.do('diskOf', ({ disk }) => disk.get(id)?.bytes);
  }

  recountDisk(): Promise<number> {
    return this.do('recountDisk', (record) => {
      for (const job of all(record))
        if (job.state === 'over' && job.directory !== null && job.archivedAt === undefined)
          record.diskDue.add(job.id);
      return record.diskDue.size;
    });
  }

  archive(id: JobId, at: Instant): Promise<'archived' | 'already' | 'not-over' | 'unknown'> {
    return this.do('archive', (record) => {
      const job = record.jobs.get(id);
      if (job === undefined) return 'unknown';
      if (job.state !== 'over') return 'not-over';
      record.diskDue.delete(id);
      record.disk.delete(id);
      if (job.archivedAt !== undefined) return 'already';
      // It ended before: this is nothing of its history.
      const archived = { ...job, archivedAt: at, version: job.version + 1 };
      record.jobs.set(id, frozen(structuredClone(archived)));
      return 'archived';
    });
  }

  purge(id: JobId): Promise<PurgeAnswer> {
    return this.do('purge', (record) => purgeFrom(record, id));
  }
}

function purgeFrom(record: MemoryRecord, id: JobId): PurgeAnswer {
  const job = record.jobs.get(id);
  if (job === undefined || job.parent !== undefined) return 'unknown';
  const members = [...record.jobs.values()].filter(({ parent }) => parent === id);
  const some = members.slice(0, PURGED_AT_ONCE_MAX);
  const gone = [...some, job];
  if (gone.some((one) => one.state !== 'over' || one.archivedAt === undefined))
    return 'not-archived';
  if (gone.some((one) => (record.aftermath.get(one.id) ?? []).length > 0)) return 'busy';
  const isCut = members.length > some.length;
  for (const one of isCut ? some : gone) {
    record.purged.push(one);
    record.jobs.delete(one.id);
    record.scripts.delete(one.id);
    record.diskDue.delete(one.id);
  }
  if (isCut) return 'more';
  const at = record.arrays.findIndex((array) => array.id === id);
  if (at >= 0) record.arrays.splice(at, 1);
  for (const [key, known] of record.keys) if (known.id === id) record.keys.delete(key);
  return 'purged';
}

function putSize(record: MemoryRecord, size: DirectorySize): void {
  const job = record.jobs.get(size.id);
  if (job === undefined || (size.isOver && job.state !== 'over')) return;
  if (size.isOver) record.diskDue.delete(size.id);
  if (job.state === 'over' && job.archivedAt !== undefined) return;
  const known = record.disk.get(size.id);
  const isLater = known === undefined || known.measuredAt <= size.measuredAt;
  if (isLater && (size.isOver || known?.isOver !== true)) record.disk.set(size.id, size);
}
