/**
 * The leader's conditional writes. Each is one atomic update of one record: only from its state and launch number, only by an epoch that
 * is not below that of the record's last writer. Steps go in waves of one bulk write each; afterwards the records tell which were stored.
 */
import type { AnyBulkWriteOperation } from 'mongodb';
import { MONGO_LEASE_SEEN_MS_MAX } from '../../contracts/limits.js';
import { FencedOut, type JobStep, type StepAnswer } from '../../contracts/store.js';
import { jobId } from '../../core/units.js';
import { aftermathIn } from '../embedded/aftermath.js';
import { inPortions } from '../embedded/portions.js';
import type { StepColumns } from '../embedded/requests.js';
import { stepColumns } from '../embedded/rows.js';
import {
  ARRAY_FIELDS,
  type ArrayDocument,
  type Collections,
  type DueUse,
  dueOf,
  type JobDocument,
  memberFields,
  stepFields,
} from './documents.js';
import type { Records } from './records.js';
import { isRepeatAlone } from './trouble.js';

type Wave = readonly { readonly step: StepColumns; readonly at: number }[];

export class Steps {
  readonly #collections: Collections;
  readonly #records: Records;
  /** Of this handle, so that no other's writes are taken for ours. */
  readonly #writer: string;
  #waves = 0;

  constructor(collections: Collections, records: Records, writer: string) {
    this.#collections = collections;
    this.#records = records;
    this.#writer = writer;
  }

  /** @throws FencedOut */
  async advance(epoch: number, steps: readonly JobStep[]): Promise<readonly StepAnswer[]> {
    const columns = await inPortions(steps, stepColumns);
    await this.#checkLease(epoch);
    const answers: StepAnswer[] = [];
    for (const wave of wavesOf(columns)) await this.#take(epoch, wave, answers);
    return answers;
  }

  /**
   * Looked at right before the write. What was seen long ago is looked at again: a process that slept in between must not go on from
   * there. What slips through all the same is caught by the record's own epoch, or by its state.
   */
  async #checkLease(epoch: number): Promise<void> {
    for (;;) {
      const askedAt = performance.now();
      const lease = await this.#collections.lease.findOne({ _id: 'lease' });
      if (lease?.epoch !== epoch) throw new FencedOut(`epoch ${epoch} is over`);
      if (performance.now() - askedAt < MONGO_LEASE_SEEN_MS_MAX) return;
    }
  }

  async #take(epoch: number, wave: Wave, answers: StepAnswer[]): Promise<void> {
    this.#waves += 1;
    const writtenBy = `${this.#writer}.${this.#waves}`;
    const arrays = await this.#arraysOf(wave);
    await this.#write(
      wave.flatMap(({ step }) => {
        const array = arrays.get(step.parent ?? 0);
        return isForbidden(step, array) ? [] : [writeOf(step, { epoch, writtenBy, array })];
      }),
    );
    const ids = wave.map(({ step }) => step.id);
    const written = await this.#collections.jobs
      .find({ _id: { $in: ids } })
      .project<Pick<JobDocument, '_id' | 'version' | 'epoch' | 'writtenBy'>>({
        ...{ version: 1, epoch: 1, writtenBy: 1 },
      })
      .toArray();
    const byId = new Map(written.map((record) => [record._id, record]));
    const refused: { readonly id: number; readonly at: number }[] = [];
    for (const { step, at } of wave) {
      const record = byId.get(step.id);
      if (record?.writtenBy === writtenBy)
        answers[at] = { kind: 'stored', version: record.version };
      else if (record !== undefined && record.epoch > epoch)
        throw new FencedOut(
          `epoch ${epoch} is over: job ${step.id} was written by ${record.epoch}`,
        );
      else refused.push({ id: step.id, at });
    }
    if (refused.length === 0) return;
    const jobs = await this.#records.jobs(refused.map(({ id }) => jobId(id)));
    for (const { id, at } of refused) answers[at] = { kind: 'refused', job: jobs.get(jobId(id)) };
  }

  /** Those whose members may get records in this wave, or may not because of a kill. */
  async #arraysOf(wave: Wave): Promise<ReadonlyMap<number, ArrayDocument>> {
    const ids = new Set(wave.flatMap(({ step }) => step.parent ?? []));
    if (ids.size === 0) return new Map();
    const arrays = await this.#collections.jobs
      .find({ _id: { $in: [...ids] } })
      .project<ArrayDocument>(ARRAY_FIELDS)
      .toArray();
    return new Map(arrays.map((array) => [array._id, array]));
  }

  /** A member that has a record already refuses to be made again: that is an answer, not a failure. */
  async #write(writes: readonly AnyBulkWriteOperation<JobDocument>[]): Promise<void> {
    if (writes.length === 0) return;
    try {
      await this.#collections.jobs.bulkWrite(writes, { ordered: false });
    } catch (error) {
      if (!isRepeatAlone(error)) throw error;
    }
  }
}

