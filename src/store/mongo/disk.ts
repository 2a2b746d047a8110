// What job directories take. Each measurement is one write of the job's record, with what it changes in the sums; these are folded.
import { randomUUID } from 'node:crypto';
import type { DirectorySize, DiskUse, DueDirectory } from '../../contracts/store.js';
import { type JobId, jobId, projectId, userId } from '../../core/units.js';
import {
  type Collections,
  type DiskChange,
  type DiskSumsDocument,
  DRAFT,
  type JobDocument,
} from './documents.js';
import { fold, type Ledger, nameOf, OF_MAJORITY, type Owned, partOf, putSums } from './fold.js';
import { diskChangesDue, leftDirectories, toBeMeasured } from './questions.js';
import { unavailable } from './trouble.js';

/** Others measure as well; who is refused so often looks as if something were wrong. */
const TRIES_MAX = 50;
const DISK_FIELDS = { state: 1, archivedAt: 1, disk: 1 } as const;
type Measured = Pick<JobDocument, '_id' | keyof typeof DISK_FIELDS>;
type Disk = NonNullable<JobDocument['disk']>;

export class Disks {
  readonly #collections: Collections;
  readonly #ledger: Ledger<DiskChange, DiskSumsDocument>;

  constructor(collections: Collections) {
    this.#collections = collections;
    this.#ledger = {
      jobs: collections.jobs,
      sums: collections.disk,
      field: 'diskChanges',
      filter: diskChangesDue().filter,
      entriesIn: ({ diskChanges = [] }) => diskChanges,
      bucketOf,
      none: noDisk,
      plus: (sums, { ended, held, jobs }) => ({
        ...sums,
        ended: sums.ended + ended,
        held: sums.held + held,
        jobs: sums.jobs + jobs,
      }),
    };
  }

  async due({
    after,
    limit,
  }: {
    readonly after: JobId | null;
    readonly limit: number;
  }): Promise<readonly DueDirectory[]> {
    if (limit <= 0) return [];
    const { filter, sort = {} } = toBeMeasured(after ?? 0);
    const { jobs } = this.#collections;
    const fields = { _id: 1, life: 1 };
    const found = await jobs.find(filter).project(fields).sort(sort).limit(limit).toArray();
    return found.map(({ _id, life }) => ({ id: jobId(Number(_id)), directory: directoryIn(life) }));
  }

  async put(sizes: readonly DirectorySize[]): Promise<void> {
    for (const size of sizes) await this.#put(size);
  }

  async #put({ id, bytes, isOver, measuredAt }: DirectorySize): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const job = await this.#measured(id);
      if (job === null || (isOver && job.state !== 'over')) return;
      const known = job.disk ?? null;
      const isOlder = known !== null && known.measuredAt > measuredAt;
      // A measurement that began while the job ran says nothing of what its end left.
      const saysNothing = isArchived(job) || isOlder || (known?.isOver === true && !isOver);
      const disk = { bytes, isOver, measuredAt, change: randomUUID() };
      if (await this.#change(job, saysNothing ? null : disk, isOver)) return;
    }
    throw unavailable('busy', `the directory of job ${id} is measured by others all the time`);
  }

  /** False: somebody else has measured or archived meanwhile. `disk` null: what is known stays. */
  async #change(job: Measured, disk: Disk | null, isDone: boolean): Promise<boolean> {
    if (disk === null && !isDone) return true;
    const known = job.disk ?? null;
    const { matchedCount } = await this.#collections.jobs.updateOne(stillAs(job), {
      $set: {
        ...(isDone ? { isDiskDue: false } : {}),
        ...(disk === null ? {} : { disk }),
      },
      ...(disk === null ? {} : { $push: { diskChanges: changeOf(known, disk, disk.change) } }),
    });
    return matchedCount > 0;
  }

  /** All that is due goes into the sums. */
  foldAll(): Promise<void> {
    return fold(this.#ledger);
  }

  async use(): Promise<readonly DiskUse[]> {
    await fold(this.#ledger);
    const found = await this.#collections.disk.find({ jobs: { $gt: 0 } }, OF_MAJORITY).toArray();
    return found
      .sort((a, b) => compare(a.owner, b.owner) || compare(a.project, b.project))
      .map(({ owner, project, ended, held, jobs }) => ({
        owner: userId(owner),
        project: projectId(project),
        ...{ endedBytes: ended, heldBytes: held, jobs },
      }));
  }

  async of(id: JobId): Promise<number | undefined> {
    return (await this.#measured(id))?.disk?.bytes;
  }

  async archive(id: JobId, at: number): Promise<'archived' | 'already' | 'not-over' | 'unknown'> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const job = await this.#measured(id);
      if (job === null) return 'unknown';
      if (job.state !== 'over') return 'not-over';
      if (isArchived(job)) return 'already';
      const { disk = null } = job;
      const { matchedCount } = await this.#collections.jobs.updateOne(stillAs(job), {
        $set: { archivedAt: at, isDiskDue: false },
        $unset: { disk: '' },
        $inc: { version: 1 },
        ...(disk === null ? {} : { $push: { diskChanges: changeOf(disk, null, randomUUID()) } }),
      });
      if (matchedCount > 0) return 'archived';
    }
    throw unavailable('busy', `the directory of job ${id} is measured by others all the time`);
  }

  async #measured(id: number): Promise<Measured | null> {
    const [job = null] = await this.#collections.jobs
      .find({ _id: id })
      .project<Measured>(DISK_FIELDS)
      .toArray();
    return job === null || job.state === DRAFT ? null : job;
  }

  /**
   * Adds the sums up again from all records, and asks for all that is over to be measured anew. A job's size less what it still has to
   * tell the sums changes with no measurement: so the new sums are exact if no fold came between.
   */
  async recount(): Promise<number> {
    const { jobs, disk } = this.#collections;
    for (let tries = 0; ; tries++) {
      if (tries === TRIES_MAX) throw unavailable('busy', 'sizes are summed by others all the time');
      const former = new Map(
        (await disk.find({}, OF_MAJORITY).toArray()).map((one) => [one._id, one]),
      );
      const sums = await this.#summed(former);
      let isWhole = true;
      for (const next of sums.values())
        isWhole = (await putSums(disk, former.get(next._id) ?? null, next)) && isWhole;
      if (isWhole) break;
    }
    await jobs.updateMany(leftDirectories().filter, { $set: { isDiskDue: true } });
    return jobs.countDocuments({ isDiskDue: true });
  }

  /** What the sums must be, by account; those without anything, too. */
  async #summed(
    former: ReadonlyMap<string, DiskSumsDocument>,
  ): Promise<ReadonlyMap<string, DiskSumsDocument>> {
    const sums = new Map<string, DiskSumsDocument>();
    for (const one of former.values())
      sums.set(one._id, { ...one, version: one.version + 1, ended: 0, held: 0, jobs: 0 });
    // Every record is looked at: an administrator asked for it.
    const found = this.#collections.jobs
      .find({ $or: [{ 'disk.change': { $exists: true } }, diskChangesDue().filter] }, OF_MAJORITY)
      .project<Owned & Pick<JobDocument, 'disk' | 'diskChanges'>>({
        ...{ owner: 1, project: 1, disk: 1, diskChanges: 1 },
      });
    for await (const job of found) {
      const { disk = null, diskChanges = [] } = job;
      const bucket = bucketOf(job);
      const before = sums.get(bucket) ?? { ...noDisk(job), version: 1 };
      const folded = new Set(former.get(bucket)?.folded ?? []);
      const untold = diskChanges.filter((change) => !folded.has(nameOf(job._id, change)));
      const total = untold.reduce(
        (sum, { ended, held, jobs }) => ({
          ended: sum.ended - ended,
          held: sum.held - held,
          jobs: sum.jobs - jobs,
        }),
        amountOf(disk),
      );
      sums.set(bucket, {
        ...before,
        ended: before.ended + total.ended,
        held: before.held + total.held,
        jobs: before.jobs + total.jobs,
      });
    }
    return sums;
  }
}

