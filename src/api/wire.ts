/**
 * Our jobs and people as GoDocker's JSON. The only place that speaks its words. Clients test for keys: which keys are
 * there, absent or null is part of the interface.
 */

import type { Person } from '../contracts/auth.js';
import type { ProjectRecord } from '../contracts/store.js';
import type { ArrayCensus } from '../core/array-life.js';
import { unreachable } from '../core/assert.js';
import { durationText } from '../core/duration.js';
import type { Job, KillWanted, PendingJob, Placement } from '../core/job.js';
import type { Obstacle } from '../core/obstacle.js';
import { launchesRun } from '../core/retry.js';
import type { Instant } from '../core/units.js';
import { arrayToWire } from './array-wire.js';
import type { ApiDeps } from './deps.js';
import { isCreated, uploadsOf } from './files/uploads-of.js';
import { formerLaunches } from './launches.js';
import { describeLaunching, describePause } from './launching.js';
import { maintenanceKnown } from './maintenance.js';
import { describeOutcome, describeReason } from './reasons.js';
import { retriesToWire } from './retries.js';
import { quotasToWire } from './share-fields.js';
import { describeWaiting } from './waiting.js';
import { mayBeWithheld, withheldOf } from './withheld.js';

export type Wire = Record<string, unknown>;

/** Where a job finds its directory in a container. */
export const JOB_MOUNT = '/mnt/go-docker';

export interface WireExtras {
  /** Absent in lists: scripts may be large and no client reads them there. */
  readonly script?: string;
  /** False in process mode, where the job's image plays no part. */
  readonly isImageUsed: boolean;
  /** Of the parent of an array: how far its members are. */
  readonly census?: ArrayCensus | undefined;
  /** Why the job waits; absent when nobody knows, or it does not wait. */
  readonly obstacles?: readonly Obstacle[] | undefined;
  /** What the directory of a job that is over takes; absent: not measured, or not asked. */
  readonly diskBytes?: number | undefined;
  /** Now: ages are reckoned from it. */
  readonly at: Instant;
}

/** What a document says of a job besides its record, as things stand now. */
export const extrasOf =
  ({ containerizer, obstacles, clock }: ApiDeps) =>
  (job: Job): WireExtras => ({
    isImageUsed: containerizer !== 'process',
    obstacles: obstacles(job),
    at: clock.now(),
  });

/** The same, with what jobs wait for that do not stand in the queue yet. */
export async function extrasFor(
  deps: ApiDeps,
  jobs: readonly Job[],
): Promise<(job: Job) => WireExtras> {
  const withheld = await withheldOf({ store: deps.store, at: deps.clock.now() }, jobs);
  const halt = jobs.some(mayBeWithheld) ? await maintenanceKnown(deps) : null;
  const extras = extrasOf(deps);
  return (job) => {
    const told = extras(job);
    const obstacles = withheld.get(job.id) ?? told.obstacles;
    if (halt !== null && mayBeWithheld(job)) {
      const { reason } = halt;
      return {
        ...told,
        obstacles: [{ code: 'service-maintenance', reason }, ...(obstacles ?? [])],
      };
    }
    return { ...told, obstacles };
  };
}

/** Epoch seconds, with the milliseconds as fraction. */
const seconds = (at: Instant): number => at / 1000;

/** The historic identity of a database; clients send it back and must get one. */
const objectId = (id: number): Wire => ({ $oid: id.toString(16).padStart(24, '0') });

/** The task document of `GET /task/{id}`. */
export function jobToWire(job: Job, extras: WireExtras): Wire {
  const { script, isImageUsed, census } = extras;
  return {
    _id: objectId(job.id),
    id: job.id,
    parent_task_id: job.parent ?? null,
    user: {
      id: job.owner,
      uid: job.identity.uid,
      gid: job.identity.gid,
      sgids: job.identity.sgids,
      email: job.identity.email,
      project: job.project,
      ...(job.spec.submittedBy === undefined ? {} : { submitted_by: job.spec.submittedBy }),
    },
    date: seconds(job.submittedAt),
    notify: {
      email: job.spec.asked.notifyEmail === true,
      ...(job.spec.webhook === undefined ? {} : { webhook: job.spec.webhook }),
    },
    meta: {
      name: job.spec.name,
      description: job.spec.description,
      tags: job.spec.tags,
    },
    requirements: requirementsToWire(job, census),
    container: { ...containerToWire(job, extras.diskBytes), image_used: isImageUsed },
    command: { interactive: false, ...(script === undefined ? {} : { cmd: script }) },
    status: statusToWire(job, extras),
  };
}

