/** Looks over the policy's shoulder: what it is told of users' use is never negative, and at rest it is what the record says. */
import { FAIRSHARE_OPTIONS } from '../../src/core/fairshare.js';
import type { Job } from '../../src/core/job.js';
import type { Policy, Sums } from '../../src/core/policy.js';
import { NO_USE } from '../../src/core/policy.js';
import type { UserId } from '../../src/core/units.js';
import type { MemoryRecord } from '../support/memory-store.js';
import type { Judge } from './judge.js';
import { OWNERS } from './users.js';

export class Audit {
  readonly policy: Policy;
  /** From now on nothing is under way but the jobs that wait: sums must be exact. */
  isExact = false;
  readonly #seen = new Set<UserId>();

  constructor(real: Policy, record: MemoryRecord, judge: Judge) {
    this.policy = {
      name: real.name,
      begin: (accounts, standings, at) => {
        for (const { user } of accounts) {
          const used = standings.user(user)?.used ?? NO_USE;
          const isNegative = used.timeMs < 0 || used.cpuMilli < 0 || used.memMb < 0;
          if (isNegative) judge.breach(`use of ${user} is ${JSON.stringify(used)}`);
          if (!this.isExact || this.#seen.has(user)) continue;
          this.#seen.add(user);
          const told = usedBy(user, record.jobs.values());
          if (!isSame(used, told))
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

/** Ended launches by what they used, live ones by their advance. */
function usedBy(user: UserId, jobs: Iterable<Job>): Sums {
  let { timeMs, cpuMilli, memMb } = NO_USE;
  for (const job of jobs) {
    if (job.owner !== user) continue;
    for (const { startedAt, at, memMb: hadMb } of job.retried.failures) {
      // The same rule as for ends: what took no time is free.
      if (at <= startedAt) continue;
      timeMs += at - startedAt;
      cpuMilli += job.spec.needs.cpuMilli;
      memMb += hadMb;
    }
    if (job.state === 'pending') continue;
    const isLive = job.state !== 'over';
    const ranMs = job.state === 'over' ? job.endedAt - (job.startedAt ?? job.endedAt) : 0;
    const isFree = job.state === 'over' && (ranMs <= 0 || job.outcome.kind === 'gaveUp');
    if (isFree) continue;
    timeMs += isLive ? FAIRSHARE_OPTIONS.advanceMs : ranMs;
    cpuMilli += job.spec.needs.cpuMilli;
    memMb += job.retried.memMbGranted ?? job.spec.needs.memMb;
  }
  return { timeMs, cpuMilli, memMb };
}

const isSame = (a: Sums, b: Sums): boolean =>
  a.timeMs === b.timeMs && a.cpuMilli === b.cpuMilli && a.memMb === b.memMb;
