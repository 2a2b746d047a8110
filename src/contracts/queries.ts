/** What is asked of the record about the past. */
import type { Job, OverJob } from '../core/job.js';
import type { Instant, ProjectId, UserId } from '../core/units.js';

/** Which jobs that are over are asked for. */
export interface HistoryQuery {
  readonly owner?: UserId;
  readonly project?: ProjectId;
  /** One of the job's own tags, to the letter. */
  readonly tag?: string;
  /** Submitted then or later. */
  readonly since?: Instant;
  /** Submitted before. */
  readonly until?: Instant;
  /** The last one of the page before; absent: from the newest. */
  readonly after?: Pick<Job, 'submittedAt' | 'id'>;
  readonly skip?: number;
  /** At most `PAGE_ITEMS_MAX`; absent: that many. */
  readonly limit?: number;
}

export interface EndedQuery {
  readonly since: Instant;
  readonly until: Instant;
  /** The last one of the page before; null: from the first. */
  readonly after: Pick<OverJob, 'endedAt' | 'id'> | null;
  readonly limit: number;
}

/** Whose use is asked for, and since when. */
export interface UseQuery {
  readonly since: Instant;
  readonly owner?: UserId;
  readonly project?: ProjectId;
}
