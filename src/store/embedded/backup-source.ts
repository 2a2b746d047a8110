// Reads the whole record of an embedded store, as it stood at one moment, while a service may go on writing it.
import { existsSync } from 'node:fs';
import {
  type BackupRecord,
  type BackupSource,
  RECORD_FIELDS,
  type RecordKind,
} from '../../contracts/backup.js';
import { ServiceError } from '../../contracts/errors.js';
import { columnsOf, KEPT, type KeptTable } from './backup-tables.js';
import { errorOf } from './channel.js';
import { OLD_CODE, textOf } from './reader.js';
import { checkedVersion, MIGRATIONS } from './schema.js';
import { BUSY_TIMEOUT_MS, Database, DatabaseTrouble, type Row } from './sqlite.js';
import { failureOf } from './writer.js';

/** Jobs of one portion; with their scripts some hundred MiB at the very most. */
const JOBS_PORTION = 200;
const DAYS_PORTION = 1_000;

/** Texts with a NUL would come cut. */
const AS_BYTES = new Set(['script', 'value', 'name']);

/**
 * Opens the file for reading alone. What is written from the first record on is not seen.
 * @throws ServiceError store-unavailable: there is no store, or one of another version
 */
export function openEmbeddedSource(path: string): BackupSource {
  if (!existsSync(path))
    throw new ServiceError('store-unavailable', `there is no store at ${path}`, {
      because: 'cannot-open',
    });
  return guarded(() => new EmbeddedSource(openCurrent(path)));
}

/** @throws ServiceError store-unavailable: the file is of another version, or none of ours */
export function requireCurrentFile(path: string): void {
  guarded(() => openCurrent(path).close());
}

function openCurrent(path: string): Database {
  const database = Database.open(path, { create: false, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    const version = checkedVersion(database);
    if (version < MIGRATIONS.length)
      throw new DatabaseTrouble(
        'not-a-store',
        `the store at ${path} has schema ${version} and this GoDocker writes ${MIGRATIONS.length}; start the service once, it brings it over`,
      );
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

class EmbeddedSource implements BackupSource {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async *records(): AsyncGenerator<readonly BackupRecord[]> {
    guarded(() => this.#database.exec('BEGIN'));
    try {
      for (const table of ['counters', 'settings', 'users', 'projects', 'quota_resets'] as const)
        yield guarded(() => this.#all(table));
      yield* this.#days();
      yield* this.#jobs();
      yield* this.#launches();
      yield* this.#audit();
    } finally {
      this.#database.exec('ROLLBACK');
    }
  }

  #all(table: KeptTable): readonly BackupRecord[] {
    const columns = columnsOf(table).map((name) => (AS_BYTES.has(name) ? bytesOf(name) : name));
    const keys = table === 'quota_resets' ? 'kind, id' : columnsOf(table)[0];
    const sql = `SELECT ${columns.join(', ')} FROM ${table} ORDER BY ${keys}`;
    const rows = this.#database.prepare(sql).all();
    return rows.map((row) => recordOf(KEPT[table].of, row));
  }

  *#days(): Generator<readonly BackupRecord[]> {
    const next = this.#database.prepare(
      `SELECT ${columnsOf('used_days').join(', ')} FROM used_days
       WHERE (day, owner, project) > (?, ?, ?) ORDER BY day, owner, project LIMIT ${DAYS_PORTION}`,
    );
    let after: readonly [number, string, string] = [-1, '', ''];
    for (;;) {
      const from = after;
      const rows: readonly Row[] = guarded(() => next.all(...from));
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map((row) => recordOf('use', row));
      after = [Number(last[0]), String(last[1]), String(last[2])];
    }
  }

  *#jobs(): Generator<readonly BackupRecord[]> {
    const next = this.#database.prepare(
      `SELECT ${JOB_VALUES} FROM jobs j LEFT JOIN submissions s ON s.id = j.id
         LEFT JOIN disk_jobs d ON d.id = j.id LEFT JOIN disk_due x ON x.id = j.id
       WHERE j.id > ? ORDER BY j.id LIMIT ${JOBS_PORTION}`,
    );
    for (let after = 0; ; ) {
      const from = after;
      const rows: readonly Row[] = guarded(() => next.all(from));
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map((row) => recordOf('job', row));
      after = Number(last[0]);
    }
  }

  *#launches(): Generator<readonly BackupRecord[]> {
    const next = this.#database.prepare(
      `SELECT ${columnsOf('accounting').join(', ')} FROM accounting
       WHERE (job, launch) > (?, ?) ORDER BY job, launch LIMIT ${DAYS_PORTION}`,
    );
    for (let after: readonly [number, number] = [0, 0]; ; ) {
      const from = after;
      const rows: readonly Row[] = guarded(() => next.all(...from));
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map((row) => recordOf('launch', row));
      after = [Number(last[0]), Number(last[1])];
    }
  }

  *#audit(): Generator<readonly BackupRecord[]> {
    const next = this.#database.prepare(
      `SELECT ${columnsOf('audit').join(', ')} FROM audit WHERE seq > ? ORDER BY seq LIMIT ${DAYS_PORTION}`,
    );
    for (let after = 0; ; ) {
      const from = after;
      const rows: readonly Row[] = guarded(() => next.all(from));
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map((row) => recordOf('audit', row));
      after = Number(last[0]);
    }
  }

  async close(): Promise<void> {
    this.#database.close();
  }
}

const bytesOf = (column: string): string => `CAST(${column} AS BLOB)`;

/** A value of each field of a job, in their order. */
const JOB_VALUES = Object.keys(RECORD_FIELDS.job).map(jobValue).join(', ');

function jobValue(field: string): string {
  if (field === 'isDiskDue') return 'CASE WHEN x.id IS NOT NULL THEN 1 END';
  // Jobs that ended before codes stood in a column get theirs.
  if (field === 'exitCode')
    return `coalesce(j.exit_code, (SELECT ${OLD_CODE} FROM jobs WHERE jobs.id = j.id))`;
  for (const [table, letter] of [
    ['jobs', 'j'],
    ['submissions', 's'],
    ['disk_jobs', 'd'],
  ] as const)
    for (const [column, named] of Object.entries(KEPT[table].columns))
      if (named === field)
        return AS_BYTES.has(column) ? bytesOf(`${letter}.${column}`) : `${letter}.${column}`;
  throw new Error(`no column has the field ${field} of jobs`);
}

/** `row` has the fields in their order. */
function recordOf(kind: RecordKind, row: Row): BackupRecord {
  const record: Record<string, unknown> = { kind };
  let at = 0;
  for (const [field, type] of Object.entries<string>(RECORD_FIELDS[kind])) {
    const value = row[at++] ?? null;
    if (value === null) record[field] = null;
    else record[field] = /^(text|document)/.test(type) ? textOf(value) : Number(value);
  }
  return record as unknown as BackupRecord;
}

/** What ails the database as callers of the store see it. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof DatabaseTrouble ? errorOf(failureOf(error)) : error;
  }
}
