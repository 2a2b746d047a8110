// The lease of the leader: one document, conditional writes.
import type { Collection } from 'mongodb';
import type { Lease } from '../../contracts/store.js';
import type { Collections, LeaseDocument } from './documents.js';
import { isRepeat } from './trouble.js';

export class Leases {
  readonly #lease: Collection<LeaseDocument>;

  constructor({ lease }: Collections) {
    this.#lease = lease;
  }

  async read(): Promise<Lease | undefined> {
    return leaseOf(await this.#lease.findOne({ _id: 'lease' }));
  }

  async take(holder: string, seen: Lease | undefined): Promise<Lease | undefined> {
    if (seen === undefined) return this.#first(holder);
    const { epoch, holder: former, beat } = seen;
    const next = { epoch: epoch + 1, holder, beat: 0 };
    const { matchedCount } = await this.#lease.updateOne(
      { _id: 'lease', epoch, holder: former, beat },
      { $set: next },
    );
    return matchedCount > 0 ? next : undefined;
  }

  async #first(holder: string): Promise<Lease | undefined> {
    const first = { epoch: 1, holder, beat: 0 };
    try {
      await this.#lease.insertOne({ _id: 'lease', ...first });
      return first;
    } catch (error) {
      if (isRepeat(error)) return undefined;
      throw error;
    }
  }

  async beat({ epoch, holder }: Lease): Promise<Lease | undefined> {
    return leaseOf(
      await this.#lease.findOneAndUpdate(
        { _id: 'lease', epoch, holder },
        { $inc: { beat: 1 } },
        { returnDocument: 'after' },
      ),
    );
  }

  async free({ epoch, holder }: Lease): Promise<void> {
    await this.#lease.updateOne({ _id: 'lease', epoch, holder }, { $set: { holder: '' } });
  }
}

const leaseOf = (document: LeaseDocument | null): Lease | undefined =>
  document === null
    ? undefined
    : { epoch: document.epoch, holder: document.holder, beat: document.beat };
