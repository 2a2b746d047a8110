/**
 * Use by day, counted exactly once without a transaction. The step that ends a launch leaves what it used in the job's own record, in the
 * same write: it is due. A fold adds what is due to the sums of its day and takes it out of the jobs; it may be done by anybody, at
 * any time, by several at once, and die anywhere:
 *
 * 1. read the sums (with a version), then the jobs;
 * 2. replace the sums if they still have that version, naming in `folded` the launches that are new in them;
 * 3. take these launches out of their jobs.
 *
 * A launch that is in `folded` is never added again, only taken out again. It leaves `folded` in a later fold that has seen it gone
 * from its job. So whoever still sees it due has read the sums before that fold, and step 2 refuses him. All reads are of what a majority
 * has: nothing that was seen can be undone by the loss of a primary.
 */
import type { UseQuery } from '../../contracts/store.js';
import { instant, projectId, userId } from '../../core/units.js';
import { DAY_MS, type DayUse } from '../../core/usage.js';
import { slices } from '../embedded/portions.js';
import type { Collections, DueUse, JobDocument, UseDocument } from './documents.js';
import { dueUses, usedSince } from './questions.js';
import { isRepeat, unavailable } from './trouble.js';

/** Jobs whose uses are folded together. */
const FOLD_JOBS = 1_000;
/** Others fold as well; who is refused so often looks as if something were wrong. */
const FOLD_TRIES_MAX = 50;

type DueDocument = Pick<JobDocument, '_id' | 'owner' | 'project' | 'due'>;
const DUE_FIELDS = { owner: 1, project: 1, due: 1 } as const;
const OF_MAJORITY = { readConcern: { level: 'majority' } } as const;

/** A launch that is due, and the sums it belongs to. */
interface Launch extends DueUse {
  readonly job: number;
  readonly owner: string;
  readonly project: string;
  readonly name: string;
  readonly bucket: string;
}

export class Uses {
  readonly #collections: Collections;

  constructor(collections: Collections) {
    this.#collections = collections;
  }

  /** What is due is folded first: the answer is whole, and the next one cheap. */
  async used(query: UseQuery): Promise<readonly DayUse[]> {
    await this.fold();
    const found = await this.#collections.uses.find(usedSince(query).filter, OF_MAJORITY).toArray();
    return found
      .sort((a, b) => a.day - b.day || compare(a.owner, b.owner) || compare(a.project, b.project))
      .map(dayUseOf);
  }

  async fold(): Promise<void> {
    for (;;) {
      const jobs = await this.#collections.jobs
        .find(dueUses().filter, OF_MAJORITY)
        .project<DueDocument>(DUE_FIELDS)
        .limit(FOLD_JOBS)
        .toArray();
      const buckets = new Map<string, Launch>();
      for (const launch of jobs.flatMap(launchesOf)) buckets.set(launch.bucket, launch);
      for (const launch of buckets.values()) await this.#foldInto(launch, jobs);
      if (jobs.length < FOLD_JOBS) return;
    }
  }

  /** Folds what is due in these jobs into the sums of one account and day. */
  async #foldInto({ bucket }: Launch, jobs: readonly DueDocument[]): Promise<void> {
    for (let tries = 0; tries < FOLD_TRIES_MAX; tries++) {
      // In this order: see above.
      const sums = await this.#collections.uses.findOne({ _id: bucket }, OF_MAJORITY);
      const folded = new Set(sums?.folded ?? []);
      const ids = new Set([...jobs.map(({ _id }) => _id), ...[...folded].map(jobIdOf)]);
      const due = await this.#dueIn([...ids], bucket);
      const fresh = due.filter(({ name }) => !folded.has(name));
      if (fresh.length > 0 && !(await this.#replace(sums, fresh, due))) continue;
      await this.#takeOut(due);
      return;
    }
    throw unavailable('busy', `the use of ${bucket} is summed by others all the time`);
  }

  async #dueIn(ids: readonly number[], bucket: string): Promise<readonly Launch[]> {
    const found: Launch[] = [];
    for (const slice of slices(ids, FOLD_JOBS)) {
      const jobs = await this.#collections.jobs
        .find({ _id: { $in: [...slice] } }, OF_MAJORITY)
        .project<DueDocument>(DUE_FIELDS)
        .toArray();
      for (const launch of jobs.flatMap(launchesOf))
        if (launch.bucket === bucket) found.push(launch);
    }
    return found;
  }

  /** False: others have folded meanwhile. */
  async #replace(
    former: UseDocument | null,
    fresh: readonly Launch[],
    due: readonly Launch[],
  ): Promise<boolean> {
    const [first] = fresh;
    if (first === undefined) return true;
    const before = former ?? noUse(first);
    const folded = due.map(({ name }) => name);
    const next = fresh.reduce(plus, { ...before, version: before.version + 1, folded });
    const { uses } = this.#collections;
    if (former !== null)
      return (
        (await uses.replaceOne({ _id: next._id, version: former.version }, next)).matchedCount > 0
      );
    try {
      await uses.insertOne(next);
      return true;
    } catch (error) {
      if (isRepeat(error)) return false;
      throw error;
    }
  }

  async #takeOut(launches: readonly Launch[]): Promise<void> {
    if (launches.length === 0) return;
    await this.#collections.jobs.bulkWrite(
      launches.map(({ job, launch }) => ({
        updateOne: { filter: { _id: job }, update: { $pull: { due: { launch } } } },
      })),
      { ordered: false },
    );
  }
}

/** A `/` in a name stays apart from those between the parts. */
const partOf = (name: string): string => name.replaceAll('%', '%25').replaceAll('/', '%2F');

const launchesOf = ({ _id: job, owner, project, due = [] }: DueDocument): readonly Launch[] =>
  due.map((use) => ({
    ...use,
    ...{ job, owner, project },
    name: `${job}-${use.launch}`,
    bucket: `${use.day}/${partOf(owner)}/${partOf(project)}`,
  }));

const jobIdOf = (name: string): number => Number(name.split('-', 1)[0]);

const noUse = ({ bucket, day, owner, project }: Launch): UseDocument => ({
  ...{ _id: bucket, day, owner, project, version: 0, folded: [] },
  ...{ timeMs: 0, cpuMilli: 0, memMb: 0, gpus: 0, cpuMilliMs: 0, memMbMs: 0, gpuMs: 0, ended: 0 },
});

const plus = (sums: UseDocument, launch: Launch): UseDocument => {
  const { timeMs, cpuMilli, memMb, gpus, endedMs } = launch;
  return {
    ...sums,
    timeMs: sums.timeMs + timeMs,
    cpuMilli: sums.cpuMilli + cpuMilli,
    memMb: sums.memMb + memMb,
    gpus: sums.gpus + gpus,
    cpuMilliMs: sums.cpuMilliMs + cpuMilli * timeMs,
    memMbMs: sums.memMbMs + memMb * timeMs,
    gpuMs: sums.gpuMs + gpus * timeMs,
    ended: sums.ended + endedMs * timeMs,
  };
};

function dayUseOf(sums: UseDocument): DayUse {
  const { owner, project, day, ended, timeMs, cpuMilli, memMb, gpus } = sums;
  const { cpuMilliMs, memMbMs, gpuMs } = sums;
  return {
    owner: userId(owner),
    project: projectId(project),
    endedAt: instant(Math.round(day * DAY_MS + ended / timeMs)),
    ...{ timeMs, cpuMilli, memMb, gpus, cpuMilliMs, memMbMs, gpuMs },
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
