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

export class Dependants {
  readonly #waiting = new Map<JobId, Waiting>();
  /** May name jobs that wait no more; `#waiting` decides. */
  readonly #byTarget = new Map<JobId, JobId[]>();
  readonly #targets = new SortedIds();

  /** Jobs that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** False when the job is known already. Nothing of it is judged before `settle` tells of its targets. */
  add(id: JobId, { on, isAnyEnough }: Pick<Dependencies, 'on' | 'isAnyEnough'>): boolean {
    if (this.#waiting.has(id) || on.length === 0) return false;
    this.#waiting.set(id, { open: on, isAnyEnough });
    for (const target of new Set(on.map(({ job }) => job))) {
      const known = this.#byTarget.get(target);
      if (known !== undefined) known.push(id);
      else {
        this.#byTarget.set(target, [id]);
        this.#targets.add(target);
      }
    }
    return true;
  }

  /** The job waits no more, whatever became of it. */
  drop(id: JobId): void {
    this.#waiting.delete(id);
  }

  /** Whether anybody may wait for it. */
  isTarget(id: JobId): boolean {
    return this.#byTarget.has(id);
  }

  /** Those that are waited for, from one id to another, both included. */
  targetsWithin(first: JobId, last: JobId): readonly JobId[] {
    const found: JobId[] = [];
    for (let at = this.#targets.atLeast(first); at !== undefined && at <= last; ) {
      found.push(at as JobId);
      at = this.#targets.atLeast(at + 1);
    }
    return found;
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
    target: JobId,
    standing: JobStanding | undefined,
    { ready, never }: { readonly ready: JobId[] | null; readonly never: Doomed[] },
  ): void {
    const dependants = this.#byTarget.get(target);
    if (dependants === undefined) return;
    const stay: JobId[] = [];
    for (const id of dependants) {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) continue;
      const verdict = judged(waiting, target, standing, ready === null);
      if (verdict === 'waits') {
        if (waiting.open.some(({ job }) => job === target)) stay.push(id);
        continue;
      }
      this.#waiting.delete(id);
      if (verdict === 'true') ready?.push(id);
      else never.push({ id, because: verdict });
    }
    if (stay.length > 0) this.#byTarget.set(target, stay);
    else {
      this.#byTarget.delete(target);
      this.#targets.delete(target);
    }
  }
}

/** What has become of one job's dependencies on `target`; those that are settled are taken out of `waiting`. */
function judged(
  waiting: Waiting,
  target: JobId,
  standing: JobStanding | undefined,
  isForNeverOnly: boolean,
): 'true' | 'waits' | Reason {
  const open: Dependency[] = [];
  let never: Dependency | undefined;
  let isAnyTrue = false;
  for (const dependency of waiting.open) {
    const verdict = dependency.job === target ? verdictOf(dependency.type, standing) : 'waits';
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
