/** Policies score accounts, never jobs one by one; the least score goes first, ties end with the job id. */
import type { Capacity, Needs } from './resources.js';
import { type Instant, type JobId, type ProjectId, projectId, type UserId } from './units.js';
import type { Sums } from './usage.js';

export { NO_USE, type Sums } from './usage.js';

/** What live jobs hold now. */
export interface Held {
  readonly jobs: number;
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
}

/** How much of the whole most users and projects are due, of `PRIO_MAX`. */
export const PRIO_USUAL = 50;
export const PRIO_MAX = 100;

/** Everybody is in it, and it is no record. */
export const PROJECT_OF_ALL = projectId('default');

/** How a user or project stands. */
export interface Standing {
  /** By the site's rule (window or half-life), running jobs charged. */
  readonly used: Sums;
  /** Absent: nothing. */
  readonly held?: Held;
  /** How much of the whole it is due, 0–100, 50 for most. */
  readonly prio: number;
}

/** Looked up once a cycle for each account that waits; absent means nothing used and the usual priority. */
export interface Standings {
  user(id: UserId): Standing | undefined;
  project(id: ProjectId): Standing | undefined;
  /** One user in one project; `prio` is the user's. Absent: nothing is known of single accounts. */
  account?(user: UserId, project: ProjectId): Standing | undefined;
  /** What all agents have together; null or absent: not known. */
  readonly capacity?: Capacity | null;
  /** For how long a job counts at least while it runs; absent: `ADVANCE_MS`. */
  readonly advanceMs?: number;
}

/** Duration charged in advance for a job that is placed, unless the site says otherwise. */
export const ADVANCE_MS = 600_000;

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

/**
 * One cycle of a policy. Bounds are fixed when it begins. A placed job moves the score of its own account and of the
 * group it is in, if there are groups, and no other.
 */
export interface Ranking {
  /** Lower goes first. `account`: index into the accounts the cycle began with. Finite. */
  score(account: number, head: Head): number;
  /** A job of this account was placed. */
  charged(account: number, needs: Needs): void;
  /** Compared before accounts are: those of the least group go first. Absent: all are one group. */
  readonly groups?: Groups;
  /** How the account's score comes about, for people; absent: there is nothing to tell. */
  terms?(account: number, head: Head): readonly Term[];
}

export interface Groups {
  /** A whole number from 0, below the number of accounts. */
  of(account: number): number;
  /** Lower goes first. Finite. */
  score(group: number): number;
}

/** A part of a score: `value` is what `raw` comes to, once set in relation to the others (`normalised`) and weighed. */
export interface Term {
  /** As `user_time`. */
  readonly name: string;
  readonly raw: number;
  /** Of `raw`, as `s` or `cpu·s`; empty: none. */
  readonly unit: string;
  readonly normalised: number;
  readonly weight: number;
  readonly value: number;
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
