/**
 * Every question that may meet many records, with the index that answers it: a test holds each against the plan of a real server,
 * or, where the server cannot explain, against the index as it is declared. Questions by `_id` alone are not listed.
 */
import type { Filter, Sort } from 'mongodb';
import type { AccountingQuery } from '../../contracts/accounting.js';
import type { AuditQuery } from '../../contracts/audit.js';
import type { EndedQuery, HistoryQuery, JobQuery, UseQuery } from '../../contracts/store.js';
import type { JobState } from '../../core/job.js';
import { dayOf } from '../../core/usage.js';
import { JOB_STATES } from '../embedded/rows.js';
import type { AuditDocument } from './audit-documents.js';
import type { AccountDocument, JobDocument, UseDocument } from './documents.js';
import type { INDEXES } from './indexes.js';
import type { AccountingDocument, NamedLeaseDocument } from './watch-documents.js';

export interface Question<Document> {
  readonly filter: Filter<Document>;
  readonly sort?: Sort;
  readonly index: string;
}
type Of<Document, Name extends keyof typeof INDEXES> = Question<Document> & {
  readonly index: keyof (typeof INDEXES)[Name];
};
type OfJobs = Of<JobDocument, 'jobs'>;

const WAITING = ['pending', 'open'] as const;
/** Of JavaScript. */
const LAST_DATE = 8_640_000_000_000_000;
const LIVE = ['launching', 'running', 'killing', 'unreachable'] as const;

/** Newest first. The states are always named: the index then yields a page in order, and drafts are nobody's. */
export function listed({ owner, project, states, before }: JobQuery): OfJobs {
  const asked: readonly JobState[] =
    states === undefined ? JOB_STATES : JOB_STATES.filter((state) => states.includes(state));
  const filter = {
    ...(owner === undefined ? {} : { owner }),
    ...(project === undefined ? {} : { project }),
    state: { $in: [...asked] },
    ...(before === undefined ? {} : { _id: { $lt: before } }),
  };
  const index =
    owner !== undefined ? 'jobs_owner' : project !== undefined ? 'jobs_project' : 'jobs_state';
  return { filter, sort: { _id: -1 }, index };
}

/** Jobs that are over, the latest submission first; only these have tags. */
export function past({ owner, project, tag, since, until, after }: HistoryQuery): OfJobs {
  const last = Math.min(
    until === undefined ? LAST_DATE : until - 1,
    after?.submittedAt ?? LAST_DATE,
  );
  const filter = {
    ...(owner === undefined ? {} : { owner }),
    ...(project === undefined ? {} : { project }),
    ...(tag === undefined ? { state: 'over' as const } : { tags: tag }),
    submittedAt: { $gte: since ?? 0, $lte: last },
    ...(after === undefined
      ? {}
      : { $or: [{ submittedAt: { $lt: after.submittedAt } }, { _id: { $lt: after.id } }] }),
  };
  const sort = { submittedAt: -1, _id: -1 } as const;
  if (tag !== undefined)
    return { filter, sort, index: owner === undefined ? 'jobs_past_tags' : 'jobs_past_owner_tags' };
  if (owner !== undefined) return { filter, sort, index: 'jobs_past_owner' };
  return { filter, sort, index: project === undefined ? 'jobs_past' : 'jobs_past_project' };
}

export const counted = (owner: string | null): OfJobs => ({
  filter: { ...(owner === null ? {} : { owner }), state: { $in: [...JOB_STATES] } },
  index: owner === null ? 'jobs_state' : 'jobs_owner',
});

export const waiting = (after: number): OfJobs => ({
  filter: { state: { $in: [...WAITING] }, _id: { $gt: after } },
  sort: { _id: 1 },
  index: 'jobs_state',
});

/** Sorted in memory: what was submitted within a minute or so. */
export const submittedSince = (since: number, after: number): OfJobs => ({
  filter: { state: { $in: [...WAITING] }, submittedAt: { $gte: since }, _id: { $gt: after } },
  sort: { _id: 1 },
  index: 'jobs_sweep',
});

export const live = (after: number): OfJobs => ({
  filter: { state: { $in: [...LIVE] }, _id: { $gt: after } },
  sort: { _id: 1 },
  index: 'jobs_state',
});

export const killsDue = (): OfJobs => ({
  filter: { killDue: true },
  sort: { _id: 1 },
  index: 'jobs_kill_due',
});

/** The array that an id may be a member of: the greatest one below it. */
export const arrayBelow = (id: number): OfJobs => ({
  filter: { isArray: true, _id: { $lt: id }, state: { $in: ['open', 'over'] } },
  sort: { _id: -1 },
  index: 'jobs_arrays',
});

/** Those of one user and name that are not over; members have no name of their own. */
export const named = (owner: string, name: string, after: number): OfJobs => ({
  filter: { owner, name, state: { $in: [...WAITING, ...LIVE] }, _id: { $gt: after } },
  sort: { _id: 1 },
  index: 'jobs_named',
});

export const held = (): OfJobs => ({
  filter: { isHeld: true, state: { $in: [...WAITING] } },
  sort: { _id: 1 },
  index: 'jobs_held',
});

export const membersOf = (array: number, after: number): OfJobs => ({
  filter: { parent: array, _id: { $gt: after } },
  sort: { _id: 1 },
  index: 'jobs_members',
});

export const membersOfAll = (arrays: readonly number[]): OfJobs => ({
  filter: { parent: { $in: [...arrays] } },
  index: 'jobs_members',
});

