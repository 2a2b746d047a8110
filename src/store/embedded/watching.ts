// The part of the store for watchers and accounting.
import type {
  AccountingQuery,
  AccountingRecord,
  AccountingStore,
  AccountingSum,
} from '../../contracts/accounting.js';
import type { Lease } from '../../contracts/store.js';
import type {
  JobAftermath,
  LeaseStore,
  NamedLease,
  RunningVersion,
  SlotQuery,
  WatchedStore,
} from '../../contracts/watching.js';
import type { KillWanted } from '../../core/job.js';
import { type JobId, jobId } from '../../core/units.js';
import { aftermathIn } from './aftermath.js';
import { EmbeddedAudit } from './audit-store.js';
import { launchColumns } from './launch-columns.js';
import { UnreadableRecord } from './rows.js';
import type { Row } from './sqlite.js';
import { namedLeaseOf } from './watch-writer.js';

const askOf = ({ slots, after, limit }: SlotQuery) => ({ slots, after: after ?? 0, limit });

export class Watching extends EmbeddedAudit implements AccountingStore, LeaseStore, WatchedStore {
  async account(records: readonly AccountingRecord[]): Promise<readonly AccountingRecord[]> {
    if (records.length === 0) return [];
    const areNew = await this.writer.call('account', records.map(launchColumns));
    return records.filter((_, at) => areNew[at]);
  }

  async accountOf(id: JobId): Promise<readonly AccountingRecord[]> {
    const rows = await this.reader.call('accountOf', id);
    return this.readable(rows, ([record]) =>
      parsed(id, () => JSON.parse(String(record)) as AccountingRecord),
    );
  }

  async accountSums({ from, until, project }: AccountingQuery): Promise<readonly AccountingSum[]> {
    const ask = { from, until, project: project ?? null };
    return (await this.reader.call('accountSums', ask)).map(sumOf);
  }

  async leases(): Promise<readonly NamedLease[]> {
    return (await this.reader.call('leases', null)).map(namedLeaseOf);
  }

  takeLeases(
    holder: string,
    wanted: readonly { readonly name: string; readonly seen: Lease | undefined }[],
  ): Promise<readonly NamedLease[]> {
    const asked = wanted.map(({ name, seen }) => ({ name, seen: seen ?? null }));
    return this.writer.call('takeLeases', { holder, wanted: asked });
  }

  beatLeases(holder: string): Promise<readonly NamedLease[]> {
    return this.writer.call('beatLeases', holder);
  }

  freeLeases(holder: string, names: readonly string[]): Promise<void> {
    return this.writer.call('freeLeases', { holder, names });
  }

  dropLeases(seen: readonly NamedLease[]): Promise<void> {
    return this.writer.call('dropLeases', seen);
  }

  async running(query: SlotQuery): Promise<readonly RunningVersion[]> {
    const rows = await this.reader.call('running', askOf(query));
    return rows.map(([id, version]) => ({ id: jobId(Number(id)), version: Number(version) }));
  }

  wantKillOf(
    { id, launch }: { readonly id: JobId; readonly launch: number },
    { by, at, because }: KillWanted,
  ): Promise<'wanted' | 'already' | 'gone'> {
    const why = because === undefined ? null : JSON.stringify(because);
    return this.writer.call('wantKillOf', { id, launch, by, at, because: why });
  }

  async aftermathDue(query: SlotQuery): Promise<readonly JobAftermath[]> {
    const rows = await this.reader.call('aftermathDue', askOf(query));
    return this.readable(rows, ([id, text]) => {
      const job = jobId(Number(id));
      return { id: job, due: parsed(job, () => aftermathIn(String(text))) };
    });
  }

  aftermathDone(
    done: readonly { readonly id: JobId; readonly names: readonly string[] }[],
  ): Promise<void> {
    return this.writer.call('aftermathDone', done);
  }
}

/** @throws UnreadableRecord */
function parsed<T>(id: JobId, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new UnreadableRecord(id, { cause });
  }
}

function sumOf(row: Row): AccountingSum {
  const [day, project, owner, queue, executor, isCharged, ...amounts] = row;
  const [launches = 0, ranMs = 0, waitedMs = 0, cpuMs = 0, gpuMs = 0, memMbSeconds = 0] =
    amounts.map(Number);
  return {
    day: Number(day),
    project: String(project),
    owner: String(owner),
    queue: queue === '' ? null : String(queue),
    executor: String(executor),
    isCharged: isCharged === 1,
    ...{ launches, ranMs, waitedMs, cpuMs, gpuMs, memMbSeconds },
  };
}
