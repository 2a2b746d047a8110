/**
 * Which column of which table is which field of a backup. Statements are made of this table, and a test holds it against the schema: a
 * column that is in neither part is forgotten, and fails it.
 */
import { RECORD_FIELDS, type RecordKind } from '../../contracts/backup.js';

/** `table` has the record itself; the fields of others hang on the same id. */
export const KEPT = {
  counters: { of: 'counter', columns: { name: 'name', value: 'value' } },
  settings: { of: 'setting', columns: { name: 'name', value: 'value' } },
  users: { of: 'user', columns: { id: 'id', document: 'document' } },
  projects: { of: 'project', columns: { id: 'id', document: 'document' } },
  quota_resets: {
    of: 'quotaReset',
    columns: { kind: 'of', id: 'id', day: 'day', ...sums() },
  },
  used_days: {
    of: 'use',
    columns: { day: 'day', owner: 'owner', project: 'project', ...sums(), ended: 'ended' },
  },
  jobs: {
    of: 'job',
    columns: {
      id: 'id',
      owner: 'owner',
      project: 'project',
      state: 'state',
      launches: 'launches',
      version: 'version',
      submitted_at: 'submittedAt',
      not_before: 'notBefore',
      ended_at: 'endedAt',
      kill_wanted_by: 'killWantedBy',
      kill_wanted_at: 'killWantedAt',
      executor: 'executor',
      idem_key: 'key',
      digest: 'digest',
      shape: 'shape',
      life: 'life',
      parent: 'parent',
      array_size: 'arraySize',
      array_limit: 'arrayLimit',
      exit_code: 'exitCode',
      archived_at: 'archivedAt',
      name: 'name',
      waits: 'waits',
      held_by: 'heldBy',
      held_at: 'heldAt',
      held_admin: 'heldByAdmin',
      kill_because: 'killBecause',
      aftermath: 'aftermath',
    },
  },
  submissions: { of: 'job', columns: { id: 'id', asked: 'asked', script: 'script' } },
  disk_jobs: {
    of: 'job',
    columns: {
      id: 'id',
      owner: 'owner',
      project: 'project',
      bytes: 'diskBytes',
      is_over: 'diskIsOver',
      measured_at: 'diskMeasuredAt',
    },
  },
  disk_due: { of: 'job', columns: { id: 'isDiskDue' } },
  accounting: {
    of: 'launch',
    columns: { job: 'job', launch: 'launch', day: 'day', record: 'record' },
  },
  audit: {
    of: 'audit',
    columns: {
      seq: 'seq',
      at: 'at',
      act: 'act',
      actor: 'actor',
      subject_kind: 'subjectKind',
      subject_id: 'subjectId',
      hash: 'hash',
      entry: 'entry',
      personal: 'personal',
    },
  },
} as const satisfies Readonly<Record<string, Kept>>;

/** Tables that no export has, and why. */
export const LEFT_OUT = {
  lease: 'who leads is a matter of processes that run',
  leases: 'which watcher has which jobs is a matter of processes that run',
  accounting_days: 'added up again from the accounting records',
  past_tags: 'made again from what was asked',
  disk_sums: 'added up again from the sizes of the jobs',
} as const;

interface Kept {
  readonly of: RecordKind;
  /** Field by column. */
  readonly columns: Readonly<Record<string, string>>;
}

function sums() {
  return {
    time_ms: 'timeMs',
    cpu_milli: 'cpuMilli',
    mem_mb: 'memMb',
    gpus: 'gpus',
    cpu_milli_ms: 'cpuMilliMs',
    mem_mb_ms: 'memMbMs',
    gpu_ms: 'gpuMs',
  } as const;
}

export type KeptTable = keyof typeof KEPT;

/** In the order of the record's fields, as SQL names the columns of one table. */
export function columnsOf(table: KeptTable): readonly string[] {
  const { of, columns }: Kept = KEPT[table];
  const byField = new Map(Object.entries(columns).map(([column, field]) => [field, column]));
  return Object.keys(RECORD_FIELDS[of]).flatMap((field) => byField.get(field) ?? []);
}

/** The fields of `columnsOf`. */
export const fieldsIn = (table: KeptTable): readonly string[] => {
  const { columns }: Kept = KEPT[table];
  return columnsOf(table).map((column) => columns[column] ?? '');
};
