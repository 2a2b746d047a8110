/**
 * The judge sees what really happens on the agents and in the record, and writes down each breach of what must always
 * hold. It shares no code with the scheduler but the types of the record.
 */
import { arraySize } from '../../src/core/array.js';
import { isArray } from '../../src/core/array-life.js';
import {
  codeOf as codeOfOutcome,
  isLive,
  type Job,
  type OverJob,
  type RetryRule,
} from '../../src/core/job.js';
import { type JobId, parseTaskId } from '../../src/core/units.js';
import type { MemoryRecord } from '../support/memory-store.js';
import type { Trace } from './trace.js';
import { WaitJudge } from './wait-judge.js';

/** How the work of one launch ends if nobody disturbs it. */
export type Fate =
  | { readonly kind: 'exits'; readonly code: number }
  /** The agent cannot tell the code; the exit file can, if `hasFile`. */
  | { readonly kind: 'untold'; readonly code: number; readonly hasFile: boolean }
  | { readonly kind: 'out-of-memory' }
  /** The container cannot be started. */
  | { readonly kind: 'launch-fails' }
  /** The registry refuses the image for now; nothing runs. */
  | { readonly kind: 'registry-refuses' }
  /** The executor dies; processes linger for a while. */
  | { readonly kind: 'executor-dies' }
  /** The cluster kills it without our asking. */
  | { readonly kind: 'drained' };

/** What really became of one launch. */
export interface Truth {
  readonly taskId: string;
  readonly jobId: JobId;
  readonly fate: Fate;
  isAlive: boolean;
  /** The work came to its own end, on an agent that can still tell so. */
  isDone: boolean;
  /** Why the system, and not the job, may be blamed; null if it may not. */
  excuse: string | null;
  kills: number;
}

export class Judge {
  readonly breaches: string[] = [];
  readonly truths = new Map<string, Truth>();
  readonly #record: MemoryRecord;
  /** Launches that the record says are stopped for other jobs. */
  readonly #stopped = new Set<string>();
  readonly #trace: Trace;
  readonly #byJob = new Map<JobId, Truth[]>();
  readonly #acceptedOffers = new Set<string>();
  readonly #ended = new Set<JobId>();
  readonly #waits: WaitJudge;
  readonly #now: () => number;
  #seenHistory = 0;
  launches = 0;
  /** By so much a scheduler's clock has been fast, at most. */
  aheadMs = 0;

  constructor(record: MemoryRecord, trace: Trace, now: () => number) {
    this.#record = record;
    this.#trace = trace;
    this.#now = now;
    this.#waits = new WaitJudge(record);
  }

  breach(claim: string): void {
    this.breaches.push(claim);
    this.#trace.add('BREACH', claim);
  }

  // ---- the master's side

  /** The leading master takes an ACCEPT of the present stream. */
  accepted(offerIds: readonly string[], taskIds: readonly string[]): void {
    for (const id of offerIds) {
      if (this.#acceptedOffers.has(id)) this.breach(`offer ${id} used twice`);
      this.#acceptedOffers.add(id);
    }
    for (const taskId of taskIds) this.#checkIntent(taskId);
  }

  #checkIntent(taskId: string): void {
    const ours = parseTaskId(taskId);
    const job = ours === undefined ? undefined : this.#record.jobs.get(ours.jobId);
    if (job === undefined) this.breach(`task ${taskId} belongs to no job`);
    else if (heldBy(job) !== taskId)
      this.breach(`task ${taskId} ordered without intent: its job is ${describe(job)}`);
  }

  /** The master hears that an update was received and may be forgotten. */
  acknowledged(taskId: string, state: string): void {
    const ours = parseTaskId(taskId);
    const job = ours === undefined ? undefined : this.#record.jobs.get(ours.jobId);
    if (job === undefined || heldBy(job) !== taskId) return;
    const isStored =
      !ENDS.has(state) &&
      (state !== 'TASK_RUNNING' || (job.state !== 'launching' && job.state !== 'unreachable'));
    // A running task may have become unreachable again since; only the end is beyond doubt.
    if (!isStored && (ENDS.has(state) || job.state === 'launching'))
      this.breach(`${state} of ${taskId} acknowledged while its job is ${describe(job)}`);
  }

  // ---- the agents' side

