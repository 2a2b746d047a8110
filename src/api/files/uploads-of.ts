/** Which files a submission has announced, and whether its job waits for them. */
import { ServiceError } from '../../contracts/errors.js';
import type { Job } from '../../core/job.js';
import { readPath } from './beneath.js';

/** The service writes these itself at each launch. */
const OURS = /^(cmd\.sh|wrapper\.sh|godocker.*|god\..*|\.god-upload-.*|\..*\.new)$/;

/** @throws ServiceError `bad-path` */
export function readUploadPath(path: string, field = 'path'): readonly Buffer[] {
  const names = readPath(path, 'the job directory', field);
  const [first] = names;
  if (first === undefined || (names.length === 1 && OURS.test(first.toString())))
    throw new ServiceError('bad-path', `"${path.slice(0, 200)}" is no name for a file of yours`, {
      field,
    });
  return names;
}

/** Files that the submission of a job has announced; undefined: none, and it takes none. */
export function uploadsOf({ spec }: Pick<Job, 'spec'>): readonly string[] | undefined {
  const { uploads } = spec.asked;
  return Array.isArray(uploads) ? uploads.filter((name) => typeof name === 'string') : undefined;
}

/** It waits for its files: nobody has let it start yet. */
export const isCreated = (job: Job): boolean =>
  job.state === 'pending' &&
  job.heldBack !== undefined &&
  job.launches === 0 &&
  job.killWanted === null &&
  uploadsOf(job) !== undefined;
