/**
 * Documents as records of a backup, and back. Each field of a job's document is told here what becomes of it: one that is forgotten does not
 * compile.
 */

import { randomUUID } from 'node:crypto';
import type { RecordOf } from '../../contracts/backup.js';
import type { AccountingRecord } from '../../core/accounting.js';
import { PRIO_USUAL } from '../../core/policy.js';
import { isUnlimited, type Quotas } from '../../core/quota.js';
import { type Sums, sumsBy } from '../../core/usage.js';
import { aftermathIn, aftermathText } from '../embedded/aftermath.js';
import type { AccountDocument, JobDocument, ResetDocument, UseDocument } from './documents.js';
import { partOf } from './fold.js';
import type { AccountingDocument } from './watch-documents.js';

/** `kept`: a field of the record. `made`: follows from others. `ours`: matters to leaders and folds of this database alone. */
export const JOB_DOCUMENT_FIELDS = {
  _id: 'kept',
  key: 'kept',
  digest: 'kept',
  owner: 'kept',
  project: 'kept',
  executor: 'kept',
  state: 'kept',
  active: 'made',
  launches: 'kept',
  version: 'kept',
  submittedAt: 'kept',
  notBefore: 'kept',
  endedAt: 'kept',
  killWantedBy: 'kept',
  killWantedAt: 'kept',
  killDue: 'made',
  name: 'kept',
  waits: 'kept',
  heldBy: 'kept',
  heldAt: 'kept',
  heldByAdmin: 'kept',
  isHeld: 'made',
  shape: 'kept',
  life: 'kept',
  exitCode: 'kept',
  epoch: 'ours',
  writtenBy: 'ours',
  isArray: 'made',
  arraySize: 'kept',
  arrayLimit: 'kept',
  parent: 'kept',
  asked: 'kept',
  script: 'kept',
  batch: 'ours',
  due: 'ours',
  leftDirectory: 'made',
  isDiskDue: 'kept',
  disk: 'kept',
  diskChanges: 'ours',
  archivedAt: 'kept',
  killBecause: 'kept',
  aftermath: 'kept',
  isAftermathDue: 'made',
  tags: 'made',
} as const satisfies Readonly<Record<keyof JobDocument, 'kept' | 'made' | 'ours'>>;

export const jobRecord = (job: JobDocument): RecordOf<'job'> => ({
  kind: 'job',
  id: job._id,
  key: job.key,
  digest: job.digest,
  owner: job.owner,
  project: job.project,
  state: job.state,
  launches: job.launches,
  version: job.version,
  submittedAt: job.submittedAt,
  notBefore: job.notBefore ?? null,
  endedAt: job.endedAt ?? null,
  archivedAt: job.archivedAt ?? null,
  exitCode: job.exitCode ?? null,
  killWantedBy: job.killWantedBy ?? null,
  killWantedAt: job.killWantedAt ?? null,
  heldBy: job.heldBy ?? null,
  heldAt: job.heldAt ?? null,
  heldByAdmin: job.heldByAdmin ?? null,
  executor: job.executor ?? null,
  name: job.name ?? null,
  parent: job.parent ?? null,
  arraySize: job.arraySize ?? null,
  arrayLimit: job.arrayLimit ?? null,
  shape: job.shape,
  life: job.life,
  waits: job.waits ?? null,
  asked: job.asked ?? null,
  script: job.script ?? null,
  diskBytes: job.disk?.bytes ?? null,
  diskIsOver: job.disk === undefined ? null : Number(job.disk.isOver),
  diskMeasuredAt: job.disk?.measuredAt ?? null,
  isDiskDue: job.isDiskDue === true ? 1 : null,
  killBecause: job.killBecause ?? null,
  aftermath:
    job.aftermath === undefined || job.aftermath.length === 0 ? null : aftermathText(job.aftermath),
});

