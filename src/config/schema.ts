/** Every key of the configuration: how it is read, its default, its meaning. The reference page is printed from here. */
import { LOG_LEVELS } from '../contracts/config.js';
import {
  FAILOVER_TIMEOUT_MS,
  ORPHAN_KILLS_MAX,
  OWN_RETRIES_MAX,
  SYSTEM_RETRIES_MAX,
} from '../contracts/limits.js';
import type { Reader } from '../contracts/reader.js';
import {
  choice,
  duration,
  flag,
  integer,
  items,
  type Key,
  number,
  optional,
  optionalChoice,
  optionalDuration,
  port,
  size,
  text,
  words,
} from './keys.js';
import { LIMITS } from './limit-keys.js';
import { readConstraint, readImage, readVolume } from './lists.js';
import { PREEMPTION } from './preemption-keys.js';
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
  web_prefix: text('', 'Path before `/api` and `/app`, as in `/godocker`.'),
  web_endpoint: optional('made from `listen` and `port`', 'The address users type.', 'URL'),
  session_timeout: duration(172_800_000, 'Life of a session opened with a password.'),
  secret_passphrase: optional('random, made at the first start', 'Signs session tokens.'),
  max_file_download: integer(0, { min: 0 }, 'Largest file that is sent, in bytes; 0: no limit.'),
};

const PLUGINS = {
  auth_policy: text('local', 'Authentication plugin: `local`.'),
  scheduler_policy: text(
    'fairshare',
    'Order of the queue: `fifo`, `fairshare` (also `FiFo`, `FairShare`), `fairtree`, `drf`, or a plugin of yours.',
  ),
  executors: words(['mesos'], 'Clusters that run the jobs; the first is the default.'),
};

const weight = (fallback: number, doc: string): Key<number> => number(fallback, { min: 0 }, doc);

/** Of the window, for sites that choose it without a length: the original's sample configuration. */
export const WINDOW_DAYS = 30;

const FAIRSHARE = {
  'fairshare.usage': {
    doc: 'How past use fades: halved after each half-life, or whole for a window of days and then gone.',
    kind: '`half-life`, `window`',
    shown: '`window` if `user_reset_usage_duration` is set, else `half-life`',
    read: (reader: Reader, path: string) =>
      reader.raw(path) === undefined
        ? null
        : reader.choice(path, ['half-life', 'window'], 'half-life'),
  } satisfies Key<'half-life' | 'window' | null>,
  'fairshare.half_life': duration(604_800_000, 'After this past use counts half; at least `1d`.'),
  'fairshare.advance': duration(
    600_000,
    'A job that runs counts for this time at least, so that a burst cannot slip through.',
  ),
  fairshare_waiting_time_weight: weight(0.1, 'Weight of the time a job has waited.'),
  fairshare_user_time_weight: weight(1, "Weight of the user's used time."),
  fairshare_user_cpu_weight: weight(0.2, "Weight of the user's used cpus."),
  fairshare_user_ram_weight: weight(0.2, "Weight of the user's used memory."),
  fairshare_user_gpu_weight: weight(0.2, "Weight of the user's used GPUs."),
  fairshare_group_time_weight: weight(0.1, "Weight of the project's used time."),
  fairshare_group_cpu_weight: weight(0.01, "Weight of the project's used cpus."),
  fairshare_group_ram_weight: weight(0.01, "Weight of the project's used memory."),
  fairshare_group_gpu_weight: weight(0.01, "Weight of the project's used GPUs."),
  fairshare_user_weight: weight(1, "Weight of the user's priority."),
  user_reset_usage_duration: {
    doc: 'The window: days of past use that count, today among them.',
    kind: 'whole number',
    shown: String(WINDOW_DAYS),
    read: (reader: Reader, path: string) =>
      reader.raw(path) === undefined
        ? null
        : reader.integer(path, WINDOW_DAYS, { min: 1, max: 3_650 }),
  } satisfies Key<number | null>,
  fairshare_group_weight: weight(1, "Weight of the project's priority."),
};

