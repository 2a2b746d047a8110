/** Why a job still waits, or can never run, as data: how many agents fail for which reason, and by how much. */
import type { Constraint, JobState } from './job.js';
import type { QuotaReached } from './quota.js';
import type { Capacity, Needs } from './resources.js';
import type { Instant, JobId, ProjectId, UserId } from './units.js';

export type ResourceName = 'cpuMilli' | 'memMb' | 'gpus' | 'ports';

/** A job that another waits for. */
export interface Awaited {
  readonly id: JobId;
  readonly state: JobState;
  /** Of one that is over. */
  readonly exitCode: number | null;
}

/** `agents`: how many fail for this reason first; an agent offered under two roles counts twice. */
export type Obstacle =
  | {
      readonly code: 'too-small';
      readonly resource: ResourceName;
      readonly agents: number;
      readonly wanted: number;
      /** The most that any of these agents has. */
      readonly best: number;
    }
  | {
      readonly code: 'custom-too-small';
      readonly name: string;
      readonly agents: number;
      readonly wanted: number;
      readonly best: number;
    }
  | {
      readonly code: 'constraint';
      readonly name: string;
      readonly value: string;
      readonly agents: number;
    }
  /** Kept for users or projects that the job is none of. */
  | { readonly code: 'reserved'; readonly agents: number }
  /** Failures of theirs have ended launches of the job, and the site skips such agents. */
  | { readonly code: 'failed-before'; readonly agents: number }
  | { readonly code: 'other-executor'; readonly executor: string; readonly agents: number }
  /** `from`: the earliest of their maintenance windows. */
  | { readonly code: 'maintenance'; readonly agents: number; readonly from: Instant }
  /** So many members of its array run, and no more may. */
  | { readonly code: 'array-limit'; readonly running: number; readonly limit: number }
  /** So many run at once: of the user, the project, the executor, the queue, or the user in the queue. */
  | {
      readonly code: 'limit-reached';
      readonly scope: 'user' | 'project' | 'executor' | 'queue' | 'queue-user';
      readonly name: string;
      readonly limit: number;
      readonly running: number;
    }
  /** What runs now is charged against a quota and leaves too little of it. Amounts in the quota's own unit. */
  | {
      readonly code: 'quota';
      readonly scope: 'user' | 'project';
      readonly name: string;
      readonly quota: QuotaReached['quota'];
      readonly limit: number;
      readonly used: number;
      readonly held: number;
      readonly asked: number;
    }
  /** Jobs that it depends on, those that have come true left out; of any of them, or of all. `more`: are not named. */
  | {
      readonly code: 'dependency';
      readonly isAnyEnough: boolean;
      readonly jobs: readonly Awaited[];
      readonly more: number;
    }
  /** Jobs of the same user and name before it. */
  | {
      readonly code: 'turn';
      readonly name: string;
      readonly jobs: readonly Awaited[];
      readonly more: number;
    }
  | {
      readonly code: 'held-back';
      readonly by: UserId;
      readonly isAdmin: boolean;
      readonly at: Instant;
    }
  | { readonly code: 'not-before'; readonly at: Instant }
  /** The service starts no jobs; why, in the words of the administrator, or empty. */
  | { readonly code: 'service-maintenance'; readonly reason: string }
  /** An administrator lets no new jobs onto them: from when (the earliest), until when (null: until told), and why. */
  | {
      readonly code: 'drained';
      readonly agents: number;
      readonly from: Instant;
      readonly until: Instant | null;
      readonly reason: string;
      /** Absent: told by a version that did not say. */
      readonly by?: UserId;
    }
  /** Jobs of several users ended badly there within seconds; they are tried again, or an administrator lets them back. */
  | { readonly code: 'set-aside'; readonly agents: number }
  /** Their room is kept for a job that has waited long: when that starts; null: not known. */
  | { readonly code: 'reserved-for'; readonly agents: number; readonly until: Instant | null }
  | { readonly code: 'no-offers' };

/** Who runs the job, as reservations of agents name them. */
export interface Tenant {
  readonly user: UserId;
  readonly project: ProjectId;
}

/** What a job, or all jobs of one shape, ask of an agent. */
export interface Demand {
  readonly needs: Needs;
  readonly constraints: readonly Constraint[];
  /** Null: any executor will do. */
  readonly executor: string | null;
  /** Absent: nobody in particular; reservations are not looked at. */
  readonly tenant?: Tenant;
  /** Hosts that are passed over; absent: none. */
  readonly avoid?: readonly string[];
  /** How long a launch may run at most; null or absent: any time, so that it overlaps every window that comes. */
  readonly lifespanMs?: number | null;
  /** The room that is kept for this very job; null or absent: none. */
  readonly own?: Kept | null;
}

/** Room of an agent that is kept for one job, as the others meet it. */
export interface Kept {
  /** When that job starts at the latest; null: not known. */
  readonly until: Instant | null;
  /** Whether another job leaves it its room, because it is over by then or fits beside. `at`: when it would begin. */
  leavesRoom(demand: Demand, at: Instant | null): boolean;
}

/** An agent as the checks see it. */
export interface Site {
  readonly executor: string;
  /** Null: not told, so that any name may be right. */
  readonly host: string | null;
  readonly attributes: Readonly<Record<string, string>>;
  readonly unavailableFrom: Instant | null;
  /** Why it takes no new jobs; null or absent: it does. */
  readonly shut?: Shut | null;
  /** Launches that it may get in this cycle; absent: any number. */
  readonly launchesLeft?: number;
  /** Room there that is kept for a job; null or absent: none. */
  readonly kept?: Kept | null;
}

/** What is free there, with ports counted: `free.ports` is not walked again and again. */
export interface Room {
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
  readonly portsFree: number;
  readonly custom: Readonly<Record<string, number>>;
}

/** What keeps new jobs from an agent, as cycles see it. */
export type Shut =
  | {
      readonly code: 'drained';
      readonly from: Instant;
      readonly until: Instant | null;
      readonly reason: string;
      readonly by?: UserId;
    }
  | { readonly code: 'set-aside' };

/**
 * Nothing is started that may end this close to a window: the cluster ends what outlives its lifespan up to half a
 * minute late, and a task that is told to end takes a moment to.
 */
const ENDING_MS = 35_000;
/**
 * Whether a launch that begins at `at` and runs as long as it may is over, surely, when `from` comes.
 * @param lifespanMs null: it may run for ever.
 */
export const endsBefore = (from: Instant, at: Instant, lifespanMs: number | null): boolean =>
  lifespanMs !== null && at + lifespanMs + ENDING_MS <= from;

/** The attribute `reservation` of an agent, as it stands there; null: open to all. */
export const reservationOf = ({ attributes }: Pick<Site, 'attributes'>): string | null =>
  Object.hasOwn(attributes, 'reservation') ? (attributes.reservation ?? '') : null;

/** `a,b` (as a set: `{a,b}`) lets in the users and the projects of these names; an empty list nobody. */
export function isOpenTo({ user, project }: Tenant, reservation: string | null): boolean {
  if (reservation === null) return true;
  const names = reservation.replace(/^\{(.*)\}$/, '$1').split(',');
  return names.some((name) => name.trim() === user || name.trim() === project);
}

/** Agents that are alike, with all their resources, used or not. */
export interface AgentShape {
  readonly total: Capacity;
  readonly attributes: Readonly<Record<string, string>>;
  readonly count: number;
  /** Absent: the inventory does not tell them apart by executor. */
  readonly executor?: string;
  /** Absent: it does not tell them apart by name. */
  readonly host?: string;
}