function requirementsToWire(job: Job, census: ArrayCensus | undefined): Wire {
  const {
    spec,
    retried: { memMbGranted },
  } = job;
  const noQuota = { time: 0, cpu: 0, ram: 0 };
  return {
    cpu: spec.needs.cpuMilli / 1000,
    ram: spec.needs.memMb / 1000,
    gpus: spec.needs.gpus,
    array: arrayToWire(job, census),
    label: Array.isArray(spec.asked.label) ? spec.asked.label : [],
    ...dependenciesToWire(spec),
    tmpstorage: null,
    ports: spec.ports,
    uris: [],
    network: spec.network,
    ...(spec.asked.uploads === undefined ? {} : { uploads: uploadsOf(job) }),
    executor:
      spec.executor !== null && spec.queue !== undefined
        ? `${spec.executor}:${spec.queue}`
        : spec.executor,
    failure_policy: spec.systemRetriesMax,
    ...(spec.retries.length === 0 ? {} : { retry: retriesToWire(spec.retries) }),
    // `ram` stays what was asked: clients send documents again.
    ...(memMbGranted === null ? {} : { ram_granted: memMbGranted / 1000 }),
    maxlifespan: spec.lifespanMs === null ? null : durationText(spec.lifespanMs),
    user_quota_time: noQuota.time,
    user_quota_cpu: noQuota.cpu,
    user_quota_ram: noQuota.ram,
    project_quota_time: noQuota.time,
    project_quota_cpu: noQuota.cpu,
    project_quota_ram: noQuota.ram,
  };
}

/** `tasks` has what the original knew: jobs of which any end will do, if all of these are asked for. */
function dependenciesToWire({ dependencies, beginAt }: Job['spec']): Wire {
  const date = beginAt === undefined ? {} : { not_before: new Date(beginAt).toISOString() };
  if (dependencies === undefined) return { tasks: [], ...date };
  const { on, isAnyEnough, isSingleton } = dependencies;
  const historic = isAnyEnough ? [] : on.filter(({ type }) => type === 'afterany');
  return {
    tasks: historic.map(({ job }) => job),
    dependencies: [...on, ...(isSingleton ? [{ type: 'singleton' }] : [])],
    ...(isAnyEnough ? { dependencies_mode: 'any' } : {}),
    ...date,
  };
}

function containerToWire(job: Job, diskBytes: number | undefined): Wire {
  const placement = 'placement' in job ? job.placement : null;
  const facts = 'container' in job ? job.container : null;
  const isHolding = placement !== null && job.state !== 'over';
  const word = containerWord(job);
  return {
    image: job.spec.image,
    volumes: [
      ...job.spec.volumes,
      ...(job.directory === null
        ? []
        : [{ name: 'go-docker', acl: 'rw', path: job.directory, mount: JOB_MOUNT }]),
    ],
    network: job.spec.hasNetwork,
    root: job.spec.isRoot,
    id: facts?.containerId ?? null,
    meta: containerMeta(job, placement, diskBytes),
    stats: null,
    // Strings here, numbers in `requirements.ports`: clients join these.
    ports: isHolding ? placement.ports.map(String) : [],
    port_mapping: isHolding
      ? placement.ports.map((host, index) => ({ host, container: job.spec.ports[index] ?? host }))
      : [],
    ip_address: facts?.ipAddress ?? null,
    // Clients print this word whenever the key is there.
    ...(word === undefined ? {} : { status: word }),
  };
}

function containerWord(job: Job): string | undefined {
  if (job.state === 'launching') return 'initializing';
  return job.state === 'running' ? 'ready' : undefined;
}

/** Null only while pending; the exit code stands here for the old command line. */
function containerMeta(
  job: Job,
  placement: Placement | null,
  diskBytes: number | undefined,
): Wire | null {
  const node = placement === null ? {} : { Node: { Name: placement.host } };
  if (job.state === 'over')
    return {
      ...node,
      State: { ExitCode: describeOutcome(job.outcome).exitCode },
      ...(diskBytes === undefined ? {} : { disk_size: diskBytes }),
    };
  return placement === null ? null : node;
}

