/** Entries of the audit log as REST and the command line tell them, and what both are asked for. */
import type { AuditRecord } from '../contracts/audit.js';
import { AUDIT_ACTS, type PersonalField, readAudit } from '../core/audit.js';
import { isDamaged } from '../core/audit-chain.js';

/** `session` stands for all acts of sessions. */
export const actsOf = (act: string): readonly string[] => [
  act,
  ...Object.keys(AUDIT_ACTS).filter((name) => name.startsWith(`${act}.`)),
];

export function subjectOf(subject: string): { readonly kind: string; readonly id?: string } {
  const colon = subject.indexOf(':');
  return colon === -1
    ? { kind: subject }
    : { kind: subject.slice(0, colon), id: subject.slice(colon + 1) };
}

const WIRE_NAMES: Readonly<Partial<Record<PersonalField, string>>> = {
  ...{ actingFor: 'acting_for', keyId: 'key_id', requestId: 'request_id', subjectId: 'subject' },
};

export function auditToWire(record: AuditRecord) {
  if (isDamaged(record)) return { number: record.seq, damage: record.damage };
  const entry = readAudit(record);
  const { act, outcome, count: times, actor, via, remote, subject, facts, previous, hash } = entry;
  return {
    number: entry.seq,
    at: new Date(entry.at).toISOString(),
    ...{ act, outcome, count: times, actor, acting_for: entry.actingFor, via },
    ...{ key_id: entry.keyId, request_id: entry.requestId, remote, subject, facts },
    erased: entry.erased.map((field) => WIRE_NAMES[field] ?? field),
    ...{ previous, hash },
  };
}