const JOBS = {
  defaults_cpu: number(1, { min: 0.001 }, 'Cpus of a job that names none.'),
  defaults_ram: number(2, { min: 0.001 }, 'GB of memory of a job that names none (1 GB: 1000 MB).'),
  cpu_limit: choice(
    ['share', 'cap'],
    'share',
    'Cpus of a job in a container: `share` is guaranteed and may use idle ones besides, `cap` is never exceeded.',
  ),
  allow_root: flag(false, 'Jobs may run as root in their container; their volumes are read-only.'),
  'failure_policy.strategy': integer(
    2,
    { min: 0, max: SYSTEM_RETRIES_MAX },
    'Launches granted after failures of the system (lost agents); a job may ask for fewer.',
  ),
  'failure_policy.skip_failed_nodes': flag(
    false,
    'Launches after a failure of the system pass over the hosts on which the job failed.',
  ),
  max_array_size: integer(1_000_000, { min: 1, max: 1_000_000 }, 'Members of one job array.'),
  'failure_policy.set_nodes_aside': flag(
    true,
    'Nodes on which jobs of several users fail within seconds get no new jobs for a while; those jobs run elsewhere.',
  ),
  maxlifespan: optionalDuration(
    'How long a job that does not say may run, in each of its launches; then it is ended.',
  ),
  maxlifespan_max: optionalDuration(
    'The longest that a job may ask for, and what one that does not say gets at most.',
  ),
  'retry.max': integer(
    10,
    { min: 0, max: OWN_RETRIES_MAX },
    'Launches that the rules of one job (`requirements.retry`) may grant together; 0: no such rules.',
  ),
  orphans: choice(
    ['kill', 'keep', 'adopt'],
    'kill',
    'Tasks of ours that run and that no job holds: end them, leave them alone, or give them back to the waiting job that launched them (others are ended).',
  ),
  orphan_kills_max: integer(
    ORPHAN_KILLS_MAX,
    { min: 0 },
    'So many of them are ended in a day, or 1 % of what runs; more wait for an administrator. A changed value begins a new count.',
  ),
  refuse_impossible: flag(true, 'Refuse at submission what no agent could ever run.'),
  default_images: items(
    readImage,
    'list of {name, url, interactive, default, pull}',
    'Images that jobs may use. Empty: those in the local Docker, or `host` in process mode.',
  ),
  allow_user_images: flag(false, 'Jobs may name any image.'),
  'images.pull': choice(
    ['missing', 'always'],
    'missing',
    'When an image is pulled: where it is missing, or at each launch (digests never). Entries of `default_images` may say `pull` for themselves.',
  ),
  volumes: items(
    readVolume,
    'list of {name, acl, path, mount}',
    'Directories that jobs may mount; `$USERID` stands for the login. `home` needs no path.',
  ),
  volumes_check: flag(true, 'Refuse volumes whose directory is not there.'),
  constraints: items(
    readConstraint,
    'list of {name, value}',
    'Attributes of agents that jobs may ask for, with their values.',
  ),
};

const LOCAL = {
  containerizer: choice(
    ['auto', 'docker', 'process'],
    'auto',
    'What runs the jobs of the local node; `auto`: Docker if it answers, else plain processes.',
  ),
  'local.mesos_port': integer(5050, { min: 0, max: 65_535 }, 'Port of the local node; 0: any.'),
  'local.cpus': size({ min: 0.001 }, "the machine's", 'Cpus the local node offers.'),
  'local.mem_mb': size({ min: 1 }, "the machine's", 'Megabytes the local node offers.'),
  'local.gpus': size({ min: 0 }, "the machine's", 'GPUs the local node offers.'),
  'local.attributes': text('', 'Attributes of the local node, as `storage:ssd;rack:r1`.'),
};

const MESOS = {
  'mesos.master': optional(
    'the local node',
    'Masters of a real cluster: `host:port,host:port`, also with `https://` before each; or `zk://host:port,host:port/path`.',
  ),
  'mesos.principal': optional('none', 'Authenticated name of this framework.'),
  'mesos.secret': optional('none', 'Its secret.'),
  'mesos.encoding': choice(['protobuf', 'json'], 'protobuf', 'Encoding of calls and events.'),
  'mesos.roles': words(['*'], 'Roles under which resources are offered.'),
  'mesos.failover_timeout': duration(
    FAILOVER_TIMEOUT_MS,
    'How long the master keeps our tasks while we are away.',
  ),
  'mesos.unified': flag(
    false,
    "Agents run images with Mesos' own (unified) containerizer, instead of Docker.",
  ),
  'mesos.native_gpu': flag(
    false,
    'Jobs may ask for the GPUs of a real cluster. Needs `mesos.unified`: without it, it is off.',
  ),
  'mesos.user': text(
    'root',
    'Account of the framework; the master keeps the first value for ever.',
  ),
  'mesos.task_user': text(
    '$USERID',
    'Account that agents run tasks as under `mesos.unified`; `$USERID` stands for the login. Agents must know it, with the same ids.',
  ),
  'mesos.checkpoint': flag(
    true,
    'Tasks survive a restart of their agent. The master keeps the first value for ever.',
  ),
  'mesos.image_credentials': optional(
    'none',
    'A `config.json` of Docker with credentials of registries, sent to agents with each task. Needs `mesos.unified`.',
    'path',
  ),
  'mesos.home_credentials': flag(
    false,
    'Agents fetch `docker.tar.gz` from the home of users who mount it. See the guide first: they read it as their own user.',
  ),
  'mesos.name': text('GoDocker', 'Name of the framework in the pages of the master.'),
  'mesos.hostname': optional('none', 'Host name of the framework in the pages of the master.'),
  'mesos.webui_url': optional(
    '`web_endpoint`',
    'Where the pages of the master link the framework to.',
    'URL',
  ),
  'mesos.labels': words([], 'Labels of the framework, each `name=value`.'),
  'mesos.tls.enabled': flag(
    false,
    'Speak TLS with masters whose address names no scheme, those behind `zk://` among them.',
  ),
  'mesos.tls.ca': optional(
    "the system's",
    'Authorities that certificates of masters must come from, PEM.',
    'path',
  ),
  'mesos.tls.cert': optional('none', 'Certificate of ours, for masters that ask for one.', 'path'),
  'mesos.tls.key': optional('none', 'Its private key.', 'path'),
};

