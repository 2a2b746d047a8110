// Leases by which watchers share the jobs: a document each, conditional writes.
import type { Collection } from 'mongodb';
import type { Lease } from '../../contracts/store.js';
import type { NamedLease } from '../../contracts/watching.js';
import type { Collections } from './documents.js';
import { leasesOf } from './questions.js';
import { isRepeat } from './trouble.js';
import type { NamedLeaseDocument } from './watch-documents.js';

export class NamedLeases {
  readonly #leases: Collection<NamedLeaseDocument>;

  constructor({ leases }: Collections) {
    this.#leases = leases;
  }

  async all(): Promise<readonly NamedLease[]> {
    return (await this.#leases.find({}).sort({ _id: 1 }).toArray()).map(leaseOf);
  }

  async take(
    holder: string,
    wanted: readonly { readonly name: string; readonly seen: Lease | undefined }[],
  ): Promise<readonly NamedLease[]> {
    const answers = await Promise.all(wanted.map((one) => this.#takeOne(holder, one)));
    return answers.flatMap((taken) => taken ?? []);
  }

  async #takeOne(
    holder: string,
    { name, seen }: { readonly name: string; readonly seen: Lease | undefined },
  ): Promise<NamedLease | undefined> {
    if (seen === undefined) {
      const first = { epoch: 1, holder, beat: 0 };
      try {
        await this.#leases.insertOne({ _id: name, ...first });
        return { name, ...first };
      } catch (error) {
        if (isRepeat(error)) return undefined;
        throw error;
      }
    }
    const next = { epoch: seen.epoch + 1, holder, beat: 0 };
    const { matchedCount } = await this.#leases.updateOne(asSeen(name, seen), { $set: next });
    return matchedCount > 0 ? { name, ...next } : undefined;
  }

  async beat(holder: string): Promise<readonly NamedLease[]> {
    const { filter } = leasesOf(holder);
    await this.#leases.updateMany(filter, { $inc: { beat: 1 } });
    const mine = await this.#leases.find(filter).toArray();
    return mine.map(leaseOf).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async free(holder: string, names: readonly string[]): Promise<void> {
    await this.#leases.updateMany({ _id: { $in: [...names] }, holder }, { $set: { holder: '' } });
  }

  async drop(seen: readonly NamedLease[]): Promise<void> {
    for (const lease of seen) await this.#leases.deleteOne(asSeen(lease.name, lease));
  }
}

const asSeen = (name: string, { epoch, holder, beat }: Lease) => ({
  ...{ _id: name, epoch, holder, beat },
});

const leaseOf = ({ _id, epoch, holder, beat }: NamedLeaseDocument): NamedLease => ({
  name: _id,
  ...{ epoch, holder, beat },
});
