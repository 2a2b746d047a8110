/** Turns a task into the configuration of a container, and refuses what a task must not have. */
import { realpathSync } from 'node:fs';
import { sep } from 'node:path';
import { CONTAINER_PIDS_MAX } from '../contracts/limits.js';
import type {
  ContainerInfo,
  ContainerInfoDockerInfoPortMapping,
  Parameter,
  TaskInfo,
  Volume,
} from '../mesos/messages.js';
import { accountByName, accountInLabels } from './accounts.js';
import type { Launch } from './containerizer.js';
import { imageOf, type TaskImage } from './image.js';

/** By these labels containers are found again. */
export const NODE_LABEL = 'godocker.node';
export const CONTAINER_LABEL = 'godocker.container';

const BYTES_PER_MB = 2 ** 20;
/** Docker refuses less. */
const MEMORY_MB_MIN = 6;
/** Weight of one cpu, as Mesos counts. */
const SHARES_PER_CPU = 1_024;
const SHARES_MIN = 2;
/** What the kernel takes as a period of accounts, in microseconds. */
const CPU_PERIOD_US = { min: 1_000, max: 1_000_000 };

/** What a task asks for and does not get. */
export class NotGranted extends Error {
  override readonly name = 'NotGranted';
}

/** What the parameters of a DockerInfo may set: the names of the docker command's options. */
interface Wishes {
  user?: string;
  entrypoint?: string;
  workdir?: string;
  hostname?: string;
  isReadOnly?: boolean;
  pidsMax: number;
  cpuPeriodUs?: number;
  cpuQuotaUs?: number;
  readonly env: string[];
  readonly groups: string[];
  readonly labels: Record<string, string>;
  readonly volumes: Volume[];
}

/**
 * @param granted host folders that may be mounted, and what is in them
 * @throws NotGranted, NoAccount
 */
export function containerConfig(
  launch: Launch,
  { nodeId, granted }: { nodeId: string; granted: readonly string[] },
): { image: TaskImage; config: Record<string, unknown> } {
  const { info } = launch;
  const image = imageOf(info.container);
  if (image === undefined)
    throw new NotGranted('this node runs Docker containers only; the task names no image');
  const docker = info.container?.docker;
  if (docker?.privileged === true) throw new NotGranted('privileged containers are not allowed');
  const isUnified = info.container?.type === 'MESOS';
  const wishes = isUnified ? wishesOfUnified(info) : wishesOf(docker?.parameters);
  const { mode, mappings } = isUnified ? unifiedNetwork(info.container) : network(info.container);
  const labels = {
    ...wishes.labels,
    [NODE_LABEL]: nodeId,
    [CONTAINER_LABEL]: launch.containerId,
    'godocker.framework': launch.frameworkId,
    'godocker.agent': launch.agentId,
    'godocker.task': info.task_id.value,
  };
  const variables = info.command?.environment?.variables ?? [];
  const config = {
    Image: image.name,
    ...(isUnified ? unifiedProgram(info) : program(info, wishes)),
    Env: [...variables.map(({ name, value }) => `${name}=${value ?? ''}`), ...wishes.env],
    Labels: labels,
    ...(wishes.user === undefined ? {} : { User: wishes.user }),
    ...(wishes.workdir === undefined ? {} : { WorkingDir: wishes.workdir }),
    ...(wishes.hostname === undefined ? {} : { Hostname: wishes.hostname }),
    ...exposed(mappings),
    HostConfig: {
      ...limits(launch, wishes),
      NetworkMode: mode,
      ...(mappings.length > 0 ? { PortBindings: bindings(mappings) } : {}),
      ...privileges(wishes),
      Mounts: mounts(info.container, wishes, granted),
      GroupAdd: wishes.groups,
      ReadonlyRootfs: wishes.isReadOnly ?? false,
      // Reaps orphans and passes signals on: a first process that handles none would ignore SIGTERM.
      Init: true,
      AutoRemove: false,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '1' } },
    },
  };
  return { image, config };
}

/** With a shell, the command line replaces the image's entry point, as a real agent does it. */
function program({ command }: TaskInfo, wishes: Wishes): Record<string, unknown> {
  const { shell = true, value, arguments: argv = [] } = command ?? {};
  const entrypoint = wishes.entrypoint === undefined ? {} : { Entrypoint: [wishes.entrypoint] };
  if (shell && value !== undefined) return { Entrypoint: ['/bin/sh'], Cmd: ['-c', value] };
  const words = value === undefined ? argv : [value, ...argv];
  return words.length === 0 ? entrypoint : { ...entrypoint, Cmd: words };
}

