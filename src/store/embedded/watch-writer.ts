// What watchers write: accounting, leases, kills with a reason, and what of the aftermath is done. Runs inside the writer's transactions.
import type { NamedLease } from '../../contracts/watching.js';
import { unreachable } from '../../core/assert.js';
import { aftermathIn, aftermathText } from './aftermath.js';
import type { Call, LaunchColumns, WatchWrites } from './requests.js';
import type { Database, Row } from './sqlite.js';

const LEASE = 'name, epoch, holder, beat';

const prepareAll = (database: Database) => ({
  record: database.prepare('INSERT OR IGNORE INTO accounting VALUES (?, ?, ?, ?)'),
  // Only with a record that is new, in the same transaction: so sums are exact.
  sum: database.prepare(
    `INSERT INTO accounting_days VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET launches = launches + 1, ran_ms = ran_ms + excluded.ran_ms,
       waited_ms = waited_ms + excluded.waited_ms, cpu_ms = cpu_ms + excluded.cpu_ms,
       gpu_ms = gpu_ms + excluded.gpu_ms, mem_mb_seconds = mem_mb_seconds + excluded.mem_mb_seconds`,
  ),
  aftermath: database.prepare('SELECT aftermath FROM jobs WHERE id = ?'),
  putAftermath: database.prepare('UPDATE jobs SET aftermath = ? WHERE id = ?'),
  wantKill: database.prepare(
    `UPDATE jobs SET kill_wanted_by = ?, kill_wanted_at = ?, kill_because = ?, version = version + 1
     WHERE id = ? AND launches = ? AND kill_wanted_by IS NULL
       AND state IN ('launching', 'running', 'unreachable', 'killing')`,
  ),
  task: database.prepare(
    `SELECT 1 FROM jobs WHERE id = ? AND launches = ?
       AND state IN ('launching', 'running', 'unreachable', 'killing')`,
  ),
  firstLease: database.prepare('INSERT OR IGNORE INTO leases VALUES (?, 1, ?, 0)'),
  takeLease: database.prepare(
    `UPDATE leases SET epoch = epoch + 1, holder = ?, beat = 0
     WHERE name = ? AND epoch = ? AND holder = ? AND beat = ?`,
  ),
  beat: database.prepare(`UPDATE leases SET beat = beat + 1 WHERE holder = ? RETURNING ${LEASE}`),
  free: database.prepare("UPDATE leases SET holder = '' WHERE name = ? AND holder = ?"),
  drop: database.prepare(
    'DELETE FROM leases WHERE name = ? AND epoch = ? AND holder = ? AND beat = ?',
  ),
});

export const namedLeaseOf = ([name, epoch, holder, beat]: Row): NamedLease => ({
  name: String(name),
  epoch: Number(epoch),
  holder: String(holder),
  beat: Number(beat),
});

export class WatchWriter {
  readonly #statements: ReturnType<typeof prepareAll>;

  constructor(database: Database) {
    this.#statements = prepareAll(database);
  }

  do(call: Call<WatchWrites>): WatchWrites[keyof WatchWrites]['answer'] {
    const statements = this.#statements;
    switch (call.kind) {
      case 'account':
        return call.ask.map((launch) => this.#account(launch));
      case 'aftermathDone':
        for (const { id, names } of call.ask) this.#done(id, names);
        return undefined;
      case 'wantKillOf': {
        const { id, launch, by, at, because } = call.ask;
        if (statements.wantKill.run(by, at, because, id, launch) > 0) return 'wanted';
        return statements.task.get(id, launch) === undefined ? 'gone' : 'already';
      }
      case 'takeLeases':
        return this.#take(call.ask);
      case 'beatLeases':
        return statements.beat.all(call.ask).map(namedLeaseOf).sort(byName);
      case 'freeLeases':
        for (const name of call.ask.names) statements.free.run(name, call.ask.holder);
        return undefined;
      case 'dropLeases':
        for (const { name, epoch, holder, beat } of call.ask)
          statements.drop.run(name, epoch, holder, beat);
        return undefined;
      default:
        return unreachable(call);
    }
  }

  /** Whether it is new. */
  #account(launch: LaunchColumns): boolean {
    const { job, launch: number, day, record, project, owner, queue, executor } = launch;
    if (this.#statements.record.run(job, number, day, record) === 0) return false;
    const { isCharged, ranMs, waitedMs, cpuMs, gpuMs, memMbSeconds } = launch;
    this.#statements.sum.run(
      ...[day, project, owner, queue, executor, isCharged ? 1 : 0],
      ...[ranMs, waitedMs, cpuMs, gpuMs, memMbSeconds],
    );
    return true;
  }

  /** Steps of the leader add to it, but not within this transaction. */
  #done(id: number, names: readonly string[]): void {
    const text = this.#statements.aftermath.get(id)?.[0];
    if (text === undefined || text === null) return;
    const left = aftermathIn(String(text)).filter(({ name }) => !names.includes(name));
    this.#statements.putAftermath.run(left.length === 0 ? null : aftermathText(left), id);
  }

  #take({ holder, wanted }: WatchWrites['takeLeases']['ask']): readonly NamedLease[] {
    const { firstLease, takeLease } = this.#statements;
    return wanted.flatMap(({ name, seen }) => {
      if (seen === null)
        return firstLease.run(name, holder) > 0 ? [{ name, epoch: 1, holder, beat: 0 }] : [];
      const { epoch, holder: former, beat } = seen;
      return takeLease.run(holder, name, epoch, former, beat) > 0
        ? [{ name, epoch: epoch + 1, holder, beat: 0 }]
        : [];
    });
  }
}

const byName = (a: NamedLease, b: NamedLease): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

const inRecord = (path: string): string => `json_extract(record, '$.${path}')`;

/** Sums of days out of all records; those that are damaged are in none. */
export function sumLaunchesAgain(database: Database): void {
  database.exec('DELETE FROM accounting_days');
  database.exec(`INSERT INTO accounting_days
    SELECT day, ${inRecord('project')}, ${inRecord('owner')}, coalesce(${inRecord('queue')}, ''),
      ${inRecord('executor')}, ${inRecord('isCharged')}, count(*), sum(${inRecord('ranMs')}),
      sum(${inRecord('waitedMs')}), sum(${inRecord('allocated.cpuMs')}),
      sum(${inRecord('allocated.gpuMs')}), sum(${inRecord('allocated.memMbSeconds')})
    FROM accounting WHERE json_valid(record) GROUP BY 1, 2, 3, 4, 5, 6`);
}