export function jobDocument(job: RecordOf<'job'>): JobDocument {
  const { diskBytes, state, heldBy, killWantedBy } = job;
  return {
    _id: job.id,
    key: job.key,
    digest: job.digest,
    owner: job.owner,
    project: job.project,
    executor: job.executor,
    state: state as JobDocument['state'],
    active: state !== 'over' && state !== 'open',
    launches: job.launches,
    version: job.version,
    submittedAt: job.submittedAt,
    notBefore: job.notBefore,
    endedAt: job.endedAt,
    killWantedBy,
    killWantedAt: job.killWantedAt,
    killDue: killWantedBy !== null && state !== 'over',
    shape: job.shape,
    life: job.life,
    exitCode: job.exitCode,
    epoch: 0,
    writtenBy: '',
    isArray: job.arraySize !== null,
    arraySize: job.arraySize,
    arrayLimit: job.arrayLimit,
    parent: job.parent,
    waits: job.waits,
    ...{ heldBy, heldAt: job.heldAt, heldByAdmin: job.heldByAdmin, isHeld: heldBy !== null },
    ...(job.name === null ? {} : { name: job.name }),
    ...(job.asked === null ? {} : { asked: job.asked }),
    ...(job.script === null ? {} : { script: job.script }),
    ...(leavesDirectory(job) ? { leftDirectory: true } : {}),
    ...(job.isDiskDue === 1 ? { isDiskDue: true } : {}),
    ...(job.archivedAt === null ? {} : { archivedAt: job.archivedAt }),
    ...(job.killBecause === null ? {} : { killBecause: job.killBecause }),
    ...(job.aftermath === null
      ? {}
      : { aftermath: aftermathIn(job.aftermath), isAftermathDue: true }),
    ...(diskBytes === null
      ? {}
      : {
          disk: {
            bytes: diskBytes,
            isOver: job.diskIsOver === 1,
            measuredAt: job.diskMeasuredAt ?? 0,
            change: randomUUID(),
          },
        }),
  };
}

function leavesDirectory({ state, life }: RecordOf<'job'>): boolean {
  if (state !== 'over') return false;
  const { directory } = objectIn(life) as { readonly directory?: unknown };
  return typeof directory === 'string';
}

/** Of a document that is damaged: nothing. */
function objectIn(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

export function accountDocument({ id, document }: RecordOf<'user' | 'project'>): AccountDocument {
  const { prio, quotas } = objectIn(document) as {
    readonly prio?: unknown;
    readonly quotas?: Quotas;
  };
  const hasQuotas = quotas !== undefined && !isUnlimited(quotas);
  return {
    _id: id,
    document,
    prio: typeof prio === 'number' ? prio : PRIO_USUAL,
    isUnusual: typeof prio === 'number' && prio !== PRIO_USUAL,
    quotas: hasQuotas ? JSON.stringify(quotas) : null,
    hasQuotas,
  };
}

/** Of a record that is damaged: nothing that would be summed. */
export function accountingDocument({
  job,
  launch,
  day,
  record,
}: RecordOf<'launch'>): AccountingDocument {
  const whole = objectIn(record) as Partial<AccountingRecord>;
  return {
    ...{ _id: `${job}-${launch}`, job, launch, day, record },
    project: whole.project ?? '',
    owner: whole.owner ?? '',
    queue: whole.queue ?? '',
    executor: whole.executor ?? '',
    isCharged: whole.isCharged ?? false,
    ranMs: whole.ranMs ?? 0,
    waitedMs: whole.waitedMs ?? 0,
    cpuMs: whole.allocated?.cpuMs ?? 0,
    gpuMs: whole.allocated?.gpuMs ?? 0,
    memMbSeconds: whole.allocated?.memMbSeconds ?? 0,
  };
}

export const useRecord = (use: UseDocument): RecordOf<'use'> => ({
  kind: 'use',
  day: use.day,
  owner: use.owner,
  project: use.project,
  ...sumsOf(use),
  ended: use.ended,
});

export const useDocument = ({ kind: _, ...use }: RecordOf<'use'>): UseDocument => ({
  _id: `${use.day}/${partOf(use.owner)}/${partOf(use.project)}`,
  version: 1,
  folded: [],
  ...use,
});

export const resetRecord = (reset: ResetDocument): RecordOf<'quotaReset'> => ({
  kind: 'quotaReset',
  of: reset.kind,
  id: reset.owner,
  day: reset.day,
  ...sumsOf(reset),
});

export const resetDocument = ({ of, id, day, ...sums }: RecordOf<'quotaReset'>): ResetDocument => ({
  _id: `${of}/${id}`,
  kind: of === 'user' ? 'user' : 'project',
  owner: id,
  day,
  ...sumsOf(sums),
});

/** What else the record or document says is left out. */
const sumsOf = (of: Sums): Sums => sumsBy((field) => of[field]);
