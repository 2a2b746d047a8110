/**
 * Arrays that correspond to others (`aftercorr`): each member waits for the one at the same place of the other array to end with
 * code 0, and ends if that ended otherwise. What is known of the other array is read from the record, and followed from there.
 */
import { MADE_MEMBERS_READ_MAX } from '../contracts/limits.js';
import type { JobStore } from '../contracts/store.js';
import { memberId, placeOf } from '../core/array.js';
import { Bits } from '../core/bits.js';
import { type JobStanding, neverReason, standingOf } from '../core/dependency.js';
import type { Job } from '../core/job.js';
import type { JobId } from '../core/units.js';
import type { Applied, JobBook } from './job-book.js';
import { type SchedulerPorts, worldFailed } from './ports.js';

export interface PairsPorts extends Pick<SchedulerPorts, 'log' | 'failed' | 'timers'> {
  readonly store: Pick<JobStore, 'made' | 'standings'>;
}

export interface PairsOwner {
  /** A member waits for its counterpart no more. */
  ready(array: JobId, member: JobId): void;
  applied(applied: Applied): void;
}

class Pair {
  readonly array: JobId;
  readonly other: JobId;
  /** By place: members whose counterparts have not come to an end that is known here. */
  readonly open: Bits;

  constructor(array: JobId, other: JobId, size: number) {
    this.array = array;
    this.other = other;
    this.open = new Bits(size);
  }
}

/** Members that are ended in one round. */
const SLICE = 1_000;
/** A store that failed is asked again after this. */
const AGAIN_MS = 1_000;

export class Pairs {
  readonly #ports: PairsPorts;
  readonly #book: JobBook;
  readonly #owner: PairsOwner;
  readonly #byArray = new Map<JobId, Pair>();
  readonly #byOther = new Map<JobId, Set<Pair>>();

  constructor(ports: PairsPorts, book: JobBook, owner: PairsOwner) {
    this.#ports = ports;
    this.#book = book;
    this.#owner = owner;
  }

  /** None of its members is ready until that is told. */
  add(array: JobId, other: JobId, size: number): void {
    if (this.#byArray.has(array)) return;
    const pair = new Pair(array, other, size);
    this.#byArray.set(array, pair);
    const known = this.#byOther.get(other);
    if (known === undefined) this.#byOther.set(other, new Set([pair]));
    else known.add(pair);
    this.#lookSoon(pair);
  }

  drop(array: JobId): void {
    const pair = this.#byArray.get(array);
    if (pair === undefined) return;
    this.#byArray.delete(array);
    const others = this.#byOther.get(pair.other);
    others?.delete(pair);
    if (others?.size === 0) this.#byOther.delete(pair.other);
  }

  /** Whether a member of that array waits for its counterpart still. */
  withholds(array: JobId, member: JobId): boolean {
    return this.#byArray.get(array)?.open.has(placeOf(array, member)) === true;
  }

  /** The record of a job has moved. */
  moved(job: Job): void {
    if (job.state !== 'over') return;
    if (job.parent === undefined) {
      this.drop(job.id);
      // Members without records have ended with it.
      for (const pair of this.#byOther.get(job.id) ?? []) this.#lookSoon(pair);
      return;
    }
    const place = placeOf(job.parent, job.id);
    for (const pair of this.#byOther.get(job.parent) ?? [])
      this.#end(pair, this.#settled(pair, [[place, standingOf(job)]]));
  }

  #lookSoon(pair: Pair): void {
    this.#look(pair).catch((error: unknown) => {
      worldFailed(this.#ports, 'corresponding array not read; tried again', error, {
        jobId: pair.array,
      });
      this.#ports.timers.after(AGAIN_MS, () => this.#lookSoon(pair));
    });
  }

  async #look(pair: Pair): Promise<void> {
    const { other, open } = pair;
    // Before its members: of an array that is over then, nothing changes any more.
    const whole = (await this.#ports.store.standings([other])).get(other);
    for (let after: JobId | null = null; ; ) {
      const page = await this.#ports.store.made(other, { after, limit: MADE_MEMBERS_READ_MAX });
      const over = page.filter(({ state }) => state === 'over');
      const found = over.map(
        ({ id, state, exitCode }) =>
          [placeOf(other, id), { state, exitCode, hasStarted: true }] as const,
      );
      this.#end(pair, this.#settled(pair, found));
      if (page.length < MADE_MEMBERS_READ_MAX) break;
      after = page.at(-1)?.id ?? after;
    }
    if (whole !== undefined && whole.state !== 'over') return;
    this.#end(pair, this.#settled(pair, withEach(open.places(), whole)));
  }

  /** Tells of those that are ready; the others can never be. */
  #settled(pair: Pair, ends: Iterable<End>): readonly End[] {
    const never: End[] = [];
    for (const end of ends) {
      const [place, standing] = end;
      if (this.#byArray.get(pair.array) !== pair || !pair.open.clear(place)) continue;
      if (standing?.exitCode === 0) this.#owner.ready(pair.array, memberId(pair.array, place));
      else never.push(end);
    }
    return never;
  }

  /** Whatever comes between, the next leader finds the same and ends the rest. */
  #end(pair: Pair, never: readonly End[]): void {
    if (never.length > 0)
      this.#endAll(pair, never).catch((error: unknown) => this.#ports.failed(error));
  }

  async #endAll({ array, other }: Pair, never: readonly End[]): Promise<void> {
    for (let start = 0; start < never.length; start += SLICE)
      await Promise.all(
        never.slice(start, start + SLICE).map(async ([place, standing]) => {
          const counterpart = { type: 'aftercorr', job: memberId(other, place) } as const;
          const because = neverReason(counterpart, standing);
          const id = memberId(array, place);
          this.#owner.applied(await this.#book.apply(id, { kind: 'gaveUp', because }));
        }),
      );
  }
}

/** How the member at a place stands; undefined: its array is on record no more. */
type End = readonly [place: number, standing: JobStanding | undefined];

function* withEach(places: Iterable<number>, standing: JobStanding | undefined): Generator<End> {
  for (const place of places) yield [place, standing];
}
