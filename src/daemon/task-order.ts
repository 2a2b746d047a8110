/** From a placed job to the order that its cluster executes: program, environment, mounts. */
import type { ClusterOffer, TaskOrder } from '../contracts/cluster.js';
import type { NetworkConfig } from '../contracts/config.js';
import { KILL_GRACE_MS } from '../contracts/limits.js';
import type { JobDirectoryOrder } from '../contracts/storage.js';
import { INSTALLATION_LABEL, ORIGIN_LABEL, originText } from '../core/adoption.js';
import { indexAt, placeOf } from '../core/array.js';
import { assert } from '../core/assert.js';
import type { Job, JobSpec, Placement, Volume } from '../core/job.js';
import type { Needs } from '../core/resources.js';
import { needsOf } from '../core/retry.js';
import { parseTaskId } from '../core/units.js';
import { SCRIPT_FILE, WRAPPER_FILE, wrapperScript } from '../core/wrapper.js';

/** How the agents of an executor run tasks: in containers, or as plain processes of the agent. */
export type TaskMode = 'container' | 'process';

/** What the site decides about the containers of all jobs. */
export interface ContainerRules {
  /** Cpus are a cap, not a share that may use idle ones besides. */
  readonly isCpuCapped: boolean;
  /** Whether the registry is asked each time for this image, not only when an agent has none. */
  readonly alwaysPull: (image: string) => boolean;
  /** See `ContainersConfig`. */
  readonly registry: string | null;
  readonly networkNames: NetworkConfig['names'];
}

export const USUAL_CONTAINERS: ContainerRules = {
  isCpuCapped: false,
  alwaysPull: () => false,
  registry: null,
  networkNames: { public: null, user: null, project: null },
};

export const CONTAINER_JOB_DIRECTORY = '/mnt/go-docker';
const CONTAINER_HOME = '/mnt/home';
const CONTAINER_DATA = '/mnt/god-data';
/** A process starts with an empty environment; a container keeps its image's PATH. */
const PROCESS_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The directory of a launch, with the user's script; in a container also our wrapper around it. */
export function directoryOrder(
  job: Job,
  script: string,
  { launch, mode }: { readonly launch: number; readonly mode: TaskMode },
): JobDirectoryOrder {
  const files = [{ name: SCRIPT_FILE, content: script, mode: 0o755 }];
  if (mode === 'container')
    files.push({
      name: WRAPPER_FILE,
      content: wrapperScript(launch, job.spec.needs.cpuMilli),
      mode: 0o755,
    });
  const inArray =
    job.parent === undefined ? {} : { inArray: { array: job.parent, name: String(indexOf(job)) } };
  return { id: job.id, ...inArray, launch, identity: job.identity, files };
}

/** The index of a member; undefined for other jobs. */
function indexOf({ id, parent, spec }: Job): number | undefined {
  if (parent === undefined || spec.array === undefined) return undefined;
  return indexAt(spec.array, placeOf(parent, id));
}

/** What a member is told of itself and its array, under our names and under the historic, misspelt ones. */
function arrayEnvironment(job: Job): Record<string, string> {
  const index = indexOf(job);
  if (index === undefined || job.spec.array === undefined) return {};
  const { first, last, step } = job.spec.array.bounds;
  const told = { ID: index, FIRST: first, LAST: last, STEP: step };
  return Object.fromEntries(
    ['GODOCKER', 'GOGOCKER'].flatMap((prefix) =>
      Object.entries(told).map(([name, value]) => [`${prefix}_TASK_${name}`, String(value)]),
    ),
  );
}

/** The environment of a job, whole: nothing of the service's reaches it. */
export function environmentOf(job: Job, directory: string, mode: TaskMode): Record<string, string> {
  const pwd = mode === 'container' ? CONTAINER_JOB_DIRECTORY : directory;
  const home = homeOf(job, pwd, mode);
  const environment: Record<string, string> = {
    GODOCKER_JID: String(job.id),
    GODOCKER_PWD: pwd,
    GODOCKER_HOME: home,
    GODOCKER_DATA: CONTAINER_DATA,
    ...shareOf(needsOf(job)),
    HOME: home,
    USER: job.owner,
    LOGNAME: job.owner,
    ...arrayEnvironment(job),
    // What the job does may join its trace.
    ...(job.spec.trace === undefined ? {} : { TRACEPARENT: job.spec.trace }),
  };
  if (mode === 'process') environment.PATH = PROCESS_PATH;
  return environment;
}

