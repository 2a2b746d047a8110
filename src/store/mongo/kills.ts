// The wish to kill: of any process, at any time. Leaders never touch it.

import type { Collection } from 'mongodb';
import { arrayWith } from './arrays-below.js';
import {
  ARRAY_FIELDS,
  type ArrayDocument,
  type Collections,
  DRAFT,
  type JobDocument,
  waitingMember,
} from './documents.js';
import { isRepeat } from './trouble.js';

type Answer = 'wanted' | 'already' | 'over' | 'unknown';
interface Wish {
  readonly by: string;
  readonly at: number;
}

export class Kills {
  readonly #jobs: Collection<JobDocument>;

  constructor({ jobs }: Collections) {
    this.#jobs = jobs;
  }

  async want(id: number, wish: Wish): Promise<Answer> {
    const { matchedCount } = await this.#jobs.updateOne(
      { _id: id, killWantedBy: null, state: { $nin: ['over', DRAFT] } },
      {
        $set: { killWantedBy: wish.by, killWantedAt: wish.at, killDue: true },
        $inc: { version: 1 },
      },
    );
    if (matchedCount > 0) return 'wanted';
    const found = await this.#jobs.findOne(
      { _id: id },
      { projection: { state: 1, killWantedBy: 1 } },
    );
    if (found === null) return this.#wantOfMember(id, wish);
    if (found.state === DRAFT) return 'unknown';
    if (found.state === 'over') return 'over';
    // A member may have got its record between both looks, by an intent: then nobody wants its kill yet.
    return found.killWantedBy === null ? this.want(id, wish) : 'already';
  }

  /** A member that has no record yet gets one. */
  async #wantOfMember(id: number, wish: Wish): Promise<Answer> {
    const array = await arrayWith<ArrayDocument>(this.#jobs, id, ARRAY_FIELDS);
    if (array === undefined) return 'unknown';
    if (array.state === 'over') return 'over';
    if (array.killWantedBy !== null) return 'already';
    try {
      await this.#jobs.insertOne({
        ...waitingMember(id, array),
        killWantedBy: wish.by,
        killWantedAt: wish.at,
        killDue: true,
      });
      return 'wanted';
    } catch (error) {
      // It has just got its record, by an intent or by another who wants it killed.
      if (isRepeat(error)) return this.want(id, wish);
      throw error;
    }
  }
}
