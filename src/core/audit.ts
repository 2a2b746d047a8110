/**
 * The audit log's words: who did what to whom, how they came, and what became of it. What can name a person stands apart from the rest, each
 * field under a seal of its own, so that a name can be erased one day and the chain of entries still be checked.
 */
import type { Instant } from './units.js';

/** Acts by name, with what each is. A new act brings its line; entries of acts that a version does not know are read all the same. */
export const AUDIT_ACTS = {
  'session.open': 'somebody signed in',
  'session.refused': 'a sign-in was refused',
  'policy.refused': 'somebody signed in asked for what is not theirs to do',
  'user.create': 'an account was made',
  'user.change': 'priority or quotas of an account were changed',
  'session.end': 'all sessions of an account were ended',
  'key.create': 'an API key was made',
  'key.revoke': 'an API key was revoked',
  'project.create': 'a project was made',
  'project.change': 'a project was changed',
  'project.delete': 'a project was deleted',
  'quota.reset': 'the quotas of a user or project began anew',
  'node.drain': 'a node takes no new jobs, by order',
  'node.resume': 'a node takes new jobs again, by order',
  'job.submit-for': 'a job was submitted in the name of another user',
  'job.kill': 'the kill of a job of another user',
  'job.hold': 'a job of another user was held back',
  'job.release': 'a job of another user was released',
  'job.archive': 'the directory of a job of another user was removed',
  'job.kill-all': 'the kill of all jobs of another user',
  'job.purge': 'a job of another user was taken off the record',
  'job.change': 'what a job of another user asks for was changed',
  'job.reschedule': 'a job of another user was to be launched anew',
  'user.delete': 'an account was removed, and its jobs killed',
  'maintenance.begin': 'no jobs are taken or started from now on',
  'maintenance.end': 'jobs are taken and started again',
  'disk.recount': 'all directories were to be measured anew',
  'store.export': 'the whole record was exported',
  'store.import': 'the record was filled by an import',
  'schema.migrated': 'the store was brought to a newer schema',
  'leader.takeover': 'a scheduler became the leader',
  'agent.set-aside': 'a node was set aside because jobs of several users failed there',
  'agent.let-back': 'a node that had been set aside is in use again',
} as const;
export type AuditAct = keyof typeof AUDIT_ACTS;

/** `refused`: by rule. `failed`: of an act that stands in the log already as done, because something broke after its entry. */
export type AuditOutcome = 'done' | 'refused' | 'failed';
/** How they came. `token`: a session, of a key if there is a key id; `none`: nobody is known yet. */
export type AuditVia = 'password' | 'key' | 'token' | 'command-line' | 'system' | 'none';
export type AuditSubjectKind =
  | 'user'
  | 'project'
  | 'job'
  | 'node'
  | 'key'
  | 'route'
  | 'store'
  | 'scheduler'
  | 'site';

export type AuditValue =
  | string
  | number
  | boolean
  | null
  | readonly AuditValue[]
  | { readonly [name: string]: AuditValue };
/** Small, and never a secret. */
export type AuditFacts = Readonly<Record<string, AuditValue>>;

/** What is to be written. */
export interface AuditNote {
  readonly at: Instant;
  readonly act: AuditAct;
  readonly outcome: AuditOutcome;
  /** Login, or name at the operating system for the command line; `system`: nobody; null: not known. */
  readonly actor: string | null;
  /** For whom an administrator acts. */
  readonly actingFor: string | null;
  readonly via: AuditVia;
  readonly keyId: string | null;
  readonly requestId: string | null;
  /** Address of the caller. */
  readonly remote: string | null;
  readonly subject: { readonly kind: AuditSubjectKind; readonly id: string } | null;
  readonly facts: AuditFacts;
  /** So many alike, told together. */
  readonly count: number;
}

/** Fields that may name a person, in the order of their seals. */
export const PERSONAL_FIELDS = [
  ...(['actor', 'actingFor', 'keyId', 'requestId', 'remote', 'subjectId', 'facts'] as const),
] as const;
export type PersonalField = (typeof PERSONAL_FIELDS)[number];

/** A value with the salt of its seal: who knows neither cannot guess the value from the seal. */
export interface Sealed {
  readonly salt: string;
  readonly value: AuditValue;
}
/** Beside the chain. A field with a seal and nothing here was erased. */
export type AuditPersonal = Readonly<Partial<Record<PersonalField, Sealed>>>;

/** What the hashes cover. Nothing in it names anybody, and nothing of it may ever change. */
export interface ChainedAudit {
  /** From 1, without gaps. */
  readonly seq: number;
  readonly at: Instant;
  readonly act: string;
  readonly outcome: AuditOutcome;
  readonly via: AuditVia;
  readonly subjectKind: string | null;
  readonly count: number;
  /** Hex SHA-256 by field; a field that has no value has none. */
  readonly seals: Readonly<Partial<Record<PersonalField, string>>>;
  /** Hash of the entry before; of the first one `FIRST_PREVIOUS`. */
  readonly previous: string;
  readonly hash: string;
}

