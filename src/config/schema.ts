/** Every key of the configuration: how it is read, its default, its meaning. The reference page is printed from here. */
import { LOG_LEVELS } from '../contracts/config.js';
import { ACCOUNTS } from './account-keys.js';
import { ACCOUNTING, WATCHING } from './accounting-keys.js';
import { CONTAINERS } from './container-keys.js';
import { FAIRSHARE } from './fair-share-keys.js';
import { JOBS } from './job-keys.js';
import {
  choice,
  duration,
  flag,
  integer,
  type Key,
  optional,
  optionalDuration,
  port,
  secret,
  text,
  words,
} from './keys.js';
import { LDAP } from './ldap-keys.js';
import { LIMITS } from './limit-keys.js';
import { LOCAL, MESOS } from './mesos-keys.js';
import { MONITORING } from './monitoring-keys.js';
import { PREEMPTION } from './preemption-keys.js';
import { REDIS } from './redis-keys.js';
import { STORE } from './store-keys.js';

const SERVICE = {
  home: text('.godocker', 'Data directory of one machine; relative to the working directory.'),
  ...STORE,
  shared_dir: optional(
    '`shared` in `home`',
    'Holds the job directories; the same path on the service and on every agent.',
    'path',
  ),
  plugins_dir: optional('none', 'A folder with plugins of your own.', 'path'),
  log_level: choice(LOG_LEVELS, 'info', 'Lines below this level are not written.'),
  'scheduler.status_port': port(
    'Where `godocker scheduler` answers `/healthz` and `/metrics`, on 127.0.0.1; 0 takes a free port.',
  ),
  'watcher.status_port': port('The same of `godocker watcher`.'),
  'up.job_user': optional(
    'who started `up`, or uid 65534 if that is root',
    'System account that runs the jobs of `up`.',
  ),
};

const WEB = {
  listen: text('127.0.0.1', 'Address to listen on. Beyond loopback it needs `tls` or a proxy.'),
  port: integer(6543, { min: 0, max: 65_535 }, 'Port to listen on; 0 takes a free one.'),
  behind_proxy: flag(false, 'A proxy of yours does the TLS: listening beyond loopback is meant.'),
  'tls.cert': optional('none', 'Certificate chain, PEM.', 'path'),
  'tls.key': optional('none', 'Private key, PEM.', 'path'),
  'cors.origins': words(
    [],
    'Pages of these origins may call the API, as `https://portal.site`; never with cookies.',
  ),
  web_prefix: text('', 'Path before `/api` and `/app`, as in `/godocker`.'),
  web_endpoint: optional('made from `listen` and `port`', 'The address users type.', 'URL'),
  session_timeout: duration(172_800_000, 'Life of a session opened with a password.'),
  key_token_timeout: optionalDuration(
    'Life of a token obtained with an API key, at most. Left out: as long as the key; clients such as Galaxy keep theirs for good.',
  ),
  ...secret('secret_passphrase', 'random, made at the first start', 'Signs session tokens.'),
  max_file_download: integer(0, { min: 0 }, 'Largest file that is sent, in bytes; 0: no limit.'),
};

const PLUGINS = {
  auth_policy: text(
    'local',
    'Authentication plugin: `local`, `ldap` (also `goauth`), or a plugin of yours.',
  ),
  scheduler_policy: text(
    'fairshare',
    'Order of the queue: `fifo`, `fairshare` (also `FiFo`, `FairShare`), `fairtree`, `drf`, or a plugin of yours.',
  ),
  executors: words(['mesos'], 'Clusters that run the jobs; the first is the default.'),
  ...WATCHING,
};

export const SECTIONS = {
  Service: SERVICE,
  Redis: REDIS,
  Web: WEB,
  Plugins: PLUGINS,
  Accounts: ACCOUNTS,
  'Directory of users': LDAP,
  'Fair share': FAIRSHARE,
  Jobs: JOBS,
  'Limits and queues': LIMITS,
  'Reservations and preemption': PREEMPTION,
  Prices: ACCOUNTING,
  'Local node': LOCAL,
  Containers: CONTAINERS,
  Mesos: MESOS,
  Monitoring: MONITORING,
};

export const SCHEMA = {
  ...SERVICE,
  ...REDIS,
  ...WEB,
  ...PLUGINS,
  ...ACCOUNTS,
  ...LDAP,
  ...FAIRSHARE,
  ...JOBS,
  ...LIMITS,
  ...PREEMPTION,
  ...ACCOUNTING,
  ...LOCAL,
  ...CONTAINERS,
  ...MESOS,
  ...MONITORING,
};

type Schema = typeof SCHEMA;
/** What each key was read as, by its path. */
export type Values = { readonly [P in keyof Schema]: Schema[P] extends Key<infer T> ? T : never };

/** Keys nobody else should read; each has one beside it with `_file` behind its name. */
export const SECRETS: readonly (keyof Schema)[] = (Object.keys(SCHEMA) as (keyof Schema)[]).filter(
  (path) => (SCHEMA[path] as Key<unknown>).isSecret === true,
);

/** Older spellings, and what they are now. */
export const RENAMED: Readonly<Record<string, keyof Schema>> = {
  executor: 'executors',
  mesos_master: 'mesos.master',
  ldap_host: 'ldap.host',
  ldap_port: 'ldap.port',
  ldap_dn: 'ldap.dn',
  ldap_base_dn_filter: 'ldap.base_dn_filter',
  ldap_admin_dn: 'ldap.admin_dn',
  ldap_admin_password: 'ldap.admin_password',
  mongo_url: 'mongo.url',
  redis_host: 'redis.host',
  redis_port: 'redis.port',
  redis_db: 'redis.db',
  redis_prefix: 'redis.prefix',
  allow_user_image: 'allow_user_images',
  network_disabled: 'network.disabled',
};

/** Keys of the original GoDocker that are accepted and do nothing yet. */
export const NOT_IN_USE: readonly string[] = [
  'storage',
  'share_project_tasks',
  'live_events',
  'live_events_url',
  'shared_secret_passphrase',
  'plugin_zfs',
  'port_allocate',
  'port_start',
  'port_range',
  'mongo_db',
  'max_job_pop',
  'placement',
  'prometheus_exporter',
  'master_timeout',
  'mesos.reconcile',
  'kube_server',
  'kube_token',
  'kube_namespace',
  'docker',
  'docker_url',
  'docker_api_version',
  'cadvisor_port',
  'cadvisor_url_part_override',
  'cadvisor_samples',
  'email_from',
  'email_smtp_tls',
  'email_smtp_user',
  'email_smtp_password',
  'email_smtp_host',
  'email_smtp_port',
  'clean_old',
  'ftp',
  'flow',
  'link_image_to_registry',
  'log_config',
];

/** `mesos.master` is `GODOCKER_MESOS_MASTER` in the environment. */
export const variableOf = (path: string): string =>
  `GODOCKER_${path.replaceAll('.', '_').toUpperCase()}`;
