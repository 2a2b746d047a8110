/**
 * What the collections hold. What is asked for by queries stands in fields of its own; the rest is the JSON that the embedded store
 * keeps as well (`embedded/rows.ts`), so that both read the records of every version alike.
 */

import type { Collection, Db } from 'mongodb';
import type { Job, JobState } from '../../core/job.js';
import type { Sums } from '../../core/usage.js';
import type { StepColumns, SubmissionColumns } from '../embedded/requests.js';
import { FIRST_LIFE, JOB_STATES, jobOf, UnreadableRecord } from '../embedded/rows.js';
import type { Row } from '../embedded/sqlite.js';
import type { AuditDocument } from './audit-documents.js';
import type {
  AdmissionsDocument,
  CounterDocument,
  ImportDocument,
  LeaseDocument,
  PulseDocument,
  SchemaDocument,
  ServiceDocument,
} from './service-documents.js';
import type { AccountingDocument, NamedLeaseDocument, WatchedFields } from './watch-documents.js';

export type {
  AdmissionsDocument,
  CounterDocument,
  LeaseDocument,
  PulseDocument,
} from './service-documents.js';

/** A job of a submission that is not decided yet: no query sees it. */
export const DRAFT = 'draft';

/** One launch that ended and is not in the sums of its day yet. */
export interface DueUse {
  /** Number of the launch. */
  readonly name: number;
  readonly day: number;
  /** Milliseconds from the start of the day to the end. */
  readonly endedMs: number;
  readonly timeMs: number;
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
}

/** What a measurement changes in the sums of its account, and is not in them yet. */
export interface DiskChange {
  readonly name: string;
  readonly ended: number;
  readonly held: number;
  readonly jobs: number;
}

export interface JobDocument extends WatchedFields {
  readonly _id: number;
  /** The idempotency key with its owner, else `#id`. Unique. */
  readonly key: string;
  readonly digest: string;
  readonly owner: string;
  readonly project: string;
  readonly executor: string | null;
  readonly state: JobState | typeof DRAFT;
  /** Counts for its owner's rate limit. It changes once: a count by it alone misses no job that moves meanwhile. */
  readonly active: boolean;
  readonly launches: number;
  readonly version: number;
  readonly submittedAt: number;
  readonly notBefore: number | null;
  readonly endedAt: number | null;
  readonly killWantedBy: string | null;
  readonly killWantedAt: number | null;
  /** A kill is wanted and the job is not over. */
  readonly killDue: boolean;
  /** Of those that are no members: jobs of one name may take turns. */
  readonly name?: string;
  /** JSON of what it waits for besides resources; null or absent: nothing. */
  readonly waits?: string | null;
  /** Who holds it back; null or absent: nobody. */
  readonly heldBy?: string | null;
  readonly heldAt?: number | null;
  readonly heldByAdmin?: number | null;
  readonly isHeld?: boolean;
  readonly shape: string;
  readonly life: string;
  readonly exitCode: number | null;
  /** Of a leader's last write; a leader of a lower epoch cannot write any more. */
  readonly epoch: number;
  /** Names the last write of a leader, so that it finds out which of its steps were stored. */
  readonly writtenBy: string;
  readonly isArray: boolean;
  /** Members of the array that this is the parent of. */
  readonly arraySize: number | null;
  readonly arrayLimit: number | null;
  /** Of members alone: the array, which has what was asked, and the script. */
  readonly parent: number | null;
  readonly asked?: string;
  readonly script?: string;
  /** Of drafts alone. */
  readonly batch?: string;
  readonly due?: readonly DueUse[];
  /** It is over and has left a directory. */
  readonly leftDirectory?: boolean;
  /** Its directory is to be measured. */
  readonly isDiskDue?: boolean;
  /** What its directory takes; `change` is new with each measurement. */
  readonly disk?: {
    readonly bytes: number;
    readonly isOver: boolean;
    readonly measuredAt: number;
    readonly change: string;
  };
  readonly diskChanges?: readonly DiskChange[];
  readonly archivedAt?: number;
  /** Of jobs that are over: their tags, each once; absent: none. */
  readonly tags?: readonly string[];
}