export interface AuditEntry {
  readonly chained: ChainedAudit;
  readonly personal: AuditPersonal;
}

/** An entry as people read it. `act` may be of a newer version. */
export interface ReadAudit extends Omit<AuditNote, 'act' | 'subject'> {
  readonly seq: number;
  readonly act: string;
  /** `id` null: erased. */
  readonly subject: { readonly kind: string; readonly id: string | null } | null;
  readonly erased: readonly PersonalField[];
  readonly previous: string;
  readonly hash: string;
}

export function readAudit({ chained, personal }: AuditEntry): ReadAudit {
  const { seals, subjectKind, ...rest } = chained;
  const text = (field: PersonalField) => {
    const value = personal[field]?.value;
    return typeof value === 'string' ? value : null;
  };
  const facts = personal.facts?.value;
  return {
    ...rest,
    actor: text('actor'),
    actingFor: text('actingFor'),
    keyId: text('keyId'),
    requestId: text('requestId'),
    remote: text('remote'),
    subject: subjectKind === null ? null : { kind: subjectKind, id: text('subjectId') },
    facts: isFacts(facts) ? facts : {},
    erased: PERSONAL_FIELDS.filter(
      (field) => seals[field] !== undefined && personal[field] === undefined,
    ),
  };
}

const isFacts = (value: AuditValue | undefined): value is AuditFacts =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of one text; longer ones are cut. */
export const AUDIT_TEXT_CHARS_MAX = 256;
/** Of one list or object of facts; the rest is counted. */
export const AUDIT_ITEMS_MAX = 50;
const DEPTH_MAX = 4;

/**
 * The note with texts that are harmless wherever they are shown: no control characters, nothing that reorders a line or hides in it, none too
 * long. What is replaced stays to be seen, as `\u{a}`.
 */
export function cleanNote(note: AuditNote): AuditNote {
  const { subject } = note;
  const clean = (text: string | null) => (text === null ? null : cleanText(text));
  return {
    ...note,
    actor: clean(note.actor),
    actingFor: clean(note.actingFor),
    keyId: clean(note.keyId),
    requestId: clean(note.requestId),
    remote: clean(note.remote),
    subject: subject === null ? null : { kind: subject.kind, id: cleanText(subject.id) },
    facts: cleanFacts(note.facts, 0),
  };
}

const HARMFUL = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** Of any text. Applied twice it changes nothing more, but for a cut. */
export function cleanText(text: string): string {
  const shown = text
    .slice(0, AUDIT_TEXT_CHARS_MAX * 2)
    .replace(HARMFUL, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`);
  return shown.length <= AUDIT_TEXT_CHARS_MAX ? shown : cut(shown);
}

/** Never between the halves of one character. */
function cut(text: string): string {
  const isHalf = /[\ud800-\udbff]/.test(text[AUDIT_TEXT_CHARS_MAX - 2] ?? '');
  return `${text.slice(0, AUDIT_TEXT_CHARS_MAX - (isHalf ? 2 : 1))}…`;
}

function cleanFacts(facts: AuditFacts, depth: number): AuditFacts {
  const all = Object.entries(facts);
  const kept = all
    .slice(0, AUDIT_ITEMS_MAX)
    .map(([name, value]): [string, AuditValue] => [cleanText(name), cleanValue(value, depth + 1)]);
  const more = all.length - kept.length;
  return Object.fromEntries(more === 0 ? kept : [...kept, ['…', more]]);
}

function cleanValue(value: AuditValue, depth: number): AuditValue {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return '…';
  if (!isList(value)) return cleanFacts(value, depth);
  const kept = value.slice(0, AUDIT_ITEMS_MAX).map((one) => cleanValue(one, depth + 1));
  const more = value.length - kept.length;
  return more === 0 ? kept : [...kept, `… ${more} more`];
}

const isList = (value: AuditValue): value is readonly AuditValue[] => Array.isArray(value);

/** What became of named fields: `{ prio: [50, 70] }`, those that are as before left out. */
export function auditChanges(
  before: Readonly<Record<string, AuditValue>>,
  after: Readonly<Record<string, AuditValue>>,
): AuditFacts {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = names
    .map((name) => [name, before[name] ?? null, after[name] ?? null] as const)
    .filter(([, was, is]) => canonical(was) !== canonical(is));
  return Object.fromEntries(changed.map(([name, was, is]) => [name, [was, is]]));
}

/** JSON with the names of each object in order: equal values give equal texts. */
export function canonical(value: AuditValue): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonical).join(',')}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name] ?? null)}`).join(',')}}`;
}
