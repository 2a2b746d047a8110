/** Which array an id belongs to: members without a record are known by their array alone. */
import type { Collection, Document } from 'mongodb';
import type { JobDocument } from './documents.js';
import { arrayBelow } from './questions.js';

/** What must be read of an array to know its members. */
type Extent = Pick<JobDocument, '_id' | 'arraySize'>;

/** The array with the greatest id below this one, which may be its own; null: there is none below any lower id either. */
export function nearestArray<Fields extends Extent>(
  jobs: Collection<JobDocument>,
  id: number,
  projection: Document,
): Promise<Fields | null> {
  const { filter, sort = {} } = arrayBelow(id);
  return jobs.findOne<Fields>(filter, { sort, projection });
}

/** The array that this id is a member of. */
export async function arrayWith<Fields extends Extent>(
  jobs: Collection<JobDocument>,
  id: number,
  projection: Document,
): Promise<Fields | undefined> {
  const array = await nearestArray<Fields>(jobs, id, projection);
  return array !== null && hasMember(array, id) ? array : undefined;
}

export const hasMember = ({ _id, arraySize = 0 }: Extent, id: number): boolean =>
  id <= _id + (arraySize ?? 0);
