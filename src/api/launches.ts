/** The launches of a job that came to nothing, as `status` tells them: which, where, why, and at whose cost. */
import type { Job } from '../core/job.js';
import { type Instant, parseTaskId, type TaskId } from '../core/units.js';
import { describeReason } from './reasons.js';

interface FormerLaunch {
  readonly launch: number;
  readonly node: string;
  /** Whose fault it was: `system` is not charged, `job` is. */
  readonly fault: 'system' | 'job';
  /** Null where the system failed: the job has no code then. */
  readonly exitcode: number | null;
  readonly reason: string | null;
  /** GB that it had; null where the system failed. */
  readonly ram: number | null;
  readonly date_over: number;
}

const launchOf = (taskId: TaskId): number => parseTaskId(taskId)?.launch ?? 0;
const seconds = (at: Instant): number => at / 1000;

/** Earlier launches first. The end of a job that is over stands in its status, not here. */
export function formerLaunches({ faults, retried }: Job): readonly FormerLaunch[] {
  const bySystem = faults.map(
    ({ taskId, host, because, at }): FormerLaunch => ({
      launch: launchOf(taskId),
      node: host,
      fault: 'system',
      exitcode: null,
      reason: describeReason(because),
      ram: null,
      date_over: seconds(at),
    }),
  );
  const byJob = retried.failures.map(
    ({ taskId, host, exitCode, because, memMb, at }): FormerLaunch => ({
      launch: launchOf(taskId),
      node: host,
      fault: 'job',
      exitcode: exitCode,
      reason: because === null ? null : describeReason(because),
      ram: memMb / 1000,
      date_over: seconds(at),
    }),
  );
  return [...bySystem, ...byJob].sort((a, b) => a.launch - b.launch);
}