export const withKeys = (keys: readonly string[]): OfJobs => ({
  filter: { key: { $in: [...keys] } },
  index: 'jobs_key',
});

/** Jobs that count for the rate limit of their owner. */
export const activeOf = (owner: string): OfJobs => ({
  filter: { owner, active: true },
  index: 'jobs_active',
});

export const pendingJobs = (): OfJobs => ({ filter: { state: 'pending' }, index: 'jobs_state' });

export const openArrays = (owner: string | null): OfJobs => ({
  filter: { ...(owner === null ? {} : { owner }), state: 'open' },
  index: owner === null ? 'jobs_state' : 'jobs_owner',
});

export const dueUses = (): OfJobs => ({
  filter: { 'due.day': { $gte: 0 } },
  index: 'jobs_due',
});

/** In order of end and id, behind `after`. */
export const ended = ({ since, until, after }: EndedQuery): OfJobs => ({
  filter: {
    state: 'over',
    endedAt: { $gte: Math.max(since, after?.endedAt ?? since), $lt: until },
    ...(after === null
      ? {}
      : { $or: [{ endedAt: { $gt: after.endedAt } }, { _id: { $gt: after.id } }] }),
  },
  sort: { endedAt: 1, _id: 1 },
  index: 'jobs_ended',
});

/** Jobs whose directories are to be measured. */
export const toBeMeasured = (after: number): OfJobs => ({
  filter: { isDiskDue: true, _id: { $gt: after } },
  sort: { _id: 1 },
  index: 'jobs_disk_due',
});

/** Jobs with sizes that are not in the sums yet. */
export const diskChangesDue = (): OfJobs => ({
  filter: { 'diskChanges.name': { $gt: '' } },
  index: 'jobs_disk_changes',
});

/** Jobs that are over and whose directories are there. */
export const leftDirectories = (): OfJobs => ({
  filter: { state: 'over', leftDirectory: true, archivedAt: { $exists: false } },
  index: 'jobs_state',
});

/** Jobs that run, for watchers. */
export const running = (after: number): OfJobs => ({
  filter: { state: 'running', _id: { $gt: after } },
  sort: { _id: 1 },
  index: 'jobs_state',
});

/** Jobs whose ends have left something to be done. */
export const aftermathDue = (after: number): OfJobs => ({
  filter: { isAftermathDue: true, _id: { $gt: after } },
  sort: { _id: 1 },
  index: 'jobs_aftermath',
});

/** Accounting records of one job. */
export const accountedOf = (job: number): Of<AccountingDocument, 'accounting'> => ({
  filter: { job },
  sort: { launch: 1 },
  index: 'accounting_job',
});

export const accountedIn = ({
  from,
  until,
  project,
}: AccountingQuery): Of<AccountingDocument, 'accounting'> => ({
  filter: { day: { $gte: from, $lt: until }, ...(project === undefined ? {} : { project }) },
  index: 'accounting_day',
});

/** In order of number. By time alone they are sorted in memory: what happened in that time, cut at the page. */
export function audited(query: AuditQuery): Question<AuditDocument> {
  const { after, actor, acts, subject, from, to } = query;
  const filter = {
    ...(actor === undefined ? {} : { actor }),
    ...(acts === undefined ? {} : { act: { $in: [...acts] } }),
    ...(subject === undefined ? {} : { subjectKind: subject.kind }),
    ...(subject?.id === undefined ? {} : { subjectId: subject.id }),
    ...(from === undefined && to === undefined
      ? {}
      : { at: { $gte: from ?? 0, $lt: to ?? LAST_DATE } }),
    _id: { $gt: after },
  };
  return { filter, sort: { _id: 1 }, index: auditIndex(query) };
}

function auditIndex({ actor, acts, subject, from, to }: AuditQuery): AuditIndex {
  if (actor !== undefined) return 'audit_actor';
  if (subject !== undefined)
    return subject.id === undefined ? 'audit_subject_kind' : 'audit_subject';
  if (acts !== undefined) return 'audit_act';
  return from === undefined && to === undefined ? '_id_' : 'audit_at';
}

type AuditIndex = keyof (typeof INDEXES)['audit'] | '_id_';

export const leasesOf = (holder: string): Of<NamedLeaseDocument, 'leases'> => ({
  filter: { holder },
  index: 'leases_holder',
});

export const drafts = (): OfJobs => ({ filter: { batch: { $gt: '' } }, index: 'jobs_batch' });

export const draftsOf = (batches: readonly string[]): OfJobs => ({
  filter: { batch: { $in: [...batches] } },
  index: 'jobs_batch',
});

export const usedSince = ({ since, owner, project }: UseQuery): Of<UseDocument, 'uses'> => ({
  filter: {
    day: { $gte: dayOf(since) },
    ...(owner === undefined ? {} : { owner }),
    ...(project === undefined ? {} : { project }),
  },
  index: 'used_days_day',
});

/** Of a user or a project, on one day. */
export const usedOn = (
  kind: 'user' | 'project',
  id: string,
  day: number,
): Of<UseDocument, 'uses'> => ({
  filter: { day, ...(kind === 'user' ? { owner: id } : { project: id }) },
  index: 'used_days_day',
});

export const unusual = (kind: 'users' | 'projects'): Question<AccountDocument> => ({
  filter: { isUnusual: true },
  index: `${kind}_unusual`,
});

export const withQuotas = (kind: 'users' | 'projects'): Question<AccountDocument> => ({
  filter: { hasQuotas: true },
  index: `${kind}_quotas`,
});
