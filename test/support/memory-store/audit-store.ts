// The part of the store in memory for the audit log.
import type { AuditQuery, AuditStore } from '../../../src/contracts/audit.js';
import { PAGE_ITEMS_MAX } from '../../../src/contracts/limits.js';
import type { AuditEntry, AuditNote } from '../../../src/core/audit.js';
import { type AuditHead, type AuditRecord, NO_HEAD } from '../../../src/core/audit-chain.js';
import {
  auditColumns,
  auditRecordOf,
  linkedBehind,
  sealedNotes,
} from '../../../src/store/audit-columns.js';
import { MemoryDiskStore } from './disk-store.js';

export class MemoryAuditStore extends MemoryDiskStore implements AuditStore {
  appendAudit(notes: readonly AuditNote[]): Promise<readonly AuditEntry[]> {
    const sent = sealedNotes(notes);
    return this.do('appendAudit', ({ audit }) => {
      const added = linkedBehind(audit.at(-1) ?? NO_HEAD, sent);
      audit.push(...added.map(auditColumns));
      return added;
    });
  }

  auditPage(query: AuditQuery): Promise<readonly AuditRecord[]> {
    const { after, limit, actor, acts, subject, from, to } = query;
    return this.do('auditPage', ({ audit }) =>
      audit
        .filter(
          (one) =>
            one.seq > after &&
            (actor === undefined || one.actor === actor) &&
            (acts === undefined || acts.includes(one.act)) &&
            (subject === undefined || one.subjectKind === subject.kind) &&
            (subject?.id === undefined || one.subjectId === subject.id) &&
            (from === undefined || one.at >= from) &&
            (to === undefined || one.at < to),
        )
        .slice(0, Math.min(limit, PAGE_ITEMS_MAX))
        .map(auditRecordOf),
    );
  }

  auditHead(): Promise<AuditHead | undefined> {
    return this.do('auditHead', ({ audit }) => {
      const last = audit.at(-1);
      return last && { seq: last.seq, hash: last.hash };
    });
  }
}
