/** What stands between a job and its start, in words with their age: its image, or a pause after a fault. */
import type { LaunchingJob, PendingJob } from '../core/job.js';
import type { Instant } from '../core/units.js';
import { formerLaunches } from './launches.js';

const age = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
};

/**
 * `status.reason` of a job whose agent has not said that it runs. Agents say nothing before they have the image: where
 * images are used, the time until then is mostly the pull.
 */
export function describeLaunching(
  { placement, spec }: LaunchingJob,
  { at, isImageUsed }: { readonly at: Instant; readonly isImageUsed: boolean },
): string {
  const since = `for ${age(at - placement.placedAt)}`;
  return isImageUsed
    ? `Pulling the image ${spec.image}, if it is not there yet, and starting on ${placement.host} ${since}`
    : `Starting on ${placement.host} ${since}`;
}

/** `status.reason` of a job that pauses after a launch that came to nothing; null when it does not. */
export function describePause(job: PendingJob, at: Instant): string | null {
  const { notBefore } = job;
  const last = formerLaunches(job).at(-1);
  if (notBefore === null || notBefore <= at || last === undefined) return null;
  const code = last.exitcode === null ? '' : `It ended with exit code ${last.exitcode}`;
  const why = [code, last.reason ?? ''].filter((words) => words !== '').join(': ');
  return `Launched again in ${age(notBefore - at)}. ${why}`;
}
