/** What is written down of each launch once it has ended: who used what, where, for how long. Never changed afterwards. */
import { endedLaunch } from './ended-launch.js';
import { isLive, type Job, type LiveJob, type ReasonCode } from './job.js';
import { startedAtOf } from './job-facts.js';
import { needsOf } from './retry.js';
import { type Instant, instant, type JobId, type ProjectId, type UserId } from './units.js';

/** Cpus in thousandths, memory in megabytes as Mesos counts them, whole GPUs. */
export interface Amounts {
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
}

/** Amounts times the time for which they were held. Whole numbers, rounded once per launch, so that sums are exact in any order. */
export interface Allocated {
  /** Cpus times milliseconds. */
  readonly cpuMs: number;
  /** GPUs times milliseconds. */
  readonly gpuMs: number;
  /** Megabytes times seconds. */
  readonly memMbSeconds: number;
}

/** What the launch really used. Nothing measures it yet. */
export interface Measured {
  readonly cpuMs: number;
  readonly memMbMax: number;
}

/** How a launch ended. */
export interface LaunchOutcome {
  /**
   * `exited`, `killed`, `gaveUp`, `unknown`: as its job ended with it. `exited` is also the end of a launch that a rule of the job
   * followed by another. `fault`: the system ended it and the job waits again. `refused`: nothing of it ever ran.
   */
  readonly kind: 'exited' | 'killed' | 'gaveUp' | 'unknown' | 'fault' | 'refused';
  /** Of a process that ended by itself; else null. */
  readonly exitCode: number | null;
  readonly because: ReasonCode | null;
}

/** One launch of a job that has ended. There is exactly one record for each job and launch number. */
export interface AccountingRecord {
  readonly jobId: JobId;
  /** From 1. */
  readonly launch: number;
  readonly owner: UserId;
  readonly project: ProjectId;
  /** Null: in no queue. */
  readonly queue: string | null;
  /** Name of the executor plugin. */
  readonly executor: string;
  /** The node. */
  readonly host: string;
  readonly image: string;
  /** What the user asked for. */
  readonly asked: Amounts;
  /** What was held; memory that rules of the job have granted is in it. 0 for a launch that never ran. */
  readonly allocated: Allocated;
  /** From the submission, or from the end of the launch before, until it got its place. */
  readonly waitedMs: number;
  /** From its start to its end; 0 for a launch that never ran. */
  readonly ranMs: number;
  /** Null: nobody measured. */
  readonly measured: Measured | null;
  readonly outcome: LaunchOutcome;
  /** Somebody pays for it: not for what the system broke, nor for what never ran. */
  readonly isCharged: boolean;
  readonly submittedAt: Instant;
  readonly placedAt: Instant;
  /** Null: it never ran, as far as was told. */
  readonly startedAt: Instant | null;
  /** Its day (UTC) is the day on which it counts. */
  readonly endedAt: Instant;
}

/** What is known of a launch at its end and is not in the record of its job any more afterwards; kept with the job until it is accounted. */
export type LaunchEnd = Pick<
  AccountingRecord,
  | 'launch'
  | 'executor'
  | 'host'
  | 'waitedMs'
  | 'ranMs'
  | 'outcome'
  | 'isCharged'
  | 'placedAt'
  | 'startedAt'
  | 'endedAt'
> & {
  /** What it held. */
  readonly had: Amounts;
};

/** The launch that a step of a job ends; null: it ends none. */
export function launchEnd(before: Job, to: Job, at: Instant): LaunchEnd | null {
  if (!isLive(before) || isLive(to)) return null;
  const { placement, launches: launch } = before;
  const { executor, host, placedAt } = placement;
  const endedAt = to.state === 'over' ? to.endedAt : at;
  const charged = endedLaunch(before.state, to);
  const startedAt = to.state === 'over' ? to.startedAt : ownStart(before, to);
  const ranMs = charged?.timeMs ?? (startedAt === null ? 0 : Math.max(0, endedAt - startedAt));
  const { cpuMilli, memMb, gpus } = charged?.needs ?? needsOf(before);
  return {
    ...{ launch, executor, host, placedAt, startedAt, endedAt, ranMs },
    waitedMs: Math.max(0, placedAt - waitsSince(before)),
    had: { cpuMilli, memMb, gpus },
    outcome: outcomeOf(before, to),
    isCharged: charged !== null,
  };
}

/** Where the step has recorded a start that no update told, that one. */
function ownStart(before: LiveJob, to: Job): Instant | null {
  const last = to.retried.failures.at(-1);
  return last?.taskId === before.placement.taskId ? last.startedAt : startedAtOf(before);
}

/** Since when it waited for this launch. Launches that the cluster refused leave no date: waiting goes on through them. */
function waitsSince({ submittedAt, faults, retried }: LiveJob): Instant {
  const ends = [faults.at(-1)?.at ?? 0, retried.failures.at(-1)?.at ?? 0];
  return instant(Math.max(submittedAt, ...ends));
}

function outcomeOf({ placement: { taskId } }: LiveJob, to: Job): LaunchOutcome {
  if (to.state === 'over') {
    const { kind, because } = to.outcome;
    const exitCode = to.outcome.kind === 'exited' ? to.outcome.exitCode : null;
    return { kind, exitCode, because: because?.code ?? null };
  }
  const failure = to.retried.failures.at(-1);
  if (failure?.taskId === taskId) {
    const { exitCode, because } = failure;
    return { kind: 'exited', exitCode, because: because?.code ?? null };
  }
  const fault = to.faults.at(-1);
  if (fault?.taskId === taskId)
    return { kind: 'fault', exitCode: null, because: fault.because.code };
  return { kind: 'refused', exitCode: null, because: null };
}

/** The record of a launch, out of its end and what its job is; the latter never changes, so the record is the same whoever makes it when. */
export function accountingRecord(
  { id, owner, project, spec, submittedAt }: Job,
  { had, ...end }: LaunchEnd,
): AccountingRecord {
  const { cpuMilli, memMb, gpus } = spec.needs;
  return {
    jobId: id,
    ...{ owner, project, submittedAt },
    queue: spec.queue ?? null,
    image: spec.image,
    asked: { cpuMilli, memMb, gpus },
    allocated: allocatedOf(had, end.ranMs),
    measured: null,
    ...end,
  };
}

/** What was held for so long. */
export const allocatedOf = ({ cpuMilli, memMb, gpus }: Amounts, ranMs: number): Allocated => ({
  cpuMs: Math.round((cpuMilli * ranMs) / 1_000),
  gpuMs: gpus * ranMs,
  memMbSeconds: Math.round((memMb * ranMs) / 1_000),
});
