/**
 * The whole record, store by store the same: what exports write and imports read. Everything durable is in one of these records but the lease,
 * which belongs to processes that run, and what a store adds up again by itself.
 *
 * Never edited but by adding: a kind or a field that is new here raises `EXPORT_VERSION`, and a new field is optional, so that exports of former
 * versions are read for ever.
 */

import type { AuditHead } from './audit.js';

/** Raised when an older GoDocker would lose something by reading what a newer one wrote. */
export const EXPORT_VERSION = 1;

/**
 * What a field holds; with `?` null stands for nothing, and lines leave it out. `document` is JSON as text, exactly as it is stored, even if it is
 * damaged; `flag` is 0 or 1.
 */
type FieldType = 'text' | 'integer' | 'number' | 'document' | 'flag';
export type Field = FieldType | `${FieldType}?`;

const SUMS = {
  timeMs: 'number',
  cpuMilli: 'number',
  memMb: 'number',
  gpus: 'number',
  cpuMilliMs: 'number',
  memMbMs: 'number',
  gpuMs: 'number',
} as const;

/** Every kind of record with its fields, in the order in which they are written. */
export const RECORD_FIELDS = {
  /** The last id that was given out. */
  counter: { name: 'text', value: 'integer' },
  setting: { name: 'text', value: 'text' },
  user: { id: 'text', document: 'document' },
  project: { id: 'text', document: 'document' },
  /** Users and projects (`of`: `user`, `project`) whose quotas were reset, with what they had used on that day. */
  quotaReset: { of: 'text', id: 'text', day: 'integer', ...SUMS },
  /** Use of an account on one UTC day. `ended`: sum of `timeMs` × milliseconds from the start of the day to the end. */
  use: { day: 'integer', owner: 'text', project: 'text', ...SUMS, ended: 'number' },
  /** Dates in Unix milliseconds. Members of arrays have neither `asked` nor `script`: their parent has. */
  job: {
    id: 'integer',
    key: 'text',
    digest: 'text',
    owner: 'text',
    project: 'text',
    state: 'text',
    launches: 'integer',
    version: 'integer',
    submittedAt: 'integer',
    notBefore: 'integer?',
    endedAt: 'integer?',
    archivedAt: 'integer?',
    exitCode: 'integer?',
    killWantedBy: 'text?',
    killWantedAt: 'integer?',
    heldBy: 'text?',
    heldAt: 'integer?',
    heldByAdmin: 'flag?',
    executor: 'text?',
    name: 'text?',
    parent: 'integer?',
    arraySize: 'integer?',
    arrayLimit: 'integer?',
    shape: 'document',
    life: 'document',
    waits: 'document?',
    asked: 'document?',
    script: 'text?',
    /** What its directory takes, in bytes; whether that was measured after the end; when. */
    diskBytes: 'integer?',
    diskIsOver: 'flag?',
    diskMeasuredAt: 'integer?',
    /** Its directory is to be measured. */
    isDiskDue: 'flag?',
    /** Why its kill is wanted. */
    killBecause: 'document?',
    /** What its ends have left to be done: JSON objects with commas between. */
    aftermath: 'text?',
  },
  /** The accounting record of one launch; `day` (UTC) is that of its end. */
  launch: { job: 'integer', launch: 'integer', day: 'integer', record: 'document' },
  /** An entry of the audit log; `entry` is what is chained, `personal` what may name persons. */
  audit: {
    seq: 'integer',
    at: 'integer',
    act: 'text',
    actor: 'text?',
    subjectKind: 'text?',
    subjectId: 'text?',
    hash: 'text',
    entry: 'document',
    personal: 'document',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Field>>>>;

export type RecordKind = keyof typeof RECORD_FIELDS;
export const RECORD_KINDS = Object.keys(RECORD_FIELDS) as readonly RecordKind[];

type Present<F> = F extends `${'text' | 'document'}${string}` ? string : number;
type ValueOf<F> = F extends `${string}?` ? Present<F> | null : Present<F>;
export type RecordOf<Kind extends RecordKind> = { readonly kind: Kind } & {
  readonly [Name in keyof (typeof RECORD_FIELDS)[Kind]]: ValueOf<
    (typeof RECORD_FIELDS)[Kind][Name]
  >;
};
export type BackupRecord = { [Kind in RecordKind]: RecordOf<Kind> }[RecordKind];
/** Records by kind. */
export type RecordCounts = Readonly<Record<RecordKind, number>>;

/** Reads the whole record, while others may write it. */
export interface BackupSource {
  /**
   * All records, as they stood at one moment, in portions that fit into memory. A record may come again: the last one counts.
   * @throws ServiceError store-unavailable
   */
  records(): AsyncIterable<readonly BackupRecord[]>;
  close(): Promise<void>;
}

/** Fills a store that no process serves. Until `finish` has answered nobody can open a store that holds a part of it. */
export interface BackupTarget {
  /**
   * Empties the store if it is to be replaced.
   * @throws ImportRefused `not-empty`, `in-use`
   */
  begin(options: { readonly isReplacing: boolean }): Promise<void>;
  /** The newest entry of the audit log that the store holds; undefined: there is none. */
  auditHead(): Promise<AuditHead | undefined>;
  /** Stores records, or replaces those of the same name. */
  put(records: readonly BackupRecord[]): Promise<void>;
  /**
   * Makes it valid, if the store holds what it should.
   * @throws ImportRefused `miscounted`
   */
  finish(expected: RecordCounts): Promise<void>;
  /** Instead of `finish`: what was put is gone. */
  abandon(): Promise<void>;
  close(): Promise<void>;
}

/** An import that was not begun, or was taken back: nothing was changed. */
export class ImportRefused extends Error {
  override readonly name = 'ImportRefused';
  readonly because: ImportRefusal;

  constructor(because: ImportRefusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.because = because;
  }
}
export type ImportRefusal =
  /** The file is no export, is cut short, or was changed. */
  | 'damaged'
  | 'newer-format'
  | 'not-empty'
  | 'in-use'
  | 'miscounted'
  /** Of an original GoDocker: jobs are active. */
  | 'active-jobs';
