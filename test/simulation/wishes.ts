/** What simulated users make their jobs wait for: jobs of before, a turn, a date, a release. */
import { type ArraySpec, arraySize, memberId } from '../../src/core/array.js';
import type { Dependencies, Dependency, DependencyType } from '../../src/core/dependency.js';
import type { JobSpec } from '../../src/core/job.js';
import { instant, type JobId } from '../../src/core/units.js';
import type { Chance } from './chance.js';

const TYPES: readonly DependencyType[] = ['after', 'afterok', 'afternotok', 'afterany'];
/** Names of which one job runs at a time. */
const LINES = ['line-1', 'line-2'];
const BEGIN_MS_MAX = 120_000;

export class Wishes {
  readonly #chance: Chance;
  readonly #known: { readonly id: JobId; readonly array: ArraySpec | undefined }[] = [];

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** A submission was acknowledged: others may wait for it. */
  stored(id: JobId, array: ArraySpec | undefined): void {
    this.#known.push({ id, array });
  }

  /** Mostly nothing. */
  draw(array: ArraySpec | undefined, nowMs: number): Partial<JobSpec> {
    const chance = this.#chance;
    const on = chance.happens(0.35) ? this.#others() : [];
    const pair = array !== undefined && chance.happens(0.5) ? this.#counterpart(array) : undefined;
    if (pair !== undefined) on.push(pair);
    const isSingleton = array === undefined && chance.happens(0.15);
    const isAnyEnough = pair === undefined && !isSingleton && chance.happens(0.3);
    const dependencies: Dependencies = { on, isAnyEnough, isSingleton };
    return {
      ...(on.length > 0 || isSingleton ? { dependencies } : {}),
      ...(isSingleton || chance.happens(0.1) ? { name: chance.pick(LINES) ?? 'line-1' } : {}),
      ...(chance.happens(0.1) ? { beginAt: instant(nowMs + chance.between(1, BEGIN_MS_MAX)) } : {}),
    };
  }

  #others(): Dependency[] {
    const chance = this.#chance;
    return Array.from({ length: chance.between(1, 3) }, () => {
      // Mostly one of the last: chains come about.
      const recent = chance.happens(0.7) ? this.#known.slice(-4) : this.#known;
      const other = chance.pick(recent);
      if (other === undefined) return undefined;
      const { id, array } = other;
      const isMember = array !== undefined && chance.happens(0.4);
      const job = isMember ? memberId(id, chance.between(0, arraySize(array) - 1)) : id;
      return { type: chance.pick(TYPES) ?? 'afterany', job };
    }).filter((one) => one !== undefined);
  }

  #counterpart(array: ArraySpec): Dependency | undefined {
    const alike = this.#known.filter(
      (one) => one.array !== undefined && arraySize(one.array) === arraySize(array),
    );
    const other = this.#chance.pick(alike);
    return other === undefined ? undefined : { type: 'aftercorr', job: other.id };
  }
}
