/** What a cycle asks of its reservations, in the words of the queue. */
import { roomOf } from './array-block.js';
import type { Tenant } from './obstacle.js';
import type { Head } from './policy.js';
import type { PendingQueue, Shape } from './queue.js';
import { Reservations, type Reserving, type TenantDemand } from './reservation.js';
import type { Instant } from './units.js';

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
  if (reservations.mayKeepFor(head, shape.id))
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
    demandOf: ({ jobId, tenant }) => {
      const shape = queue.shapeOf(jobId);
      const array = queue.arrayOf(jobId);
      const isHeld = array !== undefined && roomOf(array) === 0;
      return shape === undefined || isHeld ? undefined : demandOf(shape, input, tenant);
    },
  });
}
