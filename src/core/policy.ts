/** Policies score accounts, never jobs one by one; the least score goes first, ties end with the job id. */
import type { Needs } from './resources.js';
import { type Instant, type JobId, type ProjectId, projectId, type UserId } from './units.js';

/** What an account, or all accounts of a user or project, have used: plain sums, running jobs charged. */
export interface Sums {
  readonly timeMs: number;
  readonly cpuMilli: number;
  readonly memMb: number;
}

export const NO_USE: Sums = { timeMs: 0, cpuMilli: 0, memMb: 0 };

/** How much of the whole most users and projects are due, of `PRIO_MAX`. */
export const PRIO_USUAL = 50;
export const PRIO_MAX = 100;

/** Everybody is in it, and it is no record. */
export const PROJECT_OF_ALL = projectId('default');

/** How a user or project stands. */
export interface Standing {
  readonly used: Sums;
  /** How much of the whole it is due, 0–100, 50 for most. */
  readonly prio: number;
}

/** Looked up once a cycle for each account that waits; absent means nothing used and a middle priority. */
export interface Standings {
  user(id: UserId): Standing | undefined;
  project(id: ProjectId): Standing | undefined;
}

/** Nobody has used anything. */
export const NO_STANDINGS: Standings = { user: () => undefined, project: () => undefined };

/** The job of an account that is next in its own order. */
export interface Head {
  readonly id: JobId;
  readonly submittedAt: Instant;
}

export interface AccountView {
  readonly user: UserId;
  readonly project: ProjectId;
  readonly head: Head;
  /** Latest submission among its ready jobs. */
  readonly newestAt: Instant;
}

/** One cycle of a policy. Bounds are fixed when it begins; only the charged account's own terms move. */
export interface Ranking {
  /** Lower goes first. `account`: index into the accounts the cycle began with. Finite. */
  score(account: number, head: Head): number;
  /** A job of this account was placed. */
  charged(account: number, needs: Needs): void;
}

/** The ordering rule in force. Pure: the same accounts, standings and instant give the same scores. */
export interface Policy {
  readonly name: string;
  begin(accounts: readonly AccountView[], standings: Standings, at: Instant): Ranking;
}

/** First submitted, first served. */
export const fifo: Policy = {
  name: 'fifo',
  begin: () => ({ score: (_account, head) => head.id, charged: () => {} }),
};
