// Accounting: a document for each launch, never changed. Sums are made when they are asked for, so they are exact without a transaction.
import type { Collection } from 'mongodb';
import type {
  AccountingQuery,
  AccountingRecord,
  AccountingSum,
} from '../../contracts/accounting.js';
import type { Log } from '../../contracts/log.js';
import type { JobId } from '../../core/units.js';
import { launchColumns } from '../embedded/launch-columns.js';
import type { Collections } from './documents.js';
import { OF_MAJORITY } from './fold.js';
import { accountedIn, accountedOf } from './questions.js';
import { isRepeatAlone } from './trouble.js';
import type { AccountingDocument } from './watch-documents.js';

type SumDocument = Omit<AccountingSum, 'queue'> & { readonly queue: string };

export class AccountingBook {
  readonly #accounting: Collection<AccountingDocument>;
  readonly #log: Log;

  constructor({ accounting }: Collections, log: Log) {
    this.#accounting = accounting;
    this.#log = log;
  }

  async add(records: readonly AccountingRecord[]): Promise<readonly AccountingRecord[]> {
    if (records.length === 0) return [];
    try {
      await this.#accounting.insertMany(records.map(documentOf), { ordered: false });
      return records;
    } catch (error) {
      if (!isRepeatAlone(error)) throw error;
      const known = new Set([error.writeErrors].flat().map(({ index }) => index));
      return records.filter((_, at) => !known.has(at));
    }
  }

  async of(id: JobId): Promise<readonly AccountingRecord[]> {
    const { filter, sort = {} } = accountedOf(id);
    const found = await this.#accounting.find(filter, OF_MAJORITY).sort(sort).toArray();
    return found.flatMap(({ _id, record }) => {
      try {
        return [JSON.parse(record) as AccountingRecord];
      } catch (cause) {
        this.#log.error('record left out: it cannot be read', { id: _id, cause });
        return [];
      }
    });
  }

  async sums(query: AccountingQuery): Promise<readonly AccountingSum[]> {
    const name = ['day', 'project', 'owner', 'queue', 'executor', 'isCharged'] as const;
    const amounts = ['ranMs', 'waitedMs', 'cpuMs', 'gpuMs', 'memMbSeconds'] as const;
    const groups = this.#accounting.aggregate<
      { readonly _id: Pick<SumDocument, (typeof name)[number]> } & Omit<
        SumDocument,
        (typeof name)[number]
      >
    >(
      [
        { $match: accountedIn(query).filter },
        {
          $group: {
            _id: Object.fromEntries(name.map((field) => [field, `$${field}`])),
            launches: { $sum: 1 },
            ...Object.fromEntries(amounts.map((field) => [field, { $sum: `$${field}` }])),
          },
        },
      ],
      OF_MAJORITY,
    );
    const sums: SumDocument[] = [];
    for await (const { _id, ...amount } of groups) sums.push({ ..._id, ...amount });
    return sums
      .sort(inOrder)
      .map((sum) => ({ ...sum, queue: sum.queue === '' ? null : sum.queue }));
  }
}

export const documentOf = (record: AccountingRecord): AccountingDocument => ({
  _id: `${record.jobId}-${record.launch}`,
  ...launchColumns(record),
});

const inOrder = (a: SumDocument, b: SumDocument): number =>
  a.day - b.day ||
  compare(a.project, b.project) ||
  compare(a.owner, b.owner) ||
  compare(a.queue, b.queue) ||
  compare(a.executor, b.executor) ||
  Number(b.isCharged) - Number(a.isCharged);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
