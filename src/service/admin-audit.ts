/** What the commands of administrators tell the audit log, and what they tell of it. */

import { userInfo } from 'node:os';
import { basename } from 'node:path';
import type { AuditFacts, AuditHead, AuditNote } from '../contracts/audit.js';
import type { Config } from '../contracts/config.js';
import { SILENT } from '../contracts/log.js';
import type { BrokenChain } from '../core/audit-chain.js';
import { systemClock } from '../host/system.js';
import { openToLook } from './open-store.js';

function commandNote(
  act: 'store.export' | 'store.import',
  kind: string,
  facts: AuditFacts,
): AuditNote {
  return {
    ...{ at: systemClock.now(), act, outcome: 'done', count: 1, facts },
    ...{ actor: accountName(), actingFor: null, via: 'command-line', keyId: null },
    ...{ requestId: null, remote: null, subject: { kind: 'store', id: kind } },
  };
}

/** At the operating system; an account of containers may have no name. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}

/** Before anything is exported: no entry, no export. @throws ServiceError store-unavailable */
export async function auditExport(config: Config, file: string): Promise<void> {
  const store = await openToLook(config, SILENT);
  try {
    const to = file === '-' ? 'standard output' : basename(file);
    await store.appendAudit([commandNote('store.export', config.store.kind, { to })]);
  } finally {
    await store.close();
  }
}

/** For `fill`: stands in the same step as all the rest. */
export const importNote =
  (config: Config, from: AuditFacts) =>
  (dropped: AuditHead | undefined, broken: BrokenChain | undefined): AuditNote =>
    commandNote('store.import', config.store.kind, {
      ...from,
      ...(dropped === undefined ? {} : { dropped: { number: dropped.seq, hash: dropped.hash } }),
      ...(broken === undefined ? {} : { broken: { entry: broken.seq, because: broken.because } }),
    });

/** Undefined: it is whole, and nothing is to be said. */
export const brokenWords = (broken: BrokenChain | undefined): string | undefined =>
  broken === undefined
    ? undefined
    : `the audit log is broken at entry ${broken.seq} (${broken.because}); it is taken as it is`;
