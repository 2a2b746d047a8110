/** What a job keeps from state to state: each state holds its own data and no more. */
import {
  type ContainerFacts,
  type Job,
  type LaunchingJob,
  type LiveJob,
  NO_CONTAINER,
  type OverJob,
  type PendingJob,
  type Placement,
  type RunningJob,
} from './job.js';
import type { Instant, JobId } from './units.js';

type AskedFacts = Pick<
  Job,
  | 'id'
  | 'parent'
  | 'owner'
  | 'project'
  | 'identity'
  | 'spec'
  | 'submittedAt'
  | 'launches'
  | 'faults'
  | 'retried'
  | 'directory'
  | 'killWanted'
  | 'version'
>;

/** What stays with a job in every state, and nothing else: no state keeps another's data. */
export function asked(job: AskedFacts): AskedFacts {
  const { id, owner, project, identity, spec, submittedAt } = job;
  const { launches, faults, retried, directory, killWanted, version } = job;
  // In one piece, and the rare field after it: engines make such objects three times as fast as those put together bit by bit.
  const facts = {
    id,
    owner,
    project,
    identity,
    spec,
    submittedAt,
    launches,
    faults,
    retried,
    directory,
    killWanted,
    version,
  };
  return withParent(job, facts);
}

function withParent<Facts extends object>(
  { parent }: AskedFacts,
  facts: Facts,
): Facts & { readonly parent?: JobId } {
  return parent === undefined ? facts : { ...facts, parent };
}

// The states that nearly every job passes, in one piece each for the same reason.

/** It waits. */
export function pending(
  job: AskedFacts,
  { notBefore, pauseMs }: Pick<PendingJob, 'notBefore' | 'pauseMs'>,
): PendingJob {
  const { id, owner, project, identity, spec, submittedAt } = job;
  const { launches, faults, retried, directory, killWanted, version } = job;
  return withParent(job, {
    id,
    owner,
    project,
    identity,
    spec,
    submittedAt,
    launches,
    faults,
    retried,
    directory,
    killWanted,
    version,
    state: 'pending',
    notBefore,
    pauseMs,
  });
}

/** The job holds that task. */
export function launching(
  job: AskedFacts,
  { launches, directory, placement }: Pick<LaunchingJob, 'launches' | 'directory' | 'placement'>,
): LaunchingJob {
  const { id, owner, project, identity, spec, submittedAt } = job;
  const { faults, retried, killWanted, version } = job;
  return withParent(job, {
    id,
    owner,
    project,
    identity,
    spec,
    submittedAt,
    launches,
    faults,
    retried,
    directory,
    killWanted,
    version,
    state: 'launching',
    placement,
  });
}

/** Its task runs. */
export function running(
  job: AskedFacts,
  told: Pick<RunningJob, 'retried' | 'placement' | 'startedAt' | 'container'>,
): RunningJob {
  const { id, owner, project, identity, spec, submittedAt } = job;
  const { launches, faults, directory, killWanted, version } = job;
  const { retried, placement, startedAt, container } = told;
  return withParent(job, {
    id,
    owner,
    project,
    identity,
    spec,
    submittedAt,
    launches,
    faults,
    retried,
    directory,
    killWanted,
    version,
    state: 'running',
    placement,
    startedAt,
    container,
  });
}

/** It is over. */
export function over(
  job: AskedFacts,
  told: Pick<OverJob, 'outcome' | 'endedAt' | 'startedAt' | 'container' | 'placement'>,
): OverJob {
  const { id, owner, project, identity, spec, submittedAt } = job;
  const { launches, faults, retried, directory, killWanted, version } = job;
  const { outcome, endedAt, startedAt, container, placement } = told;
  return withParent(job, {
    id,
    owner,
    project,
    identity,
    spec,
    submittedAt,
    launches,
    faults,
    retried,
    directory,
    killWanted,
    version,
    state: 'over',
    outcome,
    endedAt,
    startedAt,
    container,
    placement,
  });
}

interface LiveFacts extends AskedFacts {
  readonly placement: Placement;
  readonly startedAt: Instant | null;
  readonly container: ContainerFacts;
}

/** What is known of a job's task, whichever live state holds it. */
export function live(job: LiveJob): LiveFacts {
  const { placement } = job;
  return { ...asked(job), placement, startedAt: startedAtOf(job), container: containerOf(job) };
}

/** When its task started, as far as was told. */
export const startedAtOf = (job: LiveJob): Instant | null =>
  job.state === 'launching' ? null : job.startedAt;

/** What its container is, as far as was told. */
export const containerOf = (job: LiveJob): ContainerFacts =>
  job.state === 'launching' ? NO_CONTAINER : job.container;

/** What was told last, and of what was not told what is known. */
export const merged = (known: ContainerFacts, told: ContainerFacts): ContainerFacts => ({
  containerId: told.containerId ?? known.containerId,
  ipAddress: told.ipAddress ?? known.ipAddress,
});

export const sameFacts = (a: ContainerFacts, b: ContainerFacts): boolean =>
  a.containerId === b.containerId && a.ipAddress === b.ipAddress;
