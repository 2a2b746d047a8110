/**
 * Where each waiting job stands: the queue walked as a cycle walks it, as if there were room for all. Goes in portions,
 * so that nobody waits for it; what enters or leaves the queue meanwhile is seen or missed, as it happens.
 */
import { ArrayRooms } from './array-rooms.js';
import type { CycleInput } from './plan.js';
import type { Instant, JobId, ProjectId, UserId } from './units.js';
import { type LinedUp, lineUp, settleFirst, type Walk } from './walk.js';

/** The first and the last place, counted from 1, at which a job may stand: the same where it is known exactly. */
export interface Place {
  readonly from: number;
  readonly to: number;
}

/** How far an account had come when `at` jobs, all accounts counted, had their turn. */
export interface Mark {
  /** Jobs before, and with, this mark. */
  readonly at: number;
  /** By place in `accounts`: the last job that had its turn; 0: none. */
  readonly lastIds: readonly number[];
}

export interface SurveyedAccount {
  readonly user: UserId;
  readonly project: ProjectId;
  /** A queue of the site; null: none. */
  readonly queue: string | null;
}

/** What a survey has found so far. Plain data, so that it can be told to other processes. */
export interface Surveyed {
  /** When it began. */
  readonly at: Instant;
  /** Jobs in line; while it goes on, as many as there were when it began. */
  readonly inLine: number;
  readonly isWhole: boolean;
  /** The first jobs, in order. */
  readonly first: readonly JobId[];
  readonly accounts: readonly SurveyedAccount[];
  /** Behind the first, in order. */
  readonly marks: readonly Mark[];
}

export type SurveyInput = Pick<
  CycleInput,
  'queue' | 'policy' | 'standings' | 'at' | 'priorityOf'
> & {
  /** So many jobs get their exact place. */
  readonly exactMax: number;
};

/** Each mark stands a quarter further back than the one before: ranges as fine as people need them. */
const MARK_GROWTH = 1.25;

export class Survey {
  readonly #input: SurveyInput;
  readonly #linedUp: LinedUp;
  readonly #rooms: ArrayRooms;
  readonly #expected: number;
  readonly #first: JobId[] = [];
  readonly #marks: Mark[] = [];
  /** By place in `walks`. */
  readonly #lastIds: Float64Array;
  #passed = 0;
  #nextMark: number;
  #isWhole = false;

  constructor(input: SurveyInput) {
    this.#input = input;
    this.#linedUp = lineUp(input);
    const { walks } = this.#linedUp;
    this.#rooms = new ArrayRooms(input.queue);
    this.#expected = walks.reduce((sum, { account }) => sum + account.size, 0);
    this.#lastIds = new Float64Array(walks.length);
    this.#nextMark = Math.ceil(input.exactMax * MARK_GROWTH);
  }

  /** Gives at most so many more jobs their place; true when all have one. */
  go(jobs: number): boolean {
    for (let left = jobs; left > 0 && !this.#isWhole; left--) {
      const walk = this.#linedUp.order.peek();
      if (walk === undefined) this.#finish();
      else this.#pass(walk);
    }
    return this.#isWhole;
  }

  /** Whether the first jobs, whose places are exact, are known. */
  get hasFirst(): boolean {
    return this.#isWhole || this.#first.length >= this.#input.exactMax;
  }

  result(): Surveyed {
    return {
      at: this.#input.at,
      inLine: this.#isWhole ? this.#passed : Math.max(this.#expected, this.#passed),
      isWhole: this.#isWhole,
      first: [...this.#first],
      accounts: this.#linedUp.walks.map(({ account: { user, project, queue } }) => ({
        user,
        project,
        queue,
      })),
      marks: [...this.#marks],
    };
  }

  #pass(walk: Walk): void {
    const { id } = walk.head;
    const fullTo = this.#rooms.fullTo(id);
    if (fullTo === undefined) {
      this.#passed++;
      if (this.#first.length < this.#input.exactMax) this.#first.push(id);
      this.#lastIds[walk.index] = id;
      this.#rooms.placed(id);
      this.#linedUp.ranking.charged(walk.index, walk.line.shape.needs);
    }
    walk.passTo(fullTo ?? id);
    settleFirst(walk, this.#linedUp);
    if (this.#passed < this.#nextMark) return;
    this.#mark();
    this.#nextMark = Math.ceil(this.#passed * MARK_GROWTH);
  }

  #finish(): void {
    this.#isWhole = true;
    const marked = this.#marks.at(-1)?.at ?? this.#first.length;
    if (this.#passed > marked) this.#mark();
  }

  #mark(): void {
    this.#marks.push({ at: this.#passed, lastIds: [...this.#lastIds] });
  }
}

/** Asks a survey for jobs; made once for many questions. */
export class Places {
  readonly #surveyed: Surveyed;
  readonly #exact: ReadonlyMap<JobId, number>;
  /** In ascending order of id, for arrays. */
  #sorted: readonly JobId[] | undefined;

  constructor(surveyed: Surveyed) {
    this.#surveyed = surveyed;
    this.#exact = new Map(surveyed.first.map((id, n) => [id, n + 1]));
  }

  /** Undefined: not in line when the survey passed, or not reached yet. */
  of(id: JobId, account: SurveyedAccount): Place | undefined {
    const exact = this.#exact.get(id);
    return exact === undefined ? this.#behind(id, account) : { from: exact, to: exact };
  }

  /** The place of the first member of an array that waits, and its id where that is known. */
  ofArray(
    parent: JobId,
    lastId: JobId,
    account: SurveyedAccount,
  ): { readonly place: Place; readonly memberId: JobId | null } | undefined {
    this.#sorted ??= [...this.#surveyed.first].sort((a, b) => a - b);
    const memberId = firstAbove(this.#sorted, parent);
    const exact = memberId === undefined ? undefined : this.#exact.get(memberId);
    if (memberId !== undefined && memberId <= lastId && exact !== undefined)
      return { place: { from: exact, to: exact }, memberId };
    const place = this.#behind((parent + 1) as JobId, account);
    return place === undefined ? undefined : { place, memberId: null };
  }

  /** Jobs of one account have their turn in order of id. */
  #behind(id: JobId, { user, project, queue }: SurveyedAccount): Place | undefined {
    const { accounts, marks, first } = this.#surveyed;
    const index = accounts.findIndex(
      (one) => one.user === user && one.project === project && one.queue === queue,
    );
    let from = first.length + 1;
    for (const { at, lastIds } of index < 0 ? [] : marks) {
      if ((lastIds[index] ?? 0) >= id) return { from, to: at };
      from = at + 1;
    }
    return undefined;
  }
}

function firstAbove(sorted: readonly JobId[], id: JobId): JobId | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as JobId) <= id) low = middle + 1;
    else high = middle;
  }
  return sorted[low];
}
