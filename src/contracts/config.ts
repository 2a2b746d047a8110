/** The configuration as all parts see it: read once, checked, frozen. Keys and defaults: src/config/schema.ts. */

import type { PriceList } from '../core/bill.js';
import type { Constraint, NetworkKind } from '../core/job.js';
import type { QueueRule, RunningLimits } from '../core/limit-book.js';
import type { PreemptionOptions } from '../core/preemption.js';
import type { QuotaPeriod } from '../core/quota-period.js';
import type { UsageRule } from '../core/usage.js';
import type { WebhookRules } from '../core/webhook.js';
import type { SiteVolume } from './auth.js';
import type { Raw } from './reader.js';
import type { RateLimits } from './store.js';

/** An image of the site's catalogue. */
export interface CatalogueImage {
  readonly name: string;
  readonly url: string;
  readonly isInteractive: boolean;
  readonly isDefault: boolean;
  /** When it is pulled; null: as the site does. */
  readonly pull: 'missing' | 'always' | null;
}

/** An agent attribute that users may ask for, and its values. */
export interface SiteConstraint {
  readonly name: string;
  readonly values: readonly string[];
}

export interface FairshareWeights {
  readonly waitingTime: number;
  readonly userTime: number;
  readonly userCpu: number;
  readonly userRam: number;
  readonly userGpu: number;
  readonly groupTime: number;
  readonly groupCpu: number;
  readonly groupRam: number;
  readonly groupGpu: number;
  readonly user: number;
  readonly group: number;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Config {
  /** Absolute path of the data directory. */
  readonly home: string;
  readonly store: StoreConfig;
  /** Null: processes hear of each other through the store. */
  readonly redis: RedisConfig | null;
  /** Absolute; null: `shared` inside `home`. */
  readonly sharedDir: string | null;
  /** Absolute; null: only the plugins that come with GoDocker. */
  readonly pluginsDir: string | null;
  readonly logLevel: LogLevel;
  readonly web: WebConfig;
  readonly accounts: AccountsConfig;
  /** Of a scheduler process; null: no port. */
  readonly scheduler: { readonly statusPort: number | null };
  /** Of a watcher process; null: no port. */
  readonly watcher: { readonly statusPort: number | null };
  /** Names of the plugins in force, without their kind. */
  readonly plugins: {
    readonly auth: string;
    readonly scheduler: string;
    readonly executors: readonly string[];
    readonly watchers: readonly string[];
  };
  /** How often each watcher is asked about each job that runs. */
  readonly watchEachMs: number;
  /** What use costs, for bills. */
  readonly prices: PriceList;
  /** Raw options by `<kind>-<name>`; each plugin reads its own. */
  readonly pluginOptions: Readonly<Record<string, Raw>>;
  readonly fairshare: FairshareWeights;
  /** How far back past use counts. */
  readonly usage: UsageRule;
  /** For how long a job counts at least while it runs. */
  readonly usageAdvanceMs: number;
  /** A job that others overtake has an agent kept for it once it has waited for so long. */
  readonly reservationAfterMs: number;
  /** Null: running jobs are never stopped for others. */
  readonly preemption: PreemptionOptions | null;
  readonly jobs: JobsConfig;
  readonly limits: LimitsConfig;
  readonly images: {
    /** Empty: the images present on the machine, see decision 28. */
    readonly catalogue: readonly CatalogueImage[];
    readonly isAnyAllowed: boolean;
    readonly pull: 'missing' | 'always';
  };
  readonly volumes: readonly SiteVolume[];
  readonly constraints: readonly SiteConstraint[];
  readonly containers: ContainersConfig;
  readonly local: LocalConfig;
  readonly mesos: MesosConfig;
  readonly monitoring: MonitoringConfig;
}

export interface LimitsConfig {
  /** At submission. */
  readonly rate: RateLimits;
  readonly running: RunningLimits;
  /** Over what quotas are summed. */
  readonly period: QuotaPeriod;
  /** GB that the job directories of a user may take who has no quota of disk of his own; null: any. */
  readonly diskGbUsual: number | null;
  /** How often the directory of a job that runs is measured. */
  readonly diskRunningEachMs: number;
  readonly queues: readonly SiteQueue[];
}

/** A queue of the site: jobs that name it get its constraints and lifespan, and stand in line by its priority. */
export interface SiteQueue extends QueueRule {
  readonly description: string;
  /** Null: whichever the job names. */
  readonly executor: string | null;
  readonly constraints: readonly Constraint[];
  /** Who may use it, besides members of `projects`; both empty: everybody. */
  readonly users: readonly string[];
  readonly projects: readonly string[];
  /** Null: the site's. */
  readonly lifespanMsDefault: number | null;
  readonly lifespanMsMax: number | null;
}

export interface AccountsConfig {
  /** Logins of administrators, besides those whose account says so. */
  readonly admins: readonly string[];
  /** Sign-ins that may fail within a window. */
  readonly loginRules: {
    readonly perLogin: number;
    readonly perAddress: number;
    readonly windowMs: number;
  };
  /** Who may say in which header whom they have signed in; null: nobody. */
  readonly proxy: { readonly header: string; readonly addresses: readonly string[] } | null;
  /** Null: there are no guests. */
  readonly guests: GuestsConfig | null;
}

/** People whom the proxy knows and the authentication plugin does not. */
export interface GuestsConfig {
  /** System account that their jobs run as. */
  readonly account: string;
  readonly isRootAllowed: boolean;
  /** A directory with a home for each, `default` for that of the account, null for none. */
  readonly homeRoot: string | null;
}

export interface WebConfig {
  readonly listen: string;
  /** 0: a free one. */
  readonly port: number;
  readonly isBehindProxy: boolean;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  /** Origins, as browsers send them, whose pages may call the API. */
  readonly corsOrigins: readonly string[];
  /** Begins with a slash and ends without, or is empty. */
  readonly prefix: string;
  /** The address users type, or null: made from `listen` and `port`. */
  readonly endpoint: string | null;
  /** Life of a session opened with a password. */
  readonly sessionMs: number;
  /** Life of a token obtained with an API key; null: as long as the key. */
  readonly keyTokenMs: number | null;
  /** Signs tokens; null: random, made at the first start. */
  readonly secret: string | null;
  /** Largest file that is sent; null: no limit. */
  readonly fileBytesMax: number | null;
}

/** What may be changed of a job after its submission. */
export const DYNAMIC_FIELDS = [
  ...(['name', 'description', 'tags', 'cpu', 'ram', 'gpus'] as const),
  ...(['label', 'executor', 'maxlifespan'] as const),
] as const;
export type DynamicField = (typeof DYNAMIC_FIELDS)[number];

export interface JobsConfig {
  /** What may be changed after the submission; empty: all of `DYNAMIC_FIELDS`, by the owner. */
  readonly dynamicFields: readonly { readonly name: DynamicField; readonly isAdminOnly: boolean }[];
  readonly cpuMilliDefault: number;
  readonly memMbDefault: number;
  /** `share`: guaranteed, and idle ones besides; `cap`: never more. */
  readonly cpuLimit: 'share' | 'cap';
  readonly isRootAllowed: boolean;
  /** Relaunches after failures of the system that a job gets unless it asks for fewer. */
  readonly retriesMax: number;
  /** Launches that a job's rules on its own ends may grant, together. */
  readonly ownRetriesMax: number;
  /** Relaunches pass over hosts on which the job has failed. */
  readonly skipsFailedNodes: boolean;
  /** Members of one job array. */
  readonly arraySizeMax: number;
  /** Agents on which jobs of several users fail within seconds get no new jobs for a while. */
  readonly setsAgentsAside: boolean;
  /** What becomes of tasks that no job holds. */
  readonly orphans: { readonly orphans: 'kill' | 'keep' | 'adopt'; readonly killsMax: number };
  readonly refusesImpossible: boolean;
  /** Of a job that names no lifespan; null: it may run for ever. Never above `lifespanMsMax`. */
  readonly lifespanMsDefault: number | null;
  /** The longest lifespan that a job may ask for; null: any. */
  readonly lifespanMsMax: number | null;
  /** System account that runs the jobs of `up`; null: whoever started it, or 65534 if that is root. */
  readonly user: string | null;
}

/** What every container of a job gets from the site, whichever executor runs it. */
export interface ContainersConfig {
  /** Put, with a slash, before images that do not begin with it; null: images are used as they are named. */
  readonly registry: string | null;
  readonly network: NetworkConfig;
}

export interface NetworkConfig {
  /** No container has a network. */
  readonly isDisabled: boolean;
  /** Containers join networks by name and have addresses of their own; their ports are not mapped. */
  readonly isNamed: boolean;
  /** `$USERID` and `$PROJECT` stand for login and project; null: not offered here. */
  readonly names: Readonly<Record<NetworkKind, string | null>>;
}

/** Where the record is kept: a file in the home, or a database of MongoDB. */
export type StoreConfig =
  | { readonly kind: 'embedded' }
  | {
      readonly kind: 'mongo';
      /** May hold a password. */
      readonly url: string;
      readonly database: string;
    };

/** Where processes tell each other of what changes. */
export interface RedisConfig {
  /** `sentinel`: `addresses` are those of Sentinels, which know the master's. */
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** At least one; for `single` exactly one. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Of the master among Sentinels; null unless `sentinel`. */
  readonly masterName: string | null;
  /** Number; 0 in a Cluster. */
  readonly database: number;
  /** Before every key and channel. */
  readonly prefix: string;
  readonly user: string | null;
  readonly password: string | null;
  readonly sentinelPassword: string | null;
  /** Null: no TLS. `ca` null: the system's authorities. */
  readonly tls: {
    readonly ca: string | null;
    readonly client: { readonly certFile: string; readonly keyFile: string } | null;
  } | null;
}

/** The local node. Null sizes: the machine's. */
export interface LocalConfig {
  readonly containerizer: 'auto' | 'docker' | 'process';
  readonly mesosPort: number;
  readonly cpus: number | null;
  readonly memMb: number | null;
  readonly gpus: number | null;
  /** `name:value;name:value` */
  readonly attributes: string;
}

export interface MesosConfig {
  /** `host:port` list or `zk://…`; null: the local node. */
  readonly master: string | null;
  readonly principal: string | null;
  readonly secret: string | null;
  readonly encoding: 'protobuf' | 'json';
  readonly roles: readonly string[];
  readonly failoverMs: number;
  readonly name: string;
  /** How the master's pages present us; null: as the master finds out. */
  readonly hostname: string | null;
  /** Null: the address of our own pages. */
  readonly webuiUrl: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly tls: MesosTls;
  /** Account of the framework. */
  readonly user: string;
  readonly isCheckpointed: boolean;
  /** Null: agents run images with Docker. */
  readonly unified: UnifiedConfig | null;
  /** Jobs may ask for GPUs, if there are any. */
  readonly hasGpus: boolean;
  /** Agents fetch `docker.tar.gz` out of the homes of users who mount theirs. */
  readonly usesHomeCredentials: boolean;
}

/** Mesos' own containerizer. */
export interface UnifiedConfig {
  /** Account that tasks run as; `$USERID` stands for the login. */
  readonly taskUser: string;
  /** CNI network that is none; null: every container shares a network. */
  readonly noNetworkName: string | null;
  /** A `config.json` of Docker, sent along with images; null: none. */
  readonly imageCredentialsFile: string | null;
}

export interface MesosTls {
  /** Masters without a scheme of their own, so also those behind `zk://`, are spoken to with TLS. */
  readonly isOn: boolean;
  /** Authorities that the masters' certificates must come from; null: those of the system. */
  readonly ca: string | null;
  /** Ours, for masters that ask for one. */
  readonly client: { readonly certFile: string; readonly keyFile: string } | null;
}

/** What watches the service from outside. */
export interface MonitoringConfig {
  /** With which daemons of the original push figures; null: nobody may. */
  readonly prometheusKey: string | null;
  /** Name of the `status` plugin; null: processes are known through the store alone. */
  readonly status: string | null;
  readonly etcd: { readonly host: string; readonly port: number; readonly prefix: string };
  /** Null: nothing is told to InfluxDB. */
  readonly influx: InfluxConfig | null;
  /** Which services of users may be called. */
  readonly webhooks: WebhookRules;
  /** Null: nothing is traced. `sample`: part of the jobs that are, from 0 to 1. */
  readonly tracing: { readonly endpoint: string; readonly sample: number } | null;
}

export interface InfluxConfig {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: string;
}
