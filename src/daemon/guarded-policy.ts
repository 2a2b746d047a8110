/**
 * A policy may be a site's own plugin. One that throws, or gives scores that are none, must neither stop the scheduler nor
 * the queue: such a cycle goes by order of submission, and administrators are told until one succeeds. One that takes long is told of, too; one
 * that never comes back is another thread's to notice (`PolicyWatch`).
 */
import type { Clock } from '../contracts/clock.js';
import { POLICY_MS_MAX } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { PolicyWatch } from '../contracts/policy-watch.js';
import { fifo, type Groups, type Policy, type Ranking } from '../core/policy.js';

export interface GuardedPolicyPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: nobody watches. */
  readonly policyWatch?: PolicyWatch;
}

/** What the plugin did, not we. */
export class PolicyFailed extends Error {
  override readonly name = 'PolicyFailed';
}

export class GuardedPolicy {
  readonly #policy: Policy;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watch: PolicyWatch | undefined;
  /** The last cycle's. */
  #failure: string | null = null;

  constructor(policy: Policy, { clock, log, policyWatch }: GuardedPolicyPorts) {
    this.#watch = policyWatch;
    this.#policy = policy;
    this.#clock = clock;
    this.#log = log;
  }

  /** What an administrator should know, or null. */
  trouble(): string | null {
    const { name } = this.#policy;
    if (this.#watch !== undefined && this.#watch.trouble !== null) return this.#watch.trouble;
    return this.#failure === null
      ? null
      : `scheduler policy ${name} fails, jobs go by order of submission: ${this.#failure}`;
  }

  /** Decides by the policy; if it fails by order of submission. `decide` must change nothing before it returns. */
  decide<T>(decide: (policy: Policy) => T): T {
    const startedMs = this.#clock.monotonicMs();
    this.#watch?.begins();
    try {
      const decided = decide(guarded(this.#policy));
      this.#failure = null;
      const tookMs = Math.round(this.#clock.monotonicMs() - startedMs);
      if (tookMs > POLICY_MS_MAX)
        this.#log.warn('slow cycle', { policy: this.#policy.name, tookMs });
      return decided;
    } catch (error) {
      if (!(error instanceof PolicyFailed)) throw error;
      if (this.#failure !== error.message)
        this.#log.error('scheduler policy failed', { policy: this.#policy.name, error });
      this.#failure = error.message;
      return decide(fifo);
    } finally {
      this.#watch?.ends();
    }
  }
}

/** The same policy; whatever it throws is `PolicyFailed`. */
export const guarded = (policy: Policy): Policy => ({
  name: policy.name,
  begin: (...input) => guardedRanking(tried('begin', () => policy.begin(...input))),
});

function guardedRanking(ranking: Ranking): Ranking {
  const { groups, terms } = ranking;
  return {
    score: (account, head) => scored('score', () => ranking.score(account, head)),
    charged: (account, needs) => tried('charged', () => ranking.charged(account, needs)),
    ...(groups === undefined ? {} : { groups: guardedGroups(groups) }),
    ...(terms === undefined
      ? {}
      : { terms: (account, head) => tried('terms', () => terms.call(ranking, account, head)) }),
  };
}

const guardedGroups = (groups: Groups): Groups => ({
  of: (account) => scored('groups.of', () => groups.of(account)),
  score: (group) => scored('groups.score', () => groups.score(group)),
});

function tried<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new PolicyFailed(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function scored(what: string, call: () => number): number {
  const score = tried(what, call);
  if (!Number.isFinite(score)) throw new PolicyFailed(`${what} gave ${score}, no finite number`);
  return score;
}
