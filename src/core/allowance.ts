/** What a cycle asks before it gives a job a place: whether limits and quotas let one more start. */
import type { Reason } from './job.js';
import type { Obstacle } from './obstacle.js';
import type { Shape } from './queue.js';
import type { Needs } from './resources.js';
import type { JobId, ProjectId, UserId } from './units.js';

/** Whose job it is: a user in a project, in a queue of the site or in none (null). */
export interface Claimant {
  readonly user: UserId;
  readonly project: ProjectId;
  readonly queue: string | null;
}

/** What the job would take, and where; executor null: any. */
export interface Claim {
  readonly needs: Needs;
  readonly executor: string | null;
}

export type Denial =
  /** It waits. `isForAll`: so does every job of the account, whatever its shape. */
  | { readonly kind: 'wait'; readonly obstacle: Obstacle; readonly isForAll: boolean }
  /** It can never start: it is over, with this reason. */
  | { readonly kind: 'refuse'; readonly because: Reason };

/** Made anew for each cycle; counts what the cycle places. */
export interface Allowance {
  /** Null: it may start. */
  denial(claimant: Claimant, claim: Claim): Denial | null;
  /** One was placed. */
  taken(claimant: Claimant, claim: Claim): void;
}

/** A job that a cycle found must end, because a quota is used up. */
export interface Refusal {
  readonly jobId: JobId;
  readonly because: Reason;
  /** Whose it is and what it would have taken: asked once more before it ends. */
  readonly claimant: Claimant;
  readonly claim: Claim;
}

/** Why jobs of one account wait whatever is free. */
export interface Hold extends Claimant {
  /** `AccountQueue.index`. */
  readonly account: number;
  /** Those of this shape; null: all of them. */
  readonly shape: Shape | null;
  readonly obstacle: Obstacle;
}