/** Sums that are folded: see there. */
export interface SumsDocument {
  readonly _id: string;
  readonly owner: string;
  readonly project: string;
  /** Raised by each fold: a fold that began from an older one is refused. */
  readonly version: number;
  /** Entries that are in the sums and may still be due in their job. */
  readonly folded: readonly string[];
}

/** Of one account and day; `_id` joins the three. */
export interface UseDocument extends SumsDocument {
  readonly day: number;
  readonly timeMs: number;
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
  readonly cpuMilliMs: number;
  readonly memMbMs: number;
  readonly gpuMs: number;
  /** Sum of `timeMs` × milliseconds from the start of the day to the end. */
  readonly ended: number;
}

/** What job directories of one account take, in bytes; `_id` joins both names. */
export interface DiskSumsDocument extends SumsDocument {
  readonly ended: number;
  readonly held: number;
  readonly jobs: number;
}

/** What a user or project had used on the day when its quotas were reset. */
export interface ResetDocument extends Sums {
  /** Kind and name. */
  readonly _id: string;
  readonly kind: 'user' | 'project';
  readonly owner: string;
  readonly day: number;
}

/** Users and projects. */
export interface AccountDocument {
  readonly _id: string;
  readonly document: string;
  readonly prio: number;
  /** Its priority is not the usual one. */
  readonly isUnusual: boolean;
  /** As JSON; null: none. */
  readonly quotas: string | null;
  readonly hasQuotas: boolean;
}

export interface SettingDocument {
  readonly _id: string;
  readonly value: string;
}

export interface Collections {
  readonly database: Db;
  readonly jobs: Collection<JobDocument>;
  readonly uses: Collection<UseDocument>;
  readonly resets: Collection<ResetDocument>;
  readonly disk: Collection<DiskSumsDocument>;
  readonly accounting: Collection<AccountingDocument>;
  readonly leases: Collection<NamedLeaseDocument>;
  readonly audit: Collection<AuditDocument>;
  readonly users: Collection<AccountDocument>;
  readonly projects: Collection<AccountDocument>;
  readonly settings: Collection<SettingDocument>;
  readonly lease: Collection<LeaseDocument>;
  readonly counters: Collection<CounterDocument>;
  readonly pulse: Collection<PulseDocument>;
  readonly admissions: Collection<AdmissionsDocument>;
  readonly schema: Collection<SchemaDocument>;
  readonly imports: Collection<ImportDocument>;
}

/** The collection of the small documents. */
export const SERVICE = 'service';

export function collectionsOf(database: Db): Collections {
  const service = <Kind extends ServiceDocument>() => database.collection<Kind>(SERVICE);
  return {
    database,
    jobs: database.collection('jobs'),
    uses: database.collection('used_days'),
    resets: database.collection('quota_resets'),
    disk: database.collection('disk_sums'),
    accounting: database.collection('accounting'),
    leases: database.collection('leases'),
    audit: database.collection('audit'),
    users: database.collection('users'),
    projects: database.collection('projects'),
    settings: database.collection('settings'),
    lease: service<LeaseDocument>(),
    counters: service<CounterDocument>(),
    pulse: service<PulseDocument>(),
    admissions: service<AdmissionsDocument>(),
    schema: service<SchemaDocument>(),
    imports: service<ImportDocument>(),
  };
}

/** The first record of a job; `batch` null: it waits at once, else when its batch is published. */
export function firstDocument(
  id: number,
  job: SubmissionColumns,
  batch: string | null,
): JobDocument {
  const { arraySize } = job;
  return {
    _id: id,
    key: job.idemKey ?? `#${id}`,
    digest: job.digest,
    owner: job.owner,
    project: job.project,
    executor: job.executor,
    state: batch !== null ? DRAFT : arraySize === null ? 'pending' : 'open',
    active: batch === null && arraySize === null,
    launches: 0,
    version: 1,
    submittedAt: job.submittedAt,
    notBefore: null,
    endedAt: null,
    killWantedBy: null,
    killWantedAt: null,
    killDue: false,
    shape: job.shape,
    life: job.life,
    exitCode: null,
    epoch: 0,
    writtenBy: '',
    isArray: arraySize !== null,
    arraySize,
    arrayLimit: job.arrayLimit,
    parent: null,
    asked: job.asked,
    script: job.script,
    name: job.name,
    waits: job.waits,
    ...{ heldBy: job.heldBy, heldAt: job.heldAt, heldByAdmin: job.heldByAdmin },
    isHeld: job.heldBy !== null,
    ...(batch === null ? {} : { batch }),
  };
}

