/** The jobs of a synthetic computing centre: skewed users with habits. A job is told by its id, so nothing is kept of it. */
import type { Constraint } from '../src/core/job.js';
import type { QueueRow } from '../src/core/queue.js';
import type { Needs } from '../src/core/resources.js';
import { instant, type JobId, projectId, userId } from '../src/core/units.js';
import { numbers } from './numbers.js';

export interface WorkloadSize {
  readonly users: number;
  readonly projects: number;
  /** Each user asks for at most so many different things … */
  readonly habits: number;
  /** … out of so many that are asked for at the site. */
  readonly demands: number;
  /** A fifth of the jobs are in one of the queues of the site. */
  readonly hasQueues: boolean;
}

/** What most users of a large centre ask for: a few hundred different things, a handful each. */
export const USUAL: WorkloadSize = {
  users: 500,
  projects: 50,
  habits: 6,
  demands: 400,
  hasQueues: true,
};

export const QUEUES = ['short', 'long', 'night'] as const;
/** Of a million jobs the first was submitted almost three hours before. */
export const NOW = instant(1_800_000_000_000);
const BETWEEN_MS = 10;
const HOUR_MS = 3_600_000;

interface Demand {
  readonly needs: Needs;
  readonly constraints: readonly Constraint[];
  readonly executor: string | null;
  readonly lifespanMs: number | null;
}

export class Workload {
  readonly size: WorkloadSize;
  readonly #demands: readonly Demand[];
  /** By user. */
  readonly #habits: readonly (readonly Demand[])[];

  constructor(size: WorkloadSize, seed = 1) {
    const pick = numbers(seed);
    this.size = size;
    this.#demands = Array.from({ length: size.demands }, () => ({
      needs: {
        cpuMilli: 1_000 * (1 + Math.min(pick(8), pick(8))),
        memMb: 1_000 * (1 + Math.min(pick(16), pick(16))),
        gpus: 0,
        ports: pick(10) === 0 ? 1 : 0,
        custom: {},
      },
      constraints: pick(5) === 0 ? [{ name: 'rack', value: `r${pick(4)}` }] : [],
      executor: null,
      lifespanMs: pick(4) === 0 ? null : HOUR_MS * (1 + pick(6)),
    }));
    this.#habits = Array.from({ length: size.users }, () =>
      Array.from({ length: 1 + pick(size.habits) }, () => this.#demands[pick(size.demands)]).filter(
        (demand) => demand !== undefined,
      ),
    );
  }

  /** @param total jobs that were submitted up to `NOW` */
  row(id: JobId, total: number): QueueRow {
    const pick = numbers(Math.imul(id, 2_654_435_761));
    pick(1);
    const { users, projects, hasQueues } = this.size;
    const user = Math.min(pick(users), pick(users));
    const habits = this.#habits[user] ?? [];
    const demand = habits[pick(habits.length)] as Demand;
    const queue = hasQueues && pick(5) === 0 ? QUEUES[user % QUEUES.length] : undefined;
    return {
      id,
      owner: userId(`user${user}`),
      project: projectId(`project${user % projects}`),
      submittedAt: instant(NOW - (total - id) * BETWEEN_MS),
      notBefore: null,
      ...demand,
      ...(queue === undefined ? {} : { queue }),
    };
  }
}
