// Audit entries as both databases keep them: columns that are asked for, and two documents. What the columns tell must be what the documents tell.
import { createHash, randomBytes } from 'node:crypto';
import {
  type AuditEntry,
  type AuditNote,
  type AuditPersonal,
  type ChainedAudit,
  cleanNote,
  PERSONAL_FIELDS,
} from '../core/audit.js';
import {
  type AuditHead,
  type AuditRecord,
  type Digest,
  linkedAll,
  type SealedNote,
  sealed,
} from '../core/audit-chain.js';

export interface AuditColumns {
  readonly seq: number;
  readonly at: number;
  readonly act: string;
  /** Null: there is none, or it was erased. */
  readonly actor: string | null;
  readonly subjectKind: string | null;
  readonly subjectId: string | null;
  readonly hash: string;
  /** What is chained, as JSON: never changed. */
  readonly entry: string;
  /** What may name persons, as JSON. */
  readonly personal: string;
}

const SALT_BYTES = 16;

/** Hex SHA-256. */
export const sha256: Digest = (text) => createHash('sha256').update(text, 'utf8').digest('hex');
const salt = (): string => randomBytes(SALT_BYTES).toString('hex');

/** With seals of their own, ready for a place in the chain. */
export const sealedNotes = (notes: readonly AuditNote[]): readonly SealedNote[] =>
  notes.map((note) => sealed(cleanNote(note), { digest: sha256, salt }));

export const linkedBehind = (
  head: AuditHead,
  notes: readonly SealedNote[],
): readonly AuditEntry[] => linkedAll(notes, head, sha256);

export function auditColumns({ chained, personal }: AuditEntry): AuditColumns {
  const { seq, at, act, subjectKind, hash } = chained;
  return {
    ...{ seq, at, act, subjectKind, hash },
    actor: textOf(personal, 'actor'),
    subjectId: textOf(personal, 'subjectId'),
    entry: JSON.stringify(chained),
    personal: JSON.stringify(personal),
  };
}

function textOf(personal: AuditPersonal, field: 'actor' | 'subjectId'): string | null {
  const value = personal[field]?.value;
  return typeof value === 'string' ? value : null;
}

/** Whatever stands there: a record that was meddled with comes as damaged. */
export function auditRecordOf(columns: AuditColumns): AuditRecord {
  const damaged = (damage: string): AuditRecord => ({ seq: columns.seq, damage });
  const chained = parsed(columns.entry);
  const personal = parsed(columns.personal);
  if (!isChained(chained)) return damaged('the entry cannot be read');
  if (!isPersonal(personal)) return damaged('what stands beside the entry cannot be read');
  const entry = { chained, personal };
  const told = auditColumns(entry);
  const names = ['seq', 'at', 'act', 'actor', 'subjectKind', 'subjectId', 'hash'] as const;
  const other = names.find((name) => told[name] !== columns[name]);
  return other === undefined ? entry : damaged(`the column ${other} tells something else`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isChained(value: unknown): value is ChainedAudit {
  if (!isObject(value) || !isObject(value.seals)) return false;
  const texts = [value.act, value.outcome, value.via, value.previous, value.hash];
  const numbers = [value.seq, value.at, value.count];
  const { subjectKind, seals } = value;
  return (
    texts.every((one) => typeof one === 'string') &&
    numbers.every((one) => Number.isSafeInteger(one)) &&
    (subjectKind === null || typeof subjectKind === 'string') &&
    areFields(seals, (seal) => typeof seal === 'string')
  );
}

const isPersonal = (value: unknown): value is AuditPersonal =>
  isObject(value) &&
  areFields(
    value,
    (one) => isObject(one) && typeof one.salt === 'string' && one.value !== undefined,
  );

const areFields = (
  value: Readonly<Record<string, unknown>>,
  isRight: (value: unknown) => boolean,
): boolean =>
  Object.entries(value).every(
    ([name, one]) => (PERSONAL_FIELDS as readonly string[]).includes(name) && isRight(one),
  );
