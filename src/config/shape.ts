/** Turns the values of the keys into the Config that all parts use: our names, our units. */
import { resolve } from 'node:path';
import type { Config, FairshareWeights } from '../contracts/config.js';
import type { Raw } from '../contracts/reader.js';
import type { UsageRule } from '../core/usage.js';
import { accountsOf } from './account-keys.js';
import { pricesOf } from './accounting-keys.js';
import { WINDOW_DAYS } from './fair-share-keys.js';
import { ldapOptions } from './ldap-keys.js';
import { limitsOf } from './limit-shape.js';
import { monitoringOf } from './monitoring-keys.js';
import { preemptionOf } from './preemption-keys.js';
import { redisOf } from './redis-keys.js';
import type { Values } from './schema.js';
import { storeOf } from './store-keys.js';

/** Names of the original's plugins, and of ours. */
const PLUGIN_ALIASES: Readonly<Record<string, string>> = {
  FiFo: 'fifo',
  FairShare: 'fairshare',
  goauth: 'ldap',
};
const pluginName = (word: string): string => PLUGIN_ALIASES[word] ?? word;

/** 1 GB of a request is 1000 MB of Mesos' `mem` (decision 22). */
const MB_PER_GB = 1000;

export function shape(
  values: Values,
  pluginOptions: Readonly<Record<string, Raw>>,
  directory: string,
): Config {
  return {
    home: resolve(directory, values.home),
    store: storeOf(values),
    redis: redisOf(values),
    sharedDir: values.shared_dir,
    pluginsDir: values.plugins_dir,
    logLevel: values.log_level,
    web: webOf(values),
    accounts: accountsOf(values),
    scheduler: { statusPort: values['scheduler.status_port'] },
    watcher: { statusPort: values['watcher.status_port'] },
    plugins: {
      auth: pluginName(values.auth_policy),
      scheduler: pluginName(values.scheduler_policy),
      executors: values.executors.map(pluginName),
      watchers: values.watchers,
    },
    watchEachMs: values.watch_every,
    prices: pricesOf(values),
    pluginOptions: withLdap(pluginOptions, ldapOptions(values)),
    fairshare: weightsOf(values),
    usage: usageOf(values),
    usageAdvanceMs: values['fairshare.advance'],
    reservationAfterMs: values.reservation_after,
    preemption: preemptionOf(values),
    jobs: {
      cpuMilliDefault: Math.round(values.defaults_cpu * 1000),
      memMbDefault: Math.round(values.defaults_ram * MB_PER_GB),
      cpuLimit: values.cpu_limit,
      isRootAllowed: values.allow_root,
      retriesMax: values['failure_policy.strategy'],
      orphans: { orphans: values.orphans, killsMax: values.orphan_kills_max },
      ownRetriesMax: values['retry.max'],
      skipsFailedNodes: values['failure_policy.skip_failed_nodes'],
      arraySizeMax: values.max_array_size,
      dynamicFields: values.dynamic_fields,
      setsAgentsAside: values['failure_policy.set_nodes_aside'],
      refusesImpossible: values.refuse_impossible,
      lifespanMsDefault: values.maxlifespan ?? values.maxlifespan_max,
      lifespanMsMax: values.maxlifespan_max,
      user: values['up.job_user'],
    },
    limits: limitsOf(values),
    images: {
      catalogue: values.default_images,
      isAnyAllowed: values.allow_user_images,
      pull: values['images.pull'],
    },
    volumes: values.volumes.map((volume) => ({ ...volume, isChecked: values.volumes_check })),
    constraints: values.constraints,
    containers: containersOf(values),
    local: {
      containerizer: values.containerizer,
      mesosPort: values['local.mesos_port'],
      cpus: values['local.cpus'],
      memMb: values['local.mem_mb'],
      gpus: values['local.gpus'],
      attributes: values['local.attributes'],
    },
    mesos: mesosOf(values),
    monitoring: monitoringOf(values),
  };
}

/** What stands under `plugins` wins: it is nearer to the plugin. */
function withLdap(
  options: Readonly<Record<string, Raw>>,
  ldap: Raw,
): Readonly<Record<string, Raw>> {
  if (Object.keys(ldap).length === 0) return options;
  return { ...options, 'auth-ldap': { ...ldap, ...options['auth-ldap'] } };
}