interface Writing {
  readonly epoch: number;
  readonly writtenBy: string;
  readonly array: ArrayDocument | undefined;
}

function writeOf(
  step: StepColumns,
  { epoch, writtenBy, array }: Writing,
): AnyBulkWriteOperation<JobDocument> {
  const due = dueOf(step);
  const isFirst = isFirstOfMember(step, array);
  return {
    updateOne: {
      filter: {
        _id: step.id,
        state: step.fromState,
        launches: step.fromLaunches,
        epoch: { $lte: epoch },
        ...(step.unlessKillWanted ? { killWantedBy: null, heldBy: null } : {}),
      },
      update: {
        $set: {
          ...stepFields(step),
          ...(step.state === 'over' ? { killDue: false, isHeld: false } : {}),
          epoch,
          writtenBy,
        },
        $inc: { version: 1 },
        ...pushed(due, step),
        ...(isFirst && array !== undefined ? { $setOnInsert: unmade(step, array) } : {}),
      },
      upsert: isFirst,
    },
  };
}

/** What is due because of the step joins what is due already. */
const pushed = (due: DueUse | null, { aftermath }: StepColumns) =>
  due === null && aftermath === null
    ? {}
    : {
        $push: {
          ...(due === null ? {} : { due }),
          ...(aftermath === null ? {} : { aftermath: { $each: [...aftermathIn(aftermath)] } }),
        },
      };

/** The kill or the hold of an array forbids the intents of its members. */
const isForbidden = (step: StepColumns, array: ArrayDocument | undefined): boolean =>
  step.unlessKillWanted &&
  step.parent !== null &&
  ((array?.killWantedBy ?? null) !== null || (array?.heldBy ?? null) !== null);

/** The member may have no record yet, and may get one. */
const isFirstOfMember = (step: StepColumns, array: ArrayDocument | undefined): boolean =>
  step.fromState === 'pending' &&
  step.fromLaunches === 0 &&
  array?.state === 'open' &&
  step.id > array._id &&
  step.id <= array._id + (array.arraySize ?? 0);

const unmade = (step: StepColumns, array: ArrayDocument) => ({
  ...memberFields(step.id, array),
  killWantedBy: null,
  killWantedAt: null,
  ...(step.state === 'over' ? {} : { killDue: false }),
});

/** Steps of one record follow each other; so do those of an array and of its members. Everything else goes at once. */
function wavesOf(steps: readonly StepColumns[]): readonly Wave[] {
  const waves: { readonly step: StepColumns; readonly at: number }[][] = [];
  /** The wave of the last step of a record, and of the last member of an array. */
  const lastOf = new Map<number, number>();
  const lastMemberOf = new Map<number, number>();
  for (const [at, step] of steps.entries()) {
    const { id, parent } = step;
    const after = [lastOf.get(id), lastMemberOf.get(id), parent === null ? -1 : lastOf.get(parent)];
    const wave = Math.max(...after.map((one) => one ?? -1)) + 1;
    lastOf.set(id, wave);
    if (parent !== null) lastMemberOf.set(parent, Math.max(wave, lastMemberOf.get(parent) ?? -1));
    const others = waves[wave] ?? [];
    waves[wave] = others;
    others.push({ step, at });
  }
  return waves;
}
