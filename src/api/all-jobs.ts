/** Acts on many jobs of one user: in portions, so that neither memory nor the store is held for long. */
import { JOBS_PER_ACT_MAX, PAGE_ITEMS_MAX } from '../contracts/limits.js';
import type { HistoryQuery } from '../contracts/store.js';
import type { Job, JobState, OverJob } from '../core/job.js';
import { type Instant, instant, type JobId, type UserId } from '../core/units.js';
import type { ApiDeps } from './deps.js';
import { archive } from './disk.js';

/** Not over. */
const ACTIVE: readonly JobState[] = [
  ...(['pending', 'launching', 'running', 'killing', 'unreachable', 'open'] as const),
];
/** Writes under way at a time: they share transactions, and leave room for others'. */
const AT_ONCE = 100;

/** Whose jobs, and which of them. */
export interface Chosen {
  readonly owner: UserId;
  /** One of their tags, to the letter; absent: all. */
  readonly tag?: string | undefined;
}

const hasTag = ({ spec }: Job, tag: string | undefined): boolean =>
  tag === undefined || spec.tags.includes(tag);

/** Asks for the kill of every job that is not over; `by`: whose name stands on it. How many kills were new; members end with their array. */
export async function killAll(
  { store, clock, notices, events }: ApiDeps,
  { owner, tag }: Chosen,
  by: UserId,
): Promise<number> {
  let killed = 0;
  const kill = async ({ id }: Job): Promise<void> => {
    const answer = await store.wantKill(id, by, clock.now());
    if (answer === 'wanted') {
      killed += 1;
      events.emit('job:kill-wanted', { jobId: id, by });
    }
    if (answer === 'wanted' || answer === 'already') notices.killWanted(id);
  };
  for (let before: JobId | undefined; ; ) {
    const page = await store.list({
      ...{ owner, states: ACTIVE, limit: PAGE_ITEMS_MAX },
      ...(before === undefined ? {} : { before }),
    });
    const chosen = page.filter((job) => job.parent === undefined && hasTag(job, tag));
    for (let at = 0; at < chosen.length; at += AT_ONCE)
      await Promise.all(chosen.slice(at, at + AT_ONCE).map(kill));
    before = page.at(-1)?.id;
    if (page.length < PAGE_ITEMS_MAX) return killed;
  }
}

export interface Past extends Chosen {
  /** Ended before. */
  readonly endedBefore: Instant;
}

/** Jobs of a user that ended before a date, the latest submission first; of arrays the parents. */
export async function* pastJobs(
  { store }: Pick<ApiDeps, 'store'>,
  { owner, tag, endedBefore }: Past,
): AsyncGenerator<OverJob> {
  // Whatever ended before that date was submitted before it.
  const query: HistoryQuery = {
    ...{ owner, until: endedBefore, limit: PAGE_ITEMS_MAX },
    ...(tag === undefined ? {} : { tag }),
  };
  for (let after: OverJob | undefined; ; ) {
    const page = await store.history(after === undefined ? query : { ...query, after });
    for (const job of page) if (job.parent === undefined && job.endedAt < endedBefore) yield job;
    after = page.at(-1);
    if (page.length < PAGE_ITEMS_MAX) return;
  }
}

/** What became of it. */
export interface DoneToPast {
  /** Jobs that it was done to now. */
  readonly done: number;
  /** As many as one request may: there are more. */
  readonly isCut: boolean;
}

/** Removes the directories of such jobs. @throws ServiceError as `archive` does; what was done until then stays done */
export async function archivePast(deps: ApiDeps, past: Past): Promise<DoneToPast> {
  return doToPast(
    deps,
    past,
    async (job) => job.archivedAt === undefined,
    async (job) => {
      await archive(deps, job);
    },
  );
}

/** Goes through them until as many as one request may were acted on. */
export async function doToPast(
  deps: ApiDeps,
  past: Past,
  isDue: (job: OverJob) => Promise<boolean>,
  act: (job: OverJob) => Promise<void>,
): Promise<DoneToPast> {
  let done = 0;
  for await (const job of pastJobs(deps, past)) {
    if (!(await isDue(job))) continue;
    if (done === JOBS_PER_ACT_MAX) return { done, isCut: true };
    await act(job);
    done += 1;
  }
  return { done, isCut: false };
}

/** Days ago, as a date. */
export const daysAgo = (now: Instant, days: number): Instant => instant(now - days * 86_400_000);
