/**
 * How everybody stands, as the leader sees it: what a policy needs to score the accounts. Web processes score them
 * anew, with the same pure code, for whoever asks. In the same process it is a function call, else a document in the store.
 */
import type { Held, Standing, Standings } from '../core/policy.js';
import type { Instant, JobId, ProjectId, UserId } from '../core/units.js';
import type { Sums, UsageRule } from '../core/usage.js';

export interface AccountFacts {
  readonly user: UserId;
  readonly project: ProjectId;
  /** The queue of the site that its jobs wait in; null: none. Absent: told by a version that put all queues together. */
  readonly queue?: string | null;
  /** Of that queue: compared before the scores. Absent: the usual one. */
  readonly priority?: number;
  /** Jobs that are ready and wait. */
  readonly waiting: number;
  /** The oldest of them, and when the newest was submitted; null: none waits. */
  readonly line: {
    readonly headId: JobId;
    readonly headAt: Instant;
    readonly newestAt: Instant;
  } | null;
  readonly standing: StandingFacts;
}

export interface StandingFacts {
  readonly used: Sums;
  readonly held: Held;
  readonly prio: number;
}

/** What waits and runs in a queue of the site. */
export interface QueueLoad {
  readonly name: string;
  readonly waiting: number;
  readonly running: number;
}

export interface ShareFacts {
  readonly at: Instant;
  /** Name of the policy in force. */
  readonly policy: string;
  readonly usage: UsageRule;
  readonly advanceMs: number;
  /** Of the whole cluster; null: not known. */
  readonly capacity: {
    readonly cpuMilli: number;
    readonly memMb: number;
    readonly gpus: number;
  } | null;
  /** Those that wait first; at most `SHARE_ACCOUNTS_MAX`. */
  readonly accounts: readonly AccountFacts[];
  /** Absent: told by a version that knew none. */
  readonly queues?: readonly QueueLoad[];
  readonly users: readonly (readonly [UserId, StandingFacts])[];
  readonly projects: readonly (readonly [ProjectId, StandingFacts])[];
}

/** The setting of the store that holds them. */
export const SHARES_SETTING = 'leader.shares';

/** What was written by whatever version of us, or undefined: then nothing is known. */
export function readShares(text: string): ShareFacts | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  const facts = found as Partial<ShareFacts> | null;
  const isWhole =
    typeof facts?.at === 'number' &&
    typeof facts.policy === 'string' &&
    typeof facts.advanceMs === 'number' &&
    typeof facts.usage?.kind === 'string' &&
    [facts.accounts, facts.users, facts.projects].every(Array.isArray);
  return isWhole ? (facts as ShareFacts) : undefined;
}

/** As the policy of the leader was told. */
export function standingsIn(facts: ShareFacts): Standings {
  const users = new Map<UserId, Standing>(facts.users);
  const projects = new Map<ProjectId, Standing>(facts.projects);
  const key = (user: string, project: string) => JSON.stringify([user, project]);
  const accounts = new Map(
    facts.accounts.map(({ user, project, standing }) => [key(user, project), standing]),
  );
  const { capacity, advanceMs } = facts;
  return {
    user: (id) => users.get(id),
    project: (id) => projects.get(id),
    account: (user, project) => accounts.get(key(user, project)),
    capacity: capacity === null ? null : { ...capacity, ports: [], custom: {} },
    advanceMs,
  };
}
