/** A part of the pending queue as a queue of its own: what estimates play with must not be what cycles work on. */

import { placeOf } from './array.js';
import type { QueuedArray } from './array-block.js';
import { PendingQueue } from './queue.js';
import type { JobId } from './units.js';

const AT_ONCE = 100;

/**
 * These jobs, in a new queue; made in portions, with a pause at each `yield`. Members of an array that may not run all at once bring all their waiting siblings: who
 * starts follows from who ends.
 */
export function* excerptOf(
  queue: PendingQueue,
  ids: Iterable<JobId>,
): Generator<undefined, PendingQueue> {
  const excerpt = new PendingQueue();
  const arrays = new Set<QueuedArray>();
  let count = 0;
  for (const id of ids) {
    const array = queue.arrayOf(id);
    const isLimited = array !== undefined && array.limit !== null;
    if (isLimited && array.waiting.has(placeOf(array.parent, id))) {
      if (!arrays.has(array)) addArray(excerpt, queue, array, id);
      arrays.add(array);
    } else addJob(excerpt, queue, id);
    count++;
    if (count % AT_ONCE === 0) yield;
  }
  return excerpt;
}

function addJob(excerpt: PendingQueue, queue: PendingQueue, id: JobId): void {
  const row = rowOf(queue, id);
  if (row !== undefined) excerpt.add({ id, ...row, notBefore: null });
}

function addArray(
  excerpt: PendingQueue,
  queue: PendingQueue,
  { parent, limit, running, waiting }: QueuedArray,
  member: JobId,
): void {
  const row = rowOf(queue, member);
  if (row === undefined) return;
  excerpt.addArray({ id: parent, ...row, limit }, waiting.copy());
  excerpt.setRunning(parent, running);
}

/** Undefined when it has left the queue since. */
function rowOf(queue: PendingQueue, id: JobId) {
  const account = queue.accountOf(id);
  const shape = queue.shapeOf(id);
  const submittedAt = queue.submittedAt(id);
  if (account === undefined || shape === undefined || submittedAt === undefined) return undefined;
  const { needs, constraints, executor, avoid, lifespanMs } = shape;
  return {
    owner: account.user,
    project: account.project,
    submittedAt,
    needs,
    constraints,
    executor,
    avoid,
    lifespanMs,
    ...(account.queue === null ? {} : { queue: account.queue }),
  };
}
