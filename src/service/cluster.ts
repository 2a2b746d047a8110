/** The cluster that runs the jobs: the local node inside `up`, one started apart, or a real Mesos. */
import { readFileSync } from 'node:fs';
import type { CatalogueImage, Config, MesosConfig } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import type { AgentShape } from '../core/obstacle.js';
import type { TaskMode } from '../daemon/task-order.js';
import { systemClock, systemRandom, systemTimers } from '../host/system.js';
import { type LocalNode, startLocalNode } from '../localmesos/index.js';
import { type AgentsQuestion, askAgents } from '../mesos/agents.js';
import { JSON_TYPE, PROTOBUF_TYPE } from '../mesos/codec.js';
import { MesosFramework } from '../mesos/framework.js';
import { type MasterAddress, masterAddress } from '../mesos/master-address.js';
import { MasterWatch } from '../mesos/master-watch.js';
import { dialTcp } from '../mesos/socket.js';
import { SYSTEM_TLS, type TlsOptions, UndiciTransport } from '../mesos/transport.js';
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

/** Where the masters are, as whom we come, and how we speak to them. */
export type MesosAccess = Omit<AgentsQuestion, 'masters'> & { readonly address: MasterAddress };

/**
 * `node` null: the configured master, else the local node that was started apart on its usual port with the home's
 * credential.
 * @throws ServiceError when a file of the TLS settings cannot be read.
 */
export function mesosAccess(
  { config: { mesos, local }, localCredential }: Foundation,
  node: LocalNode | null,
): MesosAccess {
  if (mesos.master !== null)
    return {
      address: masterAddress(mesos.master, schemeOf(mesos)),
      principal: mesos.principal,
      secret: mesos.secret,
      tls: tlsOf(mesos),
    };
  const host = node === null ? `127.0.0.1:${local.mesosPort}` : new URL(node.url).host;
  return { address: { kind: 'list', masters: [host] }, ...localCredential, tls: SYSTEM_TLS };
}

const schemeOf = ({ tls }: MesosConfig) => (tls.isDefault ? 'https' : 'http');

function tlsOf({ tls }: MesosConfig): TlsOptions {
  const read = (key: string, file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch (cause) {
      const detail = `mesos.tls.${key}: ${(cause as Error).message}`;
      throw new ServiceError('bad-field', detail, { field: `mesos.tls.${key}` }, { cause });
    }
  };
  const { caFile, certFile, keyFile, isVerified } = tls;
  return {
    isVerified,
    ca: caFile === null ? null : read('ca', caFile),
    client:
      certFile === null || keyFile === null
        ? null
        : { cert: read('cert', certFile), key: read('key', keyFile) },
  };
}

/**
 * Our framework on that cluster.
 * @param mayAct asked before anything is sent: a leader whose lease may be another's says nothing more.
 */
export function mesosCluster(
  { config, store, log }: Foundation,
  { address, principal, secret, tls }: MesosAccess,
  mayAct: () => boolean,
): MesosFramework {
  const { mesos } = config;
  const mesosLog = log.with({ part: 'mesos' });
  const system = { clock: systemClock, timers: systemTimers, random: systemRandom, log: mesosLog };
  const zookeeperPorts = { ...system, dial: dialTcp };
  const scheme = schemeOf(mesos);
  return new MesosFramework({
    masters:
      address.kind === 'list'
        ? address.masters
        : new MasterWatch({ zookeeper: address.zookeeper, scheme, ports: zookeeperPorts }),
    framework: {
      user: mesos.user,
      name: mesos.name,
      roles: mesos.roles,
      principal,
      secret,
      failoverTimeoutMs: mesos.failoverMs,
      checkpoint: mesos.checkpoint,
      hostname: mesos.hostname,
      webuiUrl: mesos.webuiUrl ?? config.web.endpoint,
      labels: mesos.labels,
    },
    mediaType: mesos.encoding === 'json' ? JSON_TYPE : PROTOBUF_TYPE,
    tasks: { network: 'BRIDGE', alwaysPull: config.images.pull === 'always' },
    memory: memoryIn(store, FRAMEWORK_ID),
    mayAct,
    ports: { ...system, transport: new UndiciTransport(tls) },
  });
}

/**
 * The cluster's kinds of agents, as its master tells now; null when it does not.
 * @param leader the master that leads, if we know; those in the configuration are asked otherwise.
 */
export async function askInventory(
  { address, ...access }: MesosAccess,
  leader: string | null,
): Promise<readonly AgentShape[] | null> {
  const listed = address.kind === 'list' ? address.masters : [];
  const masters = leader === null ? listed : [leader];
  return masters.length === 0 ? null : askAgents({ masters, ...access });
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
