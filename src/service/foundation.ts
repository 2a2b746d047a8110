/** What every process of ours stands on: the home, the store, the secrets of the installation, the plugins. */
import { randomBytes, randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Registry } from 'prom-client';
import { Home, type Tenancy } from '../config/home.js';
import { jobIdentity, type SharedDirectory, sharedDirectory } from '../config/job-account.js';
import type { AuditTrail } from '../contracts/audit.js';
import type { ClusterMemory } from '../contracts/cluster.js';
import type { Config } from '../contracts/config.js';
import type { Log } from '../contracts/log.js';
import type { Contracts, Host, PluginKind } from '../contracts/plugin.js';
import type { Store } from '../contracts/store.js';
import { StoredTrail } from '../daemon/audit-trail.js';
import { loadPlugin } from '../host/load.js';
import type { Stack } from '../host/stack.js';
import { systemClock, systemRandom, systemTimers } from '../host/system.js';
import { usersIn } from '../host/users.js';
import { type AdminKey, adminAccount } from './admin-account.js';
import { auditMetrics } from './metrics/audit.js';
import { diskMetrics, processMetrics } from './metrics/process.js';
import { storeMetrics } from './metrics/store.js';
import { openStore } from './open-store.js';
import { version } from './version.js';

const DISTRIBUTION = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const MESOS_CREDENTIAL_FILE = 'mesos-credential.json';
/** The setting of the store that names this installation. */
export const INSTALLATION = 'installation';

/** What a Mesos master, or the local node, demands of its callers. */
export interface Credential {
  readonly principal: string;
  readonly secret: string;
}

export interface Foundation {
  readonly config: Config;
  readonly log: Log;
  readonly stack: Stack;
  /** What `/metrics` of this process tells. */
  readonly metrics: Registry;
  readonly home: Home;
  readonly store: Store;
  /** Where this process writes the audit log. */
  readonly audit: AuditTrail;
  readonly shared: SharedDirectory;
  /** This installation's id: tells our tasks from those of a twin. */
  readonly installation: string;
  readonly adminKey: AdminKey;
  /** Signs session tokens. */
  readonly tokenSecret: Uint8Array;
  /** Of the local node, whoever starts it. */
  readonly localCredential: Credential;
}

export async function layFoundation(
  config: Config,
  parts: { readonly log: Log; readonly stack: Stack; readonly tenancy: Tenancy },
): Promise<Foundation> {
  const { log, stack, tenancy } = parts;
  const home = Home.open(config.home, tenancy);
  stack.push('home', () => home.close());
  const identity = jobIdentity(config.jobs.user);
  const shared = sharedDirectory(home.path, config.sharedDir, identity);
  const metrics = processMetrics(version());
  diskMetrics(metrics, { home: home.path, shared: shared.path });
  const store = storeMetrics(metrics).measured(await openStore(config, home, log));
  stack.push('store', () => store.close());
  auditMetrics(metrics, () => store.auditHead());
  const audit = new StoredTrail({ store, clock: systemClock, timers: systemTimers, log });
  stack.push('audit log', () => audit.stop());
  const firsts = await home.firstSteps(async () => ({
    installation: await store.firstSetting(INSTALLATION, randomUUID()),
    adminKey: await adminAccount(home, store, identity),
    tokenSecret: Buffer.from(config.web.secret ?? (await tokenSecret(config, home, store))),
    localCredential: credentialIn(home),
  }));
  return { config, log, stack, metrics, home, store, audit, shared, ...firsts };
}

/** Web processes with homes of their own must take each other's tokens. */
const tokenSecret = async (config: Config, home: Home, store: Store): Promise<string> =>
  config.store.kind === 'embedded'
    ? home.secret('jwt-key')
    : store.firstSetting('token-secret', randomBytes(32).toString('base64url'));

function credentialIn(home: Home): Credential {
  const known = home.read(MESOS_CREDENTIAL_FILE);
  if (known !== undefined) return JSON.parse(known) as Credential;
  const made = {
    principal: `godocker-${randomBytes(4).toString('hex')}`,
    secret: randomBytes(32).toString('base64url'),
  };
  home.writeSecret(MESOS_CREDENTIAL_FILE, json(made));
  return made;
}

/** The plugin of that kind and name, from our folder or the site's. @throws BadPlugins */
export function loaded<Kind extends keyof Contracts>(
  { config, store, shared, log }: Pick<Foundation, 'config' | 'store' | 'shared' | 'log'>,
  kind: Kind,
  name: string,
): Promise<Contracts[Kind]> {
  return loadPlugin(
    { kind, name },
    {
      folders: [
        join(DISTRIBUTION, 'plugins'),
        ...(config.pluginsDir === null ? [] : [config.pluginsDir]),
      ],
      options: {
        ...config.pluginOptions,
        'storage-pairtree': { shared_dir: shared.path },
        'scheduler-fairshare': fairshareOptions(config),
        'status-etcd': { ...etcdOptions(config), ...config.pluginOptions['status-etcd'] },
      },
      hostFor: hostFor(config, store, log),
    },
  );
}

/** What each plugin may touch. */
const hostFor =
  (config: Config, store: Store, log: Log) =>
  (kind: PluginKind, name: string): Host => ({
    log: log.with({ plugin: `${kind}-${name}` }),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    users: usersIn(store),
    volumes: config.volumes,
    memory: memoryIn(store, `plugin.${kind}-${name}`),
  });

const etcdOptions = ({ monitoring: { etcd } }: Config) => ({
  url: `http://${etcd.host}:${etcd.port}`,
  prefix: etcd.prefix,
});

const fairshareOptions = ({ fairshare }: Config) => ({
  waiting_time_weight: fairshare.waitingTime,
  user_time_weight: fairshare.userTime,
  user_cpu_weight: fairshare.userCpu,
  user_ram_weight: fairshare.userRam,
  user_gpu_weight: fairshare.userGpu,
  group_time_weight: fairshare.groupTime,
  group_cpu_weight: fairshare.groupCpu,
  group_ram_weight: fairshare.groupRam,
  group_gpu_weight: fairshare.groupGpu,
  user_weight: fairshare.user,
  group_weight: fairshare.group,
});

export const memoryIn = (store: Store, name: string): ClusterMemory => ({
  load: async () => (await store.setting(name)) ?? null,
  save: (frameworkId) => store.putSetting(name, frameworkId),
});

export const json = (value: unknown): string => `${JSON.stringify(value)}\n`;
