/**
 * Sums that count everything exactly once, without a transaction. The write that changes a job leaves what it adds to a sum in the job's own
 * record, in the same write: it is due. A fold adds what is due to the sums and takes it out of the jobs; it may be done by anybody,
 * at any time, by several at once, and die anywhere:
 *
 * 1. read the sums (with a version), then the jobs;
 * 2. replace the sums if they still have that version, naming in `folded` the entries that are new in them;
 * 3. take these entries out of their jobs.
 *
 * An entry that is in `folded` is never added again, only taken out again. It leaves `folded` in a later fold that has seen it gone
 * from its job. So whoever still sees it due has read the sums before that fold, and step 2 refuses him. All reads are of what a majority
 * has: nothing that was seen can be undone by the loss of a primary.
 */
import type { Collection, Filter } from 'mongodb';
import { slices } from '../embedded/portions.js';
import type { JobDocument, SumsDocument } from './documents.js';
import { isRepeat, unavailable } from './trouble.js';

/** Jobs whose entries are folded together. */
const FOLD_JOBS = 1_000;
/** Others fold as well; who is refused so often looks as if something were wrong. */
const FOLD_TRIES_MAX = 50;
export const OF_MAJORITY = { readConcern: { level: 'majority' } } as const;

/** What is due in a job; `name` tells it from all others of that job. */
export interface Entry {
  readonly name: string | number;
}
type Field = 'due' | 'diskChanges';
export type Owned = Pick<JobDocument, '_id' | 'owner' | 'project'>;

/** One kind of sums. */
export interface Ledger<Due extends Entry, Sums extends SumsDocument> {
  readonly jobs: Collection<JobDocument>;
  readonly sums: Collection<Sums>;
  /** Where jobs keep what is due. */
  readonly field: Field;
  /** Jobs with anything due. */
  readonly filter: Filter<JobDocument>;
  readonly entriesIn: (job: JobDocument) => readonly Due[];
  /** Of an entry's sums: their name, and what they are before the first. */
  readonly bucketOf: (job: Owned, entry: Due) => string;
  readonly none: (job: Owned, entry: Due) => Sums;
  readonly plus: (sums: Sums, entry: Due) => Sums;
}

interface Found<Due> {
  readonly job: Owned;
  readonly entry: Due;
  /** As `folded` names it. */
  readonly name: string;
  readonly bucket: string;
}

/** Folds all that is due. */
export async function fold<Due extends Entry, Sums extends SumsDocument>(
  ledger: Ledger<Due, Sums>,
): Promise<void> {
  for (;;) {
    const jobs = await ledger.jobs
      .find(ledger.filter, OF_MAJORITY)
      .project<JobDocument>(fieldsOf(ledger))
      .limit(FOLD_JOBS)
      .toArray();
    const found = jobs.flatMap((job) => foundIn(ledger, job));
    for (const bucket of new Set(found.map((one) => one.bucket)))
      await foldInto(
        ledger,
        bucket,
        jobs.map(({ _id }) => _id),
      );
    if (jobs.length < FOLD_JOBS) return;
  }
}

/** Folds what is due in these jobs into one document of sums. */
async function foldInto<Due extends Entry, Sums extends SumsDocument>(
  ledger: Ledger<Due, Sums>,
  bucket: string,
  jobs: readonly number[],
): Promise<void> {
  for (let tries = 0; tries < FOLD_TRIES_MAX; tries++) {
    // In this order: see above.
    const sums = (await ledger.sums.findOne(
      { _id: bucket } as Filter<Sums>,
      OF_MAJORITY,
    )) as Sums | null;
    const folded = new Set(sums?.folded ?? []);
    const due = await dueIn(ledger, [...new Set([...jobs, ...[...folded].map(jobIdOf)])], bucket);
    const fresh = due.filter(({ name }) => !folded.has(name));
    if (fresh.length > 0 && !(await replace(ledger, sums, { fresh, due }))) continue;
    await takeOut(ledger, due);
    return;
  }
  throw unavailable('busy', `the sums of ${bucket} are written by others all the time`);
}

async function dueIn<Due extends Entry, Sums extends SumsDocument>(
  ledger: Ledger<Due, Sums>,
  ids: readonly number[],
  bucket: string,
): Promise<readonly Found<Due>[]> {
  const due: Found<Due>[] = [];
  for (const slice of slices(ids, FOLD_JOBS)) {
    const jobs = await ledger.jobs
      .find({ _id: { $in: [...slice] } }, OF_MAJORITY)
      .project<JobDocument>(fieldsOf(ledger))
      .toArray();
    for (const one of jobs.flatMap((job) => foundIn(ledger, job)))
      if (one.bucket === bucket) due.push(one);
  }
  return due;
}

/** False: others have folded meanwhile. */
async function replace<Due extends Entry, Sums extends SumsDocument>(
  { sums, none, plus }: Ledger<Due, Sums>,
  former: Sums | null,
  { fresh, due }: { readonly fresh: readonly Found<Due>[]; readonly due: readonly Found<Due>[] },
): Promise<boolean> {
  const [first] = fresh;
  if (first === undefined) return true;
  const before = former ?? none(first.job, first.entry);
  const added = fresh.reduce((sum, { entry }) => plus(sum, entry), before);
  const next = { ...added, version: before.version + 1, folded: due.map(({ name }) => name) };
  return putSums(sums, former, next);
}

/** Stores sums if they are still as they were read; null: not there yet. */
export async function putSums<Sums extends SumsDocument>(
  sums: Collection<Sums>,
  former: Sums | null,
  next: Sums,
): Promise<boolean> {
  if (former !== null) {
    const still = { _id: next._id, version: former.version } as Filter<Sums>;
    return (await sums.replaceOne(still, next)).matchedCount > 0;
  }
  try {
    await sums.insertOne(next as never);
    return true;
  } catch (error) {
    if (isRepeat(error)) return false;
    throw error;
  }
}

async function takeOut<Due extends Entry, Sums extends SumsDocument>(
  { jobs, field }: Ledger<Due, Sums>,
  due: readonly Found<Due>[],
): Promise<void> {
  if (due.length === 0) return;
  await jobs.bulkWrite(
    due.map(({ job, entry }) => ({
      updateOne: {
        filter: { _id: job._id },
        update: { $pull: { [field]: { name: entry.name } } } as never,
      },
    })),
    { ordered: false },
  );
}

const fieldsOf = ({ field }: { readonly field: Field }) => ({ owner: 1, project: 1, [field]: 1 });

const foundIn = <Due extends Entry, Sums extends SumsDocument>(
  { entriesIn, bucketOf }: Ledger<Due, Sums>,
  job: JobDocument,
): readonly Found<Due>[] =>
  entriesIn(job).map((entry) => ({
    job,
    entry,
    name: nameOf(job._id, entry),
    bucket: bucketOf(job, entry),
  }));

export const nameOf = (job: number, { name }: Entry): string => `${job}-${name}`;
const jobIdOf = (name: string): number => Number(name.split('-', 1)[0]);

/** A `/` in a name stays apart from those between the parts of a bucket. */
export const partOf = (name: string): string => name.replaceAll('%', '%25').replaceAll('/', '%2F');
