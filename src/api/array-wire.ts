/** Job arrays in the historic shape: what a parent and what a member says in `requirements.array`. */
import { ARRAY_TASKS_LISTED_MAX } from '../contracts/limits.js';
import { arraySize, indexAt, memberId, placeOf } from '../core/array.js';
import type { ArrayCensus } from '../core/array-life.js';
import type { Job } from '../core/job.js';

/** Every key is always there; `values` stands with the parent alone, so that a member sent again is an ordinary job. */
export function arrayToWire(
  { id, parent, spec }: Job,
  census: ArrayCensus | undefined,
): Record<string, unknown> {
  const { array } = spec;
  const none = { values: null, task_id: null, nb_tasks: null, nb_tasks_over: null, tasks: [] };
  if (array === undefined) return none;
  if (parent !== undefined)
    return { ...none, task_id: indexAt(array, placeOf(parent, id)) ?? null };
  const size = arraySize(array);
  const isListed = size <= ARRAY_TASKS_LISTED_MAX;
  return {
    values: array.values,
    task_id: null,
    nb_tasks: size,
    nb_tasks_over: census?.over ?? null,
    tasks: isListed ? Array.from({ length: size }, (_, place) => memberId(id, place)) : [],
    concurrency: array.concurrencyMax,
    ...(census === undefined ? {} : { states: statesToWire(census) }),
  };
}

export const statesToWire = ({ waiting, live, over, failed }: ArrayCensus) => ({
  pending: waiting,
  running: live,
  over,
  failed,
});