/** What a member takes over from its array when it gets a record. */
export const memberFields = (id: number, array: ArrayDocument) => ({
  key: `#${id}`,
  digest: array.digest,
  owner: array.owner,
  project: array.project,
  executor: array.executor,
  submittedAt: array.submittedAt,
  shape: array.shape,
  isArray: false,
  arraySize: null,
  arrayLimit: null,
  parent: array._id,
});

/** The record of a member that waits and had none: something is wished of it alone. */
export const waitingMember = (id: number, array: ArrayDocument): JobDocument => ({
  _id: id,
  ...memberFields(id, array),
  state: 'pending',
  active: true,
  launches: 0,
  version: 1,
  notBefore: null,
  endedAt: null,
  killWantedBy: null,
  killWantedAt: null,
  killDue: false,
  life: FIRST_LIFE,
  exitCode: null,
  epoch: 0,
  writtenBy: '',
});

export type ArrayDocument = Pick<
  JobDocument,
  | '_id'
  | 'digest'
  | 'owner'
  | 'project'
  | 'executor'
  | 'submittedAt'
  | 'shape'
  | 'state'
  | 'killWantedBy'
  | 'heldBy'
  | 'arraySize'
>;
export const ARRAY_FIELDS = {
  ...{ digest: 1, owner: 1, project: 1, executor: 1, submittedAt: 1, shape: 1 },
  ...{ state: 1, killWantedBy: 1, heldBy: 1, arraySize: 1 },
} as const;

/** What a leader's step sets. */
export const stepFields = (step: StepColumns) => ({
  state: step.state,
  active: step.state !== 'over' && step.state !== 'open',
  launches: step.launches,
  notBefore: step.notBefore,
  endedAt: step.endedAt,
  life: step.life,
  exitCode: step.exitCode,
  ...(step.leavesDirectory ? { leftDirectory: true, isDiskDue: true } : {}),
  ...(step.tags === null ? {} : { tags: step.tags.tags }),
  ...(step.aftermath === null ? {} : { isAftermathDue: true }),
  ...(step.amended ?? {}),
});

export function dueOf({ use, launches }: StepColumns): DueUse | null {
  return use === null ? null : { name: launches, ...use };
}

/** Everything of a job but its script. */
export const WITHOUT_SCRIPT = { script: 0, aftermath: 0 } as const;
export type ReadDocument = Omit<JobDocument, 'script' | 'aftermath'>;

/**
 * The job of a document; `asked` is that of its array where it is a member.
 * @throws UnreadableRecord
 */
export function jobIn(document: ReadDocument, asked: string | undefined): Job {
  const { _id, owner, project, state, launches, version, submittedAt, life } = document;
  const isSound =
    Number.isSafeInteger(_id) &&
    [owner, project, life, asked].every((text) => typeof text === 'string') &&
    [launches, version, submittedAt].every((number) => Number.isFinite(number)) &&
    JOB_STATES.some((known) => known === state);
  if (!isSound)
    throw new UnreadableRecord(idOf(_id), {
      cause: new Error('a field is missing, or of another kind'),
    });
  const row: Row = [
    ...[_id, owner, project, state, launches, version, submittedAt],
    ...[document.notBefore ?? null, document.endedAt ?? null],
    ...[document.killWantedBy ?? null, document.killWantedAt ?? null],
    ...[life, asked ?? '', document.parent ?? null, document.archivedAt ?? null],
    document.killBecause ?? null,
    ...[document.heldBy ?? null, document.heldAt ?? null, document.heldByAdmin ?? null],
  ];
  const job = jobOf(row);
  if (job.state === 'open' && job.spec.array === undefined)
    throw new UnreadableRecord(_id, { cause: new Error('open, and no array') });
  return job;
}

/** As a log can show it, whatever stands there. */
export const idOf = (id: unknown): string | number =>
  typeof id === 'number' || typeof id === 'string' ? id : String(id);
