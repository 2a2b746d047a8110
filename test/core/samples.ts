/** Dull valid values; a test names only what matters to it. */
import type {
  Job,
  JobSpec,
  JobState,
  KillingJob,
  LaunchingJob,
  OpenJob,
  OverJob,
  PendingJob,
  Placement,
  Reason,
  RunningJob,
  UnreachableJob,
} from '../../src/core/job.js';
import { NO_CONTAINER } from '../../src/core/job.js';
import type { JobEvent } from '../../src/core/lifecycle.js';
import type { Offer } from '../../src/core/matching.js';
import type { QueueRow } from '../../src/core/queue.js';
import { type Capacity, type Needs, NO_NEEDS, NOTHING } from '../../src/core/resources.js';
import { NEVER_RETRIED } from '../../src/core/retry.js';
import {
  agentId,
  instant,
  jobId,
  offerId,
  projectId,
  taskIdOf,
  userId,
} from '../../src/core/units.js';

export const T0 = instant(1_800_000_000_000);
export const after = (ms: number) => instant(T0 + ms);
export const anna = userId('anna');
export const LOST: Reason = { code: 'agent-lost', facts: {} };

export const aSpec = (part: Partial<JobSpec> = {}): JobSpec => ({
  name: 'sample',
  description: '',
  tags: [],
  image: 'debian',
  volumes: [],
  hasNetwork: false,
  network: null,
  isRoot: false,
  needs: { ...NO_NEEDS, cpuMilli: 1_000, memMb: 1_000 },
  constraints: [],
  ports: [],
  executor: null,
  systemRetriesMax: 2,
  retries: [],
  lifespanMs: null,
  asked: {},
  ...part,
});

export const aPending = (part: Partial<PendingJob> = {}): PendingJob => ({
  id: jobId(7),
  owner: userId('bob'),
  project: projectId('default'),
  identity: { uid: 1001, gid: 100, sgids: [], home: '/users/bob', email: null },
  spec: aSpec(),
  submittedAt: T0,
  launches: 0,
  faults: [],
  retried: NEVER_RETRIED,
  directory: null,
  killWanted: null,
  version: 1,
  state: 'pending',
  notBefore: null,
  pauseMs: 0,
  ...part,
});

export const aPlacement = (launch = 1): Placement => ({
  taskId: taskIdOf(jobId(7), launch),
  executor: 'mesos',
  agentId: agentId('a1'),
  host: 'node1',
  placedAt: after(1_000),
  ports: [],
});

const placed = () => {
  const { state: _state, notBefore: _notBefore, pauseMs: _pauseMs, ...asked } = aPending();
  return { ...asked, launches: 1, directory: '/jobs/7', placement: aPlacement() };
};
const begun = { startedAt: after(2_000), container: NO_CONTAINER };
const killWanted = { by: anna, at: after(3_000) };

export const aLaunching = (part: Partial<LaunchingJob> = {}): LaunchingJob => ({
  ...placed(),
  state: 'launching',
  ...part,
});
export const aRunning = (part: Partial<RunningJob> = {}): RunningJob => ({
  ...placed(),
  ...begun,
  state: 'running',
  ...part,
});
export const aKilling = (part: Partial<KillingJob> = {}): KillingJob => ({
  ...placed(),
  ...begun,
  killWanted,
  state: 'killing',
  ...part,
});
export const anUnreachable = (part: Partial<UnreachableJob> = {}): UnreachableJob => ({
  ...placed(),
  ...begun,
  since: after(3_000),
  state: 'unreachable',
  ...part,
});
export const anOpen = (part: Partial<OpenJob> = {}): OpenJob => {
  const { notBefore: _, ...asked } = aPending();
  return { ...asked, state: 'open', startedAt: null, ...part };
};
export const anOver = (part: Partial<OverJob> = {}): OverJob => ({
  ...placed(),
  ...begun,
  state: 'over',
  outcome: { kind: 'exited', exitCode: 0, because: null },
  endedAt: after(4_000),
  ...part,
});

