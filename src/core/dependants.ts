/**
 * Who waits for whom, in memory: by the job that is waited for. The cost of a change is that of the dependants it concerns;
 * nothing here recurses, so chains may be as long as they like.
 */
import {
  type Dependencies,
  type Dependency,
  type JobStanding,
  neverReason,
  verdictOf,
} from './dependency.js';
import type { Reason } from './job.js';
import { SortedIds } from './sorted-ids.js';
import type { JobId } from './units.js';

interface Waiting {
  /** Dependencies that have not come true, nor been found impossible. */
  open: readonly Dependency[];
  readonly isAnyEnough: boolean;
}

/** What a change makes of the jobs that waited for it. */
export interface Settled {
  /** All that they waited for has come true. */
  readonly ready: readonly JobId[];
  /** What they wait for never comes true; those that waited for one of these in turn stand behind it. */
  readonly never: readonly Doomed[];
}

export interface Doomed {
  readonly id: JobId;
  readonly because: Reason;
}

/** How a job ends whose own dependencies never come true. */
const GIVEN_UP: JobStanding = { state: 'over', exitCode: 1, hasStarted: false };

/**
 * Jobs that wait for one; some may wait no more, `#waiting` decides. Mostly it is a single one, in a chain of a million as well:
 * then it costs nothing but its number.
 */
type Ids = JobId | JobId[];

export class Dependants {
  /** A dependency alone is kept as it is. */
  readonly #waiting = new Map<JobId, Waiting | Dependency>();
  /** By the job that they wait for: for its start, for its end. */
  readonly #forStart = new Map<JobId, Ids>();
  readonly #forEnd = new Map<JobId, Ids>();
  readonly #targetIds = new SortedIds();

  /** Jobs that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** False when the job is known already, or waits for nobody. It is judged by what `settle` tells from then on. */
  add(id: JobId, { on, isAnyEnough }: Pick<Dependencies, 'on' | 'isAnyEnough'>): boolean {
    if (this.#waiting.has(id) || on.length === 0) return false;
    const [only] = on;
    const isAlone = on.length === 1 && only !== undefined;
    this.#waiting.set(id, isAlone ? only : { open: on, isAnyEnough });
    for (const { type, job } of on) {
      if (!this.#forStart.has(job) && !this.#forEnd.has(job)) this.#targetIds.add(job);
      const map = type === 'after' ? this.#forStart : this.#forEnd;
      const known = map.get(job);
      if (known === undefined) map.set(job, id);
      else if (typeof known === 'number') map.set(job, [known, id]);
      else known.push(id);
    }
    return true;
  }

  /** The job waits no more, whatever became of it. */
  drop(id: JobId): void {
    this.#waiting.delete(id);
  }

  /** Jobs that others may wait for, in order of id, from one to another, both included. */
  *targets(first = 0 as JobId, last = Number.MAX_SAFE_INTEGER as JobId): Generator<JobId> {
    let at = this.#targetIds.atLeast(first);
    while (at !== undefined && at <= last) {
      yield at as JobId;
      at = this.#targetIds.atLeast(at + 1);
    }
  }

  /**
   * A job stands so now (undefined: it is on record no more). Jobs that it dooms are taken for over at once as far as that dooms
   * others, and no further: nobody becomes ready by an end that is not stored.
   */
  settle(target: JobId, standing: JobStanding | undefined): Settled {
    const ready: JobId[] = [];
    const never: Doomed[] = [];
    this.#judge(target, standing, { ready, never });
    for (let at = 0; at < never.length; at++) {
      const doomed = never[at];
      if (doomed !== undefined) this.#judge(doomed.id, GIVEN_UP, { ready: null, never });
    }
    return { ready, never };
  }

  /** `ready` null: only what is impossible is looked for. */
  #judge(
    id: JobId,
    standing: JobStanding | undefined,
    found: { readonly ready: JobId[] | null; readonly never: Doomed[] },
  ): void {
    const isForStart = this.#forStart.has(id);
    if (!isForStart && !this.#forEnd.has(id)) return;
    const isOver = standing === undefined || standing.state === 'over';
    if (!isOver && (!standing.hasStarted || !isForStart)) return;
    const about = { id, standing };
    this.#judgeAll(this.#forStart, about, found);
    if (isOver) this.#judgeAll(this.#forEnd, about, found);
    if (!this.#forStart.has(id) && !this.#forEnd.has(id)) this.#targetIds.delete(id);
  }

  /** Leaves those in `map` that go on waiting for it. */
  #judgeAll(
    map: Map<JobId, Ids>,
    about: About,
    { ready, never }: { readonly ready: JobId[] | null; readonly never: Doomed[] },
  ): void {
    const dependants = map.get(about.id);
    if (dependants === undefined) return;
    const stay: JobId[] = [];
    for (const id of typeof dependants === 'number' ? [dependants] : dependants) {
      const kept = this.#waiting.get(id);
      if (kept === undefined) continue;
      const waiting = 'open' in kept ? kept : { open: [kept], isAnyEnough: false };
      const verdict = judged(waiting, about, ready === null);
      if (verdict === 'waits') {
        if (waiting.open.some(({ job }) => job === about.id)) stay.push(id);
        continue;
      }
      this.#waiting.delete(id);
      if (verdict === 'true') ready?.push(id);
      else never.push({ id, because: verdict });
    }
    const [only] = stay;
    if (only === undefined) map.delete(about.id);
    else map.set(about.id, stay.length === 1 ? only : stay);
  }
}

/** A job, and how it stands. */
interface About {
  readonly id: JobId;
  readonly standing: JobStanding | undefined;
}

/** What has become of one job's dependencies on another; those that are settled are taken out of `waiting`. */
function judged(
  waiting: Waiting,
  { id, standing }: About,
  isForNeverOnly: boolean,
): 'true' | 'waits' | Reason {
  const open: Dependency[] = [];
  let never: Dependency | undefined;
  let isAnyTrue = false;
  for (const dependency of waiting.open) {
    const verdict = dependency.job === id ? verdictOf(dependency.type, standing) : 'waits';
    if (verdict === 'never') never = dependency;
    else if (verdict === 'true' && !isForNeverOnly) isAnyTrue = true;
    else open.push(dependency);
  }
  const { isAnyEnough } = waiting;
  if (isAnyTrue && isAnyEnough) return 'true';
  if (never !== undefined && (!isAnyEnough || open.length === 0))
    return neverReason(never, standing);
  if (open.length === 0) return 'true';
  waiting.open = open;
  return 'waits';
}
