// The audit log on its way through an export or import: its chain is checked, and an import adds its own entry behind it.
import type { BackupRecord } from '../../contracts/backup.js';
import type { AuditNote } from '../../core/audit.js';
import { type AuditHead, type BrokenChain, ChainCheck, NO_HEAD } from '../../core/audit-chain.js';
import {
  auditColumns,
  auditRecordOf,
  linkedBehind,
  sealedNotes,
  sha256,
} from '../audit-columns.js';

export class AuditPassing {
  readonly #check = new ChainCheck(sha256);
  #last = NO_HEAD;

  /** Records of other kinds are passed over. */
  add(record: BackupRecord): void {
    if (record.kind !== 'audit') return;
    this.#check.add(auditRecordOf(record));
    this.#last = { seq: record.seq, hash: record.hash };
  }

  /** Undefined: the chain is whole. */
  broken(): BrokenChain | undefined {
    return this.#check.ends(this.#last.seq);
  }

  /** The last one that passed, whether it was right or not. */
  get last(): AuditHead {
    return this.#last;
  }

  /** An entry behind all that passed. */
  next(note: AuditNote): readonly BackupRecord[] {
    return linkedBehind(this.#last, sealedNotes([note])).map((entry) => ({
      kind: 'audit',
      ...auditColumns(entry),
    }));
  }
}