/** What the job was given, for programs that would take the machine's size for theirs. */
const shareOf = ({ cpuMilli, memMb, gpus }: Needs): Record<string, string> => ({
  GODOCKER_CPUS: String(cpuMilli / 1_000),
  GODOCKER_MEMORY_MB: String(memMb),
  GODOCKER_GPUS: String(gpus),
});

function homeOf(job: Job, pwd: string, mode: TaskMode): string {
  if (mode === 'process') return job.identity.home === '' ? pwd : job.identity.home;
  return job.spec.volumes.some((volume) => volume.mount === CONTAINER_HOME) ? CONTAINER_HOME : pwd;
}

/** The job directory under its name inside, and what policy granted. */
const mountsOf = (spec: JobSpec, directory: string): readonly Volume[] => [
  { name: 'go-docker', path: directory, mount: CONTAINER_JOB_DIRECTORY, acl: 'rw' },
  ...spec.volumes,
];

/** A network's or account's name with the words of this job in it. */
const named = (template: string, { owner, project }: Pick<Job, 'owner' | 'project'>): string =>
  template.replaceAll('$USERID', () => owner).replaceAll('$PROJECT', () => project);

/** The record keeps what the user asked for; only the cluster gets to see the site's registry. */
export const imageWithin = (registry: string | null, image: string): string =>
  registry === null || image.startsWith(`${registry}/`) ? image : `${registry}/${image}`;

/** A kind that the site no longer names has no other meaning: the cluster will say that there is no such network. */
function networkOf(job: Job, names: NetworkConfig['names']): string | null {
  const kind = job.spec.hasNetwork ? job.spec.network : null;
  return kind === null ? null : named(names[kind] ?? kind, job);
}

export interface OrderContext {
  /** See `TaskOrder.credentialsFile`; absent: none. */
  readonly credentialsFile?: string | null;
  readonly mode: TaskMode;
  readonly installation: string;
  readonly role: ClusterOffer['role'];
  readonly containers: ContainerRules;
}

/** What the cluster is asked to run for one stored intent. */
export function taskOrder(
  job: Job & { placement: Placement },
  { mode, installation, role, containers, credentialsFile = null }: OrderContext,
): TaskOrder {
  const { placement, directory } = job;
  assert(directory !== null, 'a placed job has its directory');
  const launch = parseTaskId(placement.taskId)?.launch;
  assert(launch === job.launches, 'the placement is of the latest launch');
  const isContainer = mode === 'container';
  return {
    taskId: placement.taskId,
    jobId: job.id,
    name: job.spec.name,
    agentId: placement.agentId,
    role,
    needs: needsOf(job),
    ports: placement.ports,
    containerPorts: job.spec.ports,
    image: isContainer ? imageWithin(containers.registry, job.spec.image) : null,
    alwaysPull: isContainer && containers.alwaysPull(job.spec.image),
    isCpuCapped: containers.isCpuCapped,
    volumes: isContainer ? mountsOf(job.spec, directory) : [],
    hasNetwork: job.spec.hasNetwork,
    networkName: isContainer ? networkOf(job, containers.networkNames) : null,
    identity: job.identity,
    login: job.owner,
    isRoot: job.spec.isRoot,
    // A process needs no file for it: one less to make, and a shell less to start.
    argv: isContainer
      ? ['/bin/sh', `${CONTAINER_JOB_DIRECTORY}/${WRAPPER_FILE}`]
      : ['/bin/sh', '-c', wrapperScript(launch, job.spec.needs.cpuMilli)],
    environment: {
      ...environmentOf(job, directory, mode),
      // Where nothing maps ports (processes, unified containers) these are the ones to listen on.
      ...(placement.ports.length > 0 ? { GODOCKER_PORTS: placement.ports.join(',') } : {}),
    },
    labels: {
      [INSTALLATION_LABEL]: installation,
      [ORIGIN_LABEL]: originText(job, placement, directory),
      'godocker.job': String(job.id),
      'godocker.uid': String(job.spec.isRoot ? 0 : job.identity.uid),
      'godocker.gid': String(job.spec.isRoot ? 0 : job.identity.gid),
      'godocker.sgids': job.identity.sgids.join(','),
      ...(isContainer ? {} : { 'godocker.directory': directory }),
    },
    killGraceMs: KILL_GRACE_MS,
    credentialsFile: isContainer ? credentialsFile : null,
    lifespanMs: job.spec.lifespanMs,
  };
}
