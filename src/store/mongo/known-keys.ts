// Submissions under a key that is taken: by a job that is stored, or by one that is being decided just now.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Collection } from 'mongodb';
import { MONGO_SAME_KEY_WAIT_MS_MAX } from '../../contracts/limits.js';
import type { SubmitAnswer } from '../../contracts/store.js';
import { jobId } from '../../core/units.js';
import type { SubmissionColumns } from '../embedded/requests.js';
import type { Admissions } from './admissions.js';
import { type Collections, DRAFT, type JobDocument } from './documents.js';
import { withKeys } from './questions.js';

const LOOK_EACH_MS = 25;

type KnownDocument = Pick<JobDocument, '_id' | 'key' | 'digest' | 'state' | 'batch'>;
const KNOWN_FIELDS = { key: 1, digest: 1, state: 1, batch: 1 } as const;

export class KnownKeys {
  readonly #jobs: Collection<JobDocument>;
  readonly #admissions: Admissions;

  constructor({ jobs }: Collections, admissions: Admissions) {
    this.#jobs = jobs;
    this.#admissions = admissions;
  }

  /**
   * The jobs that are stored under these keys. Waits for those that are being decided; of a process that does not come to an end the
   * submission is aborted, so that its key is free again.
   */
  async of(keys: readonly string[]): Promise<ReadonlyMap<string, KnownDocument>> {
    const startedAt = performance.now();
    for (;;) {
      const found = keys.length === 0 ? [] : await this.#read(keys);
      const undecided = new Set(
        found.flatMap(({ state, batch }) => (state === DRAFT ? (batch ?? []) : [])),
      );
      if (undecided.size === 0) return new Map(found.map((job) => [job.key, job]));
      const isPatient = performance.now() - startedAt < MONGO_SAME_KEY_WAIT_MS_MAX;
      for (const batch of undecided)
        if ((await this.#admissions.resolve(batch)) === 'undecided' && !isPatient)
          await this.#admissions.abort(batch, Date.now());
      await sleep(LOOK_EACH_MS);
    }
  }

  #read(keys: readonly string[]): Promise<KnownDocument[]> {
    return this.#jobs.find(withKeys(keys).filter).project<KnownDocument>(KNOWN_FIELDS).toArray();
  }
}

/** The answer to a submission under the key of a job that is stored. */
export const knownAnswer = (
  { digest }: Pick<SubmissionColumns, 'digest'>,
  known: { readonly _id: number; readonly digest: string },
): SubmitAnswer => ({
  kind: digest === known.digest ? 'known' : 'key-reused',
  id: jobId(known._id),
});
