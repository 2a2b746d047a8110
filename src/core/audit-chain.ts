/**
 * The chain of audit entries: each holds the hash of the one before, so that a change, a gap or an exchange anywhere is found. Cutting off the
 * newest entries leaves a whole chain: that is found by comparing with a head that was noted elsewhere.
 */
import {
  type AuditEntry,
  type AuditNote,
  type AuditPersonal,
  type AuditValue,
  type ChainedAudit,
  canonical,
  PERSONAL_FIELDS,
  type PersonalField,
} from './audit.js';

/** Hex digest of a text's UTF-8. */
export type Digest = (text: string) => string;

/** The newest entry. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

export const FIRST_PREVIOUS = '0'.repeat(64);
/** Of an empty log. */
export const NO_HEAD: AuditHead = { seq: 0, hash: FIRST_PREVIOUS };

/** The form that is hashed; another one gets another name. */
const FORM = 'godocker-audit-1';

/** A note before it has its place. */
export interface SealedNote {
  readonly chained: Omit<ChainedAudit, 'seq' | 'previous' | 'hash'>;
  readonly personal: AuditPersonal;
}

/** `salt` gives at least 128 unforeseeable bits, as hex. */
export function sealed(
  note: AuditNote,
  { digest, salt }: { readonly digest: Digest; readonly salt: () => string },
): SealedNote {
  const values: Readonly<Record<PersonalField, AuditValue>> = {
    actor: note.actor,
    actingFor: note.actingFor,
    keyId: note.keyId,
    requestId: note.requestId,
    remote: note.remote,
    subjectId: note.subject?.id ?? null,
    facts: Object.keys(note.facts).length === 0 ? null : note.facts,
  };
  const personal: Partial<Record<PersonalField, { salt: string; value: AuditValue }>> = {};
  const seals: Partial<Record<PersonalField, string>> = {};
  for (const field of PERSONAL_FIELDS) {
    const value = values[field];
    if (value === null) continue;
    const one = { salt: salt(), value };
    personal[field] = one;
    seals[field] = sealOf(one, digest);
  }
  const { at, act, outcome, via, count } = note;
  const subjectKind = note.subject?.kind ?? null;
  return { chained: { at, act, outcome, via, subjectKind, count, seals }, personal };
}

/** In its place behind `head`. */
export function linked(note: SealedNote, head: AuditHead, digest: Digest): AuditEntry {
  const chained = { ...note.chained, seq: head.seq + 1, previous: head.hash };
  return { chained: { ...chained, hash: hashOf(chained, digest) }, personal: note.personal };
}

/** All behind each other. */
export function linkedAll(
  notes: readonly SealedNote[],
  head: AuditHead,
  digest: Digest,
): readonly AuditEntry[] {
  const entries: AuditEntry[] = [];
  let last = head;
  for (const note of notes) {
    const entry = linked(note, last, digest);
    entries.push(entry);
    last = entry.chained;
  }
  return entries;
}

const sealOf = ({ salt, value }: { salt: string; value: AuditValue }, digest: Digest): string =>
  digest(`${salt}\n${canonical(value)}`);

const hashOf = (entry: Omit<ChainedAudit, 'hash'>, digest: Digest): string =>
  digest(canonicalEntry(entry));

/** A list in a fixed order, so that no two entries have the same text. */
export const canonicalEntry = (entry: Omit<ChainedAudit, 'hash'>): string =>
  JSON.stringify([
    ...[FORM, entry.seq, entry.at, entry.act, entry.outcome, entry.via, entry.subjectKind],
    entry.count,
    PERSONAL_FIELDS.map((field) => entry.seals[field] ?? null),
    entry.previous,
  ]);

/** A record at the place of an entry that cannot be read, or whose parts tell different things. */
export interface DamagedAudit {
  readonly seq: number;
  readonly damage: string;
}
export type AuditRecord = AuditEntry | DamagedAudit;

export const isDamaged = (record: AuditRecord): record is DamagedAudit => 'damage' in record;
export const seqOf = (record: AuditRecord): number =>
  isDamaged(record) ? record.seq : record.chained.seq;

/** What is wrong at the first place where the chain is broken. */
export interface BrokenChain {
  readonly seq: number;
  /**
   * `damaged`: it cannot be read; `missing`: there is none; `changed`: it is not what its hash says; `unlinked`: it does not follow the one before;
   * `unsealed`: a value is not what its seal says; `another`: a whole chain, but not the one whose head was noted.
   */
  readonly because: 'damaged' | 'missing' | 'changed' | 'unlinked' | 'unsealed' | 'another';
}

/** Walks a chain entry by entry; stays at the first one that is wrong. */
export class ChainCheck {
  readonly #digest: Digest;
  readonly #noted: AuditHead | undefined;
  #head = NO_HEAD;
  #broken: BrokenChain | undefined;
  #erased = 0;

  /** @param noted a head that was written down elsewhere: its entry must be in the chain */
  constructor(digest: Digest, noted?: AuditHead) {
    this.#digest = digest;
    this.#noted = noted;
  }

  /** The next one in order of number. */
  add(record: AuditRecord): void {
    if (this.#broken !== undefined) return;
    const seq = this.#head.seq + 1;
    const because = this.#fault(record, seq);
    if (because !== undefined) {
      this.#broken = { seq, because };
      return;
    }
    if (!isDamaged(record)) this.#head = { seq, hash: record.chained.hash };
  }

  #fault(record: AuditRecord, seq: number): BrokenChain['because'] | undefined {
    if (seqOf(record) !== seq) return 'missing';
    if (isDamaged(record)) return 'damaged';
    const { chained, personal } = record;
    if (chained.previous !== this.#head.hash) return 'unlinked';
    if (hashOf(chained, this.#digest) !== chained.hash) return 'changed';
    for (const field of PERSONAL_FIELDS) {
      const value = personal[field];
      const seal = chained.seals[field];
      if (value === undefined) this.#erased += seal === undefined ? 0 : 1;
      else if (seal !== sealOf(value, this.#digest)) return 'unsealed';
    }
    const isNoted = this.#noted?.seq === seq;
    return isNoted && this.#noted?.hash !== chained.hash ? 'another' : undefined;
  }

  /** After the last one. `to`: the newest number the store knows of. */
  ends(to: number): BrokenChain | undefined {
    const last = Math.max(to, this.#noted?.seq ?? 0);
    if (this.#broken !== undefined || this.#head.seq >= last) return this.#broken;
    return { seq: this.#head.seq + 1, because: 'missing' };
  }

  /** The last entry that was right. */
  get head(): AuditHead {
    return this.#head;
  }

  /** Values whose seals stand and that are gone. */
  get erased(): number {
    return this.#erased;
  }
}
