/** Ids and instants. Each has its own type, so that an agent id passed for a task id does not compile. */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A positive integer from one counter in the store, never reused. Orders submissions only roughly. */
export type JobId = Brand<number, 'JobId'>;
/** `<jobId>-<launch>`, first launch 1. Derived, so that a repeated launch is recognised. */
export type TaskId = Brand<string, 'TaskId'>;
export type OfferId = Brand<string, 'OfferId'>;
export type AgentId = Brand<string, 'AgentId'>;
/** A login name. */
export type UserId = Brand<string, 'UserId'>;
export type ProjectId = Brand<string, 'ProjectId'>;
/** Milliseconds since the Unix epoch, by the wall clock. Durations are plain numbers named `…Ms`. */
export type Instant = Brand<number, 'Instant'>;

export const jobId = (value: number): JobId => value as JobId;
export const offerId = (value: string): OfferId => value as OfferId;
export const agentId = (value: string): AgentId => value as AgentId;
export const userId = (value: string): UserId => value as UserId;
export const projectId = (value: string): ProjectId => value as ProjectId;
export const instant = (ms: number): Instant => ms as Instant;
/** A task id as it came from a cluster; `parseTaskId` tells whether it has our form. */
export const taskId = (value: string): TaskId => value as TaskId;

/** The id of a job's n-th launch. */
export const taskIdOf = (job: JobId, launch: number): TaskId => `${job}-${launch}` as TaskId;

/** The job and launch a task id stands for, or undefined when the id is not of our form. */
export function parseTaskId(task: string): { jobId: JobId; launch: number } | undefined {
  const parts = /^([1-9]\d{0,14})-([1-9]\d{0,8})$/.exec(task);
  return parts === null
    ? undefined
    : { jobId: Number(parts[1]) as JobId, launch: Number(parts[2]) };
}
