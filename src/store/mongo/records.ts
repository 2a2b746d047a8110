// Reads jobs: alone, by id, in lists. A document that cannot be read hides no other.

import type { Collection, Document } from 'mongodb';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import type { Log } from '../../contracts/log.js';
import type { EndedQuery, HistoryQuery, JobQuery } from '../../contracts/store.js';
import { unmadeMember } from '../../core/array-life.js';
import { isLive, type Job, type JobState, type LiveJob, type OverJob } from '../../core/job.js';
import { type JobId, jobId } from '../../core/units.js';
import { wholeOr } from '../embedded/accounts.js';
import { membersAmong } from '../embedded/members.js';
import { slices } from '../embedded/portions.js';
import { JOB_STATES, UnreadableRecord } from '../embedded/rows.js';
import { hasMember, nearestArray } from './arrays-below.js';
import {
  type Collections,
  DRAFT,
  idOf,
  type JobDocument,
  jobIn,
  type ReadDocument,
  WITHOUT_SCRIPT,
} from './documents.js';
import { counted, ended, killsDue, listed, live, past, type Question } from './questions.js';

/** Records of one question: keeps answers, and the work on them, in portions. */
const RECORDS_SLICE = 500;
const SCRIPTS_SLICE = 100;

export class Records {
  readonly #jobs: Collection<JobDocument>;
  readonly #log: Log;

  constructor({ jobs }: Collections, log: Log) {
    this.#jobs = jobs;
    this.#log = log;
  }

  /** @throws ServiceError internal, of a record that cannot be read */
  async job(id: JobId): Promise<Job | undefined> {
    const document = await this.#one(id);
    if (document !== undefined) return this.#readable(document);
    const array = await this.arrayOf(id);
    if (array === undefined) return undefined;
    // Between both looks the member may have got its record.
    const again = await this.#one(id);
    return again === undefined ? unmadeMember(array, id) : this.#readable(again);
  }