/** The nested `status`; decision 4 says which state has which words. */
export function statusToWire(
  job: Job,
  { obstacles, at, isImageUsed }: Omit<WireExtras, 'script'>,
): Wire {
  const rest = { launches: job.launches, ...failureToWire(job) };
  switch (job.state) {
    case 'pending':
      return {
        ...waiting(
          job.killWanted === null ? (heldWord(job) ?? rescheduled(job)) : 'kill requested',
        ),
        ...(isCreated(job) ? { primary: 'created' } : {}),
        reason:
          (job.heldBack === undefined && !isHalted(obstacles) ? describePause(job, at) : null) ??
          describeWaiting(obstacles),
        ...rest,
      };
    case 'launching':
      return {
        ...waiting(job.killWanted === null ? rescheduleWord(job) : 'kill requested'),
        reason: describeLaunching(job, { at, isImageUsed }),
        ...rest,
      };
    case 'running':
      return {
        ...live(job, job.killWanted === null ? rescheduleWord(job) : 'kill requested'),
        reason: describeKill(job.killWanted),
        ...rest,
      };
    case 'killing':
      return { ...live(job, 'kill requested'), reason: describeKill(job.killWanted), ...rest };
    case 'unreachable':
      return { ...live(job, 'unknown'), ...rest };
    case 'open': {
      const secondary = job.killWanted === null ? heldWord(job) : 'kill requested';
      if (job.startedAt !== null) return { ...live(job, secondary), ...rest };
      return { ...waiting(secondary), reason: describeWaiting(obstacles), ...rest };
    }
    case 'over': {
      const { secondary, exitCode, reason } = describeOutcome(job.outcome);
      const ran = job.startedAt === null ? {} : { date_running: seconds(job.startedAt) };
      const durationMs = Math.max(0, job.endedAt - (job.startedAt ?? job.endedAt));
      return {
        primary: job.archivedAt === undefined ? 'over' : 'archived',
        secondary,
        reason,
        exitcode: exitCode,
        ...ran,
        date_over: seconds(job.endedAt),
        duration: durationMs / 1000,
        ...rest,
      };
    }
    default:
      return unreachable(job);
  }
}

const isHalted = (obstacles: readonly Obstacle[] | undefined): boolean =>
  obstacles?.some(({ code }) => code === 'service-maintenance') === true;

/** Null: somebody's wish, which needs no words. */
const describeKill = (wanted: KillWanted | null): string | null =>
  wanted?.because === undefined ? null : describeReason(wanted.because);

/** `date_running` must be absent until the job runs, `date_over` always present. */
const waiting = (secondary: string | null): Wire => ({
  primary: 'pending',
  secondary,
  reason: null,
  exitcode: null,
  date_over: null,
});

const live = (job: { readonly startedAt: Instant | null }, secondary: string | null): Wire => ({
  primary: 'running',
  secondary,
  reason: null,
  exitcode: null,
  ...(job.startedAt === null ? {} : { date_running: seconds(job.startedAt) }),
  date_over: null,
});

const heldWord = ({ heldBack }: Pick<PendingJob, 'heldBack'>): string | null =>
  heldBack === undefined ? null : 'held';

/** The launch is being stopped so that the job may have another. */
const rescheduleWord = ({ placement }: { readonly placement: Placement }): string | null =>
  placement.rescheduled === undefined ? null : 'reschedule requested';

/** The word for a job that ran and waits for its next launch. */
const rescheduled = (job: Job): string | null => (launchesRun(job) > 1 ? 'rescheduled' : null);

/** Launches that came to nothing. `failure` is the historic part: those that ended through no fault of the job. */
function failureToWire(job: Job): Wire {
  const { faults } = job;
  const former = formerLaunches(job);
  const last = faults.at(-1);
  const known = former.length === 0 ? {} : { former_launches: former };
  if (last === undefined) return known;
  return {
    ...known,
    failure: {
      reason: describeReason(last.because),
      nodes: faults.map(({ host }) => host),
      count: faults.length,
    },
  };
}

/** The user document; `more` goes into its `usage`. API keys are kept as hashes only, so the historic field is empty. */
export function personToWire(person: Person, more: Wire = {}): Wire {
  const { identity, quotas } = person;
  return {
    id: person.id,
    uid: identity.uid,
    gid: identity.gid,
    sgids: identity.sgids,
    email: identity.email,
    admin: person.isAdmin,
    homeDirectory: identity.home,
    credentials: { apikey: '', public: person.sshPublicKey },
    usage: {
      prio: person.prio,
      ...quotasToWire(quotas),
      ...more,
    },
  };
}

export function projectToWire(project: ProjectRecord, more: Wire = {}): Wire {
  const { id, description, prio, members, quotas } = project;
  return {
    id,
    description,
    prio,
    members,
    // Old command lines append to it.
    volumes: [],
    ...quotasToWire(quotas),
    ...more,
  };
}

/** The project everybody is in. */
export const DEFAULT_PROJECT = {
  id: 'default',
  description: '',
  prio: 50,
  members: [],
  volumes: [],
  ...quotasToWire({ time: 0, cpu: 0, ram: 0 }),
} as const;
