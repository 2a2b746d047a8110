/**
 * The audit log on MongoDB: a document for each entry, whose number is its id. Who adds one reads the newest and inserts the next number; of
 * several that do so at once one wins, the others link theirs anew behind it. So the chain never has a gap, and nothing is locked.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MongoBulkWriteError } from 'mongodb';
import type { AuditQuery } from '../../contracts/audit.js';
import type { AuditEntry, AuditNote } from '../../core/audit.js';
import {
  type AuditHead,
  type AuditRecord,
  NO_HEAD,
  type SealedNote,
} from '../../core/audit-chain.js';
import { auditColumns, auditRecordOf, linkedBehind, sealedNotes } from '../audit-columns.js';
import { auditColumnsOf, auditDocument } from './audit-documents.js';
import type { Collections } from './documents.js';
import { OF_MAJORITY } from './fold.js';
import { audited } from './questions.js';
import { isRepeatAlone, unavailable } from './trouble.js';

/** In each round somebody wins: who loses so often looks as if something were wrong. */
const TRIES_MAX = 500;
const PAUSE_MS_MAX = 20;

type Audit = Pick<Collections, 'audit'>;

export const appendAudit = (
  collections: Audit,
  notes: readonly AuditNote[],
): Promise<readonly AuditEntry[]> => append(collections, sealedNotes(notes));

/**
 * Adds them in their order, entries of others perhaps between them.
 * @throws ServiceError store-unavailable `busy`, or what ails the server; some may stand by then
 */
export async function append(
  collections: Audit,
  notes: readonly SealedNote[],
): Promise<readonly AuditEntry[]> {
  const added: AuditEntry[] = [];
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const head = (await newest(collections)) ?? NO_HEAD;
    const entries = linkedBehind(head, notes.slice(added.length));
    const count = await insert(collections, entries);
    added.push(...entries.slice(0, count));
    if (added.length === notes.length) return added;
    await sleep(Math.random() * PAUSE_MS_MAX);
  }
  throw unavailable('busy', 'others write to the audit log all the time');
}

/** How many of them got their number: those up to the first that another entry has. */
async function insert({ audit }: Audit, entries: readonly AuditEntry[]): Promise<number> {
  try {
    const documents = entries.map((entry) => auditDocument(auditColumns(entry)));
    await audit.insertMany(documents, { ordered: true });
    return entries.length;
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError) || !isRepeatAlone(error)) throw error;
    return [error.writeErrors].flat()[0]?.index ?? 0;
  }
}

/** As the primary has it: what is linked behind it stands or falls with it. */
async function newest({ audit }: Audit): Promise<AuditHead | undefined> {
  const found = await audit.find({}).sort({ _id: -1 }).limit(1).toArray();
  return found[0] && { seq: found[0]._id, hash: found[0].hash };
}

/** What a majority has. */
export async function auditHead({ audit }: Audit): Promise<AuditHead | undefined> {
  const found = await audit.find({}, OF_MAJORITY).sort({ _id: -1 }).limit(1).toArray();
  return found[0] && { seq: found[0]._id, hash: found[0].hash };
}

export async function auditPage(
  { audit }: Audit,
  query: AuditQuery,
): Promise<readonly AuditRecord[]> {
  const { filter, sort = {} } = audited(query);
  const found = await audit.find(filter, OF_MAJORITY).sort(sort).limit(query.limit).toArray();
  return found.map((document) => auditRecordOf(auditColumnsOf(document)));
}