/** One job in each state; those with a task hold launch 1. */
export const JOBS: { readonly [S in JobState]: Extract<Job, { state: S }> } = {
  pending: aPending(),
  launching: aLaunching(),
  running: aRunning(),
  killing: aKilling(),
  unreachable: anUnreachable(),
  open: anOpen(),
  over: anOver(),
};

/** One event of each kind, about the launch that `JOBS` hold. */
export const EVENTS: {
  readonly [K in JobEvent['kind']]: Extract<JobEvent, { kind: K }>;
} = eventsOf(1);

export function eventsOf(launch: number): {
  readonly [K in JobEvent['kind']]: Extract<JobEvent, { kind: K }>;
} {
  const taskId = taskIdOf(jobId(7), launch);
  return {
    placed: { kind: 'placed', placement: aPlacement(launch), directory: '/jobs/7' },
    adopted: { kind: 'adopted', placement: aPlacement(launch), directory: '/jobs/7' },
    numberTaken: { kind: 'numberTaken', taskId },
    neverRan: { kind: 'neverRan', taskId, because: LOST, graceMs: 0 },
    started: {
      kind: 'started',
      taskId,
      agentId: agentId('a1'),
      container: { containerId: 'c1', ipAddress: null },
    },
    ended: {
      kind: 'ended',
      taskId,
      outcome: { kind: 'exited', exitCode: 3, because: null },
    },
    preempted: { kind: 'preempted', taskId },
    rescheduled: { kind: 'rescheduled', taskId, by: anna },
    amended: { kind: 'amended', spec: aSpec({ name: 'another' }) },
    killed: { kind: 'killed', taskId, because: { code: 'killed-by-cluster', facts: {} } },
    systemFault: { kind: 'systemFault', taskId, because: LOST, graceMs: 30_000 },
    launchFailed: { kind: 'launchFailed', taskId, because: { code: 'task-error', facts: {} } },
    unreachable: { kind: 'unreachable', taskId },
    killWanted: { kind: 'killWanted', by: anna, at: after(3_000) },
    memberStarted: { kind: 'memberStarted', directory: '/jobs/7' },
    membersOver: { kind: 'membersOver', outcome: { kind: 'exited', exitCode: 0, because: null } },
    gaveUp: { kind: 'gaveUp', because: { code: 'impossible', facts: {} } },
  };
}

export const aNeed = (part: Partial<Needs> = {}): Needs => ({
  ...NO_NEEDS,
  cpuMilli: 1_000,
  memMb: 100,
  ...part,
});

export const aRow = (
  id: number,
  part: Partial<Omit<QueueRow, 'id' | 'owner' | 'project'>> & {
    readonly owner?: string;
    readonly project?: string;
  } = {},
): QueueRow => ({
  submittedAt: after(id * 1_000),
  needs: aNeed(),
  constraints: [],
  executor: null,
  notBefore: null,
  ...part,
  id: jobId(id),
  owner: userId(part.owner ?? 'bob'),
  project: projectId(part.project ?? 'default'),
});

export const someFree = (part: Partial<Capacity> = {}): Capacity => ({
  ...NOTHING,
  cpuMilli: 4_000,
  memMb: 4_000,
  ...part,
});

export const anOffer = (
  id: string,
  part: Partial<Omit<Offer, 'id' | 'agentId'>> & { readonly agent?: string } = {},
): Offer => {
  const { agent = id.replace(/^o/, 'a'), ...rest } = part;
  return {
    executor: 'mesos',
    host: `host-${agent}`,
    role: '*',
    free: someFree(),
    attributes: {},
    unavailableFrom: null,
    ...rest,
    id: offerId(id),
    agentId: agentId(agent),
  };
};

/** Property tests print their seed when they fail; this one makes every run the same. */
export const SEED = Number(process.env.SEED ?? 20_150_908);
