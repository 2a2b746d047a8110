// The part of the store for the audit log.
import type { AuditQuery, AuditStore } from '../../contracts/audit.js';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import { assert } from '../../core/assert.js';
import type { AuditEntry, AuditNote } from '../../core/audit.js';
import { type AuditHead, type AuditRecord, isDamaged } from '../../core/audit-chain.js';
import { auditRecordOf, sealedNotes } from '../audit-columns.js';
import { EmbeddedAccounts } from './accounts.js';
import { auditRecordIn } from './audit-rows.js';

export class EmbeddedAudit extends EmbeddedAccounts implements AuditStore {
  async appendAudit(notes: readonly AuditNote[]): Promise<readonly AuditEntry[]> {
    if (notes.length === 0) return [];
    const added = await this.writer.call('appendAudit', sealedNotes(notes));
    return added.map((columns) => {
      const record = auditRecordOf(columns);
      assert(!isDamaged(record), 'what was just written can be read');
      return record;
    });
  }

  async auditPage(query: AuditQuery): Promise<readonly AuditRecord[]> {
    const limit = Math.min(query.limit, PAGE_ITEMS_MAX);
    return (await this.reader.call('auditPage', { ...query, limit })).map(auditRecordIn);
  }

  async auditHead(): Promise<AuditHead | undefined> {
    return this.reader.call('auditHead', null);
  }
}
