/**
 * The audit log: who did what to the service and to others, in a chain that can be checked. What users do to their own jobs is not in it; their
 * jobs tell that. Entries are added and never changed.
 */
import type { AuditEntry, AuditNote } from '../core/audit.js';
import type { AuditHead, AuditRecord } from '../core/audit-chain.js';
import type { Instant } from '../core/units.js';

export type {
  AuditAct,
  AuditEntry,
  AuditFacts,
  AuditNote,
  AuditSubjectKind,
  AuditVia,
  ReadAudit,
} from '../core/audit.js';
export type { AuditHead, AuditRecord, DamagedAudit } from '../core/audit-chain.js';

/** In order of number, behind `after`. */
export interface AuditQuery {
  /** 0: from the first one. */
  readonly after: number;
  /** At most `PAGE_ITEMS_MAX`. */
  readonly limit: number;
  readonly actor?: string;
  /** One of these. */
  readonly acts?: readonly string[];
  /** `id` absent: all of that kind. */
  readonly subject?: { readonly kind: string; readonly id?: string };
  /** At this time or later. Clocks of several machines differ: times need not rise with the numbers. */
  readonly from?: Instant;
  /** Before this time. */
  readonly to?: Instant;
}

export interface AuditStore {
  /**
   * Adds entries behind the newest, in their order, and answers them; durable when it resolves. Several processes may do so at once: all entries
   * stand in one chain. A call whose answer is lost may have added them.
   */
  appendAudit(notes: readonly AuditNote[]): Promise<readonly AuditEntry[]>;
  /** A record that is damaged comes as such: it is never left out. */
  auditPage(query: AuditQuery): Promise<readonly AuditRecord[]>;
  /** Undefined: there is none yet. */
  auditHead(): Promise<AuditHead | undefined>;
}

/** Where a process writes its acts. */
export interface AuditTrail {
  /**
   * Before an administrative act: durable when it resolves.
   * @throws ServiceError store-unavailable; then the act must not happen
   */
  write(note: AuditNote): Promise<AuditEntry>;
  /** What nobody waits for: written within seconds, repeats together with their count. Never fails. */
  tell(note: AuditNote): void;
}

/** Of the system itself. */
export const systemNote = (
  note: Pick<AuditNote, 'at' | 'act' | 'subject'> & Partial<Pick<AuditNote, 'facts'>>,
): AuditNote => ({
  ...{ outcome: 'done', actor: 'system', actingFor: null, via: 'system', keyId: null },
  ...{ requestId: null, remote: null, facts: {}, count: 1 },
  ...note,
});
