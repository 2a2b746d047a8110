/**
 * Quotas on what job directories take. Like the other quotas they end a job only for what has ended: directories of jobs
 * that are over. What directories of jobs take that are not may go with their end, so others wait for it.
 */
import { type Payer, payersOf } from './payer.js';
import { DISK_QUOTA, type QuotaReached, type Quotas } from './quota.js';
import type { ProjectId, UserId } from './units.js';

/** What the directories of an account take, in bytes, as it was last measured. */
export interface AccountDisk {
  readonly owner: UserId;
  readonly project: ProjectId;
  /** Of jobs that are over. */
  readonly endedBytes: number;
  /** Of jobs that are not. */
  readonly heldBytes: number;
}

export const BYTES_PER_GB = 1e9;

interface Taken {
  readonly ended: number;
  readonly held: number;
}

export class DiskBook {
  /** Of users without a quota of their own, in GB; null: none. */
  readonly #usualGb: number | null;
  #taken: ReadonlyMap<string, Taken> = new Map();

  constructor(usualGb: number | null) {
    this.#usualGb = usualGb;
  }

  /** Everything anew, as the record has it. */
  set(accounts: readonly AccountDisk[]): void {
    const taken = new Map<string, Taken>();
    for (const { owner: user, project, endedBytes, heldBytes } of accounts)
      for (const { key } of payersOf({ user, project })) {
        const sum = taken.get(key) ?? { ended: 0, held: 0 };
        taken.set(key, { ended: sum.ended + endedBytes, held: sum.held + heldBytes });
      }
    this.#taken = taken;
  }

  /** Null: one more job may start. Full when it is reached: what a job will leave is not known before. */
  reached({ scope, key }: Payer, quotas: Quotas | undefined): QuotaReached | null {
    const limit = diskQuotaOf(quotas, scope === 'user' ? this.#usualGb : null);
    const taken = this.#taken.get(key);
    if (limit === null || taken === undefined) return null;
    const [used, held] = [taken.ended / BYTES_PER_GB, taken.held / BYTES_PER_GB];
    if (used + held < limit) return null;
    return { quota: DISK_QUOTA, limit, used, held, asked: 0, isCertain: used >= limit };
  }
}

/** In GB: one's own, or the usual one; null: none. */
export const diskQuotaOf = (quotas: Quotas | undefined, usualGb: number | null): number | null =>
  (quotas?.disk ?? 0) > 0 ? (quotas?.disk ?? null) : usualGb;
