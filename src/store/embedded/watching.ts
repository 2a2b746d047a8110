// The part of the store for watchers and accounting.
import {
  type AccountingQuery,
  type AccountingRecord,
  type AccountingStore,
  type AccountingSum,
  accountedBy,
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

  takeLeases(holder: string, wanted: readonly WantedLease[]): Promise<readonly NamedLease[]> {
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

  wantKillOf({ id, launch }: LaunchOfJob, { by, at, because }: KillWanted): Promise<KillOfLaunch> {
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

  aftermathDone(done: readonly AftermathDone[]): Promise<void> {
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
  return {
    day: Number(day),
    project: String(project),
    owner: String(owner),
    queue: queue === '' ? null : String(queue),
    executor: String(executor),
    isCharged: isCharged === 1,
    ...accountedBy((_, at) => Number(amounts[at])),
  };
}
