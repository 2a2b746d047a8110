// Submissions to the store in memory: keys that are known, limits, and what is stored.
import type { Limited, NewJob, RateLimits, SubmitAnswer } from '../../../src/contracts/store.js';
import { arraySize, memberId } from '../../../src/core/array.js';
import type { Job } from '../../../src/core/job.js';
import { NEVER_RETRIED } from '../../../src/core/retry.js';
import { jobId, type UserId } from '../../../src/core/units.js';
import type { MemoryRecord } from './record.js';

const keyOf = ({ owner, idempotencyKey }: NewJob): string | null =>
  idempotencyKey === null ? null : JSON.stringify([owner, idempotencyKey]);

export function knownOf(record: MemoryRecord, job: NewJob): SubmitAnswer | undefined {
  const key = keyOf(job);
  const known = key === null ? undefined : record.keys.get(key);
  if (known === undefined) return undefined;
  return { kind: known.digest === job.digest ? 'known' : 'key-reused', id: known.id };
}

/** An array counts as its members, its parent as nothing. */
const membersOf = (jobs: readonly NewJob[]): number =>
  jobs.reduce((sum, { spec }) => sum + (spec.array === undefined ? 1 : arraySize(spec.array)), 0);

/** Members of open arrays that wait without a record of their own. */
function unmadeIn(record: MemoryRecord, isCounted: (array: Job) => boolean): number {
  let unmade = 0;
  for (const { id, size } of record.arrays) {
    const array = record.jobs.get(id);
    if (array?.state !== 'open' || !isCounted(array)) continue;
    for (let place = 0; place < size; place++) if (!record.jobs.has(memberId(id, place))) unmade++;
  }
  return unmade;
}

export function rateLimited(
  record: MemoryRecord,
  jobs: readonly NewJob[],
  { user, all }: RateLimits,
): Limited | null {
  const keys = new Set<string>();
  const fresh = jobs.filter((job) => {
    const key = keyOf(job);
    const isRepeat = key !== null && keys.has(key);
    if (key !== null) keys.add(key);
    return !isRepeat && knownOf(record, job) === undefined;
  });
  const stored = [...record.jobs.values()];
  if (user !== null)
    for (const owner of new Set(fresh.map((job) => job.owner))) {
      const isHis = (job: { readonly owner: UserId }) => job.owner === owner;
      const own = stored.filter((job) => isHis(job) && !['over', 'open'].includes(job.state));
      const now = own.length + unmadeIn(record, isHis);
      const asked = membersOf(fresh.filter(isHis));
      if (now + asked > user) return { kind: 'limited', scope: 'user', limit: user, now, asked };
    }
  const waiting = stored.filter(({ state }) => state === 'pending').length;
  const now = waiting + unmadeIn(record, () => true);
  const asked = membersOf(fresh);
  if (all === null || asked === 0 || now + asked <= all) return null;
  return { kind: 'limited', scope: 'all', limit: all, now, asked };
}

export function submitOne(record: MemoryRecord, job: NewJob): SubmitAnswer {
  const { script, idempotencyKey: _, digest, ...asked } = job;
  const known = knownOf(record, job);
  if (known !== undefined) return known;
  const key = keyOf(job);
  record.lastId += 1;
  const id = jobId(record.lastId);
  if (key !== null) record.keys.set(key, { id, digest });
  record.scripts.set(id, script);
  const made = {
    ...{ ...asked, id, launches: 0, faults: [], retried: NEVER_RETRIED, directory: null },
    ...{ killWanted: null, version: 1 },
  };
  if (job.spec.array === undefined)
    record.put({ ...made, state: 'pending', notBefore: null, pauseMs: 0 });
  else {
    const size = arraySize(job.spec.array);
    record.lastId += size;
    record.arrays.push({ id, size });
    record.put({ ...made, state: 'open', startedAt: null });
  }
  return { kind: 'stored', id };
}
