// The audit log in SQLite: entries are linked inside the writer's transaction, so that all processes on the file make one chain.
import type { AuditQuery } from '../../contracts/audit.js';
import type { AuditNote } from '../../core/audit.js';
import { type AuditHead, NO_HEAD, type SealedNote } from '../../core/audit-chain.js';
import {
  type AuditColumns,
  auditColumns,
  auditRecordOf,
  linkedBehind,
  sealedNotes,
} from '../audit-columns.js';
import type { Database, Row, Statement, Value } from './sqlite.js';

/** Step of the schema. */
export const AUDIT_TABLE = `
  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    act TEXT NOT NULL,
    actor TEXT,
    subject_kind TEXT,
    subject_id TEXT,
    hash TEXT NOT NULL,
    entry TEXT NOT NULL,
    personal TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_at ON audit (at, seq);
  CREATE INDEX audit_act ON audit (act, seq);
  CREATE INDEX audit_actor ON audit (actor, seq);
  CREATE INDEX audit_subject ON audit (subject_kind, subject_id, seq);
`;

const COLUMNS = 'seq, at, act, actor, subject_kind, subject_id, hash, entry, personal';
const HEAD = 'SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1';

const auditHeadOf = (row: Row | undefined): AuditHead | undefined =>
  row === undefined ? undefined : { seq: Number(row[0]), hash: String(row[1]) };

/** Inside a transaction that has the write lock. */
export class AuditWriter {
  readonly #head: Statement;
  readonly #put: Statement;

  constructor(database: Database) {
    this.#head = database.prepare(HEAD);
    this.#put = database.prepare(
      `INSERT INTO audit (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  append(notes: readonly SealedNote[]): readonly AuditColumns[] {
    const head = auditHeadOf(this.#head.get()) ?? NO_HEAD;
    const all = linkedBehind(head, notes).map(auditColumns);
    for (const { seq, at, act, actor, subjectKind, subjectId, hash, entry, personal } of all)
      this.#put.run(seq, at, act, actor, subjectKind, subjectId, hash, entry, personal);
    return all;
  }
}

/** Beside a change of the schema, in its transaction. */
export function appendInside(database: Database, notes: readonly AuditNote[]): void {
  new AuditWriter(database).append(sealedNotes(notes));
}

export class AuditReader {
  readonly #database: Database;
  readonly #head: Statement;
  readonly #pages = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
    this.#head = database.prepare(HEAD);
  }

  head(): AuditHead | undefined {
    return auditHeadOf(this.#head.get());
  }

  page({ after, limit, actor, acts, subject, from, to }: AuditQuery): readonly Row[] {
    const claims: string[] = ['seq > ?'];
    const values: Value[] = [after];
    const claim = (text: string, value: Value | undefined): void => {
      if (value === undefined) return;
      claims.push(text);
      values.push(value);
    };
    claim('actor = ?', actor);
    claim('act IN (SELECT value FROM json_each(?))', acts && JSON.stringify(acts));
    claim('subject_kind = ?', subject?.kind);
    claim('subject_id = ?', subject?.id);
    claim('at >= ?', from);
    claim('at < ?', to);
    const sql = `SELECT ${COLUMNS} FROM audit WHERE ${claims.join(' AND ')} ORDER BY seq LIMIT ?`;
    const statement = this.#pages.get(sql) ?? this.#database.prepare(sql);
    this.#pages.set(sql, statement);
    return statement.all(...values, limit);
  }
}

export const auditRecordIn = (row: Row) => {
  const [seq, at, act, actor, subjectKind, subjectId, hash, entry, personal] = row;
  const textOr = (value: unknown) => (value === null ? null : String(value));
  return auditRecordOf({
    seq: Number(seq),
    at: Number(at),
    act: String(act),
    actor: textOr(actor),
    subjectKind: textOr(subjectKind),
    subjectId: textOr(subjectId),
    hash: String(hash),
    entry: String(entry),
    personal: String(personal),
  });
};
