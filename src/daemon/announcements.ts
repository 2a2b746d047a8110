/** Steps of jobs that others listen for: metrics, traces, mail, the audit log. Called after the record is durable. */
import type { Events } from '../contracts/events.js';
import type { Job } from '../core/job.js';

/** Tells of a start or an end, if the step was one. */
export function announceStep(events: Events, before: Job, job: Job): void {
  const startedAt = startOf(job);
  if (startedAt !== null && startOf(before) === null) {
    // A job that was launched again has not waited all the time since.
    const isFirst = job.faults.length === 0 && job.retried.failures.length === 0;
    // The start is told by the agent's clock.
    const waitedMs = Math.max(0, startedAt - job.submittedAt);
    events.emit('job:started', { jobId: job.id, waitedMs, isFirst });
  }
  if (job.state !== 'over') return;
  const { id: jobId, owner, outcome } = job;
  events.emit('job:ended', { jobId, owner, outcome: outcome.kind, job });
}

/** Of the present launch; null: none, or it has not started. */
function startOf(job: Job): number | null {
  if (job.state === 'pending' || job.state === 'launching' || job.state === 'open') return null;
  // The parent of an array holds no task.
  return job.state === 'over' && job.placement === null ? null : job.startedAt;
}
