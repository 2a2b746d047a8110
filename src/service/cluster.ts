/** The cluster that runs the jobs: the local node inside `up`, one started apart, or a real Mesos. */
import { readFileSync } from 'node:fs';
import type { Cluster } from '../contracts/cluster.js';
import type { CatalogueImage, Config, MesosTls } from '../contracts/config.js';
import type { MesosCounters } from '../contracts/counters.js';
import { ServiceError } from '../contracts/errors.js';
import type { Log } from '../contracts/log.js';
import type { AgentShape } from '../core/obstacle.js';
import type { TaskMode } from '../daemon/task-order.js';
import { systemClock, systemRandom, systemTimers } from '../host/system.js';
import { type LocalNode, startLocalNode } from '../localmesos/index.js';
import { type AgentsQuestion, askAgents } from '../mesos/agents.js';
import { JSON_TYPE, PROTOBUF_TYPE } from '../mesos/codec.js';
import { MesosFramework } from '../mesos/framework.js';
import type { MasterFinder } from '../mesos/masters.js';
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

/** The masters as configured; those behind `zk://` are found and followed. */
function mastersOf(master: string, isTls: boolean, log: Log): readonly string[] | MasterFinder {
  const scheme = isTls ? 'https' : 'http';
  if (isZooKeeper(master))
    return new ZooKeeperReader({
      address: zooKeeperAddress(master),
      scheme,
      ports: {
        clock: systemClock,
        timers: systemTimers,
        random: systemRandom,
        log,
        dial: dialTcp,
      },
    });
  return master
    .split(',')
    .map((text) => text.trim())
    .map((text) => (text.includes('://') ? text : `${scheme}://${text}`));
}

/** What the connections to masters need for TLS. @throws ServiceError when a file cannot be read. */
function tlsOf({ ca, client }: MesosTls): TlsMaterial {
  return {
    ...(ca === null ? {} : { ca: pem('mesos.tls.ca', ca) }),
    ...(client === null
      ? {}
      : {
          cert: pem('mesos.tls.cert', client.certFile),
          key: pem('mesos.tls.key', client.keyFile),
        }),
  };
}

function pem(key: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ServiceError('bad-field', `${key}: ${String(error)}`, { file });
  }
}

/**
 * Our framework on that cluster. `node` null: the configured master, else the local node that was started apart on its
 * usual port with the home's credential.
 * @param parts.mayAct asked before anything is sent: a leader whose lease may be another's says nothing more.
 */
export function mesosCluster(
  { config, localCredential, store, log }: Foundation,
  node: LocalNode | null,
  { mayAct, counters }: { readonly mayAct: () => boolean; readonly counters: MesosCounters },
): Cluster {
  const { mesos } = config;
  const { masters, principal, secret } = accessTo(config, localCredential, node);
  const mesosLog = log.with({ part: 'mesos' });
  return new MesosFramework({
    masters: mesos.master === null ? masters : mastersOf(mesos.master, mesos.tls.isOn, mesosLog),
    framework: {
      user: 'root',
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
    tasks: { network: 'BRIDGE', alwaysPull: config.images.pull === 'always' },
    memory: memoryIn(store, FRAMEWORK_ID),
    mayAct,
    ports: {
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      counters,
      log: mesosLog,
      transport: new UndiciTransport(mesos.master === null ? {} : tlsOf(mesos.tls)),
    },
  });
}

/** The cluster's kinds of agents, as its master tells now; null when it does not. */
export const askInventory = (
  { config, localCredential }: Foundation,
  node: LocalNode | null,
): Promise<readonly AgentShape[] | null> =>
  // Behind ZooKeeper the leading master is known to the framework alone: nothing is judged impossible then.
  config.mesos.master !== null && isZooKeeper(config.mesos.master)
    ? Promise.resolve(null)
    : askAgents(accessTo(config, localCredential, node));

/** Where the masters are, and as whom we come. */
function accessTo(
  { mesos, local }: Config,
  localCredential: Credential,
  node: LocalNode | null,
): AgentsQuestion {
  if (mesos.master !== null)
    return { masters: mesos.master.split(','), principal: mesos.principal, secret: mesos.secret };
  const address = node === null ? `127.0.0.1:${local.mesosPort}` : new URL(node.url).host;
  return { masters: [address], ...localCredential };
}

/** How agents run tasks. Of a node in another process only the configuration tells: `auto` means containers there. */
export function modeOf({ local, mesos }: Config, node: LocalNode | null): TaskMode {
  if (node !== null) return node.containerizer === 'process' ? 'process' : 'container';
  return mesos.master === null && local.containerizer === 'process' ? 'process' : 'container';
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
  }));
}
