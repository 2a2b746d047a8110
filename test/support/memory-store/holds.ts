// Jobs held back, in the store in memory.
import type { HeldBack } from '../../../src/core/dependency.js';
import type { Job } from '../../../src/core/job.js';
import type { JobId } from '../../../src/core/units.js';
import { type MemoryRecord, unmade } from './record.js';

export const heldIn = (job: Job): HeldBack | undefined =>
  job.state === 'pending' || job.state === 'open' ? job.heldBack : undefined;

export function holdOne(
  record: MemoryRecord,
  id: JobId,
  heldBack: HeldBack,
): 'held' | 'already' | 'too-late' | 'unknown' {
  const job = record.jobs.get(id) ?? unmade(record, id);
  if (job === undefined) return 'unknown';
  if ((job.state !== 'pending' && job.state !== 'open') || job.killWanted !== null)
    return 'too-late';
  const known = record.jobs.has(id) ? job.heldBack : undefined;
  if (known !== undefined && (known.isAdmin || !heldBack.isAdmin)) return 'already';
  record.put({ ...job, heldBack, version: job.version + 1 });
  return 'held';
}
