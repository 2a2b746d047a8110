// Job ids, from one counter. They are taken before the jobs are stored: what fails leaves a gap.
import type { Collection } from 'mongodb';
import { assert } from '../../core/assert.js';
import type { Collections, CounterDocument } from './documents.js';

export class Ids {
  readonly #counters: Collection<CounterDocument>;

  constructor({ counters }: Collections) {
    this.#counters = counters;
  }

  /** The first of so many ids in a row. A majority knows of them, so that no later primary gives them out again. */
  async take(count: number): Promise<number> {
    const counter = await this.#counters.findOneAndUpdate(
      { _id: 'jobs' },
      { $inc: { last: count } },
      { returnDocument: 'after' },
    );
    assert(Number.isSafeInteger(counter?.last), 'the counter of job ids is there');
    return Number(counter?.last) - count + 1;
  }
}