function containersOf(values: Values): Config['containers'] {
  return {
    registry: values.use_private_registry?.replace(/\/+$/, '') ?? null,
    network: {
      isDisabled: values['network.disabled'],
      isNamed: values['network.use_cni'],
      names: {
        public: values['network.cni_public_network_name'] ?? values['network.cni_plugin'],
        user: values['network.cni_user_network_name'],
        project: values['network.cni_project_network_name'],
      },
    },
  };
}

function mesosOf(values: Values): Config['mesos'] {
  const certFile = values['mesos.tls.cert'];
  const keyFile = values['mesos.tls.key'];
  const isUnified = values['mesos.unified'];
  return {
    master: values['mesos.master'],
    principal: values['mesos.principal'],
    secret: values['mesos.secret'],
    encoding: values['mesos.encoding'],
    roles: values['mesos.roles'],
    failoverMs: values['mesos.failover_timeout'],
    name: values['mesos.name'],
    hostname: values['mesos.hostname'],
    webuiUrl: values['mesos.webui_url'],
    labels: Object.fromEntries(values['mesos.labels'].map(splitLabel)),
    tls: {
      isOn: values['mesos.tls.enabled'],
      ca: values['mesos.tls.ca'],
      client: certFile !== null && keyFile !== null ? { certFile, keyFile } : null,
    },
    user: values['mesos.user'],
    isCheckpointed: values['mesos.checkpoint'],
    unified: isUnified
      ? {
          taskUser: values['mesos.task_user'],
          noNetworkName: values['network.cni_none_network_name'],
          imageCredentialsFile: values['mesos.image_credentials'],
        }
      : null,
    // The local node hands GPUs to Docker by itself; agents of a real cluster isolate them only in their own containers.
    hasGpus: values['mesos.master'] === null || (isUnified && values['mesos.native_gpu']),
    usesHomeCredentials: values['mesos.home_credentials'],
  };
}

/** `name=value`; the value may hold more of these signs, or be missing. */
function splitLabel(label: string): readonly [string, string] {
  const at = label.indexOf('=');
  return at < 0 ? [label, ''] : [label.slice(0, at), label.slice(at + 1)];
}

function webOf(values: Values): Config['web'] {
  const certFile = values['tls.cert'];
  const keyFile = values['tls.key'];
  return {
    listen: values.listen,
    port: values.port,
    isBehindProxy: values.behind_proxy,
    tls: certFile !== null && keyFile !== null ? { certFile, keyFile } : null,
    corsOrigins: values['cors.origins'],
    prefix: values.web_prefix.replace(/\/$/, ''),
    endpoint: values.web_endpoint?.replace(/\/+$/, '') ?? null,
    sessionMs: values.session_timeout,
    keyTokenMs: values.key_token_timeout,
    secret: values.secret_passphrase,
    fileBytesMax: values.max_file_download === 0 ? null : values.max_file_download,
  };
}

/** A site that names the original's window means it. */
function usageOf(values: Values): UsageRule {
  const days = values.user_reset_usage_duration;
  const kind = values['fairshare.usage'] ?? (days === null ? 'half-life' : 'window');
  return kind === 'window'
    ? { kind, days: days ?? WINDOW_DAYS }
    : { kind, halfLifeMs: values['fairshare.half_life'] };
}

function weightsOf(values: Values): FairshareWeights {
  return {
    waitingTime: values.fairshare_waiting_time_weight,
    userTime: values.fairshare_user_time_weight,
    userCpu: values.fairshare_user_cpu_weight,
    userRam: values.fairshare_user_ram_weight,
    userGpu: values.fairshare_user_gpu_weight,
    groupTime: values.fairshare_group_time_weight,
    groupCpu: values.fairshare_group_cpu_weight,
    groupRam: values.fairshare_group_ram_weight,
    groupGpu: values.fairshare_group_gpu_weight,
    user: values.fairshare_user_weight,
    group: values.fairshare_group_weight,
  };
}
