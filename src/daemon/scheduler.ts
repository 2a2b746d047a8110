/** The scheduler daemon: stands for leadership; while it leads, one `Leader` does the work. */
import type { Cluster } from '../contracts/cluster.js';
import type { Notices } from '../contracts/notices.js';
import type { Lease } from '../contracts/store.js';
import type { Obstacle } from '../core/obstacle.js';
import type { JobId } from '../core/units.js';
import { isAway } from './job-book.js';
import { Leader } from './leader.js';
import { Leadership } from './leadership.js';
import type { SchedulerOptions, SchedulerPorts } from './ports.js';

export interface SchedulerStatus {
  readonly isLeading: boolean;
  readonly isReady: boolean;
  readonly pending: number;
  readonly live: number;
  /** Sentences for an administrator; empty when all is well. */
  readonly trouble: readonly string[];
}

export class SchedulerDaemon {
  readonly #ports: SchedulerPorts;
  readonly #options: SchedulerOptions;
  /** Made anew for each term: a cluster that was stopped stays stopped. */
  readonly #makeClusters: () => readonly Cluster[];
  readonly #leadership: Leadership;
  #leader: Leader | undefined;
  /** Counts terms; what a former one still does, or learns, must not touch the present one. */
  #term = 0;

  constructor(
    ports: SchedulerPorts,
    options: SchedulerOptions,
    makeClusters: () => readonly Cluster[],
  ) {
    this.#ports = ports;
    this.#options = options;
    this.#makeClusters = makeClusters;
    this.#leadership = new Leadership(ports, options, {
      taken: (lease) => void this.#lead(lease),
      lost: () => void this.#resign().catch(ports.failed),
    });
  }

  start(): void {
    this.#leadership.start();
  }

  /** Leaves the tasks alone and frees the lease. */
  async stop(): Promise<void> {
    await this.#resign();
    await this.#leadership.stop();
  }

  /** For web processes of the same process: a notice is a function call. */
  readonly notices: Notices = {
    submitted: () => this.#leader?.submitted(),
    killWanted: (id) => this.#leader?.killWanted(id),
  };

  /** Why a waiting job still waits; undefined when we do not lead, or it does not wait. */
  obstacles(id: JobId): readonly Obstacle[] | undefined {
    return this.#leader?.obstacles(id);
  }

  status(): SchedulerStatus {
    const leader = this.#leader?.status();
    if (leader === undefined)
      return { isLeading: false, isReady: false, pending: 0, live: 0, trouble: ['not leading'] };
    return { isLeading: true, ...leader };
  }

  async #lead(lease: Lease): Promise<void> {
    this.#term += 1;
    const term = this.#term;
    try {
      const leader = await Leader.takeOver(
        this.#ports,
        this.#options,
        lease,
        this.#makeClusters(),
        () => {
          if (term === this.#term) this.#leadership.fencedOut();
        },
      );
      // The lease may have been lost while the record was read: then this term never begins.
      if (term !== this.#term) {
        await leader.stop();
        return;
      }
      this.#leader = leader;
      await leader.start();
      // What was submitted while the record was read: its notice found no leader.
      leader.submitted();
    } catch (error) {
      if (!isAway(error)) this.#ports.failed(error);
      else if (term === this.#term)
        this.#leadership.giveUp('the store went away while its record was read');
    }
  }

  async #resign(): Promise<void> {
    this.#term += 1;
    const leader = this.#leader;
    this.#leader = undefined;
    await leader?.stop();
  }
}
