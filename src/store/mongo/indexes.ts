/** Every index. Which question each answers is told in `questions.ts`. */
import type { IndexDescription } from 'mongodb';
import type { Collections } from './documents.js';

export type Keys = Readonly<Record<string, 1 | -1>>;

export interface Index {
  readonly keys: Keys;
  readonly isUnique?: true;
}

/** By collection and name. Plain ones alone: no partial, sparse or expiring index. */
export const INDEXES = {
  jobs: {
    jobs_key: { keys: { key: 1 }, isUnique: true },
    jobs_state: { keys: { state: 1, _id: 1 } },
    jobs_owner: { keys: { owner: 1, state: 1, _id: 1 } },
    jobs_project: { keys: { project: 1, state: 1, _id: 1 } },
    jobs_active: { keys: { owner: 1, active: 1 } },
    jobs_sweep: { keys: { state: 1, submittedAt: 1 } },
    jobs_named: { keys: { owner: 1, name: 1, state: 1, _id: 1 } },
    jobs_held: { keys: { isHeld: 1, state: 1, _id: 1 } },
    jobs_kill_due: { keys: { killDue: 1, _id: 1 } },
    jobs_arrays: { keys: { isArray: 1, _id: 1 } },
    jobs_members: { keys: { parent: 1, _id: 1, state: 1, exitCode: 1 } },
    jobs_due: { keys: { 'due.day': 1 } },
    jobs_disk_due: { keys: { isDiskDue: 1, _id: 1 } },
    jobs_disk_changes: { keys: { 'diskChanges.name': 1 } },
    jobs_ended: { keys: { state: 1, endedAt: 1, _id: 1 } },
    jobs_past: { keys: { state: 1, submittedAt: 1, _id: 1 } },
    jobs_past_owner: { keys: { owner: 1, state: 1, submittedAt: 1, _id: 1 } },
    jobs_past_project: { keys: { project: 1, state: 1, submittedAt: 1, _id: 1 } },
    jobs_past_tags: { keys: { tags: 1, submittedAt: 1, _id: 1 } },
    jobs_past_owner_tags: { keys: { owner: 1, tags: 1, submittedAt: 1, _id: 1 } },
    jobs_batch: { keys: { batch: 1 } },
    jobs_aftermath: { keys: { isAftermathDue: 1, _id: 1 } },
  },
  uses: { used_days_day: { keys: { day: 1 } } },
  accounting: {
    accounting_day: { keys: { day: 1, project: 1 } },
    accounting_job: { keys: { job: 1, launch: 1 } },
  },
  leases: { leases_holder: { keys: { holder: 1 } } },
  audit: {
    audit_at: { keys: { at: 1, _id: 1 } },
    audit_act: { keys: { act: 1, _id: 1 } },
    audit_actor: { keys: { actor: 1, _id: 1 } },
    audit_subject: { keys: { subjectKind: 1, subjectId: 1, _id: 1 } },
    audit_subject_kind: { keys: { subjectKind: 1, _id: 1 } },
  },
  users: {
    users_unusual: { keys: { isUnusual: 1 } },
    users_quotas: { keys: { hasQuotas: 1 } },
  },
  projects: {
    projects_unusual: { keys: { isUnusual: 1 } },
    projects_quotas: { keys: { hasQuotas: 1 } },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Index>>>>;

export type Indexed = keyof typeof INDEXES;

/** Makes those that are missing. Harmless when they are there; waits until they are built. */
export async function ensureIndexes(collections: Collections): Promise<void> {
  for (const name of Object.keys(INDEXES) as Indexed[]) {
    const wanted: IndexDescription[] = Object.entries<Index>(INDEXES[name]).map(
      ([index, { keys, isUnique = false }]) => ({
        name: index,
        key: { ...keys },
        ...(isUnique ? { unique: true } : {}),
      }),
    );
    await collections[name].createIndexes(wanted);
  }
}
