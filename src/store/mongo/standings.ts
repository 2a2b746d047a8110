// How jobs stand that others wait for, and who shares a name.

import type { Collection } from 'mongodb';
import type { KnownStanding } from '../../contracts/waits.js';
import { standingOf } from '../../core/dependency.js';
import type { Namesake } from '../../core/name-lines.js';
import { type JobId, jobId, userId } from '../../core/units.js';
import { slices } from '../embedded/portions.js';
import { arrayWith } from './arrays-below.js';
import { type Collections, DRAFT, type JobDocument } from './documents.js';
import { held, named } from './questions.js';
import type { Records } from './records.js';

const STANDINGS_SLICE = 2_000;

const UNREADABLE: KnownStanding = {
  ...{ state: 'pending', exitCode: null, hasStarted: false },
  owner: userId(''),
};

export class Standings {
  readonly #jobs: Collection<JobDocument>;
  readonly #records: Records;

  constructor({ jobs }: Collections, records: Records) {
    this.#jobs = jobs;
    this.#records = records;
  }

  async of(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, KnownStanding>> {
    const found = new Map<JobId, KnownStanding>();
    for (const slice of slices(ids, STANDINGS_SLICE)) {
      for (const [id, job] of await this.#records.jobs(slice))
        found.set(id, { ...standingOf(job), owner: job.owner });
      for (const id of slice)
        if (!found.has(id) && (await this.#isDamaged(id))) found.set(id, UNREADABLE);
    }
    return found;
  }

  /** There is a record of it, or of its array, that cannot be read: it counts as waiting until that is mended. */
  async #isDamaged(id: JobId): Promise<boolean> {
    const own = await this.#jobs.findOne({ _id: id }, { projection: { state: 1 } });
    if (own !== null) return own.state !== DRAFT;
    return (await arrayWith(this.#jobs, id, { arraySize: 1 })) !== undefined;
  }

  async namesakes(
    { owner, name }: { readonly owner: string; readonly name: string },
    after: number,
  ): Promise<readonly Namesake[]> {
    const { filter, sort = {} } = named(owner, name, after);
    const documents = await this.#jobs
      .find(filter)
      .project<Pick<JobDocument, '_id'>>({ _id: 1 })
      .sort(sort)
      .toArray();
    const namesakes: Namesake[] = [];
    for (const slice of slices(documents, STANDINGS_SLICE)) {
      const jobs = await this.#records.jobs(slice.map(({ _id }) => jobId(_id)));
      for (const { _id } of slice) {
        const job = jobs.get(jobId(_id));
        if (job === undefined || job.state === 'over') continue;
        const hasBegun = job.launches > 0 || (job.state === 'open' && job.startedAt !== null);
        namesakes.push({ id: job.id, hasBegun });
      }
    }
    return namesakes;
  }

  async heldBack(): Promise<readonly JobId[]> {
    const { filter, sort = {} } = held();
    const documents = await this.#jobs.find(filter).project({ _id: 1 }).sort(sort).toArray();
    return documents.map(({ _id }) => jobId(Number(_id)));
  }
}