  async #one(id: JobId): Promise<ReadDocument | undefined> {
    const document = await this.#jobs.findOne({ _id: id }, { projection: WITHOUT_SCRIPT });
    return document === null || document.state === DRAFT ? undefined : document;
  }

  async #readable(document: ReadDocument): Promise<Job> {
    const asked = await this.#askedBy([document]);
    return wholeOr(() => jobIn(document, document.asked ?? asked.get(document.parent ?? 0)));
  }

  /** The readable array that an id is a member of. */
  async arrayOf(id: JobId): Promise<Job | undefined> {
    const [found] = await this.#arraysOf([id]);
    return found?.[1];
  }

  async jobs(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, Job>> {
    const found = new Map<JobId, Job>();
    for (const slice of slices(ids, RECORDS_SLICE)) {
      const documents = await this.#byId(slice);
      for (const job of await this.readable(documents)) found.set(job.id, job);
      const known = new Set(documents.map(({ _id }) => _id));
      const members = await this.#arraysOf(slice.filter((id) => !known.has(id)));
      for (const [id, array] of members) found.set(id, unmadeMember(array, id));
      // Of an array that has ended since the first look, members may have got records and ended by themselves.
      const late = members.filter(([, { state }]) => state === 'over').map(([id]) => id);
      if (late.length === 0) continue;
      for (const job of await this.readable(await this.#byId(late))) found.set(job.id, job);
    }
    return found;
  }

  async #byId(ids: readonly JobId[]): Promise<readonly ReadDocument[]> {
    const documents = await this.#jobs
      .find({ _id: { $in: [...ids] } }, { projection: WITHOUT_SCRIPT })
      .toArray();
    return documents.filter(({ state }) => state !== DRAFT);
  }

  /** The arrays of those ids that are members. From the greatest id down: one look-up serves all members of an array. */
  async #arraysOf(ids: readonly JobId[]): Promise<readonly (readonly [JobId, Job])[]> {
    const arrays: ReadDocument[] = [];
    let lowest = Number.POSITIVE_INFINITY;
    for (const id of [...ids].sort((a, b) => b - a)) {
      if (id > lowest) continue;
      const array = await nearestArray<ReadDocument>(this.#jobs, id, WITHOUT_SCRIPT);
      if (array === null) break;
      if (!hasMember(array, id)) continue;
      arrays.push(array);
      lowest = array._id;
    }
    return membersAmong(ids, await this.readable(arrays));
  }

  async scripts(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, string>> {
    const found = new Map<JobId, string>();
    for (const slice of slices(ids, SCRIPTS_SLICE)) {
      const documents = await this.#jobs
        .find({ _id: { $in: [...slice] } })
        .project<Pick<JobDocument, '_id' | 'script' | 'state'>>({ script: 1, state: 1 })
        .toArray();
      for (const { _id, script, state } of documents)
        if (typeof script === 'string' && state !== DRAFT) found.set(jobId(_id), script);
    }
    const arrays = await this.#arraysOf(ids.filter((id) => !found.has(id)));
    const parents = [...new Set(arrays.map(([, { id }]) => id))];
    const ofParents = parents.length === 0 ? found : await this.scripts(parents);
    for (const [id, array] of arrays) {
      const script = ofParents.get(array.id);
      if (script !== undefined) found.set(id, script);
    }
    return found;
  }

  list(query: JobQuery): Promise<readonly Job[]> {
    return this.#page(query, listed(query));
  }

  async history(query: HistoryQuery): Promise<readonly OverJob[]> {
    return (await this.#page(query, past(query))).filter((job) => job.state === 'over');
  }

  async #page(
    { skip, limit: asked }: { readonly skip?: number; readonly limit?: number },
    { filter, sort = {} }: Question<JobDocument>,
  ): Promise<readonly Job[]> {
    const limit = Math.min(asked ?? PAGE_ITEMS_MAX, PAGE_ITEMS_MAX);
    // To MongoDB a limit of 0 is none at all.
    if (limit <= 0) return [];
    const documents = await this.#jobs
      .find(filter, { projection: WITHOUT_SCRIPT })
      .sort(sort)
      .skip(skip ?? 0)
      .limit(limit)
      .batchSize(limit)
      .toArray();
    return this.readable(documents);
  }

  async counts(owner: string | null): Promise<Readonly<Record<JobState, number>>> {
    const counts = Object.fromEntries(JOB_STATES.map((state) => [state, 0])) as Record<
      JobState,
      number
    >;
    const groups = this.#jobs.aggregate<{ readonly _id: JobState; readonly jobs: number }>([
      { $match: counted(owner).filter },
      { $group: { _id: '$state', jobs: { $sum: 1 } } },
    ]);
    for await (const { _id, jobs } of groups) counts[_id] = jobs;
    return counts;
  }

  async live(): Promise<readonly LiveJob[]> {
    const found: LiveJob[] = [];
    for (let after = 0; ; ) {
      const { filter, sort = {} } = live(after);
      const documents = await this.#jobs
        .find(filter, { projection: WITHOUT_SCRIPT })
        .sort(sort)
        .limit(RECORDS_SLICE)
        .batchSize(RECORDS_SLICE)
        .toArray();
      for (const job of await this.readable(documents)) if (isLive(job)) found.push(job);
      const last = documents.at(-1)?._id;
      if (documents.length < RECORDS_SLICE || last === undefined) return found;
      after = last;
    }
  }

  async ended(query: EndedQuery): Promise<readonly OverJob[]> {
    if (query.limit <= 0) return [];
    const { filter, sort = {} } = ended(query);
    const documents = await this.#jobs
      .find(filter, { projection: WITHOUT_SCRIPT })
      .sort(sort)
      .limit(query.limit)
      .toArray();
    return (await this.readable(documents)).filter((job) => job.state === 'over');
  }

  async killsWanted(): Promise<readonly JobId[]> {
    const { filter, sort = {} } = killsDue();
    const documents = await this.#jobs.find(filter).project({ _id: 1 }).sort(sort).toArray();
    return documents.map(({ _id }) => jobId(Number(_id)));
  }

  /** One broken record must not hide the others: it is left out, and said. */
  async readable(documents: readonly ReadDocument[]): Promise<Job[]> {
    const asked = await this.#askedBy(documents);
    return documents.flatMap((document) => {
      try {
        return [jobIn(document, document.asked ?? asked.get(document.parent ?? 0))];
      } catch (failure) {
        if (!(failure instanceof UnreadableRecord)) throw failure;
        this.skip(document, failure);
        return [];
      }
    });
  }

  skip({ _id }: { readonly _id: unknown }, { cause }: Error): void {
    this.#log.error('record left out: it cannot be read', { id: idOf(_id), cause });
  }

  /** What was asked of the arrays whose members are among the documents. */
  async #askedBy(documents: readonly ReadDocument[]): Promise<ReadonlyMap<number, string>> {
    const parents = new Set(
      documents.flatMap(({ asked, parent }) => (asked === undefined ? (parent ?? []) : [])),
    );
    if (parents.size === 0) return new Map();
    const arrays = await this.#jobs
      .find({ _id: { $in: [...parents] } })
      .project<Document & Pick<JobDocument, '_id' | 'asked'>>({ asked: 1 })
      .toArray();
    return new Map(arrays.flatMap(({ _id, asked }) => (asked === undefined ? [] : [[_id, asked]])));
  }
}
