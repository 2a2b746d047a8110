/** The command and the container of a task, for each of the two containerizers that agents have. */
import type { TaskOrder } from '../contracts/cluster.js';
import { CONTAINER_PIDS_MAX } from '../contracts/limits.js';
import { assert } from '../core/assert.js';
import type {
  CapabilityInfoCapability,
  CommandInfo,
  ContainerInfo,
  ContainerInfoDockerInfoNetwork,
  LinuxInfo,
  NetworkInfo,
  Parameter,
  Volume,
} from './messages.js';

/** Docker's usual period of accounts; the kernel hands out cpu time in shares of it, at least a hundredth. */
const CPU_PERIOD_US = 100_000;
const CPU_QUOTA_US_MIN = 1_000;
const BYTES_PER_MB = 2 ** 20;
/** Agents give no container less: memory and swap together must not be below it. */
const AGENT_MEMORY_MB_MIN = 32;

/** What does not stand in the order but in the configuration. */
export interface TaskForm {
  /** Of Docker's containers with a network and without ports of their own; those with ports are bridged. */
  readonly network: Extract<ContainerInfoDockerInfoNetwork, 'HOST' | 'BRIDGE'>;
  /** Agents run images with Mesos' own containerizer; absent: with Docker. */
  readonly unified?: UnifiedForm | null;
}

export interface UnifiedForm {
  /** Account to run as; `$USERID` stands for the login. */
  readonly taskUser: string;
  /** CNI network that is none, for orders without network. */
  readonly noNetworkName: string | null;
  /** A Docker `config.json` with credentials, sent along with each image. */
  readonly imageCredentials: Buffer | null;
}

/**
 * Never through a shell. The Docker containerizer starts `value` and `arguments` in a row behind the entry point; all
 * others take `value` as the program and `arguments` as its whole vector.
 */
export function commandOf(order: TaskOrder, form: TaskForm): CommandInfo {
  const [program, ...rest] = order.argv;
  assert(program !== undefined, 'an order names a program');
  const unified = order.image === null ? null : (form.unified ?? null);
  const isDocker = order.image !== null && unified === null;
  const variables = Object.entries(order.environment).map(([name, value]) => ({ name, value }));
  return {
    ...(order.credentialsFile === null ? {} : { uris: [archive(order.credentialsFile)] }),
    shell: false,
    ...(!isDocker
      ? { value: program, arguments: order.argv }
      : // The program is the container's entry point: the image's own one must not get in between.
        rest.length > 0
        ? { arguments: rest }
        : {}),
    ...(unified === null ? {} : { user: accountOf(order, unified) }),
    ...(variables.length > 0 ? { environment: { variables } } : {}),
  };
}

/** Fetched and unpacked before the image is pulled; never kept for other tasks. */
const archive = (path: string) => ({
  value: `file://${path}`,
  extract: true,
  executable: false,
  cache: false,
});

const accountOf = ({ isRoot, login }: TaskOrder, { taskUser }: UnifiedForm): string =>
  isRoot ? 'root' : taskUser.replaceAll('$USERID', () => login);

/** Undefined for a plain process of the agent. */
export function containerOf(order: TaskOrder, form: TaskForm): ContainerInfo | undefined {
  if (order.image === null) return undefined;
  return form.unified == null
    ? dockerContainer(order, order.image, form)
    : unifiedContainer(order, order.image, form.unified);
}

function dockerContainer(order: TaskOrder, image: string, form: TaskForm): ContainerInfo {
  const mappings = order.ports.map((host_port, index) => {
    const container_port = order.containerPorts[index];
    assert(container_port !== undefined, 'each host port has a container port');
    return { host_port, container_port, protocol: 'tcp' };
  });
  const name = order.hasNetwork ? order.networkName : null;
  const usual = mappings.length > 0 ? 'BRIDGE' : form.network;
  const network = !order.hasNetwork ? 'NONE' : name === null ? usual : 'USER';
  return {
    type: 'DOCKER',
    docker: {
      image,
      network,
      ...(network === 'BRIDGE' && mappings.length > 0 ? { port_mappings: mappings } : {}),
      privileged: false,
      parameters: parametersOf(order),
      force_pull_image: order.alwaysPull,
    },
    ...volumesOf(order),
    ...(name === null ? {} : { network_infos: [{ name }] }),
  };
}

