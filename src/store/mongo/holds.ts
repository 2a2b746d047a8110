// Jobs that are held back and released: wishes of any process, as kills are. Leaders never touch them.

import type { Collection } from 'mongodb';
import { arrayWith } from './arrays-below.js';
import { type Collections, DRAFT, type JobDocument, waitingMember } from './documents.js';
import { isRepeat } from './trouble.js';

type Held = 'held' | 'already' | 'too-late' | 'unknown';
type Released = 'released' | 'not-held' | 'forbidden' | 'unknown';

export interface Hold {
  readonly by: string;
  readonly at: number;
  readonly isAdmin: boolean;
}

const WAITING: readonly JobDocument['state'][] = ['pending', 'open'];

export class Holds {
  readonly #jobs: Collection<JobDocument>;

  constructor({ jobs }: Collections) {
    this.#jobs = jobs;
  }

  async holdBack(id: number, { by, at, isAdmin }: Hold): Promise<Held> {
    const held = { heldBy: by, heldAt: at, heldByAdmin: isAdmin ? 1 : 0, isHeld: true };
    const mayTakeOver = isAdmin
      ? { $or: [{ heldBy: null }, { heldByAdmin: 0 }] }
      : { heldBy: null };
    const { matchedCount } = await this.#jobs.updateOne(
      { _id: id, state: { $in: [...WAITING] }, killWantedBy: null, ...mayTakeOver },
      { $set: held, $inc: { version: 1 } },
    );
    if (matchedCount > 0) return 'held';
    const known = await this.#known(id);
    if (known !== undefined) {
      if (!waits(known) || known.killWantedBy !== null) return 'too-late';
      // A member may have got its record, or a job have been released, between both looks.
      return known.isHeld === true ? 'already' : this.holdBack(id, { by, at, isAdmin });
    }
    const array = await this.#arrayOf(id);
    if (array === undefined) return 'unknown';
    if (array.state === 'over' || array.killWantedBy !== null) return 'too-late';
    try {
      await this.#jobs.insertOne({ ...waitingMember(id, array), ...held, version: 2 });
      return 'held';
    } catch (error) {
      // It has just got its record, by an intent or by another wish.
      if (isRepeat(error)) return this.holdBack(id, { by, at, isAdmin });
      throw error;
    }
  }

  async release(id: number, { isAdmin }: { readonly isAdmin: boolean }): Promise<Released> {
    const { matchedCount } = await this.#jobs.updateOne(
      {
        _id: id,
        state: { $in: [...WAITING] },
        isHeld: true,
        ...(isAdmin ? {} : { heldByAdmin: 0 }),
      },
      {
        $set: { heldBy: null, heldAt: null, heldByAdmin: null, isHeld: false },
        $inc: { version: 1 },
      },
    );
    if (matchedCount > 0) return 'released';
    const known = await this.#known(id);
    if (known === undefined)
      return (await this.#arrayOf(id)) === undefined ? 'unknown' : 'not-held';
    return waits(known) && known.isHeld === true ? 'forbidden' : 'not-held';
  }

  async #known(id: number): Promise<Omit<JobDocument, 'script'> | undefined> {
    const found = await this.#jobs.findOne({ _id: id }, { projection: { script: 0, asked: 0 } });
    return found === null || found.state === DRAFT ? undefined : found;
  }

  #arrayOf(id: number): Promise<Omit<JobDocument, 'script'> | undefined> {
    return arrayWith<Omit<JobDocument, 'script'>>(this.#jobs, id, { script: 0, asked: 0 });
  }
}

const waits = ({ state }: Pick<JobDocument, 'state'>): boolean => WAITING.includes(state);
