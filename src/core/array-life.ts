/** The life of an array's parent: open until no member is left that is not over. It holds no task of its own. */
import { type ArraySpec, arraySize } from './array.js';
import {
  type Job,
  killedBy,
  NO_CONTAINER,
  type OpenJob,
  type Outcome,
  type Reason,
} from './job.js';
import { NEVER_RETRIED } from './retry.js';
import type { Instant, JobId } from './units.js';

export type ArrayEvent =
  /** Its first member runs; `directory` holds those of the members. */
  | { readonly kind: 'memberStarted'; readonly directory: string | null }
  /**
   * It is not launched at all: impossible, not authorized, a dependency that never comes true … Of an array: no member has begun,
   * and none that has a record is not over.
   */
  | { readonly kind: 'gaveUp'; readonly because: Reason }
  /** No member is left that is not over. */
  | { readonly kind: 'membersOver'; readonly outcome: Extract<Outcome, { kind: 'exited' }> };

/**
 * The next state of an array, or undefined when the event changes nothing. A kill that is wanted by the end decides the
 * outcome, whatever the members came to.
 */
export function openStep(
  job: OpenJob,
  event: { readonly kind: string } | ArrayEvent,
  at: Instant,
): Job | undefined {
  if (isOf(event, 'memberStarted')) {
    const { directory } = event;
    return job.startedAt === null ? { ...job, startedAt: at, directory } : undefined;
  }
  const isGivenUp = isOf(event, 'gaveUp');
  if (!isGivenUp && !isOf(event, 'membersOver')) return undefined;
  const ended: Outcome = isGivenUp ? { kind: 'gaveUp', because: event.because } : event.outcome;
  const outcome: Outcome = job.killWanted === null ? ended : killedBy(job.killWanted);
  const nothing = { placement: null, container: NO_CONTAINER };
  const { heldBack: _, ...rest } = job;
  return { ...rest, state: 'over', outcome, endedAt: at, ...nothing };
}

/**
 * A member without a record of its own: it waits like all its siblings, or ended with its array before it began. Its
 * version is 0; the first step, or the first wish, makes its record.
 */
export function unmadeMember(array: Job, id: JobId): Job {
  const { owner, project, identity, spec, submittedAt, killWanted } = array;
  const member = {
    ...{ id, parent: array.id, owner, project, identity, spec, submittedAt, killWanted },
    ...{ launches: 0, faults: [], retried: NEVER_RETRIED, directory: null, version: 0 },
  };
  if (array.state !== 'over') {
    const heldBack = array.state === 'open' ? array.heldBack : undefined;
    const held = heldBack === undefined ? {} : { heldBack };
    return { ...member, state: 'pending', notBefore: null, pauseMs: 0, ...held };
  }
  const { outcome, endedAt } = array;
  const nothing = { startedAt: null, placement: null, container: NO_CONTAINER };
  return { ...member, state: 'over', outcome, endedAt, ...nothing };
}

/** The parent of an array: it has members, and is none. */
export const isArray = ({ parent, spec }: Pick<Job, 'parent' | 'spec'>): boolean =>
  spec.array !== undefined && parent === undefined;

/** How far the members of an array are. */
export interface ArrayCensus {
  readonly members: number;
  readonly waiting: number;
  /** Hold a task, or are about to. */
  readonly live: number;
  readonly over: number;
  /** Of those that are over: with another code than 0. */
  readonly failed: number;
}

/** Counts those that have no record, too: they wait, or ended with their array. */
export function censusOf(
  array: Pick<Job, 'state'> & { readonly spec: { readonly array?: ArraySpec } },
  made: readonly {
    readonly state: Job['state'];
    readonly exitCode: number | null;
    readonly members: number;
  }[],
): ArrayCensus {
  const members = array.spec.array === undefined ? 0 : arraySize(array.spec.array);
  const sum = (of: (one: (typeof made)[number]) => boolean) =>
    made.filter(of).reduce((total, one) => total + one.members, 0);
  const unmade = Math.max(0, members - sum(() => true));
  const isOver = array.state === 'over';
  const over = sum(({ state }) => state === 'over');
  const waiting = sum(({ state }) => state === 'pending');
  const failed = sum(({ state, exitCode }) => state === 'over' && exitCode !== 0);
  return {
    members,
    waiting: waiting + (isOver ? 0 : unmade),
    live: members - unmade - over - waiting,
    over: over + (isOver ? unmade : 0),
    failed: failed + (isOver ? unmade : 0),
  };
}

const isOf = <K extends ArrayEvent['kind']>(
  event: { readonly kind: string },
  kind: K,
): event is Extract<ArrayEvent, { kind: K }> => event.kind === kind;