/** The vector's first word is the program's name for itself; its path stands in `value`. */
function unifiedProgram({ command }: TaskInfo): Record<string, unknown> {
  const { shell = true, value, arguments: argv = [] } = command ?? {};
  if (shell && value !== undefined) return { Entrypoint: ['/bin/sh'], Cmd: ['-c', value] };
  const rest = argv.slice(1);
  return {
    ...(value === undefined ? {} : { Entrypoint: [value] }),
    ...(rest.length === 0 ? {} : { Cmd: rest }),
  };
}

function limits({ memMb, cpuMilli, info }: Launch, wishes: Wishes): Record<string, unknown> {
  const memory = Math.max(MEMORY_MB_MIN, memMb) * BYTES_PER_MB;
  const gpus = info.resources?.find(({ name }) => name === 'gpus')?.scalar?.value ?? 0;
  return {
    ...(memMb > 0 ? { Memory: memory, MemorySwap: memory } : {}),
    CpuShares: Math.max(SHARES_MIN, Math.round((cpuMilli * SHARES_PER_CPU) / 1_000)),
    ...(wishes.cpuPeriodUs === undefined ? {} : { CpuPeriod: wishes.cpuPeriodUs }),
    ...(wishes.cpuQuotaUs === undefined ? {} : { CpuQuota: wishes.cpuQuotaUs }),
    PidsLimit: wishes.pidsMax,
    ...(gpus > 0
      ? { DeviceRequests: [{ Driver: 'nvidia', Count: gpus, Capabilities: [['gpu']] }] }
      : {}),
  };
}

/** Root, where it was granted by name, keeps what Docker gives by default; everybody else has no capability. */
function privileges({ user }: Wishes): Record<string, unknown> {
  const isRoot = user !== undefined && /^(0|root)(:|$)/.test(user);
  return { ...(isRoot ? {} : { CapDrop: ['ALL'] }), SecurityOpt: ['no-new-privileges'] };
}

interface Network {
  /** As Docker has it: `bridge`, `host`, `none`, or the name of a network. */
  readonly mode: string;
  readonly mappings: readonly ContainerInfoDockerInfoPortMapping[];
}

function network(container: ContainerInfo | undefined): Network {
  const { network: mode = 'HOST', port_mappings = [] } = container?.docker ?? {};
  if (mode === 'USER') return { mode: networkName(container), mappings: [] };
  return { mode: mode.toLowerCase(), mappings: mode === 'BRIDGE' ? port_mappings : [] };
}

/** Without the name of a network it is the agent's own, as on a real agent. */
const unifiedNetwork = (container: ContainerInfo | undefined): Network => ({
  mode: (container?.network_infos ?? []).length === 0 ? 'host' : networkName(container),
  mappings: [],
});

/** What Docker gives another meaning. */
const MODES = new Set(['host', 'bridge', 'none', 'default']);

/** A colon would lead into the network of another container. */
function networkName({ network_infos = [] }: ContainerInfo = { type: 'DOCKER' }): string {
  const [{ name = '', port_mappings = [] } = {}, ...others] = network_infos;
  if (others.length > 0 || name === '')
    throw new NotGranted('a container joins one network, by its name');
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name) || MODES.has(name))
    throw new NotGranted(`'${name}' is not the name of a user-defined network`);
  if (port_mappings.length > 0) throw new NotGranted('this node maps no ports of named networks');
  return name;
}

const portOf = ({ container_port, protocol = 'tcp' }: ContainerInfoDockerInfoPortMapping) =>
  `${container_port}/${protocol}`;

/** Several host ports may lead to one port of the container. */
function bindings(mappings: Network['mappings']): Record<string, { HostPort: string }[]> {
  const all: Record<string, { HostPort: string }[]> = {};
  for (const mapping of mappings) {
    const port = portOf(mapping);
    all[port] = [...(all[port] ?? []), { HostPort: String(mapping.host_port) }];
  }
  return all;
}

function exposed(mappings: Network['mappings']): Record<string, unknown> {
  if (mappings.length === 0) return {};
  return { ExposedPorts: Object.fromEntries(mappings.map((mapping) => [portOf(mapping), {}])) };
}