const CONTAINERS = {
  use_private_registry: optional(
    'none',
    'Put before every image that does not begin with it, as in `registry.example.org/team`.',
  ),
  'network.disabled': flag(false, 'Containers of jobs have no network.'),
  'network.use_cni': flag(
    false,
    'Containers join networks by name, with an address of their own and without port mapping: CNI networks with `mesos.unified`, else networks of the Docker of each agent.',
  ),
  'network.cni_plugin': optionalChoice(
    ['weave', 'calico'],
    'Names the public network where `network.cni_public_network_name` does not.',
  ),
  'network.cni_public_network_name': optional(
    '`network.cni_plugin`',
    'Network of the jobs that ask for `public`, or for none by name.',
  ),
  'network.cni_user_network_name': optional(
    'none: refused',
    'Network of the jobs that ask for `user`; `$USERID` stands for the login, as in `godocker-user-$USERID`.',
  ),
  'network.cni_project_network_name': optional(
    'none: refused',
    'Network of the jobs that ask for `project`; `$PROJECT` stands for the project.',
  ),
  'network.cni_none_network_name': optional(
    'none: refused',
    'CNI network that is none (loopback only), for containers without network under `mesos.unified`.',
  ),
};

export const SECTIONS = {
  Service: SERVICE,
  Web: WEB,
  Plugins: PLUGINS,
  'Fair share': FAIRSHARE,
  Jobs: JOBS,
  'Limits and queues': LIMITS,
  'Reservations and preemption': PREEMPTION,
  'Local node': LOCAL,
  Containers: CONTAINERS,
  Mesos: MESOS,
};

export const SCHEMA = {
  ...SERVICE,
  ...WEB,
  ...PLUGINS,
  ...FAIRSHARE,
  ...JOBS,
  ...LIMITS,
  ...PREEMPTION,
  ...LOCAL,
  ...CONTAINERS,
  ...MESOS,
};

type Schema = typeof SCHEMA;
/** What each key was read as, by its path. */
export type Values = { readonly [P in keyof Schema]: Schema[P] extends Key<infer T> ? T : never };

/** Older spellings, and what they are now. */
export const RENAMED: Readonly<Record<string, keyof Schema>> = {
  executor: 'executors',
  mesos_master: 'mesos.master',
  mongo_url: 'mongo.url',
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
  'redis_host',
  'redis_port',
  'redis_db',
  'redis_prefix',
  'influxdb_host',
  'influxdb_port',
  'influxdb_user',
  'influxdb_password',
  'influxdb_db',
  'max_job_pop',
  'placement',
  'prometheus_key',
  'prometheus_exporter',
  'master_timeout',
  'mesos.reconcile',
  'kube_server',
  'kube_token',
  'kube_namespace',
  'allow_proxy_remote_user',
  'ldap_host',
  'ldap_port',
  'ldap_dn',
  'ldap_base_dn_filter',
  'ldap_admin_dn',
  'ldap_admin_password',
  'ldap',
  'watchers',
  'dynamic_fields',
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
  'status_policy',
  'etcd_prefix',
  'etcd_host',
  'etcd_port',
  'guest_allow',
  'guest_bind',
  'guest_allow_root',
  'guest_home_root',
  'ftp',
  'flow',
  'link_image_to_registry',
  'log_config',
];

/** `mesos.master` is `GODOCKER_MESOS_MASTER` in the environment. */
export const variableOf = (path: string): string =>
  `GODOCKER_${path.replaceAll('.', '_').toUpperCase()}`;
