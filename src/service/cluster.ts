/** The cluster that runs the jobs: the local node inside `up`, one started apart, or a real Mesos. */
import { readFileSync } from 'node:fs';
import type { ToldAgents } from '../contracts/agents.js';
import type { ClusterFeature, ToldTask } from '../contracts/cluster.js';
import type { CatalogueImage, Config, MesosConfig, MesosTls } from '../contracts/config.js';
import type { MesosCounters } from '../contracts/counters.js';
import { ServiceError } from '../contracts/errors.js';
import type { Log } from '../contracts/log.js';
import type { AgentShape } from '../core/obstacle.js';
import type { TaskId } from '../core/units.js';
import type { TaskMode } from '../daemon/task-order.js';
import { systemClock, systemRandom, systemTimers } from '../host/system.js';
import type { LocalNode } from '../localmesos/index.js';
import { type AgentsQuestion, askAgents } from '../mesos/agents.js';
import { JSON_TYPE, PROTOBUF_TYPE } from '../mesos/codec.js';
import type { UnifiedForm } from '../mesos/containers.js';
import { MesosFramework } from '../mesos/framework.js';
import type { MasterFinder } from '../mesos/masters.js';
import { askTask } from '../mesos/tasks.js';
import { type TlsMaterial, UndiciTransport } from '../mesos/transport.js';
import { isZooKeeper, zooKeeperAddress } from '../mesos/zookeeper-address.js';
import { dialTcp, ZooKeeperReader } from '../mesos/zookeeper-reader.js';
import { type Credential, type Foundation, memoryIn } from './foundation.js';

const FRAMEWORK_ID = 'mesos.framework-id';

/** Starts the node of `up`, unless a cluster elsewhere is configured. */
export async function localNode(foundation: Foundation): Promise<LocalNode | null> {
  const { config, home, shared, localCredential, log, stack } = foundation;
  if (config.mesos.master !== null) return null;
  const { local } = config;
  const { startLocalNode } = await import('../localmesos/index.js');
  const node = await startLocalNode({
    port: local.mesosPort,
    containerizer: local.containerizer,
    ...(local.cpus === null ? {} : { cpus: local.cpus }),
    ...(local.memMb === null ? {} : { memMb: local.memMb }),
    ...(local.gpus === null ? {} : { gpus: local.gpus }),
    attributes: local.attributes,
    stateDir: home.at('local-mesos'),
    credential: localCredential,
    allowMounts: [shared.path, ...config.volumes.flatMap(({ path }) => path ?? [])],
    log: log.with({ part: 'local-mesos' }),
  });
  stack.push('local node', () => node.stop());
  return node;
}

const schemeOf = ({ tls }: MesosConfig): 'http' | 'https' => (tls.isOn ? 'https' : 'http');

/** URLs of the masters that are named; none for those behind `zk://`. */
const listedMasters = (master: string, scheme: 'http' | 'https'): readonly string[] =>
  isZooKeeper(master)
    ? []
    : master
        .split(',')
        .map((text) => text.trim())
        .map((text) => (text.includes('://') ? text : `${scheme}://${text}`));

/** Follows the masters behind `zk://`. */
const finderOf = (master: string, scheme: 'http' | 'https', log: Log): MasterFinder =>
  new ZooKeeperReader({
    address: zooKeeperAddress(master),
    scheme,
    ports: { clock: systemClock, timers: systemTimers, random: systemRandom, log, dial: dialTcp },
  });

/**
 * What the connections to masters need for TLS; for the start of a process: a standby must not find out when it leads.
 * @throws ServiceError when a file cannot be read.
 */
export function tlsOf({ ca, client }: MesosTls): TlsMaterial {
  return {
    ...(ca === null ? {} : { ca: read('mesos.tls.ca', ca) }),
    ...(client === null
      ? {}
      : {
          cert: read('mesos.tls.cert', client.certFile),
          key: read('mesos.tls.key', client.keyFile),
        }),
  };
}

/**
 * How the unified containerizer is spoken to; for the start of a process, as `tlsOf`.
 * @throws ServiceError when the file with credentials cannot be read, or is none.
 */
export function unifiedFormOf({ unified }: MesosConfig): UnifiedForm | null {
  if (unified === null) return null;
  const { taskUser, noNetworkName, imageCredentialsFile: file } = unified;
  const imageCredentials = file === null ? null : read('mesos.image_credentials', file);
  // Only whether it is JSON is said: parsers quote what they could not read, and this is secret.
  if (imageCredentials !== null && !isJson(imageCredentials.toString('utf8')))
    throw new ServiceError('bad-field', `mesos.image_credentials: not JSON`, {
      file: String(file),
    });
  return { taskUser, noNetworkName, imageCredentials };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What clients may count on now; `agents` null: the cluster has not told of any. */
export function featuresAt(config: Config, agents: readonly AgentShape[] | null): string[] {
  const hasGpus = agents?.some(({ total }) => total.gpus > 0) ?? config.mesos.master !== null;
  return ['kill', ...featuresOf(config)].filter((feature) => feature !== 'gpus' || hasGpus);
}

/** What the cluster can, beyond what every one can. */
export const featuresOf = ({ containers, mesos }: Config): readonly ClusterFeature[] => [
  // Containers with addresses of their own need no ports of their agent.
  containers.network.isNamed ? 'cni' : 'resources.port',
  ...(mesos.hasGpus ? (['gpus'] as const) : []),
];

function read(key: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ServiceError('bad-field', `${key}: ${String(error)}`, { file });
  }
}

