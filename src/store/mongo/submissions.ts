/**
 * Stores submissions. A job alone, without limits, is one document and one insert; those of many callers go together. Everything else
 * is decided by the document of admissions: see there.
 */
import { MongoBulkWriteError } from 'mongodb';
import { MONGO_INSERT_JOBS_MAX } from '../../contracts/limits.js';
import type { Limited, NewJob, RateLimits, SubmitAnswer } from '../../contracts/store.js';
import { jobId } from '../../core/units.js';
import { inPortions } from '../embedded/portions.js';
import type { SubmissionColumns } from '../embedded/requests.js';
import { submissionColumns } from '../embedded/rows.js';
import type { Batches } from './batches.js';
import { type Collections, firstDocument } from './documents.js';
import { Gathering, type Settled } from './gathering.js';
import type { Ids } from './ids.js';
import { type KnownKeys, knownAnswer } from './known-keys.js';
import { isRepeatAlone, troubleOf, unavailable } from './trouble.js';

/** While one group waits for the journal the next is on its way. */
const GROUPS_AT_ONCE = 2;
/** An id that is taken although the counter gave it out: somebody lowered the counter. */
const ID_TRIES_MAX = 3;

export class Submissions {
  readonly #collections: Collections;
  readonly #ids: Ids;
  readonly #knownKeys: KnownKeys;
  readonly #batches: Batches;
  /** Called before `known` is answered for a job that another process may just be writing: until that is durable. */
  readonly #settle: () => Promise<void>;
  readonly #single: Gathering<SubmissionColumns, SubmitAnswer>;

  constructor(
    collections: Collections,
    parts: {
      readonly ids: Ids;
      readonly knownKeys: KnownKeys;
      readonly batches: Batches;
      readonly settle: () => Promise<void>;
    },
  ) {
    this.#collections = collections;
    this.#ids = parts.ids;
    this.#knownKeys = parts.knownKeys;
    this.#batches = parts.batches;
    this.#settle = parts.settle;
    const limits = { groupsMax: GROUPS_AT_ONCE, weightMax: MONGO_INSERT_JOBS_MAX };
    this.#single = new Gathering(limits, (jobs) => this.#insert(jobs, ID_TRIES_MAX));
  }

  async submit(
    jobs: readonly NewJob[],
    limits: RateLimits | undefined,
  ): Promise<readonly (SubmitAnswer | Limited)[]> {
    const columns = await inPortions(jobs, submissionColumns);
    const [only] = columns;
    if (only === undefined) return [];
    const isLimited = limits !== undefined && (limits.user !== null || limits.all !== null);
    const answers =
      columns.length === 1 && !isLimited
        ? [await this.#single.call(only, 1)]
        : await this.#batches.submit(columns, isLimited ? limits : null);
    if (answers.some(({ kind }) => kind === 'known')) await this.#settle();
    return answers;
  }

  /** Each job for itself: what fails of one is no matter of the others. */
  async #insert(
    jobs: readonly SubmissionColumns[],
    tries: number,
  ): Promise<readonly Settled<SubmitAnswer>[]> {
    const sizes = jobs.map(({ arraySize }) => 1 + (arraySize ?? 0));
    let next = await this.#ids.take(sizes.reduce((sum, size) => sum + size, 0));
    const ids = sizes.map((size) => {
      next += size;
      return next - size;
    });
    const failed = await this.#insertAll(
      jobs.map((job, at) => firstDocument(ids[at] ?? 0, job, null)),
    );
    const answers = jobs.map((_, at): Settled<SubmitAnswer> => {
      const error = failed.get(at);
      return error === undefined
        ? { answer: { kind: 'stored', id: jobId(ids[at] ?? 0) } }
        : { error };
    });
    const taken = [...failed].filter(([, error]) => error === TAKEN).map(([at]) => at);
    return taken.length === 0 ? answers : this.#resolve(jobs, answers, { taken, tries });
  }

  /** What became of each that was not inserted, by its place. */
  async #insertAll(
    documents: readonly ReturnType<typeof firstDocument>[],
  ): Promise<ReadonlyMap<number, unknown>> {
    try {
      await this.#collections.jobs.insertMany(documents, { ordered: false });
      return new Map();
    } catch (error) {
      if (isRepeatAlone(error))
        return new Map([error.writeErrors].flat().map(({ index }) => [index, TAKEN]));
      // Without a word about single ones all are in doubt.
      if (!(error instanceof MongoBulkWriteError)) throw error;
      return new Map(documents.map((_, at) => [at, troubleOf(error)]));
    }
  }

  /** Those whose key, or id, was taken. */
  async #resolve(
    jobs: readonly SubmissionColumns[],
    answers: readonly Settled<SubmitAnswer>[],
    { taken, tries }: { readonly taken: readonly number[]; readonly tries: number },
  ): Promise<readonly Settled<SubmitAnswer>[]> {
    const known = await this.#knownKeys.of(taken.flatMap((at) => jobs[at]?.idemKey ?? []));
    const resolved = [...answers];
    const again: number[] = [];
    for (const at of taken) {
      const job = jobs[at];
      if (job === undefined) continue;
      const before = job.idemKey === null ? undefined : known.get(job.idemKey);
      if (before !== undefined) resolved[at] = { answer: knownAnswer(job, before) };
      else again.push(at);
    }
    if (again.length === 0) return resolved;
    if (tries === 0)
      throw unavailable('server-error', 'the counter of job ids gives out ids that are taken');
    const others = again.flatMap((at) => jobs[at] ?? []);
    const late = await this.#insert(others, tries - 1);
    for (const [n, at] of again.entries()) resolved[at] = late[n] ?? 'later';
    return resolved;
  }
}

const TAKEN = Symbol('taken');
