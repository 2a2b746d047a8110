// Fills an embedded store in one transaction: killed at any moment, the file is as it was before.
import type { AuditHead } from '../../contracts/audit.js';
import {
  type BackupRecord,
  type BackupTarget,
  RECORD_KINDS,
  type RecordCounts,
  type RecordKind,
} from '../../contracts/backup.js';
import { refuseFilled, refuseMiscounted } from '../backup/refusals.js';
import { AuditReader } from './audit-rows.js';
import { guarded } from './backup-source.js';
import { columnsOf, fieldsIn, KEPT, type KeptTable, LEFT_OUT } from './backup-tables.js';
import { sumSizesAgain } from './disk-rows.js';
import { migrate, TAG_ALL } from './schema.js';
import { BUSY_TIMEOUT_MS, Database, type Statement, type Value } from './sqlite.js';
import { sumLaunchesAgain } from './watch-writer.js';

/** The table that has one row for each record of a kind. */
const MAIN = {
  counter: 'counters',
  setting: 'settings',
  user: 'users',
  project: 'projects',
  quotaReset: 'quota_resets',
  use: 'used_days',
  job: 'jobs',
  launch: 'accounting',
  audit: 'audit',
} as const satisfies Record<RecordKind, KeptTable>;

/** Of a job: tables that have a row only where this field has a value. */
const PARTS = { submissions: 'asked', disk_jobs: 'diskBytes', disk_due: 'isDiskDue' } as const;
type Part = keyof typeof PARTS;

/**
 * Opens the file, making or upgrading it. The caller sees to it that no service has it.
 * @throws ServiceError store-unavailable
 */
export function openEmbeddedTarget(path: string): BackupTarget {
  return guarded(() => {
    const database = Database.open(path, { create: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
    migrate(database);
    return new EmbeddedTarget(database);
  });
}

class EmbeddedTarget implements BackupTarget {
  readonly #database: Database;
  readonly #statements = new Map<KeptTable, Statement>();

  constructor(database: Database) {
    this.#database = database;
  }

  async auditHead(): Promise<AuditHead | undefined> {
    return guarded(() => new AuditReader(this.#database).head());
  }

  async begin({ isReplacing }: { readonly isReplacing: boolean }): Promise<void> {
    guarded(() => this.#database.exec('BEGIN IMMEDIATE'));
    if (isReplacing) {
      for (const table of Object.keys({ ...KEPT, ...LEFT_OUT }))
        if (table !== 'lease') guarded(() => this.#database.exec(`DELETE FROM ${table}`));
      // A leader of before, should one be left, writes nothing any more.
      guarded(() => this.#database.exec("UPDATE lease SET epoch = epoch + 1, holder = ''"));
      return;
    }
    try {
      refuseFilled(this.#found());
    } catch (error) {
      await this.abandon();
      throw error;
    }
  }

  async put(records: readonly BackupRecord[]): Promise<void> {
    guarded(() => {
      for (const record of records) this.#put(record);
    });
  }

  #put(record: BackupRecord): void {
    const values: Readonly<Record<string, unknown>> = { ...record };
    this.#insert(MAIN[record.kind], values);
    if (record.kind !== 'job') return;
    for (const [part, field] of Object.entries(PARTS) as [Part, string][]) {
      const value = values[field];
      if (value === null || value === 0) continue;
      this.#insert(part, part === 'disk_due' ? { isDiskDue: record.id } : values);
    }
  }

  #insert(table: KeptTable, values: Readonly<Record<string, unknown>>): void {
    let statement = this.#statements.get(table);
    if (statement === undefined) {
      const columns = columnsOf(table);
      const marks = columns.map(() => '?').join(', ');
      statement = this.#database.prepare(
        `INSERT OR REPLACE INTO ${table} (${columns.join(', ')}) VALUES (${marks})`,
      );
      this.#statements.set(table, statement);
    }
    statement.run(...fieldsIn(table).map((field) => (values[field] ?? null) as Value));
  }

  async finish(expected: RecordCounts): Promise<void> {
    refuseMiscounted(
      expected,
      guarded(() => this.#found()),
    );
    guarded(() => {
      this.#database.exec(TAG_ALL);
      sumSizesAgain(this.#database);
      sumLaunchesAgain(this.#database);
      this.#database.exec('COMMIT');
    });
  }

  async abandon(): Promise<void> {
    guarded(() => this.#database.exec('ROLLBACK'));
  }

  async close(): Promise<void> {
    guarded(() => {
      this.#database.pragma('wal_checkpoint(TRUNCATE)');
      this.#database.close();
    });
  }

  #found(): RecordCounts {
    const counts = RECORD_KINDS.map((kind) => [
      kind,
      Number(this.#database.prepare(`SELECT count(*) FROM ${MAIN[kind]}`).get()?.[0]),
    ]);
    return Object.fromEntries(counts) as RecordCounts;
  }
}
