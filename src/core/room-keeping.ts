/** What a cycle asks of its reservations, in the words of the queue. */
import { roomOf } from './array-block.js';
import type { Tenant } from './obstacle.js';
import type { Head } from './policy.js';
import type { Line, PendingQueue, Shape } from './queue.js';
import { Reservations, type Reserving, type TenantDemand } from './reservation.js';
import type { Instant, JobId } from './units.js';

/** Of a cycle's input. */
interface Cycle {
  readonly queue: PendingQueue;
  readonly at: Instant;
  readonly defaultExecutor?: string | null;
  readonly cursor?: object | null;
  readonly reserving?: Reserving;
}

/** The first job of an account, for which there is no place. */
interface Blocked {
  readonly head: Head;
  readonly account: Tenant;
}

/** What a job of this shape and account asks for, the executor settled. */
export const demandOf = (
  shape: Shape,
  { defaultExecutor = null }: Cycle,
  { user, project }: Tenant,
): TenantDemand => ({
  ...shape,
  executor: shape.executor ?? defaultExecutor,
  tenant: { user, project },
});

/** A job that found no place has room kept for it, if it has waited long and is the first to ask. */
export function keepRoomFor(
  { head, account }: Blocked,
  shape: Shape,
  { reservations, input }: { reservations: Reservations; input: Cycle },
): void {
  const executor = shape.executor ?? input.defaultExecutor ?? null;
  if (reservations.mayKeepFor(head, { shapeId: shape.id, executor }))
    reservations.keepFor(head.id, {
      shapeId: shape.id,
      demand: demandOf(shape, input, account),
    });
}

/** Within a round that goes on no new ones are made: those who stood before have passed. */
export function reservationsOf(
  input: Cycle,
  bins: ConstructorParameters<typeof Reservations>[1],
): Reservations {
  const { queue, reserving, cursor = null, at } = input;
  const inForce =
    reserving === undefined || cursor === null ? reserving : { ...reserving, agents: null };
  return new Reservations(inForce, bins, {
    at,
    heirOf: (jobId) => {
      const line = queue.lineOf(jobId);
      const account = queue.accountOf(jobId);
      const first = line === undefined ? undefined : firstFree(queue, line);
      return line === undefined || account === undefined || first === undefined
        ? undefined
        : { jobId: first, demand: demandOf(line.shape, input, account) };
    },
  });
}

/**
 * The first ready job of a line that its array does not hold. A job that comes back to wait stands before those that
 * were submitted after it, the one for which room is kept among them: lines have no place behind a job without one.
 */
function firstFree(queue: PendingQueue, line: Line): JobId | undefined {
  for (let id = line.atLeast(0 as JobId); id !== undefined; ) {
    const array = queue.arrayOf(id);
    if (array === undefined || roomOf(array) > 0) return id;
    id = line.atLeast((array.lastId + 1) as JobId);
  }
  return undefined;
}