const isArchived = ({ archivedAt }: Measured): boolean => (archivedAt ?? null) !== null;

/** Nobody has measured or archived the job since it was read; nor has it ended, which decides what a size means. */
const stillAs = ({ _id, state, disk, archivedAt }: Measured) => ({
  _id,
  state,
  'disk.change': disk?.change ?? null,
  archivedAt: archivedAt ?? { $exists: false },
});

const amountOf = (disk: Disk | null) => ({
  ended: disk?.isOver === true ? disk.bytes : 0,
  held: disk === null || disk.isOver ? 0 : disk.bytes,
  jobs: disk === null ? 0 : 1,
});

function changeOf(from: Disk | null, to: Disk | null, name: string): DiskChange {
  const [before, after] = [amountOf(from), amountOf(to)];
  return {
    name,
    ended: after.ended - before.ended,
    held: after.held - before.held,
    jobs: after.jobs - before.jobs,
  };
}

const bucketOf = ({ owner, project }: Owned): string => `${partOf(owner)}/${partOf(project)}`;
const noDisk = (job: Owned): DiskSumsDocument => ({
  ...{ _id: bucketOf(job), owner: job.owner, project: job.project },
  ...{ version: 0, folded: [], ended: 0, held: 0, jobs: 0 },
});

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A damaged record names no directory. */
function directoryIn(life: unknown): string | null {
  try {
    const { directory } = JSON.parse(String(life)) as { readonly directory?: unknown };
    return typeof directory === 'string' ? directory : null;
  } catch {
    return null;
  }
}
