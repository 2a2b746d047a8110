/** Synthetic queues and offers in the size of a large centre, and the time a cycle takes on them. */
import { performance } from 'node:perf_hooks';
import { type Plan, planCycle } from '../src/core/cycle.js';
import { fairshare } from '../src/core/fairshare.js';
import type { Offer } from '../src/core/matching.js';
import { PendingQueue } from '../src/core/queue.js';
import { agentId, instant, jobId, offerId, projectId, userId } from '../src/core/units.js';

export interface QueueSize {
  readonly jobs: number;
  readonly users: number;
  readonly projects: number;
}

const AT = instant(1_800_000_000_000);

/** A linear congruential step: every run measures the same queue. */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Skewed users, 20 % of the jobs constrained, some forty shapes. */
export function manyPending({ jobs, users, projects }: QueueSize, seed = 1): PendingQueue {
  const pick = numbers(seed);
  const queue = new PendingQueue();
  for (let n = 1; n <= jobs; n++) {
    const user = Math.min(pick(users), pick(users));
    queue.add({
      id: jobId(n),
      owner: userId(`user${user}`),
      project: projectId(`project${user % projects}`),
      submittedAt: instant(AT - (jobs - n) * 10),
      needs: {
        cpuMilli: 1_000 * (1 + pick(4)),
        memMb: 1_000 * (1 + pick(4)),
        gpus: 0,
        ports: 0,
        custom: {},
      },
      constraints: pick(5) === 0 ? [{ name: 'rack', value: `r${pick(4)}` }] : [],
      executor: null,
      notBefore: null,
    });
  }
  return queue;
}

/** One offer an agent, 32 cpus and 64 GB each. */
export function manyOffers(agents: number, seed = 2): readonly Offer[] {
  const pick = numbers(seed);
  return Array.from({ length: agents }, (_, n) => ({
    id: offerId(`o${n}`),
    executor: 'mesos',
    agentId: agentId(`a${n}`),
    host: `host${n}`,
    role: '*',
    free: {
      cpuMilli: 32_000,
      memMb: 64_000,
      gpus: 0,
      ports: [{ begin: 31_000, end: 32_000 }],
      custom: {},
    },
    attributes: { rack: `r${pick(4)}` },
    unavailableFrom: null,
  }));
}

/** One cycle and its time. */
export function timedCycle(
  queue: PendingQueue,
  offers: readonly Offer[],
  launchesMax: number,
): { readonly plan: Plan; readonly tookMs: number } {
  const limits = { launchesMax, shapesMax: 2_000 };
  const before = performance.now();
  const plan = planCycle({ queue, offers, policy: fairshare(), at: AT, limits });
  return { plan, tookMs: performance.now() - before };
}

/** `cycle-1m`: a million waiting, 1,000 agents with room, 1,000 launches: what one turn of the leader costs. */
export function cycle1m(): number {
  const queue = manyPending({ jobs: 1_000_000, users: 500, projects: 50 });
  const offers = manyOffers(1_000);
  timedCycle(queue, offers, 1_000);
  return timedCycle(queue, offers, 1_000).tookMs;
}

/** `match-100k`: 100,000 waiting against 5,000 agents, placed until nothing fits. */
export function match100k(): number {
  const queue = manyPending({ jobs: 100_000, users: 500, projects: 50 });
  const offers = manyOffers(5_000);
  timedCycle(queue, offers, 100_000);
  return timedCycle(queue, offers, 100_000).tookMs;
}
