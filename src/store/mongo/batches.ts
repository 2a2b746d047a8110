// Submissions of several jobs, or under limits: all of a call, or nothing, and never beyond a limit, whoever else submits.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MONGO_DECIDE_MS_MAX, MONGO_INSERT_JOBS_MAX } from '../../contracts/limits.js';
import type { Limited, RateLimits, SubmitAnswer } from '../../contracts/store.js';
import { jobId } from '../../core/units.js';
import { slices } from '../embedded/portions.js';
import type { SubmissionColumns } from '../embedded/requests.js';
import type { Admissions } from './admissions.js';
import { type Collections, firstDocument, type JobDocument } from './documents.js';
import { Gathering, type Settled } from './gathering.js';
import type { Ids } from './ids.js';
import { type KnownKeys, knownAnswer } from './known-keys.js';
import { RateCount } from './rate-count.js';
import { isRepeatAlone, unavailable } from './trouble.js';

type Answers = readonly (SubmitAnswer | Limited)[];

/** One call, on its way. */
interface Batch {
  readonly name: string;
  readonly jobs: readonly SubmissionColumns[];
  readonly limits: RateLimits | null;
  /** Answers that are there already: keys that are stored. By place. */
  readonly known: ReadonlyMap<number, SubmitAnswer>;
  /** Places of jobs that are to be stored: each key once. */
  readonly fresh: readonly number[];
  /** Their ids, once drafts are stored. */
  ids: readonly number[] | null;
}

interface Ask {
  readonly jobs: readonly SubmissionColumns[];
  readonly limits: RateLimits | null;
}

/** Pauses between tries to commit beside others: up to this, by chance. */
const AGAIN_MS_MAX = 20;

export class Batches {
  readonly #collections: Collections;
  readonly #ids: Ids;
  readonly #knownKeys: KnownKeys;
  readonly #admissions: Admissions;
  readonly #rates: RateCount;
  readonly #gathering: Gathering<Ask, Answers>;

  constructor(
    collections: Collections,
    parts: {
      readonly ids: Ids;
      readonly knownKeys: KnownKeys;
      readonly admissions: Admissions;
    },
  ) {
    this.#collections = collections;
    this.#ids = parts.ids;
    this.#knownKeys = parts.knownKeys;
    this.#admissions = parts.admissions;
    this.#rates = new RateCount(collections);
    // One group at a time: two of one process would only wait for each other's decisions.
    const limits = { groupsMax: 1, weightMax: MONGO_INSERT_JOBS_MAX };
    this.#gathering = new Gathering(limits, (asks) => this.#decideAll(asks));
  }

  submit(jobs: readonly SubmissionColumns[], limits: RateLimits | null): Promise<Answers> {
    return this.#gathering.call({ jobs, limits }, jobs.length);
  }