  /** A process starts on an agent, with so much memory. */
  starts(taskId: string, fate: Fate, memMb: number): Truth {
    const ours = parseTaskId(taskId);
    const jobId = ours?.jobId ?? (0 as JobId);
    if (this.truths.has(taskId)) this.breach(`task id ${taskId} used twice`);
    const siblings = this.#byJob.get(jobId) ?? [];
    for (const other of siblings) {
      if (other.isAlive) this.breach(`${taskId} starts while ${other.taskId} lives`);
      if (other.isDone && other.excuse === null && !this.#isFollowed(other))
        this.breach(`${taskId} starts although ${other.taskId} did the work`);
    }
    const job = this.#record.jobs.get(jobId);
    for (const wrong of job === undefined
      ? []
      : this.#waits.starts(job, this.#now() + this.aheadMs))
      this.breach(`${taskId} starts ${wrong}`);
    if (job !== undefined && memMb !== memoryOf(job))
      this.breach(`${taskId} starts with ${memMb} MB, its job is due ${memoryOf(job)}`);
    const truth: Truth = {
      taskId,
      jobId,
      fate,
      isAlive: true,
      isDone: false,
      excuse: null,
      kills: 0,
    };
    this.truths.set(taskId, truth);
    siblings.push(truth);
    this.#byJob.set(jobId, siblings);
    this.launches += 1;
    return truth;
  }

  /** A rule of the job lets another launch follow, or it was being stopped and did not end well. */
  #isFollowed({ taskId, jobId, fate }: Truth): boolean {
    if (this.#stopped.has(taskId) && codeOf(fate) !== 0) return true;
    const failures = this.#record.jobs.get(jobId)?.retried.failures ?? [];
    return failures.some((failure) => failure.taskId === taskId);
  }

  /** A kill of ours reaches a living process. */
  kills(truth: Truth): void {
    truth.kills += 1;
    const job = this.#record.jobs.get(truth.jobId);
    if (job === undefined || heldBy(job) !== truth.taskId) return;
    if (job.killWanted === null && !this.#stopped.has(truth.taskId))
      this.breach(`healthy task ${truth.taskId} killed while its job is ${describe(job)}`);
  }

  // ---- the record's side

  /** Looks at what was written since the last look. */
  look(): void {
    const { history, jobs } = this.#record;
    for (; this.#seenHistory < history.length; this.#seenHistory += 1) {
      const step = history[this.#seenHistory];
      if (step === undefined) continue;
      this.#trace.add('record', `job ${step.id} ${step.state} launches=${step.launches}`);
      if (this.#ended.has(step.id))
        this.breach(`job ${step.id} became ${step.state} after its end`);
      const job = jobs.get(step.id);
      if (job !== undefined) this.#noteStop(job);
      if (job?.parent !== undefined && step.state === 'launching') this.#checkLimit(job.parent);
      if (step.state !== 'over') continue;
      this.#ended.add(step.id);
      if (job?.state !== 'over') continue;
      if (isArray(job)) this.#checkArray(job);
      else this.#checkEnd(job);
    }
  }

  /** A launch is stopped for another user's job: only one that may be repeated, and not for ever. */
  #noteStop(job: Job): void {
    if (!isLive(job) || job.placement.preemptedAt === undefined) return;
    if (this.#stopped.has(job.placement.taskId)) return;
    this.#stopped.add(job.placement.taskId);
    this.#trace.add('record', `task ${job.placement.taskId} is stopped for another job`);
    const former = job.faults.filter(({ because }) => because.code === 'preempted').length;
    if (former >= 3 || job.spec.systemRetriesMax === 0)
      this.breach(`job ${job.id} is stopped for another, after ${former} times`);
  }

  get stops(): number {
    return this.#stopped.size;
  }

  #membersOf(array: JobId): Job[] {
    return [...this.#record.jobs.values()].filter(({ parent }) => parent === array);
  }

  #checkLimit(array: JobId): void {
    const limit = this.#record.jobs.get(array)?.spec.array?.concurrencyMax ?? null;
    const live = this.#membersOf(array).filter(isLive).length;
    if (limit !== null && live > limit)
      this.breach(`${live} members of array ${array} hold tasks, ${limit} may`);
  }

  /** The parent of an array ends after its members, as they did. */
  #checkArray(array: OverJob): void {
    const members = this.#membersOf(array.id);
    const size = array.spec.array === undefined ? 0 : arraySize(array.spec.array);
    const isKilled = array.outcome.kind === 'killed';
    const claim = (what: string) => this.breach(`array ${array.id} is over, ${what}`);
    for (const { id, state } of members)
      if (state !== 'over') claim(`its member ${id} is ${state}`);
    if (isKilled && array.killWanted === null) claim('killed by nobody');
    if (isKilled) return;
    if (isGivenUpWaiting(array)) {
      if (!this.#waits.isDoomed(array)) claim('although what it waits for may come true');
      return;
    }
    if (members.length !== size) claim(`${size - members.length} members never ran`);
    const codes = members.map((job) => (job.state === 'over' ? codeOfOutcome(job.outcome) : 0));
    if (array.outcome.kind !== 'exited' || array.outcome.exitCode !== Math.max(...codes))
      claim(`as ${JSON.stringify(array.outcome)}, its members as ${codes}`);
    const hasRun = members.some((job) => job.state === 'over' && job.startedAt !== null);
    // The other way round proves nothing: the launch that ran may have been lost, and its job killed while it waited.
    if (hasRun && array.startedAt === null) claim('and nobody noticed that it ran');
  }

  #checkEnd(job: OverJob): void {
    const taskId = job.placement?.taskId;
    const truth = taskId === undefined ? undefined : this.truths.get(taskId);
    const array = job.parent === undefined ? undefined : this.#record.jobs.get(job.parent);
    const isWanted = (array?.killWanted ?? job.killWanted) !== null;
    const isDoomed = isGivenUpWaiting(job) && this.#waits.isDoomed(array ?? job);
    const isPaired = isGivenUpWaiting(job) && array !== undefined && this.#waits.isDoomed(job);
    const claim = isDoomed || isPaired ? undefined : wrongEnd(job, truth, isWanted);
    if (claim !== undefined)
      this.breach(`job ${job.id} ends as ${JSON.stringify(job.outcome)}: ${claim}`);
    for (const { taskId, exitCode, rule } of job.retried.failures) {
      const ran = this.truths.get(taskId);
      if (ran === undefined || !ran.isDone || codeOf(ran.fate) !== exitCode)
        this.breach(`job ${job.id}: ${taskId} never ended with ${exitCode}`);
      else if (!isAbout(job.spec.retries[rule], ran.fate))
        this.breach(`job ${job.id}: rule ${rule} is not about the end of ${taskId}`);
    }
    for (const [index, { timesMax }] of job.spec.retries.entries())
      if (grantedBy(job, index) > timesMax)
        this.breach(`job ${job.id}: rule ${index} granted ${grantedBy(job, index)} launches`);
    for (const fault of job.faults) {
      const blamed = this.truths.get(fault.taskId);
      if (fault.because.code === 'preempted') {
        if (!this.#stopped.has(fault.taskId))
          this.breach(`job ${job.id}: ${fault.taskId} was stopped by nobody`);
      } else if (blamed !== undefined && blamed.excuse === null)
        this.breach(`job ${job.id}: the system is blamed for ${fault.taskId} without a reason`);
    }
  }

  get ended(): number {
    return this.#ended.size;
  }

  living(): Truth[] {
    return [...this.truths.values()].filter((truth) => truth.isAlive);
  }
}

export const ENDS: ReadonlySet<string> = new Set([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);

/** The task that a job's record holds. */
const heldBy = (job: Job): string | undefined => (isLive(job) ? job.placement.taskId : undefined);

const describe = (job: Job): string => `${job.state} ${heldBy(job) ?? ''} ${job.launches}`.trim();

/** It was ended because what it waits for never comes true. */
const isGivenUpWaiting = ({ outcome, launches }: OverJob): boolean =>
  outcome.kind === 'gaveUp' && outcome.because.code === 'dependency-never' && launches === 0;

/** What is wrong with an end, given what really happened. */
function wrongEnd(
  job: OverJob,
  truth: Truth | undefined,
  isKillWanted: boolean,
): string | undefined {
  const { outcome } = job;
  switch (outcome.kind) {
    case 'killed':
      return isKillWanted ? undefined : 'nobody asked for it';
    case 'exited':
      if (truth === undefined) return 'nothing of it ever ran';
      if (codeOf(truth.fate) !== outcome.exitCode)
        return `the task's fate was ${JSON.stringify(truth.fate)}`;
      return !isKillWanted && isOwed(job, truth.fate) ? 'a rule grants another launch' : undefined;
    case 'unknown':
      return truth?.fate.kind === 'untold' && !truth.fate.hasFile ? undefined : 'the code is known';
    case 'gaveUp':
      if (truth?.fate.kind === 'launch-fails') return undefined;
      return faultsOfAgents(job) > job.spec.systemRetriesMax ? undefined : 'too early';
  }
}

/** What a registry refuses takes nothing away from what is granted after other faults. */
const faultsOfAgents = ({ faults }: OverJob): number =>
  faults.filter(({ because }) => because.code !== 'registry-trouble').length;

const grantedBy = (job: Job, index: number): number =>
  job.retried.failures.filter(({ rule }) => rule === index).length;

function isAbout(rule: RetryRule | undefined, fate: Fate): boolean {
  const code = codeOf(fate);
  if (rule === undefined || code === undefined) return false;
  // Whatever ends with 137 looks like a kill out of nowhere, as one for memory does.
  const isMemory = code === 137;
  const isCode = rule.exitCodes.some(({ first, last }) => code >= first && code <= last);
  return isCode || (rule.isForMemory && isMemory);
}

/** Some rule is about that end, and grants more. */
const isOwed = (job: Job, fate: Fate): boolean =>
  job.spec.retries.some(
    (rule, index) =>
      isAbout(rule, fate) &&
      grantedBy(job, index) < rule.timesMax &&
      (rule.growth === null || memoryOf(job) < (rule.growth.memMbMax ?? Number.POSITIVE_INFINITY)),
  );

/** What the job's rules have made of its memory, reckoned from the launches on record. */
function memoryOf({ spec, retried }: Job): number {
  return retried.failures.reduce((memMb, { rule }) => {
    const growth = spec.retries[rule]?.growth ?? null;
    if (growth === null) return memMb;
    return Math.min(Math.ceil(memMb * growth.factor), growth.memMbMax ?? Number.POSITIVE_INFINITY);
  }, spec.needs.memMb);
}

function codeOf(fate: Fate): number | undefined {
  if (fate.kind === 'exits') return fate.code;
  if (fate.kind === 'out-of-memory') return 137;
  return fate.kind === 'untold' && fate.hasFile ? fate.code : undefined;
}
