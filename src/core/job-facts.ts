/** What a job keeps from state to state: each state holds its own data and no more. */
import {
  type ContainerFacts,
  type Job,
  type LiveJob,
  NO_CONTAINER,
  type Placement,
} from './job.js';
import type { Instant } from './units.js';

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
  const { id, parent, owner, project, identity, spec, submittedAt } = job;
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
  return parent === undefined ? facts : { ...facts, parent };
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
