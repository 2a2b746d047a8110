// What the collection of the audit log holds.
import type { AuditColumns } from '../audit-columns.js';

/** One entry; `_id` is its number, so that no two have the same. */
export interface AuditDocument extends Omit<AuditColumns, 'seq'> {
  readonly _id: number;
}

export const auditDocument = (columns: AuditColumns): AuditDocument => {
  const { seq, at, act, actor, subjectKind, subjectId, hash, entry, personal } = columns;
  return { _id: seq, at, act, actor, subjectKind, subjectId, hash, entry, personal };
};

export const auditColumnsOf = (document: AuditDocument): AuditColumns => {
  const { _id, at, act, actor, subjectKind, subjectId, hash, entry, personal } = document;
  return { seq: _id, at, act, actor, subjectKind, subjectId, hash, entry, personal };
};
