/** A watcher plugin is asked about each running job: keep it or kill it. */
import type { RunningJob } from '../core/job.js';
import type { Instant } from '../core/units.js';

export type WatcherVerdict =
  | { readonly verdict: 'keep' }
  /** `because` is shown to the job's owner. */
  | { readonly verdict: 'kill'; readonly because: string };

export interface Watcher {
  whileRunning(job: RunningJob, at: Instant): WatcherVerdict | Promise<WatcherVerdict>;
}
