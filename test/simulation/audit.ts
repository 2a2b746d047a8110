/** Looks over the policy's shoulder: what it is told of users' use is never negative, and at rest it is what the record says. */

import { usedMsOf } from '../../src/core/charged-time.js';
import { isLive, type Job } from '../../src/core/job.js';
import { ADVANCE_MS, NO_USE, type Policy, type Sums } from '../../src/core/policy.js';
import type { Needs } from '../../src/core/resources.js';
import { needsOf } from '../../src/core/retry.js';
import type { Instant, UserId } from '../../src/core/units.js';
import { added, DAY_MS, decay, sumsOf, type UsageRule } from '../../src/core/usage.js';
import type { MemoryRecord } from '../support/memory-store.js';
import type { Judge } from './judge.js';
import { OWNERS } from './users.js';

/** Longer than any history. */
export const WINDOW: UsageRule = { kind: 'window', days: 30 };
export const HALF_LIFE: UsageRule = { kind: 'half-life', halfLifeMs: 7 * DAY_MS };
/** A scheduler that takes over has a day's use in one sum, as if all of it had ended at once. */
const TOLERANCE = { window: 1e-9, 'half-life': 0.05 };

export class Audit {
  readonly policy: Policy;
  readonly usage: UsageRule;
  /** From now on nothing is under way but the jobs that wait: sums must be exact. */
  isExact = false;
  readonly #seen = new Set<UserId>();

  constructor(
    { policy: real, usage }: { readonly policy: Policy; readonly usage: UsageRule },
    record: MemoryRecord,
    judge: Judge,
  ) {
    this.usage = usage;
    this.policy = {
      name: real.name,
      begin: (accounts, standings, at) => {
        for (const { user } of accounts) {
          const used = standings.user(user)?.used ?? NO_USE;
          if (Object.values(used).some((amount) => !(amount >= 0)))
            judge.breach(`use of ${user} is ${JSON.stringify(used)}`);
          if (!this.isExact || this.#seen.has(user)) continue;
          this.#seen.add(user);
          const told = usedBy(user, record.jobs.values(), { at, usage });
          if (!isSame(used, told, TOLERANCE[usage.kind]))
            judge.breach(
              `use of ${user} is ${JSON.stringify(used)}, the record says ${JSON.stringify(told)}`,
            );
        }
        return real.begin(accounts, standings, at);
      },
    };
  }

  get hasSeenAll(): boolean {
    return this.#seen.size === OWNERS.length;
  }
}

/** What ran and is charged, reckoned from the record alone. */
function launchesOf(job: Job): { needs: Needs; timeMs: number; endedAt: Instant }[] {
  const { needs } = job.spec;
  const launches = job.retried.failures.map(({ memMb, startedAt, at }) => ({
    needs: { ...needs, memMb },
    timeMs: at - startedAt,
    endedAt: at,
  }));
  if (job.state === 'over')
    launches.push({ needs: needsOf(job), timeMs: usedMsOf(job), endedAt: job.endedAt });
  return launches.filter(({ timeMs }) => timeMs > 0);
}

/** Ended launches by what they used, live ones by the time they have run, at least by their advance. */
function usedBy(
  user: UserId,
  jobs: Iterable<Job>,
  { at, usage }: { readonly at: Instant; readonly usage: UsageRule },
): Sums {
  let sum = NO_USE;
  for (const job of jobs) {
    // The parent of an array runs nothing itself.
    if (job.owner !== user || job.state === 'open') continue;
    for (const { needs, timeMs, endedAt: asOf } of launchesOf(job)) {
      const used = sumsOf(needs, timeMs);
      sum = added(
        sum,
        usage.kind === 'window' ? used : decay({ sums: used, asOf }, at, usage).sums,
      );
    }
    if (isLive(job)) {
      const startedAt = job.state === 'launching' ? null : job.startedAt;
      const ranMs = startedAt === null ? 0 : at - startedAt;
      sum = added(sum, sumsOf(needsOf(job), Math.max(ADVANCE_MS, ranMs)));
    }
  }
  return sum;
}

function isSame(a: Sums, b: Sums, tolerance: number): boolean {
  const names = Object.keys(NO_USE) as (keyof Sums)[];
  return names.every((name) => Math.abs(a[name] - b[name]) <= tolerance * Math.max(1, b[name]));
}