export interface ClusterParts {
  readonly tls: TlsMaterial;
  /** Null: agents run images with Docker. */
  readonly unifiedForm: UnifiedForm | null;
  /** Asked before anything is sent: a leader whose lease may be another's says nothing more. */
  readonly mayAct: () => boolean;
  readonly counters: MesosCounters;
}

/**
 * Our framework on that cluster. `node` null: the configured master, else the local node that was started apart on its
 * usual port with the home's credential.
 */
export function mesosCluster(
  { config, localCredential, store, log }: Foundation,
  node: LocalNode | null,
  { tls, unifiedForm, mayAct, counters }: ClusterParts,
): MesosFramework {
  const { mesos } = config;
  const { masters, principal, secret } = accessTo(config, localCredential, node);
  const mesosLog = log.with({ part: 'mesos' });
  return new MesosFramework({
    masters:
      mesos.master !== null && isZooKeeper(mesos.master)
        ? finderOf(mesos.master, schemeOf(mesos), mesosLog)
        : masters,
    framework: {
      user: mesos.user,
      isCheckpointed: mesos.isCheckpointed,
      hasGpus: mesos.hasGpus,
      name: mesos.name,
      roles: mesos.roles,
      principal,
      secret,
      failoverTimeoutMs: mesos.failoverMs,
      hostname: mesos.hostname,
      webuiUrl: mesos.webuiUrl ?? config.web.endpoint,
      labels: mesos.labels,
    },
    mediaType: mesos.encoding === 'json' ? JSON_TYPE : PROTOBUF_TYPE,
    tasks: { network: 'BRIDGE', unified: unifiedForm },
    features: featuresOf(config),
    memory: memoryIn(store, FRAMEWORK_ID),
    mayAct,
    ports: {
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      counters,
      log: mesosLog,
      transport: new UndiciTransport(tls),
    },
  });
}

export interface InventoryParts {
  readonly tls: TlsMaterial;
  /** The master that we are subscribed to, or null: those of the configuration are asked then. */
  readonly master: string | null;
}

/** The cluster's agents, as its master tells now; null when it does not, or when we know of none. */
export async function askInventory(
  { config, localCredential }: Pick<Foundation, 'config' | 'localCredential'>,
  node: LocalNode | null,
  { tls, master }: InventoryParts,
): Promise<ToldAgents | null> {
  const { masters, ...access } = accessTo(config, localCredential, node);
  const asked = master === null ? masters : [master];
  return asked.length === 0
    ? null
    : askAgents({ executor: 'mesos', masters: asked, ...access, tls });
}

/** What the master tells of one task of ours; null when it does not, or when we have not subscribed yet. */
export async function askTaskOf(
  { config, localCredential }: Pick<Foundation, 'config' | 'localCredential'>,
  node: LocalNode | null,
  { tls, framework }: { readonly tls: TlsMaterial; readonly framework: MesosFramework | undefined },
  taskId: TaskId,
): Promise<ToldTask | null> {
  const frameworkId = framework?.id ?? null;
  if (frameworkId === null) return null;
  const { masters, ...access } = accessTo(config, localCredential, node);
  const master = framework?.master ?? null;
  const asked = master === null ? masters : [master];
  return askTask({ masters: asked, ...access, tls, frameworkId, taskId });
}

/** Where the masters are, as far as the configuration tells, and as whom we come. */
function accessTo(
  { mesos, local }: Config,
  localCredential: Credential,
  node: LocalNode | null,
): Omit<AgentsQuestion, 'executor' | 'tls'> {
  if (mesos.master !== null)
    return {
      masters: listedMasters(mesos.master, schemeOf(mesos)),
      principal: mesos.principal,
      secret: mesos.secret,
    };
  const address = node === null ? `127.0.0.1:${local.mesosPort}` : new URL(node.url).host;
  return { masters: [address], ...localCredential };
}

/** How agents run tasks. Of a node in another process only the configuration tells: `auto` means containers there. */
export function modeOf({ local, mesos }: Config, node: LocalNode | null): TaskMode {
  if (node !== null) return node.containerizer === 'process' ? 'process' : 'container';
  return mesos.master === null && local.containerizer === 'process' ? 'process' : 'container';
}

/** Whether agents ask the registry for this image at each launch. A digest names one image for ever: it never changes. */
export function isPulledAlways({ catalogue, pull }: Config['images'], image: string): boolean {
  if (image.includes('@')) return false;
  return (catalogue.find(({ url }) => url === image)?.pull ?? pull) === 'always';
}

/** Pulled when it is asked for, where neither the site nor the machine offers an image. */
const FIRST_IMAGE = 'debian:stable-slim';

/** The catalogue in force, never empty: the site's, else what the local node can run without a registry. */
export async function imagesOf(
  config: Config,
  node: LocalNode | null,
): Promise<readonly CatalogueImage[]> {
  if (config.images.catalogue.length > 0) return config.images.catalogue;
  const isContainer = modeOf(config, node) === 'container';
  const here = node?.containerizer === 'docker' ? await node.images() : [];
  const known = isContainer ? here : ['host'];
  const names = known.length > 0 ? known : [FIRST_IMAGE];
  return names.map((name, index) => ({
    name,
    url: name,
    isInteractive: false,
    isDefault: index === 0,
    pull: null,
  }));
}
