/** What job directories take, for whoever asks; and their removal. */
import { ServiceError } from '../contracts/errors.js';
import { PAGE_ITEMS_MAX } from '../contracts/limits.js';
import type { Store } from '../contracts/store.js';
import { BYTES_PER_GB, diskQuotaOf } from '../core/disk-book.js';
import type { Job, OverJob } from '../core/job.js';
import { payer, payersOf } from '../core/payer.js';
import { DISK_QUOTA, type Quotas } from '../core/quota.js';
import type { ProjectId, UserId } from '../core/units.js';
import type { ApiDeps } from './deps.js';
import { uploadsOf } from './files/uploads-of.js';
import { QUOTA_WORDS } from './limit-words.js';

type ArchiveDeps = Pick<ApiDeps, 'store' | 'clock' | 'removeDirectory' | 'prepareDirectory'>;

/** In bytes. */
export interface Taken {
  /** By directories of jobs that are over: what counts for a quota for good. */
  readonly ended: number;
  /** By those of others, as they were last measured. */
  readonly held: number;
}

export interface TakenBy {
  readonly user: (id: UserId) => Taken;
  readonly project: (id: ProjectId) => Taken;
}

/** Of everybody, in one look. */
export async function takenBy(store: Pick<Store, 'diskUse'>): Promise<TakenBy> {
  const taken = new Map<string, Taken>();
  for (const { owner: user, project, endedBytes, heldBytes } of await store.diskUse())
    for (const { key } of payersOf({ user, project })) {
      const { ended, held } = taken.get(key) ?? NOTHING;
      taken.set(key, { ended: ended + endedBytes, held: held + heldBytes });
    }
  const of = (key: string) => taken.get(key) ?? NOTHING;
  return { user: (id) => of(payer('user', id).key), project: (id) => of(payer('project', id).key) };
}

const NOTHING: Taken = { ended: 0, held: 0 };

/** `usage.disk` of the original: bytes. What is in force is in GB like every quota of ours; 0: none. */
export const diskToWire = (taken: Taken, quotas: Quotas, usualGb: number | null) => ({
  disk: taken.ended + taken.held,
  quota_disk_in_force: diskQuotaOf(quotas, usualGb) ?? 0,
});

/** As a line of a report on quotas, in GB. */
export const diskQuotaToWire = ({ ended }: Taken, quotas: Quotas, usualGb: number | null) => ({
  name: QUOTA_WORDS[DISK_QUOTA].field,
  unit: QUOTA_WORDS[DISK_QUOTA].unit,
  limit: diskQuotaOf(quotas, usualGb) ?? 0,
  used: ended / BYTES_PER_GB,
});

/**
 * Removes the directory of a job that is over, or of every member of an array; its record stays. First the files, then the record:
 * if we stop in between, asking again finishes it. How many jobs lost their directory.
 * @throws ServiceError wrong-state: it is not over; not-supported; forbidden: the service may not remove it
 */
export async function archive(deps: ArchiveDeps, job: Job): Promise<number> {
  if (job.state !== 'over')
    throw new ServiceError('wrong-state', `job ${job.id} is not over`, { id: job.id });
  if (job.spec.array === undefined || job.parent !== undefined) return archiveOne(deps, job);
  const { store } = deps;
  let archived = 0;
  let after: Job['id'] | null = null;
  for (;;) {
    const made = await store.made(job.id, { after, limit: PAGE_ITEMS_MAX });
    const members = await store.jobs(made.map(({ id }) => id));
    for (const member of members.values())
      if (member.state === 'over') archived += await archiveOne(deps, member);
    after = made.at(-1)?.id ?? null;
    if (after === null || made.length < PAGE_ITEMS_MAX) break;
  }
  await archiveOne(deps, job);
  return archived;
}

async function archiveOne(
  { store, clock, removeDirectory, prepareDirectory }: ArchiveDeps,
  job: OverJob,
): Promise<number> {
  const { id, archivedAt } = job;
  if (archivedAt !== undefined) return 0;
  // What was uploaded for a job that never started lies there, though no launch has told so.
  const hasUploads = job.launches === 0 && uploadsOf(job) !== undefined;
  const directory = job.directory ?? (hasUploads ? await prepareDirectory(job) : null);
  if (directory !== null) {
    if (removeDirectory === null)
      throw new ServiceError('not-supported', 'the storage of this site keeps job directories');
    try {
      await removeDirectory(directory);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ServiceError(
        'forbidden',
        `the directory of job ${id} was not removed: ${why}`,
        { id },
        { cause },
      );
    }
  }
  await store.archive(id, clock.now());
  return directory === null ? 0 : 1;
}
