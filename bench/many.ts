/** Many waiting jobs and many offers, of few shapes. */
import type { Offer } from '../src/core/matching.js';
import { PendingQueue } from '../src/core/queue.js';
import { agentId, instant, jobId, offerId, projectId, userId } from '../src/core/units.js';
import { numbers } from './numbers.js';

export interface QueueSize {
  readonly jobs: number;
  readonly users: number;
  readonly projects: number;
}

const AT = instant(1_800_000_000_000);

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
