/** Traces of jobs from submission to end, as a port: where nobody collects them there is none. */
import type { Instant, JobId } from '../core/units.js';

export interface SubmissionTrace {
  /** Kept with the job, so that whoever leads later goes on with the same trace: a `traceparent` as W3C has it. */
  readonly context: string;
  /** The request was answered; null: no job came of it. */
  ended(jobId: JobId | null): void;
}

export interface Tracing {
  /**
   * A submission begins. `parent`: the `traceparent` of the caller; one that is not in form counts as none.
   * Undefined: this one is not traced.
   */
  submission(parent: string, at: Instant): SubmissionTrace | undefined;
}
