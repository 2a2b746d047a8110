/** The cluster that runs the jobs: the local node inside `up`, one started apart, or a real Mesos. */
import type { Cluster } from '../contracts/cluster.js';
import type { CatalogueImage, Config } from '../contracts/config.js';
import type { TaskMode } from '../daemon/task-order.js';
import { systemClock, systemRandom, systemTimers } from '../host/system.js';
import { type LocalNode, startLocalNode } from '../localmesos/index.js';
import { JSON_TYPE, PROTOBUF_TYPE } from '../mesos/codec.js';
import { MesosFramework } from '../mesos/framework.js';
import { UndiciTransport } from '../mesos/transport.js';
import { type Foundation, memoryIn } from './foundation.js';

const FRAMEWORK_ID = 'mesos.framework-id';

/** Starts the node of `up`, unless a cluster elsewhere is configured. */
export async function localNode(foundation: Foundation): Promise<LocalNode | null> {
  const { config, home, shared, localCredential, log, stack } = foundation;
  if (config.mesos.master !== null) return null;
  const { local } = config;
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

/**
 * Our framework on that cluster. `node` null: the configured master, else the local node that was started apart on its
 * usual port with the home's credential.
 * @param mayAct asked before anything is sent: a leader whose lease may be another's says nothing more.
 */
export function mesosCluster(
  { config, localCredential, store, log }: Foundation,
  node: LocalNode | null,
  mayAct: () => boolean,
): Cluster {
  const { mesos, local } = config;
  const isLocal = mesos.master === null;
  const nodeAddress = node === null ? `127.0.0.1:${local.mesosPort}` : new URL(node.url).host;
  return new MesosFramework({
    masters: mesos.master === null ? [nodeAddress] : mesos.master.split(','),
    framework: {
      user: 'root',
      name: mesos.name,
      roles: mesos.roles,
      principal: isLocal ? localCredential.principal : mesos.principal,
      secret: isLocal ? localCredential.secret : mesos.secret,
      failoverTimeoutMs: mesos.failoverMs,
      hostname: null,
      webuiUrl: config.web.endpoint,
      labels: {},
    },
    mediaType: mesos.encoding === 'json' ? JSON_TYPE : PROTOBUF_TYPE,
    tasks: { network: 'BRIDGE', alwaysPull: config.images.pull === 'always' },
    memory: memoryIn(store, FRAMEWORK_ID),
    mayAct,
    ports: {
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      log: log.with({ part: 'mesos' }),
      transport: new UndiciTransport(),
    },
  });
}

/** How agents run tasks. Of a node in another process only the configuration tells: `auto` means containers there. */
export function modeOf({ local, mesos }: Config, node: LocalNode | null): TaskMode {
  if (node !== null) return node.containerizer === 'process' ? 'process' : 'container';
  return mesos.master === null && local.containerizer === 'process' ? 'process' : 'container';
}

/** The catalogue in force: the site's, else what the local node can run without a registry. */
export async function imagesOf(
  config: Config,
  node: LocalNode | null,
): Promise<readonly CatalogueImage[]> {
  if (config.images.catalogue.length > 0) return config.images.catalogue;
  const isContainer = modeOf(config, node) === 'container';
  if (isContainer && node?.containerizer !== 'docker') return [];
  const names = isContainer ? ((await node?.images()) ?? []) : ['host'];
  return names.map((name, index) => ({
    name,
    url: name,
    isInteractive: false,
    isDefault: index === 0,
  }));
}
