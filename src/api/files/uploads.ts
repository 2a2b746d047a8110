/** Input files that users put into the directory of a job before it starts. */
import { ServiceError } from '../../contracts/errors.js';
import { UPLOAD_BYTES_MAX } from '../../contracts/limits.js';
import { BYTES_PER_GB, diskQuotaOf } from '../../core/disk-book.js';
import type { Job } from '../../core/job.js';
import type { ApiDeps } from '../deps.js';
import { takenBy } from '../disk.js';
import { asFileError } from './beneath.js';
import { isCreated, readUploadPath, uploadsOf } from './uploads-of.js';
import { openPart } from './write-beneath.js';

/** Where the job runs later. @throws ServiceError wrong-state: it takes no files (any more) */
export async function directoryFor(
  { prepareDirectory }: Pick<ApiDeps, 'prepareDirectory'>,
  job: Job,
): Promise<string> {
  if (!isCreated(job))
    throw new ServiceError(
      'wrong-state',
      uploadsOf(job) === undefined
        ? `job ${job.id} takes no files: submit it with requirements.uploads`
        : `job ${job.id} has been started: it takes no more files`,
      { field: 'id' },
    );
  return job.directory ?? prepareDirectory(job);
}

export interface Upload {
  readonly path: string;
  readonly body: AsyncIterable<Uint8Array>;
  /** Place of the first byte of the body; null: the body is all; `ask`: it is empty, and the answer tells the place. */
  readonly from: number | null | 'ask';
  /** Size of the whole; null: not told before it came. */
  readonly total: number | null;
  /** SHA-256 of the whole; null: not told. */
  readonly sha256: Buffer | null;
}

export interface Uploaded {
  /** Bytes that are here; where not all of them are, the next part begins there. */
  readonly offset: number;
  readonly isWhole: boolean;
}

/**
 * Takes a file, or the next part of it. What came before the connection broke is kept.
 * @throws ServiceError wrong-state, bad-path, too-large, quota-exceeded, bad-field
 */
export async function takeUpload(
  deps: Pick<ApiDeps, 'prepareDirectory' | 'store' | 'auth' | 'config' | 'measureDirectory'>,
  job: Job,
  upload: Upload,
): Promise<Uploaded> {
  const names = readUploadPath(upload.path);
  const directory = await directoryFor(deps, job);
  const { bytes: room, quotaGb } = await roomFor(deps, job, directory);
  if (upload.total !== null && upload.total > room) throw tooLarge(upload.total, quotaGb);
  const sizeMax = Math.min(upload.total ?? room, room);
  try {
    const isAnew = upload.from === null;
    const part = await openPart(directory, names, job.identity, { isAnew });
    try {
      if (upload.from === 'ask' && part.size !== upload.total)
        return { offset: part.size, isWhole: false };
      if (typeof upload.from === 'number' && upload.from !== part.size) throw elsewhere(part.size);
      const offset = await part.append(upload.body, sizeMax);
      if (upload.total !== null && offset < upload.total) return { offset, isWhole: false };
      if (upload.sha256 !== null && !upload.sha256.equals(await part.sha256())) {
        await part.remove();
        throw new ServiceError('bad-field', 'Repr-Digest: other bytes came than were sent', {
          field: 'Repr-Digest',
        });
      }
      const now = await deps.store.job(job.id);
      if (now === undefined || !isCreated(now)) {
        await part.remove();
        throw new ServiceError('wrong-state', `job ${job.id} was started meanwhile`, {
          field: 'id',
        });
      }
      await part.finish();
      return { offset, isWhole: true };
    } finally {
      await part.close();
    }
  } catch (cause) {
    throw asFileError(cause, upload.path);
  }
}

/** Bytes that one more file may have; `quotaGb`: the quota that says so. */
async function roomFor(
  { store, auth, config, measureDirectory }: Parameters<typeof takeUpload>[0],
  job: Job,
  directory: string,
): Promise<{ readonly bytes: number; readonly quotaGb: number | null }> {
  const owner = await auth.user(job.owner);
  const quotaGb = diskQuotaOf(owner?.quotas, config.limits.diskGbUsual);
  const none = { bytes: UPLOAD_BYTES_MAX, quotaGb: null };
  if (quotaGb === null) return none;
  const taken = (await takenBy(store)).user(job.owner);
  const here = await measureDirectory(directory);
  const room = quotaGb * BYTES_PER_GB - taken.ended - taken.held - here;
  return room < UPLOAD_BYTES_MAX ? { bytes: Math.max(0, Math.floor(room)), quotaGb } : none;
}

const tooLarge = (total: number, quotaGb: number | null): ServiceError =>
  quotaGb === null
    ? new ServiceError('too-large', `${total} bytes are more than may be uploaded`, {
        bytesMax: UPLOAD_BYTES_MAX,
      })
    : new ServiceError(
        'quota-exceeded',
        `it does not fit into your quota of ${quotaGb} GB of disk`,
        {
          limit: quotaGb,
        },
      );

const elsewhere = (offset: number): ServiceError =>
  new ServiceError('wrong-state', `the next part begins at byte ${offset}`, {
    field: 'Content-Range',
    offset,
  });
