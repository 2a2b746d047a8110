// Use by account and day: what ended launches leave in their jobs, folded; and the days of quotas that were reset.
import type { QuotaOwner, UseQuery } from '../../contracts/store.js';
import type { QuotaResets } from '../../core/limit-book.js';
import { type Instant, instant, projectId, userId } from '../../core/units.js';
import { added, DAY_MS, type DayUse, NO_USE } from '../../core/usage.js';
import { resetColumns, resetsOf } from '../embedded/account-rows.js';
import type { Collections, DueUse, ResetDocument, UseDocument } from './documents.js';
import { fold, type Ledger, OF_MAJORITY, type Owned, partOf } from './fold.js';
import { dueUses, usedOn, usedSince } from './questions.js';

export class Uses {
  readonly #collections: Collections;
  readonly #ledger: Ledger<DueUse, UseDocument>;

  constructor(collections: Collections) {
    this.#collections = collections;
    this.#ledger = {
      jobs: collections.jobs,
      sums: collections.uses,
      field: 'due',
      filter: dueUses().filter,
      entriesIn: ({ due = [] }) => due,
      bucketOf: Uses.bucketOf,
      none: Uses.none,
      plus,
    };
  }

  /** The sums that an entry of a job belongs to. */
  static bucketOf({ owner, project }: Owned, { day }: DueUse): string {
    return `${day}/${partOf(owner)}/${partOf(project)}`;
  }

  /** They, before the first entry. */
  static none(job: Owned, entry: DueUse): UseDocument {
    const { owner, project } = job;
    return {
      ...{ _id: Uses.bucketOf(job, entry), day: entry.day, owner, project },
      ...{ version: 0, folded: [], ...NO_USE, ended: 0 },
    };
  }

  /** All that is due goes into the sums. */
  foldAll(): Promise<void> {
    return fold(this.#ledger);
  }

  /** What is due is folded first: the answer is whole, and the next one cheap. */
  async used(query: UseQuery): Promise<readonly DayUse[]> {
    await fold(this.#ledger);
    const found = await this.#collections.uses.find(usedSince(query).filter, OF_MAJORITY).toArray();
    return found
      .sort((a, b) => a.day - b.day || compare(a.owner, b.owner) || compare(a.project, b.project))
      .map(dayUseOf);
  }

  /** Remembers what was used on the day so far. What is stored before this is read is in it. */
  async reset(whose: QuotaOwner, at: Instant): Promise<void> {
    await fold(this.#ledger);
    const { kind, id, day } = resetColumns(whose, at);
    const days = await this.#collections.uses
      .find(usedOn(kind, id, day).filter, OF_MAJORITY)
      .toArray();
    const used = days.reduce(added, NO_USE);
    const { timeMs, cpuMilli, memMb, gpus, cpuMilliMs, memMbMs, gpuMs } = used;
    const sums = { timeMs, cpuMilli, memMb, gpus, cpuMilliMs, memMbMs, gpuMs };
    await this.#collections.resets.replaceOne(
      { _id: `${kind}/${id}` },
      { kind, owner: id, day, ...sums },
      { upsert: true },
    );
  }

  async resets(): Promise<QuotaResets> {
    const found = await this.#collections.resets.find().toArray();
    return resetsOf(found.map(resetRow));
  }
}

const resetRow = ({ kind, owner, day, ...sums }: ResetDocument): readonly unknown[] => [
  ...[kind, owner, day, sums.timeMs, sums.cpuMilli, sums.memMb, sums.gpus],
  ...[sums.cpuMilliMs, sums.memMbMs, sums.gpuMs],
];

export const plus = (sums: UseDocument, launch: DueUse): UseDocument => {
  const { timeMs, cpuMilli, memMb, gpus, endedMs } = launch;
  return {
    ...sums,
    timeMs: sums.timeMs + timeMs,
    cpuMilli: sums.cpuMilli + cpuMilli,
    memMb: sums.memMb + memMb,
    gpus: sums.gpus + gpus,
    cpuMilliMs: sums.cpuMilliMs + cpuMilli * timeMs,
    memMbMs: sums.memMbMs + memMb * timeMs,
    gpuMs: sums.gpuMs + gpus * timeMs,
    ended: sums.ended + endedMs * timeMs,
  };
};

function dayUseOf(sums: UseDocument): DayUse {
  const { owner, project, day, ended, timeMs, cpuMilli, memMb, gpus } = sums;
  const { cpuMilliMs, memMbMs, gpuMs } = sums;
  return {
    owner: userId(owner),
    project: projectId(project),
    endedAt: instant(Math.round(day * DAY_MS + ended / timeMs)),
    ...{ timeMs, cpuMilli, memMb, gpus, cpuMilliMs, memMbMs, gpuMs },
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