function parametersOf(order: TaskOrder): Parameter[] {
  const { uid, gid, sgids } = order.identity;
  const groups = order.isRoot ? [] : sgids.filter((group) => group !== gid);
  return [
    { key: 'user', value: order.isRoot ? '0:0' : `${uid}:${gid}` },
    ...groups.map((group) => ({ key: 'group-add', value: String(group) })),
    { key: 'entrypoint', value: order.argv[0] ?? '' },
    // Root, where policy granted it, keeps what Docker gives by default: without, it could not even change an owner.
    ...(order.isRoot ? [] : [{ key: 'cap-drop', value: 'ALL' }]),
    { key: 'security-opt', value: 'no-new-privileges' },
    { key: 'pids-limit', value: String(CONTAINER_PIDS_MAX) },
    ...limits(order),
  ];
}

/** What agents do not limit by themselves: they set the weight of the cpus, and memory without swap. */
function limits({ needs, isCpuCapped }: TaskOrder): Parameter[] {
  const memoryBytes = Math.max(needs.memMb, AGENT_MEMORY_MB_MIN) * BYTES_PER_MB;
  const quotaUs = Math.round((needs.cpuMilli * CPU_PERIOD_US) / 1_000);
  return [
    // As much as memory alone: no swap.
    { key: 'memory-swap', value: String(memoryBytes) },
    ...(isCpuCapped
      ? [
          { key: 'cpu-period', value: String(CPU_PERIOD_US) },
          { key: 'cpu-quota', value: String(Math.max(quotaUs, CPU_QUOTA_US_MIN)) },
        ]
      : []),
  ];
}

function unifiedContainer(order: TaskOrder, image: string, unified: UnifiedForm): ContainerInfo {
  const credentials = unified.imageCredentials;
  const config =
    credentials === null
      ? {}
      : { config: { type: 'VALUE' as const, value: { data: credentials.toString('base64') } } };
  const networks = networksOf(order, unified);
  return {
    type: 'MESOS',
    mesos: {
      image: { type: 'DOCKER', docker: { name: image, ...config }, cached: !order.alwaysPull },
    },
    ...volumesOf(order),
    ...(networks.length > 0 ? { network_infos: networks } : {}),
    linux_info: linuxOf(order),
    rlimit_info: {
      rlimits: [{ type: 'RLMT_NPROC', hard: CONTAINER_PIDS_MAX, soft: CONTAINER_PIDS_MAX }],
    },
  };
}

/** None named: the agent's own network, without any mapping. */
function networksOf({ hasNetwork, networkName }: TaskOrder, form: UnifiedForm): NetworkInfo[] {
  // A container that was promised none must not fall back on the network of the agent: better a name nobody knows.
  const name = hasNetwork ? networkName : (form.noNetworkName ?? 'none');
  return name === null ? [] : [{ name }];
}

/** What Docker leaves to root by default. Mesos has no word for no-new-privileges: empty bounds do as much. */
const ROOT_CAPABILITIES: readonly CapabilityInfoCapability[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SYS_CHROOT',
  'MKNOD',
  'AUDIT_WRITE',
  'SETFCAP',
];

function linuxOf({ isRoot }: TaskOrder): LinuxInfo {
  const capabilities = isRoot ? { capabilities: ROOT_CAPABILITIES } : {};
  return {
    bounding_capabilities: capabilities,
    effective_capabilities: capabilities,
    share_pid_namespace: false,
  };
}

function volumesOf(order: TaskOrder): { volumes?: readonly Volume[] } {
  const volumes = order.volumes.map(({ mount, path, acl }) => ({
    container_path: mount,
    host_path: path,
    mode: acl === 'rw' ? ('RW' as const) : ('RO' as const),
  }));
  return volumes.length > 0 ? { volumes } : {};
}