  async #decideAll(asks: readonly Ask[]): Promise<readonly Settled<Answers>[]> {
    const startedAt = performance.now();
    const batches = new Map<number, Batch>();
    const keys = new Set<string>();
    const stored = await this.#knownKeys.of(asks.flatMap(({ jobs }) => keysOf(jobs)));
    for (const [at, ask] of asks.entries()) {
      // Two calls of a group under one key: what becomes of the second depends on the first.
      if (keysOf(ask.jobs).some((key) => keys.has(key))) continue;
      for (const key of keysOf(ask.jobs)) keys.add(key);
      batches.set(at, batchOf(ask, stored));
    }
    const answers = new Map<Batch, Settled<Answers>>();
    const wanting = [...batches.values()].filter((batch) => {
      if (batch.fresh.length > 0) return true;
      answers.set(batch, { answer: answersOf(batch, []) });
      return false;
    });
    try {
      await this.#decide(wanting, answers, startedAt);
    } catch (error) {
      // Whether it was committed may be in doubt: drafts stay, until a sweep finds out.
      for (const batch of wanting) if (!answers.has(batch)) answers.set(batch, { error });
    }
    return asks.map((_, at) => {
      const batch = batches.get(at);
      return batch === undefined ? 'later' : (answers.get(batch) ?? 'later');
    });
  }

  async #decide(
    batches: readonly Batch[],
    answers: Map<Batch, Settled<Answers>>,
    startedAt: number,
  ): Promise<void> {
    for (let left = batches; left.length > 0; ) {
      if (performance.now() - startedAt > MONGO_DECIDE_MS_MAX)
        throw unavailable('busy', 'too many others submit at the same time');
      const isCounted = left.some(({ limits }) => limits !== null);
      const version = isCounted ? await this.#admissions.settledVersion() : null;
      const { admitted, refused } = await this.#rates.judge(left);
      if (admitted.length === 0) {
        // A no counts only if nobody was admitted or taken away while we counted.
        if (version !== null && version !== (await this.#admissions.version())) continue;
      } else {
        const clash = await this.#store(admitted);
        if (clash.length > 0) {
          for (const batch of clash) answers.set(batch, 'later');
          left = left.filter((batch) => !clash.includes(batch));
          continue;
        }
        const names = admitted.map(({ name }) => name);
        const outcome = await this.#admissions.commit(names, version);
        if (outcome === 'aborted') throw unavailable('busy', 'the submission took too long');
        if (outcome === 'moved') {
          await sleep(Math.random() * AGAIN_MS_MAX);
          continue;
        }
        await this.#admissions.publish(names);
        for (const batch of admitted)
          answers.set(batch, { answer: answersOf(batch, storedAnswers(batch)) });
      }
      await this.#admissions.drop(
        [...refused.keys()].flatMap(({ ids, name }) => (ids && name) || []),
      );
      for (const [batch, limited] of refused)
        answers.set(batch, {
          answer: answersOf(
            batch,
            batch.fresh.map(() => limited),
          ),
        });
      return;
    }
  }

  /** Stores drafts of those that have none yet. Answers those of which somebody has stored a key meanwhile: theirs are gone again. */
  async #store(batches: readonly Batch[]): Promise<readonly Batch[]> {
    const clash: Batch[] = [];
    const without = batches.filter(({ ids }) => ids === null);
    const sizes = without.map(({ jobs, fresh }) =>
      fresh.map((place) => 1 + (jobs[place]?.arraySize ?? 0)),
    );
    const total = sizes.flat().reduce((sum, size) => sum + size, 0);
    if (total === 0) return clash;
    let next = await this.#ids.take(total);
    const documents: JobDocument[] = [];
    for (const [n, batch] of without.entries()) {
      const ids = (sizes[n] ?? []).map((size) => {
        next += size;
        return next - size;
      });
      batch.ids = ids;
      for (const [m, place] of batch.fresh.entries()) {
        const job = batch.jobs[place];
        if (job !== undefined) documents.push(firstDocument(ids[m] ?? 0, job, batch.name));
      }
    }
    for (const slice of slices(documents, MONGO_INSERT_JOBS_MAX))
      for (const name of await this.#insert(slice)) {
        const batch = without.find((one) => one.name === name);
        if (batch !== undefined && !clash.includes(batch)) clash.push(batch);
      }
    await this.#admissions.drop(clash.map(({ name }) => name));
    return clash;
  }

  /** Names of batches of which a key, or an id, was taken. */
  async #insert(documents: readonly JobDocument[]): Promise<readonly string[]> {
    try {
      await this.#collections.jobs.insertMany(documents, { ordered: false });
      return [];
    } catch (error) {
      if (!isRepeatAlone(error)) throw error;
      return [error.writeErrors].flat().flatMap(({ index }) => documents[index]?.batch ?? []);
    }
  }
}

const keysOf = (jobs: readonly SubmissionColumns[]): readonly string[] =>
  jobs.flatMap(({ idemKey }) => idemKey ?? []);

function batchOf(
  { jobs, limits }: Ask,
  stored: ReadonlyMap<string, { readonly _id: number; readonly digest: string }>,
): Batch {
  const known = new Map<number, SubmitAnswer>();
  const fresh: number[] = [];
  const keys = new Set<string>();
  for (const [place, job] of jobs.entries()) {
    const before = job.idemKey === null ? undefined : stored.get(job.idemKey);
    if (before !== undefined) known.set(place, knownAnswer(job, before));
    else if (job.idemKey === null || !keys.has(job.idemKey)) fresh.push(place);
    if (job.idemKey !== null) keys.add(job.idemKey);
  }
  return { name: randomUUID(), jobs, limits, known, fresh, ids: null };
}

const storedAnswers = ({ ids }: Batch): readonly SubmitAnswer[] =>
  (ids ?? []).map((id) => ({ kind: 'stored', id: jobId(id) }));

/** In the order of the jobs; `fresh` are the answers to those that were to be stored. */
function answersOf({ jobs, known, fresh: places }: Batch, fresh: Answers): Answers {
  const byPlace = new Map<number, SubmitAnswer | Limited>(known);
  const byKey = new Map<string, number>();
  for (const [n, place] of places.entries()) {
    const answer = fresh[n];
    if (answer !== undefined) byPlace.set(place, answer);
    const key = jobs[place]?.idemKey ?? null;
    if (key !== null) byKey.set(key, place);
  }
  return jobs.flatMap((job, place): Answers => {
    const answer = byPlace.get(place);
    if (answer !== undefined) return [answer];
    // The same key stands before it in this call.
    const first = byKey.get(job.idemKey ?? '');
    const before = first === undefined ? undefined : byPlace.get(first);
    if (before === undefined) return [];
    if (before.kind === 'limited') return [before];
    return [knownAnswer(job, { _id: before.id, digest: jobs[first ?? 0]?.digest ?? '' })];
  });
}
