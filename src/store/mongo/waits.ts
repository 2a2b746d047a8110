// What jobs wait for besides resources: how others stand, namesakes, holds.
import type { Collection } from 'mongodb';
import type { KnownStanding } from '../../contracts/waits.js';
import { type HeldBack, standingOf } from '../../core/dependency.js';
import type { JobState } from '../../core/job.js';
import type { Namesake } from '../../core/name-lines.js';
import { type JobId, jobId, type UserId, userId } from '../../core/units.js';
import { slices } from '../embedded/portions.js';
import { lifeIn } from '../embedded/rows.js';
import {
  ARRAY_FIELDS,
  type ArrayDocument,
  type Collections,
  DRAFT,
  type JobDocument,
} from './documents.js';
import { arrayBelow, heldJobs, namesakesOf } from './questions.js';
import type { Records } from './records.js';
import { waitingMember } from './steps.js';
import { isRepeat } from './trouble.js';

/** Records of one question. */
const STANDINGS_SLICE = 1_000;
const STANDING_FIELDS = { state: 1, exitCode: 1, owner: 1, life: 1 } as const;
type StandingDocument = Pick<JobDocument, '_id' | keyof typeof STANDING_FIELDS>;
/** A member of an array that cannot be read counts as waiting until that is mended. */
const UNREADABLE: KnownStanding = {
  ...{ state: 'pending', exitCode: null, hasStarted: false },
  owner: userId(''),
};

const FREE = { heldBy: null, heldAt: null, heldByAdmin: null, isHeld: false } as const;

export class Waiting {
  readonly #jobs: Collection<JobDocument>;
  readonly #records: Records;

  constructor({ jobs }: Collections, records: Records) {
    this.#jobs = jobs;
    this.#records = records;
  }

  async standings(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, KnownStanding>> {
    const found = new Map<JobId, KnownStanding>();
    for (const slice of slices(ids, STANDINGS_SLICE)) {
      const documents = await this.#jobs
        .find({ _id: { $in: [...slice] } })
        .project<StandingDocument>(STANDING_FIELDS)
        .toArray();
      for (const document of documents)
        if (document.state !== DRAFT)
          found.set(jobId(document._id), knownStanding(document, document.state));
      const unknown = slice.filter((id) => !found.has(id));
      if (unknown.length === 0) continue;
      for (const [id, job] of await this.#records.jobs(unknown))
        found.set(id, { ...standingOf(job), owner: job.owner });
      for (const id of unknown)
        if (!found.has(id) && (await this.#arrayOf(id)) !== undefined) found.set(id, UNREADABLE);
    }
    return found;
  }

  async namesakes(
    named: { readonly owner: UserId; readonly name: string },
    after: JobId | null,
  ): Promise<readonly Namesake[]> {
    const { filter, sort = {} } = namesakesOf(named, after ?? 0);
    const documents = await this.#jobs
      .find(filter)
      .project<Pick<JobDocument, '_id' | 'state' | 'launches' | 'life'>>({
        ...{ state: 1, launches: 1, life: 1 },
      })
      .sort(sort)
      .toArray();
    return documents.flatMap(({ _id, state, launches, life }) => {
      if (state === DRAFT) return [];
      const hasBegun = launches > 0 || (state === 'open' && hasStarted(state, life));
      return [{ id: jobId(_id), hasBegun }];
    });
  }

  async holdBack(id: JobId, held: HeldBack): Promise<'held' | 'already' | 'too-late' | 'unknown'> {
    const { matchedCount } = await this.#jobs.updateOne(
      {
        _id: id,
        state: { $in: ['pending', 'open'] },
        killWantedBy: null,
        ...(held.isAdmin ? { heldByAdmin: { $ne: true } } : { heldBy: null }),
      },
      { $set: heldFields(held), $inc: { version: 1 } },
    );
    if (matchedCount > 0) return 'held';
    const found = await this.#jobs.findOne(
      { _id: id },
      { projection: { state: 1, killWantedBy: 1 } },
    );
    if (found === null) return this.#holdMember(id, held);
    if (found.state === DRAFT) return 'unknown';
    const waits = found.state === 'pending' || found.state === 'open';
    return waits && found.killWantedBy === null ? 'already' : 'too-late';
  }

  /** A member that has no record yet gets one. */
  async #holdMember(
    id: JobId,
    held: HeldBack,
  ): Promise<'held' | 'already' | 'too-late' | 'unknown'> {
    const array = await this.#arrayOf(id);
    if (array === undefined) return 'unknown';
    if (array.state !== 'open' || array.killWantedBy !== null) return 'too-late';
    try {
      await this.#jobs.insertOne({ ...waitingMember(id, array), ...heldFields(held) });
      return 'held';
    } catch (error) {
      // It has just got its record, by an intent or by another wish.
      if (isRepeat(error)) return this.holdBack(id, held);
      throw error;
    }
  }

  async release(
    id: JobId,
    { isAdmin }: { readonly isAdmin: boolean },
  ): Promise<'released' | 'not-held' | 'forbidden' | 'unknown'> {
    const { matchedCount } = await this.#jobs.updateOne(
      {
        _id: id,
        state: { $in: ['pending', 'open'] },
        isHeld: true,
        ...(isAdmin ? {} : { heldByAdmin: false }),
      },
      { $set: FREE, $inc: { version: 1 } },
    );
    if (matchedCount > 0) return 'released';
    const found = await this.#jobs.findOne({ _id: id }, { projection: { state: 1, isHeld: 1 } });
    if (found === null) return (await this.#arrayOf(id)) === undefined ? 'unknown' : 'not-held';
    if (found.state === DRAFT) return 'unknown';
    return found.isHeld === true ? 'forbidden' : 'not-held';
  }

  async heldBack(): Promise<readonly JobId[]> {
    const { filter, sort = {} } = heldJobs();
    const documents = await this.#jobs
      .find(filter)
      .project({ _id: 1, state: 1 })
      .sort(sort)
      .toArray();
    return documents.flatMap(({ _id, state }) => (state === DRAFT ? [] : [jobId(Number(_id))]));
  }

  /** The array that an id is a member of, readable or not. */
  async #arrayOf(id: JobId): Promise<ArrayDocument | undefined> {
    const { filter, sort = {} } = arrayBelow(id);
    const [array] = await this.#jobs
      .find(filter)
      .project<ArrayDocument>(ARRAY_FIELDS)
      .sort(sort)
      .limit(1)
      .toArray();
    return array !== undefined && id <= array._id + (array.arraySize ?? 0) ? array : undefined;
  }
}

const heldFields = ({ by, isAdmin, at }: HeldBack) => ({
  heldBy: by,
  heldAt: at,
  heldByAdmin: isAdmin,
  isHeld: true,
});

const knownStanding = (
  { exitCode, owner, life }: StandingDocument,
  state: JobState,
): KnownStanding => ({
  state,
  exitCode: exitCode ?? null,
  hasStarted: hasStarted(state, life),
  owner: userId(String(owner)),
});

/** A job that waits or is being launched has not; a document that cannot be read says nothing of it. */
function hasStarted(state: JobState, life: string): boolean {
  if (state === 'pending' || state === 'launching') return false;
  try {
    return (lifeIn(life).startedAt ?? null) !== null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return false;
    throw error;
  }
}