function mounts(
  container: ContainerInfo | undefined,
  wishes: Wishes,
  granted: readonly string[],
): readonly Record<string, unknown>[] {
  return [...(container?.volumes ?? []), ...wishes.volumes].map(
    ({ container_path, host_path, mode }) => ({
      Type: 'bind',
      Source: grantedPath(host_path, granted),
      Target: container_path,
      ReadOnly: mode !== 'RW',
    }),
  );
}

/** The real path, links resolved: what was checked is what gets mounted. */
function grantedPath(path: string | undefined, granted: readonly string[]): string {
  if (path === undefined || !path.startsWith('/')) {
    throw new NotGranted(`only absolute host paths can be mounted, not '${path ?? ''}'`);
  }
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    throw new NotGranted(`host path '${path}' does not exist`);
  }
  const isGranted = granted
    .map(realOf)
    .some((folder) => real === folder || real.startsWith(withSlash(folder)));
  if (!isGranted)
    throw new NotGranted(`host path '${path}' is not among the folders that may be mounted`);
  return real;
}

const withSlash = (folder: string): string => (folder.endsWith(sep) ? folder : folder + sep);

function realOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

const noWishes = (): Wishes => ({
  pidsMax: CONTAINER_PIDS_MAX,
  env: [],
  groups: [],
  labels: {},
  volumes: [],
});

/** Numbers in labels, else the name in the command as this machine knows it. @throws NoAccount */
function wishesOfUnified(info: TaskInfo): Wishes {
  const name = info.command?.user;
  const account = accountInLabels(info) ?? (name === undefined ? undefined : accountByName(name));
  if (account === undefined) return noWishes();
  const { uid, gid, groups } = account;
  return {
    ...noWishes(),
    user: `${uid}:${gid}`,
    groups: groups.filter((group) => group !== gid).map(String),
  };
}

function wishesOf(parameters: readonly Parameter[] = []): Wishes {
  const wishes = noWishes();
  for (const { key, value } of parameters) {
    if (!wish(wishes, key, value)) throw new NotGranted(`Docker parameter '${key}' is not allowed`);
  }
  return wishes;
}

const isWithin = (value: number, { min, max }: { min: number; max: number }): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

/** False for an option that is not known to be harmless. */
function wish(wishes: Wishes, key: string, value: string): boolean {
  switch (key) {
    case 'user':
      wishes.user = value;
      return true;
    case 'group-add':
      wishes.groups.push(value);
      return true;
    case 'env':
      wishes.env.push(value);
      return true;
    case 'entrypoint':
      wishes.entrypoint = value;
      return true;
    case 'workdir':
      wishes.workdir = value;
      return true;
    case 'hostname':
      wishes.hostname = value;
      return true;
    case 'label': {
      const [name = '', ...rest] = value.split('=');
      wishes.labels[name] = rest.join('=');
      return true;
    }
    case 'read-only':
      wishes.isReadOnly = value !== 'false';
      return true;
    case 'volume': {
      const [host_path = '', container_path = '', mode = 'rw'] = value.split(':');
      wishes.volumes.push({ host_path, container_path, mode: mode === 'ro' ? 'RO' : 'RW' });
      return true;
    }
    case 'pids-limit': {
      // Fewer may be asked for, never more; -1 and 0 mean "no limit" to Docker.
      const wanted = Number(value);
      if (!Number.isInteger(wanted) || wanted < 1) return false;
      wishes.pidsMax = Math.min(wanted, CONTAINER_PIDS_MAX);
      return true;
    }
    case 'cpu-period':
      wishes.cpuPeriodUs = Number(value);
      return isWithin(wishes.cpuPeriodUs, CPU_PERIOD_US);
    case 'cpu-quota':
      // Without one there is no cap; -1 and 0 would mean the same to Docker.
      wishes.cpuQuotaUs = Number(value);
      return isWithin(wishes.cpuQuotaUs, { min: CPU_PERIOD_US.min, max: Number.MAX_SAFE_INTEGER });
    case 'security-opt':
      // So it is anyway; anything else loosens.
      return /^no-new-privileges([:=]true)?$/.test(value);
    case 'memory-swap':
    case 'cap-drop':
    case 'init':
      // So it is anyway.
      return true;
    default:
      return false;
  }
}
