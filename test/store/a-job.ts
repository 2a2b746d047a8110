// Dull valid jobs, and the lives they lead, for suites about stores.
import type {
  JobStep,
  NewJob,
  ProjectRecord,
  Store,
  UserRecord,
} from '../../src/contracts/store.js';
import {
  type Job,
  type JobSpec,
  type LaunchingJob,
  NO_CONTAINER,
  type OverJob,
  type PendingJob,
  type Placement,
  type RunningJob,
} from '../../src/core/job.js';
import { agentId, instant, type JobId, projectId, taskIdOf, userId } from '../../src/core/units.js';

export const AT = instant(1_700_000_000_000);
export const ALICE = userId('alice');
export const BOB = userId('bob');

export const aSpec = (over: Partial<JobSpec> = {}): JobSpec => ({
  name: 'job',
  description: '',
  tags: [],
  image: 'debian:12',
  volumes: [],
  hasNetwork: false,
  network: null,
  isRoot: false,
  needs: { cpuMilli: 1_000, memMb: 1_000, gpus: 0, ports: 0, custom: {} },
  constraints: [],
  ports: [],
  executor: null,
  systemRetriesMax: 2,
  retries: [],
  lifespanMs: null,
  asked: {},
  ...over,
});

export const aNewJob = (over: Partial<NewJob> = {}): NewJob => ({
  owner: ALICE,
  project: projectId('default'),
  identity: { uid: 1001, gid: 1001, sgids: [100], home: '/home/alice', email: null },
  spec: aSpec(),
  script: '#!/bin/sh\ntrue\n',
  submittedAt: AT,
  idempotencyKey: null,
  digest: 'd1',
  ...over,
});

export const aUser = (over: Partial<UserRecord> = {}): UserRecord => ({
  id: ALICE,
  identity: { uid: 1001, gid: 1001, sgids: [], home: '/home/alice', email: 'alice@example.org' },
  isAdmin: false,
  passwordHash: null,
  keys: [],
  sshPublicKey: '',
  prio: 50,
  quotas: { time: 0, cpu: 0, ram: 0 },
  createdAt: AT,
  ...over,
});

export const DNA = projectId('dna');

export const aProject = (over: Partial<ProjectRecord> = {}): ProjectRecord => ({
  id: DNA,
  description: 'genomes',
  prio: 50,
  members: [ALICE],
  quotas: { time: 0, cpu: 0, ram: 0 },
  createdAt: AT,
  ...over,
});

export const aPlacement = (id: JobId, launch: number): Placement => ({
  taskId: taskIdOf(id, launch),
  executor: 'mesos',
  agentId: agentId('a1'),
  host: 'node-1',
  placedAt: AT,
  ports: [31_000],
});

/** The intent of the next launch. */
export function launched(job: PendingJob): LaunchingJob {
  const { notBefore: _, pauseMs: _pauseMs, isNumberTaken: _taken, ...asked } = job;
  const launches = job.launches + 1;
  return {
    ...asked,
    state: 'launching',
    launches,
    directory: `/shared/${job.id}`,
    placement: aPlacement(job.id, launches),
  };
}
export const started = (job: LaunchingJob): RunningJob => ({
  ...job,
  state: 'running',
  startedAt: AT,
  container: { containerId: 'c1', ipAddress: '10.0.0.7' },
});
export const ended = (job: RunningJob, exitCode = 0): OverJob => ({
  ...job,
  state: 'over',
  outcome: { kind: 'exited', exitCode, because: null },
  endedAt: AT,
});
export const givenUp = (job: PendingJob): OverJob => {
  const { notBefore: _, pauseMs: _pauseMs, ...asked } = job;
  return {
    ...asked,
    state: 'over',
    outcome: { kind: 'killed', by: BOB },
    endedAt: AT,
    startedAt: null,
    placement: null,
    container: NO_CONTAINER,
  };
};

/** The step from one record to the next; intents wait for no kill. */
export const stepTo = (from: Job, to: Job): JobStep => ({
  from: { state: from.state, launches: from.launches },
  unlessKillWanted: to.state === 'launching',
  to,
});

/** Submits one job and reads it back. */
export async function submitted(store: Store, over: Partial<NewJob> = {}): Promise<PendingJob> {
  const [answer] = await store.submit([aNewJob(over)]);
  if (answer === undefined) throw new Error('no answer to a submission');
  return pendingJob(store, answer.id);
}

export async function pendingJob(store: Store, id: JobId): Promise<PendingJob> {
  const job = await store.job(id);
  if (job?.state !== 'pending') throw new Error(`job ${id} is ${job?.state}`);
  return job;
}

/** Takes the lease for good; answers its epoch. */
export async function leader(store: Store, holder = 'leader'): Promise<number> {
  const lease = await store.takeLease(holder, await store.lease());
  if (lease === undefined) throw new Error('the lease was not free');
  return lease.epoch;
}
