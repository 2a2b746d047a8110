// The part of the store for the audit log.
import type { AuditQuery, AuditStore } from '../../contracts/audit.js';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import type { AuditEntry, AuditNote } from '../../core/audit.js';
import type { AuditHead, AuditRecord, SealedNote } from '../../core/audit-chain.js';
import { sealedNotes } from '../audit-columns.js';
import { MongoAccountStore, type MongoParts } from './account-store.js';
import { append, auditHead, auditPage } from './audit-book.js';
import type { Collections } from './documents.js';
import { Gathering } from './gathering.js';

/** Entries of one insert. */
const GROUP_ENTRIES_MAX = 200;

export class MongoAuditStore extends MongoAccountStore implements AuditStore {
  readonly #collections: Collections;
  /** One at a time: calls of one process need not race each other. */
  readonly #appending: Gathering<readonly SealedNote[], readonly AuditEntry[]>;

  constructor(parts: MongoParts) {
    super(parts);
    this.#collections = parts.collections;
    this.#appending = new Gathering(
      { groupsMax: 1, weightMax: GROUP_ENTRIES_MAX },
      async (groups) => {
        const added = await append(parts.collections, groups.flat());
        let from = 0;
        return groups.map(({ length }) => {
          from += length;
          const answer: readonly AuditEntry[] = added.slice(from - length, from);
          return { answer };
        });
      },
    );
  }

  appendAudit(notes: readonly AuditNote[]): Promise<readonly AuditEntry[]> {
    return this.write(
      async () =>
        notes.length === 0 ? [] : this.#appending.call(sealedNotes(notes), notes.length),
      (added) => added.length > 0,
    );
  }

  auditPage(query: AuditQuery): Promise<readonly AuditRecord[]> {
    const limit = Math.min(query.limit, PAGE_ITEMS_MAX);
    return this.do(() => auditPage(this.#collections, { ...query, limit }));
  }

  auditHead(): Promise<AuditHead | undefined> {
    return this.do(() => auditHead(this.#collections));
  }
}
