/** What a cycle is given and what it decides. */
import type { Allowance, Hold, Refusal } from './allowance.js';
import type { Offer } from './matching.js';
import type { Obstacle } from './obstacle.js';
import type { Policy, Standings } from './policy.js';
import type { PendingQueue } from './queue.js';
import type { Reservation, Reserving } from './reservation.js';
import type { AgentId, Instant, JobId, OfferId } from './units.js';

/** One job's place. Launches of one bin share its `offerIds`, the very same array, and make one ACCEPT. */
export interface Launch {
  readonly jobId: JobId;
  readonly executor: string;
  readonly agentId: AgentId;
  readonly host: string;
  readonly role: string;
  readonly offerIds: readonly OfferId[];
  /** Host ports, as many as the job needs. */
  readonly ports: readonly number[];
}

/**
 * Where the next cycle goes on after one that met too many shapes. What stands before had no fitting offer a moment
 * ago and gets its turn when the round is through.
 */
export interface CycleCursor {
  /** By account index: the first job not yet looked at. */
  readonly from: ReadonlyMap<number, JobId>;
  /** The offers that the round began with: only later ones are a reason to begin anew at its end. */
  readonly offers: ReadonlySet<OfferId>;
}

export interface Plan {
  /** In the order of the policy. */
  readonly launches: readonly Launch[];
  /**
   * By shape id: why jobs of the shapes for which this cycle found no (further) place still wait. A shape that is
   * missing was not asked for in this cycle; without any offer none is.
   */
  readonly obstacles: ReadonlyMap<number, readonly Obstacle[]>;
  /** Jobs that end here, because a quota is used up. */
  readonly refusals: readonly Refusal[];
  /** Why jobs of some accounts wait whatever is free. */
  readonly holds: readonly Hold[];
  /** A limit stopped the cycle: plan again at once, with `cursor`. */
  readonly isUnfinished: boolean;
  readonly cursor: CycleCursor | null;
  /** Offers that no launch uses, in order of id. */
  readonly idleOffers: readonly OfferId[];
  /** Agents whose room is kept for a job: what the next cycle must be told. */
  readonly reservations: readonly Reservation[];
}

export interface CycleInput {
  readonly queue: PendingQueue;
  readonly offers: readonly Offer[];
  readonly policy: Policy;
  readonly at: Instant;
  readonly limits: {
    readonly launchesMax: number;
    /** Distinct shapes asked for. */
    readonly shapesMax: number;
  };
  /** What users and projects have used; absent: nothing. */
  readonly standings?: Standings;
  /** Runs the jobs that name no executor; null or absent: any may. */
  readonly defaultExecutor?: string | null;
  readonly cursor?: CycleCursor | null;
  /** Absent: no room is kept for jobs that others overtake. */
  readonly reserving?: Reserving;
  /** Limits and quotas; absent: there are none. */
  readonly allowance?: Allowance | undefined;
  /** The priority of a queue of the site, or of none (null); absent: all are alike. */
  readonly priorityOf?: (queue: string | null) => number;
}
