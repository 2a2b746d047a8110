/**
 * Judges, by the record and by what really ran, whether a job was free to start, and whether one that was ended could indeed never
 * have been. It shares nothing with the scheduler but the types of the record.
 */
import { arraySize } from '../../src/core/array.js';
import type { Dependency } from '../../src/core/dependency.js';
import { codeOf, isLive, type Job } from '../../src/core/job.js';
import { type JobId, jobId } from '../../src/core/units.js';
import type { MemoryRecord } from '../support/memory-store.js';

export class WaitJudge {
  readonly #record: MemoryRecord;
  /** Jobs of which a process has run, arrays of such members included. */
  readonly #begun = new Set<JobId>();

  constructor(record: MemoryRecord) {
    this.#record = record;
  }

  /** A process of the job starts. What is wrong with that; `nowMs` is the latest that any scheduler's clock may say. */
  starts(job: Job, nowMs: number): readonly string[] {
    this.#begun.add(job.id);
    if (job.parent !== undefined) this.#begun.add(job.parent);
    const { dependencies, beginAt } = job.spec;
    const wrong: string[] = [];
    if (beginAt !== undefined && nowMs < beginAt) wrong.push(`${beginAt - nowMs} ms too early`);
    if (dependencies === undefined) return wrong;
    const held = dependencies.on.map((one) => this.#isTrue(one, job));
    const isFree = dependencies.isAnyEnough
      ? held.length === 0 || held.includes(true)
      : !held.includes(false);
    if (!isFree) wrong.push(`before what it depends on: ${JSON.stringify(dependencies)}`);
    if (dependencies.isSingleton) wrong.push(...this.#others(job));
    return wrong;
  }

  /** Jobs of its name that it should have waited for. */
  #others(job: Job): string[] {
    return [...this.#record.jobs.values()]
      .filter(
        (other) =>
          other.id !== job.id &&
          other.owner === job.owner &&
          other.spec.name === job.spec.name &&
          other.parent === undefined &&
          other.state !== 'over',
      )
      .filter(
        (other) => other.id < job.id || (isLive(other) && other.spec.dependencies?.isSingleton),
      )
      .map((other) => `out of turn: ${other.id} of its name is ${other.state}`);
  }

  /** Whether its dependencies really could never come true. */
  isDoomed(job: Job): boolean {
    const { dependencies } = job.spec;
    if (dependencies === undefined) return false;
    const { on, isAnyEnough } = dependencies;
    const never = on.map((one) => this.#isNever(one, job));
    return isAnyEnough ? never.every(Boolean) : never.some(Boolean);
  }

  #isTrue({ type, job: other }: Dependency, job: Job): boolean {
    const id = type === 'aftercorr' ? counterpart(other, job) : other;
    if (type === 'after' && this.#begun.has(id)) return true;
    const code = this.#codeOf(id);
    if (code === undefined) return false;
    if (type === 'afterok' || type === 'aftercorr') return code === 0;
    return type === 'afternotok' ? code !== 0 : true;
  }

  /** Over in the record, or certain to be: then its own end follows. */
  #isNever({ type, job: other }: Dependency, job: Job): boolean {
    if (type === 'after' || type === 'afterany') return false;
    // The array that corresponds ends by its members.
    if (type === 'aftercorr' && job.parent === undefined) return false;
    const id = type === 'aftercorr' ? counterpart(other, job) : other;
    const code = this.#codeOf(id);
    const target = this.#record.jobs.get(id) ?? this.#arrayOf(id);
    const isCertain = code !== undefined || (target !== undefined && this.isDoomed(target));
    if (!isCertain) return false;
    return type === 'afternotok' ? code === 0 : code !== 0;
  }

  /** The code of a job that is over; undefined: it is not. */
  #codeOf(id: JobId): number | undefined {
    const job = this.#record.jobs.get(id) ?? this.#arrayOf(id);
    return job?.state === 'over' ? codeOf(job.outcome) : undefined;
  }

  #arrayOf(id: JobId): Job | undefined {
    const holder = [...this.#record.jobs.values()].find(
      ({ id: parent, spec, parent: above }) =>
        above === undefined &&
        spec.array !== undefined &&
        id > parent &&
        id <= parent + arraySize(spec.array),
    );
    return holder;
  }
}

/** The member at the same place of the other array. */
function counterpart(other: JobId, { id, parent }: Job): JobId {
  return parent === undefined ? other : jobId(other + (id - parent));
}
